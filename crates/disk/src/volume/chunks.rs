//! Data in memory: a bounded number of chunks, read ahead and written back.

use std::collections::HashMap;

use super::Volume;
use crate::checksum::xxh64_low;
use crate::error::{DiskError, Result};
use crate::layout::BLOCK;
use crate::record::{CHUNK_BLOCKS, Extent, data_key};

/// Size of a chunk in bytes.
pub(super) const CHUNK: usize = CHUNK_BLOCKS * BLOCK;
/// Chunks in memory: 8 MiB at most. Tests make do with few, so that chunks come and go.
const CHUNKS_MAX: usize = if cfg!(test) { 5 } else { 128 };

/// Blocks of a chunk as bits.
pub(super) type BlockSet = u16;

/// The blocks `first..end` of a chunk.
pub(super) fn blocks(first: usize, end: usize) -> BlockSet {
    (first..end).fold(0, |set, block| set | 1 << block)
}

pub(super) fn has(set: BlockSet, block: usize) -> bool {
    set >> block & 1 == 1
}

/// A file's chunk: inode, number.
pub(super) type ChunkId = (u64, u64);

/// A chunk in memory.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// As long as the blocks in it need.
    pub(super) data: Vec<u8>,
    /// Blocks that are in `data`.
    pub(super) valid: BlockSet,
    /// Blocks that are newer there than on the device. Each has a fresh block in the extent.
    pub(super) dirty: BlockSet,
    used: u64,
}

impl Chunk {
    pub(super) fn reserve(&mut self, blocks: usize) {
        if self.data.len() < blocks * BLOCK {
            self.data.resize(blocks * BLOCK, 0);
        }
    }
}

/// The chunks in memory.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    map: HashMap<ChunkId, Chunk>,
    clock: u64,
}

impl Chunks {
    pub(super) fn get(&mut self, id: ChunkId) -> Option<&mut Chunk> {
        let chunk = self.map.get_mut(&id)?;
        self.clock += 1;
        chunk.used = self.clock;
        Some(chunk)
    }

    pub(super) fn remove(&mut self, id: ChunkId) {
        self.map.remove(&id);
    }

    /// Forgets the chunks of a file from `chunk` on.
    pub(super) fn cut(&mut self, inode: u64, chunk: u64) {
        self.map.retain(|id, _| id.0 != inode || id.1 < chunk);
    }
}

/// Adjacent blocks in memory that are adjacent on the device too: place, first block, count.
pub(super) fn runs(extent: &Extent, wanted: BlockSet) -> impl Iterator<Item = (usize, u32, usize)> {
    let block = extent.block;
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < CHUNK_BLOCKS && (!has(wanted, at) || block[at] == 0) {
            at += 1;
        }
        let start = at;
        let first = *block.get(start)?;
        at += 1;
        while at < CHUNK_BLOCKS
            && has(wanted, at)
            && block[at] != 0
            && block[at - 1].checked_add(1) == Some(block[at])
        {
            at += 1;
        }
        Some((start, first, at - start))
    })
}

impl Volume {
    /// Where a chunk is on the device.
    pub(super) fn extent(&mut self, id: ChunkId) -> Result<Option<Extent>> {
        let found = self.store.get(data_key(id.0, id.1), Extent::decode)?;
        self.store.note(found.transpose())
    }

    /// Reads blocks from the device into `buffer`, whose first is block `origin` of the chunk,
    /// and checks them; holes are zeros.
    pub(super) fn load_blocks(
        &mut self,
        id: ChunkId,
        extent: &Extent,
        wanted: BlockSet,
        buffer: &mut [u8],
        origin: usize,
    ) -> Result<()> {
        for at in (0..CHUNK_BLOCKS).filter(|at| has(wanted, *at) && extent.block[*at] == 0) {
            buffer[(at - origin) * BLOCK..][..BLOCK].fill(0);
        }
        for (at, first, count) in runs(extent, wanted) {
            let part = &mut buffer[(at - origin) * BLOCK..][..count * BLOCK];
            self.store.read_blocks(first, part)?;
            for (place, block) in part.chunks_exact(BLOCK).enumerate() {
                if xxh64_low(block) != extent.checksum[at + place] {
                    let offset = id.1 * crate::layout::bytes(CHUNK)
                        + crate::layout::bytes((at + place) * BLOCK);
                    return self.store.note(Err(DiskError::damaged(format!(
                        "the data of inode {} at byte {offset} has a wrong checksum",
                        id.0
                    ))));
                }
            }
        }
        Ok(())
    }

    /// The chunk in memory, made room for when it is not there.
    pub(super) fn chunk(&mut self, id: ChunkId) -> Result<&mut Chunk> {
        if !self.chunks.map.contains_key(&id) {
            while self.chunks.map.len() >= CHUNKS_MAX {
                self.evict()?;
            }
            self.chunks.map.insert(id, Chunk::default());
        }
        let missing = || DiskError::damaged("a chunk in memory is missing");
        self.chunks.get(id).ok_or_else(missing)
    }

    /// Makes the chunk used longest ago leave.
    fn evict(&mut self) -> Result<()> {
        let oldest = self.chunks.map.iter().min_by_key(|(_, chunk)| chunk.used);
        if let Some(id) = oldest.map(|(id, _)| *id) {
            self.write_back(id)?;
            self.chunks.remove(id);
        }
        Ok(())
    }

    /// Writes what is newer in memory to the blocks that the extent has for it.
    fn write_back(&mut self, id: ChunkId) -> Result<()> {
        let Some(dirty) = self.chunks.map.get(&id).map(|chunk| chunk.dirty) else {
            return Ok(());
        };
        if dirty == 0 {
            return Ok(());
        }
        let lost = || DiskError::damaged("written data has lost its place");
        let mut extent = self.extent(id)?.ok_or_else(lost)?;
        let chunk = self.chunks.map.get_mut(&id).ok_or_else(lost)?;
        let data = std::mem::take(&mut chunk.data);
        let written = self.write_blocks_of(&mut extent, dirty, &data);
        if let Some(chunk) = self.chunks.map.get_mut(&id) {
            chunk.data = data;
            if written.is_ok() {
                chunk.dirty = 0;
            }
        }
        written?;
        self.store.update(data_key(id.0, id.1), &extent.encode())?;
        Ok(())
    }

    fn write_blocks_of(&mut self, extent: &mut Extent, dirty: BlockSet, data: &[u8]) -> Result<()> {
        let runs: Vec<_> = runs(extent, dirty).collect();
        for (at, first, count) in runs {
            let part = &data[at * BLOCK..(at + count) * BLOCK];
            self.store.write_blocks(first, part)?;
            for (place, block) in part.chunks_exact(BLOCK).enumerate() {
                extent.checksum[at + place] = xxh64_low(block);
            }
        }
        Ok(())
    }

    /// Writes all that is newer in memory, in the order of files and offsets.
    pub(super) fn write_back_all(&mut self) -> Result<()> {
        let mut dirty: Vec<ChunkId> = self
            .chunks
            .map
            .iter()
            .filter(|(_, chunk)| chunk.dirty != 0)
            .map(|(id, _)| *id)
            .collect();
        dirty.sort_unstable();
        dirty.into_iter().try_for_each(|id| self.write_back(id))
    }
}

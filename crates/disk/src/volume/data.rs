//! Reading and writing a file's bytes.

use std::io::IoSlice;

use holm_abi::Errno;

use super::chunks::{BlockSet, CHUNK, ChunkId, blocks, has};
use super::{Refusal, Volume};
use crate::error::{DiskError, Result};
use crate::layout::{BLOCK, BLOCK_BYTES, bytes};
use crate::record::{CHUNK_BLOCKS, Extent, data_key, inode_key};
use crate::store::Room;

/// Largest size of a file in bytes: offsets are signed in POSIX.
const SIZE_MAX: u64 = i64::MAX.unsigned_abs();
/// A chunk, for offsets.
pub(super) const CHUNK_BYTES: u64 = BLOCK_BYTES * 16;

/// Chunk and offset in it.
fn split(offset: u64) -> (u64, usize) {
    let within = usize::try_from(offset % CHUNK_BYTES).expect("invariant: less than a chunk");
    (offset / CHUNK_BYTES, within)
}

impl Volume {
    /// Reads at `offset`; 0 is the end.
    pub(crate) fn read(&mut self, number: u64, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let inode = self.inode(number)?;
        let left = usize::try_from(inode.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let mut done = 0;
        while done < length {
            let (chunk, start) = split(offset + bytes(done));
            let piece = (CHUNK - start).min(length - done);
            let target = &mut buffer[done..done + piece];
            match self.read_piece((number, chunk), start, inode.size, target) {
                Ok(()) => done += piece,
                // What could be read is read; the next call tells.
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        if done > 0 && inode.accessed_ns <= inode.modified_ns.max(inode.changed_ns) {
            self.note_access(number);
        }
        Ok(done)
    }

    /// Sets the access time: the first time after a change, and only where that needs no
    /// commit.
    fn note_access(&mut self, number: u64) {
        let key = inode_key(number);
        if self.store.check_writable().is_err()
            || self.store.prepare(&[key], 0, Room::Grow).is_err()
        {
            return;
        }
        let now = self.now();
        if let Ok(held) = self.held(number) {
            held.inode.accessed_ns = now;
            held.dirty = true;
        }
    }

    /// Fills `target` with the bytes from `start` of a chunk on.
    fn read_piece(
        &mut self,
        id: ChunkId,
        start: usize,
        size: u64,
        target: &mut [u8],
    ) -> Result<()> {
        let end = start + target.len();
        let first = start / BLOCK;
        let wanted = blocks(first, end.div_ceil(BLOCK));
        let cached = match self.chunks.get(id) {
            Some(chunk) if chunk.valid & wanted == wanted => {
                target.copy_from_slice(&chunk.data[start..end]);
                return Ok(());
            }
            Some(chunk) => Some(chunk.valid),
            None => None,
        };
        let Some(extent) = self.extent(id)? else {
            // Nothing of a hole is in memory: what is has its blocks.
            target.fill(0);
            return Ok(());
        };
        let aligned = start.is_multiple_of(BLOCK) && target.len().is_multiple_of(BLOCK);
        if cached.is_none() && aligned && target.len() > BLOCK {
            return self.load_blocks(id, &extent, wanted, target, first);
        }
        let valid = cached.unwrap_or(0);
        // Whoever reads on will want the rest of the chunk.
        let ahead = if first == 0 || has(valid, first - 1) {
            let left = size.saturating_sub(id.1 * CHUNK_BYTES).min(CHUNK_BYTES);
            let left = usize::try_from(left).unwrap_or(CHUNK).div_ceil(BLOCK);
            blocks(first, left.max(first))
        } else {
            0
        };
        self.fill_chunk(id, &extent, (wanted | ahead) & !valid)?;
        let chunk = self.chunk(id)?;
        target.copy_from_slice(&chunk.data[start..end]);
        Ok(())
    }

    /// Reads blocks that a chunk in memory lacks.
    fn fill_chunk(&mut self, id: ChunkId, extent: &Extent, missing: BlockSet) -> Result<()> {
        if missing == 0 {
            return Ok(());
        }
        let end = CHUNK_BLOCKS - usize::try_from(missing.leading_zeros()).unwrap_or(0);
        let chunk = self.chunk(id)?;
        chunk.reserve(end);
        let mut data = std::mem::take(&mut chunk.data);
        let loaded = self.load_blocks(id, extent, missing, &mut data, 0);
        let chunk = self.chunk(id)?;
        chunk.data = data;
        if loaded.is_ok() {
            chunk.valid |= missing;
        }
        loaded
    }

    /// Writes at `offset` until the data, the disk or the largest size ends.
    pub(crate) fn write(
        &mut self,
        number: u64,
        offset: u64,
        data: &[IoSlice<'_>],
    ) -> std::result::Result<usize, Refusal> {
        if data.iter().all(|slice| slice.is_empty()) {
            return Ok(0);
        }
        if offset >= SIZE_MAX {
            return Err(Errno::FileTooBig.into());
        }
        self.begin()?;
        let mut position = offset;
        let mut failed = None;
        'all: for slice in data {
            let room = usize::try_from(SIZE_MAX - position).unwrap_or(usize::MAX);
            let mut rest = &slice[..slice.len().min(room)];
            while !rest.is_empty() {
                let (chunk, start) = split(position);
                let (piece, after) = rest.split_at(rest.len().min(CHUNK - start));
                if let Err(error) = self.write_piece((number, chunk), start, piece, Room::Grow) {
                    failed = Some(error);
                    break 'all;
                }
                position += bytes(piece.len());
                rest = after;
                // At once: a commit before the next piece takes the size along.
                let held = self.held(number)?;
                held.inode.size = held.inode.size.max(position);
            }
        }
        let written = position - offset;
        if let (0, Some(error)) = (written, failed) {
            return Err(error.into());
        }
        self.written += written;
        let now = self.now();
        let held = self.held(number)?;
        held.inode.modified_ns = now;
        held.inode.changed_ns = now;
        Ok(usize::try_from(written).unwrap_or(usize::MAX))
    }

    /// Writes bytes that lie within one chunk: all of them, or nothing. Afterwards the inode
    /// can be changed too.
    pub(super) fn write_piece(
        &mut self,
        id: ChunkId,
        start: usize,
        piece: &[u8],
        room: Room,
    ) -> Result<()> {
        let end = start + piece.len();
        let (first, after) = (start / BLOCK, end.div_ceil(BLOCK));
        let touched = blocks(first, after);
        if self.held(id.0)?.dirty
            && let Some(chunk) = self.chunks.get(id)
            && chunk.dirty & touched == touched
        {
            chunk.data[start..end].copy_from_slice(piece);
            return Ok(());
        }
        // Blocks that keep some of their bytes.
        let mut kept = 0;
        if !start.is_multiple_of(BLOCK) {
            kept |= blocks(first, first + 1);
        }
        if !end.is_multiple_of(BLOCK) {
            kept |= blocks(after - 1, after);
        }
        let chunk = self.chunk(id)?;
        chunk.reserve(after);
        let missing = kept & !chunk.valid;
        let extent = self.extent(id)?.unwrap_or_default();
        self.fill_chunk(id, &extent, missing)?;
        let mut extent = self.prepare_blocks(id, first..after, room)?;
        self.change(|volume| volume.take_blocks(id, &mut extent, first..after))?;
        let held = self.held(id.0)?;
        held.dirty = true;
        let chunk = self.chunk(id)?;
        chunk.data[start..end].copy_from_slice(piece);
        chunk.valid |= touched;
        chunk.dirty |= touched;
        Ok(())
    }

    /// Makes sure that the blocks can be taken and the inode changed; answers the extent.
    fn prepare_blocks(
        &mut self,
        id: ChunkId,
        places: std::ops::Range<usize>,
        room: Room,
    ) -> Result<Extent> {
        for _ in 0..2 {
            let generation = self.store.generation;
            let extent = self.extent(id)?.unwrap_or_default();
            let wanted = places
                .clone()
                .filter(|at| !self.is_own(extent.block[*at]))
                .count();
            let wanted = u32::try_from(wanted).map_err(|_| DiskError::Full)?;
            self.prepare(&[data_key(id.0, id.1), inode_key(id.0)], wanted, room)?;
            // A commit on the way makes blocks of this transaction blocks of the last one.
            if self.store.generation == generation {
                return Ok(extent);
            }
        }
        Err(DiskError::Full)
    }

    /// Whether a block can be overwritten: nothing committed leads to it.
    fn is_own(&self, block: u32) -> bool {
        block != 0 && self.store.blocks.is_fresh(block)
    }

    /// Gives each place a block of this transaction.
    fn take_blocks(
        &mut self,
        id: ChunkId,
        extent: &mut Extent,
        places: std::ops::Range<usize>,
    ) -> Result<()> {
        let mut changed = false;
        let mut at = places.start;
        while at < places.end {
            if self.is_own(extent.block[at]) {
                at += 1;
                continue;
            }
            let mut end = at + 1;
            while end < places.end && !self.is_own(extent.block[end]) {
                end += 1;
            }
            let wanted = u32::try_from(end - at).map_err(|_| DiskError::Full)?;
            let (block, count) = self.store.take(wanted)?;
            for block in block..block + count {
                let old = std::mem::replace(&mut extent.block[at], block);
                if old != 0 {
                    self.store.blocks.free(old);
                }
                at += 1;
            }
            changed = true;
        }
        if changed {
            self.store.put(data_key(id.0, id.1), &extent.encode())?;
        }
        Ok(())
    }

    /// Writes at the end; answers the bytes written and the size after them.
    pub(crate) fn append(
        &mut self,
        number: u64,
        data: &[IoSlice<'_>],
    ) -> std::result::Result<(usize, u64), Refusal> {
        let offset = self.inode(number)?.size;
        let written = self.write(number, offset, data)?;
        Ok((written, self.inode(number)?.size))
    }

    /// Cuts the file or extends it with zeros.
    pub(crate) fn set_size(&mut self, number: u64, size: u64) -> std::result::Result<(), Refusal> {
        if size > SIZE_MAX {
            return Err(Errno::FileTooBig.into());
        }
        self.begin()?;
        if size < self.inode(number)?.size {
            self.cut(number, size)?;
        }
        self.prepare(&[inode_key(number)], 0, Room::Shrink)?;
        let now = self.now();
        let mut inode = self.inode(number)?;
        inode.size = size;
        inode.modified_ns = now;
        inode.changed_ns = now;
        Ok(self.set_inode(number, inode)?)
    }

    /// Stores zeros wherever nothing is stored in a range. `EINVAL` for no bytes at all, as
    /// `posix_fallocate`.
    pub(crate) fn allocate(
        &mut self,
        number: u64,
        offset: u64,
        length: u64,
    ) -> std::result::Result<(), Refusal> {
        if length == 0 {
            return Err(Errno::Invalid.into());
        }
        let end = offset
            .checked_add(length)
            .filter(|end| *end <= SIZE_MAX)
            .ok_or(Errno::FileTooBig)?;
        self.begin()?;
        let holes = self.holes(number, offset / BLOCK_BYTES, end.div_ceil(BLOCK_BYTES))?;
        for (id, missing) in holes {
            for at in (0..CHUNK_BLOCKS).filter(|at| has(missing, *at)) {
                self.write_piece(id, at * BLOCK, &[0; BLOCK], Room::Grow)?;
            }
        }
        self.prepare(&[inode_key(number)], 0, Room::Shrink)?;
        let now = self.now();
        let mut inode = self.inode(number)?;
        if end > inode.size {
            inode.size = end;
            inode.modified_ns = now;
        }
        inode.changed_ns = now;
        Ok(self.set_inode(number, inode)?)
    }

    /// The chunks that have holes between two blocks of a file, with those; `Full` when the
    /// disk has no room to fill them.
    fn holes(&mut self, number: u64, first: u64, end: u64) -> Result<Vec<(ChunkId, BlockSet)>> {
        let per_chunk = bytes(CHUNK_BLOCKS);
        if end - first > u64::from(self.store.blocks.limit()) {
            return Err(DiskError::Full);
        }
        let mut holes = Vec::new();
        let mut wanted: u32 = 0;
        for chunk in first / per_chunk..=(end - 1) / per_chunk {
            let extent = self.extent((number, chunk))?.unwrap_or_default();
            let inside = |at: usize| {
                let block = chunk * per_chunk + bytes(at);
                block >= first && block < end
            };
            let missing = (0..CHUNK_BLOCKS)
                .filter(|at| inside(*at) && extent.block[*at] == 0)
                .fold(0, |set, at| set | blocks(at, at + 1));
            if missing != 0 {
                // A record takes a twentieth of a node.
                wanted += missing.count_ones();
                holes.push(((number, chunk), missing));
            }
        }
        let records = u32::try_from(holes.len() / 16).unwrap_or(u32::MAX);
        self.prepare(&[], wanted.saturating_add(records), Room::Grow)?;
        Ok(holes)
    }
}

//! Cutting files, and removing those that nothing leads to any more.
//!
//! A large file is taken apart piece by piece, so that even a full disk has the room for it.
//! A mark in the tree tells of work that is not finished, should it end in between.

use std::ops::ControlFlow;

use super::chunks::blocks;
use super::data::CHUNK_BYTES;
use super::{Room, Volume};
use crate::error::Result;
use crate::layout::{BLOCK, BLOCK_BYTES};
use crate::node::Key;
use crate::record::{
    self, CHUNK_BLOCKS, Extent, Kind, all_keys, data_key, data_keys, inode_key, orphan_key,
};

/// Records removed in one piece.
const PIECE: usize = 32;

impl Volume {
    /// Removes all data from `size` on, which is less than the file has, and sets the size.
    pub(super) fn cut(&mut self, number: u64, size: u64) -> Result<()> {
        self.clear_tail(number, size)?;
        let mut marked = false;
        loop {
            let (found, more) = self.chunks_from(number, size / CHUNK_BYTES)?;
            let mut keys: Vec<Key> = found.iter().map(|chunk| data_key(number, *chunk)).collect();
            keys.extend([inode_key(number), orphan_key(number)]);
            self.prepare(&keys, 0, Room::Shrink)?;
            let mut inode = self.inode(number)?;
            // A file without names has its mark already.
            let mark = more && inode.links > 0;
            self.change(|volume| {
                for chunk in found {
                    volume.cut_chunk((number, chunk), size)?;
                }
                inode.size = size;
                volume.set_inode(number, inode)?;
                if mark && !marked {
                    let value = size.to_le_bytes();
                    volume.store.put(orphan_key(number), &value)?;
                } else if marked && !more {
                    volume.store.remove(orphan_key(number))?;
                }
                Ok(())
            })?;
            marked |= mark;
            if !more {
                return Ok(());
            }
        }
    }

    /// Zeros from `size` to the end of its block: what was cut off does not come back when
    /// the file grows again.
    fn clear_tail(&mut self, number: u64, size: u64) -> Result<()> {
        let within = usize::try_from(size % CHUNK_BYTES).expect("invariant: less than a chunk");
        let block = within / BLOCK;
        if within.is_multiple_of(BLOCK) {
            return Ok(());
        }
        let id = (number, size / CHUNK_BYTES);
        if self
            .extent(id)?
            .is_none_or(|extent| extent.block[block] == 0)
        {
            return Ok(());
        }
        let zeros = [0; BLOCK];
        let length = (block + 1) * BLOCK - within;
        self.write_piece(id, within, &zeros[..length], Room::Shrink)
    }

    /// Some chunks of a file from `chunk` on that have something to cut, the last ones left
    /// for later; whether there are such.
    fn chunks_from(&mut self, number: u64, chunk: u64) -> Result<(Vec<u64>, bool)> {
        let (from, to) = data_keys(number, chunk);
        let mut found = Vec::new();
        self.store.scan(from, to, &mut |key, _| {
            if let Some(Kind::Data(_, chunk)) = Kind::of(key) {
                found.push(chunk);
            }
            if found.len() > PIECE {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        let more = found.len() > PIECE;
        found.truncate(PIECE);
        Ok((found, more))
    }

    /// Frees the blocks of one chunk that lie beyond `size`.
    fn cut_chunk(&mut self, id: (u64, u64), size: u64) -> Result<()> {
        let start = id.1.saturating_mul(CHUNK_BYTES);
        let kept = size.saturating_sub(start).div_ceil(BLOCK_BYTES);
        let kept = usize::try_from(kept)
            .unwrap_or(CHUNK_BLOCKS)
            .min(CHUNK_BLOCKS);
        let mut extent = self.extent(id)?.unwrap_or_default();
        for place in &mut extent.block[kept..] {
            let block = std::mem::take(place);
            if block != 0 {
                self.store.blocks.free(block);
            }
        }
        if extent.blocks().next().is_none() {
            self.chunks.remove(id);
            self.store.remove(data_key(id.0, id.1))?;
            return Ok(());
        }
        let gone = blocks(kept, CHUNK_BLOCKS);
        if let Some(chunk) = self.chunks.get(id) {
            chunk.valid &= !gone;
            chunk.dirty &= !gone;
            chunk.data.truncate(kept * BLOCK);
        }
        let key = data_key(id.0, id.1);
        self.store.put(key, &extent.encode())
    }

    /// Removes a file, link or directory that has no name, no handle and a mark.
    pub(super) fn purge(&mut self, number: u64) -> Result<()> {
        self.chunks.cut(number, 0);
        loop {
            self.begin()?;
            let (from, to) = all_keys(number);
            let mut keys = Vec::new();
            // The inode itself goes last.
            self.store.scan(from, to, &mut |key, _| {
                if key != inode_key(number) {
                    keys.push(key);
                }
                if keys.len() >= PIECE {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
            let last = keys.len() < PIECE;
            if last {
                keys.extend([inode_key(number), orphan_key(number)]);
            }
            self.prepare(&keys, 0, Room::Shrink)?;
            self.change(|volume| keys.iter().try_for_each(|key| volume.remove_record(*key)))?;
            if last {
                self.inodes.remove(&number);
                return Ok(());
            }
        }
    }

    fn remove_record(&mut self, key: Key) -> Result<()> {
        let extent = match Kind::of(key) {
            Some(Kind::Data(..)) => self.store.get(key, Extent::decode)?.transpose()?,
            _ => None,
        };
        for block in extent.iter().flat_map(record::Extent::blocks) {
            self.store.blocks.free(block);
        }
        self.store.remove(key).map(drop)
    }
}

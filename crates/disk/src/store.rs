//! Blocks, and the one tree in them: records sorted by key, copied on write, committed at once.
//!
//! What is changed in a transaction is changed in memory, on nodes that have their block
//! already, so that a commit needs no room and cannot run out of it.

mod commit;
mod nodes;
mod open;
mod tree;

use std::collections::HashMap;
use std::sync::Arc;

use crate::allocator::Allocator;
use crate::device::BlockDevice;
use crate::error::{DiskError, Result};
use crate::layout::{BLOCK_BYTES, Header, offset_of};
use crate::node::Node;
use nodes::Cache;

/// How a disk is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// To be read: the device is never written.
    ReadOnly,
    /// To be read and written.
    ReadWrite,
}

/// What room a change may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// Leaves the reserve: what stores more.
    Grow,
    /// The reserve as well: what removes something, and needs room until it is committed.
    Shrink,
}

impl Room {
    /// Blocks that stay free.
    fn kept(self) -> u32 {
        match self {
            Room::Grow => RESERVE,
            Room::Shrink => 0,
        }
    }
}

/// Blocks kept for removing things from a full disk.
const RESERVE: u32 = 64;
/// The device grows by a sixteenth of its length, at least by this many blocks (256 KiB) and
/// at most by that many (16 MiB).
const GROWTH: (u32, u32) = (64, 4096);

/// The blocks and the tree of one disk.
#[derive(Debug)]
pub(crate) struct Store {
    device: Arc<dyn BlockDevice>,
    pub(crate) header: Header,
    mode: OpenMode,
    pub(crate) blocks: Allocator,
    root: u32,
    root_level: u8,
    /// Of the root as it was committed.
    root_checksum: u64,
    /// Nodes changed since the last commit, by their blocks, which are fresh.
    dirty: HashMap<u32, Node>,
    clean: Cache,
    pub(crate) generation: u64,
    pub(crate) next_inode: u64,
    /// Why nothing more is written.
    stopped: Option<String>,
    /// The last thing that went wrong, for people.
    pub(crate) problem: Option<DiskError>,
}

impl Store {
    pub(crate) fn is_writable(&self) -> bool {
        self.mode == OpenMode::ReadWrite
    }

    /// Whether something may still be changed.
    pub(crate) fn check_writable(&self) -> Result<()> {
        match &self.stopped {
            _ if !self.is_writable() => Err(DiskError::ReadOnly),
            Some(why) => Err(DiskError::Stopped(why.clone())),
            None => Ok(()),
        }
    }

    /// Stops writing: what is in memory may no longer be whole, what is committed is.
    pub(crate) fn stop(&mut self, why: &DiskError) {
        if self.stopped.is_none() {
            self.stopped = Some(why.to_string());
        }
    }

    /// Memory of changed nodes, in bytes, about.
    pub(crate) fn dirty_bytes(&self) -> u64 {
        crate::layout::bytes(self.dirty.len()) * BLOCK_BYTES
    }

    /// Notes what went wrong, for people; guests see an errno.
    pub(crate) fn note<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            self.problem = Some(error.clone());
        }
        result
    }

    /// Whether `blocks` blocks can be taken; grows the device for them.
    fn has_room(&mut self, blocks: u32, room: Room) -> bool {
        if self.blocks.available() < blocks.saturating_add(room.kept()) {
            return false;
        }
        if self.blocks.room() >= blocks {
            return true;
        }
        let length = self.blocks.length();
        let missing = blocks - self.blocks.room();
        let step = missing.max((length / 16).clamp(GROWTH.0, GROWTH.1));
        let wanted = length.saturating_add(step).min(self.blocks.limit());
        for wanted in [wanted, length.saturating_add(missing)] {
            if self.device.set_len(offset_of(wanted)).is_ok() {
                self.blocks.grow(wanted);
                return true;
            }
        }
        false
    }

    /// Makes sure of `blocks` free blocks.
    pub(crate) fn need(&mut self, blocks: u32, room: Room) -> Result<()> {
        if self.has_room(blocks, room) {
            Ok(())
        } else {
            Err(DiskError::Full)
        }
    }

    /// Takes up to `wanted` adjacent blocks.
    pub(crate) fn take(&mut self, wanted: u32) -> Result<(u32, u32)> {
        self.need(1, Room::Shrink)?;
        self.blocks.take(wanted).ok_or(DiskError::Full)
    }

    /// Reads adjacent blocks.
    pub(crate) fn read_blocks(&mut self, first: u32, buffer: &mut [u8]) -> Result<()> {
        let read = self.device.read_at(offset_of(first), buffer);
        self.note(read.map_err(DiskError::device("read")))
    }

    /// Writes adjacent blocks, which are fresh.
    pub(crate) fn write_blocks(&mut self, first: u32, data: &[u8]) -> Result<()> {
        let written = self.device.write_at(offset_of(first), data);
        self.note(written.map_err(DiskError::device("written")))
    }
}

//! The file system: inodes over the store, in one transaction that is committed now and then.
//!
//! One lock guards all of it ([`crate::disk`]); nothing here waits for anything but the device.
//! An operation first finds out what it will change, makes sure that changing it cannot fail
//! ([`Volume::prepare`]), and then changes it: an error leaves everything as it was.

mod check;
mod chunks;
mod cut;
mod data;
mod directories;
mod rename;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use holm_abi::{Errno, FileType, SetTime, SetTimes, Stat};
use holm_kernel::port::Clock;

pub use check::Report;
use chunks::Chunks;

use crate::error::{DiskError, Result};
use crate::node::Key;
use crate::record::{self, Inode, inode_key, orphan_key, orphan_keys};
use crate::store::{Room, Store};

/// Size that a directory reports, in bytes: what most file systems say of a small one.
const DIRECTORY_SIZE: u64 = 4096;
/// Inodes kept in memory that nobody has open.
const INODES_KEPT: usize = 4096;
/// Data written before the transaction is committed by itself, in bytes: what a crash may
/// lose at most of what was not synchronised.
const WRITTEN_MAX: u64 = 64 << 20;
/// Memory of changed nodes before the same, in bytes.
const DIRTY_MAX: u64 = 4 << 20;
/// Blocks freed before the same: each is remembered.
const PENDING_MAX: u32 = 1 << 20;

/// An inode in memory.
#[derive(Clone, Copy, Debug)]
struct Held {
    inode: Inode,
    /// Whether the tree has an older one. The way to its record is then copied already.
    dirty: bool,
    /// Open files and directories.
    handles: u32,
}

/// The file system of one disk.
#[derive(Debug)]
pub(crate) struct Volume {
    pub(crate) store: Store,
    clock: Arc<dyn Clock>,
    inodes: HashMap<u64, Held>,
    chunks: Chunks,
    /// Bytes of data written since the last commit.
    written: u64,
    /// Bytes of data written before a change commits what was before it.
    written_max: u64,
}

impl Volume {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>) -> Volume {
        Volume {
            store,
            clock,
            inodes: HashMap::new(),
            chunks: Chunks::default(),
            written: 0,
            written_max: WRITTEN_MAX,
        }
    }

    #[cfg(test)]
    pub(crate) fn commit_after(&mut self, written: u64) {
        self.written_max = written;
    }

    fn now(&self) -> u64 {
        self.clock.realtime_ns()
    }

    /// Whether a commit would store something.
    pub(crate) fn is_changed(&self) -> bool {
        self.store.is_changed()
    }

    /// Puts everything on stable storage.
    pub(crate) fn commit(&mut self) -> Result<()> {
        self.store.check_writable()?;
        if !self.is_changed() {
            return Ok(());
        }
        self.write_back_all()?;
        for (number, held) in &self.inodes {
            if held.dirty {
                self.store
                    .update(inode_key(*number), &held.inode.encode())?;
            }
        }
        self.store.commit()?;
        for held in self.inodes.values_mut() {
            held.dirty = false;
        }
        self.written = 0;
        Ok(())
    }

    /// Begins a change: commits first when much has gathered.
    fn begin(&mut self) -> Result<()> {
        self.store.check_writable()?;
        if self.written >= self.written_max
            || self.store.dirty_bytes() >= DIRTY_MAX
            || self.store.blocks.pending() >= PENDING_MAX
        {
            self.commit()?;
        }
        Ok(())
    }

    /// Makes sure that the records `keys` can be changed, and `extra` blocks taken. On a disk
    /// that is nearly full this may commit what was done before.
    fn prepare(&mut self, keys: &[Key], extra: u32, room: Room) -> Result<()> {
        match self.store.prepare(keys, extra, room) {
            Err(DiskError::Full) if self.store.commit_helps(keys, extra, room)? => {
                self.commit()?;
                self.store.prepare(keys, extra, room)
            }
            prepared => prepared,
        }
    }

    /// Runs the part of a change that cannot fail. When it does all the same, what is in
    /// memory is not whole, and is never committed.
    fn change<T>(&mut self, change: impl FnOnce(&mut Volume) -> Result<T>) -> Result<T> {
        let changed = change(self);
        if let Err(error) = &changed {
            self.store.stop(error);
        }
        self.store.note(changed)
    }

    pub(crate) fn inode(&mut self, number: u64) -> Result<Inode> {
        self.held(number).map(|held| held.inode)
    }

    fn held(&mut self, number: u64) -> Result<&mut Held> {
        if !self.inodes.contains_key(&number) {
            if self.inodes.len() >= 2 * INODES_KEPT {
                self.forget_inodes();
            }
            let found = self.store.get(inode_key(number), Inode::decode)?;
            let missing = || DiskError::damaged(format!("inode {number} is missing"));
            let inode = found.ok_or_else(missing).and_then(|inode| inode);
            let held = Held {
                inode: self.store.note(inode)?,
                dirty: false,
                handles: 0,
            };
            self.inodes.insert(number, held);
        }
        let missing = || DiskError::damaged("an inode in memory is missing");
        self.inodes.get_mut(&number).ok_or_else(missing)
    }

    /// Forgets inodes that nobody has open and that the tree has too.
    fn forget_inodes(&mut self) {
        let store = &mut self.store;
        self.inodes.retain(|number, held| {
            if held.dirty && held.handles == 0 {
                // Its way is copied already, so this neither reads nor takes room.
                let updated = store.update(inode_key(*number), &held.inode.encode());
                held.dirty = !matches!(updated, Ok(true));
            }
            held.dirty || held.handles > 0
        });
    }

    /// Changes an inode whose record is prepared.
    fn set_inode(&mut self, number: u64, inode: Inode) -> Result<()> {
        let held = self.held(number)?;
        held.inode = inode;
        held.dirty = true;
        Ok(())
    }

    /// Counts a handle, which keeps the inode when its last name goes.
    pub(crate) fn hold(&mut self, number: u64) -> Result<()> {
        self.held(number)?.handles += 1;
        Ok(())
    }

    /// A handle is gone, and with the last one a file without names.
    pub(crate) fn release(&mut self, number: u64) {
        let Some(held) = self.inodes.get_mut(&number) else {
            return;
        };
        held.handles = held.handles.saturating_sub(1);
        if held.handles == 0 && held.inode.links == 0 && self.store.check_writable().is_ok() {
            // Should it fail, it is tried again when the disk is opened next.
            let _ = self.purge(number);
        }
    }

    pub(crate) fn stat(&mut self, number: u64) -> Result<Stat> {
        let inode = self.inode(number)?;
        Ok(Stat {
            device: 0,
            inode: number,
            file_type: inode.file_type,
            links: inode.links,
            size: if inode.file_type == FileType::Directory {
                DIRECTORY_SIZE
            } else {
                inode.size
            },
            accessed_ns: inode.accessed_ns,
            modified_ns: inode.modified_ns,
            changed_ns: inode.changed_ns,
        })
    }

    pub(crate) fn set_times(&mut self, number: u64, times: SetTimes) -> Result<()> {
        self.begin()?;
        let mut inode = self.inode(number)?;
        self.prepare(&[inode_key(number)], 0, Room::Shrink)?;
        let now = self.now();
        inode.accessed_ns = chosen(times.accessed, inode.accessed_ns, now);
        inode.modified_ns = chosen(times.modified, inode.modified_ns, now);
        inode.changed_ns = now;
        self.set_inode(number, inode)
    }

    /// The text of a symbolic link.
    pub(crate) fn link_text(&mut self, number: u64) -> Result<String> {
        let (from, to) = record::link_keys(number);
        let mut text = Vec::new();
        self.store.scan(from, to, &mut |_, piece| {
            text.extend_from_slice(piece);
            if text.len() > holm_abi::PATH_MAX {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        let size = self.inode(number)?.size;
        match String::from_utf8(text) {
            Ok(text) if crate::layout::bytes(text.len()) == size => Ok(text),
            _ => self.store.note(Err(DiskError::damaged(format!(
                "the text of the symbolic link {number} is not whole"
            )))),
        }
    }

    /// Finishes what a crash interrupted: removes files that had no name any more and were
    /// only open, and cuts those that were being cut.
    pub(crate) fn finish_interrupted(&mut self) -> Result<u64> {
        let mut found = Vec::new();
        let (from, to) = orphan_keys();
        self.store.scan(from, to, &mut |key, value| {
            if let Some(record::Kind::Orphan(number)) = record::Kind::of(key) {
                let size = value.try_into().ok().map(u64::from_le_bytes);
                found.push((number, size));
            }
            ControlFlow::Continue(())
        })?;
        let mut finished = 0;
        for (number, size) in found {
            finished += 1;
            match self.inode(number) {
                Ok(inode) if inode.links == 0 => self.purge(number)?,
                Ok(inode) if inode.file_type == FileType::RegularFile => {
                    self.cut(number, size.unwrap_or(inode.size).min(inode.size))?;
                    self.unmark(number)?;
                }
                Ok(_) | Err(DiskError::Damaged(_)) => self.unmark(number)?,
                Err(error) => return Err(error),
            }
        }
        Ok(finished)
    }

    fn unmark(&mut self, number: u64) -> Result<()> {
        let key = orphan_key(number);
        self.prepare(&[key], 0, Room::Shrink)?;
        self.change(|volume| volume.store.remove(key)).map(drop)
    }
}

fn chosen(wanted: SetTime, old: u64, now: u64) -> u64 {
    match wanted {
        SetTime::Keep => old,
        SetTime::Now => now,
        SetTime::At(time) => time,
    }
}

/// A refusal that is the guest's own doing, or something about the image.
#[derive(Debug)]
pub(crate) enum Refusal {
    Errno(Errno),
    Disk(DiskError),
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Refusal {
        Refusal::Errno(errno)
    }
}

impl From<DiskError> for Refusal {
    fn from(error: DiskError) -> Refusal {
        Refusal::Disk(error)
    }
}

impl From<Refusal> for Errno {
    fn from(refusal: Refusal) -> Errno {
        match refusal {
            Refusal::Errno(errno) => errno,
            Refusal::Disk(error) => error.errno(),
        }
    }
}

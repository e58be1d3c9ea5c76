//! A symbolic link in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use holm_abi::{Errno, FileType, SetTimes, Stat};

use super::ledger::length;
use super::{Shared, Times};
use crate::vfs::node::Result;

/// A symbolic link; its text never changes.
#[derive(Debug)]
pub(super) struct Symlink {
    shared: Arc<Shared>,
    inode: u64,
    target: Box<str>,
    meta: Mutex<Meta>,
}

#[derive(Debug)]
struct Meta {
    links: u64,
    times: Times,
}

impl Symlink {
    /// A link with one name, whose inode and text are charged already.
    pub(super) fn new(shared: &Arc<Shared>, target: &str, now: u64) -> Symlink {
        Symlink {
            shared: Arc::clone(shared),
            inode: shared.next_inode(),
            target: target.into(),
            meta: Mutex::new(Meta {
                links: 1,
                times: Times::at(now),
            }),
        }
    }

    pub(super) fn inode(&self) -> u64 {
        self.inode
    }

    pub(super) fn target(&self) -> &str {
        &self.target
    }

    pub(super) fn metadata(&self) -> Stat {
        let meta = self.meta();
        Stat {
            device: 0,
            inode: self.inode,
            file_type: FileType::SymbolicLink,
            links: meta.links,
            size: length(&self.target),
            accessed_ns: meta.times.accessed,
            modified_ns: meta.times.modified,
            changed_ns: meta.times.changed,
        }
    }

    pub(super) fn change_times(&self, times: SetTimes) {
        self.meta().times.set(times, self.shared.now());
    }

    pub(super) fn add_link(&self, now: u64) -> Result<()> {
        let mut meta = self.meta();
        if meta.links == 0 {
            return Err(Errno::NoEntry);
        }
        meta.links += 1;
        meta.times.changed = now;
        Ok(())
    }

    pub(super) fn remove_link(&self, now: u64) {
        let mut meta = self.meta();
        meta.links -= 1;
        meta.times.changed = now;
    }

    pub(super) fn touch(&self, now: u64) {
        self.meta().times.changed = now;
    }

    fn meta(&self) -> MutexGuard<'_, Meta> {
        self.meta.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Symlink {
    fn drop(&mut self) {
        self.shared.ledger.release_inode(length(&self.target));
    }
}

//! A file system in memory, with a quota on bytes and inodes.
//!
//! A file's data lives in chunks that are allocated when they are written, so a file of
//! 2^60 bytes costs nothing until something is in it. What is stored is charged to the
//! quota, and so are names and inodes: a million empty files cannot exhaust the host. An
//! unlinked file or a removed directory keeps its charge until its last handle goes, since
//! it keeps its memory.
//!
//! # Times
//!
//! Changes of data set `modified_ns` and `changed_ns`, changes of metadata `changed_ns`. The
//! access time is kept cheaply: the first read after a change sets it, later reads leave it
//! (Linux's `relatime` without its daily update), and listing a directory leaves it alone.
//!
//! # Locks
//!
//! In the order in which they may be taken while holding an earlier one:
//!
//! 1. `Shared::moves`: moves of directories alone, so that no two of them can make a cycle.
//! 2. `MemoryDirectory::state`: several only in ascending order of inode numbers.
//! 3. leaves, one at a time: `MemoryFile::content`, `Symlink::meta`,
//!    `MemoryDirectory::parent` (written under `moves` only).
//!
//! File input and output takes the file's own lock and nothing else; the ledger is atomics.

mod chunks;
mod directory;
mod file;
mod ledger;
mod symlink;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use holm_abi::{SetTime, SetTimes, Stat};

use self::directory::MemoryDirectory;
use self::file::MemoryFile;
use self::ledger::Ledger;
use self::symlink::Symlink;
use super::node::{Directory, Result};
use crate::port::Clock;

/// How much a memory file system may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of data, names and inodes together.
    pub bytes: u64,
    /// Files, directories and symbolic links, the root not counted.
    pub inodes: u64,
}

/// How much a memory file system holds, in the terms of [`Quota`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of data, names and inodes together.
    pub bytes: u64,
    /// Files, directories and symbolic links, the root not counted.
    pub inodes: u64,
}

/// A file system in memory.
#[derive(Debug)]
pub struct MemoryFs {
    shared: Arc<Shared>,
    root: Arc<MemoryDirectory>,
}

impl MemoryFs {
    /// An empty file system that takes its times from `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, quota: Quota) -> Arc<MemoryFs> {
        let shared = Arc::new(Shared {
            clock,
            ledger: Ledger::new(quota),
            last_inode: AtomicU64::new(0),
            moves: Mutex::new(()),
        });
        let root = MemoryDirectory::root(&shared);
        Arc::new(MemoryFs { shared, root })
    }

    /// The root directory.
    #[must_use]
    pub fn root(&self) -> Arc<dyn Directory> {
        self.root.clone()
    }

    /// What is stored now, with what unlinked but open files still hold.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.shared.ledger.usage()
    }

    /// What may be stored.
    #[must_use]
    pub fn quota(&self) -> Quota {
        self.shared.ledger.quota()
    }

    /// Lets the charge after `count` more fail with `ENOSPC`, once.
    #[cfg(test)]
    pub(crate) fn fail_charge_after(&self, count: u64) {
        self.shared.ledger.fail_after(count);
    }
}

/// What every node of one file system shares.
#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    ledger: Ledger,
    last_inode: AtomicU64,
    moves: Mutex<()>,
}

impl Shared {
    fn now(&self) -> u64 {
        self.clock.realtime_ns()
    }

    /// A number that was never given before.
    fn next_inode(&self) -> u64 {
        self.last_inode.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn lock_moves(&self) -> MutexGuard<'_, ()> {
        self.moves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a name leads to.
#[derive(Clone, Debug)]
enum Node {
    File(Arc<MemoryFile>),
    Directory(Arc<MemoryDirectory>),
    Symlink(Arc<Symlink>),
}

impl Node {
    fn inode(&self) -> u64 {
        match self {
            Node::File(file) => file.inode(),
            Node::Directory(directory) => directory.inode(),
            Node::Symlink(link) => link.inode(),
        }
    }

    fn stat(&self) -> Stat {
        match self {
            Node::File(file) => file.metadata(),
            Node::Directory(directory) => directory.metadata(),
            Node::Symlink(link) => link.metadata(),
        }
    }

    fn set_times(&self, times: SetTimes) {
        match self {
            Node::File(file) => file.change_times(times),
            Node::Directory(directory) => directory.change_times(times),
            Node::Symlink(link) => link.change_times(times),
        }
    }

    /// One name more. `ENOENT` when the last name is gone already.
    fn add_link(&self, now: u64) -> Result<()> {
        match self {
            Node::File(file) => file.add_link(now),
            Node::Symlink(link) => link.add_link(now),
            Node::Directory(_) => Err(holm_abi::Errno::NotPermitted),
        }
    }

    /// One name less, for what is not a directory.
    fn remove_link(&self, now: u64) {
        match self {
            Node::File(file) => file.remove_link(now),
            Node::Symlink(link) => link.remove_link(now),
            Node::Directory(_) => {}
        }
    }

    /// Notes a change of the metadata: a rename.
    fn touch(&self, now: u64) {
        match self {
            Node::File(file) => file.touch(now),
            Node::Symlink(link) => link.touch(now),
            // Behind a directory's lock, while the caller holds others: done by the caller.
            Node::Directory(_) => {}
        }
    }
}

/// The three timestamps, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
struct Times {
    accessed: u64,
    modified: u64,
    changed: u64,
}

impl Times {
    fn at(now: u64) -> Times {
        Times {
            accessed: now,
            modified: now,
            changed: now,
        }
    }

    /// Data and metadata changed.
    fn modify(&mut self, now: u64) {
        self.modified = now;
        self.changed = now;
    }

    fn set(&mut self, times: SetTimes, now: u64) {
        self.accessed = chosen(times.accessed, self.accessed, now);
        self.modified = chosen(times.modified, self.modified, now);
        self.changed = now;
    }
}

fn chosen(wanted: SetTime, old: u64, now: u64) -> u64 {
    match wanted {
        SetTime::Keep => old,
        SetTime::Now => now,
        SetTime::At(time) => time,
    }
}

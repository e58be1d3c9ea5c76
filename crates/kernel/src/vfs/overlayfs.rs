//! Copy-on-write: a writable directory over one that is never changed.
//!
//! What exists in the upper layer hides what the lower layer has under the same name;
//! directories that both have are merged. A lower file is copied up when it is opened for
//! writing (without its data, when it is truncated anyway), renamed, linked or given new
//! times. Names that were removed from the lower layer are remembered here, in memory: the
//! upper layer holds plain files alone, laid out as the guest sees them, and no marker that a
//! guest could see or forge.
//!
//! Where this differs from Linux's overlayfs, it does so towards POSIX:
//!
//! - A lower directory is renamed as any other, at once and without `EXDEV`: its node keeps
//!   pointing at the lower directory that it merges.
//! - A handle that was opened for reading sees what is written to the file later, though the
//!   file was copied up in between.
//! - Inode numbers stay when a file is copied up. (A lower file with several names is the
//!   exception: copying up one name makes it a file of its own, as on Linux.)
//! - Removing something from the lower layer works also when the upper layer is full.
//!
//! A lower file whose reads wait ([`File::poll_read_at`](super::node::File::poll_read_at)) is
//! collected in memory before it is copied up ([`Directory::prepare_change_at`]), so that the
//! copy itself is made at once as any other and nobody, after a crash either, finds half a
//! file. What is collected is bounded ([`STAGED_MAX`]).
//!
//! A merged directory reports 1 link, as on Linux: "not counted". The upper layer must not be
//! changed by others, and the positions of both layers' listings stay below 2^63.
//!
//! # Locks
//!
//! In the order in which they may be taken while holding an earlier one:
//!
//! 0. One `Staged`: a lower file that is being collected.
//! 1. `Shared::changes`: everything that changes which names there are, or which layer they
//!    come from. Never taken by input and output on files that are open for writing, by
//!    lookups, listings, or by opening for reading.
//! 2. `OverlayDirectory::state`: holders of `changes` may take two, everybody else one.
//! 3. `OverlayDirectory::place`, `Shared::origins`, `Shared::staging`: leaves, one at a time.
//!
//! The layers' own locks come after all of these.

mod copy_up;
mod directory;
mod file;
mod listing;
mod staging;
mod state;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use holm_abi::{SetTime, SetTimes, Stat};

use self::directory::OverlayDirectory;
pub use self::staging::STAGED_MAX;
use self::staging::Staging;
use super::node::Directory;
use crate::port::Clock;

/// A copy-on-write file system.
#[derive(Debug)]
pub struct OverlayFs {
    root: Arc<OverlayDirectory>,
}

impl OverlayFs {
    /// Lays `upper`, usually an empty memory file system, over `lower`. What changes goes to
    /// `upper`; its quota bounds it.
    #[must_use]
    pub fn new(
        lower: Arc<dyn Directory>,
        upper: Arc<dyn Directory>,
        clock: Arc<dyn Clock>,
    ) -> Arc<OverlayFs> {
        let shared = Arc::new(Shared {
            lower_may_wait: lower.may_wait(),
            staging: Mutex::default(),
            clock,
            changes: Mutex::new(()),
            origins: RwLock::new(HashMap::new()),
        });
        let root = OverlayDirectory::root(shared, lower, upper);
        Arc::new(OverlayFs { root })
    }

    /// The root directory.
    #[must_use]
    pub fn root(&self) -> Arc<dyn Directory> {
        self.root.clone()
    }
}

/// What all nodes of one overlay share.
#[derive(Debug)]
struct Shared {
    /// Whether reads of lower files may wait.
    lower_may_wait: bool,
    /// Lower files that are being collected.
    staging: Mutex<Staging>,
    clock: Arc<dyn Clock>,
    changes: Mutex<()>,
    /// Inode numbers of copied-up files, by those that the upper layer gave them.
    origins: RwLock<HashMap<u64, u64>>,
}

impl Shared {
    fn lock_changes(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number under which a file of the upper layer is known.
    fn upper_inode(&self, inode: u64) -> u64 {
        let origins = self.origins.read().unwrap_or_else(PoisonError::into_inner);
        origins.get(&inode).copied().unwrap_or(inode << 1 | 1)
    }

    fn set_origin(&self, upper_inode: u64, inode: u64) {
        self.origins
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(upper_inode, inode);
    }

    /// Forgets a number whose file has lost its last name: the layer may give it again.
    fn forget_origin(&self, stat: &Stat) {
        if stat.links <= 1 {
            self.origins
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&stat.inode);
        }
    }

    /// `times` without `Now`: both layers and the kernel go by one clock.
    fn resolve(&self, times: SetTimes) -> SetTimes {
        let resolve = |time| match time {
            SetTime::Now => SetTime::At(self.clock.realtime_ns()),
            other => other,
        };
        SetTimes {
            accessed: resolve(times.accessed),
            modified: resolve(times.modified),
        }
    }
}

/// The number under which a file of the lower layer is known: even, those of the upper layer
/// are odd.
fn lower_inode(inode: u64) -> u64 {
    inode << 1
}

/// The settable times of `stat`.
fn times_of(stat: &Stat) -> SetTimes {
    SetTimes {
        accessed: SetTime::At(stat.accessed_ns),
        modified: SetTime::At(stat.modified_ns),
    }
}

//! The account of a memory file system: what is charged, and the quota that bounds it.

use std::sync::atomic::{AtomicU64, Ordering};

use holm_abi::Errno;

use super::{Quota, Usage};
use crate::vfs::node::Result;

/// Charge for an inode: its structures with the allocator's overhead.
pub(super) const INODE_BYTES: u64 = 192;
/// Charge for a directory entry beside the bytes of its name.
const NAME_BYTES: u64 = 160;

/// The charge for one name in a directory.
pub(super) fn name_bytes(name: &str) -> u64 {
    NAME_BYTES + length(name)
}

/// Length of a text in bytes, as the ledger counts.
pub(super) fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

#[derive(Debug)]
pub(super) struct Ledger {
    quota: Quota,
    bytes: AtomicU64,
    inodes: AtomicU64,
    /// Charges until the one that fails; `u64::MAX` when none shall.
    #[cfg(test)]
    failing: AtomicU64,
}

impl Ledger {
    pub(super) fn new(quota: Quota) -> Ledger {
        Ledger {
            quota,
            bytes: AtomicU64::new(0),
            inodes: AtomicU64::new(0),
            #[cfg(test)]
            failing: AtomicU64::new(u64::MAX),
        }
    }

    pub(super) fn quota(&self) -> Quota {
        self.quota
    }

    pub(super) fn usage(&self) -> Usage {
        Usage {
            bytes: self.bytes.load(Ordering::Relaxed),
            inodes: self.inodes.load(Ordering::Relaxed),
        }
    }

    /// Charges `bytes`, or nothing and `ENOSPC`.
    pub(super) fn charge(&self, bytes: u64) -> Result<()> {
        #[cfg(test)]
        self.fail_when_due()?;
        add(&self.bytes, bytes, self.quota.bytes)
    }

    /// Gives `bytes` back.
    pub(super) fn release(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Charges an inode and `bytes` beside its own, or nothing and `ENOSPC`.
    pub(super) fn charge_inode(&self, bytes: u64) -> Result<()> {
        let bytes = bytes.saturating_add(INODE_BYTES);
        self.charge(bytes)?;
        add(&self.inodes, 1, self.quota.inodes).inspect_err(|_| self.release(bytes))
    }

    /// Gives an inode and `bytes` beside its own back.
    pub(super) fn release_inode(&self, bytes: u64) {
        self.release(bytes + INODE_BYTES);
        self.inodes.fetch_sub(1, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(super) fn fail_after(&self, count: u64) {
        self.failing.store(count, Ordering::Relaxed);
    }

    #[cfg(test)]
    fn fail_when_due(&self) -> Result<()> {
        match self.failing.load(Ordering::Relaxed) {
            u64::MAX => Ok(()),
            0 => {
                self.failing.store(u64::MAX, Ordering::Relaxed);
                Err(Errno::NoSpace)
            }
            left => {
                self.failing.store(left - 1, Ordering::Relaxed);
                Ok(())
            }
        }
    }
}

/// Adds to an account unless that would pass its limit. Only the sum matters, and nothing
/// else is published through it, so the order is relaxed.
fn add(account: &AtomicU64, amount: u64, limit: u64) -> Result<()> {
    account
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(amount).filter(|sum| *sum <= limit)
        })
        .map(drop)
        .map_err(|_| Errno::NoSpace)
}

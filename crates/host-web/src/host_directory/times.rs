//! Times that Node can only set roughly.
//!
//! Node gives times to the host as floats of seconds: microseconds are cut off up to Node 22,
//! and today's times come out up to 120 ns beside what was asked later on. A program that
//! copies a file's time and compares would never find the two equal. So what was asked for is
//! remembered, and answered in place of what the host made of it, as long as the host still
//! has just that. Programs of the host see the rounded time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use holm_abi::{SetTime, SetTimes, Stat};
use holm_kernel::vfs::Result;

use super::imports_unsafe::Record;

/// What the host's rounding changes at most.
const ROUNDING_NS: u64 = 1000;
/// Files whose times are remembered: the metadata of a large tree that is unpacked.
const FILES_MAX: usize = 1 << 14;

/// What the host has, and what was meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Rounded {
    host_ns: u64,
    meant_ns: u64,
}

impl Rounded {
    fn exact(self, host_ns: u64) -> u64 {
        if host_ns == self.host_ns {
            self.meant_ns
        } else {
            host_ns
        }
    }
}

/// The exact times of some files, by device and inode.
#[derive(Debug, Default)]
pub(super) struct ExactTimes {
    files: Mutex<BTreeMap<(u64, u64), [Rounded; 2]>>,
}

impl ExactTimes {
    /// Metadata with the times that were meant.
    pub(super) fn stat(&self, record: &Record) -> Stat {
        let (accessed_ns, modified_ns) = self.exact(record);
        Stat {
            device: 0,
            inode: record.inode,
            file_type: record.file_type(),
            links: record.links,
            size: record.size,
            accessed_ns,
            modified_ns,
            changed_ns: record.changed_ns,
        }
    }

    fn exact(&self, record: &Record) -> (u64, u64) {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        match files.get(&(record.device, record.inode)) {
            None => (record.accessed_ns, record.modified_ns),
            Some([accessed, modified]) => (
                accessed.exact(record.accessed_ns),
                modified.exact(record.modified_ns),
            ),
        }
    }

    /// Sets times through `set`; `record` tells the file's metadata.
    pub(super) fn set(
        &self,
        times: SetTimes,
        record: &dyn Fn() -> Result<Record>,
        set: &dyn Fn() -> Result<()>,
    ) -> Result<()> {
        if times == SetTimes::default() {
            // Nothing to do: the host would not even look for the file.
            return Ok(());
        }
        let (accessed_ns, modified_ns) = self.exact(&record()?);
        set()?;
        let Ok(after) = record() else {
            // Gone meanwhile: there is nothing to remember.
            return Ok(());
        };
        let meant = |time: SetTime, before_ns: u64, host_ns: u64| {
            let meant_ns = match time {
                SetTime::Keep => before_ns,
                SetTime::Now => host_ns,
                SetTime::At(time_ns) => time_ns,
            };
            let rounded = meant_ns.abs_diff(host_ns) <= ROUNDING_NS;
            Rounded {
                host_ns,
                meant_ns: if rounded { meant_ns } else { host_ns },
            }
        };
        let file = [
            meant(times.accessed, accessed_ns, after.accessed_ns),
            meant(times.modified, modified_ns, after.modified_ns),
        ];
        let key = (after.device, after.inode);
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if file.iter().all(|time| time.host_ns == time.meant_ns) {
            files.remove(&key);
        } else {
            if files.len() >= FILES_MAX {
                files.pop_first();
            }
            files.insert(key, file);
        }
        Ok(())
    }
}

//! Disks: images that the worker opened, and when they are committed.

use std::sync::Arc;

use holm_disk::{BlockDevice, CreateOptions, Disk, DiskError, OpenMode};
use holm_kernel::port::{Clock, Entropy};
use holm_kernel::vfs::Directory;

/// Nanoseconds after a change until it is committed without being asked.
const COMMIT_AFTER_NS: u64 = 1_000_000_000;

#[derive(Debug)]
struct Mounted {
    path: String,
    disk: Disk,
    /// Since when there is something to commit.
    changed_ns: Option<u64>,
}

/// The disks of a machine.
#[derive(Debug, Default)]
pub(crate) struct Disks {
    mounted: Vec<Mounted>,
}

/// How a disk is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Size of the disk that is made when the image is empty.
    /// Of the disk that is made where nothing is; 0 makes none.
    pub(crate) size: u64,
    pub(crate) read_only: bool,
}

impl Disks {
    /// Opens the disk on `device`, or makes one where nothing is; answers its root. It is
    /// called `path` from here on.
    pub(crate) fn open(
        &mut self,
        path: &str,
        device: &Arc<dyn BlockDevice>,
        clock: &Arc<dyn Clock>,
        entropy: &dyn Entropy,
        wanted: Wanted,
    ) -> Result<Arc<dyn Directory>, DiskError> {
        let is_empty = device.is_empty().map_err(|source| DiskError::Device {
            action: "read",
            source,
        })?;
        let disk = if is_empty && !wanted.read_only && wanted.size > 0 {
            let mut id = [0; 16];
            // A host without randomness cannot boot.
            let _ = entropy.fill(&mut id);
            let options = CreateOptions {
                size_limit: wanted.size,
                label: String::new(),
                id,
            };
            Disk::create(device.clone(), clock.clone(), &options)?
        } else {
            let mode = if wanted.read_only {
                OpenMode::ReadOnly
            } else {
                OpenMode::ReadWrite
            };
            Disk::open(device, clock.clone(), mode)?
        };
        let root = disk.root();
        self.mounted.push(Mounted {
            path: path.to_owned(),
            disk,
            changed_ns: None,
        });
        Ok(root)
    }

    /// Commits the disk that is called `path` and lets go of it.
    pub(crate) fn close(&mut self, path: &str) -> Result<(), DiskError> {
        let Some(at) = self.mounted.iter().position(|disk| disk.path == path) else {
            return Ok(());
        };
        self.mounted.remove(at).disk.close()
    }

    /// Commits every disk; the first error is told, after all were tried.
    pub(crate) fn commit(&mut self) -> Result<(), DiskError> {
        let mut result = Ok(());
        for mounted in &mut self.mounted {
            mounted.changed_ns = None;
            result = result.and(mounted.disk.commit());
        }
        result
    }

    /// Commits what has waited long enough.
    pub(crate) fn turn(&mut self, now_ns: u64) {
        for mounted in &mut self.mounted {
            if !mounted.disk.is_changed() {
                mounted.changed_ns = None;
                continue;
            }
            let since = *mounted.changed_ns.get_or_insert(now_ns);
            if since.saturating_add(COMMIT_AFTER_NS) <= now_ns {
                mounted.changed_ns = None;
                // It stays changed, and is tried again; who syncs is told.
                let _ = mounted.disk.commit();
            }
        }
    }

    /// When [`Disks::turn`] is to be called at the latest.
    pub(crate) fn deadline(&self, now_ns: u64) -> Option<u64> {
        let changed = self.mounted.iter().filter(|one| one.disk.is_changed());
        let times = changed.map(|one| one.changed_ns.unwrap_or(now_ns));
        times
            .min()
            .map(|since| since.saturating_add(COMMIT_AFTER_NS))
    }

    /// Bytes in use and in all of the disk that is called `path`.
    pub(crate) fn space(&self, path: &str) -> Option<(u64, u64)> {
        let mounted = self.mounted.iter().find(|disk| disk.path == path)?;
        let info = mounted.disk.info();
        Some((info.used_bytes, info.size_limit))
    }
}

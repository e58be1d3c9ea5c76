//! An open file of an overlay: in the upper layer, or in the lower until it is copied up.

use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Waker};

use holm_abi::{Advice, Errno, SetTimes, Stat};

use super::directory::OverlayDirectory;
use super::lower_inode;
use crate::vfs::node::{Directory, File, Result};

/// An open file. All handles of one lower file share it, so that they switch together.
#[derive(Debug)]
pub(super) struct OverlayFile {
    upper: OnceLock<UpperSide>,
    lower: Option<LowerSide>,
}

#[derive(Debug)]
struct UpperSide {
    file: Arc<dyn File>,
    inode: u64,
}

#[derive(Debug)]
struct LowerSide {
    file: Arc<dyn File>,
    directory: Arc<OverlayDirectory>,
    name: Arc<str>,
    /// Its name is gone, and it was never copied up.
    unlinked: AtomicBool,
}

impl OverlayFile {
    /// A file of the upper layer, known under `inode`.
    pub(super) fn in_upper(file: Arc<dyn File>, inode: u64) -> OverlayFile {
        OverlayFile {
            upper: OnceLock::from(UpperSide { file, inode }),
            lower: None,
        }
    }

    /// A file of the lower layer, found as `name` in `directory`.
    pub(super) fn in_lower(
        file: Arc<dyn File>,
        directory: Arc<OverlayDirectory>,
        name: Arc<str>,
    ) -> OverlayFile {
        OverlayFile {
            upper: OnceLock::new(),
            lower: Some(LowerSide {
                file,
                directory,
                name,
                unlinked: AtomicBool::new(false),
            }),
        }
    }

    /// The file was copied up: from now on it is `file`.
    pub(super) fn switch_to(&self, file: Arc<dyn File>, inode: u64) {
        // Copying up happens once for a name, under a lock; a second would change nothing.
        let _ = self.upper.set(UpperSide { file, inode });
    }

    pub(super) fn set_unlinked(&self) {
        if let Some(lower) = &self.lower {
            lower.unlinked.store(true, Ordering::Relaxed);
        }
    }

    /// Where to read.
    fn current(&self) -> &dyn File {
        match (self.upper.get(), &self.lower) {
            (Some(upper), _) => &*upper.file,
            (None, Some(lower)) => &*lower.file,
            (None, None) => unreachable!("invariant: a file is in one layer at least"),
        }
    }

    /// Where to write. Files opened for writing are in the upper layer already; others may
    /// still have their times set. `EROFS` when the file has lost its name in between.
    fn writable(&self) -> Result<&dyn File> {
        if let (None, Some(lower)) = (self.upper.get(), &self.lower) {
            lower.directory.copy_up_open(&lower.name, self)?;
        }
        self.upper
            .get()
            .map(|upper| &*upper.file)
            .ok_or(Errno::ReadOnly)
    }
}

impl File for OverlayFile {
    fn stat(&self) -> Result<Stat> {
        if let Some(upper) = self.upper.get() {
            let stat = upper.file.stat()?;
            return Ok(Stat {
                inode: upper.inode,
                ..stat
            });
        }
        let stat = self.current().stat()?;
        let unlinked = |lower: &LowerSide| lower.unlinked.load(Ordering::Relaxed);
        Ok(Stat {
            inode: lower_inode(stat.inode),
            links: if self.lower.as_ref().is_some_and(unlinked) {
                0
            } else {
                stat.links
            },
            ..stat
        })
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.current().read_at(offset, buffer)
    }

    fn poll_read_at(&self, offset: u64, buffer: &mut [u8], waker: &Waker) -> Poll<Result<usize>> {
        self.current().poll_read_at(offset, buffer, waker)
    }

    fn prepare_change(&self, waker: &Waker) -> Poll<Result<()>> {
        match (self.upper.get(), &self.lower) {
            (None, Some(lower)) if !lower.unlinked.load(Ordering::Relaxed) => {
                lower.directory.prepare_change_at(&lower.name, waker)
            }
            _ => Poll::Ready(Ok(())),
        }
    }

    fn write_at(&self, offset: u64, data: &[IoSlice<'_>]) -> Result<usize> {
        self.writable()?.write_at(offset, data)
    }

    fn append(&self, data: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        self.writable()?.append(data)
    }

    fn set_size(&self, size: u64) -> Result<()> {
        self.writable()?.set_size(size)
    }

    fn allocate(&self, offset: u64, length: u64) -> Result<()> {
        self.writable()?.allocate(offset, length)
    }

    fn advise(&self, offset: u64, length: u64, advice: Advice) -> Result<()> {
        self.current().advise(offset, length, advice)
    }

    /// A file that is still in the lower layer has nothing to wait for.
    fn sync(&self, data_only: bool) -> Result<()> {
        self.upper
            .get()
            .map_or(Ok(()), |upper| upper.file.sync(data_only))
    }

    fn set_times(&self, times: SetTimes) -> Result<()> {
        self.writable()?.set_times(times)
    }

    fn set_sync(&self, data_sync: bool, sync: bool) -> Result<()> {
        self.upper
            .get()
            .map_or(Ok(()), |upper| upper.file.set_sync(data_sync, sync))
    }
}

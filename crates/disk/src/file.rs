//! An open file of a disk, as the kernel sees it.

use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use holm_abi::{SetTimes, Stat};
use holm_kernel::vfs::{File, Result};

use crate::disk::Shared;
use crate::volume::Volume;

/// An open file; counts as a handle of its inode.
pub(crate) struct DiskFile {
    shared: Arc<Shared>,
    inode: u64,
    /// Whether each write is committed.
    sync: AtomicBool,
}

impl std::fmt::Debug for DiskFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskFile")
            .field("inode", &self.inode)
            .finish_non_exhaustive()
    }
}

impl Drop for DiskFile {
    fn drop(&mut self) {
        self.shared.lock().release(self.inode);
    }
}

impl DiskFile {
    /// The file `inode`, which the caller holds already.
    pub(crate) fn new(shared: Arc<Shared>, inode: u64, sync: bool) -> DiskFile {
        DiskFile {
            shared,
            inode,
            sync: AtomicBool::new(sync),
        }
    }

    fn commit_if_asked(&self, volume: &mut Volume) -> Result<()> {
        if self.sync.load(Ordering::Relaxed) {
            volume.commit()?;
        }
        Ok(())
    }
}

impl File for DiskFile {
    fn stat(&self) -> Result<Stat> {
        Ok(self.shared.lock().stat(self.inode)?)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        Ok(self.shared.lock().read(self.inode, offset, buffer)?)
    }

    fn write_at(&self, offset: u64, data: &[IoSlice<'_>]) -> Result<usize> {
        let mut volume = self.shared.lock();
        let written = volume.write(self.inode, offset, data)?;
        self.commit_if_asked(&mut volume)?;
        Ok(written)
    }

    fn append(&self, data: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        let mut volume = self.shared.lock();
        let appended = volume.append(self.inode, data)?;
        self.commit_if_asked(&mut volume)?;
        Ok(appended)
    }

    fn set_size(&self, size: u64) -> Result<()> {
        Ok(self.shared.lock().set_size(self.inode, size)?)
    }

    fn allocate(&self, offset: u64, length: u64) -> Result<()> {
        Ok(self.shared.lock().allocate(self.inode, offset, length)?)
    }

    /// All of the disk is one transaction, so this commits all of it.
    fn sync(&self, _data_only: bool) -> Result<()> {
        let mut volume = self.shared.lock();
        if volume.store.is_writable() {
            volume.commit()?;
        }
        Ok(())
    }

    fn set_times(&self, times: SetTimes) -> Result<()> {
        Ok(self.shared.lock().set_times(self.inode, times)?)
    }

    fn set_sync(&self, data_sync: bool, sync: bool) -> Result<()> {
        self.sync.store(data_sync || sync, Ordering::Relaxed);
        Ok(())
    }
}

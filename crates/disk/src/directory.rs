//! A directory of a disk, as the kernel sees it.

use std::any::Any;
use std::ops::ControlFlow;
use std::sync::Arc;

use holm_abi::{Errno, FileType, SetTimes, Stat};
use holm_kernel::vfs::{DirEntry, Directory, Lookup, OpenOptions, Opened, Result};

use crate::disk::Shared;
use crate::file::DiskFile;
use crate::record::ROOT;
use crate::volume::Volume;

/// A directory; counts as a handle of its inode.
pub(crate) struct DiskDirectory {
    shared: Arc<Shared>,
    inode: u64,
}

impl std::fmt::Debug for DiskDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskDirectory")
            .field("inode", &self.inode)
            .finish_non_exhaustive()
    }
}

impl Drop for DiskDirectory {
    fn drop(&mut self) {
        self.shared.lock().release(self.inode);
    }
}

impl DiskDirectory {
    /// The directory `inode`, which the caller holds already.
    pub(crate) fn new(shared: Arc<Shared>, inode: u64) -> DiskDirectory {
        DiskDirectory { shared, inode }
    }

    fn enter(&self, volume: &mut Volume, inode: u64) -> Result<Arc<dyn Directory>> {
        volume.hold(inode)?;
        Ok(Arc::new(DiskDirectory::new(
            Arc::clone(&self.shared),
            inode,
        )))
    }

    /// The inode of a directory of this same disk.
    fn same_disk(&self, other: &dyn Directory) -> Result<u64> {
        let other: &dyn Any = other;
        other
            .downcast_ref::<DiskDirectory>()
            .filter(|other| Arc::ptr_eq(&self.shared, &other.shared))
            .map(|other| other.inode)
            .ok_or(Errno::CrossDevice)
    }
}

impl Directory for DiskDirectory {
    fn stat(&self) -> Result<Stat> {
        Ok(self.shared.lock().stat(self.inode)?)
    }

    fn set_times(&self, times: SetTimes) -> Result<()> {
        Ok(self.shared.lock().set_times(self.inode, times)?)
    }

    fn sync(&self, _data_only: bool) -> Result<()> {
        let mut volume = self.shared.lock();
        if volume.store.is_writable() {
            volume.commit()?;
        }
        Ok(())
    }

    fn lookup(&self, name: &str) -> Result<Lookup> {
        let mut volume = self.shared.lock();
        let entry = volume.entry(self.inode, name)?;
        Ok(match entry.file_type {
            FileType::Directory => Lookup::Directory(self.enter(&mut volume, entry.inode)?),
            FileType::SymbolicLink => Lookup::Symlink(volume.link_text(entry.inode)?),
            _ => Lookup::Other,
        })
    }

    fn descend(&self, names: &str) -> Option<Arc<dyn Directory>> {
        let mut volume = self.shared.lock();
        let mut inode = self.inode;
        for name in names.split('/') {
            let entry = volume.entry(inode, name).ok()?;
            if entry.file_type != FileType::Directory {
                return None;
            }
            inode = entry.inode;
        }
        self.enter(&mut volume, inode).ok()
    }

    fn stat_at(&self, name: &str) -> Result<Stat> {
        let mut volume = self.shared.lock();
        let entry = volume.entry(self.inode, name)?;
        Ok(volume.stat(entry.inode)?)
    }

    fn open_at(&self, name: &str, options: OpenOptions) -> Result<Opened> {
        if options.create && options.directory {
            return Err(Errno::Invalid);
        }
        let mut volume = self.shared.lock();
        let found = volume.entry(self.inode, name).map_err(Errno::from);
        let (inode, file_type) = match found {
            Ok(_) if options.create && options.exclusive => return Err(Errno::Exist),
            Ok(entry) => (entry.inode, entry.file_type),
            Err(Errno::NoEntry) if options.create => {
                let created = volume.create(self.inode, name, FileType::RegularFile, "")?;
                (created, FileType::RegularFile)
            }
            Err(errno) => return Err(errno),
        };
        match file_type {
            FileType::SymbolicLink => Ok(Opened::Symlink(volume.link_text(inode)?)),
            FileType::Directory if options.write || options.truncate || options.create => {
                Err(Errno::IsDirectory)
            }
            FileType::Directory => Ok(Opened::Directory(self.enter(&mut volume, inode)?)),
            _ if options.directory => Err(Errno::NotDirectory),
            _ => {
                if options.truncate {
                    volume.set_size(inode, 0)?;
                }
                volume.hold(inode)?;
                let shared = Arc::clone(&self.shared);
                Ok(Opened::File(Arc::new(DiskFile::new(
                    shared,
                    inode,
                    options.data_sync || options.sync,
                ))))
            }
        }
    }

    fn read_dir(
        &self,
        cursor: u64,
        visit: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut cursor = cursor;
        loop {
            let batch = self.shared.lock().list(self.inode, cursor)?;
            for entry in &batch {
                cursor = entry.position;
                let entry = DirEntry {
                    name: &entry.name,
                    inode: entry.inode,
                    file_type: entry.file_type,
                    next: entry.position,
                };
                if visit(entry).is_break() {
                    return Ok(());
                }
            }
            if batch.is_empty() {
                return Ok(());
            }
        }
    }

    fn read_link_at(&self, name: &str) -> Result<String> {
        let mut volume = self.shared.lock();
        let entry = volume.entry(self.inode, name)?;
        if entry.file_type == FileType::SymbolicLink {
            Ok(volume.link_text(entry.inode)?)
        } else {
            Err(Errno::Invalid)
        }
    }

    fn set_times_at(&self, name: &str, times: SetTimes) -> Result<()> {
        let mut volume = self.shared.lock();
        let entry = volume.entry(self.inode, name)?;
        Ok(volume.set_times(entry.inode, times)?)
    }

    fn create_directory_at(&self, name: &str) -> Result<()> {
        let mut volume = self.shared.lock();
        volume.create(self.inode, name, FileType::Directory, "")?;
        Ok(())
    }

    fn remove_directory_at(&self, name: &str) -> Result<()> {
        Ok(self.shared.lock().remove_directory(self.inode, name)?)
    }

    fn unlink_at(&self, name: &str) -> Result<()> {
        Ok(self.shared.lock().unlink(self.inode, name)?)
    }

    fn symlink_at(&self, name: &str, target: &str) -> Result<()> {
        Ok(self.shared.lock().symlink(self.inode, name, target)?)
    }

    fn link_at(&self, name: &str, to: &dyn Directory, new_name: &str) -> Result<()> {
        let to = self.same_disk(to)?;
        Ok(self.shared.lock().link(self.inode, name, to, new_name)?)
    }

    fn rename_at(&self, name: &str, to: &dyn Directory, new_name: &str) -> Result<()> {
        let to = self.same_disk(to)?;
        Ok(self.shared.lock().rename(self.inode, name, to, new_name)?)
    }
}

const _: () = assert!(ROOT != 0, "0 is where records of no inode are");

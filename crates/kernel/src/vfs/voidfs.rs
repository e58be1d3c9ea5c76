//! A directory with nothing in it, where nothing can be made: the place between mounts.

use std::ops::ControlFlow;

use holm_abi::{Errno, FileType, SetTimes, Stat};

use super::node::{DirEntry, Directory, Lookup, OpenOptions, Opened, Result};

/// An empty, read-only directory.
#[derive(Debug)]
pub(crate) struct VoidDirectory {
    inode: u64,
}

impl VoidDirectory {
    pub(crate) fn new(inode: u64) -> VoidDirectory {
        VoidDirectory { inode }
    }
}

impl Directory for VoidDirectory {
    fn stat(&self) -> Result<Stat> {
        Ok(Stat {
            inode: self.inode,
            file_type: FileType::Directory,
            links: 1,
            ..Stat::default()
        })
    }
    fn set_times(&self, _times: SetTimes) -> Result<()> {
        Err(Errno::ReadOnly)
    }
    fn sync(&self, _data_only: bool) -> Result<()> {
        Ok(())
    }
    fn lookup(&self, _name: &str) -> Result<Lookup> {
        Err(Errno::NoEntry)
    }
    fn stat_at(&self, _name: &str) -> Result<Stat> {
        Err(Errno::NoEntry)
    }
    fn open_at(&self, _name: &str, options: OpenOptions) -> Result<Opened> {
        Err(if options.create {
            Errno::ReadOnly
        } else {
            Errno::NoEntry
        })
    }
    fn read_dir(
        &self,
        _cursor: u64,
        _visit: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        Ok(())
    }
    fn read_link_at(&self, _name: &str) -> Result<String> {
        Err(Errno::NoEntry)
    }
    fn set_times_at(&self, _name: &str, _times: SetTimes) -> Result<()> {
        Err(Errno::NoEntry)
    }
    fn create_directory_at(&self, _name: &str) -> Result<()> {
        Err(Errno::ReadOnly)
    }
    fn remove_directory_at(&self, _name: &str) -> Result<()> {
        Err(Errno::NoEntry)
    }
    fn unlink_at(&self, _name: &str) -> Result<()> {
        Err(Errno::NoEntry)
    }
    fn symlink_at(&self, _name: &str, _target: &str) -> Result<()> {
        Err(Errno::ReadOnly)
    }
    fn link_at(&self, _name: &str, _to: &dyn Directory, _new_name: &str) -> Result<()> {
        Err(Errno::NoEntry)
    }
    fn rename_at(&self, _name: &str, _to: &dyn Directory, _new_name: &str) -> Result<()> {
        Err(Errno::NoEntry)
    }
}

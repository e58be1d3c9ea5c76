//! Directories and files that the kernel makes up: what `/dev` and `/proc` are built of.

use std::fmt::Debug;
use std::io::IoSlice;
use std::ops::ControlFlow;
use std::sync::Arc;

use holm_abi::{Errno, FileType, SetTimes, Stat};

use super::node::{DirEntry, Directory, File, Lookup, OpenOptions, Opened, Result, Stream};

/// What a made-up directory holds under a name.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Directory(Arc<dyn Directory>),
    /// Text made when the file is opened.
    Text(String),
    Stream(Arc<dyn Stream>),
    Symlink(String),
}

impl Item {
    fn file_type(&self) -> FileType {
        match self {
            Item::Directory(_) => FileType::Directory,
            Item::Text(_) => FileType::RegularFile,
            Item::Stream(_) => FileType::CharacterDevice,
            Item::Symlink(_) => FileType::SymbolicLink,
        }
    }
}

/// A directory whose content is computed: names, and what each is.
pub(crate) trait Synthetic: Debug + Send + Sync + 'static {
    /// Serial number of the directory; its items count on from it.
    fn inode(&self) -> u64;
    /// The names, always in the same order.
    fn names(&self) -> Vec<String>;
    /// What is under a name.
    fn item(&self, name: &str) -> Option<Item>;
}

/// Every computed directory is a directory in which nothing can be made or removed.
impl<T: Synthetic> Directory for T {
    fn stat(&self) -> Result<Stat> {
        Ok(Stat {
            inode: self.inode(),
            file_type: FileType::Directory,
            links: 1,
            ..Stat::default()
        })
    }

    fn set_times(&self, _times: SetTimes) -> Result<()> {
        Err(Errno::NotPermitted)
    }

    fn sync(&self, _data_only: bool) -> Result<()> {
        Ok(())
    }

    fn lookup(&self, name: &str) -> Result<Lookup> {
        Ok(match self.item(name).ok_or(Errno::NoEntry)? {
            Item::Directory(directory) => Lookup::Directory(directory),
            Item::Symlink(target) => Lookup::Symlink(target),
            Item::Text(_) | Item::Stream(_) => Lookup::Other,
        })
    }

    fn stat_at(&self, name: &str) -> Result<Stat> {
        let item = self.item(name).ok_or(Errno::NoEntry)?;
        if let Item::Directory(directory) = &item {
            return directory.stat();
        }
        let at = self
            .names()
            .iter()
            .position(|known| known == name)
            .unwrap_or(0) as u64;
        let size = match &item {
            Item::Symlink(target) => target.len() as u64,
            // As in Linux's /proc: not known before it is read.
            _ => 0,
        };
        Ok(Stat {
            inode: self.inode() + 1 + at,
            file_type: item.file_type(),
            links: 1,
            size,
            ..Stat::default()
        })
    }

    fn open_at(&self, name: &str, options: OpenOptions) -> Result<Opened> {
        let item = match self.item(name) {
            Some(_) if options.create && options.exclusive => return Err(Errno::Exist),
            Some(item) => item,
            None if options.create => return Err(Errno::NotPermitted),
            None => return Err(Errno::NoEntry),
        };
        match item {
            Item::Symlink(target) => Ok(Opened::Symlink(target)),
            Item::Directory(_) if options.write => Err(Errno::IsDirectory),
            Item::Directory(directory) => Ok(Opened::Directory(directory)),
            Item::Text(_) | Item::Stream(_) if options.directory => Err(Errno::NotDirectory),
            Item::Text(_) if options.write || options.truncate => Err(Errno::NotPermitted),
            Item::Text(text) => Ok(Opened::File(Arc::new(TextFile { text }))),
            Item::Stream(stream) => Ok(Opened::Stream(stream)),
        }
    }

    fn read_dir(
        &self,
        cursor: u64,
        visit: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        let from = usize::try_from(cursor).map_err(|_| Errno::Invalid)?;
        for (at, name) in self.names().iter().enumerate().skip(from) {
            let Some(item) = self.item(name) else {
                continue;
            };
            let entry = DirEntry {
                name,
                inode: self.inode() + 1 + at as u64,
                file_type: item.file_type(),
                next: at as u64 + 1,
            };
            if visit(entry).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn read_link_at(&self, name: &str) -> Result<String> {
        match self.item(name).ok_or(Errno::NoEntry)? {
            Item::Symlink(target) => Ok(target),
            _ => Err(Errno::Invalid),
        }
    }

    fn set_times_at(&self, name: &str, _times: SetTimes) -> Result<()> {
        self.item(name).ok_or(Errno::NoEntry)?;
        Err(Errno::NotPermitted)
    }

    fn create_directory_at(&self, name: &str) -> Result<()> {
        Err(if self.item(name).is_some() {
            Errno::Exist
        } else {
            Errno::NotPermitted
        })
    }

    fn remove_directory_at(&self, name: &str) -> Result<()> {
        match self.item(name).ok_or(Errno::NoEntry)? {
            Item::Directory(_) => Err(Errno::NotPermitted),
            _ => Err(Errno::NotDirectory),
        }
    }

    fn unlink_at(&self, name: &str) -> Result<()> {
        match self.item(name).ok_or(Errno::NoEntry)? {
            Item::Directory(_) => Err(Errno::IsDirectory),
            _ => Err(Errno::NotPermitted),
        }
    }

    fn symlink_at(&self, name: &str, _target: &str) -> Result<()> {
        self.create_directory_at(name)
    }

    fn link_at(&self, name: &str, _to: &dyn Directory, _new_name: &str) -> Result<()> {
        self.item(name).ok_or(Errno::NoEntry)?;
        Err(Errno::NotPermitted)
    }

    fn rename_at(&self, name: &str, _to: &dyn Directory, _new_name: &str) -> Result<()> {
        self.item(name).ok_or(Errno::NoEntry)?;
        Err(Errno::NotPermitted)
    }
}

/// A file whose text was made when it was opened, so that reading it in pieces is
/// consistent.
#[derive(Debug)]
struct TextFile {
    text: String,
}

impl File for TextFile {
    fn stat(&self) -> Result<Stat> {
        Ok(Stat {
            file_type: FileType::RegularFile,
            links: 1,
            size: self.text.len() as u64,
            ..Stat::default()
        })
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let from = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(self.text.len());
        let rest = &self.text.as_bytes()[from..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn write_at(&self, _offset: u64, _data: &[IoSlice<'_>]) -> Result<usize> {
        Err(Errno::BadFd)
    }

    fn append(&self, _data: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        Err(Errno::BadFd)
    }

    fn set_size(&self, _size: u64) -> Result<()> {
        Err(Errno::NotPermitted)
    }

    fn allocate(&self, _offset: u64, _length: u64) -> Result<()> {
        Err(Errno::NotPermitted)
    }

    fn sync(&self, _data_only: bool) -> Result<()> {
        Ok(())
    }

    fn set_times(&self, _times: SetTimes) -> Result<()> {
        Err(Errno::NotPermitted)
    }
}

//! Directories and files of an image, as the kernel sees them.

use std::io::IoSlice;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::{Poll, Waker};

use holm_abi::{Errno, SetTimes, Stat};

use super::{Blob, ImageFs, Kind, NodeId, inode};
use crate::vfs::node::{DirEntry, Directory, File, Lookup, OpenOptions, Opened, Result};

/// A directory of an image.
#[derive(Clone, Debug)]
pub(super) struct ImageDirectory {
    image: Arc<ImageFs>,
    id: NodeId,
}

impl ImageDirectory {
    pub(super) fn new(image: Arc<ImageFs>, id: NodeId) -> ImageDirectory {
        ImageDirectory { image, id }
    }

    fn find(&self, name: &str) -> Result<NodeId> {
        self.image.find(self.id, name).ok_or(Errno::NoEntry)
    }

    fn enter(&self, id: NodeId) -> Arc<ImageDirectory> {
        Arc::new(ImageDirectory::new(Arc::clone(&self.image), id))
    }
}

impl Directory for ImageDirectory {
    fn stat(&self) -> Result<Stat> {
        Ok(self.image.stat(self.id))
    }

    fn set_times(&self, _times: SetTimes) -> Result<()> {
        Err(Errno::ReadOnly)
    }

    fn sync(&self, _data_only: bool) -> Result<()> {
        Ok(())
    }

    fn lookup(&self, name: &str) -> Result<Lookup> {
        let id = self.find(name)?;
        Ok(match self.image.node(id).kind {
            Kind::Directory(_) => Lookup::Directory(self.enter(id)),
            Kind::Symlink { start, length } => {
                Lookup::Symlink(self.image.text(start, length).to_owned())
            }
            Kind::File { .. } => Lookup::Other,
        })
    }

    fn descend(&self, names: &str) -> Option<Arc<dyn Directory>> {
        let id = names
            .split('/')
            .try_fold(self.id, |id, name| self.image.find(id, name))?;
        match self.image.node(id).kind {
            Kind::Directory(_) => Some(self.enter(id)),
            _ => None,
        }
    }

    fn stat_at(&self, name: &str) -> Result<Stat> {
        self.find(name).map(|id| self.image.stat(id))
    }

    fn open_at(&self, name: &str, options: OpenOptions) -> Result<Opened> {
        if options.create && options.directory {
            return Err(Errno::Invalid);
        }
        let id = match self.find(name) {
            Ok(_) if options.create && options.exclusive => return Err(Errno::Exist),
            Err(_) if options.create => return Err(Errno::ReadOnly),
            found => found?,
        };
        let writes = options.write || options.truncate;
        match self.image.node(id).kind {
            Kind::Symlink { start, length } => {
                Ok(Opened::Symlink(self.image.text(start, length).to_owned()))
            }
            Kind::Directory(_) if writes || options.create => Err(Errno::IsDirectory),
            Kind::Directory(_) => Ok(Opened::Directory(self.enter(id))),
            Kind::File { .. } if options.directory => Err(Errno::NotDirectory),
            Kind::File { .. } if writes => Err(Errno::ReadOnly),
            Kind::File { blob, .. } => Ok(Opened::File(Arc::new(ImageFile {
                blob: Arc::clone(&self.image.blobs[super::index(blob)]),
                stat: self.image.stat(id),
            }))),
        }
    }

    fn read_dir(
        &self,
        cursor: u64,
        visit: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        let start = usize::try_from(cursor).unwrap_or(usize::MAX);
        let children = self.image.children(self.id);
        let rest = children.get(start..).unwrap_or_default();
        for (id, position) in rest.iter().zip(cursor..) {
            let entry = DirEntry {
                name: self.image.name(*id),
                inode: inode(*id),
                file_type: self.image.file_type(*id),
                next: position + 1,
            };
            if visit(entry).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn read_link_at(&self, name: &str) -> Result<String> {
        match self.image.node(self.find(name)?).kind {
            Kind::Symlink { start, length } => Ok(self.image.text(start, length).to_owned()),
            _ => Err(Errno::Invalid),
        }
    }

    fn set_times_at(&self, _name: &str, _times: SetTimes) -> Result<()> {
        Err(Errno::ReadOnly)
    }

    fn create_directory_at(&self, _name: &str) -> Result<()> {
        Err(Errno::ReadOnly)
    }

    fn remove_directory_at(&self, _name: &str) -> Result<()> {
        Err(Errno::ReadOnly)
    }

    fn unlink_at(&self, _name: &str) -> Result<()> {
        Err(Errno::ReadOnly)
    }

    fn symlink_at(&self, _name: &str, _target: &str) -> Result<()> {
        Err(Errno::ReadOnly)
    }

    fn link_at(&self, _name: &str, _to: &dyn Directory, _new_name: &str) -> Result<()> {
        Err(Errno::ReadOnly)
    }

    fn rename_at(&self, _name: &str, _to: &dyn Directory, _new_name: &str) -> Result<()> {
        Err(Errno::ReadOnly)
    }

    fn may_wait(&self) -> bool {
        self.image.may_wait
    }
}

/// An open file of an image.
#[derive(Debug)]
struct ImageFile {
    blob: Arc<dyn Blob>,
    stat: Stat,
}

impl ImageFile {
    /// The part of a buffer that the file can fill from `offset` on.
    fn within<'b>(&self, offset: u64, buffer: &'b mut [u8]) -> &'b mut [u8] {
        let left = usize::try_from(self.stat.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        &mut buffer[..length]
    }
}

impl File for ImageFile {
    fn stat(&self) -> Result<Stat> {
        Ok(self.stat)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        match self.within(offset, buffer) {
            [] => Ok(0),
            buffer => self.blob.read_at(offset, buffer),
        }
    }

    fn poll_read_at(&self, offset: u64, buffer: &mut [u8], waker: &Waker) -> Poll<Result<usize>> {
        match self.within(offset, buffer) {
            [] => Poll::Ready(Ok(0)),
            buffer => self.blob.poll_read_at(offset, buffer, waker),
        }
    }

    fn write_at(&self, _offset: u64, _data: &[IoSlice<'_>]) -> Result<usize> {
        Err(Errno::ReadOnly)
    }

    fn append(&self, _data: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        Err(Errno::ReadOnly)
    }

    fn set_size(&self, _size: u64) -> Result<()> {
        Err(Errno::ReadOnly)
    }

    fn allocate(&self, _offset: u64, _length: u64) -> Result<()> {
        Err(Errno::ReadOnly)
    }

    fn sync(&self, _data_only: bool) -> Result<()> {
        Ok(())
    }

    fn set_times(&self, _times: SetTimes) -> Result<()> {
        Err(Errno::ReadOnly)
    }

    /// There is nothing to write, so nothing to wait for.
    fn set_sync(&self, _data_sync: bool, _sync: bool) -> Result<()> {
        Ok(())
    }
}

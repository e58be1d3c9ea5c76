//! What a backend implements: directories, files, streams and listeners.
//!
//! A backend answers for one component at a time and follows no symbolic link: walking,
//! `..`, links, mounts, read-only mounts and trailing slashes are the kernel's
//! ([`super::walk`]), so that they are the same for every backend. Every name a backend
//! receives is one path component: not empty, not `.` or `..`, without `/` and NUL, at most
//! [`holm_abi::NAME_MAX`] bytes.

use std::any::Any;
use std::fmt::Debug;
use std::io::IoSlice;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::{Poll, Waker};

use holm_abi::{Advice, Errno, FileType, Received, RecvFlags, SetTimes, ShutdownFlags, Stat};

/// Result of a backend's call.
pub type Result<T> = std::result::Result<T, Errno>;

/// What a name in a directory leads to, without following it.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// A directory, ready to be walked into.
    Directory(Arc<dyn Directory>),
    /// A symbolic link, with its text.
    Symlink(String),
    /// Anything else.
    Other,
}

/// What opening a name gave.
#[derive(Clone, Debug)]
pub enum Opened {
    /// A file with offsets.
    File(Arc<dyn File>),
    /// A device, a pipe, a terminal: bytes without offsets.
    Stream(Arc<dyn Stream>),
    /// A directory.
    Directory(Arc<dyn Directory>),
    /// The name is a symbolic link, which was not followed; its text.
    Symlink(String),
}

/// How to open a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// The opened file will be read.
    pub read: bool,
    /// The opened file will be written. A directory then answers `EISDIR`.
    pub write: bool,
    /// Create a regular file when the name does not exist.
    pub create: bool,
    /// With `create`: fail with `EEXIST` when the name exists, even as a symbolic link.
    pub exclusive: bool,
    /// Cut a regular file to size 0 (implies that the caller may change it).
    pub truncate: bool,
    /// Fail with `ENOTDIR` unless it is a directory. A symbolic link is still answered as
    /// [`Opened::Symlink`].
    pub directory: bool,
    /// Writes wait for stable storage of data, or (`sync`) of data and metadata.
    pub data_sync: bool,
    /// See `data_sync`.
    pub sync: bool,
}

/// One entry of a listing. `.` and `..` are the kernel's and never listed by a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirEntry<'a> {
    /// The entry's name.
    pub name: &'a str,
    /// Serial number of the file.
    pub inode: u64,
    /// What kind of file it is.
    pub file_type: FileType,
    /// Position after this entry: pass it to [`Directory::read_dir`] to go on from there.
    pub next: u64,
}

/// A directory of a backend. The methods that change something are called only on a
/// writable mount: a backend need not check the mount's access again.
pub trait Directory: Any + Debug + Send + Sync {
    /// Metadata of the directory itself (`device` is filled in by the kernel).
    fn stat(&self) -> Result<Stat>;
    /// Sets the directory's own times.
    fn set_times(&self, times: SetTimes) -> Result<()>;
    /// Waits until the directory is on stable storage.
    fn sync(&self, data_only: bool) -> Result<()>;
    /// Finds `name` without following it. `ENOENT` when there is none.
    fn lookup(&self, name: &str) -> Result<Lookup>;
    /// Enters several directories at once, as a short cut: the directory at
    /// `names` joined, when every one of them is a plain directory of this backend.
    /// `None` sends the kernel the long way, name by name; it is never an error.
    fn descend(&self, names: &str) -> Option<Arc<dyn Directory>> {
        let _ = names;
        None
    }
    /// Metadata of `name`, not following it.
    fn stat_at(&self, name: &str) -> Result<Stat>;
    /// Opens `name`, not following it.
    fn open_at(&self, name: &str, options: OpenOptions) -> Result<Opened>;
    /// Calls `visit` with each entry from position `cursor` on (0 is the start) until it
    /// breaks or there are no more. Entries that exist throughout are listed exactly once,
    /// also when others come and go between two calls.
    fn read_dir(
        &self,
        cursor: u64,
        visit: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>,
    ) -> Result<()>;
    /// Text of the symbolic link `name`. `EINVAL` when it is none.
    fn read_link_at(&self, name: &str) -> Result<String>;
    /// Sets times of `name`, not following it.
    fn set_times_at(&self, name: &str, times: SetTimes) -> Result<()>;
    /// Creates a directory. `EEXIST` when the name exists.
    fn create_directory_at(&self, name: &str) -> Result<()>;
    /// Removes an empty directory: `ENOTDIR`, `ENOTEMPTY`.
    fn remove_directory_at(&self, name: &str) -> Result<()>;
    /// Unlinks what is not a directory: `EISDIR` for one.
    fn unlink_at(&self, name: &str) -> Result<()>;
    /// Creates a symbolic link with the text `target`. `EEXIST` when the name exists.
    fn symlink_at(&self, name: &str, target: &str) -> Result<()>;
    /// Makes `new_name` in `to`, a directory of the same mount, another name of the file
    /// `name`, which is not followed. `EPERM` for a directory, `EEXIST`.
    fn link_at(&self, name: &str, to: &dyn Directory, new_name: &str) -> Result<()>;
    /// Renames `name` to `new_name` in `to`, a directory of the same mount, as `rename(2)`:
    /// replaces a file by a file and an empty directory by a directory; `EINVAL` when a
    /// directory would move into itself, `ENOTEMPTY`, `EISDIR`, `ENOTDIR`.
    fn rename_at(&self, name: &str, to: &dyn Directory, new_name: &str) -> Result<()>;
    /// Whether there may be files at or below it whose reads wait ([`File::poll_read_at`]).
    fn may_wait(&self) -> bool {
        false
    }
    /// Makes everything available that opening the existing file `name` for writing, renaming
    /// it, linking it or setting its times needs: a copy-on-write backend must have all bytes
    /// of a file to copy it, and they may come from far. The kernel asks before each of these
    /// (except for an open that truncates) and makes the call again when it is woken. What is
    /// wrong with the name is for the call itself to say.
    fn prepare_change_at(&self, name: &str, waker: &Waker) -> Poll<Result<()>> {
        let _ = (name, waker);
        Poll::Ready(Ok(()))
    }
}

/// An open file with offsets.
pub trait File: Any + Debug + Send + Sync {
    /// Metadata (`device` is filled in by the kernel).
    fn stat(&self) -> Result<Stat>;
    /// Reads at `offset`; 0 is the end of the file. A short read is allowed. `EAGAIN` where
    /// [`File::poll_read_at`] would wait.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize>;
    /// The same for a file whose bytes may have to come first, from a network or a disk that
    /// answers later: `Pending` registers the waker, and the caller tries again when woken.
    /// The kernel reads by this alone.
    ///
    /// One call rather than a question whether to wait, followed by a read: nothing can be
    /// thrown out of a cache between the two, and a file that never waits costs no call more.
    fn poll_read_at(&self, offset: u64, buffer: &mut [u8], waker: &Waker) -> Poll<Result<usize>> {
        let _ = waker;
        Poll::Ready(self.read_at(offset, buffer))
    }
    /// Makes everything available that setting the times of this file needs, as
    /// [`Directory::prepare_change_at`] does for a name: of what changes a file, that alone
    /// is possible on one that was not opened for writing.
    fn prepare_change(&self, waker: &Waker) -> Poll<Result<()>> {
        let _ = waker;
        Poll::Ready(Ok(()))
    }
    /// Writes at `offset`, filling a gap with zeros. A short write is allowed.
    fn write_at(&self, offset: u64, data: &[IoSlice<'_>]) -> Result<usize>;
    /// Writes at the end, in one step; answers the bytes written and the offset after them.
    fn append(&self, data: &[IoSlice<'_>]) -> Result<(usize, u64)>;
    /// Cuts the file or extends it with zeros.
    fn set_size(&self, size: u64) -> Result<()>;
    /// Makes sure that `offset + length` bytes exist and have their space.
    fn allocate(&self, offset: u64, length: u64) -> Result<()>;
    /// Says how a range will be used.
    fn advise(&self, offset: u64, length: u64, advice: Advice) -> Result<()> {
        let _ = (offset, length, advice);
        Ok(())
    }
    /// Waits until the file (or only its data) is on stable storage.
    fn sync(&self, data_only: bool) -> Result<()>;
    /// Sets times.
    fn set_times(&self, times: SetTimes) -> Result<()>;
    /// Switches waiting for stable storage on each write on or off, when that can be done
    /// after opening. `ENOTSUP` when it cannot.
    fn set_sync(&self, data_sync: bool, sync: bool) -> Result<()> {
        if data_sync || sync {
            Err(Errno::NotSupported)
        } else {
            Ok(())
        }
    }
}

/// Which side of a stream is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interest {
    /// Something to read.
    Read,
    /// Room to write.
    Write,
}

/// What a stream is ready for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Bytes that can be moved at once; 0 when not known, and at the end of the stream.
    pub bytes: u64,
    /// Whether the other side is gone.
    pub hangup: bool,
}

/// Bytes without offsets: a pipe, a terminal, a device, a connected socket.
///
/// A call that would block registers the waker and answers `Pending`; the caller tries
/// again after it is woken. Registered wakers of one stream are bounded by its users: a
/// stream keeps at most one for each side and task.
pub trait Stream: Any + Debug + Send + Sync {
    /// What kind of file it is.
    fn file_type(&self) -> FileType;
    /// Whether a character device is something else than a terminal. WASI 0.1 has no other
    /// way to tell than that a terminal cannot be asked for an offset (wasi-libc's `isatty`).
    fn is_plain_device(&self) -> bool {
        false
    }
    /// Metadata.
    fn stat(&self) -> Result<Stat> {
        Ok(Stat {
            file_type: self.file_type(),
            links: 1,
            ..Stat::default()
        })
    }
    /// Reads; 0 is the end. `EBADF` when the stream cannot be read.
    fn read(&self, buffer: &mut [u8], waker: &Waker) -> Poll<Result<usize>>;
    /// Writes. `EPIPE` when nobody will read, `EBADF` when the stream cannot be written.
    fn write(&self, data: &[IoSlice<'_>], waker: &Waker) -> Poll<Result<usize>>;
    /// Whether a read or write would not block.
    fn readiness(&self, interest: Interest, waker: &Waker) -> Poll<Result<Readiness>>;
    /// Waits until what was written has arrived, where that means something.
    fn sync(&self) -> Result<()> {
        Ok(())
    }
    /// Receives from a socket.
    fn receive(
        &self,
        buffer: &mut [u8],
        flags: RecvFlags,
        waker: &Waker,
    ) -> Poll<Result<Received>> {
        let _ = (buffer, flags, waker);
        Poll::Ready(Err(Errno::NotSocket))
    }
    /// Shuts directions of a socket down.
    fn shutdown(&self, how: ShutdownFlags) -> Result<()> {
        let _ = how;
        Err(Errno::NotSocket)
    }
}

/// A listening socket.
pub trait Listener: Any + Debug + Send + Sync {
    /// Takes a connection.
    fn accept(&self, waker: &Waker) -> Poll<Result<Arc<dyn Stream>>>;
    /// Whether a connection waits.
    fn readiness(&self, waker: &Waker) -> Poll<Result<Readiness>>;
}

//! Directories of the host, in Node.
//!
//! The rules are those of the native host. **Nothing leads outside, whatever the host does
//! meanwhile**: a [`HostDirectory`] is a handle, every call names one component below it,
//! checked to be one, and follows no symbolic link. What another process swaps in between two
//! calls is met as what it then is: a link is answered as a link. How far Node can keep this
//! on each host is told where its part is, `web/src/node/directory.ts`.
//!
//! **What may be opened**: regular files, directories and FIFOs. A device node is a way out
//! of the file system, so opening one is `EACCES`; a socket is `ENXIO`, as natively. A FIFO
//! is opened without waiting for its other side: reading waits for a writer, opening for
//! writing without a reader is `ENXIO`.
//!
//! A name that is not UTF-8 is listed with U+FFFD in place of what is not, and cannot be
//! opened; the text of a link that is not UTF-8 is `EILSEQ`.

mod error;
mod fifo;
mod file;
mod imports_unsafe;
mod listing;
mod standard;
mod standard_unsafe;
mod times;

use std::any::Any;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use holm_abi::{Errno, FileType, SetTimes, Stat};
use holm_kernel::vfs::{DirEntry, Directory, Lookup, OpenOptions, Opened, Result};

pub use error::HostDirectoryError;
use fifo::Fifo;
pub use fifo::{look, wait_ns};
use file::HostFile;
use imports_unsafe::{Handle, OpenFlags};
use listing::Listings;
pub(crate) use standard::{standard_ready, standard_stream};
use times::ExactTimes;

/// How often a name is looked at again when it changes between a link and something else
/// under our eyes.
const SWAPS_MAX: usize = 16;

/// A directory of the host, and everything beneath it.
#[derive(Debug)]
pub struct HostDirectory {
    handle: Handle,
    listings: Listings,
    /// Whether devices may be met here, so that types are looked at before opening.
    devices: OnceLock<bool>,
    /// Times that were set more exactly than the host could take them.
    times: Arc<ExactTimes>,
}

impl HostDirectory {
    /// Opens the directory at `path`, a path of the host; symbolic links on the way to it
    /// are followed.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the path: it does not exist, is no directory, may not be
    /// entered; or that this host has no directories to mount.
    pub fn open(path: &str) -> std::result::Result<Arc<dyn Directory>, HostDirectoryError> {
        let handle = Handle::open_root(path)
            .map_err(|errno| HostDirectoryError::new(path.to_owned(), errno))?;
        Ok(Arc::new(HostDirectory::new(handle, Arc::default())))
    }

    fn new(handle: Handle, times: Arc<ExactTimes>) -> HostDirectory {
        HostDirectory {
            handle,
            listings: Listings::default(),
            devices: OnceLock::new(),
            times,
        }
    }

    fn child(&self, handle: Handle) -> Arc<dyn Directory> {
        Arc::new(HostDirectory::new(handle, self.times.clone()))
    }

    /// Refuses what must not even be opened: opening a device sets things off (a tape
    /// rewinds, a watchdog starts). They live on `tmpfs` and `devtmpfs`; a node made by hand
    /// on a disk is opened and closed again at once.
    fn refuse_devices(&self, name: &str) -> Result<()> {
        let may_be_met = *self
            .devices
            .get_or_init(|| self.handle.may_hold_devices().unwrap_or(true));
        if may_be_met && let Ok(record) = self.handle.record_at(name.as_bytes()) {
            refuse_device(record.file_type())?;
        }
        Ok(())
    }

    /// The text of the link `name`; `None` when it is none.
    fn link_text(&self, name: &str) -> Result<Option<String>> {
        match self.handle.read_link(name) {
            Ok(text) => String::from_utf8(text)
                .map(Some)
                .map_err(|_| Errno::IllegalSequence),
            Err(Errno::Invalid) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// One attempt at [`Directory::open_at`]; `None` when the name changed meanwhile.
    fn try_open(
        &self,
        name: &str,
        flags: OpenFlags,
        options: OpenOptions,
    ) -> Result<Option<Opened>> {
        let handle = match self.handle.open_at(name, flags) {
            Ok(handle) => handle,
            // With O_DIRECTORY Linux calls a link ENOTDIR; FreeBSD calls one EMLINK.
            Err(error @ (Errno::Loop | Errno::TooManyLinks | Errno::NotDirectory)) => {
                return match self.link_text(name)? {
                    Some(text) => Ok(Some(Opened::Symlink(text))),
                    None if error == Errno::NotDirectory => Err(Errno::NotDirectory),
                    None => Ok(None),
                };
            }
            Err(errno) => return Err(errno),
        };
        let kind = handle.kind()?;
        let opened = match kind.file_type() {
            FileType::RegularFile => {
                let file = HostFile::new(handle, self.times.clone(), options);
                Opened::File(Arc::new(file))
            }
            FileType::Directory if options.write => return Err(Errno::IsDirectory),
            FileType::Directory => Opened::Directory(self.child(handle)),
            _ if kind.is_fifo() => Opened::Stream(Arc::new(Fifo::new(handle))),
            other => {
                refuse_device(other)?;
                return Err(Errno::NoSuchDevice);
            }
        };
        Ok(Some(opened))
    }
}

fn refuse_device(file_type: FileType) -> Result<()> {
    match file_type {
        FileType::CharacterDevice | FileType::BlockDevice => Err(Errno::Access),
        _ => Ok(()),
    }
}

fn open_flags(options: OpenOptions) -> OpenFlags {
    let mut flags = OpenFlags::NONE;
    let wanted = [
        (options.read, OpenFlags::READ),
        // Cutting a file takes the right to write it.
        (options.write || options.truncate, OpenFlags::WRITE),
        (options.directory, OpenFlags::DIRECTORY),
        (options.create && !options.directory, OpenFlags::CREATE),
        (
            options.create && options.exclusive && !options.directory,
            OpenFlags::EXCLUSIVE,
        ),
        (options.truncate, OpenFlags::TRUNCATE),
    ];
    for (asked, flag) in wanted {
        if asked {
            flags = flags.with(flag);
        }
    }
    flags
}

/// Checks that `name` is one component. The kernel sends nothing else; this is the wall
/// behind it, and costs a scan of a short string.
fn component(name: &str) -> Result<&str> {
    let bytes = name.as_bytes();
    if bytes.is_empty()
        || name == "."
        || name == ".."
        || bytes.iter().any(|b| matches!(b, b'/' | 0))
    {
        return Err(Errno::Invalid);
    }
    Ok(name)
}

/// `to` as a directory of the host: a link or rename to another backend is `EXDEV`.
fn host_directory(to: &dyn Directory) -> Result<&HostDirectory> {
    let to: &dyn Any = to;
    to.downcast_ref().ok_or(Errno::CrossDevice)
}

impl Directory for HostDirectory {
    fn stat(&self) -> Result<Stat> {
        Ok(self.times.stat(&self.handle.record()?))
    }

    fn set_times(&self, times: SetTimes) -> Result<()> {
        self.times.set(times, &|| self.handle.record(), &|| {
            self.handle.set_times(times)
        })
    }

    fn sync(&self, data_only: bool) -> Result<()> {
        match self.handle.sync_directory(data_only) {
            // Removed while open: there is nothing to keep. Some file systems have nothing
            // to flush for a directory, and say so.
            Err(Errno::NoEntry | Errno::Invalid) => Ok(()),
            done => done,
        }
    }

    fn lookup(&self, name: &str) -> Result<Lookup> {
        let name = component(name)?;
        for _ in 0..SWAPS_MAX {
            match self.handle.open_at(name, OpenFlags::ENTER) {
                Ok(handle) => return Ok(Lookup::Directory(self.child(handle))),
                Err(Errno::NotDirectory | Errno::Loop | Errno::TooManyLinks) => {}
                Err(errno) => return Err(errno),
            }
            if let Some(text) = self.link_text(name)? {
                return Ok(Lookup::Symlink(text));
            }
            match self.handle.record_at(name.as_bytes())?.file_type() {
                // Changed meanwhile: look again.
                FileType::Directory | FileType::SymbolicLink => {}
                _ => return Ok(Lookup::Other),
            }
        }
        Err(Errno::Busy)
    }

    fn stat_at(&self, name: &str) -> Result<Stat> {
        let record = self.handle.record_at(component(name)?.as_bytes())?;
        Ok(self.times.stat(&record))
    }

    fn open_at(&self, name: &str, options: OpenOptions) -> Result<Opened> {
        let name = component(name)?;
        self.refuse_devices(name)?;
        let flags = open_flags(options);
        for _ in 0..SWAPS_MAX {
            if let Some(opened) = self.try_open(name, flags, options)? {
                return Ok(opened);
            }
        }
        Err(Errno::Busy)
    }

    fn read_dir(
        &self,
        cursor: u64,
        visit: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        self.listings.read(&self.handle, cursor, visit)
    }

    fn read_link_at(&self, name: &str) -> Result<String> {
        self.link_text(component(name)?)?.ok_or(Errno::Invalid)
    }

    fn set_times_at(&self, name: &str, times: SetTimes) -> Result<()> {
        let name = component(name)?;
        self.times
            .set(times, &|| self.handle.record_at(name.as_bytes()), &|| {
                self.handle.set_times_at(name, times)
            })
    }

    fn create_directory_at(&self, name: &str) -> Result<()> {
        self.handle.create_directory(component(name)?)
    }

    fn remove_directory_at(&self, name: &str) -> Result<()> {
        match self.handle.remove_directory(component(name)?) {
            // POSIX lets a file system say either.
            Err(Errno::Exist) => Err(Errno::NotEmpty),
            done => done,
        }
    }

    fn unlink_at(&self, name: &str) -> Result<()> {
        let name = component(name)?;
        match self.handle.unlink(name) {
            // POSIX says EPERM for a directory, Linux EISDIR.
            Err(Errno::NotPermitted) => match self.handle.record_at(name.as_bytes()) {
                Ok(record) if record.file_type() == FileType::Directory => Err(Errno::IsDirectory),
                _ => Err(Errno::NotPermitted),
            },
            done => done,
        }
    }

    fn symlink_at(&self, name: &str, target: &str) -> Result<()> {
        self.handle.symlink(component(name)?, target)
    }

    fn link_at(&self, name: &str, to: &dyn Directory, new_name: &str) -> Result<()> {
        let to = host_directory(to)?;
        self.handle
            .link(component(name)?, &to.handle, component(new_name)?)
    }

    fn rename_at(&self, name: &str, to: &dyn Directory, new_name: &str) -> Result<()> {
        let to = host_directory(to)?;
        match self
            .handle
            .rename(component(name)?, &to.handle, component(new_name)?)
        {
            // POSIX lets a file system say either of a directory that is not empty.
            Err(Errno::Exist) => Err(Errno::NotEmpty),
            done => done,
        }
    }
}

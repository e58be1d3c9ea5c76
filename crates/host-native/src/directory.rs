//! Directories of the host.
//!
//! **Nothing leads outside, whatever the host does meanwhile.** A [`HostDirectory`] is a
//! descriptor. Every call names one component below it, checked to be one, and follows no
//! symbolic link; there is no `..` and no path. What another process swaps in between two
//! calls is met as what it then is: a link is answered as a link. (A mount that the host
//! makes inside the directory is part of it, as it is for every program of the host.)
//!
//! **What may be opened**: regular files, directories and FIFOs. A device node is a way out
//! of the file system, so opening one is `EACCES`; a socket is `ENXIO`, as natively. A FIFO
//! is opened without waiting for its other side: reading waits for a writer, opening for
//! writing without a reader is `ENXIO`.
//!
//! A name that is not UTF-8 is listed with U+FFFD in place of what is not, and cannot be
//! opened; the text of a link that is not UTF-8 is `EILSEQ`.

mod listing;
#[cfg(not(target_os = "linux"))]
mod snapshot;

use std::any::Any;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use holm_abi::{Errno, SetTimes, Stat};
use holm_kernel::vfs::{DirEntry, Directory, Lookup, OpenOptions, Opened, Result};
use rustix::fs::{
    Access, AtFlags, CWD, FileType as HostType, Mode, OFlags, accessat, fstat, linkat, mkdirat,
    openat, readlinkat, renameat, statat, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno as Host;

use crate::byte_stream::ByteStream;
use crate::errno::from_host;
use crate::error::{self, HostError};
use crate::file::{HostFile, flush};
use crate::metadata;
use listing::Listings;

/// A directory to walk through: no permission to read it is needed, and none is had.
#[cfg(target_os = "linux")]
const ENTER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const ENTER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// Modes of what a guest creates, before the umask.
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o777);

/// How often a name is looked at again when it changes between a link and something else
/// under our eyes.
const SWAPS_MAX: usize = 16;

/// A directory of the host, and everything beneath it.
#[derive(Debug)]
pub struct HostDirectory {
    fd: OwnedFd,
    /// Whether `fd` can be read from, not only walked through.
    readable: bool,
    listings: Listings,
    /// Whether devices may be met here, so that types are looked at before opening.
    devices: OnceLock<bool>,
}

impl HostDirectory {
    /// Opens the directory at `path`, a path of the host; symbolic links on the way to it
    /// are followed.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the path: it does not exist, is no directory, may not be
    /// entered.
    pub fn open(path: &Path) -> std::result::Result<Arc<dyn Directory>, HostError> {
        let error = |errno| error::directory(path.to_owned(), errno);
        let fd = openat(CWD, path, ENTER, Mode::empty()).map_err(error)?;
        accessat(&fd, ".", Access::EXEC_OK, AtFlags::empty()).map_err(error)?;
        Ok(Arc::new(HostDirectory::new(
            fd,
            cfg!(not(target_os = "linux")),
        )))
    }

    fn new(fd: OwnedFd, readable: bool) -> HostDirectory {
        HostDirectory {
            fd,
            readable,
            listings: Listings::default(),
            devices: OnceLock::new(),
        }
    }

    /// A descriptor of this directory that can be read and flushed.
    fn reopen(&self) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(&self.fd, ".", flags, Mode::empty()).map_err(from_host)
    }

    /// Whether opening a name here may have a device open, with what that sets off (a tape
    /// rewinds, a watchdog starts). On a mount with `nodev` it cannot; elsewhere devices
    /// live on `tmpfs` and `devtmpfs`. A node made by hand on a disk is opened and closed
    /// again at once.
    fn may_hold_devices(&self) -> bool {
        *self.devices.get_or_init(|| {
            #[cfg(target_os = "linux")]
            {
                use rustix::fs::fstatfs;

                /// `linux/magic.h`; `devtmpfs` has the magic of `tmpfs`, or of `ramfs`.
                const TMPFS: i64 = 0x0102_1994;
                const RAMFS: i64 = 0x8584_58f6;
                const ST_NODEV: i64 = 4;
                #[allow(
                    clippy::unnecessary_fallible_conversions,
                    clippy::useless_conversion,
                    reason = "field types differ between architectures"
                )]
                fstatfs(&self.fd).map_or(true, |found| {
                    let kind = i64::try_from(found.f_type).unwrap_or(TMPFS);
                    let flags = i64::try_from(found.f_flags).unwrap_or(0);
                    (kind == TMPFS || kind == RAMFS) && flags & ST_NODEV == 0
                })
            }
            #[cfg(not(target_os = "linux"))]
            {
                true
            }
        })
    }

    /// Refuses what must not even be opened.
    fn refuse_devices(&self, name: &str) -> Result<()> {
        if self.may_hold_devices()
            && let Ok(stat) = statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)
        {
            refuse_device(metadata::host_type(&stat))?;
        }
        Ok(())
    }

    /// The text of the link `name`; `None` when it is none.
    fn link_text(&self, name: &str) -> Result<Option<String>> {
        match readlinkat(&self.fd, name, Vec::new()) {
            Ok(text) => text
                .into_string()
                .map(Some)
                .map_err(|_| Errno::IllegalSequence),
            Err(Host::INVAL) => Ok(None),
            Err(error) => Err(from_host(error)),
        }
    }

    /// One attempt at [`Directory::open_at`]; `None` when the name changed meanwhile.
    fn try_open(&self, name: &str, flags: OFlags, options: OpenOptions) -> Result<Option<Opened>> {
        let fd = match openat(&self.fd, name, flags, FILE_MODE) {
            Ok(fd) => fd,
            // With O_DIRECTORY Linux calls a link ENOTDIR; FreeBSD calls one EMLINK.
            Err(error @ (Host::LOOP | Host::MLINK | Host::NOTDIR)) => {
                return match self.link_text(name)? {
                    Some(text) => Ok(Some(Opened::Symlink(text))),
                    None if error == Host::NOTDIR => Err(Errno::NotDirectory),
                    None => Ok(None),
                };
            }
            Err(error) => return Err(from_host(error)),
        };
        let stat = fstat(&fd).map_err(from_host)?;
        let opened = match metadata::host_type(&stat) {
            HostType::RegularFile => {
                Opened::File(Arc::new(HostFile::new(fd, options.data_sync, options.sync)))
            }
            HostType::Directory if options.write => return Err(Errno::IsDirectory),
            HostType::Directory => Opened::Directory(Arc::new(HostDirectory::new(fd, true))),
            HostType::Fifo => Opened::Stream(ByteStream::fifo(fd)),
            other => {
                refuse_device(other)?;
                return Err(Errno::NoSuchDevice);
            }
        };
        Ok(Some(opened))
    }
}

fn refuse_device(host: HostType) -> Result<()> {
    match host {
        HostType::CharacterDevice | HostType::BlockDevice => Err(Errno::Access),
        _ => Ok(()),
    }
}

/// The flags of `open(2)` for `options`.
fn open_flags(options: OpenOptions) -> OFlags {
    // Cutting a file takes the right to write it.
    let write = options.write || options.truncate;
    let mut flags = match (options.read, write) {
        (true, true) => OFlags::RDWR,
        (false, true) => OFlags::WRONLY,
        (_, false) => OFlags::RDONLY,
    };
    // O_NONBLOCK: no FIFO and no device makes the host thread wait. It means nothing for
    // regular files and directories.
    flags |= OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    if options.directory {
        flags |= OFlags::DIRECTORY;
    } else if options.create {
        flags |= OFlags::CREATE;
        if options.exclusive {
            flags |= OFlags::EXCL;
        }
    }
    if options.truncate {
        flags |= OFlags::TRUNC;
    }
    flags
}

/// Checks that `name` is one component. The kernel sends nothing else; this is the wall
/// behind it, and costs a scan of a short string.
fn component(name: &str) -> Result<&str> {
    let bytes = name.as_bytes();
    if bytes.is_empty() || name == "." || name == ".." || bytes.contains(&b'/') {
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
        fstat(&self.fd)
            .map(|stat| metadata::stat(&stat))
            .map_err(from_host)
    }

    fn set_times(&self, times: SetTimes) -> Result<()> {
        // Not `futimens`: that refuses a descriptor which can only be walked through.
        utimensat(
            &self.fd,
            ".",
            &metadata::timestamps(times),
            AtFlags::SYMLINK_NOFOLLOW,
        )
        .map_err(from_host)
    }

    fn sync(&self, data_only: bool) -> Result<()> {
        let other;
        let fd = if self.readable {
            &self.fd
        } else {
            other = match self.reopen() {
                // Removed while open: there is nothing to keep.
                Err(Errno::NoEntry) => return Ok(()),
                reopened => reopened?,
            };
            &other
        };
        match flush(fd, data_only) {
            // Some file systems have nothing to flush for a directory, and say so.
            Err(Host::INVAL) => Ok(()),
            done => done.map_err(from_host),
        }
    }

    fn lookup(&self, name: &str) -> Result<Lookup> {
        let name = component(name)?;
        for _ in 0..SWAPS_MAX {
            match openat(&self.fd, name, ENTER | OFlags::NOFOLLOW, Mode::empty()) {
                Ok(fd) => {
                    let directory = HostDirectory::new(fd, cfg!(not(target_os = "linux")));
                    return Ok(Lookup::Directory(Arc::new(directory)));
                }
                Err(Host::NOTDIR | Host::LOOP | Host::MLINK) => {}
                Err(error) => return Err(from_host(error)),
            }
            if let Some(text) = self.link_text(name)? {
                return Ok(Lookup::Symlink(text));
            }
            let stat = statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).map_err(from_host)?;
            match metadata::host_type(&stat) {
                // Changed meanwhile: look again.
                HostType::Directory | HostType::Symlink => {}
                _ => return Ok(Lookup::Other),
            }
        }
        Err(Errno::Busy)
    }

    #[cfg(target_os = "linux")]
    fn descend(&self, names: &str) -> Option<Arc<dyn Directory>> {
        use std::sync::atomic::{AtomicBool, Ordering};

        use rustix::fs::{ResolveFlags, openat2};

        /// Whether the host (Linux before 5.6, some sandboxes) lacks the call.
        static MISSING: AtomicBool = AtomicBool::new(false);

        if MISSING.load(Ordering::Relaxed) || names.split('/').any(|name| component(name).is_err())
        {
            return None;
        }
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match openat2(
            &self.fd,
            names,
            ENTER | OFlags::NOFOLLOW,
            Mode::empty(),
            resolve,
        ) {
            Ok(fd) => Some(Arc::new(HostDirectory::new(fd, false))),
            Err(Host::NOSYS | Host::PERM) => {
                MISSING.store(true, Ordering::Relaxed);
                None
            }
            // A link, a file, a rename somewhere at the same time: the long way tells.
            Err(_) => None,
        }
    }

    fn stat_at(&self, name: &str) -> Result<Stat> {
        statat(&self.fd, component(name)?, AtFlags::SYMLINK_NOFOLLOW)
            .map(|stat| metadata::stat(&stat))
            .map_err(from_host)
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
        self.listings.read(self, cursor, visit)
    }

    fn read_link_at(&self, name: &str) -> Result<String> {
        self.link_text(component(name)?)?.ok_or(Errno::Invalid)
    }

    fn set_times_at(&self, name: &str, times: SetTimes) -> Result<()> {
        let times = metadata::timestamps(times);
        utimensat(
            &self.fd,
            component(name)?,
            &times,
            AtFlags::SYMLINK_NOFOLLOW,
        )
        .map_err(from_host)
    }

    fn create_directory_at(&self, name: &str) -> Result<()> {
        mkdirat(&self.fd, component(name)?, DIRECTORY_MODE).map_err(from_host)
    }

    fn remove_directory_at(&self, name: &str) -> Result<()> {
        match unlinkat(&self.fd, component(name)?, AtFlags::REMOVEDIR) {
            // POSIX lets a file system say either.
            Err(Host::EXIST) => Err(Errno::NotEmpty),
            done => done.map_err(from_host),
        }
    }

    fn unlink_at(&self, name: &str) -> Result<()> {
        let name = component(name)?;
        match unlinkat(&self.fd, name, AtFlags::empty()) {
            // POSIX says EPERM for a directory, Linux EISDIR.
            Err(Host::PERM) => match statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if metadata::host_type(&stat) == HostType::Directory => {
                    Err(Errno::IsDirectory)
                }
                _ => Err(Errno::NotPermitted),
            },
            done => done.map_err(from_host),
        }
    }

    fn symlink_at(&self, name: &str, target: &str) -> Result<()> {
        symlinkat(target, &self.fd, component(name)?).map_err(from_host)
    }

    fn link_at(&self, name: &str, to: &dyn Directory, new_name: &str) -> Result<()> {
        let to = host_directory(to)?;
        linkat(
            &self.fd,
            component(name)?,
            &to.fd,
            component(new_name)?,
            AtFlags::empty(),
        )
        .map_err(from_host)
    }

    fn rename_at(&self, name: &str, to: &dyn Directory, new_name: &str) -> Result<()> {
        let to = host_directory(to)?;
        match renameat(&self.fd, component(name)?, &to.fd, component(new_name)?) {
            // POSIX lets a file system say either of a directory that is not empty.
            Err(Host::EXIST) => Err(Errno::NotEmpty),
            done => done.map_err(from_host),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;

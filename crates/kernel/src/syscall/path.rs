//! Calls on paths.
//!
//! Each walks ([`crate::vfs::walk`]), checks the mount where the walk ended, and lets the
//! backend act on one name.

use std::sync::Arc;
use std::task::Poll;

use holm_abi::{
    Errno, Fd, FdFlags, FileType, LookupFlags, OpenFlags, Rights, SetTimes, Stat, Syscall,
};

use super::file::new_flags;
use super::{count, done, waited};
use crate::denial::Cause;
use crate::descriptor::{Entry, Object, OpenFile};
use crate::task::{SysResult, Task};
use crate::vfs::listing::Listing;
use crate::vfs::mount::{Access, Mount, Origin, Place};
use crate::vfs::node::{OpenOptions, Opened, Result};
use crate::vfs::walk::{Last, Walk};

/// What a path turned out to name.
#[derive(Clone, Copy)]
enum Target<'a> {
    /// A name in a directory; `directory` when a slash follows it.
    Name { name: &'a str, directory: bool },
    /// The directory itself: the path ended in `.` or `..`, or at a mount point.
    Here { mounted: bool },
}

/// What an action on a name says.
enum Step<T> {
    Done(T),
    /// The name is a symbolic link with this text, and it is to be followed.
    Follow(String),
}

impl Task {
    /// The directory behind `fd`, when the descriptor has the rights.
    fn base(&self, fd: Fd, rights: Rights) -> Result<Arc<OpenFile>> {
        let open = self.open_file(fd, rights)?;
        open.place()?;
        Ok(open)
    }

    /// The same, with what a descriptor that is opened through it may hold: both of one
    /// look, so that no descriptor put in its place meanwhile lends its rights.
    fn base_to_open(&self, fd: Fd, rights: Rights) -> Result<(Arc<OpenFile>, Rights)> {
        let table = crate::lock(&self.process.descriptors);
        let entry = table.get(fd)?;
        let open = entry.with(rights)?;
        open.place()?;
        Ok((open, entry.inheriting))
    }

    /// Walks `path` from `base` and lets `act` work on its last name; goes on where `act`
    /// says that a symbolic link is to be followed.
    fn at<T>(
        &self,
        call: Syscall,
        base: &OpenFile,
        path: &str,
        act: impl FnMut(&Place, Target<'_>) -> Result<Step<T>>,
    ) -> Result<T> {
        self.at_to(call, changes(call), base, path, act)
    }

    /// The same; `write` says whether the call means to change something there.
    fn at_to<T>(
        &self,
        call: Syscall,
        write: bool,
        base: &OpenFile,
        path: &str,
        mut act: impl FnMut(&Place, Target<'_>) -> Result<Step<T>>,
    ) -> Result<T> {
        let place = base.place()?;
        let escape = |errno| self.explain_walk(call, write, place, path, errno);
        let missing = |end: &Place, errno| {
            if end.mount.origin == Origin::Void && errno == Errno::NoEntry {
                let path = self.process.namespace().absolute(place, path);
                let cause = Cause::NothingMounted { path, write };
                self.process.deny(cause, Some(call), errno);
            }
            errno
        };
        let mut walk = Walk::new(self.process.namespace(), place.clone(), path).map_err(escape)?;
        loop {
            let last = match walk.reach_last() {
                Ok(last) => last,
                Err(errno) => {
                    return Err(escape(missing(walk.place(), errno)));
                }
            };
            let (step, directory) = match last {
                Last::Here => (act(walk.place(), Target::Here { mounted: false }), true),
                Last::Name { directory } => match walk.mounted_at_name() {
                    Some(place) => (act(&place, Target::Here { mounted: true }), true),
                    None => {
                        let target = Target::Name {
                            name: walk.name(),
                            directory,
                        };
                        (act(walk.place(), target), directory)
                    }
                },
            };
            match step {
                Ok(Step::Done(value)) => return Ok(value),
                Ok(Step::Follow(text)) => walk.follow(&text, directory).map_err(escape)?,
                Err(errno) => return Err(missing(walk.place(), errno)),
            }
        }
    }

    /// Notes a refusal on the way: a path that leads out of its directory.
    fn explain_walk(
        &self,
        call: Syscall,
        write: bool,
        base: &Place,
        path: &str,
        errno: Errno,
    ) -> Errno {
        if errno == Errno::NotPermitted {
            let path = path.to_owned();
            let cause = if base.is_void_root() {
                // Nothing is above it either: a program that climbs there found nothing.
                Cause::NothingMounted { path, write }
            } else {
                Cause::Escape {
                    mount: base.mount.path.clone(),
                    path,
                }
            };
            self.process.deny(cause, Some(call), errno);
        }
        errno
    }

    /// `EROFS`, explained, unless the files of the mount at `place` may be changed.
    pub(crate) fn writable(&self, place: &Place, call: Syscall, path: &str) -> Result<()> {
        self.writable_mount(&place.mount, call, || match place.mount.origin {
            // The walk has come to `place`: what is left of the path is its last name.
            Origin::Void => {
                let name = path
                    .trim_end_matches('/')
                    .rsplit('/')
                    .next()
                    .unwrap_or(path);
                self.process.namespace().absolute(place, name)
            }
            _ => path.to_owned(),
        })
    }

    /// The same for a mount; `path` is asked for only when it is to be explained.
    pub(crate) fn writable_mount(
        &self,
        mount: &Mount,
        call: Syscall,
        path: impl FnOnce() -> String,
    ) -> Result<()> {
        if mount.access == Access::ReadWrite {
            return Ok(());
        }
        let cause = match mount.origin {
            Origin::Void => Cause::NothingMounted {
                path: path(),
                write: true,
            },
            _ => Cause::ReadOnlyMount {
                mount: mount.path.clone(),
                source: mount.source.clone(),
                path: path(),
            },
        };
        self.process.deny(cause, Some(call), Errno::ReadOnly);
        Err(Errno::ReadOnly)
    }
}

/// Whether a call is there to make something. Removing what is not there, or setting its
/// times, has found out no more than that.
fn changes(call: Syscall) -> bool {
    matches!(
        call,
        Syscall::PathCreateDirectory
            | Syscall::PathLink
            | Syscall::PathRename
            | Syscall::PathSymlink
    )
}

/// Stat of a name, following it when it is a symbolic link and `follow` says so.
fn stat_name(place: &Place, name: &str, follow: bool, directory: bool) -> Result<Step<Stat>> {
    let stat = place.directory.stat_at(name)?;
    if stat.file_type == FileType::SymbolicLink && (follow || directory) {
        return place.directory.read_link_at(name).map(Step::Follow);
    }
    if directory && stat.file_type != FileType::Directory {
        return Err(Errno::NotDirectory);
    }
    Ok(Step::Done(stat))
}

pub(crate) fn path_filestat_get(
    task: &mut Task,
    fd: Fd,
    flags: LookupFlags,
    path: &str,
) -> SysResult<Stat> {
    let base = task.base(fd, Rights::PATH_FILESTAT_GET)?;
    let follow = flags.contains(LookupFlags::SYMLINK_FOLLOW);
    done(
        task.at(Syscall::PathFilestatGet, &base, path, |place, target| {
            let step = match target {
                Target::Here { .. } => Step::Done(place.directory.stat()?),
                Target::Name { name, directory } => stat_name(place, name, follow, directory)?,
            };
            Ok(match step {
                Step::Done(stat) => Step::Done(task.shown(stat, place.mount.device)),
                Step::Follow(text) => Step::Follow(text),
            })
        }),
    )
}

pub(crate) fn path_filestat_set_times(
    task: &mut Task,
    fd: Fd,
    flags: LookupFlags,
    path: &str,
    times: SetTimes,
) -> SysResult<()> {
    let call = Syscall::PathFilestatSetTimes;
    let base = task.base(fd, Rights::PATH_FILESTAT_SET_TIMES)?;
    let follow = flags.contains(LookupFlags::SYMLINK_FOLLOW);
    waited(task.at(call, &base, path, |place, target| {
        match target {
            Target::Here { .. } => {
                task.writable(place, call, path)?;
                place.directory.set_times(times)?;
            }
            Target::Name { name, directory } => {
                if let Step::Follow(text) = stat_name(place, name, follow, directory)? {
                    return Ok(Step::Follow(text));
                }
                task.writable(place, call, path)?;
                if place
                    .directory
                    .prepare_change_at(name, &task.waker)?
                    .is_pending()
                {
                    return Ok(Step::Done(Poll::Pending));
                }
                place.directory.set_times_at(name, times)?;
            }
        }
        Ok(Step::Done(Poll::Ready(())))
    }))
}

pub(crate) fn path_create_directory(task: &mut Task, fd: Fd, path: &str) -> SysResult<()> {
    let call = Syscall::PathCreateDirectory;
    let base = task.base(fd, Rights::PATH_CREATE_DIRECTORY)?;
    done(task.at(call, &base, path, |place, target| match target {
        Target::Here { .. } => Err(Errno::Exist),
        Target::Name { name, .. } => {
            if place.mount.access == Access::ReadOnly && place.directory.stat_at(name).is_ok() {
                return Err(Errno::Exist);
            }
            task.writable(place, call, path)?;
            place.directory.create_directory_at(name).map(Step::Done)
        }
    }))
}

pub(crate) fn path_readlink(
    task: &mut Task,
    fd: Fd,
    path: &str,
    buffer: &mut [u8],
) -> SysResult<u32> {
    let base = task.base(fd, Rights::PATH_READLINK)?;
    let text = task.at(
        Syscall::PathReadlink,
        &base,
        path,
        |place, target| match target {
            Target::Here { .. } => Err(Errno::Invalid),
            Target::Name {
                name,
                directory: false,
            } => place.directory.read_link_at(name).map(Step::Done),
            // `link/` is the directory that it leads to, and that is no link.
            Target::Name {
                name,
                directory: true,
            } => match stat_name(place, name, true, true)? {
                Step::Done(_) => Err(Errno::Invalid),
                Step::Follow(text) => Ok(Step::Follow(text)),
            },
        },
    )?;
    let length = text.len().min(buffer.len());
    buffer[..length].copy_from_slice(&text.as_bytes()[..length]);
    done(count(length))
}

pub(crate) fn path_remove_directory(task: &mut Task, fd: Fd, path: &str) -> SysResult<()> {
    let call = Syscall::PathRemoveDirectory;
    let base = task.base(fd, Rights::PATH_REMOVE_DIRECTORY)?;
    done(task.at(call, &base, path, |place, target| match target {
        Target::Here { mounted: true } => Err(Errno::Busy),
        Target::Here { mounted: false } => Err(Errno::Invalid),
        Target::Name { name, .. } => {
            if place.mount.access == Access::ReadOnly {
                place.directory.stat_at(name)?;
            }
            task.writable(place, call, path)?;
            place.directory.remove_directory_at(name).map(Step::Done)
        }
    }))
}

pub(crate) fn path_unlink_file(task: &mut Task, fd: Fd, path: &str) -> SysResult<()> {
    let call = Syscall::PathUnlinkFile;
    let base = task.base(fd, Rights::PATH_UNLINK_FILE)?;
    done(task.at(call, &base, path, |place, target| match target {
        Target::Here { mounted: true } => Err(Errno::Busy),
        Target::Here { mounted: false } => Err(Errno::IsDirectory),
        Target::Name { name, directory } => {
            if directory || place.mount.access == Access::ReadOnly {
                let file_type = place.directory.stat_at(name)?.file_type;
                if file_type == FileType::Directory {
                    return Err(Errno::IsDirectory);
                }
                if directory {
                    return Err(Errno::NotDirectory);
                }
            }
            task.writable(place, call, path)?;
            place.directory.unlink_at(name).map(Step::Done)
        }
    }))
}

pub(crate) fn path_symlink(
    task: &mut Task,
    target_text: &str,
    fd: Fd,
    path: &str,
) -> SysResult<()> {
    let call = Syscall::PathSymlink;
    let base = task.base(fd, Rights::PATH_SYMLINK)?;
    if target_text.is_empty() {
        return done(Err(Errno::NoEntry));
    }
    if target_text.contains('\0') {
        return done(Err(Errno::Invalid));
    }
    if target_text.len() > holm_abi::PATH_MAX {
        return done(Err(Errno::NameTooLong));
    }
    // A program cannot use an absolute link, but a program of the host that finds it could
    // be led astray by it.
    if target_text.starts_with('/') {
        let errno = task.explain_walk(call, true, base.place()?, target_text, Errno::NotPermitted);
        return done(Err(errno));
    }
    done(task.at(call, &base, path, |place, target| match target {
        Target::Here { .. } => Err(Errno::Exist),
        Target::Name { name, directory } => {
            check_new_name(place, name, directory)?;
            task.writable(place, call, path)?;
            place
                .directory
                .symlink_at(name, target_text)
                .map(Step::Done)
        }
    }))
}

/// Checks that `name` may become a link: where it exists, that is said before that a mount
/// is read-only, as Linux does; `name/` would have to be a directory, and a link is none.
fn check_new_name(place: &Place, name: &str, directory: bool) -> Result<()> {
    if directory {
        return Err(match place.directory.stat_at(name)?.file_type {
            FileType::Directory => Errno::Exist,
            _ => Errno::NotDirectory,
        });
    }
    if place.mount.access == Access::ReadOnly && place.directory.stat_at(name).is_ok() {
        return Err(Errno::Exist);
    }
    Ok(())
}

/// A name in a directory, found and held for a call that needs two of them.
struct Found {
    place: Place,
    name: String,
    /// A slash follows it.
    directory: bool,
}

impl Task {
    /// Walks to the directory of the last name; follows that name too when `follow` says so
    /// of it, given whether a slash follows it.
    fn find(
        &self,
        call: Syscall,
        base: &OpenFile,
        path: &str,
        follow: impl Fn(bool) -> bool,
    ) -> Result<Found> {
        self.at(call, base, path, |place, target| match target {
            Target::Here { .. } => Err(Errno::Busy),
            Target::Name { name, directory } => {
                if follow(directory)
                    && let Ok(text) = place.directory.read_link_at(name)
                {
                    return Ok(Step::Follow(text));
                }
                Ok(Step::Done(Found {
                    place: place.clone(),
                    name: name.to_owned(),
                    directory,
                }))
            }
        })
    }
}

pub(crate) fn path_link(
    task: &mut Task,
    fd: Fd,
    flags: LookupFlags,
    path: &str,
    new_fd: Fd,
    new_path: &str,
) -> SysResult<()> {
    let call = Syscall::PathLink;
    let base = task.base(fd, Rights::PATH_LINK_SOURCE)?;
    let new_base = task.base(new_fd, Rights::PATH_LINK_TARGET)?;
    waited((|| {
        let follow = flags.contains(LookupFlags::SYMLINK_FOLLOW);
        let from = match task.find(call, &base, path, |directory| follow || directory) {
            Err(Errno::Busy) => return Err(Errno::NotPermitted),
            found => found?,
        };
        let source = from.place.directory.stat_at(&from.name)?;
        if from.directory && source.file_type != FileType::Directory {
            return Err(Errno::NotDirectory);
        }
        let to = match task.find(call, &new_base, new_path, |_| false) {
            Err(Errno::Busy) => return Err(Errno::Exist),
            found => found?,
        };
        check_new_name(&to.place, &to.name, to.directory)?;
        if !Arc::ptr_eq(&from.place.mount, &to.place.mount) {
            return Err(Errno::CrossDevice);
        }
        task.writable(&to.place, call, new_path)?;
        if source.file_type == FileType::Directory {
            return Err(Errno::NotPermitted);
        }
        let directory = &from.place.directory;
        if directory
            .prepare_change_at(&from.name, &task.waker)?
            .is_pending()
        {
            return Ok(Poll::Pending);
        }
        directory
            .link_at(&from.name, &*to.place.directory, &to.name)
            .map(Poll::Ready)
    })())
}

pub(crate) fn path_rename(
    task: &mut Task,
    fd: Fd,
    path: &str,
    new_fd: Fd,
    new_path: &str,
) -> SysResult<()> {
    let call = Syscall::PathRename;
    let base = task.base(fd, Rights::PATH_RENAME_SOURCE)?;
    let new_base = task.base(new_fd, Rights::PATH_RENAME_TARGET)?;
    waited((|| {
        let from = task.find(call, &base, path, |_| false)?;
        let to = task.find(call, &new_base, new_path, |_| false)?;
        if from.directory || to.directory {
            let source = from.place.directory.stat_at(&from.name)?;
            if source.file_type != FileType::Directory {
                return Err(Errno::NotDirectory);
            }
        }
        if !Arc::ptr_eq(&from.place.mount, &to.place.mount) {
            from.place.directory.stat_at(&from.name)?;
            return Err(Errno::CrossDevice);
        }
        if from.place.mount.access == Access::ReadOnly {
            from.place.directory.stat_at(&from.name)?;
        }
        task.writable(&from.place, call, path)?;
        let directory = &from.place.directory;
        if directory
            .prepare_change_at(&from.name, &task.waker)?
            .is_pending()
        {
            return Ok(Poll::Pending);
        }
        directory
            .rename_at(&from.name, &*to.place.directory, &to.name)
            .map(Poll::Ready)
    })())
}

/// What a `path_open` asks for, checked once, before the walk.
struct Request {
    options: OpenOptions,
    follow: bool,
    rights: Rights,
    inheriting: Rights,
    flags: FdFlags,
}

#[expect(
    clippy::too_many_arguments,
    reason = "the call has seven parameters in WASI 0.1"
)]
pub(crate) fn path_open(
    task: &mut Task,
    fd: Fd,
    lookup: LookupFlags,
    path: &str,
    open: OpenFlags,
    rights: Rights,
    inheriting: Rights,
    flags: FdFlags,
) -> SysResult<Fd> {
    let (base, most) = task.base_to_open(fd, needed(open))?;
    let create = open.contains(OpenFlags::CREATE);
    if create && open.contains(OpenFlags::DIRECTORY) {
        return done(Err(Errno::Invalid));
    }
    task.check_room()?;
    // A descriptor never has more than the one that it was opened through lets through.
    let rights = rights & most;
    let write = rights.contains(Rights::FD_WRITE);
    let (data_sync, sync) = new_flags(flags);
    let request = Request {
        options: OpenOptions {
            read: !write || rights.contains(Rights::FD_READ),
            write,
            create,
            exclusive: open.contains(OpenFlags::EXCLUSIVE),
            truncate: open.contains(OpenFlags::TRUNCATE),
            directory: open.contains(OpenFlags::DIRECTORY),
            data_sync,
            sync,
        },
        follow: lookup.contains(LookupFlags::SYMLINK_FOLLOW),
        rights,
        inheriting: inheriting & most,
        flags,
    };
    let opened = task.at_to(Syscall::PathOpen, create, &base, path, |place, target| {
        open_target(task, place, target, path, &request)
    });
    waited(opened).map(|opened| opened.and_then(|entry| task.install(entry)))
}

fn needed(open: OpenFlags) -> Rights {
    let mut rights = Rights::PATH_OPEN;
    if open.contains(OpenFlags::CREATE) {
        rights = rights | Rights::PATH_CREATE_FILE;
    }
    if open.contains(OpenFlags::TRUNCATE) {
        rights = rights | Rights::PATH_FILESTAT_SET_SIZE;
    }
    rights
}

fn open_target(
    task: &Task,
    place: &Place,
    target: Target<'_>,
    path: &str,
    request: &Request,
) -> Result<Step<Poll<Entry>>> {
    let mut options = request.options;
    let (name, slash) = match target {
        Target::Here { .. } => {
            if options.create && options.exclusive {
                return Err(Errno::Exist);
            }
            if options.write || options.truncate || options.create {
                return Err(Errno::IsDirectory);
            }
            let entry = directory_entry(place.clone(), request);
            return Ok(Step::Done(Poll::Ready(entry)));
        }
        Target::Name { name, directory } => (name, directory),
    };
    if slash && options.create {
        // Linux says the same of `open("new/", O_CREAT)`, whether it exists or not.
        return Err(Errno::IsDirectory);
    }
    options.directory |= slash;
    if place.mount.access == Access::ReadOnly {
        if options.write || options.truncate {
            if let Some(step) = refused_write(place, name, options, request.follow || slash)? {
                return Ok(step);
            }
            task.writable(place, Syscall::PathOpen, path)?;
        }
        if options.create {
            match place.directory.stat_at(name) {
                Ok(_) if options.exclusive => return Err(Errno::Exist),
                Ok(stat) if stat.file_type == FileType::Directory => {
                    return Err(Errno::IsDirectory);
                }
                Ok(_) => options.create = false,
                Err(Errno::NoEntry) => task.writable(place, Syscall::PathOpen, path)?,
                Err(errno) => return Err(errno),
            }
        }
    }
    let new = options.create && options.exclusive;
    if options.write && !options.truncate && !new {
        let prepared = place.directory.prepare_change_at(name, &task.waker)?;
        if prepared.is_pending() {
            return Ok(Step::Done(Poll::Pending));
        }
    }
    let object = match place.directory.open_at(name, options)? {
        Opened::Symlink(_) if options.create && options.exclusive => return Err(Errno::Exist),
        Opened::Symlink(text) if request.follow || slash => return Ok(Step::Follow(text)),
        Opened::Symlink(_) => return Err(Errno::Loop),
        Opened::Directory(directory) => {
            let below = Place {
                mount: place.mount.clone(),
                directory,
                point: None,
            };
            let entry = directory_entry(below, request);
            return Ok(Step::Done(Poll::Ready(entry)));
        }
        Opened::File(file) => Object::File(file, place.mount.clone()),
        Opened::Stream(stream) => Object::Stream(stream),
    };
    let entry = file_entry(object, place.mount.access, request);
    Ok(Step::Done(Poll::Ready(entry)))
}

/// Before an open for writing on a read-only mount is refused: what is not there is
/// `ENOENT`, a directory `EISDIR`, and a link may lead to another, writable, mount.
fn refused_write(
    place: &Place,
    name: &str,
    options: OpenOptions,
    follow: bool,
) -> Result<Option<Step<Poll<Entry>>>> {
    let stat = match place.directory.stat_at(name) {
        Err(Errno::NoEntry) if options.create => return Ok(None),
        stat => stat?,
    };
    match stat.file_type {
        _ if options.create && options.exclusive => Err(Errno::Exist),
        FileType::SymbolicLink if follow => place
            .directory
            .read_link_at(name)
            .map(Step::Follow)
            .map(Some),
        FileType::SymbolicLink => Err(Errno::Loop),
        FileType::Directory => Err(Errno::IsDirectory),
        _ if options.directory => Err(Errno::NotDirectory),
        _ => Ok(None),
    }
}

fn directory_entry(place: Place, request: &Request) -> Entry {
    let object = Object::Directory(place, std::sync::Mutex::new(Listing::default()));
    Entry::new(
        OpenFile::new(object, request.flags),
        request.rights & Rights::DIRECTORY,
        request.inheriting,
    )
}

fn file_entry(object: Object, access: Access, request: &Request) -> Entry {
    let mut applicable = match &object {
        Object::File(..) => Rights::FILE,
        Object::Stream(stream) if stream.is_plain_device() => Rights::DEVICE,
        _ => Rights::STREAM,
    };
    if access == Access::ReadOnly {
        applicable = applicable.without(Rights::CHANGES);
    }
    if !request.options.write {
        let writing = Rights::FD_WRITE | Rights::FD_ALLOCATE | Rights::FD_FILESTAT_SET_SIZE;
        applicable = applicable.without(writing);
    }
    Entry::new(
        OpenFile::new(object, request.flags),
        request.rights & applicable,
        Rights::NONE,
    )
}

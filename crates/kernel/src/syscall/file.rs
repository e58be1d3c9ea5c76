//! Calls on open files and directories.

use std::io::IoSlice;
use std::sync::Arc;
use std::task::{Poll, ready};

use holm_abi::{
    Advice, DATAGRAM_MAX, Errno, Fd, FdFlags, FileType, Rights, SetTimes, Stat, Syscall,
    TRANSFER_MAX, Whence,
};

use super::{count, done};
use crate::denial::{Cause, Limit};
use crate::descriptor::{Object, OpenFile};
use crate::task::{SysResult, Task};
use crate::vfs::listing::Options;
use crate::vfs::node::Result;

/// Largest offset: offsets are signed in every host's interface.
const OFFSET_MAX: u64 = i64::MAX as u64;

pub(crate) fn fd_read(task: &mut Task, fd: Fd, buffer: &mut [u8]) -> SysResult<u32> {
    let open = task.open_file(fd, Rights::FD_READ)?;
    let buffer = clamp(buffer);
    received(task, open.read(&task.process, buffer, &task.waker))
}

pub(crate) fn fd_pread(task: &mut Task, fd: Fd, buffer: &mut [u8], offset: u64) -> SysResult<u32> {
    let open = task.open_file(fd, Rights::FD_READ)?;
    let file = open.file()?;
    if offset > OFFSET_MAX {
        return done(Err(Errno::Invalid));
    }
    let read = file.poll_read_at(offset, clamp(buffer), &task.waker);
    received(task, read)
}

pub(crate) fn fd_write(task: &mut Task, fd: Fd, data: &[IoSlice<'_>]) -> SysResult<u32> {
    let open = task.open_file(fd, Rights::FD_WRITE)?;
    check_datagram(&open, data)?;
    let (data, cut) = clamp_data(data);
    let data = cut.as_ref().map_or(data, std::slice::from_ref);
    task.check_bytes_out(data)?;
    sent(task, open.write(&task.process, data, &task.waker))
}

pub(crate) fn fd_pwrite(
    task: &mut Task,
    fd: Fd,
    data: &[IoSlice<'_>],
    offset: u64,
) -> SysResult<u32> {
    let open = task.open_file(fd, Rights::FD_WRITE)?;
    let file = open.file()?;
    if offset > OFFSET_MAX {
        return done(Err(Errno::Invalid));
    }
    let (data, cut) = clamp_data(data);
    let data = cut.as_ref().map_or(data, std::slice::from_ref);
    task.check_bytes_out(data)?;
    let written = file.write_at(offset, data);
    sent(task, Poll::Ready(written))
}

/// A datagram goes whole or not at all: `EMSGSIZE` for one that is too long.
pub(super) fn check_datagram(open: &OpenFile, data: &[IoSlice<'_>]) -> Result<()> {
    let whole = open.file_type() == FileType::SocketDgram;
    if whole && data.iter().map(|slice| slice.len()).sum::<usize>() > DATAGRAM_MAX {
        return Err(Errno::MessageSize);
    }
    Ok(())
}

/// A transfer that is too large is a short one.
pub(super) fn clamp(buffer: &mut [u8]) -> &mut [u8] {
    let length = buffer.len().min(TRANSFER_MAX);
    &mut buffer[..length]
}

/// The same for data that goes in: the slices that fit, or a part of the first one.
pub(super) fn clamp_data<'a, 'b>(
    data: &'a [IoSlice<'b>],
) -> (&'a [IoSlice<'b>], Option<IoSlice<'a>>) {
    let mut left = TRANSFER_MAX;
    for (at, slice) in data.iter().enumerate() {
        if slice.len() > left {
            let cut = (left == TRANSFER_MAX).then(|| IoSlice::new(&slice[..left]));
            return (&data[..at], cut);
        }
        left -= slice.len();
    }
    (data, None)
}

fn received(task: &Task, answer: Poll<Result<usize>>) -> SysResult<u32> {
    answer.map(|result| {
        let bytes = result?;
        task.process.usage.received(bytes);
        count(bytes)
    })
}

pub(super) fn sent(task: &Task, answer: Poll<Result<usize>>) -> SysResult<u32> {
    answer.map(|result| {
        let bytes = result?;
        task.process.usage.sent(bytes);
        count(bytes)
    })
}

impl Task {
    /// `EDQUOT` when what was written so far and `data` exceed the limit.
    pub(super) fn check_bytes_out(&self, data: &[IoSlice<'_>]) -> Result<()> {
        let limit = self.process.limits().bytes_out;
        if limit == u64::MAX {
            return Ok(());
        }
        let wanted: u64 = data.iter().map(|slice| slice.len() as u64).sum();
        if self.process.usage.bytes_out().saturating_add(wanted) > limit {
            self.process
                .deny(Cause::Limit(Limit::BytesOut(limit)), None, Errno::Quota);
            return Err(Errno::Quota);
        }
        Ok(())
    }

    /// The open file, when the descriptor may tell its offset: the right to seek implies
    /// the right to tell (WASI 0.1, `rights::fd_seek`).
    fn open_to_tell(&self, fd: Fd) -> Result<Arc<OpenFile>> {
        self.open_file(fd, Rights::FD_SEEK)
            .or_else(|_| self.open_file(fd, Rights::FD_TELL))
    }

    /// Metadata as the guest sees it: the mount's number and a permuted inode.
    pub(crate) fn shown(&self, stat: Stat, device: u64) -> Stat {
        Stat {
            device,
            inode: self.process.kernel().shown_inode(stat.inode),
            ..stat
        }
    }
}

pub(crate) fn fd_seek(task: &mut Task, fd: Fd, offset: i64, whence: Whence) -> SysResult<u64> {
    // Asking where one is needs the right to tell alone (WASI 0.1, `rights::fd_tell`).
    let open = if offset == 0 && whence == Whence::Current {
        task.open_to_tell(fd)?
    } else {
        task.open_file(fd, Rights::FD_SEEK)?
    };
    if open.is_plain_device() {
        return done(Ok(0));
    }
    done((|| {
        let file = open.file()?;
        let mut position = crate::lock(&open.offset);
        let base = match whence {
            Whence::Start => 0,
            Whence::Current => *position,
            Whence::End => file.stat()?.size,
        };
        let moved = base
            .checked_add_signed(offset)
            .filter(|offset| *offset <= OFFSET_MAX);
        *position = moved.ok_or(Errno::Invalid)?;
        Ok(*position)
    })())
}

pub(crate) fn fd_tell(task: &mut Task, fd: Fd) -> SysResult<u64> {
    let open = task.open_to_tell(fd)?;
    if open.is_plain_device() {
        return done(Ok(0));
    }
    done((|| {
        open.file()?;
        Ok(*crate::lock(&open.offset))
    })())
}

pub(crate) fn fd_advise(
    task: &mut Task,
    fd: Fd,
    offset: u64,
    length: u64,
    advice: Advice,
) -> SysResult<()> {
    let open = task.open_file(fd, Rights::FD_ADVISE)?;
    done(match &open.object {
        Object::File(file, _) => {
            range(offset, length).and_then(|()| file.advise(offset, length, advice))
        }
        Object::Directory(..) => Err(Errno::BadFd),
        Object::Stream(_) | Object::Listener(_) | Object::Socket(_) => Err(Errno::NotSeekable),
    })
}

pub(crate) fn fd_allocate(task: &mut Task, fd: Fd, offset: u64, length: u64) -> SysResult<()> {
    let open = task.open_file(fd, Rights::FD_ALLOCATE)?;
    done((|| {
        let file = open.file()?;
        if length == 0 {
            return Err(Errno::Invalid);
        }
        range(offset, length)?;
        file.allocate(offset, length)
    })())
}

/// A range that no offset can name is `EINVAL`.
fn range(offset: u64, length: u64) -> Result<()> {
    match offset.checked_add(length) {
        Some(end) if end <= OFFSET_MAX => Ok(()),
        _ => Err(Errno::Invalid),
    }
}

fn synchronise(open: &OpenFile, data_only: bool) -> Result<()> {
    match &open.object {
        Object::File(file, _) => file.sync(data_only),
        Object::Directory(place, _) => place.directory.sync(data_only),
        Object::Stream(stream) => stream.sync(),
        Object::Listener(_) | Object::Socket(_) => Err(Errno::Invalid),
    }
}

pub(crate) fn fd_datasync(task: &mut Task, fd: Fd) -> SysResult<()> {
    done(
        task.open_file(fd, Rights::FD_DATASYNC)
            .and_then(|open| synchronise(&open, true)),
    )
}

pub(crate) fn fd_sync(task: &mut Task, fd: Fd) -> SysResult<()> {
    done(
        task.open_file(fd, Rights::FD_SYNC)
            .and_then(|open| synchronise(&open, false)),
    )
}

pub(crate) fn fd_filestat_get(task: &mut Task, fd: Fd) -> SysResult<Stat> {
    let open = task.open_file(fd, Rights::FD_FILESTAT_GET)?;
    done(open.stat().map(|(stat, mount)| match mount {
        Some(mount) => task.shown(stat, mount.device),
        None => stat,
    }))
}

pub(crate) fn fd_filestat_set_size(task: &mut Task, fd: Fd, size: u64) -> SysResult<()> {
    let open = task.open_file(fd, Rights::FD_FILESTAT_SET_SIZE)?;
    done((|| {
        let file = open.file()?;
        if size > OFFSET_MAX {
            return Err(Errno::FileTooBig);
        }
        file.set_size(size)
    })())
}

pub(crate) fn fd_filestat_set_times(task: &mut Task, fd: Fd, times: SetTimes) -> SysResult<()> {
    let call = Syscall::FdFilestatSetTimes;
    let entry = task.entry(fd)?;
    // No descriptor holds this right on a read-only mount: the mount is what is explained.
    if let Object::File(_, mount) = &entry.open.object {
        task.writable_mount(mount, call, || ".".to_owned())?;
    }
    let open = task.open_file(fd, Rights::FD_FILESTAT_SET_TIMES)?;
    if let Object::File(file, _) = &open.object {
        ready!(file.prepare_change(&task.waker))?;
    }
    done(match &open.object {
        Object::File(file, _) => file.set_times(times),
        Object::Directory(place, _) => task
            .writable(place, call, ".")
            .and_then(|()| place.directory.set_times(times)),
        Object::Stream(_) | Object::Listener(_) | Object::Socket(_) => Err(Errno::NotSupported),
    })
}

pub(crate) fn fd_readdir(
    task: &mut Task,
    fd: Fd,
    buffer: &mut [u8],
    cookie: u64,
) -> SysResult<u32> {
    let open = task.open_file(fd, Rights::FD_READDIR)?;
    let kernel = task.process.kernel();
    let options = Options {
        sorted: kernel.options.sorted_directories,
        inode: &|inode| kernel.shown_inode(inode),
    };
    let Object::Directory(place, listing) = &open.object else {
        return done(Err(Errno::NotDirectory));
    };
    let read = crate::lock(listing).read(
        task.process.namespace(),
        place,
        clamp(buffer),
        cookie,
        options,
    );
    received(task, Poll::Ready(read))
}

/// Flags that a new descriptor may have; for the callers that open one.
pub(super) fn new_flags(flags: FdFlags) -> (bool, bool) {
    (
        flags.contains(FdFlags::DSYNC) || flags.contains(FdFlags::RSYNC),
        flags.contains(FdFlags::SYNC),
    )
}

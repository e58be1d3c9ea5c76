//! Open files and directories: metadata, space, synchronising, listing, what was granted.

use std::task::{Poll, ready};

use holm_kernel::Task;

use crate::{Answer, GuestMemory, decode, layout};

/// Says how a range of a file will be used.
pub fn fd_advise<M: GuestMemory + ?Sized>(
    task: &mut Task,
    _memory: &mut M,
    fd: i32,
    offset: i64,
    length: i64,
    advice: i32,
) -> Answer {
    task.fd_advise(
        decode::fd(fd),
        offset.cast_unsigned(),
        length.cast_unsigned(),
        decode::advice(advice)?,
    )
}

/// Makes sure that a range of a file has its space.
pub fn fd_allocate<M: GuestMemory + ?Sized>(
    task: &mut Task,
    _memory: &mut M,
    fd: i32,
    offset: i64,
    length: i64,
) -> Answer {
    task.fd_allocate(
        decode::fd(fd),
        offset.cast_unsigned(),
        length.cast_unsigned(),
    )
}

/// Waits until the data of a file is on stable storage.
pub fn fd_datasync<M: GuestMemory + ?Sized>(task: &mut Task, _memory: &mut M, fd: i32) -> Answer {
    task.fd_datasync(decode::fd(fd))
}

/// Waits until data and metadata of a file are on stable storage.
pub fn fd_sync<M: GuestMemory + ?Sized>(task: &mut Task, _memory: &mut M, fd: i32) -> Answer {
    task.fd_sync(decode::fd(fd))
}

/// Writes the `filestat` (64 bytes) of an open file to `result`.
pub fn fd_filestat_get<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    result: i32,
) -> Answer {
    let stat = ready!(task.fd_filestat_get(decode::fd(fd)))?;
    Poll::Ready(memory.write(result.cast_unsigned(), &layout::filestat(&stat)))
}

/// Sets the size of an open file.
pub fn fd_filestat_set_size<M: GuestMemory + ?Sized>(
    task: &mut Task,
    _memory: &mut M,
    fd: i32,
    size: i64,
) -> Answer {
    task.fd_filestat_set_size(decode::fd(fd), size.cast_unsigned())
}

/// Sets the times of an open file. `EINVAL` when a time is both given and "now".
pub fn fd_filestat_set_times<M: GuestMemory + ?Sized>(
    task: &mut Task,
    _memory: &mut M,
    fd: i32,
    accessed: i64,
    modified: i64,
    flags: i32,
) -> Answer {
    let times = decode::set_times(accessed, modified, flags)?;
    task.fd_filestat_set_times(decode::fd(fd), times)
}

/// Writes the `prestat` (8 bytes) of a granted directory to `result`.
pub fn fd_prestat_get<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    result: i32,
) -> Answer {
    let name_length = ready!(task.fd_prestat_get(decode::fd(fd)))?;
    Poll::Ready(memory.write(result.cast_unsigned(), &layout::prestat(name_length)))
}

/// Writes the name of a granted directory to `path`, without a NUL.
pub fn fd_prestat_dir_name<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    path: i32,
    path_len: i32,
) -> Answer {
    let fd = decode::fd(fd);
    ready!(
        memory.receive(path.cast_unsigned(), path_len.cast_unsigned(), |buffer| {
            task.fd_prestat_dir_name(fd, buffer)
        })
    )?;
    Poll::Ready(Ok(()))
}

/// Writes directory records to `buf` until it is full; writes the number of bytes to
/// `bufused`.
pub fn fd_readdir<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    buf: i32,
    buf_len: i32,
    cookie: i64,
    bufused: i32,
) -> Answer {
    memory.check(bufused.cast_unsigned(), 4)?;
    let (fd, cookie) = (decode::fd(fd), cookie.cast_unsigned());
    let used = ready!(
        memory.receive(buf.cast_unsigned(), buf_len.cast_unsigned(), |buffer| {
            task.fd_readdir(fd, buffer, cookie)
        })
    )?;
    Poll::Ready(memory.write(bufused.cast_unsigned(), &used.to_le_bytes()))
}

//! Descriptors: reading, writing, offsets, flags and rights.

use std::task::{Poll, ready};

use holm_abi::Errno;
use holm_kernel::Task;

use crate::{Answer, GuestMemory, decode, layout, vectors};

/// Closes a descriptor.
pub fn fd_close<M: GuestMemory + ?Sized>(task: &mut Task, _memory: &mut M, fd: i32) -> Answer {
    task.fd_close(decode::fd(fd))
}

/// Writes the `fdstat` (24 bytes) of a descriptor to `result`.
pub fn fd_fdstat_get<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    result: i32,
) -> Answer {
    let stat = ready!(task.fd_fdstat_get(decode::fd(fd)))?;
    Poll::Ready(memory.write(result.cast_unsigned(), &layout::fdstat(&stat)))
}

/// Changes a descriptor's flags.
pub fn fd_fdstat_set_flags<M: GuestMemory + ?Sized>(
    task: &mut Task,
    _memory: &mut M,
    fd: i32,
    flags: i32,
) -> Answer {
    task.fd_fdstat_set_flags(decode::fd(fd), decode::fd_flags(flags)?)
}

/// Takes rights away from a descriptor.
pub fn fd_fdstat_set_rights<M: GuestMemory + ?Sized>(
    task: &mut Task,
    _memory: &mut M,
    fd: i32,
    rights_base: i64,
    rights_inheriting: i64,
) -> Answer {
    task.fd_fdstat_set_rights(
        decode::fd(fd),
        decode::rights(rights_base),
        decode::rights(rights_inheriting),
    )
}

/// Reads at an offset into the ranges of an array of `iovec`; writes the number of bytes
/// to `nread`.
pub fn fd_pread<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    iovs: i32,
    iovs_len: i32,
    offset: i64,
    nread: i32,
) -> Answer {
    memory.check(nread.cast_unsigned(), 4)?;
    let (fd, offset) = (decode::fd(fd), offset.cast_unsigned());
    let count = ready!(vectors::scatter(memory, iovs, iovs_len, |buffer, done| {
        let offset = offset.checked_add(done.into()).ok_or(Errno::Invalid)?;
        task.fd_pread(fd, buffer, offset)
    }))?;
    task.abandon();
    Poll::Ready(memory.write(nread.cast_unsigned(), &count.to_le_bytes()))
}

/// Writes the ranges of an array of `ciovec` at an offset; writes the number of bytes to
/// `nwritten`.
pub fn fd_pwrite<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    iovs: i32,
    iovs_len: i32,
    offset: i64,
    nwritten: i32,
) -> Answer {
    memory.check(nwritten.cast_unsigned(), 4)?;
    let (fd, offset) = (decode::fd(fd), offset.cast_unsigned());
    let count = ready!(vectors::gather(memory, iovs, iovs_len, |data| {
        task.fd_pwrite(fd, data, offset)
    })?)?;
    Poll::Ready(memory.write(nwritten.cast_unsigned(), &count.to_le_bytes()))
}

/// Reads into the ranges of an array of `iovec`; writes the number of bytes to `nread`.
pub fn fd_read<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    iovs: i32,
    iovs_len: i32,
    nread: i32,
) -> Answer {
    memory.check(nread.cast_unsigned(), 4)?;
    let fd = decode::fd(fd);
    let count = ready!(vectors::scatter(memory, iovs, iovs_len, |buffer, _| {
        task.fd_read(fd, buffer)
    }))?;
    // A later read that would have blocked is not made again: what came is the answer.
    task.abandon();
    Poll::Ready(memory.write(nread.cast_unsigned(), &count.to_le_bytes()))
}

/// Moves a descriptor to the number `to`.
pub fn fd_renumber<M: GuestMemory + ?Sized>(
    task: &mut Task,
    _memory: &mut M,
    fd: i32,
    to: i32,
) -> Answer {
    task.fd_renumber(decode::fd(fd), decode::fd(to))
}

/// Moves a descriptor's offset; writes the new one (8 bytes) to `result`.
pub fn fd_seek<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    offset: i64,
    whence: i32,
    result: i32,
) -> Answer {
    memory.check(result.cast_unsigned(), 8)?;
    let whence = decode::whence(whence)?;
    let position = ready!(task.fd_seek(decode::fd(fd), offset, whence))?;
    Poll::Ready(memory.write(result.cast_unsigned(), &position.to_le_bytes()))
}

/// Writes a descriptor's offset (8 bytes) to `result`.
pub fn fd_tell<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    result: i32,
) -> Answer {
    let position = ready!(task.fd_tell(decode::fd(fd)))?;
    Poll::Ready(memory.write(result.cast_unsigned(), &position.to_le_bytes()))
}

/// Writes the ranges of an array of `ciovec`; writes the number of bytes to `nwritten`.
pub fn fd_write<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    iovs: i32,
    iovs_len: i32,
    nwritten: i32,
) -> Answer {
    memory.check(nwritten.cast_unsigned(), 4)?;
    let fd = decode::fd(fd);
    let count = ready!(vectors::gather(memory, iovs, iovs_len, |data| {
        task.fd_write(fd, data)
    })?)?;
    Poll::Ready(memory.write(nwritten.cast_unsigned(), &count.to_le_bytes()))
}

//! Paths: opening, metadata, links, directories.

use std::task::{Poll, ready};

use holm_abi::Fd;
use holm_kernel::Task;

use crate::{Answer, GuestMemory, decode, layout};

/// Creates a directory.
pub fn path_create_directory<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    path: i32,
    path_len: i32,
) -> Answer {
    decode::with_path(memory, path, path_len, |path| {
        task.path_create_directory(decode::fd(fd), path)
    })?
}

/// Writes the `filestat` (64 bytes) of the file at a path to `result`.
pub fn path_filestat_get<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    flags: i32,
    path: i32,
    path_len: i32,
    result: i32,
) -> Answer {
    let flags = decode::lookup_flags(flags)?;
    let stat = ready!(decode::with_path(memory, path, path_len, |path| {
        task.path_filestat_get(decode::fd(fd), flags, path)
    })?)?;
    Poll::Ready(memory.write(result.cast_unsigned(), &layout::filestat(&stat)))
}

/// Sets the times of the file at a path. `EINVAL` when a time is both given and "now".
#[expect(
    clippy::too_many_arguments,
    reason = "the parameters are the standard's"
)]
pub fn path_filestat_set_times<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    flags: i32,
    path: i32,
    path_len: i32,
    accessed: i64,
    modified: i64,
    fst_flags: i32,
) -> Answer {
    let flags = decode::lookup_flags(flags)?;
    let times = decode::set_times(accessed, modified, fst_flags)?;
    decode::with_path(memory, path, path_len, |path| {
        task.path_filestat_set_times(decode::fd(fd), flags, path, times)
    })?
}

/// Makes a hard link.
#[expect(
    clippy::too_many_arguments,
    reason = "the parameters are the standard's"
)]
pub fn path_link<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    old_fd: i32,
    old_flags: i32,
    old_path: i32,
    old_path_len: i32,
    new_fd: i32,
    new_path: i32,
    new_path_len: i32,
) -> Answer {
    let flags = decode::lookup_flags(old_flags)?;
    with_two_paths(
        memory,
        (old_path, old_path_len),
        (new_path, new_path_len),
        |old_path, new_path| {
            task.path_link(
                decode::fd(old_fd),
                flags,
                old_path,
                decode::fd(new_fd),
                new_path,
            )
        },
    )
}

/// Opens a file or directory; writes the new descriptor (4 bytes) to `result`.
#[expect(
    clippy::too_many_arguments,
    reason = "the parameters are the standard's"
)]
pub fn path_open<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    dirflags: i32,
    path: i32,
    path_len: i32,
    oflags: i32,
    rights_base: i64,
    rights_inheriting: i64,
    fdflags: i32,
    result: i32,
) -> Answer {
    memory.check(result.cast_unsigned(), 4)?;
    let lookup = decode::lookup_flags(dirflags)?;
    let open = decode::open_flags(oflags)?;
    let flags = decode::fd_flags(fdflags)?;
    let Fd(opened) = ready!(decode::with_path(memory, path, path_len, |path| {
        task.path_open(
            decode::fd(fd),
            lookup,
            path,
            open,
            decode::rights(rights_base),
            decode::rights(rights_inheriting),
            flags,
        )
    })?)?;
    Poll::Ready(memory.write(result.cast_unsigned(), &opened.to_le_bytes()))
}

/// Writes the text of a symbolic link to `buf`, cut to it and without a NUL; writes the
/// number of bytes to `bufused`.
#[expect(
    clippy::too_many_arguments,
    reason = "the parameters are the standard's"
)]
pub fn path_readlink<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    path: i32,
    path_len: i32,
    buf: i32,
    buf_len: i32,
    bufused: i32,
) -> Answer {
    memory.check(bufused.cast_unsigned(), 4)?;
    // The buffer may overlap the path, so the path is copied; it is `PATH_MAX` at most.
    let path = decode::with_path(memory, path, path_len, str::to_owned)?;
    let used = ready!(
        memory.receive(buf.cast_unsigned(), buf_len.cast_unsigned(), |buffer| {
            task.path_readlink(decode::fd(fd), &path, buffer)
        })
    )?;
    Poll::Ready(memory.write(bufused.cast_unsigned(), &used.to_le_bytes()))
}

/// Removes an empty directory.
pub fn path_remove_directory<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    path: i32,
    path_len: i32,
) -> Answer {
    decode::with_path(memory, path, path_len, |path| {
        task.path_remove_directory(decode::fd(fd), path)
    })?
}

/// Renames a file or directory.
#[expect(
    clippy::too_many_arguments,
    reason = "the parameters are the standard's"
)]
pub fn path_rename<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    old_path: i32,
    old_path_len: i32,
    new_fd: i32,
    new_path: i32,
    new_path_len: i32,
) -> Answer {
    with_two_paths(
        memory,
        (old_path, old_path_len),
        (new_path, new_path_len),
        |old_path, new_path| {
            task.path_rename(decode::fd(fd), old_path, decode::fd(new_fd), new_path)
        },
    )
}

/// Makes a symbolic link at `new_path` with the text `old_path`.
pub fn path_symlink<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    old_path: i32,
    old_path_len: i32,
    fd: i32,
    new_path: i32,
    new_path_len: i32,
) -> Answer {
    with_two_paths(
        memory,
        (old_path, old_path_len),
        (new_path, new_path_len),
        |target, new_path| task.path_symlink(target, decode::fd(fd), new_path),
    )
}

/// Unlinks a file that is not a directory.
pub fn path_unlink_file<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    fd: i32,
    path: i32,
    path_len: i32,
) -> Answer {
    decode::with_path(memory, path, path_len, |path| {
        task.path_unlink_file(decode::fd(fd), path)
    })?
}

fn with_two_paths<M: GuestMemory + ?Sized>(
    memory: &M,
    (one, one_len): (i32, i32),
    (two, two_len): (i32, i32),
    see: impl FnOnce(&str, &str) -> Answer,
) -> Answer {
    decode::with_path(memory, one, one_len, |one| {
        decode::with_path(memory, two, two_len, |two| see(one, two))
    })??
}

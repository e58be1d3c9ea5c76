//! What each system call does.
//!
//! One function for each line of the table in `holm-abi`; the entry points in
//! [`crate::task`] call them.

mod clock;
mod descriptor;
mod file;
mod net;
mod path;
mod poll;
mod process;
mod socket;

pub(crate) use clock::{clock_res_get, clock_time_get, random_get};
pub(crate) use descriptor::{
    fd_close, fd_dup, fd_fdstat_get, fd_fdstat_set_flags, fd_fdstat_set_rights,
    fd_prestat_dir_name, fd_prestat_get, fd_renumber, pipe,
};
pub(crate) use file::{
    fd_advise, fd_allocate, fd_datasync, fd_filestat_get, fd_filestat_set_size,
    fd_filestat_set_times, fd_pread, fd_pwrite, fd_read, fd_readdir, fd_seek, fd_sync, fd_tell,
    fd_write,
};
pub(crate) use net::{
    name_lookup, sock_bind, sock_connect, sock_disconnect, sock_listen, sock_local_address,
    sock_open, sock_option_get, sock_option_set, sock_peer_address, sock_recv_from, sock_send_to,
};
pub(crate) use path::{
    path_create_directory, path_filestat_get, path_filestat_set_times, path_link, path_open,
    path_readlink, path_remove_directory, path_rename, path_symlink, path_unlink_file,
};
pub(crate) use poll::{poll_oneoff, poll_ready};
pub(crate) use process::{
    args_get, args_sizes_get, environ_get, environ_sizes_get, proc_exit, proc_id, proc_kill,
    proc_raise, proc_wait, sched_yield,
};
pub(crate) use socket::{sock_accept, sock_recv, sock_send, sock_shutdown};

use std::sync::Arc;
use std::task::Poll;

use holm_abi::{Errno, Fd, Rights};

use crate::descriptor::{Entry, OpenFile};
use crate::task::{SysResult, Task};
use crate::vfs::node::Result;

/// A call that never blocks.
pub(crate) fn done<T>(result: Result<T>) -> SysResult<T> {
    Poll::Ready(result)
}

/// A call that may have to wait before it does anything.
pub(crate) fn waited<T>(result: Result<Poll<T>>) -> SysResult<T> {
    match result {
        Ok(done) => done.map(Ok),
        Err(errno) => Poll::Ready(Err(errno)),
    }
}

/// A count of bytes as it is answered; transfers are bounded below 2^31.
pub(crate) fn count(bytes: usize) -> Result<u32> {
    u32::try_from(bytes).map_err(|_| Errno::Overflow)
}

impl Task {
    /// The open file behind `fd`, when the descriptor has the rights. The table is free
    /// again when this returns: a descriptor closed or renumbered meanwhile does not pull
    /// the file from under a call.
    pub(crate) fn open_file(&self, fd: Fd, rights: Rights) -> Result<Arc<OpenFile>> {
        crate::lock(&self.process.descriptors).get(fd)?.with(rights)
    }

    pub(crate) fn entry(&self, fd: Fd) -> Result<Entry> {
        crate::lock(&self.process.descriptors).get(fd).cloned()
    }
}

impl Entry {
    /// The open file, when the descriptor has the rights.
    fn with(&self, rights: Rights) -> Result<Arc<OpenFile>> {
        if self.rights.contains(rights) {
            Ok(self.open.clone())
        } else {
            Err(missing(self, rights))
        }
    }
}

/// What to answer when a right is missing: what POSIX says where the object could never
/// have it, `EBADF` for the wrong direction, and `ENOTCAPABLE` where a right was taken away.
fn missing(entry: &Entry, rights: Rights) -> Errno {
    use crate::descriptor::Object;
    let data = Rights::FD_READ | Rights::FD_WRITE;
    let offset = Rights::FD_SEEK | Rights::FD_TELL;
    // What asks for a directory and for nothing else.
    let below = Rights::DIRECTORY.without(Rights::FILE);
    match &entry.open.object {
        // The root of a process to which nobody granted one is there so that refusals can be
        // explained: to what is no question about paths it is not open.
        Object::Directory(place, _) if place.is_void() && !Rights::DIRECTORY.contains(rights) => {
            Errno::BadFd
        }
        Object::Directory(..) if !Rights::DIRECTORY.contains(rights) => {
            if rights.intersects(offset | Rights::FD_ALLOCATE) {
                Errno::BadFd
            } else {
                Errno::IsDirectory
            }
        }
        Object::Directory(..) => Errno::NotCapable,
        _ if rights.intersects(below) => Errno::NotDirectory,
        Object::Stream(_) | Object::Listener(_) | Object::Socket(_)
            if rights.intersects(offset | Rights::FD_ADVISE | Rights::FD_ALLOCATE) =>
        {
            Errno::NotSeekable
        }
        Object::Stream(_) if rights.intersects(Rights::SOCK_ACCEPT) => Errno::Invalid,
        Object::Stream(_) | Object::Listener(_) | Object::Socket(_)
            if rights.intersects(Rights::FD_FILESTAT_SET_SIZE | Rights::FD_FILESTAT_SET_TIMES) =>
        {
            Errno::Invalid
        }
        Object::Listener(_) if rights.intersects(data | Rights::SOCK_SHUTDOWN) => {
            Errno::NotConnected
        }
        Object::Listener(_) if rights.intersects(Rights::FD_SYNC | Rights::FD_DATASYNC) => {
            Errno::Invalid
        }
        _ if rights.intersects(data) => Errno::BadFd,
        _ => Errno::NotCapable,
    }
}

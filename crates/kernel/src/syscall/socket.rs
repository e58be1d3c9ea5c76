//! Sockets: taking connections, receiving, sending and shutting down.

use std::io::IoSlice;
use std::sync::Arc;

use holm_abi::{
    Errno, Fd, FdFlags, FileType, Received, ReceivedFrom, RecvFlags, RecvStatus, Rights,
    ShutdownFlags,
};

use super::done;
use super::file::{check_datagram, clamp_data, sent};
use crate::descriptor::{Entry, Object, OpenFile};
use crate::task::{SysResult, Task};
use crate::vfs::mount::Place;
use crate::vfs::node::Result;

impl Task {
    /// The open socket behind `fd`. What is no socket is `ENOTSOCK`, whatever its rights.
    pub(super) fn socket(&self, fd: Fd, rights: Rights) -> Result<Arc<OpenFile>> {
        let entry = self.entry(fd)?;
        if !matches!(
            entry.open.file_type(),
            FileType::SocketStream | FileType::SocketDgram
        ) {
            // A root that nobody granted is not open but for paths.
            let void = entry.open.place().is_ok_and(Place::is_void);
            return Err(if void { Errno::BadFd } else { Errno::NotSocket });
        }
        self.open_file(fd, rights)
    }
}

fn without_address(received: ReceivedFrom) -> Received {
    Received {
        size: received.size,
        status: if received.truncated {
            RecvStatus::TRUNCATED
        } else {
            RecvStatus::NONE
        },
    }
}

pub(crate) fn sock_accept(task: &mut Task, fd: Fd, flags: FdFlags) -> SysResult<Fd> {
    let open = task.socket(fd, Rights::SOCK_ACCEPT)?;
    if flags.without(FdFlags::NONBLOCK) != FdFlags::NONE {
        return done(Err(Errno::Invalid));
    }
    task.check_room()?;
    let accepted = match &open.object {
        Object::Listener(listener) => listener.accept(&task.waker).map_ok(Object::Stream),
        Object::Socket(socket) => socket
            .accept(&task.waker)
            .map_ok(|accepted| Object::Socket(Arc::new(accepted))),
        _ => return done(Err(Errno::Invalid)),
    };
    open.blocking(accepted).map(|object| {
        let open = OpenFile::new(object?, flags);
        task.install(Entry::new(open, Rights::SOCKET, Rights::NONE))
    })
}

pub(crate) fn sock_recv(
    task: &mut Task,
    fd: Fd,
    buffer: &mut [u8],
    flags: RecvFlags,
) -> SysResult<Received> {
    let open = task.socket(fd, Rights::FD_READ)?;
    let received = match &open.object {
        Object::Stream(stream) => stream.receive(buffer, flags, &task.waker),
        Object::Socket(socket) => socket
            .receive(&task.process, buffer, flags, &task.waker)
            .map_ok(without_address),
        _ => return done(Err(Errno::NotConnected)),
    };
    open.blocking(received).map(|received| {
        let received = received?;
        task.process.usage.received(received.size as usize);
        Ok(received)
    })
}

pub(crate) fn sock_send(task: &mut Task, fd: Fd, data: &[IoSlice<'_>]) -> SysResult<u32> {
    let open = task.socket(fd, Rights::FD_WRITE)?;
    check_datagram(&open, data)?;
    let (data, cut) = clamp_data(data);
    let data = cut.as_ref().map_or(data, std::slice::from_ref);
    task.check_bytes_out(data)?;
    sent(task, open.write(&task.process, data, &task.waker))
}

pub(crate) fn sock_shutdown(task: &mut Task, fd: Fd, how: ShutdownFlags) -> SysResult<()> {
    let open = task.socket(fd, Rights::SOCK_SHUTDOWN)?;
    if how == ShutdownFlags::NONE {
        return done(Err(Errno::Invalid));
    }
    done(match &open.object {
        Object::Stream(stream) => stream.shutdown(how),
        Object::Socket(socket) => socket.shutdown(how),
        _ => Err(Errno::NotConnected),
    })
}

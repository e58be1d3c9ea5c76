//! Sockets: those that somebody granted.

use std::io::IoSlice;

use holm_abi::{Errno, Fd, FdFlags, Received, RecvFlags, Rights, ShutdownFlags};

use super::done;
use super::file::sent;
use crate::descriptor::{Entry, Object, OpenFile};
use crate::task::{SysResult, Task};

pub(crate) fn sock_accept(task: &mut Task, fd: Fd, flags: FdFlags) -> SysResult<Fd> {
    let open = task.open_file(fd, Rights::SOCK_ACCEPT)?;
    if flags.without(FdFlags::NONBLOCK) != FdFlags::NONE {
        return done(Err(Errno::Invalid));
    }
    let Object::Listener(listener) = &open.object else {
        return done(Err(Errno::NotSocket));
    };
    open.blocking(listener.accept(&task.waker)).map(|accepted| {
        let open = OpenFile::new(Object::Stream(accepted?), flags);
        task.install(Entry::new(open, Rights::SOCKET, Rights::NONE))
    })
}

pub(crate) fn sock_recv(
    task: &mut Task,
    fd: Fd,
    buffer: &mut [u8],
    flags: RecvFlags,
) -> SysResult<Received> {
    let open = task.open_file(fd, Rights::FD_READ)?;
    let Object::Stream(stream) = &open.object else {
        return done(Err(Errno::NotSocket));
    };
    open.blocking(stream.receive(buffer, flags, &task.waker)).map(|received| {
        let received = received?;
        task.process.usage.received(received.size as usize);
        Ok(received)
    })
}

pub(crate) fn sock_send(task: &mut Task, fd: Fd, data: &[IoSlice<'_>]) -> SysResult<u32> {
    let open = task.open_file(fd, Rights::FD_WRITE | Rights::SOCK_SHUTDOWN)?;
    task.check_bytes_out(data)?;
    sent(task, open.write(data, &task.waker))
}

pub(crate) fn sock_shutdown(task: &mut Task, fd: Fd, how: ShutdownFlags) -> SysResult<()> {
    let open = task.open_file(fd, Rights::SOCK_SHUTDOWN)?;
    if how == ShutdownFlags::NONE {
        return done(Err(Errno::Invalid));
    }
    done(match &open.object {
        Object::Stream(stream) => stream.shutdown(how),
        _ => Err(Errno::NotSocket),
    })
}

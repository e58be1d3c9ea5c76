//! The network: sockets that a process makes, and names.

use core::net::{IpAddr, SocketAddr};
use std::io::IoSlice;
use std::sync::Arc;
use std::task::Poll;

use holm_abi::{
    AddressFamily, Errno, Fd, FdFlags, ReceivedFrom, RecvFlags, Rights, SocketKind, SocketOption,
};

use super::file::{check_datagram, clamp, clamp_data, sent};
use super::{count, done};
use crate::descriptor::{Entry, Object, OpenFile};
use crate::net::socket::NetSocket;
use crate::task::{SysResult, Task};
use crate::vfs::node::Result;

impl Task {
    /// The socket behind `fd`, when it is one that a process made; one that listens because
    /// somebody granted it can only be accepted from.
    fn net_socket(&self, fd: Fd) -> Result<(Arc<OpenFile>, Arc<NetSocket>)> {
        let open = self.socket(fd, Rights::NONE)?;
        let socket = match &open.object {
            Object::Socket(socket) => socket.clone(),
            _ => return Err(Errno::NotSupported),
        };
        Ok((open, socket))
    }
}

pub(crate) fn sock_open(task: &mut Task, family: AddressFamily, kind: SocketKind) -> SysResult<Fd> {
    task.check_room()?;
    let socket = NetSocket::open(&task.process, family, kind)?;
    let open = OpenFile::new(Object::Socket(Arc::new(socket)), FdFlags::NONE);
    done(task.install(Entry::new(open, Rights::NETWORK, Rights::NETWORK)))
}

pub(crate) fn sock_bind(task: &mut Task, fd: Fd, address: SocketAddr) -> SysResult<()> {
    let (_, socket) = task.net_socket(fd)?;
    done(socket.bind(&task.process, address))
}

pub(crate) fn sock_listen(task: &mut Task, fd: Fd, backlog: u32) -> SysResult<()> {
    let (_, socket) = task.net_socket(fd)?;
    done(socket.listen(&task.process, backlog))
}

pub(crate) fn sock_connect(task: &mut Task, fd: Fd, address: SocketAddr) -> SysResult<()> {
    let (open, socket) = task.net_socket(fd)?;
    let answer = socket.connect(&task.process, address, &task.waker);
    if answer.is_pending() && open.flags().contains(FdFlags::NONBLOCK) {
        return done(Err(Errno::InProgress));
    }
    answer
}

pub(crate) fn sock_disconnect(task: &mut Task, fd: Fd) -> SysResult<()> {
    let (_, socket) = task.net_socket(fd)?;
    socket.disconnect(&task.waker)
}

pub(crate) fn sock_local_address(task: &mut Task, fd: Fd) -> SysResult<SocketAddr> {
    let (_, socket) = task.net_socket(fd)?;
    done(socket.local_address(&task.process))
}

pub(crate) fn sock_peer_address(task: &mut Task, fd: Fd) -> SysResult<SocketAddr> {
    let (_, socket) = task.net_socket(fd)?;
    done(socket.peer_address())
}

pub(crate) fn sock_recv_from(
    task: &mut Task,
    fd: Fd,
    buffer: &mut [u8],
    flags: RecvFlags,
) -> SysResult<ReceivedFrom> {
    task.socket(fd, Rights::FD_READ)?;
    let (open, socket) = task.net_socket(fd)?;
    let received = socket.receive(&task.process, clamp(buffer), flags, &task.waker);
    open.blocking(received).map_ok(|received| {
        task.process.usage.received(received.size as usize);
        received
    })
}

pub(crate) fn sock_send_to(
    task: &mut Task,
    fd: Fd,
    data: &[IoSlice<'_>],
    address: Option<SocketAddr>,
) -> SysResult<u32> {
    task.socket(fd, Rights::FD_WRITE)?;
    let (open, socket) = task.net_socket(fd)?;
    check_datagram(&open, data)?;
    let (data, cut) = clamp_data(data);
    let data = cut.as_ref().map_or(data, std::slice::from_ref);
    task.check_bytes_out(data)?;
    let answer = socket.send(&task.process, data, address, &task.waker);
    sent(task, open.blocking(answer))
}

pub(crate) fn sock_option_get(task: &mut Task, fd: Fd, option: SocketOption) -> SysResult<u64> {
    let (_, socket) = task.net_socket(fd)?;
    done(socket.option(option))
}

pub(crate) fn sock_option_set(
    task: &mut Task,
    fd: Fd,
    option: SocketOption,
    value: u64,
) -> SysResult<()> {
    let (_, socket) = task.net_socket(fd)?;
    done(socket.set_option(option, value))
}

pub(crate) fn name_lookup(task: &mut Task, name: &str, addresses: &mut [IpAddr]) -> SysResult<u32> {
    let found = match task.process.poll_lookup(name, &task.waker) {
        Poll::Ready(found) => found?,
        Poll::Pending => return Poll::Pending,
    };
    let fitting = found.len().min(addresses.len());
    addresses[..fitting].copy_from_slice(&found[..fitting]);
    done(count(fitting))
}

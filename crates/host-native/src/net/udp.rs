//! UDP sockets of the host.

use std::io::{IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use holm_abi::{
    AddressFamily, DATAGRAM_MAX, Errno, FileType, ReceivedFrom, RecvFlags, ShutdownFlags,
    SocketKind, SocketOption,
};
use holm_kernel::port::Socket;
use holm_kernel::vfs::{Interest, Readiness, Stream};
use rustix::io::Errno as Host;
use rustix::net::{
    RecvAncillaryBuffer, RecvFlags as HostRecvFlags, ReturnFlags, SendAncillaryBuffer, connect,
    getpeername, recvmsg, sendmsg, sendmsg_addr,
};

use super::{call, options};
use crate::byte_stream::readiness_of;
use crate::descriptor::Descriptor;
use crate::errno::from_host;
use crate::file::some_of;
use crate::reactor::reactor;
use crate::socket::{HostSocket, SEND};

/// A UDP socket.
#[derive(Debug)]
pub(super) struct UdpSocket {
    socket: HostSocket,
    family: AddressFamily,
    /// The address that it was bound to by request. Also held while the host's association
    /// changes, which takes several calls.
    bound: Mutex<Option<SocketAddr>>,
}

impl UdpSocket {
    pub(super) fn new(family: AddressFamily) -> Result<UdpSocket, Host> {
        let fd = call::socket(family, SocketKind::Datagram)?;
        Ok(UdpSocket {
            socket: HostSocket::new(Descriptor::owned(fd), FileType::SocketDgram),
            family,
            bound: Mutex::default(),
        })
    }

    fn descriptor(&self) -> &Descriptor {
        self.socket.descriptor()
    }

    fn bound(&self) -> MutexGuard<'_, Option<SocketAddr>> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect_to(&self, address: SocketAddr, bound: Option<SocketAddr>) -> Result<(), Host> {
        match connect(self.descriptor(), &address) {
            // Linux keeps the source address of the association before, which may not reach
            // the new peer; other hosts choose anew by themselves.
            Err(Host::INVAL) if cfg!(target_os = "linux") => {
                self.dissolve(bound)?;
                connect(self.descriptor(), &address)
            }
            Err(Host::AFNOSUPPORT) => Err(Host::INVAL),
            other => other,
        }
    }

    /// Dissolves the association and keeps the port. Linux lets a port go that the host chose.
    fn dissolve(&self, bound: Option<SocketAddr>) -> Result<(), Host> {
        let before = call::bound_to(self.descriptor())?;
        call::disconnect(self.descriptor())?;
        if let Some(before) = before
            && call::bound_to(self.descriptor())?.is_none()
        {
            let any = match self.family {
                AddressFamily::Inet4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                AddressFamily::Inet6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            };
            let again = bound.unwrap_or_else(|| SocketAddr::new(any, before.port()));
            // Somebody may have taken it just now: then the next call gets another one.
            let _ = call::bind(self.descriptor(), again);
        }
        Ok(())
    }

    fn receive_now(&self, buffer: &mut [u8], peek: bool) -> Result<ReceivedFrom, Host> {
        let flags = if peek {
            HostRecvFlags::DONTWAIT | HostRecvFlags::PEEK
        } else {
            HostRecvFlags::DONTWAIT
        };
        loop {
            let mut control = RecvAncillaryBuffer::default();
            let mut buffers = [IoSliceMut::new(&mut *buffer)];
            let received = match recvmsg(self.descriptor(), &mut buffers, &mut control, flags) {
                Ok(received) => received,
                Err(Host::INTR) => continue,
                Err(error) => return Err(error),
            };
            let address = received.address.and_then(call::internet);
            return Ok(ReceivedFrom {
                size: u32::try_from(received.bytes).map_err(|_| Host::OVERFLOW)?,
                truncated: received.flags.contains(ReturnFlags::TRUNC),
                address: address.ok_or(Host::PROTO)?,
            });
        }
    }

    fn send_now(&self, data: &[IoSlice<'_>], to: Option<SocketAddr>) -> Result<usize, Host> {
        loop {
            let mut control = SendAncillaryBuffer::default();
            let done = match &to {
                None => sendmsg(self.descriptor(), data, &mut control, SEND),
                Some(to) => sendmsg_addr(self.descriptor(), to, data, &mut control, SEND),
            };
            match done {
                Err(Host::INTR) => {}
                other => return other,
            }
        }
    }
}

impl Socket for UdpSocket {
    fn bind(&self, address: SocketAddr) -> Result<(), Errno> {
        let mut bound = self.bound();
        call::bind(self.descriptor(), address).map_err(call::decided)?;
        *bound = call::bound_to(self.descriptor()).map_err(from_host)?;
        Ok(())
    }

    fn listen(&self, _backlog: u32) -> Result<(), Errno> {
        Err(Errno::Invalid)
    }

    fn connect(&self, address: Option<SocketAddr>, _waker: &Waker) -> Poll<Result<(), Errno>> {
        let bound = self.bound();
        let done = match address {
            Some(address) => self.connect_to(address, *bound),
            None => self.dissolve(*bound),
        };
        Poll::Ready(done.map_err(call::decided))
    }

    fn accept(&self, _waker: &Waker) -> Poll<Result<(Arc<dyn Socket>, SocketAddr), Errno>> {
        Poll::Ready(Err(Errno::Invalid))
    }

    fn receive(
        &self,
        buffer: &mut [u8],
        flags: RecvFlags,
        waker: &Waker,
    ) -> Poll<Result<ReceivedFrom, Errno>> {
        match self.receive_now(buffer, flags.contains(RecvFlags::PEEK)) {
            Err(Host::AGAIN) => {
                reactor().register(self.descriptor(), Interest::Read, waker);
                Poll::Pending
            }
            done => Poll::Ready(done.map_err(from_host)),
        }
    }

    fn send(
        &self,
        data: &[IoSlice<'_>],
        to: Option<SocketAddr>,
        waker: &Waker,
    ) -> Poll<Result<usize, Errno>> {
        let size = data
            .iter()
            .try_fold(0_usize, |size, one| size.checked_add(one.len()));
        if size.is_none_or(|size| size > DATAGRAM_MAX) {
            return Poll::Ready(Err(Errno::MessageSize));
        }
        // A datagram goes whole: what is in more pieces than the host takes is put together.
        let done = if some_of(data).len() < data.len() {
            let whole: Vec<u8> = data.iter().flat_map(|one| one.iter().copied()).collect();
            self.send_now(&[IoSlice::new(&whole)], to)
        } else {
            self.send_now(data, to)
        };
        match done {
            Err(Host::AGAIN) => {
                reactor().register(self.descriptor(), Interest::Write, waker);
                Poll::Pending
            }
            done => Poll::Ready(done.map_err(from_host)),
        }
    }

    fn shutdown(&self, how: ShutdownFlags) -> Result<(), Errno> {
        self.socket.shutdown(how)
    }

    fn local_address(&self) -> Result<SocketAddr, Errno> {
        let address = call::bound_to(self.descriptor()).map_err(from_host)?;
        address.ok_or(Errno::Invalid)
    }

    fn peer_address(&self) -> Result<SocketAddr, Errno> {
        let peer = getpeername(self.descriptor()).map_err(from_host)?;
        peer.and_then(call::internet).ok_or(Errno::NotConnected)
    }

    fn option(&self, option: SocketOption) -> Result<u64, Errno> {
        options::get(self.descriptor(), self.family, SocketKind::Datagram, option)
    }

    fn set_option(&self, option: SocketOption, value: u64) -> Result<(), Errno> {
        let descriptor = self.descriptor();
        options::set(descriptor, self.family, SocketKind::Datagram, option, value)
    }

    fn readiness(&self, interest: Interest, waker: &Waker) -> Poll<Result<Readiness, Errno>> {
        // Nobody hangs up: an error is that of one datagram, and the next call's to answer.
        let ready = readiness_of(self.descriptor(), interest, waker);
        ready.map_ok(|ready| Readiness {
            hangup: false,
            ..ready
        })
    }
}

//! TCP sockets of the host.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};

use holm_abi::{
    AddressFamily, Errno, FileType, ReceivedFrom, RecvFlags, ShutdownFlags, SocketKind,
    SocketOption,
};
use holm_kernel::port::Socket;
use holm_kernel::vfs::{Interest, Readiness, Stream};
use rustix::io::Errno as Host;
use rustix::net::sockopt::{set_socket_reuseaddr, socket_error};

use super::{call, options};
use crate::byte_stream::readiness_of;
use crate::descriptor::{Descriptor, poll_now};
use crate::errno::from_host;
use crate::reactor::reactor;
use crate::socket::HostSocket;

/// Options that a listener on Apple's systems does not hand to the connections it takes.
/// `IP_TTL` it does, `IPV6_UNICAST_HOPS` it does not.
const NOT_INHERITED: &[SocketOption] = if cfg!(target_vendor = "apple") {
    &[
        SocketOption::HopLimit,
        SocketOption::ReceiveBuffer,
        SocketOption::SendBuffer,
        SocketOption::KeepAliveIdle,
    ]
} else {
    &[]
};

/// A TCP socket.
#[derive(Debug)]
pub(crate) struct TcpSocket {
    stream: HostSocket,
    family: AddressFamily,
    phase: Mutex<Phase>,
    /// Set once it is connected: data moves without a look at the phase.
    peer: OnceLock<SocketAddr>,
    /// What was set of [`NOT_INHERITED`].
    to_hand_on: Mutex<Vec<(SocketOption, u64)>>,
}

/// How far a socket has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Fresh,
    Connecting(SocketAddr),
    Connected,
    Listening,
}

impl TcpSocket {
    pub(crate) fn new(family: AddressFamily) -> Result<TcpSocket, Host> {
        let fd = call::socket(family, SocketKind::Stream)?;
        Ok(TcpSocket::with(Descriptor::owned(fd), family, Phase::Fresh))
    }

    fn with(descriptor: Descriptor, family: AddressFamily, phase: Phase) -> TcpSocket {
        TcpSocket {
            stream: HostSocket::new(descriptor, FileType::SocketStream),
            family,
            phase: Mutex::new(phase),
            peer: OnceLock::new(),
            to_hand_on: Mutex::default(),
        }
    }

    /// Binds; a connection of the same address that ended lately is no hindrance.
    pub(crate) fn bind_to(&self, address: SocketAddr) -> Result<(), Host> {
        set_socket_reuseaddr(self.descriptor(), true)?;
        call::bind(self.descriptor(), address)
    }

    /// Listens, or changes the backlog.
    pub(crate) fn listen_with(&self, backlog: u32) -> Result<(), Host> {
        let mut phase = self.phase();
        if !matches!(*phase, Phase::Fresh | Phase::Listening) {
            return Err(Host::ISCONN);
        }
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX).max(1);
        rustix::net::listen(self.descriptor(), backlog)?;
        *phase = Phase::Listening;
        Ok(())
    }

    /// The address that it is bound to, if any.
    pub(crate) fn bound_to(&self) -> Result<Option<SocketAddr>, Host> {
        call::bound_to(self.descriptor())
    }

    /// Takes a connection, and says from whom.
    pub(crate) fn accept_connection(
        &self,
        waker: &Waker,
    ) -> Poll<Result<(Descriptor, SocketAddr), Errno>> {
        loop {
            return match call::accept(self.descriptor()) {
                Ok((fd, Some(from))) => Poll::Ready(Ok((Descriptor::owned(fd), from))),
                // The BSDs answer a connection that is gone without an address.
                Ok((_, None)) | Err(Host::INTR) => continue,
                Err(error) if call::is_of_one_connection(error) => continue,
                Err(Host::AGAIN) => {
                    reactor().register(self.descriptor(), Interest::Read, waker);
                    Poll::Pending
                }
                Err(error) => Poll::Ready(Err(from_host(error))),
            };
        }
    }

    fn descriptor(&self) -> &Descriptor {
        self.stream.descriptor()
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn peer(&self) -> Result<SocketAddr, Errno> {
        self.peer.get().copied().ok_or(Errno::NotConnected)
    }

    /// Sets out for `address`.
    fn begin_connecting(&self, address: SocketAddr) -> Result<Phase, Errno> {
        match rustix::net::connect(self.descriptor(), &address) {
            Ok(()) => {
                self.arrive(address);
                Ok(Phase::Connected)
            }
            // An interrupted one goes on by itself (POSIX, `connect`).
            Err(Host::INPROGRESS | Host::INTR) => Ok(Phase::Connecting(address)),
            Err(Host::AFNOSUPPORT) => Err(Errno::Invalid),
            Err(error) => Err(call::decided(error)),
        }
    }

    fn arrive(&self, address: SocketAddr) {
        let peer = rustix::net::getpeername(self.descriptor()).ok().flatten();
        let peer = peer.and_then(call::internet).unwrap_or(address);
        let _ = self.peer.set(peer);
    }

    /// Whether a connection that was set out for has been made. The host's error is taken
    /// out by asking.
    fn look_at_connection(&self, address: SocketAddr, waker: &Waker) -> Poll<Result<(), Errno>> {
        match poll_now(self.descriptor(), Interest::Write) {
            Ok(flags) if flags.is_empty() => {
                reactor().register(self.descriptor(), Interest::Write, waker);
                return Poll::Pending;
            }
            Ok(_) => {}
            Err(error) => return Poll::Ready(Err(from_host(error))),
        }
        match socket_error(self.descriptor()) {
            Ok(Ok(())) => {
                self.arrive(address);
                Poll::Ready(Ok(()))
            }
            Ok(Err(error)) | Err(error) => Poll::Ready(Err(call::decided(error))),
        }
    }

    fn hand_options_on(&self, to: &TcpSocket) {
        let set = self.to_hand_on.lock();
        for (option, value) in set.unwrap_or_else(PoisonError::into_inner).iter() {
            // A connection without one of them is better than none.
            let _ = options::set(
                to.descriptor(),
                self.family,
                SocketKind::Stream,
                *option,
                *value,
            );
        }
    }
}

impl Socket for TcpSocket {
    fn bind(&self, address: SocketAddr) -> Result<(), Errno> {
        self.bind_to(address).map_err(call::decided)
    }

    fn listen(&self, backlog: u32) -> Result<(), Errno> {
        self.listen_with(backlog).map_err(call::decided)
    }

    fn connect(&self, address: Option<SocketAddr>, waker: &Waker) -> Poll<Result<(), Errno>> {
        let Some(address) = address else {
            return Poll::Ready(Err(Errno::Invalid));
        };
        let mut phase = self.phase();
        if *phase == Phase::Fresh {
            *phase = self.begin_connecting(address)?;
            if *phase == Phase::Connected {
                return Poll::Ready(Ok(()));
            }
        }
        match *phase {
            // On this machine it is mostly decided by now.
            Phase::Connecting(under_way) if under_way == address => {
                let decided = self.look_at_connection(address, waker);
                match decided {
                    Poll::Ready(Ok(())) => *phase = Phase::Connected,
                    Poll::Ready(Err(_)) => *phase = Phase::Fresh,
                    Poll::Pending => {}
                }
                decided
            }
            Phase::Connecting(_) => Poll::Ready(Err(Errno::Already)),
            _ => Poll::Ready(Err(Errno::IsConnected)),
        }
    }

    fn accept(&self, waker: &Waker) -> Poll<Result<(Arc<dyn Socket>, SocketAddr), Errno>> {
        let Poll::Ready((descriptor, from)) = self.accept_connection(waker)? else {
            return Poll::Pending;
        };
        let socket = TcpSocket::with(descriptor, self.family, Phase::Connected);
        let _ = socket.peer.set(from);
        self.hand_options_on(&socket);
        Poll::Ready(Ok((Arc::new(socket), from)))
    }

    fn receive(
        &self,
        buffer: &mut [u8],
        flags: RecvFlags,
        waker: &Waker,
    ) -> Poll<Result<ReceivedFrom, Errno>> {
        let address = self.peer()?;
        let received = self.stream.receive(buffer, flags, waker);
        received.map_ok(|received| ReceivedFrom {
            size: received.size,
            truncated: false,
            address,
        })
    }

    fn send(
        &self,
        data: &[IoSlice<'_>],
        to: Option<SocketAddr>,
        waker: &Waker,
    ) -> Poll<Result<usize, Errno>> {
        self.peer()?;
        if to.is_some() {
            return Poll::Ready(Err(Errno::IsConnected));
        }
        self.stream.write(data, waker)
    }

    fn shutdown(&self, how: ShutdownFlags) -> Result<(), Errno> {
        self.stream.shutdown(how)
    }

    fn local_address(&self) -> Result<SocketAddr, Errno> {
        self.bound_to().map_err(from_host)?.ok_or(Errno::Invalid)
    }

    fn peer_address(&self) -> Result<SocketAddr, Errno> {
        self.peer()
    }

    fn option(&self, option: SocketOption) -> Result<u64, Errno> {
        if option == SocketOption::Listening {
            return Ok(u64::from(*self.phase() == Phase::Listening));
        }
        options::get(self.descriptor(), self.family, SocketKind::Stream, option)
    }

    fn set_option(&self, option: SocketOption, value: u64) -> Result<(), Errno> {
        let descriptor = self.descriptor();
        options::set(descriptor, self.family, SocketKind::Stream, option, value)?;
        if NOT_INHERITED.contains(&option) {
            let set = self.to_hand_on.lock();
            let mut set = set.unwrap_or_else(PoisonError::into_inner);
            set.retain(|(other, _)| *other != option);
            set.push((option, value));
        }
        Ok(())
    }

    fn readiness(&self, interest: Interest, waker: &Waker) -> Poll<Result<Readiness, Errno>> {
        if self.peer.get().is_some() {
            return Stream::readiness(&self.stream, interest, waker);
        }
        match *self.phase() {
            // A call would not block: it would fail.
            Phase::Fresh => Poll::Ready(Ok(Readiness::default())),
            // Writable is what decides a connection, made or not; nothing arrives before.
            Phase::Connecting(_) | Phase::Connected => {
                readiness_of(self.descriptor(), interest, waker)
            }
            Phase::Listening => {
                let ready = readiness_of(self.descriptor(), interest, waker);
                ready.map_ok(|ready| Readiness { bytes: 0, ..ready })
            }
        }
    }
}

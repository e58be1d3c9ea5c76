//! Listening sockets of the host, made by the host's user rather than by a program.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Poll, Waker};

use holm_abi::{AddressFamily, FileType};
use holm_kernel::port::Socket;
use holm_kernel::vfs::{Interest, Listener, Readiness, Result, Stream};
use rustix::io::Errno as Host;

use crate::error::{self, HostError};
use crate::net::TcpSocket;
use crate::socket::HostSocket;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A listening TCP socket.
#[derive(Debug)]
pub struct HostListener {
    socket: Arc<TcpSocket>,
    address: SocketAddr,
}

impl HostListener {
    /// Listens on `address`; port 0 takes a free one ([`HostListener::address`]).
    ///
    /// # Errors
    ///
    /// Says what is wrong with the address: in use, not of this machine, not permitted.
    pub fn bind(address: SocketAddr) -> std::result::Result<Arc<HostListener>, HostError> {
        let made = HostListener::make(address).map_err(|errno| error::listen(address, errno))?;
        Ok(Arc::new(made))
    }

    fn make(address: SocketAddr) -> std::result::Result<HostListener, Host> {
        let socket = TcpSocket::new(AddressFamily::of(&address))?;
        socket.bind_to(address)?;
        socket.listen_with(BACKLOG)?;
        let address = socket.bound_to()?.unwrap_or(address);
        Ok(HostListener {
            socket: Arc::new(socket),
            address,
        })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same listening socket as the kernel's network has them.
    #[must_use]
    pub fn socket(&self) -> Arc<dyn Socket> {
        Arc::clone(&self.socket) as Arc<dyn Socket>
    }
}

impl Listener for HostListener {
    fn accept(&self, waker: &Waker) -> Poll<Result<Arc<dyn Stream>>> {
        self.socket
            .accept_connection(waker)
            .map_ok(|(descriptor, _)| {
                Arc::new(HostSocket::new(descriptor, FileType::SocketStream)) as Arc<dyn Stream>
            })
    }

    fn readiness(&self, waker: &Waker) -> Poll<Result<Readiness>> {
        Socket::readiness(&*self.socket, Interest::Read, waker)
    }
}

#[cfg(test)]
mod tests;

//! Listening sockets of the host.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::{Poll, Waker};

use holm_abi::FileType;
use holm_kernel::vfs::{Interest, Listener, Readiness, Result, Stream};
use rustix::io::Errno as Host;
use rustix::net::sockopt::set_socket_reuseaddr;
use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen};

use crate::byte_stream::readiness_of;
use crate::descriptor::Descriptor;
use crate::errno::from_host;
use crate::error::{self, HostError};
use crate::reactor::reactor;
use crate::socket::HostSocket;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// A listening TCP socket.
#[derive(Debug)]
pub struct HostListener {
    descriptor: Descriptor,
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
        let family = match address {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let fd = platform::socket(family)?;
        set_socket_reuseaddr(&fd, true)?;
        bind(&fd, &address)?;
        listen(&fd, BACKLOG)?;
        let address = SocketAddr::try_from(getsockname(&fd)?).unwrap_or(address);
        Ok(HostListener {
            descriptor: Descriptor::owned(fd),
            address,
        })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Listener for HostListener {
    fn accept(&self, waker: &Waker) -> Poll<Result<Arc<dyn Stream>>> {
        loop {
            return match platform::accept(&self.descriptor) {
                Ok(fd) => {
                    let descriptor = Descriptor::owned(fd);
                    let stream = HostSocket::new(descriptor, FileType::SocketStream);
                    Poll::Ready(Ok(Arc::new(stream)))
                }
                // A connection that is gone again before it was taken is nobody's business.
                Err(Host::INTR | Host::CONNABORTED) => continue,
                Err(Host::AGAIN) => {
                    reactor().register(&self.descriptor, Interest::Read, waker);
                    Poll::Pending
                }
                Err(error) => Poll::Ready(Err(from_host(error))),
            };
        }
    }

    fn readiness(&self, waker: &Waker) -> Poll<Result<Readiness>> {
        match readiness_of(&self.descriptor, Interest::Read, waker) {
            Poll::Ready(Ok(ready)) => Poll::Ready(Ok(Readiness { bytes: 0, ..ready })),
            other => other,
        }
    }
}

impl Drop for HostListener {
    fn drop(&mut self) {
        reactor().deregister(&self.descriptor);
    }
}

#[cfg(not(target_vendor = "apple"))]
mod platform {
    use rustix::net::{SocketFlags, accept_with, socket_with};

    use super::{AddressFamily, Descriptor, Host, OwnedFd, SocketType};

    const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

    pub(super) fn socket(family: AddressFamily) -> Result<OwnedFd, Host> {
        socket_with(family, SocketType::STREAM, FLAGS, None)
    }

    pub(super) fn accept(listener: &Descriptor) -> Result<OwnedFd, Host> {
        accept_with(listener, FLAGS)
    }
}

#[cfg(target_vendor = "apple")]
mod platform {
    use rustix::io::{FdFlags, fcntl_setfd, ioctl_fionbio};
    use rustix::net::sockopt::set_socket_nosigpipe;

    use super::{AddressFamily, Descriptor, Host, OwnedFd, SocketType};

    fn prepare(fd: OwnedFd) -> Result<OwnedFd, Host> {
        fcntl_setfd(&fd, FdFlags::CLOEXEC)?;
        ioctl_fionbio(&fd, true)?;
        Ok(fd)
    }

    pub(super) fn socket(family: AddressFamily) -> Result<OwnedFd, Host> {
        prepare(rustix::net::socket(family, SocketType::STREAM, None)?)
    }

    pub(super) fn accept(listener: &Descriptor) -> Result<OwnedFd, Host> {
        let fd = prepare(rustix::net::accept(listener)?)?;
        set_socket_nosigpipe(&fd, true)?;
        Ok(fd)
    }
}

#[cfg(test)]
mod tests;

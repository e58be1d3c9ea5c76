//! Calls on sockets that differ between hosts.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use holm_abi::{AddressFamily, Errno, SocketKind};
use rustix::io::Errno as Host;
use rustix::net::sockopt::set_ipv6_v6only;
use rustix::net::{AddressFamily as HostFamily, SocketAddrAny, SocketType, connect_unspec};

use crate::descriptor::Descriptor;

/// A new socket: not blocking, closed by `exec`, never dual-stack.
pub(super) fn socket(family: AddressFamily, kind: SocketKind) -> Result<OwnedFd, Host> {
    let host_family = match family {
        AddressFamily::Inet4 => HostFamily::INET,
        AddressFamily::Inet6 => HostFamily::INET6,
    };
    let socket_type = match kind {
        SocketKind::Stream => SocketType::STREAM,
        SocketKind::Datagram => SocketType::DGRAM,
    };
    let fd = platform::socket(host_family, socket_type)?;
    if family == AddressFamily::Inet6 {
        set_ipv6_v6only(&fd, true)?;
    }
    Ok(fd)
}

/// Takes a connection, and says from whom.
pub(super) fn accept(listener: &Descriptor) -> Result<(OwnedFd, Option<SocketAddr>), Host> {
    let (fd, from) = platform::accept(listener)?;
    Ok((fd, from.and_then(internet)))
}

/// Whether an error of `accept` is about a connection that was gone again before it was taken.
/// Linux answers errors that are pending on the new socket (accept(2), "Error handling").
pub(super) fn is_of_one_connection(error: Host) -> bool {
    platform::OF_ONE_CONNECTION.contains(&error) || error == Host::CONNABORTED
}

/// An address of IPv4 or IPv6.
pub(super) fn internet(address: SocketAddrAny) -> Option<SocketAddr> {
    SocketAddr::try_from(address).ok()
}

/// The address of a socket, once it has a port.
pub(super) fn bound_to(fd: impl AsFd) -> Result<Option<SocketAddr>, Host> {
    let address = rustix::net::getsockname(fd)?;
    Ok(internet(address).filter(|address| address.port() != 0))
}

/// Binds. A family that is not the socket's is a bad argument, as elsewhere.
pub(super) fn bind(fd: impl AsFd, address: SocketAddr) -> Result<(), Host> {
    rustix::net::bind(fd, &address).map_err(|error| match error {
        Host::AFNOSUPPORT => Host::INVAL,
        other => other,
    })
}

/// Dissolves the association of a datagram socket.
pub(super) fn disconnect(fd: impl AsFd) -> Result<(), Host> {
    match connect_unspec(fd) {
        // Apple and the BSDs dissolve it and answer one of these.
        #[cfg(not(target_os = "linux"))]
        Err(Host::INVAL | Host::AFNOSUPPORT) => Ok(()),
        other => other,
    }
}

/// Errors of calls that the port has no `Pending` for: "would block" is none of them.
pub(super) fn decided(error: Host) -> Errno {
    match error {
        // `connect` and `bind` when the ports are used up.
        Host::AGAIN => Errno::AddressNotAvailable,
        other => crate::errno::from_host(other),
    }
}

#[cfg(not(target_vendor = "apple"))]
mod platform {
    use rustix::net::{SocketFlags, acceptfrom_with, socket_with};

    use super::{Descriptor, Host, HostFamily, OwnedFd, SocketAddrAny, SocketType};

    const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

    #[cfg(target_os = "linux")]
    pub(super) const OF_ONE_CONNECTION: &[Host] = &[
        Host::CONNRESET,
        Host::NETRESET,
        Host::HOSTUNREACH,
        Host::HOSTDOWN,
        Host::NETDOWN,
        Host::NETUNREACH,
        Host::PROTO,
        Host::NOPROTOOPT,
        Host::NONET,
    ];
    #[cfg(not(target_os = "linux"))]
    pub(super) const OF_ONE_CONNECTION: &[Host] = &[];

    pub(super) fn socket(family: HostFamily, kind: SocketType) -> Result<OwnedFd, Host> {
        socket_with(family, kind, FLAGS, None)
    }

    pub(super) fn accept(listener: &Descriptor) -> Result<(OwnedFd, Option<SocketAddrAny>), Host> {
        acceptfrom_with(listener, FLAGS)
    }
}

#[cfg(target_vendor = "apple")]
mod platform {
    use rustix::io::{FdFlags, fcntl_setfd, ioctl_fionbio};
    use rustix::net::sockopt::set_socket_nosigpipe;

    use super::{Descriptor, Host, HostFamily, OwnedFd, SocketAddrAny, SocketType};

    pub(super) const OF_ONE_CONNECTION: &[Host] = &[];

    fn prepare(fd: OwnedFd) -> Result<OwnedFd, Host> {
        fcntl_setfd(&fd, FdFlags::CLOEXEC)?;
        ioctl_fionbio(&fd, true)?;
        set_socket_nosigpipe(&fd, true)?;
        Ok(fd)
    }

    pub(super) fn socket(family: HostFamily, kind: SocketType) -> Result<OwnedFd, Host> {
        prepare(rustix::net::socket(family, kind, None)?)
    }

    pub(super) fn accept(listener: &Descriptor) -> Result<(OwnedFd, Option<SocketAddrAny>), Host> {
        let (fd, from) = rustix::net::acceptfrom(listener)?;
        Ok((prepare(fd)?, from))
    }
}

//! Ports: what a host gives the kernel. The kernel reaches the world through these alone.

use core::net::{IpAddr, SocketAddr};
use std::any::Any;
use std::fmt::Debug;
use std::io::IoSlice;
use std::sync::Arc;
use std::task::{Poll, Waker};

use holm_abi::{
    AddressFamily, Errno, ReceivedFrom, RecvFlags, ShutdownFlags, SocketKind, SocketOption,
};

use crate::vfs::node::{Interest, Readiness};

/// Time, from the host.
pub trait Clock: Debug + Send + Sync {
    /// Nanoseconds since an arbitrary point; never goes back.
    fn monotonic_ns(&self) -> u64;
    /// Nanoseconds since 1970-01-01T00:00:00Z; 0 before that.
    fn realtime_ns(&self) -> u64;
    /// Step of the two clocks above, in nanoseconds, at least 1.
    fn resolution_ns(&self) -> u64;
    /// CPU time that the calling thread has used, in nanoseconds. A host that cannot tell
    /// answers `None`.
    fn thread_cpu_ns(&self) -> Option<u64>;
    /// A clock that time does not move jumps to `deadline_ns` and answers `true`: a host
    /// asks before it waits. A real clock answers `false`.
    fn jump_to(&self, deadline_ns: u64) -> bool {
        let _ = deadline_ns;
        false
    }
}

/// Randomness of cryptographic quality, from the host.
pub trait Entropy: Debug + Send + Sync {
    /// Fills `buffer`.
    ///
    /// # Errors
    ///
    /// `EIO` when the host has no randomness to give.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Errno>;
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn monotonic_ns(&self) -> u64 {
        (**self).monotonic_ns()
    }
    fn realtime_ns(&self) -> u64 {
        (**self).realtime_ns()
    }
    fn resolution_ns(&self) -> u64 {
        (**self).resolution_ns()
    }
    fn thread_cpu_ns(&self) -> Option<u64> {
        (**self).thread_cpu_ns()
    }
    fn jump_to(&self, deadline_ns: u64) -> bool {
        (**self).jump_to(deadline_ns)
    }
}

/// The host's network. The kernel has checked the rules before it calls any of this, and
/// checks addresses again that come back: a host decides nothing.
pub trait Network: Debug + Send + Sync {
    /// A new socket, not bound and not connected.
    ///
    /// # Errors
    ///
    /// `EAFNOSUPPORT` for a family that the host lacks, `EMFILE` when it has no descriptors.
    fn socket(&self, family: AddressFamily, kind: SocketKind) -> Result<Arc<dyn Socket>, Errno>;

    /// Begins to look a name up; the name is valid, in ASCII, without a final dot.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when too many lookups are under way.
    fn lookup(&self, name: &str) -> Result<Arc<dyn Lookup>, Errno>;
}

/// A lookup of a name that is under way. Dropping it lets it go.
pub trait Lookup: Debug + Send + Sync {
    /// The addresses, at most [`holm_abi::ADDRESSES_MAX`], the preferred ones first. `ENOENT`
    /// when there is no such name, `EAGAIN` when the servers did not answer.
    fn poll(&self, waker: &Waker) -> Poll<Result<Vec<IpAddr>, Errno>>;
}

/// A connection that was taken, and from whom it comes.
pub type Accepted = (Arc<dyn Socket>, SocketAddr);

/// A socket: the host's, or one of the virtual loopback. Calls follow POSIX; one that would
/// block registers the waker and answers `Pending`.
pub trait Socket: Any + Debug + Send + Sync {
    /// Binds to an address of the socket's family; port 0 takes a free one.
    fn bind(&self, address: SocketAddr) -> Result<(), Errno>;
    /// Listens, with room for `backlog` connections that were not taken yet. `EINVAL` for a
    /// datagram socket.
    fn listen(&self, backlog: u32) -> Result<(), Errno>;
    /// Connects; called again with the same address after `Pending`. A datagram socket takes
    /// `None` to be disconnected.
    fn connect(&self, address: Option<SocketAddr>, waker: &Waker) -> Poll<Result<(), Errno>>;
    /// Takes a connection, and says from whom.
    fn accept(&self, waker: &Waker) -> Poll<Result<Accepted, Errno>>;
    /// Receives; 0 bytes are the end of a stream. The address is the peer's for a stream.
    fn receive(
        &self,
        buffer: &mut [u8],
        flags: RecvFlags,
        waker: &Waker,
    ) -> Poll<Result<ReceivedFrom, Errno>>;
    /// Sends; `to` is for datagrams of a socket that is not connected. A datagram goes whole
    /// or not at all.
    fn send(
        &self,
        data: &[IoSlice<'_>],
        to: Option<SocketAddr>,
        waker: &Waker,
    ) -> Poll<Result<usize, Errno>>;
    /// Shuts directions down.
    fn shutdown(&self, how: ShutdownFlags) -> Result<(), Errno>;
    /// The address that it is bound to. `EINVAL` before that.
    fn local_address(&self) -> Result<SocketAddr, Errno>;
    /// The address that it is connected to. `ENOTCONN` before that.
    fn peer_address(&self) -> Result<SocketAddr, Errno>;
    /// Value of an option. `ENOPROTOOPT` for one that it has not.
    fn option(&self, option: SocketOption) -> Result<u64, Errno>;
    /// Sets an option. `EINVAL` for a value out of range.
    fn set_option(&self, option: SocketOption, value: u64) -> Result<(), Errno>;
    /// Whether a receive (or accept) or a send would not block.
    fn readiness(&self, interest: Interest, waker: &Waker) -> Poll<Result<Readiness, Errno>>;
}

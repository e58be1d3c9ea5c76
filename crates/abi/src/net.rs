//! Sockets: families, kinds, options, and what a receive brings.

use core::fmt;
use core::net::SocketAddr;

/// Most addresses that one name lookup answers.
pub const ADDRESSES_MAX: usize = 64;
/// Longest host name in bytes (RFC 1035, section 2.3.4, without the final dot).
pub const HOST_NAME_MAX: usize = 253;
/// Most bytes of one datagram (RFC 768: 65,535 less the headers of UDP and IPv4).
pub const DATAGRAM_MAX: usize = 65_507;

/// Address family of a socket (`ip-address-family` of `wasi:sockets`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressFamily {
    /// IPv4.
    Inet4,
    /// IPv6; never dual-stack, as `wasi:sockets` has it.
    Inet6,
}

impl AddressFamily {
    /// The family of an address.
    #[must_use]
    pub const fn of(address: &SocketAddr) -> AddressFamily {
        match address {
            SocketAddr::V4(_) => AddressFamily::Inet4,
            SocketAddr::V6(_) => AddressFamily::Inet6,
        }
    }
}

impl fmt::Display for AddressFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AddressFamily::Inet4 => "inet4",
            AddressFamily::Inet6 => "inet6",
        })
    }
}

/// What a socket carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SocketKind {
    /// TCP.
    Stream,
    /// UDP.
    Datagram,
}

impl fmt::Display for SocketKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SocketKind::Stream => "stream",
            SocketKind::Datagram => "datagram",
        })
    }
}

/// An option of a socket. Values are numbers; times are nanoseconds, sizes bytes, switches 0
/// or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SocketOption {
    /// Whether probes are sent on an idle connection (`SO_KEEPALIVE`).
    KeepAlive,
    /// Idle time before the first probe (`TCP_KEEPIDLE`).
    KeepAliveIdle,
    /// Time between probes (`TCP_KEEPINTVL`).
    KeepAliveInterval,
    /// Probes before the connection is given up (`TCP_KEEPCNT`).
    KeepAliveCount,
    /// Hops that a packet may take (`IP_TTL`, `IPV6_UNICAST_HOPS`), 1 to 255.
    HopLimit,
    /// Size of the buffer of what was received (`SO_RCVBUF`).
    ReceiveBuffer,
    /// Size of the buffer of what is to be sent (`SO_SNDBUF`).
    SendBuffer,
    /// Whether small segments are sent at once (`TCP_NODELAY`).
    NoDelay,
    /// Whether the socket listens; can only be read.
    Listening,
}

impl fmt::Display for SocketOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SocketOption::KeepAlive => "keep_alive",
            SocketOption::KeepAliveIdle => "keep_alive_idle",
            SocketOption::KeepAliveInterval => "keep_alive_interval",
            SocketOption::KeepAliveCount => "keep_alive_count",
            SocketOption::HopLimit => "hop_limit",
            SocketOption::ReceiveBuffer => "receive_buffer",
            SocketOption::SendBuffer => "send_buffer",
            SocketOption::NoDelay => "no_delay",
            SocketOption::Listening => "listening",
        })
    }
}

/// What a receive brought, and from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceivedFrom {
    /// Bytes written to the buffer.
    pub size: u32,
    /// Whether a datagram was longer than the buffer and cut.
    pub truncated: bool,
    /// Who sent it.
    pub address: SocketAddr,
}

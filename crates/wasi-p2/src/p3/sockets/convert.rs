//! Between the words of 0.3 and the kernel's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use holm_abi::{AddressFamily, Errno};

use crate::SocketError;
use crate::bindings::p3::wasi::sockets::ip_name_lookup::ErrorCode as LookupCode;
use crate::bindings::p3::wasi::sockets::types::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};

/// `wasi:sockets/types.error-code`.
pub(super) fn code(errno: Errno) -> ErrorCode {
    match errno {
        Errno::Access | Errno::NotPermitted | Errno::NotCapable => ErrorCode::AccessDenied,
        Errno::AddressFamily
        | Errno::NoProtocolOption
        | Errno::NotImplemented
        | Errno::NotSupported
        | Errno::ProtocolNotSupported
        | Errno::ProtocolType => ErrorCode::NotSupported,
        Errno::Invalid | Errno::DestinationRequired => ErrorCode::InvalidArgument,
        Errno::NoMemory
        | Errno::NoBufferSpace
        | Errno::TooManyFds
        | Errno::TooManyFilesInSystem => ErrorCode::OutOfMemory,
        Errno::TimedOut => ErrorCode::Timeout,
        Errno::Already | Errno::InProgress | Errno::IsConnected | Errno::NotConnected => {
            ErrorCode::InvalidState
        }
        Errno::AddressNotAvailable => ErrorCode::AddressNotBindable,
        Errno::AddressInUse => ErrorCode::AddressInUse,
        Errno::HostUnreachable
        | Errno::NetworkDown
        | Errno::NetworkReset
        | Errno::NetworkUnreachable => ErrorCode::RemoteUnreachable,
        Errno::ConnectionRefused => ErrorCode::ConnectionRefused,
        Errno::BrokenPipe => ErrorCode::ConnectionBroken,
        Errno::ConnectionReset => ErrorCode::ConnectionReset,
        Errno::ConnectionAborted => ErrorCode::ConnectionAborted,
        Errno::MessageSize => ErrorCode::DatagramTooLarge,
        errno => ErrorCode::Other(Some(errno.to_string())),
    }
}

/// The code of a failure, or a trap.
pub(crate) fn error(error: SocketError) -> wasmtime::Result<ErrorCode> {
    Ok(match error {
        SocketError::Errno(errno) => code(errno),
        SocketError::InvalidArgument => ErrorCode::InvalidArgument,
        // The others belong to 0.2, whose operations are started and finished.
        SocketError::InvalidState
        | SocketError::ConcurrencyConflict
        | SocketError::NotInProgress
        | SocketError::WouldBlock => ErrorCode::InvalidState,
        SocketError::Trap(error) => return Err(error),
    })
}

/// The same for names.
pub(super) fn lookup_error(error: SocketError) -> wasmtime::Result<LookupCode> {
    Ok(match error {
        SocketError::InvalidArgument => LookupCode::InvalidArgument,
        SocketError::Trap(error) => return Err(error),
        SocketError::Errno(errno) => match errno {
            Errno::Access | Errno::NotPermitted | Errno::NotCapable => LookupCode::AccessDenied,
            Errno::Invalid | Errno::NameTooLong | Errno::IllegalSequence => {
                LookupCode::InvalidArgument
            }
            Errno::NoEntry => LookupCode::NameUnresolvable,
            Errno::Again | Errno::TimedOut => LookupCode::TemporaryResolverFailure,
            _ => LookupCode::PermanentResolverFailure,
        },
        SocketError::InvalidState
        | SocketError::ConcurrencyConflict
        | SocketError::NotInProgress
        | SocketError::WouldBlock => LookupCode::Other(None),
    })
}

impl From<IpAddressFamily> for AddressFamily {
    fn from(family: IpAddressFamily) -> AddressFamily {
        match family {
            IpAddressFamily::Ipv4 => AddressFamily::Inet4,
            IpAddressFamily::Ipv6 => AddressFamily::Inet6,
        }
    }
}

impl From<AddressFamily> for IpAddressFamily {
    fn from(family: AddressFamily) -> IpAddressFamily {
        match family {
            AddressFamily::Inet4 => IpAddressFamily::Ipv4,
            AddressFamily::Inet6 => IpAddressFamily::Ipv6,
        }
    }
}

impl From<IpSocketAddress> for SocketAddr {
    fn from(address: IpSocketAddress) -> SocketAddr {
        match address {
            IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address }) => {
                let (a, b, c, d) = address;
                SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port).into()
            }
            IpSocketAddress::Ipv6(from) => {
                let (a, b, c, d, e, f, g, h) = from.address;
                let address = Ipv6Addr::new(a, b, c, d, e, f, g, h);
                SocketAddrV6::new(address, from.port, from.flow_info, from.scope_id).into()
            }
        }
    }
}

impl From<SocketAddr> for IpSocketAddress {
    fn from(address: SocketAddr) -> IpSocketAddress {
        match address {
            SocketAddr::V4(address) => IpSocketAddress::Ipv4(Ipv4SocketAddress {
                port: address.port(),
                address: address.ip().octets().into(),
            }),
            SocketAddr::V6(address) => IpSocketAddress::Ipv6(Ipv6SocketAddress {
                port: address.port(),
                flow_info: address.flowinfo(),
                address: address.ip().segments().into(),
                scope_id: address.scope_id(),
            }),
        }
    }
}

impl From<IpAddr> for IpAddress {
    fn from(address: IpAddr) -> IpAddress {
        match address {
            IpAddr::V4(address) => IpAddress::Ipv4(address.octets().into()),
            IpAddr::V6(address) => IpAddress::Ipv6(address.segments().into()),
        }
    }
}

//! The kernel's errors as the codes of `wasi:sockets` of 0.2.

use holm_abi::Errno;

use crate::bindings::p2::wasi::sockets::network::ErrorCode as NetworkCode;

/// `wasi:sockets/network.error-code`.
pub(crate) fn network(errno: Errno) -> NetworkCode {
    match errno {
        Errno::Access | Errno::NotPermitted | Errno::NotCapable => NetworkCode::AccessDenied,
        Errno::AddressFamily
        | Errno::NoProtocolOption
        | Errno::NotImplemented
        | Errno::NotSupported
        | Errno::ProtocolNotSupported
        | Errno::ProtocolType => NetworkCode::NotSupported,
        Errno::Invalid | Errno::NameTooLong | Errno::IllegalSequence => {
            NetworkCode::InvalidArgument
        }
        Errno::NoMemory | Errno::NoBufferSpace => NetworkCode::OutOfMemory,
        Errno::TimedOut => NetworkCode::Timeout,
        Errno::Already | Errno::InProgress => NetworkCode::ConcurrencyConflict,
        Errno::IsConnected | Errno::NotConnected | Errno::DestinationRequired => {
            NetworkCode::InvalidState
        }
        Errno::TooManyFds | Errno::TooManyFilesInSystem => NetworkCode::NewSocketLimit,
        Errno::AddressNotAvailable => NetworkCode::AddressNotBindable,
        Errno::AddressInUse => NetworkCode::AddressInUse,
        Errno::HostUnreachable
        | Errno::NetworkDown
        | Errno::NetworkReset
        | Errno::NetworkUnreachable => NetworkCode::RemoteUnreachable,
        Errno::ConnectionRefused => NetworkCode::ConnectionRefused,
        Errno::ConnectionReset | Errno::BrokenPipe => NetworkCode::ConnectionReset,
        Errno::ConnectionAborted => NetworkCode::ConnectionAborted,
        Errno::MessageSize => NetworkCode::DatagramTooLarge,
        // Both come from looking names up alone: nobody waits for a socket by this error.
        Errno::NoEntry => NetworkCode::NameUnresolvable,
        Errno::Again => NetworkCode::TemporaryResolverFailure,
        _ => NetworkCode::Unknown,
    }
}

//! The kernel's errors as the codes of 0.3.

use holm_abi::Errno;

use crate::SocketError;
use crate::bindings::p3::wasi::sockets::ip_name_lookup::ErrorCode as LookupCode;
use crate::bindings::p3::wasi::sockets::types::ErrorCode;

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

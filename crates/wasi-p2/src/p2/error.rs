//! The kernel's errors as the codes of 0.2.

use holm_abi::Errno;

use crate::bindings::p2::wasi::filesystem::types::ErrorCode;
use crate::bindings::p2::wasi::sockets::network::ErrorCode as NetworkCode;

/// `wasi:filesystem/types.error-code`.
pub(crate) fn filesystem(errno: Errno) -> ErrorCode {
    match errno {
        Errno::Access => ErrorCode::Access,
        Errno::Again => ErrorCode::WouldBlock,
        Errno::Already => ErrorCode::Already,
        Errno::BadFd => ErrorCode::BadDescriptor,
        Errno::Busy => ErrorCode::Busy,
        Errno::Deadlock => ErrorCode::Deadlock,
        Errno::Quota => ErrorCode::Quota,
        Errno::Exist => ErrorCode::Exist,
        Errno::FileTooBig => ErrorCode::FileTooLarge,
        Errno::IllegalSequence => ErrorCode::IllegalByteSequence,
        Errno::InProgress => ErrorCode::InProgress,
        Errno::Interrupted => ErrorCode::Interrupted,
        Errno::Invalid => ErrorCode::Invalid,
        Errno::IsDirectory => ErrorCode::IsDirectory,
        Errno::Loop => ErrorCode::Loop,
        Errno::TooManyLinks => ErrorCode::TooManyLinks,
        Errno::MessageSize => ErrorCode::MessageSize,
        Errno::NameTooLong => ErrorCode::NameTooLong,
        Errno::NoDevice => ErrorCode::NoDevice,
        Errno::NoEntry => ErrorCode::NoEntry,
        Errno::NoLocks => ErrorCode::NoLock,
        // There is no code for a full table of descriptors.
        Errno::NoMemory | Errno::TooManyFds | Errno::TooManyFilesInSystem => {
            ErrorCode::InsufficientMemory
        }
        Errno::NoSpace => ErrorCode::InsufficientSpace,
        Errno::NotDirectory => ErrorCode::NotDirectory,
        Errno::NotEmpty => ErrorCode::NotEmpty,
        Errno::NotRecoverable => ErrorCode::NotRecoverable,
        Errno::NotSupported | Errno::NotImplemented => ErrorCode::Unsupported,
        Errno::NotTerminal => ErrorCode::NoTty,
        Errno::NoSuchDevice => ErrorCode::NoSuchDevice,
        Errno::Overflow => ErrorCode::Overflow,
        Errno::NotPermitted | Errno::NotCapable => ErrorCode::NotPermitted,
        Errno::BrokenPipe => ErrorCode::Pipe,
        Errno::ReadOnly => ErrorCode::ReadOnly,
        Errno::NotSeekable => ErrorCode::InvalidSeek,
        Errno::TextBusy => ErrorCode::TextFileBusy,
        Errno::CrossDevice => ErrorCode::CrossDevice,
        _ => ErrorCode::Io,
    }
}

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

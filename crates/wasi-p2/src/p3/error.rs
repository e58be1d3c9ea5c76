//! The kernel's errors as the codes of 0.3.

use holm_abi::Errno;

use crate::bindings::p3::wasi::filesystem::types::ErrorCode;

/// `wasi:filesystem/types.error-code`.
pub(crate) fn filesystem(errno: Errno) -> ErrorCode {
    match errno {
        Errno::Access => ErrorCode::Access,
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

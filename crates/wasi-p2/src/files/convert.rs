//! Words for files of 0.2 and of 0.3, which are nearly the same in two types, and the kernel's.

use holm_abi::{Advice, Errno, FdFlags, FileType, LookupFlags, OpenFlags, SetTime, SetTimes, Stat};

use super::{Opening, metadata_hash};
use crate::bindings::p2::wasi::filesystem::types as two;
use crate::bindings::p3::wasi::filesystem::types as three;
use crate::p2::clocks::datetime;
use crate::p3::clocks::instant;

/// `again` and `unknown` are what a version has for an operation that would block, and for a
/// file of no known type; `time` makes its type of nanoseconds since 1970.
macro_rules! conversions {
    ($types:ident, again: $again:ident, unknown: $unknown:expr, time: $time:ident) => {
        impl From<Errno> for $types::ErrorCode {
            fn from(errno: Errno) -> $types::ErrorCode {
                use $types::ErrorCode as Code;
                match errno {
                    Errno::Access => Code::Access,
                    Errno::Again => Code::$again,
                    Errno::Already => Code::Already,
                    Errno::BadFd => Code::BadDescriptor,
                    Errno::Busy => Code::Busy,
                    Errno::Deadlock => Code::Deadlock,
                    Errno::Quota => Code::Quota,
                    Errno::Exist => Code::Exist,
                    Errno::FileTooBig => Code::FileTooLarge,
                    Errno::IllegalSequence => Code::IllegalByteSequence,
                    Errno::InProgress => Code::InProgress,
                    Errno::Interrupted => Code::Interrupted,
                    Errno::Invalid => Code::Invalid,
                    Errno::IsDirectory => Code::IsDirectory,
                    Errno::Loop => Code::Loop,
                    Errno::TooManyLinks => Code::TooManyLinks,
                    Errno::MessageSize => Code::MessageSize,
                    Errno::NameTooLong => Code::NameTooLong,
                    Errno::NoDevice => Code::NoDevice,
                    Errno::NoEntry => Code::NoEntry,
                    Errno::NoLocks => Code::NoLock,
                    // There is no code for a full table of descriptors.
                    Errno::NoMemory | Errno::TooManyFds | Errno::TooManyFilesInSystem => {
                        Code::InsufficientMemory
                    }
                    Errno::NoSpace => Code::InsufficientSpace,
                    Errno::NotDirectory => Code::NotDirectory,
                    Errno::NotEmpty => Code::NotEmpty,
                    Errno::NotRecoverable => Code::NotRecoverable,
                    Errno::NotSupported | Errno::NotImplemented => Code::Unsupported,
                    Errno::NotTerminal => Code::NoTty,
                    Errno::NoSuchDevice => Code::NoSuchDevice,
                    Errno::Overflow => Code::Overflow,
                    Errno::NotPermitted | Errno::NotCapable => Code::NotPermitted,
                    Errno::BrokenPipe => Code::Pipe,
                    Errno::ReadOnly => Code::ReadOnly,
                    Errno::NotSeekable => Code::InvalidSeek,
                    Errno::TextBusy => Code::TextFileBusy,
                    Errno::CrossDevice => Code::CrossDevice,
                    _ => Code::Io,
                }
            }
        }

        impl From<$types::Advice> for Advice {
            fn from(advice: $types::Advice) -> Advice {
                match advice {
                    $types::Advice::Normal => Advice::Normal,
                    $types::Advice::Sequential => Advice::Sequential,
                    $types::Advice::Random => Advice::Random,
                    $types::Advice::WillNeed => Advice::WillNeed,
                    $types::Advice::DontNeed => Advice::DontNeed,
                    $types::Advice::NoReuse => Advice::NoReuse,
                }
            }
        }

        impl From<$types::PathFlags> for LookupFlags {
            fn from(flags: $types::PathFlags) -> LookupFlags {
                match flags.contains($types::PathFlags::SYMLINK_FOLLOW) {
                    true => LookupFlags::SYMLINK_FOLLOW,
                    false => LookupFlags::NONE,
                }
            }
        }

        impl From<$types::OpenFlags> for OpenFlags {
            fn from(flags: $types::OpenFlags) -> OpenFlags {
                use $types::OpenFlags as Flags;
                let when = |flag, then| match flags.contains(flag) {
                    true => then,
                    false => OpenFlags::NONE,
                };
                when(Flags::CREATE, OpenFlags::CREATE)
                    .union(when(Flags::DIRECTORY, OpenFlags::DIRECTORY))
                    .union(when(Flags::EXCLUSIVE, OpenFlags::EXCLUSIVE))
                    .union(when(Flags::TRUNCATE, OpenFlags::TRUNCATE))
            }
        }

        impl From<($types::OpenFlags, $types::DescriptorFlags)> for Opening {
            fn from((open, flags): ($types::OpenFlags, $types::DescriptorFlags)) -> Opening {
                use $types::DescriptorFlags as Flags;
                let when = |flag, then| match flags.contains(flag) {
                    true => then,
                    false => FdFlags::NONE,
                };
                Opening {
                    open: open.into(),
                    flags: when(Flags::FILE_INTEGRITY_SYNC, FdFlags::SYNC)
                        .union(when(Flags::DATA_INTEGRITY_SYNC, FdFlags::DSYNC))
                        .union(when(Flags::REQUESTED_WRITE_SYNC, FdFlags::RSYNC)),
                    read: flags.contains(Flags::READ),
                    write: flags.contains(Flags::WRITE),
                    change_directory: flags.contains(Flags::MUTATE_DIRECTORY),
                }
            }
        }

        impl $types::DescriptorFlags {
            /// Of a descriptor that may be used so, and that the kernel says behaves so.
            pub(crate) fn of(
                read: bool,
                write: bool,
                change_directory: bool,
                found: FdFlags,
            ) -> $types::DescriptorFlags {
                use $types::DescriptorFlags as Flags;
                let when = |set, then| match set {
                    true => then,
                    false => Flags::empty(),
                };
                when(read, Flags::READ)
                    | when(write, Flags::WRITE)
                    | when(change_directory, Flags::MUTATE_DIRECTORY)
                    | when(found.contains(FdFlags::SYNC), Flags::FILE_INTEGRITY_SYNC)
                    | when(found.contains(FdFlags::DSYNC), Flags::DATA_INTEGRITY_SYNC)
                    | when(found.contains(FdFlags::RSYNC), Flags::REQUESTED_WRITE_SYNC)
            }
        }

        impl TryFrom<$types::NewTimestamp> for SetTime {
            type Error = Errno;

            fn try_from(new: $types::NewTimestamp) -> Result<SetTime, Errno> {
                match new {
                    $types::NewTimestamp::NoChange => Ok(SetTime::Keep),
                    $types::NewTimestamp::Now => Ok(SetTime::Now),
                    // The kernel's times begin with 1970.
                    $types::NewTimestamp::Timestamp(time) => u64::try_from(time.seconds)
                        .ok()
                        .and_then(|seconds| seconds.checked_mul(1_000_000_000))
                        .and_then(|ns| ns.checked_add(u64::from(time.nanoseconds)))
                        .map(SetTime::At)
                        .ok_or(Errno::Overflow),
                }
            }
        }

        impl From<FileType> for $types::DescriptorType {
            fn from(found: FileType) -> $types::DescriptorType {
                use $types::DescriptorType as Type;
                match found {
                    FileType::Unknown => $unknown,
                    FileType::BlockDevice => Type::BlockDevice,
                    FileType::CharacterDevice => Type::CharacterDevice,
                    FileType::Directory => Type::Directory,
                    FileType::RegularFile => Type::RegularFile,
                    FileType::SocketDgram | FileType::SocketStream => Type::Socket,
                    FileType::SymbolicLink => Type::SymbolicLink,
                }
            }
        }

        impl From<Stat> for $types::DescriptorStat {
            fn from(stat: Stat) -> $types::DescriptorStat {
                $types::DescriptorStat {
                    type_: stat.file_type.into(),
                    link_count: stat.links,
                    size: stat.size,
                    data_access_timestamp: Some($time(stat.accessed_ns)),
                    data_modification_timestamp: Some($time(stat.modified_ns)),
                    status_change_timestamp: Some($time(stat.changed_ns)),
                }
            }
        }

        impl From<Stat> for $types::MetadataHashValue {
            fn from(stat: Stat) -> $types::MetadataHashValue {
                let (lower, upper) = metadata_hash(&stat);
                $types::MetadataHashValue { lower, upper }
            }
        }

        impl From<(FileType, String)> for $types::DirectoryEntry {
            fn from((file_type, name): (FileType, String)) -> $types::DirectoryEntry {
                let type_ = file_type.into();
                $types::DirectoryEntry { type_, name }
            }
        }
    };
}

conversions!(two, again: WouldBlock, unknown: two::DescriptorType::Unknown, time: datetime);
conversions!(three, again: Io, unknown: three::DescriptorType::Other(None), time: instant);

/// The times to set.
pub(crate) fn times<T>(accessed: T, modified: T) -> Result<SetTimes, Errno>
where
    SetTime: TryFrom<T, Error = Errno>,
{
    Ok(SetTimes {
        accessed: accessed.try_into()?,
        modified: modified.try_into()?,
    })
}

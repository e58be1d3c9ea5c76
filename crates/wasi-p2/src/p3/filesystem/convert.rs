//! Between the words of 0.3 and the kernel's.

use holm_abi::{Advice, Errno, FdFlags, FileType, LookupFlags, OpenFlags, SetTime, SetTimes, Stat};

use crate::Descriptor;
use crate::bindings::p3::wasi::filesystem::types::{
    self, DescriptorFlags, DescriptorStat, DescriptorType, MetadataHashValue, NewTimestamp,
    PathFlags,
};
use crate::files::{Opening, metadata_hash};
use crate::p3::clocks::instant;

pub(super) fn advice(advice: types::Advice) -> Advice {
    match advice {
        types::Advice::Normal => Advice::Normal,
        types::Advice::Sequential => Advice::Sequential,
        types::Advice::Random => Advice::Random,
        types::Advice::WillNeed => Advice::WillNeed,
        types::Advice::DontNeed => Advice::DontNeed,
        types::Advice::NoReuse => Advice::NoReuse,
    }
}

pub(super) fn descriptor_flags(
    descriptor: &Descriptor,
    found: FdFlags,
    is_directory: bool,
) -> DescriptorFlags {
    let when = |set: bool, flag| match set {
        true => flag,
        false => DescriptorFlags::empty(),
    };
    let (writes, changes) = match is_directory {
        true => (false, descriptor.writable && descriptor.changes),
        false => (descriptor.writable, false),
    };
    when(descriptor.readable, DescriptorFlags::READ)
        | when(writes, DescriptorFlags::WRITE)
        | when(changes, DescriptorFlags::MUTATE_DIRECTORY)
        | when(
            found.contains(FdFlags::SYNC),
            DescriptorFlags::FILE_INTEGRITY_SYNC,
        )
        | when(
            found.contains(FdFlags::DSYNC),
            DescriptorFlags::DATA_INTEGRITY_SYNC,
        )
        | when(
            found.contains(FdFlags::RSYNC),
            DescriptorFlags::REQUESTED_WRITE_SYNC,
        )
}

pub(super) fn lookup(flags: PathFlags) -> LookupFlags {
    match flags.contains(PathFlags::SYMLINK_FOLLOW) {
        true => LookupFlags::SYMLINK_FOLLOW,
        false => LookupFlags::NONE,
    }
}

pub(super) fn opening(open: types::OpenFlags, flags: DescriptorFlags) -> Opening {
    let when = |set: bool, flag: OpenFlags| if set { flag } else { OpenFlags::NONE };
    let also = |set: bool, flag: FdFlags| if set { flag } else { FdFlags::NONE };
    Opening {
        open: when(open.contains(types::OpenFlags::CREATE), OpenFlags::CREATE)
            .union(when(
                open.contains(types::OpenFlags::DIRECTORY),
                OpenFlags::DIRECTORY,
            ))
            .union(when(
                open.contains(types::OpenFlags::EXCLUSIVE),
                OpenFlags::EXCLUSIVE,
            ))
            .union(when(
                open.contains(types::OpenFlags::TRUNCATE),
                OpenFlags::TRUNCATE,
            )),
        flags: also(
            flags.contains(DescriptorFlags::FILE_INTEGRITY_SYNC),
            FdFlags::SYNC,
        )
        .union(also(
            flags.contains(DescriptorFlags::DATA_INTEGRITY_SYNC),
            FdFlags::DSYNC,
        ))
        .union(also(
            flags.contains(DescriptorFlags::REQUESTED_WRITE_SYNC),
            FdFlags::RSYNC,
        )),
        // Nothing asked for is to read; what is created can be written besides.
        read: flags.contains(DescriptorFlags::READ) || !flags.contains(DescriptorFlags::WRITE),
        write: flags.contains(DescriptorFlags::WRITE) || open.contains(types::OpenFlags::CREATE),
        change_directory: flags.contains(DescriptorFlags::MUTATE_DIRECTORY),
    }
}

pub(super) fn times(accessed: NewTimestamp, modified: NewTimestamp) -> Result<SetTimes, Errno> {
    let time = |new: NewTimestamp| match new {
        NewTimestamp::NoChange => Ok(SetTime::Keep),
        NewTimestamp::Now => Ok(SetTime::Now),
        // The kernel's times begin with 1970.
        NewTimestamp::Timestamp(time) => u64::try_from(time.seconds)
            .ok()
            .and_then(|seconds| seconds.checked_mul(1_000_000_000))
            .and_then(|ns| ns.checked_add(u64::from(time.nanoseconds)))
            .map(SetTime::At)
            .ok_or(Errno::Overflow),
    };
    Ok(SetTimes {
        accessed: time(accessed)?,
        modified: time(modified)?,
    })
}

pub(super) fn descriptor_type(found: FileType) -> DescriptorType {
    match found {
        FileType::Unknown => DescriptorType::Other(None),
        FileType::BlockDevice => DescriptorType::BlockDevice,
        FileType::CharacterDevice => DescriptorType::CharacterDevice,
        FileType::Directory => DescriptorType::Directory,
        FileType::RegularFile => DescriptorType::RegularFile,
        FileType::SocketDgram | FileType::SocketStream => DescriptorType::Socket,
        FileType::SymbolicLink => DescriptorType::SymbolicLink,
    }
}

pub(super) fn descriptor_stat(stat: &Stat) -> DescriptorStat {
    DescriptorStat {
        type_: descriptor_type(stat.file_type),
        link_count: stat.links,
        size: stat.size,
        data_access_timestamp: Some(instant(stat.accessed_ns)),
        data_modification_timestamp: Some(instant(stat.modified_ns)),
        status_change_timestamp: Some(instant(stat.changed_ns)),
    }
}

pub(super) fn hash_value(stat: &Stat) -> MetadataHashValue {
    let (lower, upper) = metadata_hash(stat);
    MetadataHashValue { lower, upper }
}

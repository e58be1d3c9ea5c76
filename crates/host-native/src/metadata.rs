//! Metadata: the host's `stat` and timestamps in the kernel's terms.

use holm_abi::{FileType, SetTime, SetTimes, Stat};
use rustix::fs::{
    FileType as HostType, RawMode, Stat as HostStat, Timestamps, UTIME_NOW, UTIME_OMIT,
};

use crate::clock::to_timespec;

const NS_PER_SECOND: i128 = 1_000_000_000;

/// What kind of file a mode tells. A FIFO is `Unknown`: WASI 0.1 has no word for it.
pub(crate) fn file_type(host: HostType) -> FileType {
    match host {
        HostType::RegularFile => FileType::RegularFile,
        HostType::Directory => FileType::Directory,
        HostType::Symlink => FileType::SymbolicLink,
        HostType::CharacterDevice => FileType::CharacterDevice,
        HostType::BlockDevice => FileType::BlockDevice,
        HostType::Socket => FileType::SocketStream,
        HostType::Fifo | HostType::Unknown => FileType::Unknown,
    }
}

#[allow(
    clippy::unnecessary_cast,
    trivial_numeric_casts,
    reason = "the mode's width differs between hosts"
)]
pub(crate) fn host_type(stat: &HostStat) -> HostType {
    HostType::from_raw_mode(stat.st_mode as RawMode)
}

/// The kernel's stat; `device` is the kernel's to fill in.
#[allow(
    clippy::unnecessary_fallible_conversions,
    clippy::useless_conversion,
    reason = "field types differ between hosts"
)]
pub(crate) fn stat(host: &HostStat) -> Stat {
    Stat {
        device: 0,
        inode: host.st_ino.into(),
        file_type: file_type(host_type(host)),
        links: host.st_nlink.into(),
        size: u64::try_from(host.st_size).unwrap_or(0),
        accessed_ns: time_ns(
            host.st_atime.into(),
            host.st_atime_nsec.try_into().unwrap_or(0),
        ),
        modified_ns: time_ns(
            host.st_mtime.into(),
            host.st_mtime_nsec.try_into().unwrap_or(0),
        ),
        changed_ns: time_ns(
            host.st_ctime.into(),
            host.st_ctime_nsec.try_into().unwrap_or(0),
        ),
    }
}

/// Nanoseconds since 1970; what is before is 0, what is past the year 2554 the maximum.
fn time_ns(seconds: i64, nanoseconds: i64) -> u64 {
    let total = i128::from(seconds) * NS_PER_SECOND + i128::from(nanoseconds);
    u64::try_from(total.max(0)).unwrap_or(u64::MAX)
}

/// Arguments of `utimensat` for `times`.
pub(crate) fn timestamps(times: SetTimes) -> Timestamps {
    let one = |time| {
        let mut value = to_timespec(0);
        match time {
            SetTime::Keep => value.tv_nsec = UTIME_OMIT,
            SetTime::Now => value.tv_nsec = UTIME_NOW,
            SetTime::At(time_ns) => value = to_timespec(time_ns),
        }
        value
    };
    Timestamps {
        last_access: one(times.accessed),
        last_modification: one(times.modified),
    }
}

#[cfg(test)]
mod tests {
    use super::time_ns;

    #[test]
    fn times_are_clamped_not_wrapped() {
        assert_eq!(time_ns(0, 0), 0);
        assert_eq!(time_ns(1, 5), 1_000_000_005);
        assert_eq!(time_ns(-1, 999_999_999), 0);
        assert_eq!(time_ns(i64::MIN, 0), 0);
        assert_eq!(time_ns(i64::MAX, 0), u64::MAX);
    }
}

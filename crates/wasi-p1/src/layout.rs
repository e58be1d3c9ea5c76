//! Records of `typenames.witx` as bytes: little-endian, padding zeroed.

use holm_abi::{ClockId, Errno, Event, EventKind, Fd, FdStat, Stat, Subscription};

/// Size of `fdstat` in bytes.
pub(crate) const FDSTAT_SIZE: usize = 24;
/// Size of `filestat` in bytes.
pub(crate) const FILESTAT_SIZE: usize = 64;
/// Size of `prestat` in bytes.
pub(crate) const PRESTAT_SIZE: usize = 8;
/// Size of `subscription` in bytes.
pub(crate) const SUBSCRIPTION_SIZE: usize = 48;
/// Size of `event` in bytes.
pub(crate) const EVENT_SIZE: usize = 32;
/// Size of `iovec` and `ciovec` in bytes.
pub(crate) const IOVEC_SIZE: usize = 8;

fn put<const N: usize>(record: &mut [u8], at: usize, bytes: [u8; N]) {
    record[at..at + N].copy_from_slice(&bytes);
}

fn take<const N: usize>(record: &[u8; SUBSCRIPTION_SIZE], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&record[at..at + N]);
    bytes
}

pub(crate) fn fdstat(stat: &FdStat) -> [u8; FDSTAT_SIZE] {
    let mut record = [0; FDSTAT_SIZE];
    record[0] = stat.file_type as u8;
    put(&mut record, 2, stat.flags.bits().to_le_bytes());
    put(&mut record, 8, stat.rights.bits().to_le_bytes());
    put(&mut record, 16, stat.inheriting.bits().to_le_bytes());
    record
}

pub(crate) fn filestat(stat: &Stat) -> [u8; FILESTAT_SIZE] {
    let mut record = [0; FILESTAT_SIZE];
    put(&mut record, 0, stat.device.to_le_bytes());
    put(&mut record, 8, stat.inode.to_le_bytes());
    record[16] = stat.file_type as u8;
    put(&mut record, 24, stat.links.to_le_bytes());
    put(&mut record, 32, stat.size.to_le_bytes());
    put(&mut record, 40, stat.accessed_ns.to_le_bytes());
    put(&mut record, 48, stat.modified_ns.to_le_bytes());
    put(&mut record, 56, stat.changed_ns.to_le_bytes());
    record
}

/// A `prestat`; its tag 0 is `preopentype::dir`, the only one there is.
pub(crate) fn prestat(name_length: u32) -> [u8; PRESTAT_SIZE] {
    let mut record = [0; PRESTAT_SIZE];
    put(&mut record, 4, name_length.to_le_bytes());
    record
}

pub(crate) fn event(event: &Event) -> [u8; EVENT_SIZE] {
    /// `eventrwflags::fd_readwrite_hangup`.
    const HANGUP: u16 = 1;
    let mut record = [0; EVENT_SIZE];
    put(&mut record, 0, event.user_data.to_le_bytes());
    let errno = event.errno.map_or(0, Errno::raw);
    put(&mut record, 8, errno.to_le_bytes());
    record[10] = event.kind as u8;
    put(&mut record, 16, event.bytes.to_le_bytes());
    let flags = if event.hangup { HANGUP } else { 0 };
    put(&mut record, 24, flags.to_le_bytes());
    record
}

/// A `subscription`. One that means nothing becomes [`Subscription::Bad`], so that the
/// guest learns of it by an event and the others are still waited for.
pub(crate) fn subscription(record: &[u8; SUBSCRIPTION_SIZE]) -> Subscription {
    /// `subclockflags::subscription_clock_abstime`.
    const ABSOLUTE: u16 = 1;
    let user_data = u64::from_le_bytes(take(record, 0));
    let bad = |kind| Subscription::Bad {
        user_data,
        kind,
        errno: Errno::Invalid,
    };
    let word = u32::from_le_bytes(take(record, 16));
    match record[8] {
        0 => {
            let flags = u16::from_le_bytes(take(record, 40));
            match ClockId::from_raw(word) {
                Some(clock) if flags & !ABSOLUTE == 0 => Subscription::Clock {
                    user_data,
                    clock,
                    timeout_ns: u64::from_le_bytes(take(record, 24)),
                    absolute: flags == ABSOLUTE,
                },
                _ => bad(EventKind::Clock),
            }
        }
        1 => Subscription::Read {
            user_data,
            fd: Fd(word),
        },
        2 => Subscription::Write {
            user_data,
            fd: Fd(word),
        },
        _ => bad(EventKind::Clock),
    }
}

#[cfg(test)]
mod tests {
    use holm_abi::{
        ClockId, Errno, Event, EventKind, Fd, FdFlags, FdStat, FileType, Rights, Stat, Subscription,
    };

    fn word(record: &[u8], at: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&record[at..at + 8]);
        u64::from_le_bytes(bytes)
    }

    #[test]
    fn filestat_fields_are_where_the_standard_puts_them() {
        let record = super::filestat(&Stat {
            device: 1,
            inode: 2,
            file_type: FileType::RegularFile,
            links: 3,
            size: 4,
            accessed_ns: 5,
            modified_ns: 6,
            changed_ns: u64::MAX,
        });
        assert_eq!(record.len(), 64);
        let words: Vec<u64> = (0..8).map(|index| word(&record, index * 8)).collect();
        // The third word is the one-byte type and its padding.
        assert_eq!(words, [1, 2, 4, 3, 4, 5, 6, u64::MAX]);
    }

    #[test]
    fn fdstat_fields_are_where_the_standard_puts_them() {
        let record = super::fdstat(&FdStat {
            file_type: FileType::Directory,
            flags: FdFlags::SYNC,
            rights: Rights::FD_READ,
            inheriting: Rights::ALL,
        });
        assert_eq!(word(&record, 0), 0x0010_0003);
        assert_eq!(word(&record, 8), 2);
        assert_eq!(word(&record, 16), (1 << 30) - 1);
        assert_eq!(super::prestat(7), [0, 0, 0, 0, 7, 0, 0, 0]);
    }

    #[test]
    fn event_fields_are_where_the_standard_puts_them() {
        let record = super::event(&Event {
            user_data: 9,
            errno: Some(Errno::BadFd),
            kind: EventKind::Write,
            bytes: 77,
            hangup: true,
        });
        assert_eq!(word(&record, 0), 9);
        assert_eq!(word(&record, 8), 0x0002_0008);
        assert_eq!(word(&record, 16), 77);
        assert_eq!(word(&record, 24), 1);
    }

    #[test]
    fn subscriptions_decode() {
        let mut record = [0_u8; 48];
        record[0] = 42;
        record[16] = 1;
        record[24] = 200;
        record[40] = 1;
        assert_eq!(
            super::subscription(&record),
            Subscription::Clock {
                user_data: 42,
                clock: ClockId::Monotonic,
                timeout_ns: 200,
                absolute: true
            }
        );
        let bad = Subscription::Bad {
            user_data: 42,
            kind: EventKind::Clock,
            errno: Errno::Invalid,
        };
        for (at, value) in [(16, 9), (40, 2), (41, 1), (8, 3), (8, 255)] {
            let mut broken = record;
            broken[at] = value;
            assert_eq!(super::subscription(&broken), bad, "byte {at} = {value}");
        }
        record[8] = 2;
        record[16] = 5;
        assert_eq!(
            super::subscription(&record),
            Subscription::Write {
                user_data: 42,
                fd: Fd(5)
            }
        );
    }
}

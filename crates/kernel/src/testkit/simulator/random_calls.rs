//! Calls with random arguments: right, stale and senseless ones.

use std::io::IoSlice;
use std::task::Poll;

use holm_abi::{
    Advice, ClockId, Errno, Event, EventKind, Fd, FdFlags, LookupFlags, OpenFlags, Pid, RecvFlags,
    Rights, SetTime, SetTimes, ShutdownFlags, Signal, Subscription, Whence,
};

use super::{CANARY, Guest, Run};
use crate::task::SysResult;
use crate::testkit::SplitMix64;

/// Sizes and offsets that have broken others.
const EDGES: [u64; 9] = [
    0,
    1,
    4095,
    4096,
    65_536,
    u64::MAX,
    i64::MAX as u64,
    1 << 31,
    1 << 32,
];

/// What a call came to, without its value.
enum Outcome {
    Succeeded,
    Failed,
    Blocked,
}

fn outcome<T>(answer: &SysResult<T>) -> Outcome {
    match answer {
        Poll::Ready(Ok(_)) => Outcome::Succeeded,
        Poll::Ready(Err(_)) => Outcome::Failed,
        Poll::Pending => Outcome::Blocked,
    }
}

struct Arguments<'a> {
    random: &'a mut SplitMix64,
}

impl Arguments<'_> {
    fn fd(&mut self) -> Fd {
        Fd(match self.random.below(40) {
            0 => u32::MAX,
            1 => 1 << 20,
            _ => u32::try_from(self.random.below(20)).unwrap_or(0),
        })
    }

    fn offset(&mut self) -> u64 {
        if self.random.chance(1, 8) {
            *self.random.pick(&EDGES)
        } else {
            self.random.below(200)
        }
    }

    fn buffer(&mut self) -> Vec<u8> {
        let length = if self.random.chance(1, 20) {
            70_000
        } else {
            60
        };
        vec![0; self.random.index(length)]
    }

    fn fd_flags(&mut self) -> FdFlags {
        let bits = u16::try_from(self.random.below(64)).unwrap_or(0);
        // Blocking ones mostly: the others would only ever answer `EAGAIN`.
        FdFlags::from_bits(bits).unwrap_or(FdFlags::NONE)
    }

    fn rights(&mut self) -> Rights {
        match self.random.below(3) {
            0 => Rights::ALL,
            1 => Rights::from_bits_truncate(self.random.next_u64() | self.random.next_u64()),
            _ => Rights::from_bits_truncate(self.random.next_u64()),
        }
    }

    fn times(&mut self) -> SetTimes {
        let at = SetTime::At(self.random.next_u64());
        SetTimes {
            accessed: *self.random.pick(&[SetTime::Keep, SetTime::Now, at]),
            modified: *self.random.pick(&[SetTime::Keep, SetTime::Now, at]),
        }
    }

    fn subscription(&mut self) -> Subscription {
        let user_data = self.random.next_u64();
        let clock = ClockId::from_raw(u32::try_from(self.random.below(4)).unwrap_or(0));
        match self.random.below(4) {
            0 => Subscription::Read {
                user_data,
                fd: self.fd(),
            },
            1 => Subscription::Write {
                user_data,
                fd: self.fd(),
            },
            2 => Subscription::Bad {
                user_data,
                kind: EventKind::Read,
                errno: Errno::Invalid,
            },
            _ => Subscription::Clock {
                user_data,
                clock: clock.unwrap_or(ClockId::Monotonic),
                timeout_ns: self.offset(),
                absolute: self.random.chance(1, 2),
            },
        }
    }
}

impl Run {
    /// A call that no oracle knows; the invariants watch it.
    pub(super) fn random_call(&mut self) {
        let at = self.some_guest();
        let path = self.garbled_path();
        let kind = self.random.below(32);
        self.note(format!(
            "{} random call {kind} ({path:?})",
            self.guests[at].process.pid()
        ));
        let guest = &mut self.guests[at];
        let arguments = &mut Arguments {
            random: &mut self.random,
        };
        let mut seen = Vec::new();
        let came = match kind {
            0..=10 => transfer(guest, arguments, kind, &mut seen),
            11..=18 => descriptor_call(guest, arguments, kind),
            19..=25 => path_call(guest, arguments, kind, &path),
            _ => other_call(guest, arguments, kind, &mut seen),
        };
        let child = guest.child;
        if matches!(came, Some(Outcome::Blocked)) {
            // It is not made again: a killed or an impatient caller.
            self.guests[at].task.abandon();
            self.counts.blocked += 1;
        }
        self.counts.calls += 1;
        self.counts.succeeded += u64::from(matches!(came, Some(Outcome::Succeeded)));
        if child && seen.windows(CANARY.len()).any(|window| window == CANARY) {
            self.fail("a child has read the canary");
        }
        self.forget_stale_bases(at);
        if let 6..=10 | 16 | 19..=25 = kind {
            self.stale = true;
        }
    }

    /// Grants whose descriptors are no longer the ones that were granted.
    fn forget_stale_bases(&mut self, at: usize) {
        let guest = &mut self.guests[at];
        let table = crate::lock(&guest.process.descriptors);
        guest.bases.retain(|(fd, path)| {
            table.get(*fd).is_ok_and(|entry| {
                entry.granted_as.as_deref() == Some(path)
                    && entry.rights == Rights::DIRECTORY
                    && entry.inheriting == Rights::ALL
            })
        });
    }

    fn garbled_path(&mut self) -> String {
        match self.random.below(12) {
            0 => String::new(),
            1 => "a\0b".to_owned(),
            2 => "n".repeat(300),
            3 => "./".repeat(3_000),
            4 => "dev/stdout".to_owned(),
            5 => "proc/self/status".to_owned(),
            6 => "../".repeat(self.random.index(9)) + "secret/canary",
            7 => "dev/fd/0".to_owned(),
            _ => self.random_path(),
        }
    }
}

fn transfer(
    guest: &mut Guest,
    arguments: &mut Arguments<'_>,
    kind: u64,
    seen: &mut Vec<u8>,
) -> Option<Outcome> {
    let fd = arguments.fd();
    let mut buffer = arguments.buffer();
    let offset = arguments.offset();
    let task = &mut guest.task;
    if kind >= 6 {
        let (one, two) = buffer.split_at(buffer.len() / 2);
        let data = [IoSlice::new(one), IoSlice::new(two)];
        let answer = match kind {
            6..=8 => task.fd_write(fd, &data),
            // A file of 2^32 bytes would be read to be compared: what is valid is kept small.
            9 if offset < i64::MAX as u64 => task.fd_pwrite(fd, &data, offset % 100_000),
            9 => task.fd_pwrite(fd, &data, offset),
            _ => task.sock_send(fd, &data),
        };
        if let Poll::Ready(Ok(written)) = answer {
            guest.account.bytes_out += u64::from(written);
        }
        return Some(outcome(&answer));
    }
    let answer = match kind {
        0..=2 => task.fd_read(fd, &mut buffer),
        3 => task.fd_pread(fd, &mut buffer, offset),
        4 => task.fd_readdir(fd, &mut buffer, offset),
        _ => {
            let received = task.sock_recv(fd, &mut buffer, RecvFlags::NONE);
            received.map(|received| received.map(|received| received.size))
        }
    };
    if let Poll::Ready(Ok(length)) = answer {
        guest.account.bytes_in += u64::from(length);
        seen.extend(&buffer[..length as usize]);
    }
    Some(outcome(&answer))
}

fn descriptor_call(guest: &mut Guest, arguments: &mut Arguments<'_>, kind: u64) -> Option<Outcome> {
    let (fd, other) = (arguments.fd(), arguments.fd());
    let (offset, length) = (arguments.offset(), arguments.offset());
    let task = &mut guest.task;
    Some(match kind {
        // The grants are mostly left alone: without them there is little to see.
        11 if fd.0 > 8 || arguments.random.chance(1, 20) => outcome(&task.fd_close(fd)),
        12 if other.0 > 8 || arguments.random.chance(1, 20) => {
            outcome(&task.fd_renumber(fd, other))
        }
        13 => outcome(&task.fd_dup(fd)),
        14 => outcome(&task.pipe()),
        15 => match arguments.random.below(5) {
            0 => outcome(&task.fd_fdstat_set_flags(fd, arguments.fd_flags())),
            1 if fd.0 > 8 => {
                let (own, inheriting) = (arguments.rights(), arguments.rights());
                outcome(&task.fd_fdstat_set_rights(fd, own, inheriting))
            }
            2 => outcome(&task.fd_fdstat_get(fd)),
            3 => outcome(&task.fd_prestat_get(fd)),
            _ => outcome(&task.fd_prestat_dir_name(fd, &mut [0; 3])),
        },
        16 => {
            // Sizes are kept small where space is really taken.
            let bounded = length % 100_000;
            match arguments.random.below(4) {
                0 => outcome(&task.fd_allocate(fd, offset % 100_000, bounded)),
                1 => outcome(&task.fd_filestat_set_size(fd, bounded)),
                2 => outcome(&task.fd_allocate(fd, u64::MAX - offset, u64::MAX)),
                _ => outcome(&task.fd_advise(fd, offset, length, Advice::Normal)),
            }
        }
        17 => {
            let whence = *arguments
                .random
                .pick(&[Whence::Start, Whence::Current, Whence::End]);
            // Not so far out that a write there would be a large file to compare.
            let distance = i64::try_from(offset % 1_000).unwrap_or(0) - 100;
            match arguments.random.below(3) {
                0 => outcome(&task.fd_tell(fd)),
                _ => outcome(&task.fd_seek(fd, distance, whence)),
            }
        }
        18 => match arguments.random.below(4) {
            0 => outcome(&task.fd_sync(fd)),
            1 => outcome(&task.fd_datasync(fd)),
            2 => outcome(&task.fd_filestat_get(fd)),
            _ => outcome(&task.fd_filestat_set_times(fd, arguments.times())),
        },
        _ => return None,
    })
}

fn path_call(
    guest: &mut Guest,
    arguments: &mut Arguments<'_>,
    kind: u64,
    path: &str,
) -> Option<Outcome> {
    let (fd, other) = (arguments.fd(), arguments.fd());
    let follow = LookupFlags::SYMLINK_FOLLOW;
    let task = &mut guest.task;
    Some(match kind {
        19..=21 => {
            let bits = u16::try_from(arguments.random.below(16)).unwrap_or(0);
            let open = OpenFlags::from_bits(bits).unwrap_or(OpenFlags::NONE);
            let (own, inheriting) = (arguments.rights(), arguments.rights());
            let flags = arguments.fd_flags();
            outcome(&task.path_open(fd, follow, path, open, own, inheriting, flags))
        }
        22 => outcome(&task.path_filestat_set_times(fd, follow, path, arguments.times())),
        23 => outcome(&task.path_rename(fd, path, other, path)),
        24 => outcome(&task.path_link(fd, follow, path, other, "linked")),
        _ => match arguments.random.below(5) {
            0 => outcome(&task.path_create_directory(fd, path)),
            1 => outcome(&task.path_remove_directory(fd, path)),
            2 => outcome(&task.path_unlink_file(fd, path)),
            3 => outcome(&task.path_symlink(path, fd, "made")),
            _ => outcome(&task.path_readlink(fd, path, &mut [0; 9])),
        },
    })
}

fn other_call(
    guest: &mut Guest,
    arguments: &mut Arguments<'_>,
    kind: u64,
    seen: &mut Vec<u8>,
) -> Option<Outcome> {
    let pid = Pid(u32::try_from(arguments.random.below(9)).unwrap_or(0));
    let first = guest.process.pid() == Pid(1);
    let task = &mut guest.task;
    Some(match kind {
        26 | 27 => {
            let count = arguments.random.index(6);
            let list: Vec<_> = (0..count).map(|_| arguments.subscription()).collect();
            let mut events = vec![Event::default(); arguments.random.index(7)];
            outcome(&task.poll_oneoff(&list, &mut events))
        }
        28 => outcome(&task.proc_wait(pid)),
        29 if arguments.random.chance(1, 6) && pid != Pid(1) => {
            outcome(&task.proc_kill(pid, Signal::Terminate))
        }
        30 => {
            let answer = task.sock_accept(arguments.fd(), arguments.fd_flags());
            outcome(&answer)
        }
        31 => match arguments.random.below(7) {
            0 => outcome(&task.args_get(&mut [0; 9])),
            1 => outcome(&task.environ_get(&mut [0; 9])),
            2 => {
                let answer = task.random_get(&mut [0; 9]);
                seen.clear();
                outcome(&answer)
            }
            3 => outcome(&task.clock_time_get(ClockId::Realtime, 0)),
            4 => outcome(&task.sock_shutdown(arguments.fd(), ShutdownFlags::WRITE)),
            5 if !first => outcome(&task.proc_exit(3)),
            _ => outcome(&task.sched_yield()),
        },
        _ => return None,
    })
}

//! System calls as a scenario writes them, and their results.

use std::fmt::Display;
use std::io::IoSlice;
use std::task::Poll;

use holm_abi::{
    Advice, ClockId, DIRENT_SIZE, Errno, Event, EventKind, Fd, FdFlags, FdStat, LookupFlags,
    OpenFlags, Pid, RecvFlags, Rights, SetTime, SetTimes, ShutdownFlags, Signal, Stat,
    Subscription, Whence,
};

use super::text::{pieces, shown, text};
use crate::task::{SysResult, Task};

mod network;

type Parsed<T> = Result<T, String>;

/// What a call asked for with a path may do unless the scenario says otherwise.
fn usual_rights() -> Rights {
    let writing = Rights::FD_WRITE | Rights::FD_ALLOCATE | Rights::FD_FILESTAT_SET_SIZE;
    Rights::ALL.without(writing)
}

/// The words of a call, after its name.
struct Words<'a> {
    left: std::slice::Iter<'a, String>,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Parsed<&'a str> {
        self.left
            .next()
            .map(String::as_str)
            .ok_or_else(|| "an argument is missing".to_owned())
    }

    fn number<T: std::str::FromStr>(&mut self) -> Parsed<T> {
        number(self.next()?)
    }

    fn fd(&mut self) -> Parsed<Fd> {
        self.number().map(Fd)
    }

    fn text(&mut self) -> Parsed<String> {
        text(self.next()?)
    }

    fn data(&mut self) -> Parsed<Vec<Vec<u8>>> {
        pieces(self.next()?)
    }

    fn buffer(&mut self) -> Parsed<Vec<u8>> {
        let length: usize = self.number()?;
        if length > 1 << 24 {
            return Err(format!("{length} bytes are too many for a scenario"));
        }
        Ok(vec![0xaa; length])
    }

    fn lookup(&mut self) -> Parsed<LookupFlags> {
        match self.next()? {
            "follow" => Ok(LookupFlags::SYMLINK_FOLLOW),
            "nofollow" => Ok(LookupFlags::NONE),
            other => Err(format!("{other} is neither follow nor nofollow")),
        }
    }
}

fn number<T: std::str::FromStr>(word: &str) -> Parsed<T> {
    let plain = match word {
        "max" => u64::MAX.to_string(),
        "max_offset" => i64::MAX.to_string(),
        _ => word.replace('_', ""),
    };
    plain
        .parse()
        .map_err(|_| format!("{word} is no number that fits"))
}

/// A set of flags by name: those that `single` knows, joined by `|`; `0` is none.
fn flags<T: Copy + Display>(
    word: &str,
    none: T,
    join: impl Fn(T, T) -> T,
    single: impl Fn(u32) -> Option<T>,
) -> Parsed<T> {
    word.split('|')
        .filter(|name| *name != "0")
        .try_fold(none, |set, name| {
            (0..64)
                .filter_map(&single)
                .find(|flag| flag.to_string() == name)
                .map(|flag| join(set, flag))
                .ok_or_else(|| format!("{name} is no flag"))
        })
}

fn fd_flags(word: &str) -> Parsed<FdFlags> {
    flags(word, FdFlags::NONE, FdFlags::union, |bit| {
        FdFlags::from_bits(1_u16.checked_shl(bit)?)
    })
}

fn open_flags(word: &str) -> Parsed<OpenFlags> {
    flags(word, OpenFlags::NONE, OpenFlags::union, |bit| {
        OpenFlags::from_bits(1_u16.checked_shl(bit)?)
    })
}

/// Rights by name; `ALL`, and `ALL-A-B` is all but those.
pub(super) fn rights(word: &str) -> Parsed<Rights> {
    let named = |word: &str| {
        flags(
            word,
            Rights::NONE,
            |a, b| a | b,
            |bit| Rights::from_bits(1_u64.checked_shl(bit)?),
        )
    };
    let mut parts = word.split('-');
    let start = match parts.next() {
        Some("ALL") => Rights::ALL,
        Some(names) => named(names)?,
        None => Rights::NONE,
    };
    parts.try_fold(start, |set, name| Ok(set.without(named(name)?)))
}

pub(super) fn signal(word: &str) -> Parsed<Signal> {
    (0..32)
        .filter_map(Signal::from_raw)
        .find(|signal| signal.name() == word)
        .ok_or_else(|| format!("{word} is no signal"))
}

fn clock(word: &str) -> Parsed<ClockId> {
    (0..4)
        .filter_map(ClockId::from_raw)
        .find(|clock| clock.name() == word)
        .ok_or_else(|| format!("{word} is no clock"))
}

fn times(accessed: &str, modified: &str) -> Parsed<SetTimes> {
    let one = |word: &str| {
        Ok::<_, String>(match word {
            "keep" => SetTime::Keep,
            "now" => SetTime::Now,
            _ => SetTime::At(number(word)?),
        })
    };
    Ok(SetTimes {
        accessed: one(accessed)?,
        modified: one(modified)?,
    })
}

/// `read:FD`, `write:FD`, `in:NS`, `at:NS`, `wall:NS` (a span on the realtime clock),
/// `wall_at:NS`, `cpu:NS`, `bad`.
fn subscription(user_data: u64, word: &str) -> Parsed<Subscription> {
    let (kind, value) = word.split_once(':').unwrap_or((word, "0"));
    let clock = |clock, absolute| {
        Ok::<_, String>(Subscription::Clock {
            user_data,
            clock,
            timeout_ns: number(value)?,
            absolute,
        })
    };
    match kind {
        "read" => Ok(Subscription::Read {
            user_data,
            fd: Fd(number(value)?),
        }),
        "write" => Ok(Subscription::Write {
            user_data,
            fd: Fd(number(value)?),
        }),
        "in" => clock(ClockId::Monotonic, false),
        "at" => clock(ClockId::Monotonic, true),
        "wall" => clock(ClockId::Realtime, false),
        "wall_at" => clock(ClockId::Realtime, true),
        "cpu" => clock(ClockId::ProcessCpu, false),
        "bad" => Ok(Subscription::Bad {
            user_data,
            kind: EventKind::Clock,
            errno: Errno::Invalid,
        }),
        _ => Err(format!("{kind} is nothing to wait for")),
    }
}

fn event(event: &Event) -> String {
    let mut words = vec![event.user_data.to_string(), format!("{:?}", event.kind)];
    words.extend(event.errno.map(|errno| errno.name().to_owned()));
    words.extend((event.bytes > 0).then(|| format!("bytes={}", event.bytes)));
    words.extend(event.hangup.then(|| "hangup".to_owned()));
    words.join(":")
}

fn outcome<T>(task: &Task, answer: SysResult<T>, show: impl FnOnce(T) -> String) -> String {
    match answer {
        Poll::Ready(Ok(value)) => show(value),
        Poll::Ready(Err(errno)) => errno.name().to_owned(),
        Poll::Pending => match task.deadline() {
            None => "blocks".to_owned(),
            Some(deadline) => {
                let now = task.process().clock().monotonic_ns();
                format!("blocks for {} ns", deadline.saturating_sub(now))
            }
        },
    }
}

fn unit(task: &Task, answer: SysResult<()>) -> String {
    outcome(task, answer, |()| "ok".to_owned())
}

fn plain<T: Display>(task: &Task, answer: SysResult<T>) -> String {
    outcome(task, answer, |value| value.to_string())
}

fn bytes(task: &Task, answer: SysResult<u32>, buffer: &[u8]) -> String {
    outcome(task, answer, |length| {
        format!("{length} {}", shown(&buffer[..length as usize]))
    })
}

fn stat(task: &Task, answer: SysResult<Stat>) -> String {
    outcome(task, answer, |stat| {
        let mut text = format!("{} dev={}", stat.file_type.name(), stat.device);
        if stat.file_type != holm_abi::FileType::Directory {
            text.push_str(&format!(" size={} links={}", stat.size, stat.links));
        }
        text
    })
}

fn stat_times(task: &Task, answer: SysResult<Stat>) -> String {
    outcome(task, answer, |stat| {
        format!(
            "accessed={} modified={}",
            stat.accessed_ns, stat.modified_ns
        )
    })
}

fn fd_stat(task: &Task, answer: SysResult<FdStat>) -> String {
    outcome(task, answer, |stat| {
        format!(
            "{} flags={} rights={} inheriting={}",
            stat.file_type.name(),
            stat.flags,
            stat.rights,
            stat.inheriting
        )
    })
}

/// Directory records: each name with a mark of its type and the cookie after it; what is
/// cut is `...`.
fn listing(task: &Task, answer: SysResult<u32>, buffer: &[u8]) -> String {
    outcome(task, answer, |length| {
        let mut left = &buffer[..length as usize];
        let mut words = vec![length.to_string()];
        while !left.is_empty() {
            let Some((head, rest)) = left.split_at_checked(DIRENT_SIZE) else {
                words.push("...".to_owned());
                break;
            };
            let mut next = [0; 8];
            next.copy_from_slice(&head[..8]);
            let mut name_length = [0; 4];
            name_length.copy_from_slice(&head[16..20]);
            let Some((name, rest)) =
                rest.split_at_checked(u32::from_le_bytes(name_length) as usize)
            else {
                words.push("...".to_owned());
                break;
            };
            let mark = match head[20] {
                3 => "/",
                7 => "@",
                2 => "%",
                _ => "",
            };
            let next = u64::from_le_bytes(next);
            words.push(format!("{}{mark}>{next}", String::from_utf8_lossy(name)));
            left = rest;
        }
        words.join(" ")
    })
}

/// Makes a call and answers what came of it.
pub(super) fn call(task: &mut Task, name: &str, words: &[String]) -> Parsed<String> {
    let words = &mut Words { left: words.iter() };
    let result = match name.split_once('_').map_or(name, |(kind, _)| kind) {
        "fd" => fd_call(task, name, words)?,
        "path" => path_call(task, name, words)?,
        "sock" | "name" => match name {
            "sock_accept" | "sock_recv" | "sock_send" | "sock_shutdown" => {
                sock_call(task, name, words)?
            }
            _ => network::call(task, name, words)?,
        },
        _ => other_call(task, name, words)?,
    };
    match words.left.next() {
        Some(extra) => Err(format!("{extra} is one argument too many")),
        None => Ok(result),
    }
}

fn fd_call(task: &mut Task, name: &str, words: &mut Words<'_>) -> Parsed<String> {
    let fd = words.fd()?;
    Ok(match name {
        "fd_advise" => {
            let (offset, length) = (words.number()?, words.number()?);
            let advice = Advice::from_raw(words.number()?).ok_or("no such advice")?;
            let answer = task.fd_advise(fd, offset, length, advice);
            unit(task, answer)
        }
        "fd_allocate" => {
            let answer = task.fd_allocate(fd, words.number()?, words.number()?);
            unit(task, answer)
        }
        "fd_close" => {
            let answer = task.fd_close(fd);
            unit(task, answer)
        }
        "fd_datasync" => {
            let answer = task.fd_datasync(fd);
            unit(task, answer)
        }
        "fd_sync" => {
            let answer = task.fd_sync(fd);
            unit(task, answer)
        }
        "fd_dup" => {
            let answer = task.fd_dup(fd);
            plain(task, answer)
        }
        "fd_fdstat_get" => {
            let answer = task.fd_fdstat_get(fd);
            fd_stat(task, answer)
        }
        "fd_fdstat_set_flags" => {
            let answer = task.fd_fdstat_set_flags(fd, fd_flags(words.next()?)?);
            unit(task, answer)
        }
        "fd_fdstat_set_rights" => {
            let (own, inheriting) = (rights(words.next()?)?, rights(words.next()?)?);
            let answer = task.fd_fdstat_set_rights(fd, own, inheriting);
            unit(task, answer)
        }
        "fd_filestat_get" => {
            let answer = task.fd_filestat_get(fd);
            stat(task, answer)
        }
        "fd_filestat_get:times" => {
            let answer = task.fd_filestat_get(fd);
            stat_times(task, answer)
        }
        "fd_filestat_set_size" => {
            let answer = task.fd_filestat_set_size(fd, words.number()?);
            unit(task, answer)
        }
        "fd_filestat_set_times" => {
            let answer = task.fd_filestat_set_times(fd, times(words.next()?, words.next()?)?);
            unit(task, answer)
        }
        "fd_prestat_get" => {
            let answer = task.fd_prestat_get(fd);
            plain(task, answer)
        }
        "fd_renumber" => {
            let answer = task.fd_renumber(fd, words.fd()?);
            unit(task, answer)
        }
        "fd_seek" => {
            let offset = words.number()?;
            let whence = match words.next()? {
                "SET" => Whence::Start,
                "CUR" => Whence::Current,
                "END" => Whence::End,
                other => return Err(format!("{other} is no whence")),
            };
            let answer = task.fd_seek(fd, offset, whence);
            plain(task, answer)
        }
        "fd_tell" => {
            let answer = task.fd_tell(fd);
            plain(task, answer)
        }
        _ => fd_transfer(task, fd, name, words)?,
    })
}

fn fd_transfer(task: &mut Task, fd: Fd, name: &str, words: &mut Words<'_>) -> Parsed<String> {
    if let "fd_write" | "fd_pwrite" = name {
        let data = words.data()?;
        let data: Vec<IoSlice<'_>> = data.iter().map(|piece| IoSlice::new(piece)).collect();
        let answer = match name {
            "fd_write" => task.fd_write(fd, &data),
            _ => task.fd_pwrite(fd, &data, words.number()?),
        };
        return Ok(plain(task, answer));
    }
    let mut buffer = words.buffer()?;
    let answer = match name {
        "fd_pread" => task.fd_pread(fd, &mut buffer, words.number()?),
        "fd_prestat_dir_name" => task.fd_prestat_dir_name(fd, &mut buffer),
        "fd_read" => task.fd_read(fd, &mut buffer),
        "fd_readdir" => {
            let cookie = words.number()?;
            let answer = task.fd_readdir(fd, &mut buffer, cookie);
            return Ok(listing(task, answer, &buffer));
        }
        _ => return Err(format!("{name} is no system call")),
    };
    Ok(bytes(task, answer, &buffer))
}

fn path_call(task: &mut Task, name: &str, words: &mut Words<'_>) -> Parsed<String> {
    if name == "path_symlink" {
        let (target, fd, path) = (words.text()?, words.fd()?, words.text()?);
        let answer = task.path_symlink(&target, fd, &path);
        return Ok(unit(task, answer));
    }
    let fd = words.fd()?;
    Ok(match name {
        "path_filestat_get" | "path_filestat_get:times" => {
            let path = words.text()?;
            let answer = task.path_filestat_get(fd, words.lookup()?, &path);
            let show = if name.ends_with("times") {
                stat_times
            } else {
                stat
            };
            show(task, answer)
        }
        "path_filestat_set_times" => {
            let (path, lookup) = (words.text()?, words.lookup()?);
            let times = times(words.next()?, words.next()?)?;
            let answer = task.path_filestat_set_times(fd, lookup, &path, times);
            unit(task, answer)
        }
        "path_link" => {
            let (path, new_fd, new_path) = (words.text()?, words.fd()?, words.text()?);
            let lookup = words.lookup().unwrap_or_default();
            let answer = task.path_link(fd, lookup, &path, new_fd, &new_path);
            unit(task, answer)
        }
        "path_open" => {
            let answer = path_open(task, fd, words)?;
            plain(task, answer)
        }
        "path_readlink" => {
            let (path, mut buffer) = (words.text()?, words.buffer()?);
            let answer = task.path_readlink(fd, &path, &mut buffer);
            bytes(task, answer, &buffer)
        }
        "path_rename" => {
            let (path, new_fd, new_path) = (words.text()?, words.fd()?, words.text()?);
            let answer = task.path_rename(fd, &path, new_fd, &new_path);
            unit(task, answer)
        }
        _ => {
            let path = words.text()?;
            let answer = match name {
                "path_create_directory" => task.path_create_directory(fd, &path),
                "path_remove_directory" => task.path_remove_directory(fd, &path),
                "path_unlink_file" => task.path_unlink_file(fd, &path),
                _ => return Err(format!("{name} is no system call")),
            };
            unit(task, answer)
        }
    })
}

/// `path_open FD PATH`, then in any order open flags, `rw` (all rights), `nofollow`,
/// `rights=`, `inheriting=` and `flags=`.
fn path_open(task: &mut Task, fd: Fd, words: &mut Words<'_>) -> Parsed<SysResult<Fd>> {
    let path = words.text()?;
    let mut lookup = LookupFlags::SYMLINK_FOLLOW;
    let mut open = OpenFlags::NONE;
    let mut own = usual_rights();
    let mut inheriting = Rights::ALL;
    let mut descriptor = FdFlags::NONE;
    for word in words.left.by_ref() {
        match word.split_once('=') {
            None if word == "rw" => own = Rights::ALL,
            None if word == "nofollow" => lookup = LookupFlags::NONE,
            None => open = open_flags(word)?,
            Some(("rights", value)) => own = rights(value)?,
            Some(("inheriting", value)) => inheriting = rights(value)?,
            Some(("flags", value)) => descriptor = fd_flags(value)?,
            Some((key, _)) => return Err(format!("path_open has no {key}")),
        }
    }
    Ok(task.path_open(fd, lookup, &path, open, own, inheriting, descriptor))
}

fn sock_call(task: &mut Task, name: &str, words: &mut Words<'_>) -> Parsed<String> {
    let fd = words.fd()?;
    Ok(match name {
        "sock_accept" => {
            let answer = task.sock_accept(fd, fd_flags(words.next().unwrap_or("0"))?);
            plain(task, answer)
        }
        "sock_recv" => {
            let mut buffer = words.buffer()?;
            let flags = match words.next().unwrap_or("0") {
                "PEEK" => RecvFlags::PEEK,
                "WAIT_ALL" => RecvFlags::WAIT_ALL,
                _ => RecvFlags::NONE,
            };
            let answer = task.sock_recv(fd, &mut buffer, flags);
            bytes(
                task,
                answer.map(|received| received.map(|it| it.size)),
                &buffer,
            )
        }
        "sock_send" => {
            let data = words.data()?;
            let data: Vec<IoSlice<'_>> = data.iter().map(|piece| IoSlice::new(piece)).collect();
            let answer = task.sock_send(fd, &data);
            plain(task, answer)
        }
        "sock_shutdown" => {
            let how = flags(
                words.next()?,
                ShutdownFlags::NONE,
                ShutdownFlags::union,
                |bit| ShutdownFlags::from_bits(1_u8.checked_shl(bit)?),
            )?;
            let answer = task.sock_shutdown(fd, how);
            unit(task, answer)
        }
        _ => return Err(format!("{name} is no system call")),
    })
}

fn other_call(task: &mut Task, name: &str, words: &mut Words<'_>) -> Parsed<String> {
    Ok(match name {
        "args_sizes_get" | "environ_sizes_get" => {
            let answer = match name {
                "args_sizes_get" => task.args_sizes_get(),
                _ => task.environ_sizes_get(),
            };
            outcome(task, answer, |sizes| {
                format!("{} of {} bytes", sizes.count, sizes.bytes)
            })
        }
        "args_get" | "environ_get" | "random_get" => {
            let mut buffer = words.buffer()?;
            let answer = match name {
                "args_get" => task.args_get(&mut buffer),
                "environ_get" => task.environ_get(&mut buffer),
                _ => task.random_get(&mut buffer),
            };
            bytes(task, answer, &buffer)
        }
        "clock_res_get" => {
            let answer = task.clock_res_get(clock(words.next()?)?);
            plain(task, answer)
        }
        "clock_time_get" => {
            let answer = task.clock_time_get(clock(words.next()?)?, 0);
            plain(task, answer)
        }
        "sched_yield" => {
            let answer = task.sched_yield();
            unit(task, answer)
        }
        "proc_id" => {
            let answer = task.proc_id();
            plain(task, answer)
        }
        "proc_exit" => {
            let answer = task.proc_exit(words.number()?);
            unit(task, answer)
        }
        "proc_raise" => {
            let answer = task.proc_raise(signal(words.next()?)?);
            unit(task, answer)
        }
        "proc_kill" => {
            let answer = task.proc_kill(Pid(words.number()?), signal(words.next()?)?);
            unit(task, answer)
        }
        "proc_wait" => {
            let answer = task.proc_wait(Pid(words.number()?));
            plain(task, answer)
        }
        "pipe" => {
            let answer = task.pipe();
            outcome(task, answer, |ends| format!("{} {}", ends.read, ends.write))
        }
        "poll_oneoff" => {
            let mut subscriptions = Vec::new();
            let mut room = None;
            for word in words.left.by_ref() {
                match word.split_once('=') {
                    Some(("room", value)) => room = Some(number(value)?),
                    Some(("times", value)) => {
                        subscriptions = subscriptions.repeat(number(value)?);
                    }
                    _ => subscriptions.push(subscription(subscriptions.len() as u64, word)?),
                }
            }
            let mut events = vec![Event::default(); room.unwrap_or(subscriptions.len())];
            let answer = task.poll_oneoff(&subscriptions, &mut events);
            outcome(task, answer, |count| {
                let due: Vec<String> = events[..count as usize].iter().map(event).collect();
                due.join(" ")
            })
        }
        _ => return Err(format!("{name} is no system call")),
    })
}

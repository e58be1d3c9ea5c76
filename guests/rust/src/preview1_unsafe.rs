//! `wasi_snapshot_preview1` as the specification has it, and safe functions over it.
//!
//! The guests carry their own declarations, so that they build without any dependency and can pass what no binding
//! would let them pass.

#![allow(unsafe_code, reason = "the calls are imports that take addresses")]

pub use crate::errno::Errno;

pub const CLOCK_REALTIME: u32 = 0;
pub const CLOCK_MONOTONIC: u32 = 1;
pub const CLOCK_PROCESS_CPUTIME: u32 = 2;
pub const CLOCK_THREAD_CPUTIME: u32 = 3;

pub const LOOKUP_FOLLOW: u32 = 1;
pub const OFLAGS_CREAT: u32 = 1;
pub const OFLAGS_DIRECTORY: u32 = 2;
pub const OFLAGS_EXCL: u32 = 4;
pub const OFLAGS_TRUNC: u32 = 8;
pub const FDFLAGS_APPEND: u32 = 1;
pub const FDFLAGS_NONBLOCK: u32 = 4;
pub const FSTFLAGS_ATIM: u32 = 1;
pub const FSTFLAGS_MTIM: u32 = 4;

pub const RIGHT_FD_READ: u64 = 1 << 1;
pub const RIGHT_FD_WRITE: u64 = 1 << 6;
pub const RIGHT_FD_READDIR: u64 = 1 << 14;
/// What can be done to a file.
pub const RIGHTS_FILE: u64 = 0x08e0_01ff;
/// What can be done to a directory and in it.
pub const RIGHTS_DIRECTORY: u64 = 0x07bf_fe02;
/// Every right that preview 1 defines.
pub const RIGHTS_ALL: u64 = (1 << 30) - 1;

pub const EVENT_CLOCK: u8 = 0;
pub const EVENT_FD_READ: u8 = 1;
pub const EVENT_FD_WRITE: u8 = 2;

/// The calls themselves: addresses are plain numbers into the guest's memory.
pub mod raw {
    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    unsafe extern "C" {
        pub fn args_get(argv: u32, buffer: u32) -> i32;
        pub fn args_sizes_get(count: u32, size: u32) -> i32;
        pub fn environ_get(environ: u32, buffer: u32) -> i32;
        pub fn clock_res_get(id: u32, resolution: u32) -> i32;
        pub fn clock_time_get(id: u32, precision: u64, time: u32) -> i32;
        pub fn fd_advise(fd: u32, offset: u64, len: u64, advice: u32) -> i32;
        pub fn fd_allocate(fd: u32, offset: u64, len: u64) -> i32;
        pub fn fd_close(fd: u32) -> i32;
        pub fn fd_datasync(fd: u32) -> i32;
        pub fn fd_fdstat_get(fd: u32, stat: u32) -> i32;
        pub fn fd_fdstat_set_flags(fd: u32, flags: u32) -> i32;
        pub fn fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64) -> i32;
        pub fn fd_filestat_get(fd: u32, stat: u32) -> i32;
        pub fn fd_filestat_set_size(fd: u32, size: u64) -> i32;
        pub fn fd_filestat_set_times(fd: u32, atim: u64, mtim: u64, flags: u32) -> i32;
        pub fn fd_pread(fd: u32, iovs: u32, count: u32, offset: u64, read: u32) -> i32;
        pub fn fd_prestat_get(fd: u32, prestat: u32) -> i32;
        pub fn fd_prestat_dir_name(fd: u32, path: u32, len: u32) -> i32;
        pub fn fd_pwrite(fd: u32, iovs: u32, count: u32, offset: u64, written: u32) -> i32;
        pub fn fd_read(fd: u32, iovs: u32, count: u32, read: u32) -> i32;
        pub fn fd_readdir(fd: u32, buffer: u32, len: u32, cookie: u64, used: u32) -> i32;
        pub fn fd_renumber(from: u32, to: u32) -> i32;
        pub fn fd_seek(fd: u32, offset: i64, whence: u32, position: u32) -> i32;
        pub fn fd_sync(fd: u32) -> i32;
        pub fn fd_tell(fd: u32, position: u32) -> i32;
        pub fn fd_write(fd: u32, iovs: u32, count: u32, written: u32) -> i32;
        pub fn path_create_directory(fd: u32, path: u32, len: u32) -> i32;
        pub fn path_filestat_get(fd: u32, flags: u32, path: u32, len: u32, stat: u32) -> i32;
        pub fn path_filestat_set_times(
            fd: u32,
            flags: u32,
            path: u32,
            len: u32,
            atim: u64,
            mtim: u64,
            times: u32,
        ) -> i32;
        pub fn path_link(
            old_fd: u32,
            flags: u32,
            old: u32,
            old_len: u32,
            new_fd: u32,
            new: u32,
            new_len: u32,
        ) -> i32;
        pub fn path_open(
            fd: u32,
            flags: u32,
            path: u32,
            len: u32,
            oflags: u32,
            base: u64,
            inheriting: u64,
            fdflags: u32,
            opened: u32,
        ) -> i32;
        pub fn path_readlink(
            fd: u32,
            path: u32,
            len: u32,
            buffer: u32,
            buffer_len: u32,
            used: u32,
        ) -> i32;
        pub fn path_remove_directory(fd: u32, path: u32, len: u32) -> i32;
        pub fn path_rename(
            old_fd: u32,
            old: u32,
            old_len: u32,
            new_fd: u32,
            new: u32,
            new_len: u32,
        ) -> i32;
        pub fn path_symlink(target: u32, target_len: u32, fd: u32, path: u32, len: u32) -> i32;
        pub fn path_unlink_file(fd: u32, path: u32, len: u32) -> i32;
        pub fn poll_oneoff(subscriptions: u32, events: u32, count: u32, happened: u32) -> i32;
        pub fn random_get(buffer: u32, len: u32) -> i32;
        pub fn sched_yield() -> i32;
        pub fn sock_accept(fd: u32, flags: u32, accepted: u32) -> i32;
        pub fn sock_recv(
            fd: u32,
            iovs: u32,
            count: u32,
            flags: u32,
            read: u32,
            out_flags: u32,
        ) -> i32;
        pub fn sock_send(fd: u32, iovs: u32, count: u32, flags: u32, written: u32) -> i32;
        pub fn sock_shutdown(fd: u32, how: u32) -> i32;
    }
}

/// The outcome of a call.
pub type Outcome<T = ()> = Result<T, Errno>;

/// An iovec or a ciovec: address and length, as they lie in memory.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Iovec {
    pub address: u32,
    pub len: u32,
}

/// What `fd_fdstat_get` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fdstat {
    pub file_type: u8,
    pub flags: u16,
    pub base: u64,
    pub inheriting: u64,
}

/// What the `filestat` calls answer; times in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filestat {
    pub device: u64,
    pub inode: u64,
    pub file_type: u8,
    pub links: u64,
    pub size: u64,
    pub accessed: u64,
    pub modified: u64,
    pub changed: u64,
}

/// One thing to wait for.
#[derive(Debug, Clone, Copy)]
pub enum Subscription {
    Clock {
        userdata: u64,
        id: u32,
        timeout: u64,
        absolute: bool,
    },
    Read {
        userdata: u64,
        fd: u32,
    },
    Write {
        userdata: u64,
        fd: u32,
    },
}

/// One thing that happened.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    pub userdata: u64,
    pub error: Errno,
    pub kind: u8,
    pub bytes: u64,
    pub flags: u16,
}

/// A directory entry from `fd_readdir`.
#[derive(Debug, Clone)]
pub struct Entry {
    pub next: u64,
    pub inode: u64,
    pub file_type: u8,
    pub name: Vec<u8>,
}

fn outcome(code: i32) -> Outcome {
    match u16::try_from(code) {
        Ok(0) => Ok(()),
        Ok(code) => Err(Errno(code)),
        Err(_) => Err(Errno(u16::MAX)),
    }
}

/// The address of a value in linear memory.
pub fn address_of<T: ?Sized>(value: *const T) -> u32 {
    value.cast::<u8>() as usize as u32
}

fn iovec(bytes: &[u8]) -> Iovec {
    Iovec {
        address: address_of(bytes.as_ptr()),
        len: bytes.len() as u32,
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

/// Wraps calls whose arguments are numbers, lent slices and places on this stack frame.
macro_rules! call {
    ($name:ident($($argument:expr),*)) => {
        // SAFETY: every address passed is that of a live value of this frame or of a slice borrowed by it, with that
        // slice's own length, so the host reads and writes only memory that is borrowed for the length of the call.
        outcome(unsafe { raw::$name($($argument),*) })
    };
}

macro_rules! path {
    ($path:expr) => {
        address_of($path.as_ptr())
    };
}

pub fn clock_res_get(id: u32) -> Outcome<u64> {
    let mut value = 0_u64;
    call!(clock_res_get(id, address_of(&raw mut value))).map(|()| value)
}

pub fn clock_time_get(id: u32, precision: u64) -> Outcome<u64> {
    let mut value = 0_u64;
    call!(clock_time_get(id, precision, address_of(&raw mut value))).map(|()| value)
}

pub fn fd_advise(fd: u32, offset: u64, len: u64, advice: u32) -> Outcome {
    call!(fd_advise(fd, offset, len, advice))
}

pub fn fd_allocate(fd: u32, offset: u64, len: u64) -> Outcome {
    call!(fd_allocate(fd, offset, len))
}

pub fn fd_close(fd: u32) -> Outcome {
    call!(fd_close(fd))
}

pub fn fd_datasync(fd: u32) -> Outcome {
    call!(fd_datasync(fd))
}

pub fn fd_sync(fd: u32) -> Outcome {
    call!(fd_sync(fd))
}

pub fn fd_fdstat_get(fd: u32) -> Outcome<Fdstat> {
    let mut bytes = [0_u64; 3];
    call!(fd_fdstat_get(fd, address_of(&raw mut bytes)))?;
    let head = bytes[0].to_le_bytes();
    Ok(Fdstat {
        file_type: head[0],
        flags: u16::from_le_bytes(number(&head, 2)),
        base: bytes[1],
        inheriting: bytes[2],
    })
}

pub fn fd_fdstat_set_flags(fd: u32, flags: u32) -> Outcome {
    call!(fd_fdstat_set_flags(fd, flags))
}

pub fn fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64) -> Outcome {
    call!(fd_fdstat_set_rights(fd, base, inheriting))
}

fn filestat(words: [u64; 8]) -> Filestat {
    Filestat {
        device: words[0],
        inode: words[1],
        file_type: words[2].to_le_bytes()[0],
        links: words[3],
        size: words[4],
        accessed: words[5],
        modified: words[6],
        changed: words[7],
    }
}

pub fn fd_filestat_get(fd: u32) -> Outcome<Filestat> {
    let mut words = [0_u64; 8];
    call!(fd_filestat_get(fd, address_of(&raw mut words)))?;
    Ok(filestat(words))
}

pub fn fd_filestat_set_size(fd: u32, size: u64) -> Outcome {
    call!(fd_filestat_set_size(fd, size))
}

pub fn fd_filestat_set_times(fd: u32, accessed: u64, modified: u64, flags: u32) -> Outcome {
    call!(fd_filestat_set_times(fd, accessed, modified, flags))
}

pub fn fd_pread(fd: u32, buffer: &mut [u8], offset: u64) -> Outcome<usize> {
    let mut count = 0_u32;
    let iovec = iovec(buffer);
    call!(fd_pread(
        fd,
        address_of(&raw const iovec),
        1,
        offset,
        address_of(&raw mut count)
    ))
    .map(|()| count as usize)
}

pub fn fd_pwrite(fd: u32, bytes: &[u8], offset: u64) -> Outcome<usize> {
    let mut count = 0_u32;
    let iovec = iovec(bytes);
    call!(fd_pwrite(
        fd,
        address_of(&raw const iovec),
        1,
        offset,
        address_of(&raw mut count)
    ))
    .map(|()| count as usize)
}

pub fn fd_read(fd: u32, buffer: &mut [u8]) -> Outcome<usize> {
    let mut count = 0_u32;
    let iovec = iovec(buffer);
    call!(fd_read(
        fd,
        address_of(&raw const iovec),
        1,
        address_of(&raw mut count)
    ))
    .map(|()| count as usize)
}

pub fn fd_write(fd: u32, bytes: &[u8]) -> Outcome<usize> {
    let mut count = 0_u32;
    let iovec = iovec(bytes);
    call!(fd_write(
        fd,
        address_of(&raw const iovec),
        1,
        address_of(&raw mut count)
    ))
    .map(|()| count as usize)
}

/// The length of a preopened directory's name.
pub fn fd_prestat_get(fd: u32) -> Outcome<u32> {
    let mut words = [0_u32; 2];
    call!(fd_prestat_get(fd, address_of(&raw mut words))).map(|()| words[1])
}

pub fn fd_prestat_dir_name(fd: u32) -> Outcome<Vec<u8>> {
    let mut name = vec![0; fd_prestat_get(fd)? as usize];
    call!(fd_prestat_dir_name(
        fd,
        address_of(name.as_mut_ptr()),
        name.len() as u32
    ))
    .map(|()| name)
}

/// Fills `buffer` with directory entries from `cookie` on; the answer is how much of it was used.
pub fn fd_readdir(fd: u32, buffer: &mut [u8], cookie: u64) -> Outcome<usize> {
    let mut used = 0_u32;
    let (address, len) = (address_of(buffer.as_mut_ptr()), buffer.len() as u32);
    call!(fd_readdir(
        fd,
        address,
        len,
        cookie,
        address_of(&raw mut used)
    ))
    .map(|()| used as usize)
}

/// The whole entries in what `fd_readdir` wrote; a truncated last one is left out.
pub fn entries(bytes: &[u8]) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut at = 0;
    while at + 24 <= bytes.len() {
        let len = u32::from_le_bytes(number(bytes, at + 16)) as usize;
        if at + 24 + len > bytes.len() {
            break;
        }
        found.push(Entry {
            next: u64::from_le_bytes(number(bytes, at)),
            inode: u64::from_le_bytes(number(bytes, at + 8)),
            file_type: bytes[at + 20],
            name: bytes[at + 24..at + 24 + len].to_vec(),
        });
        at += 24 + len;
    }
    found
}

pub fn fd_renumber(from: u32, to: u32) -> Outcome {
    call!(fd_renumber(from, to))
}

pub fn fd_seek(fd: u32, offset: i64, whence: u32) -> Outcome<u64> {
    let mut position = 0_u64;
    call!(fd_seek(fd, offset, whence, address_of(&raw mut position))).map(|()| position)
}

pub fn fd_tell(fd: u32) -> Outcome<u64> {
    let mut position = 0_u64;
    call!(fd_tell(fd, address_of(&raw mut position))).map(|()| position)
}

pub fn path_create_directory(fd: u32, path: &[u8]) -> Outcome {
    call!(path_create_directory(fd, path!(path), path.len() as u32))
}

pub fn path_filestat_get(fd: u32, flags: u32, path: &[u8]) -> Outcome<Filestat> {
    let mut words = [0_u64; 8];
    call!(path_filestat_get(
        fd,
        flags,
        path!(path),
        path.len() as u32,
        address_of(&raw mut words)
    ))?;
    Ok(filestat(words))
}

pub fn path_filestat_set_times(
    fd: u32,
    flags: u32,
    path: &[u8],
    accessed: u64,
    modified: u64,
    times: u32,
) -> Outcome {
    call!(path_filestat_set_times(
        fd,
        flags,
        path!(path),
        path.len() as u32,
        accessed,
        modified,
        times
    ))
}

pub fn path_link(old_fd: u32, flags: u32, old: &[u8], new_fd: u32, new: &[u8]) -> Outcome {
    call!(path_link(
        old_fd,
        flags,
        path!(old),
        old.len() as u32,
        new_fd,
        path!(new),
        new.len() as u32
    ))
}

pub fn path_open(
    fd: u32,
    flags: u32,
    path: &[u8],
    oflags: u32,
    rights: u64,
    fdflags: u32,
) -> Outcome<u32> {
    let mut opened = 0_u32;
    let inheriting = if oflags & OFLAGS_DIRECTORY == 0 {
        0
    } else {
        RIGHTS_FILE | RIGHTS_DIRECTORY
    };
    call!(path_open(
        fd,
        flags,
        path!(path),
        path.len() as u32,
        oflags,
        rights,
        inheriting,
        fdflags,
        address_of(&raw mut opened)
    ))
    .map(|()| opened)
}

pub fn path_readlink(fd: u32, path: &[u8], buffer: &mut [u8]) -> Outcome<usize> {
    let mut used = 0_u32;
    let (address, len) = (address_of(buffer.as_mut_ptr()), buffer.len() as u32);
    call!(path_readlink(
        fd,
        path!(path),
        path.len() as u32,
        address,
        len,
        address_of(&raw mut used)
    ))
    .map(|()| used as usize)
}

pub fn path_remove_directory(fd: u32, path: &[u8]) -> Outcome {
    call!(path_remove_directory(fd, path!(path), path.len() as u32))
}

pub fn path_rename(old_fd: u32, old: &[u8], new_fd: u32, new: &[u8]) -> Outcome {
    call!(path_rename(
        old_fd,
        path!(old),
        old.len() as u32,
        new_fd,
        path!(new),
        new.len() as u32
    ))
}

pub fn path_symlink(target: &[u8], fd: u32, path: &[u8]) -> Outcome {
    call!(path_symlink(
        path!(target),
        target.len() as u32,
        fd,
        path!(path),
        path.len() as u32
    ))
}

pub fn path_unlink_file(fd: u32, path: &[u8]) -> Outcome {
    call!(path_unlink_file(fd, path!(path), path.len() as u32))
}

fn encode(subscription: &Subscription) -> [u64; 6] {
    match *subscription {
        Subscription::Clock {
            userdata,
            id,
            timeout,
            absolute,
        } => [
            userdata,
            u64::from(EVENT_CLOCK),
            u64::from(id),
            timeout,
            0,
            u64::from(absolute),
        ],
        Subscription::Read { userdata, fd } => {
            [userdata, u64::from(EVENT_FD_READ), u64::from(fd), 0, 0, 0]
        }
        Subscription::Write { userdata, fd } => {
            [userdata, u64::from(EVENT_FD_WRITE), u64::from(fd), 0, 0, 0]
        }
    }
}

pub fn poll_oneoff(subscriptions: &[Subscription]) -> Outcome<Vec<Event>> {
    let wanted: Vec<[u64; 6]> = subscriptions.iter().map(encode).collect();
    let mut events = vec![[0_u64; 4]; wanted.len()];
    let mut happened = 0_u32;
    call!(poll_oneoff(
        address_of(wanted.as_ptr()),
        address_of(events.as_mut_ptr()),
        wanted.len() as u32,
        address_of(&raw mut happened)
    ))?;
    Ok(events
        .iter()
        .take(happened as usize)
        .map(|words| {
            let head = words[1].to_le_bytes();
            Event {
                userdata: words[0],
                error: Errno(u16::from_le_bytes(number(&head, 0))),
                kind: head[2],
                bytes: words[2],
                flags: u16::from_le_bytes(number(&words[3].to_le_bytes(), 0)),
            }
        })
        .collect())
}

pub fn random_get(buffer: &mut [u8]) -> Outcome {
    call!(random_get(
        address_of(buffer.as_mut_ptr()),
        buffer.len() as u32
    ))
}

pub fn sched_yield() -> Outcome {
    call!(sched_yield())
}

pub fn sock_accept(fd: u32, flags: u32) -> Outcome<u32> {
    let mut accepted = 0_u32;
    call!(sock_accept(fd, flags, address_of(&raw mut accepted))).map(|()| accepted)
}

/// Bytes received, and the flags that say whether data was cut.
pub fn sock_recv(fd: u32, buffer: &mut [u8], flags: u32) -> Outcome<(usize, u16)> {
    let mut count = 0_u32;
    let mut out_flags = 0_u16;
    let iovec = iovec(buffer);
    call!(sock_recv(
        fd,
        address_of(&raw const iovec),
        1,
        flags,
        address_of(&raw mut count),
        address_of(&raw mut out_flags)
    ))
    .map(|()| (count as usize, out_flags))
}

pub fn sock_send(fd: u32, bytes: &[u8]) -> Outcome<usize> {
    let mut count = 0_u32;
    let iovec = iovec(bytes);
    call!(sock_send(
        fd,
        address_of(&raw const iovec),
        1,
        0,
        address_of(&raw mut count)
    ))
    .map(|()| count as usize)
}

pub fn sock_shutdown(fd: u32, how: u32) -> Outcome {
    call!(sock_shutdown(fd, how))
}

/// The preopened directories: descriptor and name, in order.
pub fn preopens() -> Vec<(u32, String)> {
    (3..)
        .map_while(|fd| match fd_prestat_dir_name(fd) {
            Ok(name) => Some((fd, String::from_utf8_lossy(&name).into_owned())),
            Err(_) => None,
        })
        .collect()
}

/// The preopened directory called `name`.
pub fn preopen(name: &str) -> Option<u32> {
    preopens()
        .into_iter()
        .find(|(_, found)| found == name)
        .map(|(fd, _)| fd)
}

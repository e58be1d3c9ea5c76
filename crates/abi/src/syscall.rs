//! The table of system calls: the one description from which glue, traces and docs are made.
//!
//! Each line of [`for_each_syscall!`](crate::for_each_syscall) is a call: its documentation,
//! its name as a type and as a function, its parameters and its result. A call is plain
//! data: scalars, bytes that go in (`&str`, `&[IoSlice]`), bytes that come out
//! (`&mut [u8]`); no parameter points into a guest. The kernel's entry points, their
//! tracing and `docs/syscalls.md` are generated from this table, and so is every host's
//! transport, which is why two hosts cannot drift apart.

use core::net::{IpAddr, SocketAddr};
use std::io::IoSlice;

use crate::{
    AddressFamily, Advice, ClockId, Event, ExitStatus, Fd, FdFlags, FdStat, ListSizes, LookupFlags,
    OpenFlags, Pid, PipeEnds, Received, ReceivedFrom, RecvFlags, Rights, SetTimes, ShutdownFlags,
    Signal, SocketKind, SocketOption, Stat, Subscription, Whence,
};

/// Calls the macro `$apply` with every system call.
#[macro_export]
macro_rules! for_each_syscall {
    ($apply:ident) => {
        $apply! {
            /// Counts the process's arguments.
            ArgsSizesGet args_sizes_get() -> ListSizes;
            /// Writes the arguments into `buffer`, each with a final NUL; answers the bytes written.
            /// `EOVERFLOW` when the buffer is too small.
            ArgsGet args_get(buffer: &mut [u8]) -> u32;
            /// Counts the process's environment variables.
            EnvironSizesGet environ_sizes_get() -> ListSizes;
            /// Writes the environment as `NAME=value` strings, each with a final NUL; answers the
            /// bytes written. `EOVERFLOW` when the buffer is too small.
            EnvironGet environ_get(buffer: &mut [u8]) -> u32;
            /// Resolution of a clock in nanoseconds. `EINVAL` for a clock the process has not.
            ClockResGet clock_res_get(clock: ClockId) -> u64;
            /// Time of a clock in nanoseconds; `precision` is the error the caller accepts, a hint.
            ClockTimeGet clock_time_get(clock: ClockId, precision: u64) -> u64;
            /// Fills `buffer` with random bytes of cryptographic quality (in a seeded system: from
            /// the seed).
            RandomGet random_get(buffer: &mut [u8]) -> u32;
            /// Gives up the processor.
            SchedYield sched_yield() -> ();
            /// The caller's process id.
            ProcId proc_id() -> Pid;
            /// Ends the process with an exit code.
            ProcExit proc_exit(code: u32) -> ();
            /// Sends a signal to the calling process.
            ProcRaise proc_raise(signal: Signal) -> ();
            /// Sends a signal to the caller itself or one of its descendants. `ESRCH` for any other.
            ProcKill proc_kill(pid: Pid, signal: Signal) -> ();
            /// Waits until a child has ended, and takes its status. `ECHILD` when it is no child or
            /// was waited for already. Blocks.
            ProcWait proc_wait(pid: Pid) -> ExitStatus;
            /// Waits until one of the subscriptions is due; writes one event for each that is and
            /// answers how many. Blocks.
            PollOneoff poll_oneoff(subscriptions: &[Subscription], events: &mut [Event]) -> u32;
            /// Says how a range of a file will be used.
            FdAdvise fd_advise(fd: Fd, offset: u64, length: u64, advice: Advice) -> ();
            /// Makes sure that a range of a file exists and has its space; never shrinks it.
            FdAllocate fd_allocate(fd: Fd, offset: u64, length: u64) -> ();
            /// Closes a descriptor.
            FdClose fd_close(fd: Fd) -> ();
            /// Waits until the data of a file is on stable storage.
            FdDatasync fd_datasync(fd: Fd) -> ();
            /// Waits until data and metadata of a file are on stable storage.
            FdSync fd_sync(fd: Fd) -> ();
            /// Makes another descriptor for the same open file, the lowest free number.
            FdDup fd_dup(fd: Fd) -> Fd;
            /// What a descriptor is and may do.
            FdFdstatGet fd_fdstat_get(fd: Fd) -> FdStat;
            /// Changes how a descriptor behaves.
            FdFdstatSetFlags fd_fdstat_set_flags(fd: Fd, flags: FdFlags) -> ();
            /// Takes rights away. `ENOTCAPABLE` when one would be added.
            FdFdstatSetRights fd_fdstat_set_rights(fd: Fd, rights: Rights, inheriting: Rights) -> ();
            /// Metadata of an open file.
            FdFilestatGet fd_filestat_get(fd: Fd) -> Stat;
            /// Sets the size of a file, cutting it or adding zeros.
            FdFilestatSetSize fd_filestat_set_size(fd: Fd, size: u64) -> ();
            /// Sets the times of an open file.
            FdFilestatSetTimes fd_filestat_set_times(fd: Fd, times: SetTimes) -> ();
            /// Reads at an offset, which does not move the descriptor's own. Blocks.
            FdPread fd_pread(fd: Fd, buffer: &mut [u8], offset: u64) -> u32;
            /// Writes at an offset, which does not move the descriptor's own. Blocks.
            FdPwrite fd_pwrite(fd: Fd, data: &[IoSlice<'_>], offset: u64) -> u32;
            /// Length of the name of a directory that was granted. `EBADF` for any other descriptor.
            FdPrestatGet fd_prestat_get(fd: Fd) -> u32;
            /// Name of a directory that was granted. `ENAMETOOLONG` when the buffer is too small.
            FdPrestatDirName fd_prestat_dir_name(fd: Fd, buffer: &mut [u8]) -> u32;
            /// Reads. 0 is the end. Blocks.
            FdRead fd_read(fd: Fd, buffer: &mut [u8]) -> u32;
            /// Writes directory records (`Dirent`, then the name) until the buffer is full, the last
            /// one cut when it does not fit; fewer bytes than the buffer's are the end.
            FdReaddir fd_readdir(fd: Fd, buffer: &mut [u8], cookie: u64) -> u32;
            /// Moves a descriptor to another number, closing what was there.
            FdRenumber fd_renumber(fd: Fd, to: Fd) -> ();
            /// Moves the offset; answers the new one.
            FdSeek fd_seek(fd: Fd, offset: i64, whence: Whence) -> u64;
            /// The offset.
            FdTell fd_tell(fd: Fd) -> u64;
            /// Writes. Blocks.
            FdWrite fd_write(fd: Fd, data: &[IoSlice<'_>]) -> u32;
            /// Makes a pipe. `EMFILE` when the table is full.
            Pipe pipe() -> PipeEnds;
            /// Creates a directory.
            PathCreateDirectory path_create_directory(fd: Fd, path: &str) -> ();
            /// Metadata of the file at a path.
            PathFilestatGet path_filestat_get(fd: Fd, flags: LookupFlags, path: &str) -> Stat;
            /// Sets the times of the file at a path.
            PathFilestatSetTimes path_filestat_set_times(fd: Fd, flags: LookupFlags, path: &str, times: SetTimes) -> ();
            /// Makes a hard link. `EXDEV` across mounts.
            PathLink path_link(fd: Fd, flags: LookupFlags, path: &str, new_fd: Fd, new_path: &str) -> ();
            /// Opens a file or directory. Blocks.
            PathOpen path_open(fd: Fd, lookup: LookupFlags, path: &str, open: OpenFlags, rights: Rights, inheriting: Rights, flags: FdFlags) -> Fd;
            /// Reads the text of a symbolic link, cut to the buffer.
            PathReadlink path_readlink(fd: Fd, path: &str, buffer: &mut [u8]) -> u32;
            /// Removes an empty directory.
            PathRemoveDirectory path_remove_directory(fd: Fd, path: &str) -> ();
            /// Renames a file or directory, replacing what can be replaced. `EXDEV` across mounts.
            PathRename path_rename(fd: Fd, path: &str, new_fd: Fd, new_path: &str) -> ();
            /// Makes a symbolic link at `path` with the text `target`.
            PathSymlink path_symlink(target: &str, fd: Fd, path: &str) -> ();
            /// Unlinks a file that is not a directory.
            PathUnlinkFile path_unlink_file(fd: Fd, path: &str) -> ();
            /// Takes a connection from a listening socket. Blocks.
            SockAccept sock_accept(fd: Fd, flags: FdFlags) -> Fd;
            /// Receives from a socket. Blocks.
            SockRecv sock_recv(fd: Fd, buffer: &mut [u8], flags: RecvFlags) -> Received;
            /// Sends on a socket. Blocks.
            SockSend sock_send(fd: Fd, data: &[IoSlice<'_>]) -> u32;
            /// Shuts directions of a socket down.
            SockShutdown sock_shutdown(fd: Fd, how: ShutdownFlags) -> ();
            /// Makes a socket, neither bound nor connected. What it may reach is decided when it is
            /// bound, connected or sent to. `EMFILE` when the table is full.
            SockOpen sock_open(family: AddressFamily, kind: SocketKind) -> Fd;
            /// Binds a socket to a local address; port 0 takes a free one. `EACCES` when no rule allows
            /// it, `EINVAL` for an address of another family and for a socket that is bound.
            SockBind sock_bind(fd: Fd, address: SocketAddr) -> ();
            /// Listens, with room for `backlog` connections that were not taken yet; binds to a free
            /// port first when the socket is not bound.
            SockListen sock_listen(fd: Fd, backlog: u32) -> ();
            /// Connects, or gives a datagram socket its peer. `EACCES` when no rule allows it. Blocks.
            SockConnect sock_connect(fd: Fd, address: SocketAddr) -> ();
            /// Takes the peer of a datagram socket away. `ENOTCONN` when it has none.
            SockDisconnect sock_disconnect(fd: Fd) -> ();
            /// The address that a socket is bound to. `EINVAL` before that.
            SockLocalAddress sock_local_address(fd: Fd) -> SocketAddr;
            /// The address that a socket is connected to. `ENOTCONN` before that.
            SockPeerAddress sock_peer_address(fd: Fd) -> SocketAddr;
            /// Receives, and says from whom. Blocks.
            SockRecvFrom sock_recv_from(fd: Fd, buffer: &mut [u8], flags: RecvFlags) -> ReceivedFrom;
            /// Sends, a datagram to `address` unless the socket is connected. `EACCES` when no rule
            /// allows the address. Blocks.
            SockSendTo sock_send_to(fd: Fd, data: &[IoSlice<'_>], address: Option<SocketAddr>) -> u32;
            /// Value of an option. `ENOPROTOOPT` for one that the socket has not.
            SockOptionGet sock_option_get(fd: Fd, option: SocketOption) -> u64;
            /// Sets an option. `EINVAL` for a value out of range.
            SockOptionSet sock_option_set(fd: Fd, option: SocketOption, value: u64) -> ();
            /// Looks a host name up and writes its addresses, as many as fit; answers how many. `EACCES`
            /// when no rule allows the name, `ENOENT` when there is no such name. Blocks.
            NameLookup name_lookup(name: &str, addresses: &mut [IpAddr]) -> u32;
        }
    };
}

/// How a parameter travels from guest to kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    /// A number, at most 64 bits.
    Scalar,
    /// Text that goes in.
    Text,
    /// Bytes that go in.
    DataIn,
    /// Bytes that come out.
    DataOut,
    /// Records that go in.
    RecordsIn,
    /// Records that come out.
    RecordsOut,
}

/// How a result travels from kernel to guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultKind {
    /// Nothing but success.
    Unit,
    /// A number, at most 64 bits.
    Scalar,
    /// A record of fixed size.
    Record,
}

/// A parameter of a system call.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its Rust type, as written in the table.
    pub type_name: &'static str,
    /// How it travels.
    pub kind: ArgKind,
}

/// What is known of a system call at run time.
#[derive(Clone, Copy, Debug)]
pub struct Descriptor {
    /// Its name, the one WASI 0.1 gives it where it has one.
    pub name: &'static str,
    /// What it does.
    pub documentation: &'static [&'static str],
    /// Its parameters in order.
    pub parameters: &'static [Parameter],
    /// Rust type of its result.
    pub result_name: &'static str,
    /// How its result travels.
    pub result: ResultKind,
}

/// A type that can be a parameter of a system call.
trait Travels {
    const KIND: ArgKind;
}

macro_rules! travels {
    ($kind:ident: $($type:ty),*) => { $(impl Travels for $type { const KIND: ArgKind = ArgKind::$kind; })* };
}

travels!(Scalar: u32, u64, i64, ClockId, Fd, Pid, Signal, Advice, FdFlags, Rights, SetTimes, Whence);
travels!(Scalar: LookupFlags, OpenFlags, RecvFlags, ShutdownFlags);
travels!(Scalar: AddressFamily, SocketKind, SocketOption);
travels!(Text: &str);
travels!(DataIn: &[IoSlice<'_>]);
travels!(DataOut: &mut [u8]);
travels!(RecordsIn: &[Subscription], SocketAddr, Option<SocketAddr>);
travels!(RecordsOut: &mut [Event], &mut [IpAddr]);

/// A type that can be the result of a system call.
trait Answers {
    const KIND: ResultKind;
}

macro_rules! answers {
    ($kind:ident: $($type:ty),*) => { $(impl Answers for $type { const KIND: ResultKind = ResultKind::$kind; })* };
}

answers!(Unit: ());
answers!(Scalar: u32, u64, Fd, Pid);
answers!(Record: ListSizes, FdStat, Stat, PipeEnds, Received, ReceivedFrom, SocketAddr, ExitStatus);

macro_rules! define {
    ($(
        $(#[doc = $doc:literal])*
        $variant:ident $name:ident($($arg:ident: $type:ty),*) -> $result:ty;
    )*) => {
        /// A system call's number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Syscall {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Syscall {
            /// Every system call, in the table's order.
            pub const ALL: &'static [Syscall] = &[$(Syscall::$variant),*];
            /// How many there are.
            pub const COUNT: usize = Syscall::ALL.len();

            /// What is known of this call.
            #[must_use]
            pub const fn descriptor(self) -> &'static Descriptor {
                match self {
                    $(Syscall::$variant => {
                        const PARAMETERS: &[Parameter] = &[$(Parameter {
                            name: stringify!($arg),
                            type_name: stringify!($type),
                            kind: <$type as Travels>::KIND,
                        }),*];
                        const DESCRIPTOR: Descriptor = Descriptor {
                            name: stringify!($name),
                            documentation: &[$($doc),*],
                            parameters: PARAMETERS,
                            result_name: stringify!($result),
                            result: <$result as Answers>::KIND,
                        };
                        &DESCRIPTOR
                    })*
                }
            }

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                self.descriptor().name
            }
        }
    };
}

for_each_syscall!(define);

#[cfg(test)]
mod tests {
    use super::{ArgKind, ResultKind, Syscall};

    #[test]
    fn the_table_describes_each_call() {
        let write = Syscall::FdWrite.descriptor();
        assert_eq!(write.name, "fd_write");
        assert_eq!(write.parameters[0].kind, ArgKind::Scalar);
        assert_eq!(write.parameters[1].kind, ArgKind::DataIn);
        assert_eq!(write.result, ResultKind::Scalar);
        for call in Syscall::ALL {
            assert!(
                !call.descriptor().documentation.is_empty(),
                "{}",
                call.name()
            );
        }
    }
}

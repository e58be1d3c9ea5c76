//! Plain data shared by every layer of Holm: ids, errno, rights, flags, limits, the system-call table.
//!
//! Numbers are those of WASI 0.1 (`wasi_snapshot_preview1`, `typenames.witx`) wherever that
//! standard has one, so that the oldest personality needs no translation and the newer ones
//! translate from a fixed point. This crate has no dependencies and does nothing.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod clock;
mod errno;
mod file;
mod flags;
mod id;
mod limits;
mod net;
mod poll;
mod process;
mod rights;
mod syscall;

pub use clock::ClockId;
pub use errno::Errno;
pub use file::{Advice, DIRENT_SIZE, Dirent, FdStat, FileType, SetTime, SetTimes, Stat, Whence};
pub use flags::{FdFlags, LookupFlags, OpenFlags, RecvFlags, RecvStatus, ShutdownFlags};
pub use id::{Fd, Pid};
pub use limits::{
    EVENTS_MAX, IOV_MAX, Limits, NAME_MAX, PATH_MAX, POINTS_MAX, SYMLINKS_MAX, TRANSFER_MAX,
};
pub use net::{
    ADDRESSES_MAX, AddressFamily, DATAGRAM_MAX, HOST_NAME_MAX, ReceivedFrom, SocketKind,
    SocketOption,
};
pub use poll::{Event, EventKind, Subscription};
pub use process::{ExitStatus, ListSizes, PipeEnds, Received, Signal};
pub use rights::Rights;
pub use syscall::{ArgKind, Descriptor, Parameter, ResultKind, Syscall};

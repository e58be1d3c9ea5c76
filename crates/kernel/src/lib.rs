//! The Holm kernel: processes, descriptors, files, pipes, limits and what may be done.
//!
//! It does no I/O of its own, knows no engine, sees no guest memory and holds no lock that
//! unrelated processes share. The world reaches it through [`port`]s and file system
//! backends ([`vfs::node`]); guests reach it through the system calls of [`Task`].
//!
//! Locks, in the order in which they may be taken together (indented under the one held);
//! none is held while a backend or a host works, but for those that say so:
//!
//! ```text
//! OpenFile::offset, Listing     one open file; held during its read or write
//!   backend's own locks
//! NetSocket::state              one socket; held while it is bound or connected
//!   Pins::names                 one process
//!   DenialLog
//! Question::answer              one lookup of a name; held while the host is asked for it
//! DescriptorTable               one process; lookups and changes of the table
//! Life                          one process; end, wakers
//! Process::children             one process
//!   Life                        of a child
//! Kernel::processes             all; start, end and look-up of a process
//! DenialLog                     one process
//! ```

#![forbid(unsafe_code)]

pub mod coarse_clock;
pub mod denial;
mod descriptor;
pub mod deterministic;
pub mod escape;
pub mod kernel;
pub mod net;
pub mod pipe;
pub mod port;
pub mod process;
mod process_ids;
mod syscall;
pub mod task;
#[cfg(any(test, feature = "testkit"))]
pub mod testkit;
pub mod trace;
pub mod tty;
pub mod vfs;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use holm_abi as abi;

pub use denial::{Cause, Denial, Limit};
pub use kernel::{Authority, Kernel, Options, Ports};
pub use net::{NetRule, NetRules, NetworkPolicy};
pub use pipe::{PipeReader, PipeWriter, pipe};
pub use process::{
    ChildMount, ChildSpec, Interrupt, ListenerSpec, Process, ProcessSpec, SpawnError,
    StandardStreams, Usage,
};
pub use task::{SysResult, Task};
pub use trace::{Answer, Argument, Observer, TraceEvent};
pub use tty::{TtyMaster, TtyOptions, TtySize, TtySlave, Typed, tty};
pub use vfs::mount::{Access, Mount, MountError, Namespace, NamespaceBuilder, Origin};

/// Locks, also when a thread panicked while it held the lock: every critical section of
/// the kernel leaves its data whole at each step, and one broken guest thread must not take
/// the others down.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Tasks: threads of a process, and the system calls they make.

use core::net::{IpAddr, SocketAddr};
use std::io::IoSlice;
use std::sync::Arc;
use std::task::{Poll, Waker};

use holm_abi::{
    AddressFamily, Advice, ClockId, Errno, Event, ExitStatus, Fd, FdFlags, FdStat, ListSizes,
    LookupFlags, OpenFlags, Pid, PipeEnds, Received, ReceivedFrom, RecvFlags, Rights, SetTimes,
    ShutdownFlags, Signal, SocketKind, SocketOption, Stat, Subscription, Syscall, Whence,
    for_each_syscall,
};

use crate::process::Process;
use crate::trace::{AsAnswer, AsArgument, TraceEvent};
use crate::vfs::node::{Interest, Readiness};

/// Result of a system call. `Pending` means: it would block, the task's waker has been
/// registered; make the same call again once woken, or once [`Task::deadline`] has passed.
pub type SysResult<T> = Poll<Result<T, Errno>>;

/// One thread of a process.
#[derive(Debug)]
pub struct Task {
    pub(crate) process: Arc<Process>,
    pub(crate) waker: Waker,
    /// Its place among the tasks of the process.
    number: u64,
    /// When the call that is blocked now began, on the process's monotonic clock.
    blocked_since: Option<u64>,
    /// The same on the system's clock, which is the trace's.
    traced_since: Option<u64>,
    /// Until when it waits at most.
    pub(crate) deadline: Option<u64>,
}

impl Task {
    /// A task of `process` that is woken through `waker`.
    #[must_use]
    pub fn new(process: Arc<Process>, waker: Waker) -> Task {
        let number = process.add_task(&waker);
        Task {
            process,
            waker,
            number,
            blocked_since: None,
            traced_since: None,
            deadline: None,
        }
    }

    /// The process.
    #[must_use]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// Who is woken.
    #[must_use]
    pub fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Until when a blocked call waits at most, on the process's monotonic clock in
    /// nanoseconds; `None` is for ever.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        self.deadline
    }

    /// Changes who is woken: for hosts whose wakers move.
    pub fn set_waker(&mut self, waker: &Waker) {
        if !self.waker.will_wake(waker) {
            self.waker = waker.clone();
            self.process.set_task_waker(self.number, waker);
        }
    }

    /// Whether a read or write of `fd` would not block: what [`Task::poll_oneoff`] asks for each
    /// of its subscriptions, for personalities that wait for other things besides.
    ///
    /// # Errors
    ///
    /// `EBADF`; `ENOTCAPABLE` when the descriptor may not be waited for; what the stream says.
    pub fn poll_ready(&mut self, fd: Fd, interest: Interest) -> SysResult<Readiness> {
        crate::syscall::poll_ready(self, fd, interest)
    }

    /// Waits until `deadline` at most from now on, on the process's monotonic clock: for
    /// personalities that wait for what is no system call. Ends with [`Task::abandon`].
    pub fn wait_until(&mut self, deadline: Option<u64>) {
        self.deadline = deadline;
    }

    /// Lets go of a call that would block and will not be made again, such as a second
    /// read after a first one brought something.
    pub fn abandon(&mut self) {
        self.blocked_since = None;
        self.traced_since = None;
        self.deadline = None;
    }

    /// When the current call began: `now`, unless it was blocked before.
    pub(crate) fn call_began_or(&self, now: u64) -> u64 {
        self.blocked_since.unwrap_or(now)
    }

    /// Blocks until `deadline` at most in a call that began at `now`, or before if it was
    /// blocked already.
    pub(crate) fn block_until(&mut self, deadline: Option<u64>, now: Option<u64>) {
        self.deadline = deadline;
        self.blocked_since = self.blocked_since.or(now);
    }

    /// Counts the call, unless it is the retry of one that blocked.
    fn count(&self, call: Syscall) {
        if self.blocked_since.is_none() {
            self.process.usage.count(call);
        }
    }

    /// Book-keeping of a call that would block, and of the first one after it.
    #[cold]
    fn suspend(&mut self) {
        if self.blocked_since.is_none() {
            self.blocked_since = Some(self.process.clock().monotonic_ns());
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.process.remove_task(self.number);
    }
}

macro_rules! entry_points {
    ($(
        $(#[doc = $doc:literal])*
        $variant:ident $name:ident($($arg:ident: $type:ty),*) -> $result:ty;
    )*) => {
        #[expect(clippy::too_many_arguments, reason = "path_open has seven parameters in WASI 0.1")]
        impl Task {
            $(
                $(#[doc = $doc])*
                pub fn $name(&mut self $(, $arg: $type)*) -> SysResult<$result> {
                    self.count(Syscall::$variant);
                    if self.process.observer().is_some() {
                        return traced::$name(self $(, $arg)*);
                    }
                    let answer = crate::syscall::$name(self $(, $arg)*);
                    if answer.is_pending() {
                        self.suspend();
                    } else if self.blocked_since.is_some() {
                        self.blocked_since = None;
                        self.deadline = None;
                    }
                    answer
                }
            )*
        }

        /// The same calls for a process that somebody observes.
        #[expect(clippy::too_many_arguments, reason = "path_open has seven parameters in WASI 0.1")]
        mod traced {
            use super::{
                AddressFamily, Advice, AsAnswer, AsArgument, ClockId, Event, ExitStatus, Fd,
                FdFlags, FdStat, IoSlice, IpAddr, ListSizes, LookupFlags, OpenFlags, Pid, PipeEnds,
                Poll, Received, ReceivedFrom, RecvFlags, Rights, SetTimes, ShutdownFlags, Signal,
                SocketAddr, SocketKind, SocketOption, Stat, Subscription, SysResult, Syscall, Task,
                TraceEvent, Whence,
            };

            $(
                #[cold]
                pub(super) fn $name(task: &mut Task $(, $arg: $type)*) -> SysResult<$result> {
                    let clock = task.process.kernel().clock().clone();
                    let began = task.traced_since.unwrap_or_else(|| clock.monotonic_ns());
                    let answer = crate::syscall::$name(task $(, $arg)*);
                    match &answer {
                        Poll::Pending => {
                            task.traced_since = Some(began);
                            task.suspend();
                        }
                        Poll::Ready(result) => {
                            task.abandon();
                            if let Some(observer) = task.process.observer() {
                                observer.completed(&TraceEvent {
                                    pid: task.process.pid(),
                                    call: Syscall::$variant,
                                    arguments: &[$($arg.as_argument()),*],
                                    outcome: result.as_ref().map(AsAnswer::as_answer).map_err(|e| *e),
                                    started_ns: began,
                                    elapsed_ns: clock.monotonic_ns().saturating_sub(began),
                                });
                            }
                        }
                    }
                    answer
                }
            )*
        }
    };
}

for_each_syscall!(entry_points);

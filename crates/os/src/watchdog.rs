//! The watchdog: ends a process whose time is up, or that was sent a signal.
//!
//! Compiled code that looks for interruptions is 20 to 70 percent slower in loops, so by
//! default it does not. A kill then takes effect when the guest makes a system call or is
//! blocked in one; when it does neither for [`GRACE`], the host is told to *abandon* it,
//! which for the `holm` command means to end its own process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use holm_abi::{ExitStatus, Limits, Signal};
use holm_engine::Interrupter;
use holm_host_native::{Usage, reactor};
use holm_kernel::Process;

/// How long a killed guest may go on before it is abandoned.
pub const GRACE: Duration = Duration::from_millis(50);

/// What ends the host's part in a guest that cannot be stopped. Must not return to let the
/// guest go on: it ends the host process.
pub(crate) type Abandon = Arc<dyn Fn(&Arc<Process>, ExitStatus) + Send + Sync>;

const RUNNING: u8 = 0;
const RETURNED: u8 = 1;
const ABANDONED: u8 = 2;

/// Watches one process.
#[derive(Debug)]
pub(crate) struct Watchdog {
    state: Arc<AtomicU8>,
    thread: JoinHandle<()>,
}

/// A process that runs, as a signal handler may hold it.
#[derive(Clone, Debug)]
pub struct Running {
    process: Arc<Process>,
    guest: Interrupter,
    watchdog: Option<Thread>,
}

impl Running {
    pub(crate) fn new(
        process: &Arc<Process>,
        guest: Interrupter,
        watchdog: Option<&Watchdog>,
    ) -> Running {
        let watchdog = watchdog.map(|watchdog| watchdog.thread.thread().clone());
        Running {
            process: process.clone(),
            guest,
            watchdog,
        }
    }

    /// The process.
    #[must_use]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// Ends the process by a signal. Async-signal-safe: atomic operations, a `write`, and
    /// unparking a thread, which is an atomic operation and a futex call.
    pub fn signal(&self, signal: Signal) {
        self.process.note_signal(signal);
        self.guest.interrupt();
        reactor().interrupt();
        if let Some(watchdog) = &self.watchdog {
            watchdog.unpark();
        }
    }
}

impl Watchdog {
    /// Watches `process` when one of its limits is on time or it may have to be abandoned.
    pub(crate) fn start(
        process: &Arc<Process>,
        abandon: Option<Abandon>,
    ) -> std::io::Result<Option<Watchdog>> {
        let limits = *process.limits();
        if abandon.is_none() && limits.wall_ns == u64::MAX && limits.cpu_ns == u64::MAX {
            return Ok(None);
        }
        let state = Arc::new(AtomicU8::new(RUNNING));
        let watch = Watch {
            process: process.clone(),
            limits,
            started: Instant::now(),
            // CPU time is that of this whole host process from here on: the guest's, and
            // the little that Holm uses beside it.
            cpu_before: Usage::process_cpu_ns(),
            state: state.clone(),
        };
        let thread = thread::Builder::new()
            .name("holm-watchdog".to_owned())
            .stack_size(256 << 10)
            .spawn(move || watch.run(abandon.as_ref()))?;
        Ok(Some(Watchdog { state, thread }))
    }

    /// The guest has returned. Does not return itself when the watchdog was faster and
    /// abandoned it: the host process is about to end.
    pub(crate) fn returned(self) {
        let state =
            self.state
                .compare_exchange(RUNNING, RETURNED, Ordering::AcqRel, Ordering::Acquire);
        if state == Err(ABANDONED) {
            loop {
                thread::park();
            }
        }
        self.thread.thread().unpark();
    }
}

struct Watch {
    process: Arc<Process>,
    limits: Limits,
    started: Instant,
    cpu_before: u64,
    state: Arc<AtomicU8>,
}

impl Watch {
    fn run(&self, abandon: Option<&Abandon>) {
        while self.state.load(Ordering::Acquire) == RUNNING {
            if let Some(signal) = self.process.signaled() {
                return self.end(signal, abandon);
            }
            let (wall_left, cpu_left) = self.left();
            if wall_left.is_zero() {
                return self.end(Signal::Alarm, abandon);
            }
            if cpu_left.is_zero() {
                return self.end(Signal::CpuExceeded, abandon);
            }
            // CPU time passes no faster than wall time on one core; on several it may, so
            // it is looked at again while there is something left of it.
            thread::park_timeout(wall_left.min(cpu_left.max(Duration::from_millis(1))));
        }
    }

    fn left(&self) -> (Duration, Duration) {
        let wall = Duration::from_nanos(self.limits.wall_ns);
        let cpu = Duration::from_nanos(self.limits.cpu_ns);
        let cpu_used = match self.limits.cpu_ns {
            u64::MAX => 0,
            _ => Usage::process_cpu_ns().saturating_sub(self.cpu_before),
        };
        let cpu_left = cpu.saturating_sub(Duration::from_nanos(cpu_used));
        (wall.saturating_sub(self.started.elapsed()), cpu_left)
    }

    /// Kills the process; abandons it when it does not end of that.
    fn end(&self, signal: Signal, abandon: Option<&Abandon>) {
        self.process.kill(signal);
        let killed = Instant::now();
        while self.state.load(Ordering::Acquire) == RUNNING {
            let left = GRACE.saturating_sub(killed.elapsed());
            if !left.is_zero() {
                thread::park_timeout(left);
                continue;
            }
            let Some(abandon) = abandon else { return };
            let claimed = self.state.compare_exchange(
                RUNNING,
                ABANDONED,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            if claimed.is_ok() {
                let signal = self.process.signaled().unwrap_or(signal);
                abandon(&self.process, ExitStatus::Signaled(signal));
            }
            return;
        }
    }
}

//! The watchdog: ends a process whose time is up. It exists only for those with a limit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use holm_abi::{Limits, Signal};
use holm_host_native::Usage;
use holm_kernel::Process;

/// Watches one process until it is dropped.
#[derive(Debug)]
pub(crate) struct Watchdog {
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watchdog {
    /// Watches `process` when one of its limits is on time; `None` when none is.
    pub(crate) fn start(process: &Arc<Process>) -> std::io::Result<Option<Watchdog>> {
        let limits = *process.limits();
        if limits.wall_ns == u64::MAX && limits.cpu_ns == u64::MAX {
            return Ok(None);
        }
        let over = Arc::new(AtomicBool::new(false));
        let (seen, process) = (over.clone(), process.clone());
        // CPU time is that of this whole host process from here on: the guest's, and the
        // little that Holm uses beside it.
        let cpu_before = Usage::process_cpu_ns();
        let thread = thread::Builder::new()
            .name("holm-watchdog".to_owned())
            .spawn(move || watch(&process, limits, cpu_before, &seen))?;
        Ok(Some(Watchdog { over, thread }))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        self.thread.thread().unpark();
    }
}

fn watch(process: &Process, limits: Limits, cpu_before: u64, over: &AtomicBool) {
    let started = Instant::now();
    let wall = Duration::from_nanos(limits.wall_ns);
    let cpu = Duration::from_nanos(limits.cpu_ns);
    while !over.load(Ordering::Acquire) {
        let wall_left = wall.saturating_sub(started.elapsed());
        let used = Usage::process_cpu_ns().saturating_sub(cpu_before);
        let cpu_left = cpu.saturating_sub(Duration::from_nanos(used));
        if wall_left.is_zero() {
            process.kill(Signal::Alarm);
            return;
        }
        if cpu_left.is_zero() {
            process.kill(Signal::CpuExceeded);
            return;
        }
        // CPU time passes no faster than wall time on one core; on several it may, so it is
        // looked at again while there is something left of it.
        thread::park_timeout(wall_left.min(cpu_left.max(Duration::from_millis(1))));
    }
}

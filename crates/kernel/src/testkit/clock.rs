//! A clock that only moves when it is read or told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::port::Clock;

/// A clock that goes on by one step whenever it is read, so that two readings differ and a
/// test is the same on every run.
#[derive(Debug)]
pub struct StepClock {
    now: AtomicU64,
    step: u64,
}

impl StepClock {
    /// Starts at 2001-09-09T01:46:40Z and steps by a microsecond.
    #[must_use]
    pub fn new() -> Arc<StepClock> {
        Arc::new(StepClock {
            now: AtomicU64::new(1_000_000_000_000_000_000),
            step: 1_000,
        })
    }

    /// Lets `ns` pass.
    pub fn advance_ns(&self, ns: u64) {
        self.now.fetch_add(ns, Ordering::Relaxed);
    }
}

impl Clock for StepClock {
    fn monotonic_ns(&self) -> u64 {
        self.realtime_ns()
    }

    fn realtime_ns(&self) -> u64 {
        self.now.fetch_add(self.step, Ordering::Relaxed) + self.step
    }

    fn resolution_ns(&self) -> u64 {
        self.step
    }

    fn thread_cpu_ns(&self) -> Option<u64> {
        None
    }
}

//! Timers of a store whose guest is suspended when it waits.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use holm_kernel::port::Clock;
use holm_wasi_p2::Timer;
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// Most tasks of one store that wait for a time.
const WAITING_MAX: usize = 16_384;

/// Wakes the tasks of one store, by one task of the runtime however many wait. It works within
/// a runtime.
#[derive(Debug)]
pub struct StoreTimer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    tasks: Vec<(u64, Waker)>,
    /// The task that sleeps, and until when.
    sleeper: Option<(u64, AbortHandle)>,
}

impl StoreTimer {
    /// On the clock that deadlines are of.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> StoreTimer {
        StoreTimer(Arc::new(Shared {
            clock,
            state: Mutex::default(),
        }))
    }
}

impl Timer for StoreTimer {
    fn wake_at(&self, deadline_ns: u64, waker: &Waker) {
        // A virtual clock does not wait.
        if self.0.clock.jump_to(deadline_ns) {
            waker.wake_by_ref();
            return;
        }
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let full = state.tasks.len() >= WAITING_MAX;
        let mut known = state.tasks.iter_mut();
        match known.find(|(_, known)| known.will_wake(waker)) {
            // Too early is no harm: whoever is woken looks again.
            Some((known_ns, _)) => *known_ns = deadline_ns,
            None if full => waker.wake_by_ref(),
            None => state.tasks.push((deadline_ns, waker.clone())),
        }
        if let Some((until_ns, sleeper)) = &state.sleeper {
            if *until_ns <= deadline_ns {
                return;
            }
            sleeper.abort();
        }
        let task = tokio::spawn(ring(self.0.clone(), deadline_ns));
        state.sleeper = Some((deadline_ns, task.abort_handle()));
    }
}

async fn ring(shared: Arc<Shared>, mut until_ns: u64) {
    loop {
        let left_ns = until_ns.saturating_sub(shared.clock.monotonic_ns());
        // A coarse clock reaches a deadline with its next step.
        let step_ns = shared.clock.resolution_ns().saturating_sub(1);
        sleep(Duration::from_nanos(
            left_ns.saturating_add(step_ns.min(left_ns)),
        ))
        .await;
        let now_ns = shared.clock.monotonic_ns();
        let mut due = Vec::new();
        {
            let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.tasks.retain(|(at_ns, waker)| {
                let is_due = *at_ns <= now_ns;
                if is_due {
                    due.push(waker.clone());
                }
                !is_due
            });
            let next = state.tasks.iter().map(|(at_ns, _)| *at_ns).min();
            match (next, &mut state.sleeper) {
                (Some(next_ns), Some((sleeps_until, _))) => {
                    until_ns = next_ns;
                    *sleeps_until = next_ns;
                }
                _ => {
                    state.sleeper = None;
                    until_ns = u64::MAX;
                }
            }
        }
        for waker in due {
            waker.wake();
        }
        if until_ns == u64::MAX {
            return;
        }
    }
}

impl Drop for StoreTimer {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, sleeper)) = state.sleeper.take() {
            sleeper.abort();
        }
    }
}

//! The executor: runs one future on the calling thread, which sleeps in the reactor when it waits.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use holm_host_native::{Parker, reactor};
use holm_kernel::port::Clock;
use holm_wasi_p2::Timer;

use crate::run::coarse_deadline;

/// Runs futures for one process, whose clock it waits on.
pub(crate) struct Executor {
    clock: Arc<dyn Clock>,
    awake: Arc<Awake>,
    waker: Waker,
    deadlines: Mutex<BTreeMap<u64, Vec<Waker>>>,
}

/// Whether the future is worth polling, and where the thread sleeps until then.
struct Awake {
    parker: Arc<Parker>,
    woken: AtomicBool,
}

impl Wake for Awake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.parker.wake_by_ref();
    }
}

impl Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").finish_non_exhaustive()
    }
}

impl Executor {
    /// For a thread that sleeps at `parker`.
    pub(crate) fn new(clock: Arc<dyn Clock>, parker: Arc<Parker>) -> Executor {
        let awake = Arc::new(Awake {
            parker,
            woken: AtomicBool::new(false),
        });
        Executor {
            clock,
            waker: Waker::from(awake.clone()),
            awake,
            deadlines: Mutex::default(),
        }
    }

    /// What the future is polled with.
    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Runs a future to its end.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let mut context = Context::from_waker(&self.waker);
        loop {
            self.awake.woken.store(false, Ordering::Release);
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return value;
            }
            self.sleep();
            self.ring();
        }
    }

    /// Sleeps until somebody is woken, the first deadline has passed, or a signal came.
    fn sleep(&self) {
        if self.awake.woken.load(Ordering::Acquire) {
            return;
        }
        let first = self.lock().keys().next().copied();
        // A virtual clock does not wait: it is then.
        if first.is_some_and(|first| self.clock.jump_to(first)) {
            return;
        }
        let deadline = first.map(|first| coarse_deadline(&*self.clock, first));
        reactor().wait(&self.awake.parker, deadline);
    }

    /// Wakes those whose time has come.
    fn ring(&self) {
        let mut deadlines = self.lock();
        if deadlines.is_empty() {
            return;
        }
        let now = self.clock.monotonic_ns();
        let later = match now.checked_add(1) {
            Some(after) => deadlines.split_off(&after),
            None => BTreeMap::new(),
        };
        let due = std::mem::replace(&mut *deadlines, later);
        drop(deadlines);
        due.into_values().flatten().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Vec<Waker>>> {
        self.deadlines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Timer for Executor {
    fn wake_at(&self, deadline_ns: u64, waker: &Waker) {
        let mut deadlines = self.lock();
        let wakers = deadlines.entry(deadline_ns).or_default();
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    fn forget(&self, deadline_ns: u64, waker: &Waker) {
        let mut deadlines = self.lock();
        let Some(wakers) = deadlines.get_mut(&deadline_ns) else {
            return;
        };
        let at = wakers.iter().position(|known| known.will_wake(waker));
        // Dropping a waker may run anything: not under the lock.
        let forgotten = at.map(|at| wakers.swap_remove(at));
        if wakers.is_empty() {
            deadlines.remove(&deadline_ns);
        }
        drop(deadlines);
        drop(forgotten);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::thread;
    use std::time::Duration;

    use holm_host_native::NativeClock;

    use super::*;

    fn executor() -> Arc<Executor> {
        let clock = Arc::new(NativeClock);
        Arc::new(Executor::new(clock, Arc::new(Parker::new())))
    }

    #[test]
    fn deadlines_wake_in_their_order_and_not_before() {
        let executor = executor();
        let began = executor.clock.monotonic_ns();
        let mut seen = Vec::new();
        executor.block_on(poll_fn(|context| {
            let now = executor.clock.monotonic_ns();
            seen.push(now);
            let passed = now.saturating_sub(began);
            if passed >= 4_000_000 {
                return Poll::Ready(());
            }
            executor.wake_at(began + 4_000_000, context.waker());
            executor.wake_at(began + 2_000_000, context.waker());
            Poll::Pending
        }));
        assert!(seen.len() >= 2, "{seen:?}");
        assert!(*seen.last().expect("polled") >= began + 4_000_000);
    }

    #[test]
    fn what_is_forgotten_is_not_held() {
        let executor = executor();
        for at in 0..100 {
            executor.wake_at(u64::MAX - at, executor.waker());
            executor.wake_at(u64::MAX - at, executor.waker());
        }
        assert_eq!(executor.lock().len(), 100);
        for at in 0..100 {
            executor.forget(u64::MAX - at, executor.waker());
        }
        assert!(executor.lock().is_empty());
        executor.forget(7, executor.waker());
    }

    #[test]
    fn another_thread_wakes() {
        let executor = executor();
        let done = Arc::new(AtomicBool::new(false));
        let mut started = false;
        executor.block_on(poll_fn(|context| {
            if done.load(Ordering::Acquire) {
                return Poll::Ready(());
            }
            if !started {
                started = true;
                let (done, waker) = (done.clone(), context.waker().clone());
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(5));
                    done.store(true, Ordering::Release);
                    waker.wake();
                });
            }
            Poll::Pending
        }));
    }
}

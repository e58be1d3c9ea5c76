//! Parkers: where one thread sleeps, and its waker.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::Wake;
use std::time::Duration;

use crate::clock::monotonic_ns;
use crate::notifier::Notifier;

/// Not woken, not asleep.
const EMPTY: u32 = 0;
/// Woken: the next wait returns at once.
const NOTIFIED: u32 = 1;
/// Asleep on the condition variable.
const PARKED: u32 = 2;
/// Asleep in the reactor's `poll`.
const LEADING: u32 = 3;
/// Nudged while not asleep: the next sleep is skipped, the wait goes on.
const NUDGED: u32 = 4;

/// Where one thread sleeps. `Waker::from(Arc<Parker>)` is its waker: it may be woken from
/// any thread, before, during or after a wait; a wake-up is never lost and several are one.
///
/// A waker is not for signal handlers: [`crate::Reactor::interrupt`] is.
#[derive(Debug, Default)]
pub struct Parker {
    state: AtomicU32,
    /// Guards nothing but the way to sleep: a waker that finds `PARKED` passes through it,
    /// so that the sleeper has reached the condition variable.
    gate: Mutex<()>,
    condition: Condvar,
    /// Of the reactor that this thread leads or led last.
    notifier: Mutex<Option<Arc<Notifier>>>,
    /// Interrupts of the reactor that this thread has answered for.
    pub(crate) interrupts_seen: AtomicU32,
}

impl Parker {
    /// A parker that nobody has woken.
    #[must_use]
    pub fn new() -> Parker {
        Parker::default()
    }

    /// Whether it was woken; takes the wake-up.
    pub(crate) fn take_notification(&self) -> bool {
        self.state
            .compare_exchange(NOTIFIED, EMPTY, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Sleeps until woken, nudged or the deadline has passed. Does not take a wake-up.
    pub(crate) fn park(&self, deadline_ns: Option<u64>) {
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        if self.change(NUDGED, EMPTY) || !self.change(EMPTY, PARKED) {
            return;
        }
        while self.state.load(Ordering::Acquire) == PARKED {
            let Some(deadline_ns) = deadline_ns else {
                gate = self
                    .condition
                    .wait(gate)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let now_ns = monotonic_ns();
            if now_ns >= deadline_ns {
                self.change(PARKED, EMPTY);
                return;
            }
            let rest = Duration::from_nanos(deadline_ns - now_ns);
            gate = self
                .condition
                .wait_timeout(gate, rest)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Ends [`Parker::park`], or the next one, without leaving a wake-up behind.
    pub(crate) fn nudge(&self) {
        let nudged = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| match state {
                PARKED => Some(EMPTY),
                EMPTY => Some(NUDGED),
                _ => None,
            });
        if nudged == Ok(PARKED) {
            self.ring();
        }
    }

    /// Says that this thread will sleep in `poll`, with `notifier` in its list. `false` when
    /// it was woken already.
    pub(crate) fn begin_leading(&self, notifier: Option<&Arc<Notifier>>) -> bool {
        if let Some(notifier) = notifier {
            let mut own = self.notifier.lock().unwrap_or_else(PoisonError::into_inner);
            if !own.as_ref().is_some_and(|own| Arc::ptr_eq(own, notifier)) {
                *own = Some(Arc::clone(notifier));
            }
        }
        self.change(NUDGED, EMPTY);
        self.change(EMPTY, LEADING)
    }

    /// Says that this thread is out of `poll`. `false` when it was woken meanwhile.
    pub(crate) fn end_leading(&self) -> bool {
        self.change(LEADING, EMPTY)
    }

    fn change(&self, from: u32, to: u32) -> bool {
        self.state
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    fn ring(&self) {
        drop(self.gate.lock().unwrap_or_else(PoisonError::into_inner));
        self.condition.notify_one();
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match self.state.swap(NOTIFIED, Ordering::AcqRel) {
            PARKED => self.ring(),
            LEADING => {
                let notifier = self.notifier.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(notifier) = notifier.as_ref() {
                    notifier.notify();
                }
            }
            _ => {}
        }
    }
}

//! The reactor: wakes tasks when descriptors of the host become ready.
//!
//! It has no thread. A thread that must wait calls [`Reactor::wait`]; the first such thread
//! leads: it sleeps in one `poll` over every registered descriptor and wakes whom it
//! concerns. The others sleep on their own [`Parker`]; when the leader leaves, it nudges one
//! of them, which then leads.
//!
//! ```text
//! Reactor::state (Mutex)          leader?, followers, registrations
//!   └─ Parker::gate (Mutex)       only while a follower is nudged
//! Parker::notifier (Mutex)        never together with the two above
//! ```
//!
//! **Invariant:** while anybody sleeps here, somebody leads or has been nudged to. Whoever
//! leaves [`Reactor::wait`] and finds no leader nudges a follower.
//!
//! `poll` rather than `epoll`: it needs no descriptor and no system call to set up, it takes
//! a deadline in nanoseconds, it takes regular files, and a program waits for a handful of
//! descriptors. The list is rebuilt for each `poll`, which costs about 10 ns a descriptor.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use std::os::fd::{AsFd, AsRawFd};

use holm_kernel::vfs::Interest;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::clock::{monotonic_ns, to_timespec};
use crate::descriptor::{Descriptor, events};
use crate::notifier::Notifier;
use crate::parker::Parker;

/// How long a leader sleeps at most when the host has no descriptor left for a notifier.
const WITHOUT_NOTIFIER_NS: u64 = 5_000_000;

static PROCESS: Reactor = Reactor::new();

/// The reactor of this process, which every stream of this crate registers with. Costs
/// nothing until something blocks.
#[must_use]
pub fn reactor() -> &'static Reactor {
    &PROCESS
}

/// Wakes tasks when descriptors become ready; see the module's documentation.
#[derive(Debug)]
pub struct Reactor {
    state: Mutex<State>,
    /// Made when somebody leads for the first time, or signals are to be caught.
    notifier: OnceLock<Arc<Notifier>>,
    interrupts: AtomicU32,
}

#[derive(Debug)]
struct State {
    led: bool,
    followers: Vec<Arc<Parker>>,
    registrations: Vec<Registration>,
    /// Interrupts that the followers have been told of.
    announced: u32,
}

/// Tasks to wake, once, when a descriptor is ready.
#[derive(Debug)]
struct Registration {
    descriptor: Descriptor,
    interest: Interest,
    wakers: Vec<Waker>,
}

impl Registration {
    fn is_for(&self, descriptor: &Descriptor, interest: Interest) -> bool {
        self.interest == interest
            && self.descriptor.as_fd().as_raw_fd() == descriptor.as_fd().as_raw_fd()
    }
}

impl Reactor {
    pub(crate) const fn new() -> Reactor {
        Reactor {
            state: Mutex::new(State {
                led: false,
                followers: Vec::new(),
                registrations: Vec::new(),
                announced: 0,
            }),
            notifier: OnceLock::new(),
            interrupts: AtomicU32::new(0),
        }
    }

    /// Sleeps until `parker` is woken, `deadline_ns` (on [`crate::NativeClock`]'s monotonic
    /// clock) has passed, or [`Reactor::interrupt`] was called since this parker's last
    /// wait. May also return for no reason: the caller looks at its own state again.
    pub fn wait(&self, parker: &Arc<Parker>, deadline_ns: Option<u64>) {
        while !self.is_over(parker, deadline_ns) {
            let mut state = self.lock();
            if state.led {
                state.followers.push(Arc::clone(parker));
                drop(state);
                // An interrupt before the push was announced to nobody; one after it nudges,
                // and so does a leader that leaves.
                if !self.is_interrupted(parker) {
                    parker.park(deadline_ns);
                }
                self.lock()
                    .followers
                    .retain(|other| !Arc::ptr_eq(other, parker));
            } else {
                state.led = true;
                drop(state);
                self.lead(parker, deadline_ns);
                self.lock().led = false;
            }
        }
        self.leave(parker);
    }

    /// Makes every thread in [`Reactor::wait`] return, and the next wait of every other
    /// thread. Async-signal-safe once [`Reactor::prepare`] was called: an atomic addition,
    /// an atomic exchange and one `write`.
    pub fn interrupt(&self) {
        self.interrupts.fetch_add(1, Ordering::AcqRel);
        if let Some(notifier) = self.notifier.get() {
            notifier.notify();
        }
    }

    /// Makes the notifier now, so that [`Reactor::interrupt`] finds it. Without it an
    /// interrupt still counts, but a thread that has begun to lead meanwhile may miss it.
    pub fn prepare(&self) {
        self.notifier();
    }

    /// Wakes `waker`, once, when `descriptor` is ready.
    pub(crate) fn register(&self, descriptor: &Descriptor, interest: Interest, waker: &Waker) {
        let mut state = self.lock();
        let known = state
            .registrations
            .iter_mut()
            .find(|one| one.is_for(descriptor, interest));
        match known {
            Some(one) => {
                if one.wakers.iter().any(|other| other.will_wake(waker)) {
                    return;
                }
                // The descriptor is in the leader's list already.
                one.wakers.push(waker.clone());
                return;
            }
            None => state.registrations.push(Registration {
                descriptor: descriptor.clone(),
                interest,
                wakers: vec![waker.clone()],
            }),
        }
        self.wake_leader(&state);
    }

    /// Forgets a descriptor about to be closed; whoever waits for it is woken and will find
    /// out.
    pub(crate) fn deregister(&self, descriptor: &Descriptor) {
        let number = descriptor.as_fd().as_raw_fd();
        let mut gone = Vec::new();
        {
            let mut state = self.lock();
            if state.registrations.is_empty() {
                return;
            }
            let one_of = |one: &mut Registration| one.descriptor.as_fd().as_raw_fd() == number;
            gone.extend(state.registrations.extract_if(.., one_of));
            if !gone.is_empty() {
                // It holds the descriptor open while it polls.
                self.wake_leader(&state);
            }
        }
        wake_all(gone);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notifier(&self) -> Option<&Arc<Notifier>> {
        if self.notifier.get().is_none() {
            let made = Arc::new(Notifier::new().ok()?);
            let _ = self.notifier.set(made);
        }
        self.notifier.get()
    }

    fn wake_leader(&self, state: &State) {
        if state.led
            && let Some(notifier) = self.notifier.get()
        {
            notifier.notify();
        }
    }

    fn is_interrupted(&self, parker: &Parker) -> bool {
        self.interrupts.load(Ordering::Acquire) != parker.interrupts_seen.load(Ordering::Relaxed)
    }

    /// Whether a wait ends now; takes what ended it.
    fn is_over(&self, parker: &Parker, deadline_ns: Option<u64>) -> bool {
        let interrupts = self.interrupts.load(Ordering::Acquire);
        let interrupted = parker.interrupts_seen.swap(interrupts, Ordering::Relaxed) != interrupts;
        parker.take_notification()
            || interrupted
            || deadline_ns.is_some_and(|deadline_ns| monotonic_ns() >= deadline_ns)
    }

    /// Drops what this wait left behind and hands leadership on.
    fn leave(&self, parker: &Arc<Parker>) {
        let own = Arc::as_ptr(parker).cast::<()>();
        let mut dropped = Vec::new();
        let mut state = self.lock();
        state.registrations.retain_mut(|one| {
            one.wakers.retain(|waker| !std::ptr::eq(waker.data(), own));
            let keep = !one.wakers.is_empty();
            if !keep {
                dropped.push(one.descriptor.clone());
            }
            keep
        });
        self.announce(&mut state);
        if !state.led {
            // It stays listed until it takes itself out: should it leave for a reason of its
            // own, the next one is nudged by it.
            if let Some(next) = state.followers.last() {
                next.nudge();
            }
        }
        drop(state);
        // The last holder closes a descriptor: not under the lock.
        drop(dropped);
    }

    /// Tells the followers of interrupts that they have not heard of.
    fn announce(&self, state: &mut State) {
        let interrupts = self.interrupts.load(Ordering::Acquire);
        if state.announced != interrupts {
            state.announced = interrupts;
            state.followers.iter().for_each(|follower| follower.nudge());
        }
    }

    /// Sleeps in `poll` for everybody until `parker`'s wait is over.
    fn lead(&self, parker: &Arc<Parker>, deadline_ns: Option<u64>) {
        let notifier = self.notifier().cloned();
        let mut watched: Vec<(Descriptor, Interest)> = Vec::new();
        let mut ready: Vec<bool> = Vec::new();
        while parker.begin_leading(notifier.as_ref()) {
            watched.clear();
            let mut state = self.lock();
            self.announce(&mut state);
            let registered = &state.registrations;
            watched.extend(
                registered
                    .iter()
                    .map(|one| (one.descriptor.clone(), one.interest)),
            );
            drop(state);
            let now_ns = monotonic_ns();
            let over = self.is_interrupted(parker)
                || deadline_ns.is_some_and(|deadline_ns| now_ns >= deadline_ns);
            if !over {
                let rest = deadline_ns.map(|deadline_ns| deadline_ns - now_ns);
                sleep(notifier.as_deref(), &watched, rest, &mut ready);
            }
            // Out of `poll`: waking ourselves below needs no notification.
            let quiet = parker.end_leading();
            if ready.contains(&true) {
                self.fire(&watched, &ready);
                ready.clear();
            }
            if !quiet || over {
                return;
            }
        }
    }

    /// Wakes the tasks of descriptors that are ready.
    fn fire(&self, watched: &[(Descriptor, Interest)], ready: &[bool]) {
        let mut fired = Vec::new();
        {
            let mut state = self.lock();
            let is_ready = |one: &mut Registration| {
                watched
                    .iter()
                    .zip(ready)
                    .any(|((descriptor, interest), ready)| {
                        *ready && one.is_for(descriptor, *interest)
                    })
            };
            fired.extend(state.registrations.extract_if(.., is_ready));
        }
        wake_all(fired);
    }
}

fn wake_all(registrations: Vec<Registration>) {
    for registration in registrations {
        for waker in registration.wakers {
            waker.wake();
        }
    }
}

/// One `poll`. Fills `ready`, one for each of `watched`; leaves it empty when nothing is.
fn sleep(
    notifier: Option<&Notifier>,
    watched: &[(Descriptor, Interest)],
    rest_ns: Option<u64>,
    ready: &mut Vec<bool>,
) {
    ready.clear();
    let mut fds = Vec::with_capacity(watched.len() + 1);
    fds.extend(
        watched
            .iter()
            .map(|(descriptor, interest)| PollFd::new(descriptor, events(*interest))),
    );
    if let Some(notifier) = notifier {
        fds.push(PollFd::new(notifier, PollFlags::IN));
    }
    let rest_ns = match notifier {
        Some(_) => rest_ns,
        None => Some(rest_ns.unwrap_or(u64::MAX).min(WITHOUT_NOTIFIER_NS)),
    };
    let timeout: Option<Timespec> = rest_ns.map(to_timespec);
    // An error is a signal, or a full kernel: the caller looks at everything again.
    if poll(&mut fds, timeout.as_ref()).unwrap_or(0) == 0 {
        return;
    }
    if let Some(notifier) = notifier
        && fds.pop().is_some_and(|last| !last.revents().is_empty())
    {
        notifier.drain();
    }
    ready.extend(fds.iter().map(|fd| !fd.revents().is_empty()));
}

#[cfg(test)]
mod tests;

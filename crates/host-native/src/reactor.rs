//! The reactor: wakes tasks when descriptors of the host become ready, and at a time.
//!
//! It has no thread of its own unless [`drive()`] starts one. A thread that must wait calls
//! [`Reactor::wait`]; the first such thread leads: it sleeps in one system call over every
//! registered descriptor and wakes whom it concerns. The others sleep on their own [`Parker`];
//! when the leader leaves, it nudges one of them, which then leads.
//!
//! ```text
//! Reactor::state (Mutex)          leader?, followers, registrations, alarms
//!   └─ Parker::gate (Mutex)       only while a follower is nudged
//! Parker::notifier (Mutex)        never together with the two above
//! ```
//!
//! **Invariant:** while anybody sleeps here, somebody leads or has been nudged to. Whoever
//! leaves [`Reactor::wait`] and finds no leader nudges a follower.
//!
//! **Invariant:** a waker that was registered is woken once or dropped once, and neither
//! while a lock is held.
//!
//! A program waits for a handful of descriptors, and for those the call is `poll`: it needs no
//! descriptor and no system call to set up, takes a deadline in nanoseconds, and takes regular
//! files. The list is rebuilt for each `poll`, about 10 ns a descriptor. Registrations that
//! stay in a long list, and all of them once a thread drives, go to an `epoll` instance
//! (`registry`), so that hundreds that are quiet cost nothing.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use std::os::fd::{AsFd, AsRawFd};

use holm_kernel::vfs::Interest;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub use self::alarm::Alarm;
use self::alarm::Alarms;
pub use self::drive::drive;
use self::registry::{Left, Registry};
use self::set::{Events, Set};
use crate::clock::{monotonic_ns, to_timespec};
use crate::descriptor::Descriptor;
use crate::notifier::Notifier;
use crate::parker::Parker;
use crate::wakers::wake_all;

mod alarm;
mod drive;
mod registry;
mod set;

/// How long a leader sleeps at most when the host has no descriptor left for a notifier.
const WITHOUT_NOTIFIER_NS: u64 = 5_000_000;
/// `epoll` counts in milliseconds (before Linux 5.11): shorter waits, and the rests of longer
/// ones, go through `poll`.
const MILLISECOND_NS: u64 = 1_000_000;
const COARSE_NS: u64 = 10 * MILLISECOND_NS;

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
    /// Set once a thread leads for ever.
    driven: OnceLock<()>,
}

#[derive(Debug)]
struct State {
    led: bool,
    followers: Vec<Arc<Parker>>,
    registry: Registry,
    alarms: Alarms,
    /// Interrupts that the followers have been told of.
    announced: u32,
}

impl Reactor {
    pub(crate) const fn new() -> Reactor {
        Reactor {
            state: Mutex::new(State {
                led: false,
                followers: Vec::new(),
                registry: Registry::new(),
                alarms: Alarms::new(),
                announced: 0,
            }),
            notifier: OnceLock::new(),
            interrupts: AtomicU32::new(0),
            driven: OnceLock::new(),
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

    /// Wakes `waker`, once, when `descriptor` is ready. To be called when it was not.
    pub(crate) fn register(&self, descriptor: &Descriptor, interest: Interest, waker: &Waker) {
        let mut state = self.lock();
        let registered = state.registry.add(descriptor, interest, waker);
        if registered.changed {
            self.wake_leader(&state);
        }
        drop(state);
        if let Some(evicted) = registered.evicted {
            evicted.wake();
        }
    }

    /// Forgets a descriptor about to be closed; whoever waits for it is woken and will find
    /// out.
    pub(crate) fn deregister(&self, descriptor: &Descriptor) {
        let mut left = Left::default();
        let mut state = self.lock();
        state
            .registry
            .remove(descriptor.as_fd().as_raw_fd(), &mut left);
        if !left.descriptors.is_empty() {
            // It holds the descriptor open while it polls.
            self.wake_leader(&state);
        }
        drop(state);
        wake_all(left.wakers);
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
        let mut left = Left::default();
        let mut state = self.lock();
        state
            .registry
            .remove_task(Arc::as_ptr(parker).cast(), &mut left);
        self.announce(&mut state);
        if !state.led {
            // It stays listed until it takes itself out: should it leave for a reason of its
            // own, the next one is nudged by it.
            if let Some(next) = state.followers.last() {
                next.nudge();
            }
        }
        drop(state);
        drop(left);
    }

    /// Tells the followers of interrupts that they have not heard of.
    fn announce(&self, state: &mut State) {
        let interrupts = self.interrupts.load(Ordering::Acquire);
        if state.announced != interrupts {
            state.announced = interrupts;
            state.followers.iter().for_each(|follower| follower.nudge());
        }
    }

    /// Sleeps for everybody until `parker`'s wait is over.
    fn lead(&self, parker: &Arc<Parker>, deadline_ns: Option<u64>) {
        let notifier = self.notifier().cloned();
        let mut watched: Vec<(Descriptor, PollFlags)> = Vec::new();
        let mut events = Events::default();
        while parker.begin_leading(notifier.as_ref()) {
            watched.clear();
            let mut state = self.lock();
            self.announce(&mut state);
            state.registry.list(&mut watched);
            let set = state.registry.set();
            let alarm_ns = state.alarms.first_ns();
            drop(state);
            let now_ns = monotonic_ns();
            let over = self.is_interrupted(parker)
                || deadline_ns.is_some_and(|deadline_ns| now_ns >= deadline_ns);
            events.ready.clear();
            if !over {
                let until_ns = [deadline_ns, alarm_ns].into_iter().flatten().min();
                let rest_ns = until_ns.map(|until_ns| until_ns.saturating_sub(now_ns));
                let notifier = notifier.as_deref();
                sleep(notifier, set.as_ref(), &watched, rest_ns, &mut events);
            }
            // Out of the call: waking ourselves below needs no notification.
            let quiet = parker.end_leading();
            // An alarm that was set meanwhile has ended the call, and is seen next time round.
            if alarm_ns.is_some() || !events.ready.is_empty() {
                self.fire(&events, alarm_ns.is_some());
            }
            if !quiet || over {
                return;
            }
        }
    }

    /// Wakes the tasks of descriptors that are ready, and of alarms that are due.
    fn fire(&self, events: &Events, has_alarms: bool) {
        let mut left = Left::default();
        let now_ns = if has_alarms { monotonic_ns() } else { 0 };
        let mut state = self.lock();
        for (number, seen) in &events.ready {
            state.registry.fire(*number, *seen, &mut left);
        }
        if has_alarms {
            state.alarms.ring(now_ns, &mut left.wakers);
        }
        drop(state);
        wake_all(left.wakers);
    }
}

/// Sleeps until something is ready, and says what in `events`.
fn sleep(
    notifier: Option<&Notifier>,
    set: Option<&Set>,
    watched: &[(Descriptor, PollFlags)],
    rest_ns: Option<u64>,
    events: &mut Events,
) {
    let rest_ns = match notifier {
        Some(_) => rest_ns,
        None => Some(rest_ns.unwrap_or(u64::MAX).min(WITHOUT_NOTIFIER_NS)),
    };
    if let (Some(set), Some(notifier), []) = (set, notifier, watched)
        && rest_ns.is_none_or(|rest_ns| rest_ns >= COARSE_NS)
        && set.watch_notifier(notifier)
    {
        let timeout = rest_ns.map(|rest_ns| to_timespec(rest_ns - rest_ns % MILLISECOND_NS));
        // An error is a full kernel: the caller looks at everything again.
        let _ = set.wait(events, timeout.as_ref());
        if events.notified {
            notifier.drain();
        }
        return;
    }
    poll_list(notifier, set, watched, rest_ns, events);
}

/// One `poll` over the list, the set and the notifier.
fn poll_list(
    notifier: Option<&Notifier>,
    set: Option<&Set>,
    watched: &[(Descriptor, PollFlags)],
    rest_ns: Option<u64>,
    events: &mut Events,
) {
    let mut fds = Vec::with_capacity(watched.len() + 2);
    fds.extend(
        watched
            .iter()
            .map(|(descriptor, flags)| PollFd::new(descriptor, *flags)),
    );
    fds.extend(set.map(|set| PollFd::new(set, PollFlags::IN)));
    fds.extend(notifier.map(|notifier| PollFd::new(notifier, PollFlags::IN)));
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
    if let Some(set) = set
        && fds.pop().is_some_and(|last| !last.revents().is_empty())
    {
        let _ = set.wait(events, Some(&to_timespec(0)));
    }
    let ready = watched.iter().zip(&fds);
    events.ready.extend(
        ready
            .filter(|(_, fd)| !fd.revents().is_empty())
            .map(|((descriptor, _), fd)| (descriptor.as_fd().as_raw_fd(), fd.revents())),
    );
}

#[cfg(test)]
mod tests;

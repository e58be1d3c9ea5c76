//! Alarms: tasks to wake at a time.

use std::collections::BTreeMap;
use std::task::Waker;

use super::Reactor;

/// A task that is woken at its time, unless this is dropped before.
#[must_use = "an alarm that is dropped does not ring"]
#[derive(Debug)]
pub struct Alarm<'r> {
    reactor: &'r Reactor,
    key: Key,
}

/// Orders alarms by time, then by age.
type Key = (u64, u64);

#[derive(Debug)]
pub(super) struct Alarms {
    waiting: BTreeMap<Key, Waker>,
    made: u64,
}

impl Alarms {
    pub(super) const fn new() -> Alarms {
        Alarms {
            waiting: BTreeMap::new(),
            made: 0,
        }
    }

    /// When the first one rings.
    pub(super) fn first_ns(&self) -> Option<u64> {
        self.waiting.keys().next().map(|(at_ns, _)| *at_ns)
    }

    /// Takes those out whose time has come, in their order.
    pub(super) fn ring(&mut self, now_ns: u64, due: &mut Vec<Waker>) {
        while let Some(first) = self.waiting.first_entry()
            && first.key().0 <= now_ns
        {
            due.push(first.remove());
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

impl Reactor {
    /// Wakes `waker`, once, when `deadline_ns` has passed, on the clock of
    /// [`Reactor::wait`]. Dropping the alarm before that drops the waker.
    ///
    /// Somebody must lead: a thread in [`Reactor::wait`] (the caller's own afterwards is
    /// enough), or the one that [`crate::drive`] starts. What is waited for so is bounded by
    /// whoever holds the alarms.
    pub fn wake_at(&self, deadline_ns: u64, waker: &Waker) -> Alarm<'_> {
        let waker = waker.clone();
        let mut state = self.lock();
        let first_ns = state.alarms.first_ns();
        state.alarms.made += 1;
        let key = (deadline_ns, state.alarms.made);
        state.alarms.waiting.insert(key, waker);
        if first_ns.is_none_or(|first_ns| deadline_ns < first_ns) {
            self.wake_leader(&state);
        }
        Alarm { reactor: self, key }
    }
}

impl Alarm<'_> {
    /// Whether it has rung: its task was woken.
    #[must_use]
    pub fn has_rung(&self) -> bool {
        !self.reactor.lock().alarms.waiting.contains_key(&self.key)
    }
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        // Dropping a waker may run anything: not under the lock.
        let waker = self.reactor.lock().alarms.waiting.remove(&self.key);
        drop(waker);
    }
}

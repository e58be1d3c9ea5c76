//! Wakers of tasks that wait for the same thing.

use std::task::Waker;

/// Most tasks that wait for one thing. One more is welcome, and the oldest is woken: it looks
/// again, and waits again if it must.
const WAITING_MAX: usize = 64;

/// Wakers, each task once.
#[derive(Debug, Default)]
pub(crate) struct Wakers(Vec<Waker>);

/// What became of a waker.
#[derive(Debug)]
pub(crate) enum Added {
    /// The task was there already.
    Known,
    /// It is there now.
    New,
    /// It is there now in place of this one, which is to be woken.
    Instead(Waker),
}

impl Wakers {
    pub(crate) const fn new() -> Wakers {
        Wakers(Vec::new())
    }

    /// Adds a task. Wake what comes back once no lock is held.
    pub(crate) fn add(&mut self, waker: &Waker) -> Added {
        if self.0.iter().any(|other| other.will_wake(waker)) {
            return Added::Known;
        }
        let oldest = (self.0.len() >= WAITING_MAX).then(|| self.0.remove(0));
        self.0.push(waker.clone());
        oldest.map_or(Added::New, Added::Instead)
    }

    /// Takes the wakers whose data is `task` out.
    pub(crate) fn remove(&mut self, task: *const (), removed: &mut Vec<Waker>) {
        removed.extend(
            self.0
                .extract_if(.., |waker| std::ptr::eq(waker.data(), task)),
        );
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Waker> {
        self.0.iter()
    }

    /// Takes all of them, to be woken.
    pub(crate) fn take(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.0)
    }
}

/// Wakes all. Not while a lock is held: a waker may run anything.
pub(crate) fn wake_all(wakers: Vec<Waker>) {
    for waker in wakers {
        waker.wake();
    }
}

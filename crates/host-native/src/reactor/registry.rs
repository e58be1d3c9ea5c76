//! What the reactor watches: descriptors, and the tasks to wake for each.
//!
//! A fresh registration stands in the *list*, which the leader gives to `poll` whole. One that
//! outlives a few polls among many others goes to the *set* (`epoll`), where it costs nothing
//! until it fires. A thread that asks about a thousand descriptors once never gets that far:
//! for it `poll` is the cheapest there is. A reactor with a thread of its own puts everything
//! in the set at once: there the registrations of other threads need not wake the leader.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::task::Waker;

use holm_kernel::vfs::Interest;
use rustix::event::PollFlags;

use super::set::Set;
use crate::descriptor::{Descriptor, events};
use crate::wakers::{Added, Wakers};

/// A list no longer than this stays with `poll`.
pub(super) const FEW: usize = 16;
/// Polls that a registration sees in the list before it goes to the set.
const POLLS: u8 = 3;

#[derive(Debug)]
pub(super) struct Registry {
    entries: BTreeMap<RawFd, Entry>,
    /// Which tasks wait where, by the data of their wakers.
    tasks: BTreeSet<(usize, RawFd)>,
    /// The entries in the list.
    listed: BTreeSet<RawFd>,
    set: Option<Set>,
    /// Whether registrations go to the set at once.
    driven: bool,
}

/// Tasks to wake, once, when a descriptor is ready.
#[derive(Debug)]
struct Entry {
    descriptor: Descriptor,
    read: Wakers,
    write: Wakers,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In the list, for this many polls.
    Listed(u8),
    /// In the list for good: the host has no set, or refuses this descriptor (a file).
    Refused,
    /// In the set.
    Set,
}

/// What a registration asks of the caller.
#[derive(Debug, Default)]
pub(super) struct Registered {
    /// Whether the leader must look at the list again.
    pub(super) changed: bool,
    /// A waker to wake now, without the lock.
    pub(super) evicted: Option<Waker>,
}

/// What left the registry: to be woken or dropped without the lock.
#[derive(Debug, Default)]
pub(super) struct Left {
    pub(super) wakers: Vec<Waker>,
    /// The last holder closes a descriptor: not under the lock.
    pub(super) descriptors: Vec<Descriptor>,
}

impl Entry {
    fn side(&mut self, interest: Interest) -> &mut Wakers {
        match interest {
            Interest::Read => &mut self.read,
            Interest::Write => &mut self.write,
        }
    }

    fn flags(&self) -> PollFlags {
        let mut flags = PollFlags::empty();
        if !self.read.is_empty() {
            flags |= events(Interest::Read);
        }
        if !self.write.is_empty() {
            flags |= events(Interest::Write);
        }
        flags
    }

    fn is_idle(&self) -> bool {
        self.read.is_empty() && self.write.is_empty()
    }
}

impl Registry {
    pub(super) const fn new() -> Registry {
        Registry {
            entries: BTreeMap::new(),
            tasks: BTreeSet::new(),
            listed: BTreeSet::new(),
            set: None,
            driven: false,
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.tasks.is_empty() && self.listed.is_empty()
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        let count = |entry: &Entry| entry.read.len() + entry.write.len();
        self.entries.values().map(count).sum()
    }

    #[cfg(test)]
    pub(super) fn in_set(&self) -> usize {
        let is_in = |entry: &&Entry| entry.place == Place::Set;
        self.entries.values().filter(is_in).count()
    }

    /// The set, for the leader to sleep on; `None` while nothing is in it.
    pub(super) fn set(&self) -> Option<Set> {
        (self.driven || self.listed.len() < self.entries.len())
            .then(|| self.set.clone())
            .flatten()
    }

    /// From now on registrations go to the set at once.
    pub(super) fn drive(&mut self) {
        self.set = self.set.take().or_else(Set::new);
        // Without a set (or descriptors to make one) the list does as well, and is slower.
        self.driven = self.set.is_some();
    }

    pub(super) fn add(
        &mut self,
        descriptor: &Descriptor,
        interest: Interest,
        waker: &Waker,
    ) -> Registered {
        let number = descriptor.as_fd().as_raw_fd();
        let entry = self.entries.entry(number).or_insert_with(|| {
            self.listed.insert(number);
            Entry {
                descriptor: descriptor.clone(),
                read: Wakers::new(),
                write: Wakers::new(),
                place: Place::Listed(0),
            }
        });
        let fresh = entry.side(interest).is_empty();
        let mut registered = Registered::default();
        match entry.side(interest).add(waker) {
            Added::Known => return registered,
            Added::New => {}
            Added::Instead(oldest) => registered.evicted = Some(oldest),
        }
        self.tasks.insert((task_of(waker), number));
        if let Some(oldest) = &registered.evicted {
            self.forget_task(task_of(oldest), number);
        }
        if fresh {
            registered.changed = !self.watch(number);
        }
        registered
    }

    /// Sees to it that what an entry waits for is watched. `false` when that takes a poll of
    /// the list.
    fn watch(&mut self, number: RawFd) -> bool {
        let Some(entry) = self.entries.get_mut(&number) else {
            return true;
        };
        let wanted = match entry.place {
            Place::Set => true,
            Place::Listed(polls) => self.driven || polls >= POLLS,
            Place::Refused => false,
        };
        if !wanted {
            return false;
        }
        if self.set.is_none() {
            self.set = Set::new();
        }
        let watched = self
            .set
            .as_ref()
            .is_some_and(|set| set.watch(&entry.descriptor, entry.flags()));
        entry.place = if watched { Place::Set } else { Place::Refused };
        if watched {
            self.listed.remove(&number);
        } else {
            self.listed.insert(number);
        }
        watched
    }

    /// Puts the list into `watched`; moves what has stood in a long one for a while.
    pub(super) fn list(&mut self, watched: &mut Vec<(Descriptor, PollFlags)>) {
        let long = self.listed.len() > FEW;
        let mut settled = Vec::new();
        for number in &self.listed {
            let Some(entry) = self.entries.get_mut(number) else {
                continue;
            };
            if let Place::Listed(polls) = &mut entry.place
                && long
            {
                *polls = polls.saturating_add(1);
                if *polls >= POLLS {
                    settled.push(*number);
                    continue;
                }
            }
            watched.push((entry.descriptor.clone(), entry.flags()));
        }
        for number in settled {
            if !self.watch(number)
                && let Some(entry) = self.entries.get(&number)
            {
                watched.push((entry.descriptor.clone(), entry.flags()));
            }
        }
    }

    /// Takes out the tasks that `seen` on a descriptor concerns.
    pub(super) fn fire(&mut self, number: RawFd, seen: PollFlags, left: &mut Left) {
        let Some(entry) = self.entries.get_mut(&number) else {
            return;
        };
        // Neither side is told apart when the connection is broken.
        let both = seen.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
        let from = left.wakers.len();
        for interest in [Interest::Read, Interest::Write] {
            if both || seen.intersects(events(interest)) {
                left.wakers.append(&mut entry.side(interest).take());
            }
        }
        for waker in &left.wakers[from..] {
            self.forget_task(task_of(waker), number);
        }
        self.settle(number, left);
        // The set told of it once and is silent until it is asked again.
        if let Some(entry) = self.entries.get(&number)
            && entry.place == Place::Set
        {
            self.watch(number);
        }
    }

    /// Takes a descriptor out that is about to be closed.
    pub(super) fn remove(&mut self, number: RawFd, left: &mut Left) {
        let Some(mut entry) = self.entries.remove(&number) else {
            return;
        };
        self.listed.remove(&number);
        left.wakers.append(&mut entry.read.take());
        left.wakers.append(&mut entry.write.take());
        for waker in &left.wakers {
            self.tasks.remove(&(task_of(waker), number));
        }
        left.descriptors.push(entry.descriptor);
    }

    /// Takes a task out of everything that it waits for.
    pub(super) fn remove_task(&mut self, task: *const (), left: &mut Left) {
        let number_of = task.addr();
        while let Some(&(_, number)) = self
            .tasks
            .range((number_of, RawFd::MIN)..=(number_of, RawFd::MAX))
            .next()
        {
            self.tasks.remove(&(number_of, number));
            if let Some(entry) = self.entries.get_mut(&number) {
                entry.read.remove(task, &mut left.wakers);
                entry.write.remove(task, &mut left.wakers);
            }
            self.settle(number, left);
        }
    }

    /// Forgets that a task waits for a descriptor, unless it does so still.
    fn forget_task(&mut self, task: usize, number: RawFd) {
        let stays = self.entries.get(&number).is_some_and(|entry| {
            let mut wakers = entry.read.iter().chain(entry.write.iter());
            wakers.any(|waker| task_of(waker) == task)
        });
        if !stays {
            self.tasks.remove(&(task, number));
        }
    }

    /// Takes an entry out that nobody waits for.
    fn settle(&mut self, number: RawFd, left: &mut Left) {
        if !self.entries.get(&number).is_some_and(Entry::is_idle) {
            return;
        }
        if let Some(entry) = self.entries.remove(&number) {
            self.listed.remove(&number);
            left.descriptors.push(entry.descriptor);
        }
    }
}

fn task_of(waker: &Waker) -> usize {
    waker.data().addr()
}

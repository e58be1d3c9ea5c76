//! The set: descriptors that the host watches by itself (`epoll`). Hosts without one poll.

#[cfg(target_os = "linux")]
pub(super) use self::linux::{Events, Set};
#[cfg(not(target_os = "linux"))]
pub(super) use self::none::{Events, Set};

#[cfg(target_os = "linux")]
mod linux {
    use std::mem::MaybeUninit;
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::event::epoll::{
        self, CreateFlags, Event, EventData, EventFlags, add, create, modify,
    };
    use rustix::event::{PollFlags, Timespec};
    use rustix::io::Errno as Host;

    use crate::descriptor::Descriptor;
    use crate::notifier::Notifier;

    /// What stands for the notifier among descriptors.
    const NOTIFIER: u64 = u64::MAX;
    /// Events taken at once; the rest comes with the next wait.
    const EVENTS: usize = 128;

    /// An epoll instance whose entries fire once.
    #[derive(Clone, Debug)]
    pub(crate) struct Set(Arc<Instance>);

    #[derive(Debug)]
    struct Instance {
        fd: OwnedFd,
        /// Whether the notifier is in it.
        has_notifier: AtomicBool,
    }

    /// What a wait on the set brought.
    #[derive(Default)]
    pub(crate) struct Events {
        /// Descriptors, and what is to be said of them.
        pub(crate) ready: Vec<(RawFd, PollFlags)>,
        pub(crate) notified: bool,
        /// Room for the next wait.
        room: Vec<Event>,
    }

    impl Set {
        /// `None` when the host has no descriptor left.
        pub(crate) fn new() -> Option<Set> {
            let fd = create(CreateFlags::CLOEXEC).ok()?;
            Some(Set(Arc::new(Instance {
                fd,
                has_notifier: AtomicBool::new(false),
            })))
        }

        /// Watches a descriptor, until it fires. `false` when it cannot be: a regular file,
        /// or the host's limit.
        pub(crate) fn watch(&self, descriptor: &Descriptor, flags: PollFlags) -> bool {
            let number = descriptor.as_fd().as_raw_fd();
            let Ok(data) = u64::try_from(number) else {
                return false;
            };
            let data = EventData::new_u64(data);
            let mut events = EventFlags::ONESHOT;
            events.set(EventFlags::IN, flags.contains(PollFlags::IN));
            events.set(EventFlags::OUT, flags.contains(PollFlags::OUT));
            let done = match modify(&self.0.fd, descriptor, data, events) {
                Err(Host::NOENT) => add(&self.0.fd, descriptor, data, events),
                other => other,
            };
            done.is_ok()
        }

        /// Lets the notifier end waits on the set.
        pub(crate) fn watch_notifier(&self, notifier: &Notifier) -> bool {
            if self.0.has_notifier.load(Ordering::Relaxed) {
                return true;
            }
            let data = EventData::new_u64(NOTIFIER);
            let added = add(&self.0.fd, notifier, data, EventFlags::IN).is_ok();
            self.0.has_notifier.store(added, Ordering::Relaxed);
            added
        }

        /// Waits until something fires or the time is over. `EINTR` brings nothing.
        pub(crate) fn wait(
            &self,
            events: &mut Events,
            timeout: Option<&Timespec>,
        ) -> Result<(), Host> {
            events.ready.clear();
            events.notified = false;
            events.room.clear();
            events.room.reserve(EVENTS);
            let room: &mut [MaybeUninit<Event>] = events.room.spare_capacity_mut();
            let fired = match epoll::wait(&self.0.fd, room, timeout) {
                Ok((fired, _)) => fired,
                Err(Host::INTR) => return Ok(()),
                Err(error) => return Err(error),
            };
            for event in fired {
                let (data, flags) = (event.data, event.flags);
                let Ok(number) = RawFd::try_from(data.u64()) else {
                    events.notified = true;
                    continue;
                };
                // The numbers of the flags are the same (`EPOLLIN` is `POLLIN`, and so on).
                let bits = u16::try_from(flags.bits() & 0x1f).unwrap_or(0);
                let seen = PollFlags::from_bits_truncate(bits);
                events.ready.push((number, seen));
            }
            Ok(())
        }
    }

    impl AsFd for Set {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.fd.as_fd()
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod none {
    use std::convert::Infallible;
    use std::os::fd::{AsFd, BorrowedFd, RawFd};

    use rustix::event::{PollFlags, Timespec};
    use rustix::io::Errno as Host;

    use crate::descriptor::Descriptor;
    use crate::notifier::Notifier;

    /// There is none: everything stays in the list.
    #[derive(Clone, Debug)]
    pub(crate) struct Set(Infallible);

    #[derive(Default)]
    pub(crate) struct Events {
        pub(crate) ready: Vec<(RawFd, PollFlags)>,
        pub(crate) notified: bool,
    }

    impl Set {
        pub(crate) fn new() -> Option<Set> {
            None
        }

        pub(crate) fn watch(&self, _descriptor: &Descriptor, _flags: PollFlags) -> bool {
            match self.0 {}
        }

        pub(crate) fn watch_notifier(&self, _notifier: &Notifier) -> bool {
            match self.0 {}
        }

        pub(crate) fn wait(
            &self,
            _events: &mut Events,
            _timeout: Option<&Timespec>,
        ) -> Result<(), Host> {
            match self.0 {}
        }
    }

    impl AsFd for Set {
        fn as_fd(&self) -> BorrowedFd<'_> {
            match self.0 {}
        }
    }
}

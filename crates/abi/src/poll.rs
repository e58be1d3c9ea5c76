//! Subscriptions and events of `poll_oneoff`.

use crate::{ClockId, Errno, Fd};

/// Something to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// A clock reaching a time.
    Clock {
        /// Given back with the event.
        user_data: u64,
        /// Which clock.
        clock: ClockId,
        /// Nanoseconds: from now, or a time on the clock when `absolute`.
        timeout_ns: u64,
        /// Whether `timeout_ns` is a time rather than a span.
        absolute: bool,
    },
    /// A descriptor with something to read.
    Read {
        /// Given back with the event.
        user_data: u64,
        /// Which descriptor.
        fd: Fd,
    },
    /// A descriptor with room to write.
    Write {
        /// Given back with the event.
        user_data: u64,
        /// Which descriptor.
        fd: Fd,
    },
    /// A subscription that could not be decoded: reported as an event with this errno, as
    /// WASI 0.1 wants, rather than failing the whole call.
    Bad {
        /// Given back with the event.
        user_data: u64,
        /// Which kind it claimed to be.
        kind: EventKind,
        /// What was wrong.
        errno: Errno,
    },
}

/// What an event is about (`eventtype` of WASI 0.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum EventKind {
    /// A clock.
    #[default]
    Clock = 0,
    /// Reading.
    Read = 1,
    /// Writing.
    Write = 2,
}

/// Something that happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// From the subscription.
    pub user_data: u64,
    /// What went wrong with the subscription, if anything.
    pub errno: Option<Errno>,
    /// What the event is about.
    pub kind: EventKind,
    /// Bytes that can be read or written; 0 when not known.
    pub bytes: u64,
    /// Whether the other side is gone.
    pub hangup: bool,
}

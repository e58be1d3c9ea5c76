//! Waiting for several things at once.

use std::task::{Poll, ready};

use holm_abi::{EVENTS_MAX, Errno, Event, EventKind, Subscription};
use holm_kernel::Task;

use crate::layout::{EVENT_SIZE, SUBSCRIPTION_SIZE};
use crate::{Answer, GuestMemory, layout};

/// How many subscriptions are decoded without an allocation.
const INLINE: usize = 16;

const UNUSED: Subscription = Subscription::Bad {
    user_data: 0,
    kind: EventKind::Clock,
    errno: Errno::Invalid,
};

const NO_EVENT: Event = Event {
    user_data: 0,
    errno: None,
    kind: EventKind::Clock,
    bytes: 0,
    hangup: false,
};

/// Waits until one of the subscriptions (48 bytes each) at `subscriptions` is due; writes
/// an event (32 bytes) for each that is to `events` and their number to `nevents`.
///
/// `EINVAL` for no subscription at all, which would wait forever, and for more than
/// `EVENTS_MAX`.
pub fn poll_oneoff<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    subscriptions: i32,
    events: i32,
    nsubscriptions: i32,
    nevents: i32,
) -> Answer {
    let count = nsubscriptions.cast_unsigned() as usize;
    if count == 0 || count > EVENTS_MAX {
        return Poll::Ready(Err(Errno::Invalid));
    }
    memory.check(nevents.cast_unsigned(), 4)?;
    let places = (subscriptions.cast_unsigned(), events.cast_unsigned());
    let due = if count <= INLINE {
        wait(
            task,
            memory,
            places,
            &mut [UNUSED; INLINE][..count],
            &mut [NO_EVENT; INLINE][..count],
        )
    } else {
        wait(
            task,
            memory,
            places,
            &mut vec![UNUSED; count],
            &mut vec![NO_EVENT; count],
        )
    };
    let due = ready!(due)?;
    Poll::Ready(memory.write(nevents.cast_unsigned(), &due.to_le_bytes()))
}

fn wait<M: GuestMemory + ?Sized>(
    task: &mut Task,
    memory: &mut M,
    (source, target): (u32, u32),
    subscriptions: &mut [Subscription],
    events: &mut [Event],
) -> Poll<Result<u32, Errno>> {
    let size =
        |record: usize| u32::try_from(subscriptions.len() * record).map_err(|_| Errno::Invalid);
    memory.check(target, size(EVENT_SIZE)?)?;
    memory.with(source, size(SUBSCRIPTION_SIZE)?, |bytes| {
        let (records, _) = bytes.as_chunks::<SUBSCRIPTION_SIZE>();
        for (decoded, record) in subscriptions.iter_mut().zip(records) {
            *decoded = layout::subscription(record);
        }
    })?;
    let due = ready!(task.poll_oneoff(subscriptions, events))?;
    for (at, event) in events.iter().take(due as usize).enumerate() {
        let offset = u32::try_from(at * EVENT_SIZE).map_err(|_| Errno::Invalid)?;
        memory.write(target + offset, &layout::event(event))?;
    }
    Poll::Ready(Ok(due))
}

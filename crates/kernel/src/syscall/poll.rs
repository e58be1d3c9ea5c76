//! Waiting for several things at once.

use std::task::Poll;

use holm_abi::{ClockId, EVENTS_MAX, Errno, Event, EventKind, Fd, Rights, Subscription};

use super::{count, done};
use crate::task::{SysResult, Task};
use crate::vfs::node::{Interest, Readiness, Result};

pub(crate) fn poll_oneoff(
    task: &mut Task,
    subscriptions: &[Subscription],
    events: &mut [Event],
) -> SysResult<u32> {
    if subscriptions.is_empty()
        || subscriptions.len() > EVENTS_MAX
        || events.len() < subscriptions.len()
    {
        return done(Err(Errno::Invalid));
    }
    let mut due = 0;
    let mut deadline = None;
    // Read once, and only when a clock is among the subscriptions.
    let mut now = None;
    for subscription in subscriptions {
        let event = match *subscription {
            Subscription::Clock {
                user_data,
                clock,
                timeout_ns,
                absolute,
            } => {
                let now = *now.get_or_insert_with(|| task.process.clock().monotonic_ns());
                match due_at(task, clock, timeout_ns, absolute, now) {
                    Err(errno) => Some(failed(user_data, EventKind::Clock, errno)),
                    Ok(at) if at <= now => Some(Event {
                        user_data,
                        kind: EventKind::Clock,
                        ..Event::default()
                    }),
                    Ok(at) => {
                        deadline = Some(deadline.map_or(at, |first: u64| first.min(at)));
                        None
                    }
                }
            }
            Subscription::Read { user_data, fd } => ready(task, user_data, fd, Interest::Read),
            Subscription::Write { user_data, fd } => ready(task, user_data, fd, Interest::Write),
            Subscription::Bad {
                user_data,
                kind,
                errno,
            } => Some(failed(user_data, kind, errno)),
        };
        if let Some(event) = event {
            events[due] = event;
            due += 1;
        }
    }
    if due > 0 {
        return done(count(due));
    }
    task.block_until(deadline, now);
    Poll::Pending
}

fn failed(user_data: u64, kind: EventKind, errno: Errno) -> Event {
    Event {
        user_data,
        errno: Some(errno),
        kind,
        ..Event::default()
    }
}

/// The time on the monotonic clock at which a clock subscription is due.
fn due_at(task: &Task, clock: ClockId, timeout_ns: u64, absolute: bool, now: u64) -> Result<u64> {
    match (clock, absolute) {
        (ClockId::Monotonic, true) => Ok(timeout_ns),
        (ClockId::Realtime, true) => {
            let left = timeout_ns.saturating_sub(task.process.clock().realtime_ns());
            Ok(now.saturating_add(left))
        }
        // From when the call was first made, however often it was retried since.
        (ClockId::Monotonic | ClockId::Realtime, false) => {
            Ok(task.call_began_or(now).saturating_add(timeout_ns))
        }
        (ClockId::ProcessCpu | ClockId::ThreadCpu, _) => Err(Errno::NotSupported),
    }
}

/// Whether one descriptor is ready.
pub(crate) fn poll_ready(task: &Task, fd: Fd, interest: Interest) -> SysResult<Readiness> {
    let entry = task.entry(fd)?;
    let directory = entry.open.place().is_ok();
    if !directory && !entry.rights.contains(Rights::POLL_FD_READWRITE) {
        return done(Err(Errno::NotCapable));
    }
    entry.open.readiness(interest, &task.waker)
}

fn ready(task: &Task, user_data: u64, fd: Fd, interest: Interest) -> Option<Event> {
    let kind = match interest {
        Interest::Read => EventKind::Read,
        Interest::Write => EventKind::Write,
    };
    match poll_ready(task, fd, interest) {
        Poll::Pending => None,
        Poll::Ready(Ok(ready)) => Some(Event {
            user_data,
            errno: None,
            kind,
            bytes: ready.bytes,
            hangup: ready.hangup,
        }),
        Poll::Ready(Err(errno)) => Some(failed(user_data, kind, errno)),
    }
}

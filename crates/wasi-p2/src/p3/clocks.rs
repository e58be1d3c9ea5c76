//! `wasi:clocks`: the clocks that the process was granted, and waiting for a time.

use std::future::poll_fn;
use std::task::Poll;

use holm_abi::ClockId;
use wasmtime::component::{Accessor, HasSelf};

use super::worker::Alarm;
use crate::bindings::p3::wasi::clocks::system_clock::Instant;
use crate::bindings::p3::wasi::clocks::{monotonic_clock, system_clock, types};
use crate::{State, ViewId};

const NS_PER_S: u64 = 1_000_000_000;

/// Nanoseconds since 1970 as `instant`.
pub(crate) fn instant(ns: u64) -> Instant {
    Instant {
        seconds: i64::try_from(ns / NS_PER_S).unwrap_or(i64::MAX),
        nanoseconds: u32::try_from(ns % NS_PER_S).unwrap_or(0),
    }
}

/// Waits for a time on the monotonic clock.
async fn wait_until(
    store: &Accessor<State, HasSelf<State>>,
    view: ViewId,
    when: u64,
) -> wasmtime::Result<()> {
    let mut alarm = store.with(|mut access| Alarm::new(access.get()));
    poll_fn(|context| {
        store.with(|mut access| {
            let state = access.get();
            state.guest.check_signal()?;
            if state.process(view).clock().monotonic_ns() >= when {
                return Poll::Ready(Ok(()));
            }
            alarm.set(when, context);
            Poll::Pending
        })
    })
    .await
}

impl types::Host for State {}

impl monotonic_clock::Host for State {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.time(ViewId::PROGRAM, ClockId::Monotonic)
    }

    fn get_resolution(&mut self) -> wasmtime::Result<u64> {
        self.resolution(ViewId::PROGRAM, ClockId::Monotonic)
    }
}

impl monotonic_clock::HostWithStore<State> for HasSelf<State> {
    async fn wait_until(store: &Accessor<State, Self>, when: u64) -> wasmtime::Result<()> {
        wait_until(store, ViewId::PROGRAM, when).await
    }

    async fn wait_for(store: &Accessor<State, Self>, duration: u64) -> wasmtime::Result<()> {
        let clock = ClockId::Monotonic;
        let now = store.with(|mut access| access.get().time(ViewId::PROGRAM, clock))?;
        wait_until(store, ViewId::PROGRAM, now.saturating_add(duration)).await
    }
}

impl system_clock::Host for State {
    fn now(&mut self) -> wasmtime::Result<Instant> {
        self.time(ViewId::PROGRAM, ClockId::Realtime).map(instant)
    }

    fn get_resolution(&mut self) -> wasmtime::Result<u64> {
        self.resolution(ViewId::PROGRAM, ClockId::Realtime)
    }
}

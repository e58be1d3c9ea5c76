//! `wasi:clocks`: the clocks that the process was granted.

use holm_abi::{ClockId, Errno};
use wasmtime::component::Resource;

use crate::bindings::p2::wasi::clocks::wall_clock::Datetime;
use crate::bindings::p2::wasi::clocks::{monotonic_clock, wall_clock};
use crate::{Pollable, State, ViewId};

const NS_PER_S: u64 = 1_000_000_000;

impl State {
    /// Time of a clock in nanoseconds.
    pub(crate) fn time(&mut self, view: ViewId, clock: ClockId) -> wasmtime::Result<u64> {
        let time = self.call(view, |task| task.clock_time_get(clock, 0))?;
        time.map_err(no_clock)
    }

    /// Step of a clock in nanoseconds.
    pub(crate) fn resolution(&mut self, view: ViewId, clock: ClockId) -> wasmtime::Result<u64> {
        let step = self.call(view, |task| task.clock_res_get(clock))?;
        step.map_err(no_clock)
    }

    /// Ready at a time of the monotonic clock.
    pub(crate) fn subscribe_until(
        &mut self,
        view: ViewId,
        when: u64,
    ) -> wasmtime::Result<Resource<Pollable>> {
        Ok(self.table.push(Pollable::Until(view, when))?)
    }

    /// Ready after a while.
    pub(crate) fn subscribe_for(
        &mut self,
        view: ViewId,
        duration: u64,
    ) -> wasmtime::Result<Resource<Pollable>> {
        let now = self.time(view, ClockId::Monotonic)?;
        self.subscribe_until(view, now.saturating_add(duration))
    }
}

fn no_clock(errno: Errno) -> wasmtime::Error {
    wasmtime::Error::msg(format!("the process has no such clock: {errno}"))
}

/// Nanoseconds as `datetime`.
pub(crate) fn datetime(ns: u64) -> Datetime {
    Datetime {
        seconds: ns / NS_PER_S,
        nanoseconds: u32::try_from(ns % NS_PER_S).unwrap_or(0),
    }
}

impl monotonic_clock::Host for State {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.time(ViewId::PROGRAM, ClockId::Monotonic)
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        State::resolution(self, ViewId::PROGRAM, ClockId::Monotonic)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<Pollable>> {
        self.subscribe_until(ViewId::PROGRAM, when)
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<Pollable>> {
        self.subscribe_for(ViewId::PROGRAM, duration)
    }
}

impl wall_clock::Host for State {
    fn now(&mut self) -> wasmtime::Result<Datetime> {
        self.time(ViewId::PROGRAM, ClockId::Realtime).map(datetime)
    }

    fn resolution(&mut self) -> wasmtime::Result<Datetime> {
        let step = State::resolution(self, ViewId::PROGRAM, ClockId::Realtime)?;
        Ok(datetime(step))
    }
}

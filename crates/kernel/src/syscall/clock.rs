//! Clocks and randomness.

use holm_abi::{ClockId, Errno};

use super::{count, done};
use crate::task::{SysResult, Task};

pub(crate) fn clock_res_get(task: &mut Task, clock: ClockId) -> SysResult<u64> {
    done(match clock {
        ClockId::Realtime | ClockId::Monotonic => Ok(task.process.clock().resolution_ns().max(1)),
        ClockId::ProcessCpu | ClockId::ThreadCpu => task
            .process
            .clock()
            .thread_cpu_ns()
            .map(|_| 1)
            .ok_or(Errno::Invalid),
    })
}

pub(crate) fn clock_time_get(task: &mut Task, clock: ClockId, _precision: u64) -> SysResult<u64> {
    let source = task.process.clock();
    done(match clock {
        ClockId::Realtime => Ok(source.realtime_ns()),
        ClockId::Monotonic => Ok(source.monotonic_ns()),
        // A process has one thread so far, so the two are one.
        ClockId::ProcessCpu | ClockId::ThreadCpu => source.thread_cpu_ns().ok_or(Errno::Invalid),
    })
}

pub(crate) fn random_get(task: &mut Task, buffer: &mut [u8]) -> SysResult<u32> {
    done(count(buffer.len()).and_then(|length| {
        task.process.kernel().entropy.fill(buffer)?;
        Ok(length)
    }))
}

//! Clocks a guest can read (`clockid` of WASI 0.1).

use core::fmt;

/// Which clock to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ClockId {
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    Realtime = 0,
    /// Nanoseconds since an arbitrary point; never goes back.
    Monotonic = 1,
    /// CPU time used by the process, in nanoseconds.
    ProcessCpu = 2,
    /// CPU time used by the calling thread, in nanoseconds.
    ThreadCpu = 3,
}

impl ClockId {
    /// The clock with this number; `None` when there is none.
    #[must_use]
    pub const fn from_raw(raw: u32) -> Option<ClockId> {
        Some(match raw {
            0 => ClockId::Realtime,
            1 => ClockId::Monotonic,
            2 => ClockId::ProcessCpu,
            3 => ClockId::ThreadCpu,
            _ => return None,
        })
    }

    /// The name used in traces.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ClockId::Realtime => "realtime",
            ClockId::Monotonic => "monotonic",
            ClockId::ProcessCpu => "process_cputime_id",
            ClockId::ThreadCpu => "thread_cputime_id",
        }
    }
}

impl fmt::Display for ClockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

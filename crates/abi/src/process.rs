//! How processes end, what is sent to them, and small results of their calls.

use core::fmt;

use crate::{Fd, RecvStatus};

/// A signal (`signal` of WASI 0.1; the subset with a meaning here).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Signal {
    /// No signal: asks whether a process exists.
    None = 0,
    /// The terminal hung up.
    Hangup = 1,
    /// Interrupt from the keyboard.
    Interrupt = 2,
    /// Quit from the keyboard.
    Quit = 3,
    /// The process ended itself abnormally.
    Abort = 6,
    /// Kill, which cannot be caught.
    Kill = 9,
    /// A pipe without a reader was written to.
    Pipe = 13,
    /// A timer ran out.
    Alarm = 14,
    /// A polite request to end.
    Terminate = 15,
    /// More CPU time was used than granted.
    CpuExceeded = 23,
}

impl Signal {
    /// The signal with this number; `None` when it has no meaning here.
    #[must_use]
    pub const fn from_raw(raw: u32) -> Option<Signal> {
        Some(match raw {
            0 => Signal::None,
            1 => Signal::Hangup,
            2 => Signal::Interrupt,
            3 => Signal::Quit,
            6 => Signal::Abort,
            9 => Signal::Kill,
            13 => Signal::Pipe,
            14 => Signal::Alarm,
            15 => Signal::Terminate,
            23 => Signal::CpuExceeded,
            _ => return None,
        })
    }

    /// The POSIX name: `"SIGINT"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Signal::None => "0",
            Signal::Hangup => "SIGHUP",
            Signal::Interrupt => "SIGINT",
            Signal::Quit => "SIGQUIT",
            Signal::Abort => "SIGABRT",
            Signal::Kill => "SIGKILL",
            Signal::Pipe => "SIGPIPE",
            Signal::Alarm => "SIGALRM",
            Signal::Terminate => "SIGTERM",
            Signal::CpuExceeded => "SIGXCPU",
        }
    }

    /// The number that a POSIX shell would add to 128 for it. WASI numbers some signals
    /// otherwise than Linux does; exit codes follow Linux.
    #[must_use]
    pub const fn posix_number(self) -> u8 {
        match self {
            Signal::CpuExceeded => 24,
            other => other as u8,
        }
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It returned or called `proc_exit` with this code.
    Exited(u32),
    /// A signal ended it.
    Signaled(Signal),
    /// It broke the rules of its machine: a trap.
    Trapped,
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitStatus::Exited(code) => write!(f, "exited with {code}"),
            ExitStatus::Signaled(signal) => write!(f, "ended by {}", signal.name()),
            ExitStatus::Trapped => f.write_str("trapped"),
        }
    }
}

/// Number and total size of a list of strings, each with a final NUL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListSizes {
    /// How many strings.
    pub count: u32,
    /// Bytes of all of them, NULs included.
    pub bytes: u32,
}

/// The two ends of a new pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PipeEnds {
    /// Where to read.
    pub read: Fd,
    /// Where to write.
    pub write: Fd,
}

/// What a receive brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes received.
    pub size: u32,
    /// What is to be said of them.
    pub status: RecvStatus,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

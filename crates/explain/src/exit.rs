//! Exit codes of `holm`, all of them. They are documented in `docs/exit-codes.md`.

use std::time::Duration;

use holm_abi::{ExitStatus, Limits, Signal};
use holm_package::units::format_duration;

/// The exit code of `holm` for a program that ended so.
///
/// The program itself ended with a code: that code is passed through, except that codes
/// above 255, which no Unix host can show, become 255.
#[must_use]
pub fn of(status: ExitStatus) -> u8 {
    match status {
        ExitStatus::Exited(code) => u8::try_from(code).unwrap_or(u8::MAX),
        ExitStatus::Signaled(Signal::Alarm) => TIMED_OUT,
        ExitStatus::Signaled(Signal::CpuExceeded) => CPU_EXCEEDED,
        ExitStatus::Signaled(signal) => 128 + signal.posix_number(),
        ExitStatus::Trapped => TRAPPED,
    }
}

/// `holm` could not do what it was asked for a reason of its own or of the host's.
pub const FAILED: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 2;
/// `--timeout` ran out, as with `timeout(1)`.
pub const TIMED_OUT: u8 = 124;
/// The app needs something that was not granted.
pub const NOT_GRANTED: u8 = 125;
/// The file is no program that can be run: no module, damaged, an unknown import, too large.
pub const NOT_RUNNABLE: u8 = 126;
/// There is no such file.
pub const NOT_FOUND: u8 = 127;
/// The program trapped: 128 and SIGABRT's number, as for a native program that crashes.
pub const TRAPPED: u8 = 134;
/// `--cpu` ran out: 128 and SIGXCPU's number.
pub const CPU_EXCEEDED: u8 = 152;

/// One sentence on why a limit ended a program, if one did.
#[must_use]
pub fn note(status: ExitStatus, limits: &Limits) -> Option<String> {
    let seconds = |ns: u64| format_duration(Duration::from_nanos(ns));
    match status {
        ExitStatus::Signaled(Signal::Alarm) => {
            Some(format!("timed out after {}", seconds(limits.wall_ns)))
        }
        ExitStatus::Signaled(Signal::CpuExceeded) => Some(format!(
            "used up its {} of CPU time",
            seconds(limits.cpu_ns)
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{ExitStatus, Limits, Signal, note, of};

    #[test]
    fn codes_are_those_of_the_page() {
        for (status, code) in [
            (ExitStatus::Exited(0), 0),
            (ExitStatus::Exited(7), 7),
            (ExitStatus::Exited(1000), 255),
            (ExitStatus::Signaled(Signal::Interrupt), 130),
            (ExitStatus::Signaled(Signal::Terminate), 143),
            (ExitStatus::Signaled(Signal::Alarm), 124),
            (ExitStatus::Signaled(Signal::CpuExceeded), 152),
            (ExitStatus::Trapped, 134),
        ] {
            assert_eq!(of(status), code, "{status}");
        }
    }
    #[test]
    fn only_a_limit_needs_a_note() {
        let limits = Limits {
            wall_ns: 1_500_000_000,
            ..Limits::default()
        };
        let timed_out = ExitStatus::Signaled(Signal::Alarm);
        assert_eq!(
            note(timed_out, &limits).as_deref(),
            Some("timed out after 1s500ms")
        );
        assert_eq!(note(ExitStatus::Signaled(Signal::Kill), &limits), None);
        assert_eq!(note(ExitStatus::Exited(1), &limits), None);
    }
}

//! Exit codes of `holm`, all of them. They are documented in `docs/exit-codes.md`.

use holm_os::abi::{ExitStatus, Signal};

/// The program itself ended with a code: that code is passed through, except that codes
/// above 255, which no Unix host can show, become 255.
pub(crate) fn of(status: ExitStatus) -> u8 {
    match status {
        ExitStatus::Exited(code) => u8::try_from(code).unwrap_or(u8::MAX),
        ExitStatus::Signaled(Signal::Alarm) => TIMED_OUT,
        ExitStatus::Signaled(Signal::CpuExceeded) => CPU_EXCEEDED,
        ExitStatus::Signaled(signal) => 128 + signal.posix_number(),
        ExitStatus::Trapped => TRAPPED,
    }
}

/// `holm` could not do what it was asked for a reason of its own or of the host's.
pub(crate) const FAILED: u8 = 1;
/// The command line is wrong.
pub(crate) const USAGE: u8 = 2;
/// `--timeout` ran out, as with `timeout(1)`.
pub(crate) const TIMED_OUT: u8 = 124;
/// The app needs something that was not granted.
pub(crate) const NOT_GRANTED: u8 = 125;
/// The file is no program that can be run: no module, damaged, an unknown import, too large.
pub(crate) const NOT_RUNNABLE: u8 = 126;
/// There is no such file.
pub(crate) const NOT_FOUND: u8 = 127;
/// The program trapped: 128 and SIGABRT's number, as for a native program that crashes.
pub(crate) const TRAPPED: u8 = 134;
/// `--cpu` ran out: 128 and SIGXCPU's number.
pub(crate) const CPU_EXCEEDED: u8 = 152;

#[cfg(test)]
mod tests {
    use super::{ExitStatus, Signal, of};

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
}

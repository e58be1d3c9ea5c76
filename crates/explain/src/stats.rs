//! What a run used, as a short table.

use std::cmp::Reverse;
use std::time::Duration;

use holm_abi::{ExitStatus, Syscall};
use holm_kernel::Usage;
use holm_package::units::format_size;

/// What a host measures of a run, beside what the kernel counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Time from start to end.
    pub wall: Duration,
    /// CPU time meanwhile.
    pub cpu: Duration,
    /// Time from asking for the program to running it.
    pub start: Duration,
    /// What code was run, such as `optimised, cached`.
    pub code: String,
    /// Most memory of the whole host process, in bytes.
    pub peak_resident_bytes: u64,
}

/// The lines of the table, without their ends.
#[must_use]
pub fn lines(status: ExitStatus, usage: &Usage, measured: &Measured) -> Vec<String> {
    let mut calls: Vec<(Syscall, u64)> = Syscall::ALL
        .iter()
        .map(|call| (*call, usage.calls(*call)))
        .filter(|(_, count)| *count > 0)
        .collect();
    calls.sort_by_key(|(call, count)| (Reverse(*count), *call));
    let total: u64 = calls.iter().map(|(_, count)| count).sum();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let mut lines = vec![
        format!("holm: {status}"),
        format!("  wall time     {:>12.3} ms", milliseconds(measured.wall)),
        format!("  CPU time      {:>12.3} ms", milliseconds(measured.cpu)),
        format!(
            "  start         {:>12.3} ms ({})",
            milliseconds(measured.start),
            measured.code
        ),
        format!(
            "  memory        {:>12} at most",
            format_size(usage.memory_peak_bytes())
        ),
        format!(
            "  resident      {:>12} at most, Holm included",
            format_size(measured.peak_resident_bytes)
        ),
        format!("  bytes in      {:>12}", usage.bytes_in()),
        format!("  bytes out     {:>12}", usage.bytes_out()),
        format!("  system calls  {total:>12}"),
    ];
    lines.extend(
        calls
            .into_iter()
            .map(|(call, count)| format!("    {count:>12}  {}", call.name())),
    );
    lines
}

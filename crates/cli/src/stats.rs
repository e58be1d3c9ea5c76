//! `--stats`: what a run used.

use holm_os::Finished;
use holm_os::abi::Syscall;
use holm_os::package::units::format_size;

/// Prints a short table on standard error.
pub(crate) fn print(finished: &Finished) {
    let usage = finished.process.usage();
    let mut calls: Vec<(Syscall, u64)> = Syscall::ALL
        .iter()
        .map(|call| (*call, usage.calls(*call)))
        .filter(|(_, count)| *count > 0)
        .collect();
    calls.sort_by_key(|(call, count)| (std::cmp::Reverse(*count), *call));
    let total: u64 = calls.iter().map(|(_, count)| count).sum();
    note!("holm: {}", finished.status);
    note!(
        "  wall time     {:>12.3} ms",
        finished.wall.as_secs_f64() * 1e3
    );
    note!(
        "  CPU time      {:>12.3} ms",
        finished.cpu.as_secs_f64() * 1e3
    );
    note!(
        "  start         {:>12.3} ms ({})",
        finished.start.as_secs_f64() * 1e3,
        finished.code
    );
    note!(
        "  memory        {:>12} at most",
        format_size(usage.memory_peak_bytes())
    );
    let resident = format_size(finished.peak_resident_bytes);
    note!("  resident      {resident:>12} at most, Holm included");
    note!("  bytes in      {:>12}", usage.bytes_in());
    note!("  bytes out     {:>12}", usage.bytes_out());
    note!("  system calls  {total:>12}");
    for (call, count) in calls {
        note!("    {count:>12}  {}", call.name());
    }
}

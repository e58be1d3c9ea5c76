//! What this process has used: CPU time, memory, page faults.

use rustix::time::{ClockId, clock_gettime};

use crate::clock::to_ns;
use crate::usage_unsafe::getrusage;

/// What this process has used since it started, all threads together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time in the program, in nanoseconds.
    pub user_ns: u64,
    /// CPU time in the host's kernel, in nanoseconds.
    pub system_ns: u64,
    /// Most memory that was resident at once, in bytes.
    pub peak_resident_bytes: u64,
    /// Pages that came from memory.
    pub minor_faults: u64,
    /// Pages that came from storage.
    pub major_faults: u64,
    /// Times that it gave up the CPU to wait.
    pub voluntary_switches: u64,
    /// Times that the CPU was taken from it.
    pub involuntary_switches: u64,
}

impl Usage {
    /// As of now: one system call.
    #[must_use]
    pub fn now() -> Usage {
        let raw = getrusage();
        let count = |value: libc::c_long| u64::try_from(value).unwrap_or(0);
        #[allow(
            clippy::useless_conversion,
            reason = "field types differ between hosts"
        )]
        let time_ns = |value: libc::timeval| {
            let microseconds = i64::from(value.tv_sec)
                .saturating_mul(1_000_000)
                .saturating_add(value.tv_usec.into());
            u64::try_from(microseconds)
                .unwrap_or(0)
                .saturating_mul(1000)
        };
        // Linux counts in KiB, Apple in bytes.
        let unit = if cfg!(target_vendor = "apple") {
            1
        } else {
            1024
        };
        Usage {
            user_ns: time_ns(raw.ru_utime),
            system_ns: time_ns(raw.ru_stime),
            peak_resident_bytes: count(raw.ru_maxrss).saturating_mul(unit),
            minor_faults: count(raw.ru_minflt),
            major_faults: count(raw.ru_majflt),
            voluntary_switches: count(raw.ru_nvcsw),
            involuntary_switches: count(raw.ru_nivcsw),
        }
    }

    /// CPU time of the whole process, to the nanosecond.
    #[must_use]
    pub fn process_cpu_ns() -> u64 {
        to_ns(clock_gettime(ClockId::ProcessCPUTime))
    }

    /// CPU time of the calling thread, to the nanosecond.
    #[must_use]
    pub fn thread_cpu_ns() -> u64 {
        to_ns(clock_gettime(ClockId::ThreadCPUTime))
    }
}

#[cfg(test)]
mod tests {
    use super::Usage;

    #[test]
    fn use_grows_and_has_plausible_units() {
        let before = Usage::thread_cpu_ns();
        let mut memory = vec![0_u8; 8 << 20];
        for (index, byte) in memory.iter_mut().enumerate() {
            *byte = u8::try_from(index % 251).expect("below 251");
        }
        let sum: u64 = memory.iter().map(|byte| u64::from(*byte)).sum();
        assert!(sum > 0);
        assert!(Usage::thread_cpu_ns() > before);
        assert!(Usage::process_cpu_ns() >= Usage::thread_cpu_ns());
        let usage = Usage::now();
        assert!(usage.peak_resident_bytes > 8 << 20, "{usage:?}");
        assert!(usage.peak_resident_bytes < 64 << 30, "{usage:?}");
        assert!(usage.minor_faults > 100, "{usage:?}");
    }
}

//! The host's clocks.

use std::sync::OnceLock;

use holm_kernel::port::Clock;
use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

const NS_PER_SECOND: u64 = 1_000_000_000;

/// Where the monotonic clock starts for guests: a second before its first reading in this
/// process, so that a guest learns nothing of how long the machine has been up.
static ORIGIN_NS: OnceLock<u64> = OnceLock::new();

/// Nanoseconds on the clock that deadlines are counted on ([`crate::Reactor::wait`]).
#[inline]
pub(crate) fn monotonic_ns() -> u64 {
    let now = to_ns(clock_gettime(ClockId::Monotonic));
    let origin = *ORIGIN_NS.get_or_init(|| now.saturating_sub(NS_PER_SECOND));
    now.saturating_sub(origin)
}

#[inline]
pub(crate) fn to_ns(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    #[allow(
        clippy::unnecessary_fallible_conversions,
        reason = "32-bit hosts count in i32"
    )]
    let rest = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(NS_PER_SECOND).saturating_add(rest)
}

pub(crate) fn to_timespec(time_ns: u64) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time_ns / NS_PER_SECOND).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(time_ns % NS_PER_SECOND).unwrap_or(0),
    }
}

/// The clocks of the host, read without a system call where the host allows it (vDSO).
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeClock;

impl Clock for NativeClock {
    #[inline]
    fn monotonic_ns(&self) -> u64 {
        monotonic_ns()
    }

    #[inline]
    fn realtime_ns(&self) -> u64 {
        to_ns(clock_gettime(ClockId::Realtime))
    }

    fn resolution_ns(&self) -> u64 {
        to_ns(clock_getres(ClockId::Monotonic)).max(1)
    }

    fn thread_cpu_ns(&self) -> Option<u64> {
        Some(to_ns(clock_gettime(ClockId::ThreadCPUTime)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{Clock, NativeClock, to_ns, to_timespec};

    #[test]
    fn the_monotonic_clock_never_goes_back_and_hides_uptime() {
        let clock = NativeClock;
        let mut last = clock.monotonic_ns();
        assert!(last < 3_600_000_000_000, "starts near zero: {last}");
        for _ in 0..10_000 {
            let now = clock.monotonic_ns();
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn the_real_clock_agrees_with_std() {
        let std_ns = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("after 1970");
        let difference = Duration::from_nanos(NativeClock.realtime_ns()).abs_diff(std_ns);
        assert!(difference < Duration::from_secs(5), "{difference:?}");
    }

    #[test]
    fn timespecs_convert_both_ways() {
        for time_ns in [0, 1, 999_999_999, 1_000_000_000, 1_700_000_000_123_456_789] {
            assert_eq!(to_ns(to_timespec(time_ns)), time_ns);
        }
    }
}

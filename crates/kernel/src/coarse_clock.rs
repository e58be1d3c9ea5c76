//! A clock with coarser steps than the one behind it.

use crate::port::Clock;

/// Step of a coarse clock in nanoseconds: too coarse to time a cache line, fine enough for a
/// time-out.
pub const COARSE_NS: u64 = 1_000_000;

/// A clock that ticks in steps, so that a guest cannot time what happens in between.
#[derive(Clone, Copy, Debug)]
pub struct CoarseClock<C> {
    inner: C,
    step_ns: u64,
}

impl<C: Clock> CoarseClock<C> {
    /// `inner`, rounded down to multiples of `step_ns` (at least its own resolution).
    pub fn new(inner: C, step_ns: u64) -> CoarseClock<C> {
        let step_ns = step_ns.max(inner.resolution_ns()).max(1);
        CoarseClock { inner, step_ns }
    }

    fn round(&self, time_ns: u64) -> u64 {
        time_ns - time_ns % self.step_ns
    }
}

impl<C: Clock> Clock for CoarseClock<C> {
    fn monotonic_ns(&self) -> u64 {
        self.round(self.inner.monotonic_ns())
    }

    fn realtime_ns(&self) -> u64 {
        self.round(self.inner.realtime_ns())
    }

    fn resolution_ns(&self) -> u64 {
        self.step_ns
    }

    fn thread_cpu_ns(&self) -> Option<u64> {
        self.inner
            .thread_cpu_ns()
            .map(|time_ns| self.round(time_ns))
    }

    fn jump_to(&self, deadline_ns: u64) -> bool {
        // To the step at which this clock has reached the deadline.
        self.inner.jump_to(
            deadline_ns
                .checked_next_multiple_of(self.step_ns)
                .unwrap_or(u64::MAX),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{COARSE_NS, CoarseClock};
    use crate::port::Clock;
    use crate::testkit::host::HandClock;

    #[test]
    fn coarse_times_are_multiples_of_the_step() {
        let hand = std::sync::Arc::new(HandClock::default());
        let clock = CoarseClock::new(hand.clone(), COARSE_NS);
        assert_eq!(clock.resolution_ns(), COARSE_NS);
        for passed_ns in [0, 1, 999_999, 1_000_001] {
            hand.advance_ns(passed_ns);
            assert_eq!(clock.monotonic_ns() % COARSE_NS, 0);
            assert_eq!(clock.realtime_ns() % COARSE_NS, 0);
            assert!(clock.monotonic_ns() <= hand.monotonic_ns());
        }
        assert!(CoarseClock::new(hand, 0).resolution_ns() >= 1);
    }
}

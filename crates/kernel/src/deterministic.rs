//! Deterministic mode: a clock and a randomness that depend on nothing but a seed.
//!
//! Two runs of one program with one seed, the same inputs and sorted directories
//! ([`crate::kernel::Options`]) make the same calls and get the same answers.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use holm_abi::Errno;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::port::{Clock, Entropy};

/// A clock that moves by one microsecond each time it is read, and to the end of a wait
/// when a host waits: nothing else moves it. It stops at the last time there is, to which a
/// program's wait without end leads.
#[derive(Debug)]
pub struct VirtualClock {
    now_ns: AtomicU64,
}

/// 2000-01-01T00:00:00Z, where the virtual wall clock starts.
const EPOCH_NS: u64 = 946_684_800_000_000_000;
const STEP_NS: u64 = 1_000;

impl VirtualClock {
    /// A clock at its start.
    #[must_use]
    pub fn new() -> VirtualClock {
        VirtualClock {
            now_ns: AtomicU64::new(0),
        }
    }
}

impl Default for VirtualClock {
    fn default() -> VirtualClock {
        VirtualClock::new()
    }
}

impl Clock for VirtualClock {
    fn monotonic_ns(&self) -> u64 {
        let step = |now: u64| Some(now.saturating_add(STEP_NS));
        match self
            .now_ns
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, step)
        {
            Ok(now) | Err(now) => now,
        }
    }

    fn realtime_ns(&self) -> u64 {
        EPOCH_NS.saturating_add(self.monotonic_ns())
    }

    fn resolution_ns(&self) -> u64 {
        STEP_NS
    }

    fn thread_cpu_ns(&self) -> Option<u64> {
        Some(self.now_ns.load(Ordering::Relaxed))
    }

    fn jump_to(&self, deadline_ns: u64) -> bool {
        self.now_ns.fetch_max(deadline_ns, Ordering::Relaxed);
        true
    }
}

/// Randomness from a seed: `ChaCha20`.
pub struct SeededEntropy {
    generator: Mutex<ChaCha20Rng>,
}

impl std::fmt::Debug for SeededEntropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeededEntropy").finish_non_exhaustive()
    }
}

impl SeededEntropy {
    /// The stream of bytes that belongs to `seed`.
    #[must_use]
    pub fn new(seed: u64) -> SeededEntropy {
        SeededEntropy {
            generator: Mutex::new(ChaCha20Rng::seed_from_u64(seed)),
        }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Errno> {
        crate::lock(&self.generator).fill_bytes(buffer);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{SeededEntropy, VirtualClock};
    use crate::port::{Clock, Entropy};

    #[test]
    fn a_seed_gives_one_stream() {
        let (mut one, mut two, mut other) = ([0; 16], [0; 16], [0; 16]);
        SeededEntropy::new(7).fill(&mut one).expect("seeded");
        SeededEntropy::new(7).fill(&mut two).expect("seeded");
        SeededEntropy::new(8).fill(&mut other).expect("seeded");
        assert_eq!(one, two);
        assert_ne!(one, other);
    }

    #[test]
    fn a_wait_moves_the_clock_and_never_back() {
        let clock = VirtualClock::new();
        assert!(clock.jump_to(5_000_000));
        assert!(clock.jump_to(1));
        assert_eq!(clock.monotonic_ns(), 5_000_000);
    }

    #[test]
    fn a_wait_without_end_leads_to_the_last_time() {
        let clock = VirtualClock::new();
        assert!(clock.jump_to(u64::MAX));
        assert_eq!(clock.monotonic_ns(), u64::MAX);
        assert_eq!(clock.monotonic_ns(), u64::MAX, "time does not begin anew");
        assert_eq!(clock.realtime_ns(), u64::MAX);
    }
}

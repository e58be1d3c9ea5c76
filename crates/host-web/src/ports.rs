//! The kernel's ports in a worker: its clocks and its randomness.

use holm_abi::Errno;
use holm_kernel::port::{Clock, Entropy};

use crate::event::{Event, Outside};
use crate::imports_unsafe;

/// Nanoseconds of a millisecond.
const NS_PER_MS: f64 = 1e6;

/// The worker's clocks.
#[derive(Debug)]
pub(crate) struct WebClock;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float becomes the nearest number that fits, which is what is wanted"
)]
fn nanoseconds(milliseconds: f64) -> u64 {
    // Whole microseconds: below them there is only the noise of the conversion.
    let microseconds = (milliseconds * (NS_PER_MS / 1e3)) as u64;
    microseconds.saturating_mul(1000)
}

impl Clock for WebClock {
    fn monotonic_ns(&self) -> u64 {
        nanoseconds(imports_unsafe::monotonic())
    }

    fn realtime_ns(&self) -> u64 {
        nanoseconds(imports_unsafe::realtime())
    }

    fn resolution_ns(&self) -> u64 {
        nanoseconds(imports_unsafe::resolution()).max(1000)
    }

    fn thread_cpu_ns(&self) -> Option<u64> {
        // A page is not told what its workers use. The time since its start is the most that
        // one of them can have used, and does for programs that compare two readings.
        let used = imports_unsafe::cpu();
        Some(if used >= 0.0 {
            nanoseconds(used)
        } else {
            self.monotonic_ns()
        })
    }
}

/// The worker's randomness.
#[derive(Debug)]
pub(crate) struct WebEntropy;

impl Entropy for WebEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Errno> {
        if imports_unsafe::entropy(buffer) {
            Ok(())
        } else {
            Err(Errno::Io)
        }
    }
}

/// The worker around this module.
#[derive(Debug)]
pub(crate) struct Worker;

impl Outside for Worker {
    fn tell(&self, event: &Event, bytes: &[u8]) {
        if let Ok(text) = serde_json::to_vec(event) {
            imports_unsafe::event(&text, bytes);
        }
    }

    fn now_ns(&self) -> Option<u64> {
        Some(WebClock.monotonic_ns())
    }

    fn cpu_ns(&self) -> Option<u64> {
        let milliseconds = imports_unsafe::cpu();
        (milliseconds >= 0.0).then(|| nanoseconds(milliseconds))
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float becomes the nearest number that fits, which is what is wanted"
    )]
    fn peak_resident_bytes(&self) -> u64 {
        imports_unsafe::peak_resident() as u64
    }
}

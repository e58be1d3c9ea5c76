//! Ports: what a host gives the kernel. The kernel reaches the world through these alone.

use std::fmt::Debug;

use holm_abi::Errno;

/// Time, from the host.
pub trait Clock: Debug + Send + Sync {
    /// Nanoseconds since an arbitrary point; never goes back.
    fn monotonic_ns(&self) -> u64;
    /// Nanoseconds since 1970-01-01T00:00:00Z; 0 before that.
    fn realtime_ns(&self) -> u64;
    /// Step of the two clocks above, in nanoseconds, at least 1.
    fn resolution_ns(&self) -> u64;
    /// CPU time that the calling thread has used, in nanoseconds. A host that cannot tell
    /// answers `None`.
    fn thread_cpu_ns(&self) -> Option<u64>;
    /// A clock that time does not move jumps to `deadline_ns` and answers `true`: a host
    /// asks before it waits. A real clock answers `false`.
    fn jump_to(&self, deadline_ns: u64) -> bool {
        let _ = deadline_ns;
        false
    }
}

/// Randomness of cryptographic quality, from the host.
pub trait Entropy: Debug + Send + Sync {
    /// Fills `buffer`.
    ///
    /// # Errors
    ///
    /// `EIO` when the host has no randomness to give.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Errno>;
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn monotonic_ns(&self) -> u64 {
        (**self).monotonic_ns()
    }
    fn realtime_ns(&self) -> u64 {
        (**self).realtime_ns()
    }
    fn resolution_ns(&self) -> u64 {
        (**self).resolution_ns()
    }
    fn thread_cpu_ns(&self) -> Option<u64> {
        (**self).thread_cpu_ns()
    }
    fn jump_to(&self, deadline_ns: u64) -> bool {
        (**self).jump_to(deadline_ns)
    }
}

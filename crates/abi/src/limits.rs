//! Bounds on everything a guest can ask for.

/// Longest path in bytes (POSIX `PATH_MAX` on Linux).
pub const PATH_MAX: usize = 4096;
/// Longest path component in bytes (POSIX `NAME_MAX` on Linux).
pub const NAME_MAX: usize = 255;
/// Most buffers in one vectored call (POSIX `IOV_MAX` on Linux).
pub const IOV_MAX: usize = 1024;
/// Most symbolic links followed in one walk (Linux: `MAXSYMLINKS`).
pub const SYMLINKS_MAX: u32 = 40;
/// Most bytes moved by one call: a larger request is a short one.
pub const TRANSFER_MAX: usize = 0x7fff_f000;
/// Most subscriptions in one poll.
pub const EVENTS_MAX: usize = 4096;
/// Most mount points, with the directories that lead to them, in one namespace.
pub const POINTS_MAX: usize = 4096;

/// What one process may use in total. Each is enforced where it is used; `u64::MAX` is
/// "no limit of Holm's own".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all linear memories and tables together.
    pub memory_bytes: u64,
    /// Open descriptors.
    pub descriptors: u32,
    /// Live processes below this one, itself included.
    pub processes: u32,
    /// CPU time in nanoseconds.
    pub cpu_ns: u64,
    /// Bytes written to descriptors.
    pub bytes_out: u64,
    /// Wall time in nanoseconds from start to end.
    pub wall_ns: u64,
}

impl Default for Limits {
    /// Wide enough for a compiler, finite where the host would suffer.
    fn default() -> Limits {
        Limits {
            memory_bytes: 4 << 30,
            descriptors: 1024,
            processes: 256,
            cpu_ns: u64::MAX,
            bytes_out: u64::MAX,
            wall_ns: u64::MAX,
        }
    }
}

impl Limits {
    /// The tighter of the two in every respect: a child never gets more than its parent has.
    #[must_use]
    pub fn and(self, other: Limits) -> Limits {
        Limits {
            memory_bytes: self.memory_bytes.min(other.memory_bytes),
            descriptors: self.descriptors.min(other.descriptors),
            processes: self.processes.min(other.processes),
            cpu_ns: self.cpu_ns.min(other.cpu_ns),
            bytes_out: self.bytes_out.min(other.bytes_out),
            wall_ns: self.wall_ns.min(other.wall_ns),
        }
    }
}

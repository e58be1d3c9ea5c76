//! A file as `stat` tells it apart: what lets a warm start skip reading the program.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How much older than now a file's change time must be before its identity can stand for its
/// content. File systems stamp times with a clock that ticks every 1 to 10 ms, so a file changed
/// twice within a tick looks the same both times (git calls this "racily clean").
const SETTLED_AFTER: Duration = Duration::from_millis(100);

/// What `stat` says about a file, enough to notice any change of its content.
///
/// `changed_ns` (ctime) cannot be set back by a user, so it notices even a change that restores
/// size and modification time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatIdentity {
    pub device: u64,
    pub inode: u64,
    /// In bytes.
    pub size: u64,
    /// Modification time, nanoseconds since the epoch.
    pub modified_ns: i64,
    /// Change time (ctime), nanoseconds since the epoch.
    pub changed_ns: i64,
}

impl StatIdentity {
    /// The identity of the file that `metadata` describes.
    pub fn of(metadata: &Metadata) -> StatIdentity {
        StatIdentity {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether a change made at `now` or later is sure to show in the identity.
    pub fn is_settled(&self, now: SystemTime) -> bool {
        let Ok(since_epoch) = now.duration_since(UNIX_EPOCH) else {
            return false;
        };
        let changed = u64::try_from(self.changed_ns).map(Duration::from_nanos);
        changed.is_ok_and(|changed| changed.saturating_add(SETTLED_AFTER) <= since_epoch)
    }

    /// How long to wait until [`StatIdentity::is_settled`] holds; none when it already does, or
    /// when the file's clock is so far off that waiting would not help.
    pub(crate) fn settles_in(&self, now: SystemTime) -> Option<Duration> {
        if self.is_settled(now) {
            return None;
        }
        let changed = UNIX_EPOCH + Duration::from_nanos(u64::try_from(self.changed_ns).ok()?);
        let wait = (changed + SETTLED_AFTER).duration_since(now).ok()?;
        (wait <= 2 * SETTLED_AFTER).then_some(wait)
    }
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settled_needs_a_tenth_of_a_second() {
        let identity = StatIdentity {
            device: 1,
            inode: 2,
            size: 3,
            modified_ns: 0,
            changed_ns: 5_000_000_000,
        };
        let at = |milliseconds| UNIX_EPOCH + Duration::from_millis(milliseconds);
        assert!(!identity.is_settled(at(5_000)));
        assert!(!identity.is_settled(at(5_099)));
        assert!(identity.is_settled(at(5_100)));
        assert!(!identity.is_settled(at(0)), "a file from the future");
        assert_eq!(
            identity.settles_in(at(5_040)),
            Some(Duration::from_millis(60))
        );
        assert_eq!(identity.settles_in(at(5_100)), None);
        assert_eq!(identity.settles_in(at(0)), None, "no use in waiting");
    }
}

//! Places, of which there are only so many: for connections, for requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One that is taken; it is free again when this is dropped.
pub(super) struct Place(Arc<AtomicUsize>);

impl Place {
    /// Takes one of `max`, unless all are taken.
    pub(super) fn take(taken: &Arc<AtomicUsize>, max: usize) -> Option<Place> {
        let took = taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
            (count < max).then_some(count + 1)
        });
        took.ok().map(|_| Place(taken.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

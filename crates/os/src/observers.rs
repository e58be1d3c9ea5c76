//! Several observers of one process, as one.

use std::sync::Arc;

use holm_kernel::{Observer, Process, TraceEvent};

/// Passes each event on to all of them, in order.
#[derive(Debug)]
pub(crate) struct Observers(Vec<Arc<dyn Observer>>);

impl Observers {
    /// Nobody, the one, or all as one.
    pub(crate) fn one_of(mut all: Vec<Arc<dyn Observer>>) -> Option<Arc<dyn Observer>> {
        if all.len() > 1 {
            return Some(Arc::new(Observers(all)));
        }
        all.pop()
    }
}

impl Observer for Observers {
    fn started(&self, process: &Process) {
        for observer in &self.0 {
            observer.started(process);
        }
    }

    fn completed(&self, event: &TraceEvent<'_>) {
        for observer in &self.0 {
            observer.completed(event);
        }
    }
}

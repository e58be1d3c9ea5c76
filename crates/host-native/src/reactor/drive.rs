//! A thread that leads for ever, for tasks that no waiting thread stands behind.

use std::io;
use std::sync::Arc;
use std::thread;

use super::{Reactor, reactor};
use crate::parker::Parker;

/// Sees to it that the reactor of this process always has a leader: wakers that futures
/// registered fire, and alarms ring, though no thread is in [`Reactor::wait`]. Starts a thread
/// the first time, which stays; later calls cost an atomic load.
///
/// A host that runs programs on threads that wait does not need it, and is faster without: a
/// thread that waits leads, and is not woken by another one.
///
/// # Errors
///
/// The host has no thread to give.
pub fn drive() -> io::Result<()> {
    reactor().drive()
}

impl Reactor {
    pub(crate) fn drive(&'static self) -> io::Result<()> {
        if self.driven.get().is_some() {
            return Ok(());
        }
        // Made under the lock: two first callers start one thread.
        let mut state = self.lock();
        if self.driven.get().is_some() {
            return Ok(());
        }
        thread::Builder::new()
            .name(String::from("holm-reactor"))
            .stack_size(256 << 10)
            .spawn(|| {
                let parker = Arc::new(Parker::new());
                loop {
                    // Interrupts and stray wake-ups end a wait.
                    self.wait(&parker, None);
                }
            })?;
        state.registry.drive();
        // Whoever leads now sleeps without the set.
        self.wake_leader(&state);
        drop(state);
        let _ = self.driven.set(());
        Ok(())
    }
}

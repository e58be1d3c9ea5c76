//! Interrupts: SIGINT, SIGTERM and SIGHUP of this process.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use holm_abi::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::emulate_default_handler;

use crate::error::SignalsError;
use crate::interrupt_unsafe::{is_ignored, register};
use crate::reactor::{Reactor, reactor};

/// Catches SIGINT, SIGTERM and SIGHUP while it lives.
///
/// The first one is remembered, handed to the closure, and ends every
/// [`Reactor::wait`]. The same signal again before [`Interrupts::acknowledge`] has its
/// default effect: a program that does not stop can always be stopped. A signal that was
/// ignored when this process started (`nohup`) stays ignored. No thread is involved.
pub struct Interrupts {
    shared: Arc<Shared>,
}

struct Shared {
    active: AtomicBool,
    /// The signal that came and was not acknowledged; 0 when none.
    received: AtomicI32,
    reactor: &'static Reactor,
    on_signal: Box<dyn Fn(Signal) + Send + Sync>,
}

impl Interrupts {
    /// Catches the signals from now on.
    ///
    /// `on_signal` runs inside the signal handler, on whichever thread the host picks: it
    /// may do no more than a handler may (atomics, `write`; no lock, no allocation).
    ///
    /// # Errors
    ///
    /// [`SignalsError`] when the host refuses.
    pub fn install(
        on_signal: impl Fn(Signal) + Send + Sync + 'static,
    ) -> Result<Interrupts, SignalsError> {
        let reactor = reactor();
        reactor.prepare();
        let shared = Arc::new(Shared {
            active: AtomicBool::new(true),
            received: AtomicI32::new(0),
            reactor,
            on_signal: Box::new(on_signal),
        });
        for number in [SIGINT, SIGTERM, SIGHUP] {
            if is_ignored(number) {
                continue;
            }
            let shared = Arc::clone(&shared);
            register(number, move || shared.handle(number))
                .map_err(|source| SignalsError { source })?;
        }
        Ok(Interrupts { shared })
    }

    /// The signal that came first and was not acknowledged yet.
    #[must_use]
    pub fn received(&self) -> Option<Signal> {
        signal(self.shared.received.load(Ordering::Acquire))
    }

    /// Says that the signal was dealt with: the next one is a first one again.
    pub fn acknowledge(&self) -> Option<Signal> {
        signal(self.shared.received.swap(0, Ordering::AcqRel))
    }
}

fn signal(number: i32) -> Option<Signal> {
    match number {
        SIGINT => Some(Signal::Interrupt),
        SIGTERM => Some(Signal::Terminate),
        SIGHUP => Some(Signal::Hangup),
        _ => None,
    }
}

impl Shared {
    /// The handler: async-signal-safe.
    fn handle(&self, number: i32) {
        if !self.active.load(Ordering::Acquire) {
            let _ = emulate_default_handler(number);
            return;
        }
        let first = self
            .received
            .compare_exchange(0, number, Ordering::AcqRel, Ordering::Acquire);
        if first == Err(number) {
            let _ = emulate_default_handler(number);
            return;
        }
        if let Some(signal) = signal(number) {
            (self.on_signal)(signal);
        }
        self.reactor.interrupt();
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        // The handler stays, and does what would have happened without it.
        self.shared.active.store(false, Ordering::Release);
    }
}

impl fmt::Debug for Interrupts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupts")
            .field("received", &self.received())
            .finish_non_exhaustive()
    }
}

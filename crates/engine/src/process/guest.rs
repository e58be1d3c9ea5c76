//! What every store holds for its guest: who calls, who waits, and how much it may use.

use std::sync::Arc;

use holm_abi::Signal;
use holm_kernel::{Interrupt, Process, Task};
use wasmtime::{Engine, ResourceLimiter, Store, UpdateDeadline, WasmBacktrace};

use super::{Blocker, Stop, Unwind};
use crate::limits::{BudgetLimiter, MemoryBudget, StoreBounds};

/// A guest's side of its process.
#[derive(Debug)]
pub struct Guest {
    /// The task that the guest's calls are made on.
    pub task: Task,
    blocker: Arc<dyn Blocker>,
    limiter: BudgetLimiter<ProcessBudget>,
    /// A backtrace of nothing: an error that carries one makes Wasmtime take no other.
    no_backtrace: Option<WasmBacktrace>,
}

impl Guest {
    /// For the process of `task`.
    #[must_use]
    pub fn new(task: Task, blocker: Arc<dyn Blocker>, bounds: StoreBounds) -> Guest {
        let budget = ProcessBudget(task.process().clone());
        Guest {
            task,
            blocker,
            limiter: BudgetLimiter::new(budget, bounds),
            no_backtrace: None,
        }
    }

    /// Says that instantiation is over: growth that does not fit fails softly from now on.
    pub fn started(&mut self) {
        self.limiter.started();
    }

    /// Waits until the pending call is worth making again.
    ///
    /// # Errors
    ///
    /// [`Unwind`] when the process was killed meanwhile.
    #[cold]
    pub fn block(&mut self) -> wasmtime::Result<()> {
        if self.blocker.block(&mut self.task) == Err(Stop) {
            self.task.process().kill(Signal::Kill);
        }
        self.check_signal()
    }

    /// Leaves the guest when it was killed.
    ///
    /// # Errors
    ///
    /// [`Unwind`].
    #[inline]
    pub fn check_signal(&mut self) -> wasmtime::Result<()> {
        match self.task.process().signaled() {
            Some(_) => Err(self.unwind()),
            None => Ok(()),
        }
    }

    /// The error that leaves the guest. Wasmtime walks the guest's whole stack for a
    /// backtrace unless the error brings one.
    #[cold]
    pub fn unwind(&mut self) -> wasmtime::Error {
        let error = wasmtime::Error::from(Unwind);
        match self.no_backtrace.take() {
            Some(backtrace) => error.context(backtrace),
            None => error,
        }
    }

    /// Ties a store to the process of its guest: memory is charged to it, and a kill stops
    /// compiled code. The epoch is the engine's, not the store's: it moves when any process of
    /// the engine is killed, and this one goes on unless it was the one.
    pub fn attach<T: 'static>(store: &mut Store<T>, guest: fn(&mut T) -> &mut Guest) {
        store.limiter(move |state| -> &mut dyn ResourceLimiter { &mut guest(state).limiter });
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |mut context| {
            guest(context.data_mut()).check_signal()?;
            Ok(UpdateDeadline::Continue(1))
        });
        // No guest is on the stack, so this walks nothing.
        let nothing = WasmBacktrace::capture(&*store);
        let engine = store.engine().clone();
        let guest = guest(store.data_mut());
        guest.no_backtrace = Some(nothing);
        let process = guest.task.process();
        process.set_interrupt(Arc::new(EpochInterrupt { engine }));
    }
}

/// A process's memory limit as the store's budget: what is refused is noted in the kernel.
#[derive(Debug)]
struct ProcessBudget(Arc<Process>);

impl MemoryBudget for ProcessBudget {
    fn try_grow(&self, bytes: usize) -> bool {
        u64::try_from(bytes).is_ok_and(|bytes| self.0.grow_memory(bytes))
    }

    fn shrink(&self, bytes: usize) {
        self.0
            .shrink_memory(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    fn limit(&self) -> Option<usize> {
        match self.0.limits().memory_bytes {
            u64::MAX => None,
            limit => usize::try_from(limit).ok(),
        }
    }
}

/// Stops a guest in a compute loop: compiled code looks at the epoch in every loop.
#[derive(Debug)]
struct EpochInterrupt {
    engine: Engine,
}

impl Interrupt for EpochInterrupt {
    fn interrupt(&self) {
        self.engine.increment_epoch();
    }
}

//! Running a program as a process of the kernel: from its imports to how it ended.

mod guest;
mod imports;
mod invoke;
mod start_error;

use std::fmt::Debug;
use std::sync::Arc;

use holm_abi::{ExitStatus, Signal};
use holm_kernel::{Process, Task};
use wasmtime::{AsContextMut, Instance, Memory, Module, Store, Trap, WasmBacktrace};

use crate::limits::{LimitError, StoreBounds};

pub use guest::Guest;
pub use invoke::ArgumentError;
pub use start_error::{StartError, marked};

/// Waits for what a process waits for. The host gives one: this crate has no clock and no
/// threads to wait with.
pub trait Blocker: Debug + Send + Sync {
    /// Waits until the task was woken through its waker, or until its
    /// [`deadline`](Task::deadline) has passed. May return early: the call is then made
    /// again, and waits again.
    ///
    /// # Errors
    ///
    /// [`Stop`] when the host will not wait any longer: the process is then killed.
    fn block(&self, task: &mut Task) -> Result<(), Stop>;
}

/// The host refuses to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop;

/// Carries a process out of its guest: it has ended, or is to end, and the kernel knows how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the process has ended")]
pub struct Unwind;

/// What to run of a program.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// The command: `_start`.
    Command,
    /// One exported function, after `_initialize` where there is one.
    Invoke {
        /// Name of the export, or a call of it: `add(2, 3)`.
        name: &'a str,
        /// Its arguments as text, read by the types of its parameters; none beside a call.
        arguments: &'a [String],
    },
}

/// How to run a program.
#[derive(Debug)]
pub struct RunOptions<'a> {
    /// What to run.
    pub entry: Entry<'a>,
    /// Who waits when a call would block.
    pub blocker: Arc<dyn Blocker>,
    /// Bounds of the store beside the process's own memory limit.
    pub bounds: StoreBounds,
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// It returned (0) or called `proc_exit` with this code.
    Exited(u32),
    /// A signal ended it.
    Signaled(Signal),
    /// It trapped: for [`explain_trap`](crate::explain_trap).
    Trapped {
        /// What Wasmtime says.
        error: wasmtime::Error,
        /// What was running.
        during: Phase,
    },
    /// It did not start.
    FailedToStart(StartError),
}

impl Outcome {
    /// As the kernel and a parent see it.
    #[must_use]
    pub fn status(&self) -> ExitStatus {
        match self {
            Outcome::Exited(code) => ExitStatus::Exited(*code),
            Outcome::Signaled(signal) => ExitStatus::Signaled(*signal),
            Outcome::Trapped { .. } => ExitStatus::Trapped,
            Outcome::FailedToStart(_) => ExitStatus::Exited(CANNOT_START),
        }
    }

    /// What an error out of a guest says about its end. A process that exited has its status
    /// already; one that was killed may come out by any way.
    #[must_use]
    pub fn of_error(process: &Process, error: wasmtime::Error, during: Phase) -> Outcome {
        match (process.status(), process.signaled()) {
            (Some(ExitStatus::Exited(code)), _) if error.is::<Unwind>() => Outcome::Exited(code),
            (_, Some(signal)) if is_interruption(&error) => Outcome::Signaled(signal),
            _ => Outcome::Trapped { error, during },
        }
    }

    /// What an error of instantiation says: the guest's own code or segments may have failed,
    /// or the host while it made memories, tables and instance.
    #[must_use]
    pub fn of_instantiation(process: &Process, error: wasmtime::Error) -> Outcome {
        if ran_guest_code(&error) {
            Outcome::of_error(process, error, Phase::Instantiation)
        } else {
            Outcome::FailedToStart(refused(error))
        }
    }
}

/// What was running when a program trapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Instantiation: data and element segments, the start function.
    Instantiation,
    /// `_initialize` of a reactor.
    Initialisation,
    /// `_start`, or the invoked function.
    Entry,
}

/// A run that is over.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// What the invoked function returned, as text.
    pub results: Vec<String>,
    /// The guest's memories, for a core dump. Dropping it gives them back.
    pub store: Store<ProcessState>,
}

/// What a store holds for the module that runs in it.
#[derive(Debug)]
pub struct ProcessState {
    pub(crate) guest: Guest,
    /// Found at the first call; see [`crate::p1`].
    pub(crate) memory: Option<Memory>,
    /// Made for a program that imports its memory.
    pub(crate) imported_memory: Option<Memory>,
}

impl ProcessState {
    /// The task that the guest's calls are made on.
    #[must_use]
    pub fn task(&self) -> &Task {
        &self.guest.task
    }
}

/// Runs a program as the process of `task` until it ends, on the calling thread, and records
/// its end in the kernel.
///
/// The module's engine must be interruptible for a kill to stop a compute loop; a kill always
/// ends a call that waits, and takes effect at the next system call.
#[must_use]
pub fn run(module: &Module, task: Task, options: &RunOptions<'_>) -> Finished {
    let process = task.process().clone();
    let mut store = new_store(module, task, options);
    let mut results = Vec::new();
    let outcome = match execute(&mut store, module, options.entry, &mut results) {
        Ok(()) => Outcome::Exited(0),
        Err(outcome) => outcome,
    };
    process.end(outcome.status());
    Finished {
        outcome,
        results,
        store,
    }
}

/// Exit code that a parent sees of a program which could not be started; the shells' "found,
/// but cannot be executed".
const CANNOT_START: u32 = 126;

fn new_store(module: &Module, task: Task, options: &RunOptions<'_>) -> Store<ProcessState> {
    let guest = Guest::new(task, options.blocker.clone(), options.bounds);
    let mut store = Store::new(
        module.engine(),
        ProcessState {
            guest,
            memory: None,
            imported_memory: None,
        },
    );
    Guest::attach(&mut store, |state| &mut state.guest);
    store
}

fn execute(
    store: &mut Store<ProcessState>,
    module: &Module,
    entry: Entry<'_>,
    results: &mut Vec<String>,
) -> Result<(), Outcome> {
    let wanted = invoke::choose(module, entry).map_err(Outcome::FailedToStart)?;
    let externs = imports::resolve(store, module).map_err(Outcome::FailedToStart)?;
    let instance = match Instance::new(store.as_context_mut(), module, &externs) {
        Ok(instance) => instance,
        Err(error) => {
            let process = store.data().guest.task.process();
            return Err(Outcome::of_instantiation(process, error));
        }
    };
    store.data_mut().guest.started();
    if wanted.initialise {
        let initialise = instance
            .get_typed_func::<(), ()>(store.as_context_mut(), invoke::INITIALISE)
            .map_err(|error| Outcome::FailedToStart(refused(error)))?;
        initialise
            .call(store.as_context_mut(), ())
            .map_err(|error| ended(store, error, Phase::Initialisation))?;
    }
    let Some(call) = wanted.call else {
        return Ok(());
    };
    let returned = call
        .make(store, &instance)
        .map_err(|error| ended(store, error, Phase::Entry))?;
    results.extend(returned);
    Ok(())
}

/// Whether an error of instantiation comes from the guest's own code or segments rather than
/// from a limit of the host.
fn ran_guest_code(error: &wasmtime::Error) -> bool {
    error.is::<Unwind>() || error.is::<Trap>() || error.is::<WasmBacktrace>()
}

/// An error of the host while it made the guest's memories, tables and instance.
fn refused(error: wasmtime::Error) -> StartError {
    match error.downcast_ref::<LimitError>() {
        Some(limit) => StartError::Limit(*limit),
        None => StartError::Instantiation(error),
    }
}

fn ended(store: &Store<ProcessState>, error: wasmtime::Error, during: Phase) -> Outcome {
    Outcome::of_error(store.data().guest.task.process(), error, during)
}

fn is_interruption(error: &wasmtime::Error) -> bool {
    error.is::<Unwind>() || error.downcast_ref::<Trap>() == Some(&Trap::Interrupt)
}

//! Running a program as a process, from its start to what is to be said of its end.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use holm_abi::ExitStatus;
use holm_engine::process::{
    Blocker, Entry, Outcome, Phase, RunOptions, StartError, Stop, run as run_module,
};
use holm_engine::{
    Code, Form, LoadError, Loaded, Origin, Program, StoreBounds, TrapReport, core_dump,
    explain_trap,
};
use holm_host_native::{Parker, Usage, reactor};
use holm_http::PooledClient;
use holm_kernel::port::Clock;
use holm_kernel::{Process, SpawnError, Task};
use holm_wasi_p2::views::Views;
use holm_wasi_p2::{Bounds, State, Timer, command};

use crate::command::Command;
use crate::executor::Executor;
use crate::system::System;
use crate::watchdog::{Abandon, Running, Watchdog};

/// Why a program was not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// It cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It cannot be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Its process cannot be made.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// The host gives no thread to watch its limits.
    #[error("the host gives no thread to watch the time: {0}")]
    Watchdog(std::io::Error),
}

/// A trap, explained.
#[derive(Debug)]
pub struct Failure {
    /// What happened, and where.
    pub report: TrapReport,
    /// The core dump, when one was asked for and could be made.
    pub core_dump: Option<Vec<u8>>,
}

/// A process that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How.
    pub status: ExitStatus,
    /// The trap, when there was one.
    pub failure: Option<Failure>,
    /// What an invoked function returned, as text.
    pub results: Vec<String>,
    /// One sentence to whoever ran it, such as which limit ended it.
    pub note: Option<String>,
    /// The process: what it used, what was refused to it.
    pub process: Arc<Process>,
    /// The processes of a composed component's dependencies: each is a program by its label.
    pub dependencies: Vec<Arc<Process>>,
    /// Addresses of its listening sockets.
    pub listening: Vec<SocketAddr>,
    /// Time from start to end.
    pub wall: Duration,
    /// CPU time of the host process meanwhile.
    pub cpu: Duration,
    /// Time from asking for the program to running it: loading, perhaps compiling.
    pub start: Duration,
    /// What code was run: `optimised, cached`.
    pub code: String,
    /// Most memory of the whole host process, in bytes.
    pub peak_resident_bytes: u64,
    /// What it ran in, which goes with this.
    pub remains: Remains,
}

/// The store of a program that has ended: its memories, tables and code. Whoever ends the host
/// process next has nothing to gain from taking it apart: see [`Remains::leak`].
#[derive(Default)]
pub struct Remains(Option<Box<dyn Any + Send>>);

impl Remains {
    fn of(store: impl Any + Send) -> Remains {
        Remains(Some(Box::new(store)))
    }

    /// Leaves it to the end of the host process.
    pub fn leak(self) {
        std::mem::forget(self.0);
    }
}

impl fmt::Debug for Remains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remains").finish_non_exhaustive()
    }
}

impl System {
    /// Runs a program on the calling thread until it has ended.
    ///
    /// # Errors
    ///
    /// [`RunError`] when it does not come to run; how it ends is in [`Finished`].
    pub fn run(&self, program: &Program, mut command: Command) -> Result<Finished, RunError> {
        let asked = Instant::now();
        let loaded = self.engine.load(program, command.tier)?;
        let start = asked.elapsed();
        if let (true, Some(optimise), Some(path)) = (
            loaded.wants_optimising,
            command.on_quick_start,
            program.path(),
        ) {
            optimise(path);
        }
        let mut plan = Plan::of(&mut command);
        let process = self.kernel.spawn(&self.authority, command.into_spec())?;
        if let Some(observer) = process.observer() {
            observer.started(&process);
        }
        let meter = Meter {
            listening: std::mem::take(&mut plan.listening),
            start,
            code: describe(&loaded),
            began: Instant::now(),
            cpu_before: Usage::process_cpu_ns(),
        };
        let abandon = plan.on_abandon.take().map(|hook| {
            let meter = meter.clone();
            let abandon: Abandon = Arc::new(move |process, status| {
                hook(meter.finished(process.clone(), status, None, Vec::new()));
            });
            abandon
        });
        let watchdog = Watchdog::start(&process, abandon).map_err(RunError::Watchdog)?;
        if let Some(on_start) = plan.on_start.take() {
            on_start(Running::new(
                &process,
                loaded.interrupter(),
                watchdog.as_ref(),
            ));
        }

        let ran = execute(&loaded, &process, &plan, (program, self.http.clone()));
        let Ran {
            outcome,
            results,
            dump,
            dependencies,
            remains,
        } = ran;
        if let Some(watchdog) = watchdog {
            watchdog.returned();
        }

        let (status, failure) = match outcome {
            Outcome::Exited(code) => (ExitStatus::Exited(code), None),
            Outcome::Signaled(signal) => (ExitStatus::Signaled(signal), None),
            Outcome::FailedToStart(error) => return Err(error.into()),
            Outcome::Trapped { error, during } => {
                let mut report = explain_trap(&error, program);
                note_phase(&mut report, during);
                let core_dump = dump;
                (ExitStatus::Trapped, Some(Failure { report, core_dump }))
            }
        };
        let mut finished = meter.finished(process, status, failure, results);
        finished.dependencies = dependencies;
        finished.remains = remains;
        Ok(finished)
    }
}

/// A program that was run.
struct Ran {
    outcome: Outcome,
    /// What an invoked function returned.
    results: Vec<String>,
    /// The core dump, when one is wanted and there was a trap.
    dump: Option<Vec<u8>>,
    dependencies: Vec<Arc<Process>>,
    remains: Remains,
}

/// Runs what was loaded, on the calling thread, until it has ended.
fn execute(
    loaded: &Loaded,
    process: &Arc<Process>,
    plan: &Plan,
    (program, http): (&Program, Arc<PooledClient>),
) -> Ran {
    let parker = Arc::new(Parker::new());
    match &loaded.code {
        Code::Module(module) => {
            let task = Task::new(process.clone(), Waker::from(parker.clone()));
            let blocker = Arc::new(Sleeper { parker });
            let entry = match &plan.invoke {
                Some(name) => Entry::Invoke {
                    name,
                    arguments: &plan.invoke_arguments,
                },
                None => Entry::Command,
            };
            let options = RunOptions {
                entry,
                blocker,
                bounds: StoreBounds::default(),
            };
            let mut ended = run_module(module, task, &options);
            Ran {
                dump: plan.dump(&ended.outcome, &mut ended.store, program.name()),
                outcome: ended.outcome,
                results: ended.results,
                dependencies: Vec::new(),
                remains: Remains::of(ended.store),
            }
        }
        Code::Component(component) => {
            let (mut state, executor) = component_state(process, http, parker, loaded.form);
            let bytes = || Ok(program.bytes()?);
            let views = Views::of(component, bytes);
            let views = match views.and_then(|views| views.enter(&mut state).map(|()| views)) {
                Ok(views) => views,
                Err(error) => {
                    let refused = StartError::Component(Box::new(error));
                    return Ran {
                        outcome: Outcome::FailedToStart(refused),
                        results: Vec::new(),
                        dump: None,
                        dependencies: Vec::new(),
                        remains: Remains::default(),
                    };
                }
            };
            let entry = match &plan.invoke {
                Some(call) => command::Entry::Invoke {
                    call,
                    arguments: &plan.invoke_arguments,
                },
                None => command::Entry::Command,
            };
            let provide = |linker: &mut _| views.link(linker);
            let mut ended = match executor {
                Some(executor) => {
                    executor.block_on(command::run_suspended(component, state, entry, &provide))
                }
                None => command::run(component, state, entry, &provide),
            };
            let dependencies = ended.store.data().views().cloned().collect();
            Ran {
                dump: plan.dump(&ended.outcome, &mut ended.store, program.name()),
                outcome: ended.outcome,
                results: ended.results,
                dependencies,
                remains: Remains::of(ended.store),
            }
        }
    }
}

/// What the store of a component holds, and who runs it when it is suspended while it waits. All
/// of it sleeps at `parker`, on whichever thread calls.
pub(crate) fn component_state(
    process: &Arc<Process>,
    http: Arc<PooledClient>,
    parker: Arc<Parker>,
    form: Form,
) -> (State, Option<Arc<Executor>>) {
    let executor = (form == Form::AsyncComponent)
        .then(|| Arc::new(Executor::new(process.clock().clone(), parker.clone())));
    let (waker, timer): (Waker, Arc<dyn Timer>) = match &executor {
        Some(executor) => (executor.waker().clone(), executor.clone()),
        None => (Waker::from(parker.clone()), Arc::new(ThreadWaits)),
    };
    let task = Task::new(process.clone(), waker);
    let blocker = Arc::new(Sleeper { parker });
    let state = State::new(task, blocker, timer, Bounds::default()).with_http(http);
    (state, executor)
}

/// For a guest whose thread waits: its blocker wakes it at its deadline, and nobody else does.
#[derive(Debug)]
struct ThreadWaits;

impl Timer for ThreadWaits {
    fn wake_at(&self, _deadline_ns: u64, _waker: &Waker) {}
}

/// What is measured of a run, and known of it beforehand.
#[derive(Clone)]
struct Meter {
    listening: Vec<SocketAddr>,
    start: Duration,
    code: String,
    began: Instant,
    cpu_before: u64,
}

impl Meter {
    fn finished(
        &self,
        process: Arc<Process>,
        status: ExitStatus,
        failure: Option<Failure>,
        results: Vec<String>,
    ) -> Finished {
        let cpu_ns = Usage::process_cpu_ns().saturating_sub(self.cpu_before);
        Finished {
            status,
            failure,
            results,
            dependencies: Vec::new(),
            note: holm_explain::exit::note(status, process.limits()),
            process,
            listening: self.listening.clone(),
            wall: self.began.elapsed(),
            cpu: Duration::from_nanos(cpu_ns),
            start: self.start,
            code: self.code.clone(),
            peak_resident_bytes: Usage::now().peak_resident_bytes,
            remains: Remains::default(),
        }
    }
}

/// Called with the process when it is about to run.
pub(crate) type OnStart = Box<dyn FnOnce(Running)>;
/// Called when the guest cannot be stopped, with what is known of it: ends the host process.
pub(crate) type OnAbandon = Box<dyn Fn(Finished) + Send + Sync>;
/// Called with the program's path when it starts with code that could be better.
pub(crate) type OnQuickStart = fn(&Path);

/// What of a command is needed after the process was made of it.
struct Plan {
    invoke: Option<String>,
    invoke_arguments: Vec<String>,
    core_dump: bool,
    listening: Vec<SocketAddr>,
    on_start: Option<OnStart>,
    on_abandon: Option<OnAbandon>,
}

impl Plan {
    fn of(command: &mut Command) -> Plan {
        Plan {
            invoke: command.invoke.take(),
            invoke_arguments: std::mem::take(&mut command.invoke_arguments),
            core_dump: command.core_dump,
            listening: std::mem::take(&mut command.listening),
            on_start: command.on_start.take(),
            on_abandon: command.on_abandon.take(),
        }
    }
}

impl Plan {
    fn dump(
        &self,
        outcome: &Outcome,
        store: impl holm_engine::AsContextMut,
        name: &str,
    ) -> Option<Vec<u8>> {
        match outcome {
            Outcome::Trapped { error, .. } if self.core_dump => core_dump(error, store, name).ok(),
            _ => None,
        }
    }
}

/// Blocks the calling thread.
#[derive(Debug)]
pub(crate) struct Sleeper {
    pub(crate) parker: Arc<Parker>,
}

impl Blocker for Sleeper {
    fn block(&self, task: &mut Task) -> Result<(), Stop> {
        let deadline = task.deadline();
        // A virtual clock does not wait: it is then.
        if let Some(deadline) = deadline
            && task.process().clock().jump_to(deadline)
        {
            return Ok(());
        }
        let reached = deadline.map(|deadline| coarse_deadline(&**task.process().clock(), deadline));
        reactor().wait(&self.parker, reached);
        Ok(())
    }
}

/// When the host's clock says that a process's clock has reached a deadline: a coarse one
/// reaches it at its next step, not before.
pub(crate) fn coarse_deadline(clock: &dyn Clock, deadline_ns: u64) -> u64 {
    let step = clock.resolution_ns().max(1);
    deadline_ns
        .checked_next_multiple_of(step)
        .unwrap_or(u64::MAX)
}

pub(crate) fn note_phase(report: &mut TrapReport, during: Phase) {
    let phase = match during {
        Phase::Instantiation => "while it was being set up (its start function or data segments)",
        Phase::Initialisation => "in `_initialize`",
        Phase::Entry => return,
    };
    report.summary = format!("{} {phase}", report.summary);
}

fn describe(loaded: &Loaded) -> String {
    let origin = match loaded.origin {
        Origin::Cold => "compiled now",
        Origin::Warm => "cached",
    };
    format!("{}, {origin}", loaded.tier())
}

//! Components whose exports are called one by one, with typed values.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use holm_abi::{ExitStatus, Signal};
use holm_engine::process::{Outcome, Phase, StartError, Unwind};
use holm_engine::wasmtime::component::{
    ComponentNamedList, Instance as WasmInstance, Lift, Lower, TypedFunc, Val,
};
use holm_engine::wasmtime::{self, Store};
use holm_engine::{Code, Form, LoadError, Program, TierChoice, explain_trap};
use holm_host_native::Parker;
use holm_kernel::{Process, SpawnError};
use holm_wasi_p2::command::unless_killed;
use holm_wasi_p2::embed::{Exported, Linked};
use holm_wasi_p2::link::Waiting;
use holm_wasi_p2::views::Views;
use holm_wasi_p2::{InvokeError, State};

use crate::command::Command;
use crate::executor::Executor;
use crate::imports::{Failed, ImportError, Imports};
use crate::run::{Failure, component_state, note_phase};
use crate::system::System;
use crate::watchdog::Watchdog;

/// Why a component cannot be instantiated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstantiateError {
    /// It cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It is a module: those run as commands.
    #[error("{0} is a core module; only the functions of components can be called so")]
    Module(String),
    /// A function that the embedder provides takes or returns what goes on after the call.
    #[error(
        "the component imports `{name}` of `{interface}`, which is `{kind}`: the program that \
         embeds it cannot provide a function with {what}, only with values\nPass lists instead, \
         or link the component with one that provides the function"
    )]
    Import {
        /// The interface; empty for the world itself.
        interface: String,
        /// The function.
        name: String,
        /// Its type in WIT.
        kind: String,
        /// `a stream` or `a future`.
        what: &'static str,
    },
    /// Its imports are not there, or do not fit.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Its process cannot be made.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// The host gives no thread to watch its limits.
    #[error("the host gives no thread to watch the time: {0}")]
    Watchdog(std::io::Error),
    /// Its own code ended it while it was set up.
    #[error("the component ended while it was set up: {0}")]
    Ended(CallError),
}

/// Why a function cannot be called, found before any call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FunctionError {
    /// There is none of that name, or there are several.
    #[error(transparent)]
    Name(#[from] InvokeError),
    /// It is of another type.
    #[error("`{name}` is `{kind}`, which the types of the caller do not fit: {reason}")]
    Type {
        /// The function.
        name: String,
        /// Its type in WIT.
        kind: String,
        /// What does not fit.
        reason: String,
    },
    /// It takes or returns what goes on after the call.
    #[error("{}", no_values(.name, .kind, .what))]
    NoValues {
        /// The function.
        name: String,
        /// Its type in WIT.
        kind: String,
        /// `a stream` or `a future`.
        what: &'static str,
    },
}

/// Why a function cannot be called, whose parameters and results are no values alone.
fn no_values(name: &str, kind: &str, what: &str) -> String {
    format!(
        "`{name}` is `{kind}`: {what} cannot be passed between it and the program that embeds it, \
         only values can\nCall it from another component, which passes lists on: name both in a \
         holm.toml"
    )
}

/// How a call ended that did not return.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The component trapped.
    #[error("the program {}", .0.report.summary)]
    Trapped(Box<Failure>),
    /// It ended itself (`wasi:cli/exit`).
    #[error("the program exited with code {0}")]
    Exited(u32),
    /// It was killed: by whoever holds its process, or by one of its limits.
    #[error("the program was ended by {signal}{}", note.as_ref().map_or_else(String::new, |note| format!(": {note}")))]
    Killed {
        /// The signal.
        signal: Signal,
        /// Which limit it was.
        note: Option<String>,
    },
    /// A function of the embedder failed.
    #[error("the function `{name}` of the host failed: {source}")]
    Import {
        /// The function.
        name: String,
        /// What it answered.
        source: ImportError,
    },
    /// The arguments do not fit the function, or there are too few or too many.
    #[error("the arguments do not fit `{name}`, which is `{kind}`: {reason}")]
    Arguments {
        /// The function.
        name: String,
        /// Its type in WIT.
        kind: String,
        /// What does not fit.
        reason: String,
    },
    /// An earlier call ended the instance.
    #[error("the instance has ended: {0}")]
    Ended(ExitStatus),
    /// The function belongs to another instance.
    #[error("the function belongs to another instance")]
    OtherInstance,
}

/// A component, loaded and linked once, of which instances are made cheaply.
#[derive(Debug)]
pub struct Instantiator<'a> {
    system: &'a System,
    program: Program,
    linked: Linked,
    views: Views,
    form: Form,
}

/// A component that lives: a process with grants and limits, whose functions can be called.
///
/// Memory, resources and open files stay from call to call, and go when it is dropped. So do tasks
/// that a call left behind (`async func`, WASI 0.3): they go on during the next call.
pub struct Instance {
    id: u64,
    /// Runs one that is suspended when it waits: it has functions, streams or futures of 0.3.
    executor: Option<Arc<Executor>>,
    store: Store<State>,
    instance: WasmInstance,
    linked: Linked,
    program: Program,
    process: Arc<Process>,
    watchdog: Option<Watchdog>,
}

impl Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance")
            .field("program", &self.program.name())
            .field("process", &self.process)
            .finish_non_exhaustive()
    }
}

/// A function of one [`Instance`], with its types checked.
pub struct Function<P, R> {
    owner: u64,
    function: TypedFunc<P, R>,
    types: PhantomData<fn(P) -> R>,
}

impl<P, R> Debug for Function<P, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function").finish_non_exhaustive()
    }
}

impl<P, R> Clone for Function<P, R> {
    fn clone(&self) -> Function<P, R> {
        *self
    }
}

impl<P, R> Copy for Function<P, R> {}

impl System {
    /// Loads a component, and links it with WASI and with `imports`: the work that all of its
    /// instances have in common.
    ///
    /// # Errors
    ///
    /// [`InstantiateError`] when it is no component that can be loaded, or imports what nobody
    /// provides.
    pub fn instantiator(
        &self,
        program: &Program,
        imports: &Imports,
    ) -> Result<Instantiator<'_>, InstantiateError> {
        // The code lives as long as its instances: it is worth its compiling.
        let loaded = self.engine.load(program, TierChoice::Optimised)?;
        let name = || program.name().to_owned();
        let component = match &loaded.code {
            Code::Module(_) => return Err(InstantiateError::Module(name())),
            Code::Component(component) => component,
        };
        let refused = |error| StartError::Component(Box::new(error));
        let views = Views::of(component, || Ok(program.bytes()?)).map_err(refused)?;
        imports.check(component)?;
        let (form, waiting) = match loaded.form {
            Form::AsyncComponent => (Form::AsyncComponent, Waiting::Suspended),
            form => (form, Waiting::Thread),
        };
        let linked = Linked::new(component, waiting, &|linker| {
            let mut names = imports.provide(linker, component, waiting)?;
            names.extend(views.link(linker)?);
            Ok(names)
        })?;
        Ok(Instantiator {
            system: self,
            linked,
            views,
            program: program.clone(),
            form,
        })
    }

    /// One instance of a component that imports nothing but WASI.
    ///
    /// # Errors
    ///
    /// As for [`System::instantiator`] and [`Instantiator::instantiate`].
    pub fn instantiate(
        &self,
        program: &Program,
        command: Command,
    ) -> Result<Instance, InstantiateError> {
        self.instantiator(program, &Imports::new())?
            .instantiate(command)
    }
}

impl Instantiator<'_> {
    /// Makes an instance: a process that holds what `command` says. Its time begins now. Arguments
    /// and standard streams are the component's to ask for; what a command says of how to run a
    /// program (its entry, hooks, tier) is of no meaning here.
    ///
    /// A time limit ends a call that waits, or makes system calls; one that computes alone is
    /// ended if the engine is [interruptible](holm_engine::EngineConfig::interruptible).
    ///
    /// # Errors
    ///
    /// [`InstantiateError`] when the process cannot be made, or ends at once.
    pub fn instantiate(&self, command: Command) -> Result<Instance, InstantiateError> {
        let system = self.system;
        let process = system
            .kernel
            .spawn(&system.authority, command.into_spec())?;
        if let Some(observer) = process.observer() {
            observer.started(&process);
        }
        let parker = Arc::new(Parker::new());
        let http = system.http.clone();
        let (mut state, executor) = component_state(&process, http, parker, self.form);
        let entered = self.views.enter(&mut state);
        entered.map_err(|error| StartError::Component(Box::new(error)))?;
        let watchdog = Watchdog::start(&process, None).map_err(InstantiateError::Watchdog)?;
        let made = match &executor {
            Some(executor) => executor.block_on(self.linked.instantiate_suspended(state)),
            None => self.linked.instantiate(state),
        };
        match made {
            Ok((store, instance)) => Ok(Instance {
                id: next_id(),
                executor,
                store,
                instance,
                linked: self.linked.clone(),
                program: self.program.clone(),
                process,
                watchdog,
            }),
            Err(outcome) => {
                if let Some(watchdog) = watchdog {
                    watchdog.returned();
                }
                process.end(outcome.status());
                Err(match outcome {
                    Outcome::FailedToStart(error) => error.into(),
                    other => InstantiateError::Ended(explain(&process, &self.program, other)),
                })
            }
        }
    }
}

impl Instance {
    /// A function by its name: alone, or behind its interface, with or without the version
    /// (`example:math/ops.add`). Parameters and results are tuples: `<(u32, u32), (u32,)>`. An
    /// `async func` is called as any other: the calling thread sleeps while it waits.
    ///
    /// Streams and futures cannot be passed: they go on after the call, in a store that nobody
    /// runs then.
    ///
    /// # Errors
    ///
    /// [`FunctionError`] when there is no such function, or its types are others.
    pub fn function<P, R>(&mut self, name: &str) -> Result<Function<P, R>, FunctionError>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let exported = self.linked.function(name)?;
        let Exported { index, kind, .. } = exported;
        if let Some(what) = exported.flowing {
            let name = name.to_owned();
            return Err(FunctionError::NoValues { name, kind, what });
        }
        let function = self
            .instance
            .get_typed_func::<P, R>(&mut self.store, index)
            .map_err(|error| FunctionError::Type {
                name: name.to_owned(),
                kind,
                reason: format!("{error:#}"),
            })?;
        Ok(Function {
            owner: self.id,
            function,
            types: PhantomData,
        })
    }

    /// Calls a function with values whose types are known only now.
    ///
    /// # Errors
    ///
    /// [`CallError`]; [`CallError::Arguments`] too when there is no such function.
    pub fn call(&mut self, name: &str, arguments: &[Val]) -> Result<Vec<Val>, CallError> {
        self.check_alive()?;
        let refused = |kind: &str, reason: String| CallError::Arguments {
            name: name.to_owned(),
            kind: kind.to_owned(),
            reason,
        };
        let exported = self
            .linked
            .function(name)
            .map_err(|error| refused("not there", error.to_string()))?;
        if let Some(what) = exported.flowing {
            let reason = format!("{what} cannot be passed, only values can");
            return Err(refused(&exported.kind, reason));
        }
        let Some(function) = self.instance.get_func(&mut self.store, exported.index) else {
            return Err(refused(&exported.kind, "it is gone".to_owned()));
        };
        let mut results = vec![Val::Bool(false); exported.results];
        let called = match &self.executor {
            None => function.call(&mut self.store, arguments, &mut results),
            Some(executor) => {
                let called = function.call_async(&mut self.store, arguments, &mut results);
                run_suspended(executor, &self.process, called)
            }
        };
        match called {
            // Values that do not fit are found before anything of the guest runs.
            Err(error) if !came_out_of_guest(&error) => {
                Err(refused(&exported.kind, format!("{error:#}")))
            }
            called => self.returned(called).map(|()| results),
        }
    }

    /// Its process: its limits, what it used, what was refused to it; and to kill it.
    #[must_use]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// Whether a call has ended it.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.process.status().is_some()
    }

    fn check_alive(&self) -> Result<(), CallError> {
        match self.process.status() {
            Some(status) => Err(CallError::Ended(status)),
            None => Ok(()),
        }
    }

    /// Records the end of its processes; the first one counts.
    fn end(&self, status: ExitStatus) {
        self.process.end(status);
        for dependency in self.store.data().views() {
            dependency.end(status);
        }
    }

    /// What a call's end means for its caller, and for the instance.
    fn returned<T>(&mut self, called: wasmtime::Result<T>) -> Result<T, CallError> {
        // What was written before the end was written.
        let sent = self.store.data_mut().send_the_rest();
        let error = match (called, sent) {
            (Ok(values), Ok(())) => return Ok(values),
            (Err(error), _) | (Ok(_), Err(error)) => error,
        };
        let outcome = Outcome::of_error(&self.process, error, Phase::Entry);
        self.end(outcome.status());
        Err(explain(&self.process, &self.program, outcome))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.returned();
        }
        self.end(ExitStatus::Exited(0));
    }
}

impl<P, R> Function<P, R>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift + 'static,
{
    /// Calls it, on the calling thread, which sleeps while an `async func` waits.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the instance has ended then, and answers further calls with
    /// [`CallError::Ended`].
    #[inline]
    pub fn call(&self, instance: &mut Instance, arguments: P) -> Result<R, CallError> {
        if self.owner != instance.id {
            return Err(CallError::OtherInstance);
        }
        instance.check_alive()?;
        let called = match &instance.executor {
            None => self.function.call(&mut instance.store, arguments),
            Some(executor) => {
                let called = self.function.call_async(&mut instance.store, arguments);
                run_suspended(executor, &instance.process, called)
            }
        };
        instance.returned(called)
    }
}

/// Runs a call to its end, or to that of its process, should it be killed while it waits.
fn run_suspended<T>(
    executor: &Executor,
    process: &Arc<Process>,
    called: impl Future<Output = wasmtime::Result<T>>,
) -> wasmtime::Result<T> {
    let ended = executor.block_on(unless_killed(process, called));
    ended.unwrap_or_else(|| Err(Unwind.into()))
}

fn explain(process: &Arc<Process>, program: &Program, outcome: Outcome) -> CallError {
    match outcome {
        Outcome::Exited(code) => CallError::Exited(code),
        Outcome::Signaled(signal) => CallError::Killed {
            signal,
            note: holm_explain::exit::note(ExitStatus::Signaled(signal), process.limits()),
        },
        Outcome::Trapped { error, during } => match error.downcast::<Failed>() {
            Ok(Failed { name, source }) => CallError::Import { name, source },
            Err(error) => {
                let mut report = explain_trap(&error, program);
                note_phase(&mut report, during);
                CallError::Trapped(Box::new(Failure {
                    report,
                    core_dump: None,
                }))
            }
        },
        // It had started; this cannot be, and is no reason to panic.
        Outcome::FailedToStart(_) => CallError::Ended(outcome.status()),
    }
}

fn came_out_of_guest(error: &wasmtime::Error) -> bool {
    error.is::<wasmtime::Trap>()
        || error.is::<wasmtime::WasmBacktrace>()
        || error.is::<Failed>()
        || error.is::<Unwind>()
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use holm_wasi_p2::Bounds;

    use crate::{System, SystemOptions};

    /// What the engine keeps without a handle, such as tasks that have returned and go on, is
    /// bounded by the capacity of its table alone.
    #[test]
    fn what_the_engine_keeps_is_bounded() {
        let text = r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func (export "f") async (canon lift (core func $i "f"))))"#;
        let system = System::new(SystemOptions::default()).expect("a system");
        let program = system.program_from_bytes("f.wat", text.into());
        let program = program.expect("a program");
        let made = system.instantiate(&program, system.command("f"));
        let mut instance = made.expect("it lives");
        let resources = Bounds::default().resources;
        assert_eq!(instance.store.max_component_handles(), resources);
        let table = instance.store.concurrent_resource_table().expect("a table");
        assert_eq!(table.max_capacity(), 4 * resources);
    }
}

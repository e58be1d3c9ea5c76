//! Running a component as the process of its state: from its imports to how it ended.

mod suspended;

use holm_engine::process::{Guest, Outcome, Phase, StartError};
use holm_kernel::Process;
use std::sync::Arc;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, Instance, Linker};
use wasmtime::{Engine, Store};

use crate::State;
use crate::invoke::Call;
use crate::link::{Waiting, check, link};

pub use suspended::{run_suspended, unless_killed};

/// What to run of a component.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// The command: `run` of `wasi:cli/run`.
    Command,
    /// A function that it exports.
    Invoke {
        /// A call in WAVE, `add(2, 3)`, or the name of the function.
        call: &'a str,
        /// The arguments of a name alone, each a value in WAVE.
        arguments: &'a [String],
    },
}

/// A run that is over.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// What the invoked function returned, in WAVE.
    pub results: Vec<String>,
    /// The store, for a core dump.
    pub store: Store<State>,
}

/// Gives a linker what an embedder provides beside WASI; answers the names of these imports.
pub type Provide<'a> = &'a dyn Fn(&mut Linker<State>) -> wasmtime::Result<Vec<String>>;

/// An embedder that provides nothing.
///
/// # Errors
///
/// None.
pub fn nothing(_linker: &mut Linker<State>) -> wasmtime::Result<Vec<String>> {
    Ok(Vec::new())
}

/// Runs a component until it has ended, on the calling thread, which sleeps when the component
/// waits. Its end is recorded in the kernel. One that is asynchronous needs [`run_suspended`].
#[must_use]
pub fn run(
    component: &Component,
    state: State,
    entry: Entry<'_>,
    provide: Provide<'_>,
) -> Finished {
    let process = state.guest.task.process().clone();
    let mut store = new_store(component.engine(), state);
    let mut results = Vec::new();
    let ended = run_entry(&mut store, component, entry, provide, &mut results);
    finish(&process, store, ended, results)
}

fn run_entry(
    store: &mut Store<State>,
    component: &Component,
    entry: Entry<'_>,
    provide: Provide<'_>,
    results: &mut Vec<String>,
) -> Result<u32, Outcome> {
    let (linker, wanted) = prepare(component, entry, provide, Waiting::Thread)?;
    let process = store.data().guest.task.process().clone();
    let checked = check(&linker, component)
        .map_err(|error| Outcome::FailedToStart(StartError::Component(Box::new(error))))?;
    let instance = checked
        .instantiate(&mut *store)
        .map_err(|error| Outcome::of_instantiation(&process, error))?;
    store.data_mut().guest.started();
    let failed = |error| Outcome::of_error(&process, error, Phase::Entry);
    match wanted {
        Wanted::Run(index) => {
            let run = instance
                .get_typed_func::<(), (Result<(), ()>,)>(&mut *store, &index)
                .map_err(|error| Outcome::FailedToStart(StartError::Instantiation(error)))?;
            let (ended,) = run.call(&mut *store, ()).map_err(failed)?;
            Ok(u32::from(ended.is_err()))
        }
        Wanted::Call(call) => {
            let function = call.function(&mut *store, &instance)?;
            let mut values = call.space();
            function
                .call(&mut *store, &call.arguments, &mut values)
                .map_err(failed)?;
            results.extend(call.results(&values));
            Ok(0)
        }
    }
}

/// A store for a component: its memory is charged to the process, a kill stops it, and what one
/// call brings into the host is bounded, and so is what it holds of the engine.
pub(crate) fn new_store(engine: &Engine, state: State) -> Store<State> {
    let bounds = *state.bounds();
    let mut store = Store::new(engine, state);
    Guest::attach(&mut store, |state| &mut state.guest);
    store.set_hostcall_fuel(bounds.call_bytes);
    store.set_max_component_handles(bounds.resources);
    // Only engines for asynchronous components have one.
    if let Some(table) = store.concurrent_resource_table() {
        table.set_max_capacity(bounds.resources.saturating_mul(ENTRIES_PER_HANDLE));
    }
    store
}

/// What the engine keeps of a handle at most: a stream or future is three entries for two handles,
/// a call that waits has a task, a thread and a set. What goes on without any handle, such as a
/// task that has returned, is bounded by this alone.
const ENTRIES_PER_HANDLE: usize = 4;

pub(crate) fn finish(
    process: &Arc<Process>,
    mut store: Store<State>,
    ended: Result<u32, Outcome>,
    results: Vec<String>,
) -> Finished {
    // What a component wrote before it trapped was written; a kill ends this too.
    let _ = store.data_mut().send_the_rest();
    let outcome = match ended {
        Ok(code) => Outcome::Exited(code),
        Err(outcome) => outcome,
    };
    process.end(outcome.status());
    for dependency in store.data().views() {
        dependency.end(outcome.status());
    }
    Finished {
        outcome,
        results,
        store,
    }
}

/// What is to be called, found before anything of the component runs.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// `run` of `wasi:cli/run`.
    Run(ComponentExportIndex),
    /// An exported function.
    Call(Call),
}

pub(crate) fn prepare(
    component: &Component,
    entry: Entry<'_>,
    provide: Provide<'_>,
    waiting: Waiting,
) -> Result<(Linker<State>, Wanted), Outcome> {
    let refused = |error| Outcome::FailedToStart(StartError::Component(error));
    let wanted = match entry {
        Entry::Command => {
            let index = run_function(component).map_err(|error| refused(Box::new(error)))?;
            Wanted::Run(index)
        }
        Entry::Invoke { call, arguments } => {
            let call = Call::parse(component, call, arguments)
                .map_err(|error| refused(Box::new(error)))?;
            Wanted::Call(call)
        }
    };
    let mut linker = Linker::new(component.engine());
    let provided = provide(&mut linker)
        .map_err(|error| Outcome::FailedToStart(StartError::Instantiation(error)))?;
    let provided: Vec<&str> = provided.iter().map(String::as_str).collect();
    link(&mut linker, component, waiting, &provided).map_err(|error| refused(Box::new(error)))?;
    Ok((linker, wanted))
}

/// Why a component is no command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// It serves HTTP.
    #[error(
        "the component is an HTTP service, not a command: it exports `{0}`\nServe it: holm serve FILE"
    )]
    Service(String),
    /// It is a library.
    #[error("the component exports no `wasi:cli/run`: it is a library, not a command\n{}", list(.0))]
    Library(Vec<String>),
}

fn list(functions: &[String]) -> String {
    if functions.is_empty() {
        return "It exports no function".to_owned();
    }
    let mut text = "Call one of its functions with --invoke 'NAME(ARGUMENTS)':".to_owned();
    for function in functions {
        text.push_str("\n  ");
        text.push_str(function);
    }
    text
}

/// Finds `run`: of 0.3, or else of any version. A component that has both was adapted, and its
/// other one may be hollow.
fn run_function(component: &Component) -> Result<ComponentExportIndex, EntryError> {
    let engine = component.engine();
    let kind = component.component_type();
    let (mut found, mut service) = (None, None);
    for (name, item) in kind.exports(engine) {
        if name.starts_with("wasi:cli/run@")
            && matches!(item.ty, ComponentItem::ComponentInstance(_))
        {
            let interface = component.get_export_index(None, name);
            let run =
                interface.and_then(|interface| component.get_export_index(Some(&interface), "run"));
            if run.is_some() && name.starts_with("wasi:cli/run@0.3.") {
                found = run;
            } else {
                found = found.or(run);
            }
        }
        if name.starts_with("wasi:http/incoming-handler@") || name.starts_with("wasi:http/handler@")
        {
            service = Some(name.to_owned());
        }
    }
    found.ok_or_else(|| match service {
        Some(service) => EntryError::Service(service),
        None => EntryError::Library(crate::invoke::functions(component)),
    })
}

impl Call {
    fn function(
        &self,
        store: &mut Store<State>,
        instance: &Instance,
    ) -> Result<wasmtime::component::Func, Outcome> {
        instance.get_func(store, self.index).ok_or_else(|| {
            let error = wasmtime::Error::msg("the function is gone");
            Outcome::FailedToStart(StartError::Instantiation(error))
        })
    }
}

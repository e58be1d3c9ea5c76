//! Running a component as a future: it is suspended when it waits, and so are its own tasks.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use holm_engine::process::{Outcome, Phase, StartError, Unwind};
use holm_kernel::{Process, Task};
use wasmtime::Store;
use wasmtime::component::Component;

use super::{Entry, Finished, Provide, Wanted, finish, new_store, prepare};
use crate::State;
use crate::link::Waiting;

/// Runs a component until its entry has returned. Its end is recorded in the kernel; what it
/// left going on beside is dropped with it.
///
/// The component's engine must be one for asynchronous components. The task of `state` must be
/// woken by the waker that this future is polled with.
pub async fn run_suspended(
    component: &Component,
    state: State,
    entry: Entry<'_>,
    provide: Provide<'_>,
) -> Finished {
    let process = state.guest.task.process().clone();
    let mut store = new_store(component.engine(), state);
    let mut results = Vec::new();
    let running = run_entry(&mut store, component, entry, provide, &mut results);
    let ended = unless_killed(&process, running)
        .await
        .unwrap_or_else(|| Err(Outcome::of_error(&process, Unwind.into(), Phase::Entry)));
    finish(&process, store, ended, results)
}

/// Ends with the process, should a signal end it while everything waits: no call is made then
/// that would notice. `None` when it did.
pub async fn unless_killed<T>(
    process: &Arc<Process>,
    running: impl Future<Output = T>,
) -> Option<T> {
    let mut running = pin!(running);
    // A kill wakes every task of the process.
    let mut watch = Task::new(process.clone(), Waker::noop().clone());
    poll_fn(|context| {
        watch.set_waker(context.waker());
        if let Poll::Ready(ended) = running.as_mut().poll(context) {
            return Poll::Ready(Some(ended));
        }
        match process.signaled() {
            None => Poll::Pending,
            Some(_) => Poll::Ready(None),
        }
    })
    .await
}

async fn run_entry(
    store: &mut Store<State>,
    component: &Component,
    entry: Entry<'_>,
    provide: Provide<'_>,
    results: &mut Vec<String>,
) -> Result<u32, Outcome> {
    let (linker, wanted) = prepare(component, entry, provide, Waiting::Suspended)?;
    let process = store.data().guest.task.process().clone();
    let instance = linker
        .instantiate_async(&mut *store, component)
        .await
        .map_err(|error| Outcome::of_instantiation(&process, error))?;
    store.data_mut().guest.started();
    let failed = |error| Outcome::of_error(&process, error, Phase::Entry);
    match wanted {
        Wanted::Run(index) => {
            let run = instance
                .get_typed_func::<(), (Result<(), ()>,)>(&mut *store, &index)
                .map_err(|error| Outcome::FailedToStart(StartError::Instantiation(error)))?;
            let returned = store
                .run_concurrent(async |accessor| run.call_concurrent(accessor, ()).await)
                .await;
            let (ended,) = returned.flatten().map_err(failed)?;
            Ok(u32::from(ended.is_err()))
        }
        Wanted::Call(call) => {
            let function = call.function(&mut *store, &instance)?;
            let mut values = call.space();
            let returned = store
                .run_concurrent(async |accessor| {
                    let arguments = &call.arguments;
                    function
                        .call_concurrent(accessor, arguments, &mut values)
                        .await
                })
                .await;
            returned.flatten().map_err(failed)?;
            results.extend(call.results(&values));
            Ok(0)
        }
    }
}

//! Services: components that answer HTTP requests, each request in an instance of its own.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use ::http::{Method, Request, Response};
use holm_abi::{ExitStatus, Signal};
use holm_engine::process::{Outcome, Phase};
use holm_kernel::Process;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre, Linker, Resource};
use wasmtime::{Store, UpdateDeadline};

use super::{Body, ErrorCode, concurrent};
use crate::State;
use crate::bindings::p3_http;
use crate::command::{Provide, new_store};
use crate::link::{LinkError, Waiting, link};
use crate::p2::http::{IncomingRequest, ResponseOutparam};

/// A service, ready to be instantiated for each request.
#[derive(Clone)]
pub struct HttpService {
    pre: InstancePre<State>,
    handler: Handler,
}

impl fmt::Debug for HttpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpService").finish_non_exhaustive()
    }
}

/// The function that answers.
#[derive(Clone, Copy)]
enum Handler {
    /// `handle` of `wasi:http/incoming-handler` of 0.2.
    Incoming(wasmtime::component::ComponentExportIndex),
    /// `handle` of `wasi:http/handler` of 0.3.
    Concurrent(wasmtime::component::ComponentExportIndex),
}

/// What a handler of 0.3 answers.
type Handled = Result<Resource<concurrent::Response>, p3_http::wasi::http::types::ErrorCode>;

/// Why a component is no service.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// It exports no handler.
    #[error(
        "the component is no HTTP service: it exports neither `wasi:http/incoming-handler` nor \
         `wasi:http/handler`{}",
        if *.is_command { "\nIt is a command. Run it: holm run FILE" } else { "" }
    )]
    NoHandler {
        /// Whether it is a command.
        is_command: bool,
    },
    /// It cannot be linked.
    #[error(transparent)]
    Link(Box<LinkError>),
}

impl From<LinkError> for ServiceError {
    fn from(error: LinkError) -> ServiceError {
        ServiceError::Link(Box::new(error))
    }
}

/// Where a guest's answer goes, as soon as there is one; the guest may go on after that.
pub type ReplyTo = Box<dyn FnOnce(Result<Response<Body>, ErrorCode>) + Send>;

/// A request that is over.
#[derive(Debug)]
pub struct Served {
    /// How the guest ended: [`Outcome::Exited`] when it returned, with 0.
    pub outcome: Outcome,
}

impl HttpService {
    /// Finds the handler of a component, and gives it what it imports: of WASI, and of whoever
    /// provides more.
    ///
    /// # Errors
    ///
    /// [`ServiceError`].
    pub fn new(component: &Component, provide: Provide<'_>) -> Result<HttpService, ServiceError> {
        let handler = find_handler(component)?;
        let mut linker = Linker::new(component.engine());
        let provided = provide(&mut linker).map_err(LinkError::Mismatch)?;
        let provided: Vec<&str> = provided.iter().map(String::as_str).collect();
        link(&mut linker, component, Waiting::Suspended, &provided)?;
        let pre = linker
            .instantiate_pre(component)
            .map_err(LinkError::Mismatch)?;
        Ok(HttpService { pre, handler })
    }

    /// Answers one request with a fresh instance, as the process of `state`, whose end is
    /// recorded. With a `deadline`, guest code that computes is stopped then, and others take
    /// turns with it: for an engine whose code looks at its epoch.
    pub async fn serve(
        &self,
        state: State,
        request: Request<Body>,
        reply: ReplyTo,
        deadline: Option<Instant>,
    ) -> Served {
        let process = state.guest.task.process().clone();
        let ending = Ending(state.processes());
        let mut store = new_store(self.pre.engine(), state);
        if let Some(deadline) = deadline {
            watch(&mut store, deadline);
        }
        let ended = self.run(&mut store, &process, request, reply).await;
        let outcome = match ended {
            Ok(()) => Outcome::Exited(0),
            Err(outcome) => outcome,
        };
        ending.end(outcome.status());
        Served { outcome }
    }

    async fn run(
        &self,
        store: &mut Store<State>,
        process: &Arc<Process>,
        request: Request<Body>,
        reply: ReplyTo,
    ) -> Result<(), Outcome> {
        let instance = self
            .pre
            .instantiate_async(&mut *store)
            .await
            .map_err(|error| Outcome::of_instantiation(process, error))?;
        store.data_mut().guest.started();
        let failed = |error| Outcome::of_error(process, error, Phase::Entry);
        match self.handler {
            Handler::Incoming(index) => {
                let state = store.data_mut();
                let to_head = request.method() == Method::HEAD;
                let request = state.push_request(request).map_err(failed)?;
                let out = state.push_outparam(reply, to_head).map_err(failed)?;
                let handle = instance
                    .get_typed_func::<(Resource<IncomingRequest>, Resource<ResponseOutparam>), ()>(
                        &mut *store,
                        index,
                    )
                    .map_err(failed)?;
                handle
                    .call_async(&mut *store, (request, out))
                    .await
                    .map_err(failed)
            }
            Handler::Concurrent(index) => {
                let to_head = request.method() == Method::HEAD;
                let request = concurrent::Request::incoming(request);
                let pushed = store.data_mut().table.push(request);
                let request = pushed.map_err(|error| failed(error.into()))?;
                let handle = instance
                    .get_typed_func::<(Resource<concurrent::Request>,), (Handled,)>(
                        &mut *store,
                        index,
                    )
                    .map_err(failed)?;
                let ended = store
                    .run_concurrent(async |accessor| {
                        let (answer,) = handle.call_concurrent(accessor, (request,)).await?;
                        concurrent::reply(accessor, answer, to_head, reply).await
                    })
                    .await;
                ended.and_then(|ended| ended).map_err(failed)
            }
        }
    }
}

/// The processes of a request: they end with it, also when it is given up because its client went
/// away or its time is over.
struct Ending(Vec<Arc<Process>>);

impl Ending {
    fn end(&self, status: ExitStatus) {
        // Only the first end counts.
        for process in &self.0 {
            process.end(status);
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.end(ExitStatus::Signaled(Signal::Kill));
    }
}

/// Stops guest code at `deadline`, and lets others have the thread before that.
fn watch(store: &mut Store<State>, deadline: Instant) {
    store.epoch_deadline_callback(move |mut context| {
        let guest = &mut context.data_mut().guest;
        if Instant::now() >= deadline {
            let process = guest.task.process().clone();
            process.note_signal(Signal::Alarm);
        }
        guest.check_signal()?;
        Ok(UpdateDeadline::Yield(1))
    });
}

fn find_handler(component: &Component) -> Result<Handler, ServiceError> {
    let kind = component.component_type();
    let mut is_command = false;
    for (name, item) in kind.exports(component.engine()) {
        if !matches!(item.ty, ComponentItem::ComponentInstance(_)) {
            continue;
        }
        is_command |= name.starts_with("wasi:cli/run@");
        let function = |interface: &str| {
            let interface = component.get_export_index(None, interface)?;
            component.get_export_index(Some(&interface), "handle")
        };
        if name.starts_with("wasi:http/incoming-handler@0.2.")
            && let Some(index) = function(name)
        {
            return Ok(Handler::Incoming(index));
        }
        if name.starts_with("wasi:http/handler@0.3.")
            && let Some(index) = function(name)
        {
            return Ok(Handler::Concurrent(index));
        }
    }
    Err(ServiceError::NoHandler { is_command })
}

#[cfg(test)]
mod tests {
    use holm_kernel::deterministic::{SeededEntropy, VirtualClock};
    use holm_kernel::kernel::{Options, Ports};
    use holm_kernel::{ChildSpec, Kernel, ProcessSpec};

    use super::*;

    /// Killed with its parent is not ended: it would stay in the kernel's list.
    #[test]
    fn processes_of_dependencies_end_with_their_request() {
        let ports = Ports {
            clock: Arc::new(VirtualClock::new()),
            entropy: Arc::new(SeededEntropy::new(1)),
            network: None,
        };
        let (kernel, authority) = Kernel::boot(ports, Options::default()).expect("it boots");
        let spawned = kernel.spawn(&authority, ProcessSpec::default());
        let program = spawned.expect("room");
        let dependency = program.spawn_child(ChildSpec::default()).expect("room");
        drop(Ending(vec![program, dependency.clone()]));
        assert!(kernel.processes().is_empty());
        assert_eq!(
            dependency.status(),
            Some(ExitStatus::Signaled(Signal::Kill))
        );
    }
}

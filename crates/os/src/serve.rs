//! Serving HTTP with a component: each request gets a process of its own.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use holm_engine::process::Blocker;
use holm_engine::{Interrupter, LoadError, Program, TierChoice};
use holm_host_native::Parker;
use holm_http::{
    ClientError, ComponentService, MakeState, PooledClient, Report, Server, ServerError,
    ServerOptions, StoreTimer,
};
use holm_kernel::Task;
use holm_wasi_p2::http::{HttpService, ServiceError};
use holm_wasi_p2::views::{ViewError, Views};
use holm_wasi_p2::{Bounds, State};

use crate::command::{Command, Template};
use crate::run::Sleeper;
use crate::system::System;

/// How a component is served.
#[derive(Clone, Copy, Debug)]
pub struct ServeOptions {
    /// Where, and within which bounds.
    pub server: ServerOptions,
    /// Requests at a time; one more is answered 503.
    pub requests: usize,
}

/// Why a component is not served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// It cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It is a module.
    #[error(
        "a module does not serve HTTP: a service is a component that exports `wasi:http/incoming-handler` or `wasi:http/handler`"
    )]
    Module,
    /// It is no service, or imports what nobody provides.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// What its dependencies may do cannot be read.
    #[error(transparent)]
    Views(#[from] ViewError),
    /// CPU time is not counted for each request.
    #[error(
        "a limit of CPU time does not apply to requests, which share threads (bound their time with --timeout)"
    )]
    CpuLimit,
    /// A limit of time needs code that can be stopped.
    #[error("the system was made without interruptible code, which a limit of time needs")]
    NotInterruptible,
    /// The host gives no thread to wait for the sockets and streams of guests.
    #[error("the host gives no thread to wait for what guests wait for: {0}")]
    Reactor(std::io::Error),
    /// The server cannot be started.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// How often guest code that computes is looked at, when there is a limit of time.
const TICK: Duration = Duration::from_millis(5);

impl System {
    /// Serves HTTP with a component on the calling thread and others, until it is told to stop.
    /// Each request is answered by a fresh instance, in a process that holds what `command`
    /// says. `ready` is called with the address once it listens; SIGINT and SIGTERM end it, and
    /// a second one by `exit`.
    ///
    /// # Errors
    ///
    /// [`ServeError`] when it does not come to serve.
    pub fn serve(
        self: &Arc<System>,
        program: &Program,
        command: Command,
        options: ServeOptions,
        report: &Arc<dyn Report>,
        ready: impl FnOnce(SocketAddr),
        exit: fn(u8) -> !,
    ) -> Result<(), ServeError> {
        let tier = match command.tier {
            // What runs for long is worth waiting for.
            TierChoice::Auto => TierChoice::Optimised,
            tier => tier,
        };
        let loaded = self.engine.load(program, tier)?;
        let component = loaded.code.component().ok_or(ServeError::Module)?;
        let views = Views::of(component, || Ok(program.bytes()?))?;
        let service = HttpService::new(component, &|linker| views.link(linker))?;
        let template = Arc::new(command.into_template());
        let limits = template.limits();
        if limits.cpu_ns != u64::MAX {
            return Err(ServeError::CpuLimit);
        }
        let time = (limits.wall_ns != u64::MAX).then(|| Duration::from_nanos(limits.wall_ns));
        if time.is_some() && !self.engine.config().interruptible {
            return Err(ServeError::NotInterruptible);
        }
        // A guest that waits is suspended, and its thread runs others: nobody else leads.
        holm_host_native::drive().map_err(ServeError::Reactor)?;
        let server = Server::bind(options.server)?;
        server.stop_on_signals(exit)?;
        ready(server.address());
        let _ticker = time.map(|_| Ticker::start(loaded.interrupter()));
        let requests = Arc::new(AtomicUsize::new(0));
        server.run(&|_worker| {
            // Connections to others stay with the worker whose guests use them.
            let client = PooledClient::new(self.http_options.clone());
            let client = client.ok().map(Arc::new);
            let make = self.make_state(template.clone(), views.clone(), client);
            Rc::new(ComponentService::new(
                service.clone(),
                make,
                report.clone(),
                time,
                requests.clone(),
                options.requests,
            ))
        })?;
        Ok(())
    }

    /// Makes the processes of requests, on one thread.
    fn make_state(
        self: &Arc<System>,
        template: Arc<Template>,
        views: Views,
        client: Option<Arc<PooledClient>>,
    ) -> Arc<MakeState> {
        let system = self.clone();
        let sleeper: OnceLock<(Waker, Arc<dyn Blocker>)> = OnceLock::new();
        Arc::new(move || {
            let (waker, blocker) = sleeper.get_or_init(|| {
                let parker = Arc::new(Parker::new());
                (Waker::from(parker.clone()), Arc::new(Sleeper { parker }))
            });
            let spec = template.spec().map_err(|error| error.to_string())?;
            let process = system.kernel.spawn(&system.authority, spec);
            let process = process.map_err(|error| error.to_string())?;
            let timer = Arc::new(StoreTimer::new(process.clock().clone()));
            let task = Task::new(process, waker.clone());
            let mut state = State::new(task, blocker.clone(), timer, Bounds::default());
            views.enter(&mut state).map_err(|error| error.to_string())?;
            Ok(match &client {
                Some(client) => state.with_http(client.clone()),
                None => state,
            })
        })
    }
}

/// Makes guest code look at the time, every [`TICK`].
struct Ticker(Arc<AtomicBool>);

impl Ticker {
    fn start(interrupter: Interrupter) -> Ticker {
        let over = Arc::new(AtomicBool::new(false));
        let seen = over.clone();
        thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                thread::sleep(TICK);
                interrupter.interrupt();
            }
        });
        Ticker(over)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

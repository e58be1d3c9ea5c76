//! The server: a listener, connections within bounds, and a service that answers.
//!
//! Each worker is a thread with a runtime of its own: a connection, its requests and the guests
//! that answer them stay on one thread, and no request is handed from one to another.

mod check;
mod component;
mod connection;
mod incoming;
mod place;
mod signals;
mod timer;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use holm_wasi_p2::http::Body;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use tokio::sync::watch;

pub use component::{ComponentService, MakeState, Problem, Report};
pub use timer::StoreTimer;

/// An answer that is being made. It stays on its thread.
pub type Answer = Pin<Box<dyn Future<Output = Response<Body>>>>;

/// Answers requests: a component, a router over several, a file server.
pub trait Service: 'static {
    /// Answers one request, which was checked: its target is one host, said once. Dropping the
    /// answer means that the client went away.
    fn call(&self, request: Request<Body>) -> Answer;
}

/// Bounds of a server, whatever its clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerBounds {
    /// Connections at a time; one more is answered 503 and closed.
    pub connections: usize,
    /// Bytes of the head of a request; more is answered 431.
    pub head_bytes: usize,
    /// Headers of a request, with HTTP/2; with HTTP/1.1 there are 100. More is answered 431.
    pub fields: usize,
    /// Until the head of a request is there, and until the next one begins.
    pub head_time: Duration,
    /// Between two pieces of the body of a request.
    pub body_gap: Duration,
    /// Bytes of the body of a request; more is answered 413. `None` for as many as come.
    pub body_bytes: Option<u64>,
    /// Requests at a time on one connection of HTTP/2.
    pub streams: u32,
}

impl Default for ServerBounds {
    fn default() -> ServerBounds {
        ServerBounds {
            connections: 10_000,
            head_bytes: 64 << 10,
            fields: 100,
            head_time: Duration::from_secs(30),
            body_gap: Duration::from_secs(60),
            body_bytes: None,
            streams: 128,
        }
    }
}

/// How a server works.
#[derive(Clone, Copy, Debug)]
pub struct ServerOptions {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// Threads that answer; `None` for one per core.
    pub workers: Option<usize>,
    /// Its bounds.
    pub bounds: ServerBounds,
    /// How long requests may go on once it is told to stop.
    pub grace: Duration,
}

impl ServerOptions {
    /// The defaults, at an address.
    #[must_use]
    pub fn at(address: SocketAddr) -> ServerOptions {
        ServerOptions {
            address,
            workers: None,
            bounds: ServerBounds::default(),
            grace: Duration::from_secs(10),
        }
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// It cannot listen.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the host says.
        source: io::Error,
    },
    /// The host gives no thread, or none of what a thread needs.
    #[error("cannot start a thread that serves: {0}")]
    Worker(io::Error),
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    options: ServerOptions,
    stop: watch::Sender<bool>,
}

/// Tells a server to stop, from any thread.
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// No connection is accepted any more, and none waits for another request; requests that
    /// run may end, within the grace.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Server {
    /// Listens; nothing is accepted before [`Server::run`].
    ///
    /// # Errors
    ///
    /// [`ServerError::Listen`].
    pub fn bind(options: ServerOptions) -> Result<Server, ServerError> {
        let failed = |source| ServerError::Listen {
            address: options.address,
            source,
        };
        let listener = TcpListener::bind(options.address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Server {
            listener,
            address,
            options,
            stop: watch::Sender::new(false),
        })
    }

    /// The address, with the port that it got.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What stops it.
    #[must_use]
    pub fn stopper(&self) -> Stop {
        Stop(self.stop.clone())
    }

    /// Stops it when SIGINT or SIGTERM comes. `exit` ends the whole process, with an exit code:
    /// at a second signal, and when requests go on although the grace is over.
    ///
    /// # Errors
    ///
    /// [`ServerError::Worker`].
    pub fn stop_on_signals(&self, exit: fn(u8) -> !) -> Result<(), ServerError> {
        signals::listen(self.stopper(), self.options.grace, exit).map_err(ServerError::Worker)
    }

    /// Serves until it is told to stop, and what ran then has ended or the grace is over.
    /// `make` gives each worker, by number, its service.
    ///
    /// # Errors
    ///
    /// [`ServerError::Worker`].
    pub fn run(self, make: &(dyn Fn(usize) -> Rc<dyn Service> + Sync)) -> Result<(), ServerError> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let workers = self.options.workers.unwrap_or(cores).max(1);
        let connections = Arc::new(AtomicUsize::new(0));
        let work = |number: usize| {
            let listener = self.listener.try_clone().map_err(ServerError::Worker)?;
            let worker = connection::Worker {
                options: self.options,
                stop: self.stop.subscribe(),
                connections: connections.clone(),
            };
            worker
                .run(listener, make(number))
                .map_err(ServerError::Worker)
        };
        let work = &work;
        thread::scope(|scope| {
            let mut others = Vec::new();
            for number in 1..workers {
                let started = thread::Builder::new()
                    .name(format!("holm-serve-{number}"))
                    .stack_size(4 << 20)
                    .spawn_scoped(scope, move || work(number));
                match started {
                    Ok(thread) => others.push(thread),
                    // Fewer serve as well.
                    Err(_) if number > 1 => break,
                    Err(error) => return Err(ServerError::Worker(error)),
                }
            }
            let mut result = work(0);
            for thread in others {
                if let Ok(ended) = thread.join() {
                    result = result.and(ended);
                }
            }
            result
        })
    }
}

/// An answer of the server's own.
#[must_use]
pub fn text_answer(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    let mut text = text.into();
    text.push('\n');
    let body = Full::new(Bytes::from(text)).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

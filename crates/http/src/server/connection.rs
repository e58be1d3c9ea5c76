//! Workers and connections.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener as HostListener;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use holm_wasi_p2::http::Body;
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use super::check::{Refusal, check};
use super::incoming::RequestBody;
use super::place::Place;
use super::{ServerBounds, ServerOptions, Service, text_answer};

/// How long an accept that failed is left alone: mostly there are too many descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// How long is waited for the rest of what may become the preface of HTTP/2.
const PREFACE_PAUSE: Duration = Duration::from_millis(5);
/// The beginning of a connection of HTTP/2 (RFC 9113, section 3.4).
const PREFACE: &[u8; 4] = b"PRI ";

/// One thread of a server.
pub(super) struct Worker {
    pub(super) options: ServerOptions,
    pub(super) stop: watch::Receiver<bool>,
    /// Of all workers together.
    pub(super) connections: Arc<AtomicUsize>,
}

impl Worker {
    /// Accepts and serves on the calling thread.
    pub(super) fn run(self, listener: HostListener, service: Rc<dyn Service>) -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let local = LocalSet::new();
        let served = local.block_on(&runtime, self.accept(listener, service));
        // Guests whose grace is over end here.
        drop(local);
        runtime.shutdown_background();
        served
    }

    async fn accept(self, listener: HostListener, service: Rc<dyn Service>) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        let mut stop = self.stop.clone();
        let mut running = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                accepted = listener.accept() => accepted,
                Some(_) = running.join_next(), if !running.is_empty() => continue,
            };
            let Ok((stream, _)) = accepted else {
                sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let Some(place) = Place::take(&self.connections, self.options.bounds.connections)
            else {
                refuse(&stream, self.options.bounds.connections);
                continue;
            };
            let connection = Connection {
                bounds: self.options.bounds,
                stop: self.stop.clone(),
                service: service.clone(),
            };
            running.spawn_local(async move {
                connection.serve(stream).await;
                drop(place);
            });
        }
        drop(listener);
        let ended = async { while running.join_next().await.is_some() {} };
        // Those that are not done by then are cut off.
        let _ = timeout(self.options.grace, ended).await;
        Ok(())
    }
}

/// Says why a connection is closed at once, as far as that goes without waiting.
fn refuse(stream: &TcpStream, max: usize) {
    let text = format!("at most {max} connections are served at a time\n");
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n\
         content-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    );
    let _ = stream.try_write(answer.as_bytes());
}

/// A connection and whom its requests go to.
struct Connection {
    bounds: ServerBounds,
    stop: watch::Receiver<bool>,
    service: Rc<dyn Service>,
}

/// Runs the tasks of HTTP/2 where its connection is.
#[derive(Clone, Copy)]
struct Here;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for Here {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let Connection {
            bounds,
            mut stop,
            service,
        } = self;
        let stopped = stop.clone();
        let two = tokio::select! {
            two = timeout(bounds.head_time, speaks_two(&stream)) => two,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let Ok(Ok(two)) = two else { return };
        let respond = service_fn(move |request| {
            let service = service.clone();
            async move { Ok::<_, Infallible>(respond(&*service, request, &bounds).await) }
        });
        let io = TokioIo::new(stream);
        // How a connection ended is its client's affair.
        if two {
            serve_two(io, respond, &bounds, stopped).await;
        } else {
            serve_one(io, respond, &bounds, stopped).await;
        }
    }
}

/// Serves HTTP/1.1.
async fn serve_one<S>(
    io: TokioIo<TcpStream>,
    service: S,
    bounds: &ServerBounds,
    mut stop: watch::Receiver<bool>,
) where
    S: hyper::service::Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head_time)
        .max_buf_size(bounds.head_bytes.max(8 << 10))
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Serves HTTP/2, begun without asking (RFC 9113, section 3.3).
async fn serve_two<S>(
    io: TokioIo<TcpStream>,
    service: S,
    bounds: &ServerBounds,
    mut stop: watch::Receiver<bool>,
) where
    S: hyper::service::Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
    S::Future: 'static,
{
    let head = u32::try_from(bounds.head_bytes).unwrap_or(u32::MAX);
    let connection = http2::Builder::new(Here)
        .timer(TokioTimer::new())
        .keep_alive_interval(bounds.head_time)
        .keep_alive_timeout(bounds.head_time)
        .max_concurrent_streams(bounds.streams)
        .max_header_list_size(head)
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Whether a connection begins with the preface of HTTP/2.
async fn speaks_two(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0; PREFACE.len()];
    loop {
        let seen = stream.peek(&mut first).await?;
        if seen == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let known = first.get(..seen).unwrap_or_default();
        if !PREFACE.starts_with(known) {
            return Ok(false);
        }
        if seen == PREFACE.len() {
            return Ok(true);
        }
        sleep(PREFACE_PAUSE).await;
    }
}

async fn respond(
    service: &dyn Service,
    request: Request<Incoming>,
    bounds: &ServerBounds,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if let Err(Refusal(status, text)) = check(&parts, bounds) {
        return closing(text_answer(status, text));
    }
    if let Some(max) = bounds.body_bytes
        && body.size_hint().lower() > max
    {
        let text = format!("the body of a request has at most {max} bytes");
        return closing(text_answer(StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    let body = if body.is_end_stream() {
        http_body_util::Empty::new()
            .map_err(|never| match never {})
            .boxed_unsync()
    } else {
        RequestBody::new(body, bounds.body_gap, bounds.body_bytes).boxed_unsync()
    };
    service.call(Request::from_parts(parts, body)).await
}

/// The last answer on its connection: what follows may be part of what was refused.
fn closing(mut response: Response<Body>) -> Response<Body> {
    let close = http::HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

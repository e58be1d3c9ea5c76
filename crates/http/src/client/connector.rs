//! Connections: to the addresses that the kernel gave for this request, and to nothing else.

use std::error::Error;
use std::future::ready;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use holm_wasi_p2::http::ErrorCode;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::problem;

/// What one request may connect to.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) targets: Arc<[SocketAddr]>,
    pub(super) connect: Duration,
    /// Whether a connection is being made, for who counts the time to the first byte.
    pub(super) connecting: watch::Sender<bool>,
}

tokio::task_local! {
    /// The request on whose behalf the client connects. The pool asks for a connection while it
    /// polls that request, so that this is always the right one; without one nothing is made.
    static CALL: Call;
}

/// Polls `request` with its permission to connect.
pub(super) async fn with_call<F: Future>(call: Call, request: F) -> F::Output {
    CALL.scope(call, request).await
}

type BoxError = Box<dyn Error + Send + Sync>;
type Connecting<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// Makes the connections of a pool, TLS included, within the time that the request has for it.
#[derive(Clone)]
pub(super) struct Connector(HttpsConnector<Transport>);

impl Connector {
    pub(super) fn new(tls: ClientConfig) -> Connector {
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(Transport);
        Connector(https)
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Connecting<Self::Response, BoxError>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Ok(call) = CALL.try_with(Call::clone) else {
            return Box::pin(ready(Err(ErrorCode::HttpRequestDenied.into())));
        };
        call.connecting.send_replace(true);
        let connected = self.0.call(uri);
        Box::pin(async move {
            let connected = timeout(call.connect, connected).await;
            call.connecting.send_replace(false);
            connected.map_err(|_| ErrorCode::ConnectionTimeout)?
        })
    }
}

/// What carries a connection: TCP.
#[derive(Clone, Debug)]
struct Transport;

impl tower_service::Service<Uri> for Transport {
    type Response = TokioIo<TcpStream>;
    type Error = ErrorCode;
    type Future = Connecting<Self::Response, ErrorCode>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), ErrorCode>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        let call = CALL.try_with(Call::clone);
        Box::pin(async move {
            let call = call.map_err(|_| ErrorCode::HttpRequestDenied)?;
            connect(&call.targets).await.map(TokioIo::new)
        })
    }
}

/// Connects to the first of the addresses that answers.
async fn connect(targets: &[SocketAddr]) -> Result<TcpStream, ErrorCode> {
    let mut failure = ErrorCode::DestinationNotFound;
    for address in targets {
        match TcpStream::connect(address).await {
            Err(error) => failure = problem::of_io(&error),
            Ok(stream) => {
                // Requests are written whole: waiting for more only delays them.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
        }
    }
    Err(failure)
}

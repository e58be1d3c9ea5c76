//! Connections: to the addresses that the kernel gave for this request, and to nothing else.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use holm_wasi_p2::http::ErrorCode;
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

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

/// Makes the connections of a pool.
#[derive(Clone, Debug)]
pub(super) struct Connector;

type Connecting = Pin<Box<dyn Future<Output = Result<TokioIo<TcpStream>, ErrorCode>> + Send>>;

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = ErrorCode;
    type Future = Connecting;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), ErrorCode>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Connecting {
        let call = CALL.try_with(Call::clone);
        if let Ok(call) = &call {
            call.connecting.send_replace(true);
        }
        Box::pin(async move {
            let call = call.map_err(|_| ErrorCode::HttpRequestDenied)?;
            let connected = connect(&call).await;
            call.connecting.send_replace(false);
            connected.map(TokioIo::new)
        })
    }
}

/// Connects to the first of the addresses that answers.
async fn connect(call: &Call) -> Result<TcpStream, ErrorCode> {
    let until = Instant::now() + call.connect;
    let mut failure = ErrorCode::DestinationNotFound;
    for address in call.targets.iter() {
        match timeout_at(until, TcpStream::connect(address)).await {
            Err(_) => return Err(ErrorCode::ConnectionTimeout),
            Ok(Err(error)) => failure = problem::of_io(&error),
            Ok(Ok(stream)) => {
                // Requests are written whole: waiting for more only delays them.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
        }
    }
    Err(failure)
}

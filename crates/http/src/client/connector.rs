//! Connections: to the addresses that the kernel gave for this request, and to nothing else.

use std::error::Error;
use std::future::ready;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use holm_wasi_p2::http::ErrorCode;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::watch;
use tokio::time::timeout;

use super::proxies::Proxy;
use super::{problem, tunnel};

/// What one request may connect to.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) route: Route,
    pub(super) connect: Duration,
    /// Whether a connection is being made, for who counts the time to the first byte.
    pub(super) connecting: watch::Sender<bool>,
}

/// The way that a request may take.
#[derive(Clone, Debug)]
pub(super) enum Route {
    /// To one of these, which the kernel gave.
    Direct(Arc<[SocketAddr]>),
    /// Through a proxy, to what the kernel was asked for.
    Proxy(Arc<Through>),
}

/// A way through a proxy.
#[derive(Debug)]
pub(super) struct Through {
    pub(super) proxy: Proxy,
    /// Host and port of the tunnel through it; without one, the proxy sees the request.
    pub(super) tunnel: Option<String>,
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
    type Response = MaybeHttpsStream<Carrier>;
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
    type Response = Carrier;
    type Error = ErrorCode;
    type Future = Connecting<Self::Response, ErrorCode>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), ErrorCode>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        let call = CALL.try_with(Call::clone);
        Box::pin(async move {
            let call = call.map_err(|_| ErrorCode::HttpRequestDenied)?;
            match &call.route {
                Route::Direct(targets) => Ok(Carrier {
                    stream: TokioIo::new(connect(targets).await?),
                    to_proxy: false,
                }),
                Route::Proxy(through) => connect_through(through).await,
            }
        })
    }
}

/// A connection that was made.
#[derive(Debug)]
pub(super) struct Carrier {
    stream: TokioIo<TcpStream>,
    /// Whether at its other end is a proxy that is to be told where each request goes.
    to_proxy: bool,
}

impl Connection for Carrier {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.to_proxy)
    }
}

impl Read for Carrier {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Carrier {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}

/// Connects to a proxy, which the person who granted it named: no rule is about that. A proxy
/// that cannot be reached is told apart from a host that cannot.
async fn connect_through(through: &Through) -> Result<Carrier, ErrorCode> {
    let Proxy {
        host,
        port,
        authorization,
    } = &through.proxy;
    let found = lookup_host((host.as_str(), *port)).await;
    let targets: Vec<SocketAddr> = found.map_err(|_| ErrorCode::ConfigurationError)?.collect();
    let connected = connect(&targets).await;
    let mut stream = connected.map_err(|_| ErrorCode::ConfigurationError)?;
    if let Some(target) = &through.tunnel {
        tunnel::open(&mut stream, target, authorization.as_ref()).await?;
    }
    Ok(Carrier {
        stream: TokioIo::new(stream),
        to_proxy: through.tunnel.is_none(),
    })
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

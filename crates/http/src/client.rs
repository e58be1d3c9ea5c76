//! The client: the requests of components, over connections that are kept.
//!
//! Each request asks the kernel first, also when a connection is there already, and connections
//! are kept apart by the rules that they were made under: a process never uses a connection that
//! its own rules would not have made.

mod connector;
mod problem;
mod proxies;
mod received;
mod tunnel;

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use holm_abi::Errno;
use holm_kernel::Process;
use holm_kernel::net::{NetRules, parse_host};
use holm_wasi_p2::http::{
    Body, ErrorCode, HttpClient, RequestOptions, ResponseFuture, is_forbidden,
};
use http::header::{
    CONTENT_LENGTH, HOST, HeaderValue, PROXY_AUTHORIZATION, TRAILER, TRANSFER_ENCODING,
};
use http::uri::Scheme;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

pub use proxies::{Proxies, ProxyError, ProxyProblem};

use connector::{Call, Connector, Route, Through, with_call};
use proxies::with_authority;
use received::Received;

/// Bounds of what requests may take. A request's own times count where they are shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientBounds {
    /// Until the host's name is looked up and a connection is made.
    pub connect: Duration,
    /// From there until the head of the response is there.
    pub first_byte: Duration,
    /// Between two pieces of the response's body.
    pub between_bytes: Duration,
    /// From the first to the last byte of the response; `None` for as long as it takes.
    pub total: Option<Duration>,
    /// Bytes of the head of a response, with HTTP/1.1 and with HTTP/2.
    pub head_bytes: usize,
    /// Bytes of the body of a response; `None` for as many as come.
    pub body_bytes: Option<u64>,
    /// Requests at a time.
    pub requests: usize,
    /// Connections that are kept for each host when nobody uses them.
    pub idle_connections: usize,
    /// How long these are kept.
    pub idle: Duration,
}

impl Default for ClientBounds {
    fn default() -> ClientBounds {
        ClientBounds {
            connect: Duration::from_secs(30),
            first_byte: Duration::from_secs(600),
            between_bytes: Duration::from_secs(600),
            total: None,
            head_bytes: 128 << 10,
            body_bytes: None,
            requests: 1024,
            idle_connections: 64,
            idle: Duration::from_secs(90),
        }
    }
}

/// How the client works.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// Certificates of authorities, in DER, that are trusted instead of those of Mozilla's
    /// programme; those that cannot be used are passed over, as there are some in many bundles.
    pub roots: Option<Vec<Vec<u8>>>,
    /// Certificates of authorities, in DER, that are trusted as well.
    pub extra_roots: Vec<Vec<u8>>,
    /// The proxies that requests go through; without them each goes to its host.
    pub proxies: Option<Proxies>,
    /// Who is told of hosts that are not trusted.
    pub on_untrusted: Option<OnUntrusted>,
    /// Bounds of each request.
    pub bounds: ClientBounds,
}

/// Is told of a host whose certificate was refused: its name, its port, and why, in words for
/// people. Components learn no more than that it was. Called for each request, on the client's
/// threads.
#[derive(Clone)]
pub struct OnUntrusted(Arc<Tell>);

type Tell = dyn Fn(&str, u16, &str) + Send + Sync;

impl OnUntrusted {
    /// Calls `tell`.
    pub fn new(tell: impl Fn(&str, u16, &str) + Send + Sync + 'static) -> OnUntrusted {
        OnUntrusted(Arc::new(tell))
    }
}

impl fmt::Debug for OnUntrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnUntrusted").finish_non_exhaustive()
    }
}

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// A certificate that is to be trusted is none.
    #[error("certificate {at} of those to be trusted cannot be used: {source}")]
    Certificate {
        /// Which one, from 1.
        at: usize,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// Of the certificates that are to be trusted instead of Mozilla's, none can be.
    #[error("none of its {0} certificates can be used")]
    NoRoots(usize),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),
}

/// Most sets of rules whose connections are kept; of more, the oldest are closed.
const POLICIES_MAX: usize = 64;
/// No time of a request is shorter: one of zero is over before it begins, in some timers.
const TIME_MIN: Duration = Duration::from_millis(1);

type Pool = Client<Connector, Body>;

/// The client of one system. It starts a thread when it sends a first request, unless it is
/// called from within a runtime: then its connections live there.
pub struct PooledClient {
    bounds: ClientBounds,
    proxies: Option<Proxies>,
    on_untrusted: Option<OnUntrusted>,
    /// Made for the first request: most programs send none.
    tls: OnceLock<ClientConfig>,
    /// Connections by the rules that they were made under.
    pools: Mutex<VecDeque<(Vec<NetRules>, Pool)>>,
    requests: Arc<Semaphore>,
    runtime: OnceLock<Option<Runtime>>,
}

impl fmt::Debug for PooledClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledClient")
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}

impl PooledClient {
    /// A client. No thread is started, and nothing is connected.
    ///
    /// # Errors
    ///
    /// [`ClientError`] for certificates that are none.
    pub fn new(options: ClientOptions) -> Result<PooledClient, ClientError> {
        let tls = OnceLock::new();
        if options.roots.is_some() || !options.extra_roots.is_empty() {
            let _ = tls.set(tls_config(options.roots, options.extra_roots)?);
        }
        Ok(PooledClient {
            bounds: options.bounds,
            proxies: options.proxies,
            on_untrusted: options.on_untrusted,
            tls,
            pools: Mutex::new(VecDeque::new()),
            requests: Arc::new(Semaphore::new(options.bounds.requests)),
            runtime: OnceLock::new(),
        })
    }

    /// The connections that a process may use.
    fn pool(&self, process: &Process) -> Result<Pool, ErrorCode> {
        let rules = process.network().layers();
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pool)) = pools.iter().find(|(known, _)| known == rules) {
            return Ok(pool.clone());
        }
        let pool = self.new_pool()?;
        if pools.len() == POLICIES_MAX {
            pools.pop_front();
        }
        pools.push_back((rules.to_vec(), pool.clone()));
        Ok(pool)
    }

    fn new_pool(&self) -> Result<Pool, ErrorCode> {
        let tls = match self.tls.get() {
            Some(tls) => tls.clone(),
            None => {
                let made = tls_config(None, Vec::new());
                let made =
                    made.map_err(|error| ErrorCode::InternalError(Some(error.to_string())))?;
                self.tls.get_or_init(|| made).clone()
            }
        };
        let head = u32::try_from(self.bounds.head_bytes).unwrap_or(u32::MAX);
        let pool = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(self.bounds.idle)
            .pool_max_idle_per_host(self.bounds.idle_connections)
            .http1_max_buf_size(self.bounds.head_bytes.max(8 << 10))
            .http2_max_header_list_size(head)
            .build(Connector::new(tls));
        Ok(pool)
    }

    fn runtime(&self) -> Option<Handle> {
        if let Ok(current) = Handle::try_current() {
            return Some(current);
        }
        let own = self.runtime.get_or_init(|| {
            Builder::new_multi_thread()
                .worker_threads(1)
                .max_blocking_threads(1)
                .thread_name("holm-http")
                .enable_all()
                .build()
                .ok()
        });
        own.as_ref().map(|runtime| runtime.handle().clone())
    }

    fn times(&self, options: RequestOptions) -> Times {
        let shorter = |asked: Option<Duration>, bound: Duration| {
            asked.map_or(bound, |asked| asked.min(bound)).max(TIME_MIN)
        };
        Times {
            connect: shorter(options.connect, self.bounds.connect),
            first_byte: shorter(options.first_byte, self.bounds.first_byte),
            between_bytes: shorter(options.between_bytes, self.bounds.between_bytes),
        }
    }
}

impl Drop for PooledClient {
    fn drop(&mut self) {
        // A runtime cannot wait for its threads within another one.
        if let Some(Some(runtime)) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn tls_config(
    instead: Option<Vec<Vec<u8>>>,
    extra_roots: Vec<Vec<u8>>,
) -> Result<ClientConfig, ClientError> {
    let mut roots = RootCertStore::empty();
    match instead {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(instead) => {
            let all = instead.len();
            let (used, _) =
                roots.add_parsable_certificates(instead.into_iter().map(CertificateDer::from));
            if used == 0 {
                return Err(ClientError::NoRoots(all));
            }
        }
    }
    for (at, certificate) in (1..).zip(extra_roots) {
        roots
            .add(CertificateDer::from(certificate))
            .map_err(|source| ClientError::Certificate { at, source })?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ClientError::Tls)?;
    Ok(tls.with_root_certificates(roots).with_no_client_auth())
}

/// How long each part of one request may take.
#[derive(Clone, Copy, Debug)]
struct Times {
    connect: Duration,
    first_byte: Duration,
    between_bytes: Duration,
}

impl HttpClient for PooledClient {
    fn send(
        &self,
        mut request: Request<Body>,
        options: RequestOptions,
        process: &Arc<Process>,
    ) -> ResponseFuture {
        let refuse = |error| -> ResponseFuture { Box::pin(std::future::ready(Err(error))) };
        let target = match target(&mut request) {
            Ok(target) => target,
            Err(error) => return refuse(error),
        };
        let Ok(permit) = self.requests.clone().try_acquire_owned() else {
            return refuse(ErrorCode::ConnectionLimitReached);
        };
        let Some(runtime) = self.runtime() else {
            return refuse(ErrorCode::InternalError(Some(
                "the host gives no thread for HTTP".to_owned(),
            )));
        };
        let pool = match self.pool(process) {
            Ok(pool) => pool,
            Err(error) => return refuse(error),
        };
        let exchange = Exchange {
            pool,
            proxies: self.proxies.clone(),
            on_untrusted: self.on_untrusted.clone(),
            process: process.clone(),
            times: self.times(options),
            bounds: self.bounds,
            target,
            permit,
        };
        Box::pin(UnderWay(runtime.spawn(exchange.run(request))))
    }
}

/// A request that makes progress by itself; dropping this gives it up.
struct UnderWay(JoinHandle<Result<Response<Body>, ErrorCode>>);

impl Future for UnderWay {
    type Output = Result<Response<Body>, ErrorCode>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|joined| {
            joined.unwrap_or_else(|_| {
                let text = "the client was shut down".to_owned();
                Err(ErrorCode::InternalError(Some(text)))
            })
        })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Where a request goes.
#[derive(Debug)]
struct Target {
    host: String,
    port: u16,
}

/// Checks a request once more, where it is about to leave, and takes out of its headers what
/// frames and routes it: that follows from its `Uri` and body alone.
fn target(request: &mut Request<Body>) -> Result<Target, ErrorCode> {
    if request.method() == Method::CONNECT {
        return Err(ErrorCode::HttpRequestMethodInvalid);
    }
    let uri = request.uri();
    let default_port = match uri.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return Err(ErrorCode::HttpProtocolError),
    };
    let authority = uri.authority().ok_or(ErrorCode::HttpRequestUriInvalid)?;
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(ErrorCode::HttpRequestUriInvalid);
    }
    let port = authority.port_u16().unwrap_or(default_port);
    let target = Target {
        host: authority.host().to_owned(),
        port,
    };
    let headers = request.headers_mut();
    while let Some(name) = headers.keys().find(|name| is_forbidden(name)).cloned() {
        headers.remove(name);
    }
    debug_assert!(!headers.contains_key(HOST), "the client sets it");
    // HTTP/1.1 sends trailers only after chunks, and would frame a body that is whole by its
    // length. HTTP/2 leaves this header out.
    if headers.contains_key(TRAILER) {
        headers.remove(CONTENT_LENGTH);
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    Ok(target)
}

/// One request with its response.
struct Exchange {
    pool: Pool,
    proxies: Option<Proxies>,
    on_untrusted: Option<OnUntrusted>,
    process: Arc<Process>,
    times: Times,
    bounds: ClientBounds,
    target: Target,
    permit: OwnedSemaphorePermit,
}

/// What `answer` gives, unless that takes longer than `first_byte`; the time in which a
/// connection is made, which has a bound of its own, does not count.
async fn in_time<F: Future>(
    answer: F,
    mut connecting: watch::Receiver<bool>,
    first_byte: Duration,
) -> Option<F::Output> {
    let mut answer = pin!(answer);
    loop {
        let over = async {
            // An error means that nobody connects any more.
            let _ = connecting.wait_for(|connecting| !connecting).await;
            sleep(first_byte).await;
        };
        tokio::select! {
            biased;
            answered = &mut answer => return Some(answered),
            () = over => {}
        }
        if !*connecting.borrow() {
            return None;
        }
    }
}

impl Exchange {
    async fn run(self, mut request: Request<Body>) -> Result<Response<Body>, ErrorCode> {
        let began = tokio::time::Instant::now();
        let route = match self.proxied(&mut request)? {
            Some(route) => route,
            None => {
                let targets = timeout(self.times.connect, self.targets())
                    .await
                    .map_err(|_| ErrorCode::DnsTimeout)??;
                Route::Direct(targets.into())
            }
        };
        let through = matches!(route, Route::Proxy(_));
        let call = Call {
            route,
            connect: self
                .times
                .connect
                .saturating_sub(began.elapsed())
                .max(TIME_MIN),
            connecting: watch::Sender::new(false),
        };
        let connecting = call.connecting.subscribe();
        let answer = with_call(call, self.pool.request(request));
        let response = in_time(answer, connecting, self.times.first_byte)
            .await
            .ok_or(ErrorCode::HttpResponseTimeout)?
            .map_err(|error| {
                if let (Some(OnUntrusted(tell)), Some(why)) =
                    (&self.on_untrusted, problem::distrust(&error))
                {
                    tell(&self.target.host, self.target.port, &why);
                }
                problem::of_request(&error)
            })?;
        if through && response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            // It is no answer of the host, and nothing that the guest could mend.
            return Err(ErrorCode::ConfigurationError);
        }
        let (parts, body) = response.into_parts();
        let received = Received::new(
            body,
            self.times.between_bytes,
            self.bounds.total.map(|total| began + total),
            self.bounds.body_bytes,
            self.permit,
        );
        Ok(Response::from_parts(parts, received.boxed_unsync()))
    }

    /// The way through a proxy, when there is one for this request and the kernel lets this
    /// process go where it leads. What the proxy is told are the words that were judged: it might
    /// take `010.1.2.3` for another address.
    fn proxied(&self, request: &mut Request<Body>) -> Result<Option<Route>, ErrorCode> {
        let Some(proxies) = &self.proxies else {
            return Ok(None);
        };
        let Target { host, port } = &self.target;
        let host = parse_host(host).map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
        // This machine is not what a proxy would take for it.
        if host.is_localhost() {
            return Ok(None);
        }
        let authority = format!("{host}:{port}");
        let uri = with_authority(request.uri(), &authority)?;
        let Some(proxy) = proxies.of(&uri) else {
            return Ok(None);
        };
        self.process.check_proxied(&host, *port).map_err(refused)?;
        let tunnel = uri.scheme() == Some(&Scheme::HTTPS);
        *request.uri_mut() = uri;
        if let Some(authorization) = proxy.authorization.as_ref().filter(|_| !tunnel) {
            // It would answer with what it was sent, the password included.
            if request.method() == Method::TRACE {
                return Err(ErrorCode::HttpRequestMethodInvalid);
            }
            let headers = request.headers_mut();
            headers.insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        Ok(Some(Route::Proxy(Arc::new(Through {
            proxy,
            tunnel: tunnel.then_some(authority),
        }))))
    }

    /// What the kernel lets this process connect to; a refusal is noted there.
    async fn targets(&self) -> Result<Vec<SocketAddr>, ErrorCode> {
        let answer = poll_fn(|context| {
            let Target { host, port } = &self.target;
            self.process
                .poll_connect_targets(host, *port, context.waker())
        });
        answer.await.map_err(refused)
    }
}

/// Why the kernel gives no way to a host.
fn refused(errno: Errno) -> ErrorCode {
    match errno {
        Errno::Access => ErrorCode::HttpRequestDenied,
        Errno::Invalid => ErrorCode::HttpRequestUriInvalid,
        Errno::NoEntry => problem::no_such_host(),
        Errno::Again => ErrorCode::DnsTimeout,
        other => ErrorCode::InternalError(Some(other.to_string())),
    }
}

//! An authority of a test's own, the certificates that it gives, and servers that show them.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use http::{Request, Response, Version};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::sync::Barrier;
use tokio_rustls::TlsAcceptor;

/// Who signs.
pub(super) struct TestAuthority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub(super) struct Identity {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl TestAuthority {
    pub(super) fn new() -> TestAuthority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        TestAuthority(CertifiedIssuer::self_signed(params, key).expect("signed"))
    }

    /// Its own certificate, in DER.
    pub(super) fn der(&self) -> Vec<u8> {
        self.0.der().to_vec()
    }

    /// The same as PEM.
    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a host, good for a long time.
    pub(super) fn certify(&self, host: &str) -> Identity {
        self.certify_until(host, 2100)
    }

    /// One that ends with the beginning of a year.
    pub(super) fn certify_until(&self, host: &str, year: i32) -> Identity {
        let mut params = CertificateParams::new(vec![host.to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("signed");
        Identity {
            certificate: certificate.der().clone(),
            key,
        }
    }
}

/// A certificate of an authority that a host shows as its own, as `openssl req -x509` makes it.
pub(super) fn authority_as_host(host: &str) -> Identity {
    let mut params = CertificateParams::new(vec![host.to_owned()]).expect("a name");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("signed");
    Identity {
        certificate: certificate.der().clone(),
        key,
    }
}

impl Identity {
    /// Its certificate, in DER.
    pub(super) fn der(&self) -> Vec<u8> {
        self.certificate.to_vec()
    }

    /// How a server works that shows it and offers `protocols`.
    pub(super) fn config(&self, protocols: &[&str]) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).expect("a key");
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)
            .expect("a certificate and its key");
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        config
    }
}

impl Identity {
    /// One that wants to see a certificate of `authority`, over one version of TLS.
    pub(super) fn config_for_clients_of(
        &self,
        authority: &TestAuthority,
        version: &'static SupportedProtocolVersion,
    ) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(authority.0.der().clone()).expect("an authority");
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .expect("a verifier");
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).expect("a key");
        ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![self.certificate.clone()], key)
            .expect("a certificate and its key")
    }
}

/// A server over TLS, and what it saw.
pub(super) struct TlsServer {
    pub(super) address: SocketAddr,
    /// Connections that came, with a handshake that succeeded or not.
    pub(super) connections: Arc<AtomicUsize>,
}

impl TlsServer {
    /// Answers each request with the version of HTTP that it came by, once `together` of them
    /// are there.
    pub(super) fn start(config: ServerConfig, together: usize) -> TlsServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let seen = connections.clone();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(serve(
                listener,
                config,
                seen,
                Arc::new(Barrier::new(together)),
            ));
        });
        TlsServer {
            address,
            connections,
        }
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(
    listener: TcpListener,
    config: ServerConfig,
    seen: Arc<AtomicUsize>,
    together: Arc<Barrier>,
) {
    listener.set_nonblocking(true).expect("a listener");
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    while let Ok((stream, _)) = listener.accept().await {
        seen.fetch_add(1, Ordering::SeqCst);
        let (acceptor, together) = (acceptor.clone(), together.clone());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let both = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let stream = TokioIo::new(stream);
            let answer = service_fn(move |request| answer(request, together.clone()));
            let _ = if both {
                let server = http2::Builder::new(TokioExecutor::new());
                server.serve_connection(stream, answer).await
            } else {
                http1::Builder::new().serve_connection(stream, answer).await
            };
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    together: Arc<Barrier>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    if request.uri().path() == "/together" {
        together.wait().await;
    }
    let version = match request.version() {
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_11 => "HTTP/1.1",
        _ => "another",
    };
    Ok(Response::new(Full::from(version)))
}

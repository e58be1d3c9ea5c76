//! A server over TLS on the loopback address, and the authority that certifies it.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Answers each request with `hello over TLS`, for as long as the test runs.
#[derive(Debug)]
pub(crate) struct TlsServer {
    address: SocketAddr,
    /// The certificate of its authority, in PEM.
    pub(crate) authority: String,
    /// The same in DER.
    pub(crate) authority_der: Vec<u8>,
    /// The key of the server, in PEM.
    pub(crate) key: String,
}

impl TlsServer {
    /// Listens on a free port of 127.0.0.1, as `host`.
    pub(crate) fn start(host: &str) -> TlsServer {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(params, key).expect("signed");
        let params = CertificateParams::new(vec![host.to_owned()]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &authority).expect("signed");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
            )
            .expect("a certificate and its key");
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let config = config.clone();
                // A client that does not like the certificate ends its connection.
                thread::spawn(move || drop(serve(stream, config)));
            }
        });
        TlsServer {
            address,
            authority: authority.pem(),
            authority_der: authority.der().to_vec(),
            key: key.serialize_pem(),
        }
    }

    /// The address and port it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<()> {
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let mut head = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte)? == 1 {
        head.push(byte[0]);
        if head.ends_with(b"\r\n\r\n") {
            head.clear();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\nhello over TLS\n")?;
        }
    }
    Ok(())
}

//! Requests through a proxy: what it is told, and that it changes nothing about the rules.

use std::io::Write as _;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;

use holm_http::{ClientOptions, PooledClient, Proxies};
use holm_kernel::net::{AddressRange, HostPattern, NamePattern, NetRule, PortRanges, Protocol};
use holm_wasi_p2::http::ErrorCode;
use http::Request;

use super::authority::{TestAuthority, TlsServer};
use super::{OK, System, always, empty, get, head, peer, read, send, to};

/// A proxy: what it was told, a head for each request that it saw.
struct TestProxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl TestProxy {
    /// Tunnels lead to `server`, whoever they are for; other requests are answered `hi`.
    fn start(server: Option<SocketAddr>) -> TestProxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = heads.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let seen = seen.clone();
                thread::spawn(move || serve(stream, server, &seen));
            }
        });
        TestProxy { address, heads }
    }

    fn url(&self) -> String {
        format!("http://Aladdin:open%20sesame@{}", self.address)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no panic").clone()
    }
}

fn serve(mut stream: TcpStream, server: Option<SocketAddr>, seen: &Mutex<Vec<String>>) {
    loop {
        let text = head(&mut stream);
        if text.is_empty() {
            return;
        }
        seen.lock().expect("no panic").push(text.clone());
        if !text.starts_with("CONNECT ") {
            let _ = stream.write_all(OK);
            continue;
        }
        let Some(server) = server else {
            let _ = stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n");
            return;
        };
        let far = TcpStream::connect(server).expect("the server");
        let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n");
        let (near, other) = (
            stream.try_clone().expect("a handle"),
            far.try_clone().expect("a handle"),
        );
        let back = thread::spawn(move || pass(&other, &near));
        pass(&stream, &far);
        let _ = back.join();
        return;
    }
}

fn pass(mut from: &TcpStream, mut to: &TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

fn name(name: &str, port: u16) -> NetRule {
    NetRule::Connect {
        protocol: Protocol::Tcp,
        host: HostPattern::Name(NamePattern::Exactly(name.to_owned())),
        ports: PortRanges::one(port),
    }
}

fn through(proxy: &str) -> ClientOptions {
    ClientOptions {
        proxies: Some(Proxies::at(proxy, "the test").expect("a proxy")),
        ..ClientOptions::default()
    }
}

fn client(options: ClientOptions) -> PooledClient {
    PooledClient::new(options).expect("a client")
}

/// The system of these tests has no network: a name that it looked up would be an error.
#[test]
fn a_request_over_http_is_told_to_the_proxy_in_whole() {
    let proxy = TestProxy::start(None);
    let system = System::new();
    let process = system.process(&[name("service.test", 80), name("service.test", 8080)]);
    let client = client(through(&proxy.url()));
    for uri in [
        "http://service.test/a?b=c",
        "http://Service.TEST./a?b=c",
        "http://service.test:80/a?b=c",
        "http://service.test:8080/",
    ] {
        let response = send(&client, &process, get(uri)).expect("a response");
        assert_eq!(read(response).expect("a body"), "hi");
    }
    let heads = proxy.heads();
    for head in &heads[..3] {
        assert!(
            head.starts_with("GET http://service.test/a?b=c HTTP/1.1\r\n"),
            "{head}"
        );
        let head = head.to_ascii_lowercase();
        assert!(head.contains("\r\nhost: service.test\r\n"), "{head}");
        // "Aladdin:open sesame"
        let authorization = "\r\nproxy-authorization: basic qwxhzgrpbjpvcgvuihnlc2ftzq==\r\n";
        assert_eq!(head.matches(authorization).count(), 1, "{head}");
    }
    assert!(
        heads[3].starts_with("GET http://service.test:8080/ HTTP/1.1\r\n"),
        "{}",
        heads[3]
    );
}

/// TLS is with the host: the proxy sees where it leads and nothing else.
#[test]
fn a_request_over_https_goes_through_a_tunnel() {
    let authority = TestAuthority::new();
    for (protocols, version) in [(&["h2"][..], "HTTP/2"), (&["http/1.1"], "HTTP/1.1")] {
        let server = TlsServer::start(authority.certify("secure.test").config(protocols), 1);
        let proxy = TestProxy::start(Some(server.address));
        let system = System::new();
        let process = system.process(&[name("secure.test", 443), name("other.test", 443)]);
        let client = client(ClientOptions {
            extra_roots: vec![authority.der()],
            ..through(&proxy.url())
        });
        for _ in 0..3 {
            let response = send(&client, &process, get("https://secure.test/"));
            assert_eq!(
                read(response.expect("a response")).expect("a body"),
                version
            );
        }
        assert_eq!(
            proxy.heads(),
            [
                "CONNECT secure.test:443 HTTP/1.1\r\nhost: secure.test:443\r\n\
              proxy-authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"
            ]
        );
        // The certificate is for the host that was asked for, whatever the proxy leads to.
        let failed = send(&client, &process, get("https://other.test/"));
        assert!(
            matches!(failed, Err(ErrorCode::TlsCertificateError)),
            "{failed:?}"
        );
    }
}

#[test]
fn the_rules_hold_for_what_the_proxy_is_asked_for() {
    let proxy = TestProxy::start(None);
    let system = System::new();
    let client = client(through(&proxy.url()));
    let public = |port| NetRule::Connect {
        protocol: Protocol::Tcp,
        host: HostPattern::Public,
        ports: PortRanges::one(port),
    };
    let process = system.process(&[public(80), public(443), name("service.test", 8080)]);
    for uri in [
        // A rule for every public address says nothing of where a proxy finds a name.
        "http://service.test/",
        "https://service.test/",
        "http://other.test:8080/",
        "http://169.254.169.254/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://10.1.2.3/",
        "http://0xa.1.2.3/",
        "http://012.1.2.3/",
        "http://167838211/",
        "http://9.9.9.9:81/",
    ] {
        let refused = send(&client, &process, get(uri));
        assert!(
            matches!(refused, Err(ErrorCode::HttpRequestDenied)),
            "{uri}: {refused:?}"
        );
    }
    let told = process.denials();
    let told = format!("{:?}", told.first().map(|denial| &denial.cause));
    assert!(told.contains("service.test"), "{told}");
    assert_eq!(proxy.heads(), [""; 0]);
    // What is allowed is told in the words that were judged, and no others.
    let range = AddressRange::new("8.0.0.0".parse().expect("an address"), 8).expect("a range");
    let process = system.process(&[NetRule::Connect {
        protocol: Protocol::Tcp,
        host: HostPattern::Range(range),
        ports: PortRanges::one(80),
    }]);
    send(&client, &process, get("http://010.1.2.3/")).expect("a response");
    assert!(proxy.heads()[0].starts_with("GET http://8.1.2.3/ HTTP/1.1\r\n"));
}

#[test]
fn a_connection_through_a_proxy_is_not_for_who_may_not_make_it() {
    let authority = TestAuthority::new();
    let server = TlsServer::start(authority.certify("secure.test").config(&["h2"]), 1);
    let proxy = TestProxy::start(Some(server.address));
    let system = System::new();
    let client = client(ClientOptions {
        extra_roots: vec![authority.der()],
        ..through(&proxy.url())
    });
    let allowed = system.process(&[name("secure.test", 443)]);
    send(&client, &allowed, get("https://secure.test/")).expect("a response");
    let stranger = system.process(&[name("other.test", 443)]);
    let refused = send(&client, &stranger, get("https://secure.test/"));
    assert!(matches!(refused, Err(ErrorCode::HttpRequestDenied)));
    let other = system.process(&[name("secure.test", 443), name("other.test", 443)]);
    send(&client, &other, get("https://secure.test/")).expect("a response");
    assert_eq!(server.connections(), 2);
}

/// What is this machine's own is not what the proxy would take for it.
#[test]
fn this_machine_and_what_is_named_are_reached_directly() {
    let (address, connections) = peer(always(OK));
    let proxy = TestProxy::start(None);
    let system = System::new();
    let process = system.process(&[to(address), name("direct.test", 80)]);
    let port = address.port();
    let url = proxy.url();
    let variable = |name: &str| match name {
        "all_proxy" => Some(url.clone().into()),
        "no_proxy" => Some("direct.test".into()),
        _ => None,
    };
    let client = client(ClientOptions {
        proxies: Proxies::from_environment(&variable).expect("proxies"),
        ..ClientOptions::default()
    });
    for host in ["127.0.0.1", "localhost", "2130706433"] {
        let request = get(&format!("http://{host}:{port}/"));
        send(&client, &process, request).expect("a response");
    }
    assert!(connections.load(Ordering::SeqCst) > 0);
    // It is looked up, in a system that has no network.
    let failed = send(&client, &process, get("http://direct.test/"));
    assert!(
        matches!(failed, Err(ErrorCode::InternalError(_))),
        "{failed:?}"
    );
    assert_eq!(proxy.heads(), [""; 0]);
}

#[test]
fn a_proxy_that_fails_is_told_apart_from_a_host_that_does() {
    let system = System::new();
    let process = system.process(&[name("service.test", 80), name("service.test", 443)]);
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = closed.local_addr().expect("an address");
    drop(closed);
    let client_of = |address: SocketAddr| client(through(&format!("http://{address}")));
    // It cannot be reached, or wants to know who asks.
    let (wants, _) = peer(always(
        b"HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\
          content-length: 0\r\n\r\n",
    ));
    for address in [address, wants] {
        let client = client_of(address);
        for uri in ["http://service.test/", "https://service.test/"] {
            let failed = send(&client, &process, get(uri));
            assert!(
                matches!(failed, Err(ErrorCode::ConfigurationError)),
                "{uri}: {failed:?}"
            );
        }
    }
    // The host cannot be reached.
    let proxy = TestProxy::start(None);
    let client = client_of(proxy.address);
    let failed = send(&client, &process, get("https://service.test/"));
    assert!(
        matches!(failed, Err(ErrorCode::DestinationUnavailable)),
        "{failed:?}"
    );
}

/// A proxy answers `TRACE` with what it was sent.
#[test]
fn the_password_of_a_proxy_does_not_come_back() {
    let proxy = TestProxy::start(None);
    let system = System::new();
    let process = system.process(&[name("service.test", 80)]);
    let client = client(through(&proxy.url()));
    let request = Request::builder()
        .method("TRACE")
        .uri("http://service.test/")
        .header("max-forwards", "0")
        .body(empty())
        .expect("a request");
    let refused = send(&client, &process, request);
    assert!(matches!(refused, Err(ErrorCode::HttpRequestMethodInvalid)));
    assert_eq!(proxy.heads(), [""; 0]);
    assert!(!format!("{client:?}").contains("sesame"));
}

//! The client against peers that lie, stall and never end, and the rules of the kernel.

#[path = "client/authority.rs"]
mod authority;
#[path = "client/proxy.rs"]
mod proxy;
#[path = "client/tls.rs"]
mod tls;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use holm_abi::Errno;
use holm_http::{ClientBounds, ClientOptions, PooledClient};
use holm_kernel::deterministic::{SeededEntropy, VirtualClock};
use holm_kernel::net::{AddressRange, HostPattern, NetRule, NetRules, PortRanges, Protocol};
use holm_kernel::{Authority, Kernel, Options, Ports, Process, ProcessSpec};
use holm_wasi_p2::http::{Body, ErrorCode, HttpClient, RequestOptions};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty, Full};

struct System {
    kernel: Arc<Kernel>,
    authority: Authority,
}

impl System {
    fn new() -> System {
        let ports = Ports {
            clock: Arc::new(VirtualClock::new()),
            entropy: Arc::new(SeededEntropy::new(1)),
            network: None,
        };
        let (kernel, authority) = Kernel::boot(ports, Options::default()).expect("a kernel");
        System { kernel, authority }
    }

    fn process(&self, rules: &[NetRule]) -> Arc<Process> {
        let mut network = NetRules::none();
        for rule in rules {
            network.push(rule.clone());
        }
        let spec = ProcessSpec {
            network,
            ..ProcessSpec::default()
        };
        self.kernel.spawn(&self.authority, spec).expect("a process")
    }
}

fn to(address: SocketAddr) -> NetRule {
    NetRule::Connect {
        protocol: Protocol::Tcp,
        host: HostPattern::Range(AddressRange::of(address.ip())),
        ports: PortRanges::one(address.port()),
    }
}

/// A peer that answers each connection by `answer`, and how many there were.
fn peer(answer: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            seen.fetch_add(1, Ordering::SeqCst);
            let answer = answer.clone();
            thread::spawn(move || answer(&mut stream));
        }
    });
    (address, count)
}

/// Reads the head of a request.
fn head(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => text.push(byte[0]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Answers every request of a connection with `answer`.
fn always(answer: &'static [u8]) -> impl Fn(&mut TcpStream) + Send + Sync {
    move |stream| {
        while !head(stream).is_empty() {
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    }
}

fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

fn get(uri: &str) -> Request<Body> {
    Request::get(uri).body(empty()).expect("a request")
}

fn client(bounds: ClientBounds) -> PooledClient {
    PooledClient::new(ClientOptions {
        bounds,
        ..ClientOptions::default()
    })
    .expect("a client")
}

fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
        .block_on(future)
}

fn send(
    client: &PooledClient,
    process: &Arc<Process>,
    request: Request<Body>,
) -> Result<Response<Body>, ErrorCode> {
    wait(client.send(request, RequestOptions::default(), process))
}

fn read(response: Response<Body>) -> Result<Bytes, ErrorCode> {
    wait(response.into_body().collect()).map(http_body_util::Collected::to_bytes)
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

#[test]
fn connections_are_kept() {
    let system = System::new();
    let (address, connections) = peer(always(OK));
    let process = system.process(&[to(address)]);
    let client = client(ClientBounds::default());
    for _ in 0..5 {
        let response = send(&client, &process, get(&format!("http://{address}/")));
        assert_eq!(read(response.expect("a response")).expect("a body"), "hi");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[test]
fn without_a_rule_nothing_is_connected_and_the_refusal_is_noted() {
    let system = System::new();
    let (address, connections) = peer(always(OK));
    let process = system.process(&[]);
    let client = client(ClientBounds::default());
    let refused = send(&client, &process, get(&format!("http://{address}/")));
    assert!(matches!(refused, Err(ErrorCode::HttpRequestDenied)));
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    let denials = process.denials();
    assert_eq!(denials.len(), 1);
    assert_eq!(denials[0].errno, Errno::Access);
}

#[test]
fn a_kept_connection_is_not_for_who_may_not_make_it() {
    let system = System::new();
    let (address, connections) = peer(always(OK));
    let (elsewhere, _) = peer(always(OK));
    let client = client(ClientBounds::default());
    let uri = format!("http://{address}/");
    let allowed = system.process(&[to(address)]);
    read(send(&client, &allowed, get(&uri)).expect("a response")).expect("a body");
    // Neither who may go elsewhere, nor who may go there by other rules, gets that connection.
    let other = system.process(&[to(elsewhere)]);
    let refused = send(&client, &other, get(&uri));
    assert!(matches!(refused, Err(ErrorCode::HttpRequestDenied)));
    let both = system.process(&[to(address), to(elsewhere)]);
    read(send(&client, &both, get(&uri)).expect("a response")).expect("a body");
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[test]
fn disguises_of_an_address_are_that_address() {
    let system = System::new();
    let (address, connections) = peer(always(OK));
    let port = address.port();
    let process = system.process(&[]);
    let client = client(ClientBounds::default());
    for host in [
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "localhost",
        "localhost.",
        "169.254.169.254",
    ] {
        let Ok(request) = Request::get(format!("http://{host}:{port}/")).body(empty()) else {
            continue;
        };
        let refused = send(&client, &process, request);
        assert!(
            matches!(
                refused,
                Err(ErrorCode::HttpRequestDenied | ErrorCode::HttpRequestUriInvalid)
            ),
            "{host}: {refused:?}"
        );
    }
    let refused = send(&client, &process, get(&format!("http://user@{address}/")));
    assert!(matches!(refused, Err(ErrorCode::HttpRequestUriInvalid)));
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[test]
fn redirects_are_the_guests_to_follow() {
    let system = System::new();
    let (target, connections) = peer(always(OK));
    let location: &'static str =
        format!("HTTP/1.1 302 Found\r\nlocation: http://{target}/\r\ncontent-length: 0\r\n\r\n")
            .leak();
    let (address, _) = peer(always(location.as_bytes()));
    let process = system.process(&[to(address), to(target)]);
    let client = client(ClientBounds::default());
    let response = send(&client, &process, get(&format!("http://{address}/")));
    assert_eq!(response.expect("a response").status(), 302);
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[test]
fn what_a_guest_says_of_hosts_and_framing_is_not_sent() {
    let system = System::new();
    let (address, _) = peer(|stream| {
        let text = head(stream).to_ascii_lowercase();
        let hosts = text.matches("\r\nhost:").count();
        let bad = ["evil", "upgrade", "chunked", "keep-alive"];
        let lied = bad.iter().any(|word| text.contains(word));
        let body = if hosts == 1 && !lied { "fine" } else { "lies" };
        let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n{body}");
    });
    let process = system.process(&[to(address)]);
    let client = client(ClientBounds::default());
    let request = Request::get(format!("http://{address}/"))
        .header("host", "evil.example")
        .header("connection", "upgrade")
        .header("upgrade", "h2c")
        .header("transfer-encoding", "chunked")
        .header("keep-alive", "timeout=1")
        .body(empty())
        .expect("a request");
    let response = send(&client, &process, request).expect("a response");
    assert_eq!(read(response).expect("a body"), "fine");
}

#[test]
fn headers_without_end_are_an_error() {
    let system = System::new();
    let (address, _) = peer(|stream| {
        head(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"x-more: and more\r\n").is_ok() {}
    });
    let (long, _) = peer(|stream| {
        head(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx-long: ");
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    let (many, _) = peer(|stream| {
        head(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        let _ = stream.write_all("a:\r\n".repeat(32_769).as_bytes());
        let _ = stream.write_all(b"\r\n");
    });
    let client = client(ClientBounds::default());
    for address in [address, long, many] {
        let process = system.process(&[to(address)]);
        let failed = send(&client, &process, get(&format!("http://{address}/")));
        assert!(
            matches!(failed, Err(ErrorCode::HttpResponseHeaderSectionSize(_))),
            "{failed:?}"
        );
    }
}

#[test]
fn bodies_that_lie_about_their_length_are_errors() {
    let system = System::new();
    let (short, _) = peer(|stream| {
        head(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi");
    });
    let client = client(ClientBounds::default());
    let process = system.process(&[to(short)]);
    let response = send(&client, &process, get(&format!("http://{short}/")));
    assert!(read(response.expect("a head")).is_err());
    // More than was declared is no part of this response, nor of the next.
    let (long, connections) = peer(always(
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
    ));
    let process = system.process(&[to(long)]);
    for _ in 0..2 {
        let response = send(&client, &process, get(&format!("http://{long}/")));
        assert_eq!(read(response.expect("a head")).expect("a body"), "hi");
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(connections.load(Ordering::SeqCst), 2);
    // Two lengths at once.
    let (two, _) = peer(always(
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 9\r\n\r\nhi",
    ));
    let process = system.process(&[to(two)]);
    let failed = send(&client, &process, get(&format!("http://{two}/")));
    assert!(failed.is_err(), "{failed:?}");
}

#[test]
fn a_server_that_answers_for_ever_meets_the_bounds() {
    let system = System::new();
    let (address, _) = peer(|stream| {
        head(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    let process = system.process(&[to(address)]);
    let sized = client(ClientBounds {
        body_bytes: Some(1 << 20),
        ..ClientBounds::default()
    });
    let response = send(&sized, &process, get(&format!("http://{address}/")));
    assert!(matches!(
        read(response.expect("a head")),
        Err(ErrorCode::HttpResponseBodySize(_))
    ));
    let timed = client(ClientBounds {
        total: Some(Duration::from_millis(300)),
        ..ClientBounds::default()
    });
    let response = send(&timed, &process, get(&format!("http://{address}/")));
    let failed = read(response.expect("a head"));
    assert!(failed.is_err(), "{failed:?}");
}

#[test]
fn a_server_that_stalls_is_given_up() {
    let system = System::new();
    let (silent, _) = peer(|stream| {
        head(stream);
        thread::sleep(Duration::from_secs(30));
    });
    let (stuck, _) = peer(|stream| {
        head(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi");
        thread::sleep(Duration::from_secs(30));
    });
    let process = system.process(&[to(silent), to(stuck)]);
    let client = client(ClientBounds {
        connect: Duration::from_millis(200),
        ..ClientBounds::default()
    });
    // Zero is no time at all, and no panic.
    for short in [Duration::ZERO, Duration::from_millis(100)] {
        let options = RequestOptions {
            connect: None,
            first_byte: Some(short),
            between_bytes: Some(short),
        };
        let began = Instant::now();
        let request = get(&format!("http://{silent}/"));
        let failed = wait(client.send(request, options, &process));
        assert!(matches!(failed, Err(ErrorCode::HttpResponseTimeout)));
        let options = RequestOptions {
            first_byte: None,
            ..options
        };
        let request = get(&format!("http://{stuck}/"));
        let response = wait(client.send(request, options, &process));
        assert!(matches!(
            read(response.expect("a head")),
            Err(ErrorCode::ConnectionReadTimeout)
        ));
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn a_tunnel_is_refused() {
    let system = System::new();
    let (address, connections) = peer(always(OK));
    let process = system.process(&[to(address)]);
    let client = client(ClientBounds::default());
    let request = Request::builder()
        .method("CONNECT")
        .uri(format!("http://{address}/"))
        .body(
            Full::from("x")
                .map_err(|never| match never {})
                .boxed_unsync(),
        )
        .expect("a request");
    let refused = send(&client, &process, request);
    assert!(matches!(refused, Err(ErrorCode::HttpRequestMethodInvalid)));
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

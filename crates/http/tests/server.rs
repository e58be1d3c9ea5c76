//! The server against clients that lie, stall and never end.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use holm_http::{Answer, Server, ServerBounds, ServerOptions, Service, Stop, text_answer};
use holm_wasi_p2::http::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;

/// Tells what it was asked, and how long the body was.
struct Tell;

impl Service for Tell {
    fn call(&self, request: Request<Body>) -> Answer {
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            match request.into_body().collect().await {
                Ok(body) => {
                    let length = body.to_bytes().len();
                    text_answer(StatusCode::OK, format!("{path} {length}"))
                }
                Err(error) => text_answer(StatusCode::BAD_REQUEST, format!("{error:?}")),
            }
        })
    }
}

struct Running {
    address: SocketAddr,
    stop: Stop,
    thread: Option<thread::JoinHandle<()>>,
}

impl Running {
    fn start(bounds: ServerBounds) -> Running {
        let options = ServerOptions {
            workers: Some(1),
            bounds,
            grace: Duration::from_millis(500),
            ..ServerOptions::at("127.0.0.1:0".parse().expect("an address"))
        };
        let server = Server::bind(options).expect("a port");
        let (address, stop) = (server.address(), server.stopper());
        let thread = thread::spawn(move || {
            server.run(&|_| Rc::new(Tell)).expect("a worker");
        });
        Running {
            address,
            stop,
            thread: Some(thread),
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).expect("a timeout");
        stream
    }

    /// Everything that is answered to these bytes until the connection is closed.
    fn ask(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // The server may close before it has read all.
        let _ = stream.write_all(bytes);
        rest(&mut stream)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it ends");
        }
    }
}

fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&text).into_owned(),
            Ok(length) => text.extend_from_slice(&piece[..length]),
        }
    }
}

#[test]
fn requests_are_answered() {
    let server = Running::start(ServerBounds::default());
    let text = server
        .ask(b"POST /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc");
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(text.ends_with("/a 3\n"), "{text}");
}

#[test]
fn a_request_for_another_host_than_it_says_is_refused() {
    let server = Running::start(ServerBounds::default());
    for head in [
        "GET http://other/ HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: user@x\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x:0\r\n\r\n",
    ] {
        let text = server.ask(head.as_bytes());
        assert!(text.starts_with("HTTP/1.1 400"), "{head}: {text}");
        // What came behind could be part of it: the connection is over.
        assert!(text.to_ascii_lowercase().contains("connection: close"));
    }
    let text = server.ask(b"CONNECT x:1 HTTP/1.1\r\nhost: x:1\r\n\r\n");
    assert!(text.starts_with("HTTP/1.1 405"), "{text}");
}

#[test]
fn heads_without_end_are_refused() {
    let server = Running::start(ServerBounds::default());
    let many = format!(
        "GET / HTTP/1.1\r\nhost: x\r\n{}\r\n",
        "a:\r\n".repeat(32_769)
    );
    let long = format!(
        "GET / HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n",
        "a".repeat(1 << 20)
    );
    let path = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(1 << 20));
    for head in [many, long, path] {
        let text = server.ask(head.as_bytes());
        let refused = text.is_empty() || text.starts_with("HTTP/1.1 4");
        assert!(refused, "{}", text.lines().next().unwrap_or_default());
    }
    let text = server.ask(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert!(text.starts_with("HTTP/1.1 200"), "it serves on: {text}");
}

#[test]
fn a_client_that_is_slow_on_purpose_is_dropped() {
    let server = Running::start(ServerBounds {
        head_time: Duration::from_millis(300),
        body_gap: Duration::from_millis(300),
        ..ServerBounds::default()
    });
    for begin in [
        &b""[..],
        b"P",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nhost: x\r\nx: ",
    ] {
        let began = Instant::now();
        server.ask(begin);
        assert!(began.elapsed() < Duration::from_secs(10));
    }
    // One that keeps its connection and asks no more.
    let began = Instant::now();
    let text = server.ask(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(began.elapsed() < Duration::from_secs(10));
    let text = server.ask(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc");
    assert!(text.starts_with("HTTP/1.1 400"), "{text}");
}

#[test]
fn bodies_keep_to_their_length_and_to_the_bound() {
    let server = Running::start(ServerBounds {
        body_bytes: Some(1000),
        ..ServerBounds::default()
    });
    let text = server.ask(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1001\r\n\r\n");
    assert!(text.starts_with("HTTP/1.1 413"), "{text}");
    // One that does not say how much there is.
    let mut chunked =
        b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec();
    chunked.extend_from_slice(format!("7d0\r\n{}\r\n0\r\n\r\n", "x".repeat(2000)).as_bytes());
    let text = server.ask(&chunked);
    assert!(text.starts_with("HTTP/1.1 400"), "{text}");
    // Fewer bytes than were declared.
    let mut stream = server.connect();
    stream
        .write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc")
        .expect("it is sent");
    stream
        .shutdown(std::net::Shutdown::Write)
        .expect("it is open");
    let text = rest(&mut stream);
    assert!(!text.starts_with("HTTP/1.1 200"), "{text}");
    // Lengths that two readers would read differently.
    for length in ["3, 4", "+3", "3\r\ncontent-length: 4", "-1", "0x3"] {
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\nabc");
        let text = server.ask(head.as_bytes());
        assert!(text.starts_with("HTTP/1.1 400"), "{length}: {text}");
    }
}

#[test]
fn connections_are_bounded_and_the_bound_is_named() {
    let server = Running::start(ServerBounds {
        connections: 1,
        ..ServerBounds::default()
    });
    let mut first = server.connect();
    first
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .expect("it is sent");
    let mut byte = [0];
    first.read_exact(&mut byte).expect("an answer");
    let text = server.ask(b"");
    assert!(text.starts_with("HTTP/1.1 503"), "{text}");
    assert!(text.contains("at most 1 connections"), "{text}");
}

#[test]
fn stopping_ends_idle_connections() {
    let server = Running::start(ServerBounds::default());
    let mut idle = server.connect();
    let began = Instant::now();
    drop(server);
    assert!(rest(&mut idle).is_empty());
    assert!(began.elapsed() < Duration::from_secs(10));
}

//! `holm serve`: services in three languages, and what a client gets whatever clients and services do.

use std::io::Write as _;
use std::net::TcpListener;

use rustix::process::Signal;

use crate::support::http_client::{connect, get, read_until, receive, send};
use crate::support::http_server::HttpServer;
use crate::support::service::serve;
use crate::support::{Folder, guest, holm};

/// The services whose one line is known.
const HELLOS: [(&str, &str); 4] = [
    ("component-rust/http_hello", "Hello from Rust over HTTP!\n"),
    (
        "component-rust/p3_http_hello",
        "Hello from Rust over HTTP on WASI 0.3!\n",
    ),
    // These two count in a global variable: a second request must find none of the first.
    (
        "js/http_hello",
        "Hello from JavaScript over HTTP! /a?b=c request 1\n",
    ),
    (
        "python/http_hello",
        "Hello from Python over HTTP! /a?b=c request 1\n",
    ),
];

#[test]
fn a_line_in_three_languages() {
    for (name, line) in HELLOS {
        let server = serve(&[], name);
        for _ in 0..3 {
            let reply = server.get("/a?b=c").is(200).says(line);
            assert_eq!(
                reply.field("content-type"),
                Some("text/plain; charset=utf-8"),
                "{name}"
            );
        }
        server.stop().silent();
    }
}

/// The services of this kind that tests of their own serve.
#[test]
fn every_service_is_served() {
    let here = include_str!("serve.rs");
    let elsewhere = [include_str!("composition.rs"), include_str!("floods.rs")];
    for language in ["component-rust", "js", "python"] {
        let folder = guest(&format!("{language}/http_hello"));
        let folder = folder.parent().expect("a folder");
        for entry in folder.read_dir().expect("the guests") {
            let path = entry.expect("an entry").path();
            let name = path.file_stem().expect("a name").to_string_lossy();
            assert!(
                !name.contains("http_")
                    || name == "suite_http"
                    || here.contains(&format!("\"{language}/{name}\""))
                    || elsewhere
                        .iter()
                        .any(|text| text.contains(&format!("{name}\""))),
                "{language}/{name} is not served here"
            );
        }
    }
}

/// Neither side waits for the end of the other: the first piece is back before the second leaves.
#[test]
fn bodies_and_trailers_stream_both_ways() {
    for name in ["component-rust/http_echo", "component-rust/p3_http_echo"] {
        let server = serve(&[], name);
        let mut stream = connect(server.address);
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\nte: trailers\r\ntrailer: x-sum\r\n\
             transfer-encoding: chunked\r\nconnection: close\r\n\r\n5\r\nfirst\r\n",
            server.address
        );
        stream.write_all(head.as_bytes()).expect("it reads");
        let seen = read_until(&mut stream, b"first\r\n");
        let rest = b"6\r\nsecond\r\n0\r\nx-sum: 11\r\n\r\n";
        stream.write_all(rest).expect("it reads");
        let reply = receive(&mut stream, seen).is(200).says("firstsecond");
        // Over HTTP/1.1 trailers are sent that the answer's head names, and one of the two names them.
        let sent = [("x-sum".to_owned(), "11".to_owned())];
        let announces = name == "component-rust/http_echo";
        assert_eq!(reply.trailers, sent[..usize::from(announces)], "{name}");
        server.stop().silent();
    }
}

#[test]
fn large_bodies_arrive_whole() {
    let body: Vec<u8> = (0..300_000_u32).map(|at| at.to_le_bytes()[1]).collect();
    for name in ["component-rust/http_echo", "component-rust/p3_http_echo"] {
        let server = serve(&[], name);
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            server.address,
            body.len()
        );
        let reply = send(server.address, [head.as_bytes(), &body].concat()).is(200);
        assert!(reply.body == body, "{name}: {} bytes", reply.body.len());
        server.stop().silent();
    }
    let server = serve(&[], "component-rust/http_big");
    let reply = server.get("/?bytes=20000000").is(200);
    assert_eq!(reply.body.len(), 20_000_000);
    let wrong = (0_usize..)
        .zip(&reply.body)
        .find(|(at, byte)| at % 251 != usize::from(**byte));
    assert_eq!(wrong, None);
    server.stop().silent();
}

#[test]
fn what_the_service_sees_of_a_request() {
    let server = serve(&[], "component-rust/http_headers");
    let fields = "x-two: 1\r\nx-two: 2\r\nkeep-alive: 5\r\n";
    let reply = get(server.address, "/a%20b?c=d", fields).is(200);
    reply.says(&format!(
        "method: Method::Get\nscheme: Some(Scheme::Http)\nauthority: Some(\"{}\")\n\
         path: Some(\"/a%20b?c=d\")\nx-two: 1\nx-two: 2\n",
        server.address
    ));
    server.stop().silent();
}

#[test]
fn a_service_that_takes_its_time() {
    let server = serve(&["--max-requests", "1"], "component-rust/http_slow");
    let mut slow = connect(server.address);
    let head = format!(
        "GET /?first=0&pieces=2&gap=1000 HTTP/1.1\r\nhost: {}\r\n\r\n",
        server.address
    );
    slow.write_all(head.as_bytes()).expect("it reads");
    let seen = read_until(&mut slow, b"\r\n\r\n");
    server
        .get("/")
        .is(503)
        .says("at most 1 requests are served at a time\n");
    // Told to stop, it lets what runs end.
    server.running.signal(Signal::TERM);
    receive(&mut slow, seen).is(200).says("piece 0\npiece 1\n");
    server.running.end().code(0).silent();
}

#[test]
fn a_service_that_fails() {
    let server = serve(&["--memory", "64MiB"], "component-rust/http_trap");
    for path in ["/before", "/silent", "/error", "/memory"] {
        // The client learns nothing of why.
        server.get(path).is(500).says("the service failed\n");
        server.get("/").is(200);
    }
    for path in ["/head", "/body"] {
        let reply = server.get(path);
        assert!(reply.status == 0 || !reply.whole, "{path}: {reply:?}");
        server.get("/").is(200);
    }
    server
        .stop()
        .says("this service panics before it answers")
        .says("holm: a request failed: the program trapped: stopped itself")
        .says("holm: a request was not answered: the component returned without a response")
        .says("on purpose")
        .says("holm: refused: more than 64MiB of memory. To allow more: --memory 128MiB");
}

#[test]
fn a_service_that_never_ends() {
    let server = serve(&["--timeout", "500ms"], "component-rust/http_trap");
    server
        .get("/loop")
        .is(504)
        .says("the service took too long\n");
    server.get("/").is(200);
    server
        .stop()
        .says("holm: a request took longer than 500ms (--timeout)");
}

#[test]
fn requests_of_services_need_a_rule() {
    let other = HttpServer::start();
    let target = format!("x-forward-to: {}\r\n", other.url("/hello"));
    let rule = format!("connect:{}", other.address());

    let server = serve(&["--net", &rule], "component-rust/http_forward");
    let reply = get(server.address, "/", &target).is(200).says("hello\n");
    assert_eq!(reply.field("x-forwarded-status"), Some("200"));
    server.stop().silent();
    assert_eq!(other.requests(), 1);

    let server = serve(&[], "component-rust/http_forward");
    get(server.address, "/", &target)
        .is(403)
        .says("HttpRequestDenied\n");
    server
        .stop()
        .says(&format!("holm: refused: connect to {}", other.address()))
        .says(&format!("--net tcp:{rule}"));
    assert_eq!(other.requests(), 1);
}

/// What no client should send is answered with an error, or the connection ends; the next client does not notice.
#[test]
fn clients_that_break_the_rules() {
    let server = serve(&[], "component-rust/http_hello");
    let host = format!("host: {}\r\n", server.address);
    let many: String = (0..32_769).map(|at| format!("a{at}: b\r\n")).collect();
    let cases = [
        (
            "many fields",
            431,
            format!("GET / HTTP/1.1\r\n{host}{many}\r\n"),
        ),
        (
            "a long field",
            431,
            format!("GET / HTTP/1.1\r\n{host}a: {}", "b".repeat(1 << 20)),
        ),
        (
            "fields without end",
            431,
            format!("GET / HTTP/1.1\r\n{host}{}", "a: b\r\n".repeat(1 << 18)),
        ),
        (
            "another host",
            400,
            format!("GET http://other.example/ HTTP/1.1\r\n{host}\r\n"),
        ),
        (
            "two hosts",
            400,
            format!("GET / HTTP/1.1\r\n{host}host: other.example\r\n\r\n"),
        ),
        ("no host", 400, "GET / HTTP/1.1\r\n\r\n".to_owned()),
        (
            "two lengths",
            400,
            format!("POST / HTTP/1.1\r\n{host}content-length: 1\r\ncontent-length: 2\r\n\r\nab"),
        ),
        (
            "a negative length",
            400,
            format!("POST / HTTP/1.1\r\n{host}content-length: -1\r\n\r\n"),
        ),
        (
            "a tunnel",
            405,
            format!("CONNECT {} HTTP/1.1\r\n{host}\r\n", server.address),
        ),
        (
            "no HTTP",
            400,
            "\u{16}\u{3}\u{1} what is this\r\n\r\n".to_owned(),
        ),
    ];
    for (what, status, bytes) in cases {
        let reply = send(server.address, bytes);
        // What was not read when the connection ends may take the answer with it.
        assert!(
            reply.status == status || (reply.status == 0 && status == 431),
            "{what}: {reply:?}"
        );
        server.get("/").is(200);
    }
    server.stop().silent();
}

/// A body that ends before its length is no body: the service sees an error, the client no whole answer.
#[test]
fn a_length_that_lies() {
    let server = serve(&[], "component-rust/http_echo");
    let mut stream = connect(server.address);
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {}\r\ncontent-length: 100\r\n\r\nshort",
        server.address
    );
    stream.write_all(head.as_bytes()).expect("it reads");
    stream.shutdown(std::net::Shutdown::Write).expect("open");
    let reply = receive(&mut stream, Vec::new());
    assert!(reply.status != 200 || !reply.whole, "{reply:?}");
    server.get("/").is(200);
    server.stop();

    let server = serve(&["--max-body", "1KiB"], "component-rust/http_echo");
    let head = format!("POST / HTTP/1.1\r\nhost: {}\r\n", server.address);
    let large = format!("{head}content-length: 99999999999\r\n\r\n");
    send(server.address, large).is(413);
    server.get("/").is(200);
    server.stop().silent();
}

#[test]
fn what_cannot_be_served() {
    let folder = Folder::new();
    let text = folder.write("text.wasm", "hello");
    let serve = || holm(["serve", "--addr", "127.0.0.1:0"]);
    serve()
        .arg(&text)
        .go()
        .refuses(126, &["is not WebAssembly"]);
    serve()
        .arg(folder.join("missing.wasm"))
        .go()
        .refuses(127, &["there is no file", "missing.wasm"]);
    serve()
        .guest("component-rust/suite_exit")
        .go()
        .refuses(126, &["wasi:http/incoming-handler", "holm run"]);
    serve()
        .guest("rust/hello")
        .go()
        .refuses(126, &["a module does not serve HTTP"]);
    serve()
        .args(["--cpu", "1s"])
        .guest("component-rust/http_hello")
        .go()
        .refuses(2, &["--timeout"]);

    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("its address").to_string();
    holm(["serve", "--addr", &address])
        .guest("component-rust/http_hello")
        .go()
        .refuses(1, &["cannot listen", &address]);
}

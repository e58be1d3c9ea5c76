//! Every function of outgoing HTTP in `wasi:http`, against the server that `HOLM_TEST_SERVER` names (`http://HOST:PORT`).
//!
//! The server is that of the tests (`tests/support/http_server.rs`), whose head says what each path answers.

use holm_component_guests::check::Checks;
use holm_component_guests::client::{Url, fetch, read_all, wait};
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    ErrorCode, Fields, HeaderError, IncomingBody, IncomingResponse, Method, OutgoingBody,
    OutgoingRequest, RequestOptions, Scheme, http_error_code,
};
use wasip2::io::streams::StreamError;

const MILLISECOND: u64 = 1_000_000;

fn main() {
    let mut checks = Checks::new();
    fields(&mut checks);
    requests(&mut checks);
    options(&mut checks);
    let server = std::env::var("HOLM_TEST_SERVER").unwrap_or_default();
    match Url::parse(&server) {
        Some(server) => {
            methods(&mut checks, &server);
            bodies(&mut checks, &server);
            trailers(&mut checks, &server);
            timeouts(&mut checks, &server);
            failures(&mut checks, &server);
        }
        None => checks.fail("HOLM_TEST_SERVER: which server?"),
    }
    checks.finish("suite_http");
}

/// The generated error is not comparable.
fn is(result: &Result<(), HeaderError>, want: &str) -> bool {
    let name = match result {
        Ok(()) => "ok",
        Err(HeaderError::InvalidSyntax) => "invalid-syntax",
        Err(HeaderError::Forbidden) => "forbidden",
        Err(HeaderError::Immutable) => "immutable",
        #[allow(unreachable_patterns, reason = "later releases may know more errors")]
        Err(_) => "another",
    };
    name == want
}

fn fields(checks: &mut Checks) {
    let fields = Fields::new();
    checks.eq("new fields are empty", fields.entries(), Vec::new());
    checks.that("append", is(&fields.append("X-One", b"1"), "ok"));
    checks.that("append again", is(&fields.append("x-one", b"2"), "ok"));
    checks.eq(
        "get both, by any case",
        fields.get("x-ONE"),
        vec![b"1".to_vec(), b"2".to_vec()],
    );
    checks.that("has", fields.has("X-one") && !fields.has("x-two"));
    checks.eq("get what is not there", fields.get("x-two"), Vec::new());
    checks.that("set", is(&fields.set("x-one", &[b"3".to_vec()]), "ok"));
    checks.eq("set replaces", fields.get("x-one"), vec![b"3".to_vec()]);
    let copy = fields.clone();
    checks.that("delete", is(&fields.delete("x-one"), "ok"));
    checks.that("deleted", !fields.has("x-one"));
    checks.that(
        "delete what is not there",
        is(&fields.delete("x-two"), "ok"),
    );
    checks.eq("a copy stays", copy.get("x-one"), vec![b"3".to_vec()]);
    for name in ["", "with space", "new\nline", "ünïcode", "col:on"] {
        checks.that(
            &format!("append `{name}`"),
            is(&fields.append(name, b"x"), "invalid-syntax"),
        );
        checks.that(
            &format!("set `{name}`"),
            is(&fields.set(name, &[b"x".to_vec()]), "invalid-syntax"),
        );
        checks.that(
            &format!("`{name}` is not there"),
            !fields.has(name) && fields.get(name).is_empty(),
        );
    }
    for value in [b"new\nline".as_slice(), b"\r", b"\0"] {
        checks.that(
            "a value with a control character",
            is(&fields.append("x-bad", value), "invalid-syntax"),
        );
    }
    for name in [
        "connection",
        "Keep-Alive",
        "transfer-encoding",
        "upgrade",
        "proxy-connection",
        "http2-settings",
    ] {
        checks.that(
            &format!("{name} is forbidden"),
            is(&fields.append(name, b"x"), "forbidden"),
        );
    }
    let listed = Fields::from_list(&[
        ("b".to_owned(), b"1".to_vec()),
        ("a".to_owned(), b"\xff\xfe".to_vec()),
        ("b".to_owned(), b"2".to_vec()),
    ]);
    if let Some(listed) = checks.ok("from a list", listed) {
        checks.eq(
            "bytes that are no text",
            listed.get("a"),
            vec![vec![0xff, 0xfe]],
        );
        checks.eq(
            "in their order",
            listed.get("b"),
            vec![b"1".to_vec(), b"2".to_vec()],
        );
        checks.eq("all of them", listed.entries().len(), 3);
    }
    checks.that(
        "a list with a bad name",
        matches!(
            Fields::from_list(&[("a b".to_owned(), Vec::new())]),
            Err(HeaderError::InvalidSyntax)
        ),
    );
    checks.that(
        "a list with a forbidden name",
        matches!(
            Fields::from_list(&[("connection".to_owned(), b"close".to_vec())]),
            Err(HeaderError::Forbidden)
        ),
    );
    println!("fields: done");
}

fn requests(checks: &mut Checks) {
    let headers = Fields::new();
    checks.that("a field", is(&headers.append("x-field", b"1"), "ok"));
    let request = OutgoingRequest::new(headers);
    checks.that("the method is GET", matches!(request.method(), Method::Get));
    checks.eq("no path", request.path_with_query(), None);
    checks.that("no scheme", request.scheme().is_none());
    checks.eq("no authority", request.authority(), None);
    checks.that(
        "set the method",
        request
            .set_method(&Method::Other("PURGE".to_owned()))
            .is_ok(),
    );
    checks.that(
        "as set",
        matches!(request.method(), Method::Other(name) if name == "PURGE"),
    );
    checks.that(
        "a method with a space",
        request
            .set_method(&Method::Other("A B".to_owned()))
            .is_err(),
    );
    checks.that(
        "an empty method",
        request.set_method(&Method::Other(String::new())).is_err(),
    );
    checks.that(
        "set the path",
        request.set_path_with_query(Some("/a/b?c=d")).is_ok(),
    );
    checks.eq(
        "as set",
        request.path_with_query(),
        Some("/a/b?c=d".to_owned()),
    );
    checks.that(
        "a path with a line",
        request.set_path_with_query(Some("/a\r\nb")).is_err(),
    );
    checks.that(
        "no path again",
        request.set_path_with_query(None).is_ok() && request.path_with_query().is_none(),
    );
    checks.that(
        "set the scheme",
        request.set_scheme(Some(&Scheme::Https)).is_ok(),
    );
    checks.that("as set", matches!(request.scheme(), Some(Scheme::Https)));
    checks.that(
        "a scheme with a space",
        request
            .set_scheme(Some(&Scheme::Other("a b".to_owned())))
            .is_err(),
    );
    checks.that(
        "set the authority",
        request.set_authority(Some("example.com:8080")).is_ok(),
    );
    checks.eq(
        "as set",
        request.authority(),
        Some("example.com:8080".to_owned()),
    );
    checks.that(
        "an authority with a path",
        request.set_authority(Some("example.com/x")).is_err(),
    );
    checks.that(
        "an authority with a line",
        request.set_authority(Some("a\r\nb")).is_err(),
    );
    let seen = request.headers();
    checks.eq("its fields", seen.get("x-field"), vec![b"1".to_vec()]);
    checks.that(
        "cannot be changed: append",
        is(&seen.append("a", b"b"), "immutable"),
    );
    checks.that("set", is(&seen.set("a", &[b"b".to_vec()]), "immutable"));
    checks.that("delete", is(&seen.delete("x-field"), "immutable"));
    let copy = seen.clone();
    checks.that("a copy can", is(&copy.append("a", b"b"), "ok"));
    drop(seen);
    let body = request.body();
    checks.that("a body", body.is_ok());
    checks.that("and no second", request.body().is_err());
    if let Ok(body) = body {
        let stream = body.write();
        checks.that("a stream for it", stream.is_ok());
        checks.that("and no second", body.write().is_err());
    }
    println!("requests: done");
}

fn options(checks: &mut Checks) {
    let options = RequestOptions::new();
    checks.eq("no connect timeout", options.connect_timeout(), None);
    checks.eq("no first-byte timeout", options.first_byte_timeout(), None);
    checks.eq(
        "no between-bytes timeout",
        options.between_bytes_timeout(),
        None,
    );
    checks.that(
        "set the first",
        options.set_connect_timeout(Some(MILLISECOND)).is_ok(),
    );
    checks.that(
        "the second",
        options
            .set_first_byte_timeout(Some(2 * MILLISECOND))
            .is_ok(),
    );
    checks.that(
        "the third",
        options
            .set_between_bytes_timeout(Some(3 * MILLISECOND))
            .is_ok(),
    );
    checks.eq("the first", options.connect_timeout(), Some(MILLISECOND));
    checks.eq(
        "the second",
        options.first_byte_timeout(),
        Some(2 * MILLISECOND),
    );
    checks.eq(
        "the third",
        options.between_bytes_timeout(),
        Some(3 * MILLISECOND),
    );
    checks.that("take one back", options.set_connect_timeout(None).is_ok());
    checks.eq("taken back", options.connect_timeout(), None);
    println!("options: done");
}

fn text(response: &IncomingResponse) -> String {
    let bytes = response.consume().map(|body| read_all(&body));
    match bytes {
        Ok(Ok(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        Ok(Err(error)) => format!("{error:?}"),
        Err(()) => "the body was taken".to_owned(),
    }
}

fn methods(checks: &mut Checks, server: &Url) {
    let get = fetch(&server.at("/hello"), &Method::Get, Fields::new(), None);
    if let Some(response) = checks.ok("GET", get) {
        checks.eq("status", response.status(), 200);
        let headers = response.headers();
        checks.eq(
            "a field",
            headers.get("X-Server"),
            vec![b"holm-test".to_vec()],
        );
        checks.that(
            "fields of a response cannot be changed",
            is(&headers.append("a", b"b"), "immutable"),
        );
        drop(headers);
        checks.eq("body", text(&response), "hello\n".to_owned());
        checks.that("the body is taken once", response.consume().is_err());
    }
    for (method, name) in [
        (Method::Post, "POST"),
        (Method::Put, "PUT"),
        (Method::Delete, "DELETE"),
        (Method::Options, "OPTIONS"),
        (Method::Patch, "PATCH"),
        (Method::Other("PURGE".to_owned()), "PURGE"),
    ] {
        let response = fetch(&server.at("/method?a=b"), &method, Fields::new(), None);
        if let Some(response) = checks.ok(name, response) {
            checks.eq(
                "as it arrived",
                text(&response),
                format!("{name} /method?a=b\n"),
            );
        }
    }
    let head = fetch(&server.at("/hello"), &Method::Head, Fields::new(), None);
    if let Some(response) = checks.ok("HEAD", head) {
        checks.eq("no body", text(&response), String::new());
    }
    for status in [204, 301, 404, 500] {
        let response = fetch(
            &server.at(&format!("/status/{status}")),
            &Method::Get,
            Fields::new(),
            None,
        );
        if let Some(response) = checks.ok("a status", response) {
            checks.eq("is handed on, redirects too", response.status(), status);
        }
    }
    let headers = Fields::new();
    checks.that("a field", is(&headers.append("x-test", b"one"), "ok"));
    checks.that("twice", is(&headers.append("x-test", b"two"), "ok"));
    if let Some(response) = checks.ok(
        "fields",
        fetch(&server.at("/fields"), &Method::Get, headers, None),
    ) {
        let seen = text(&response);
        checks.eq(
            "both arrive, in order",
            seen.lines()
                .filter(|line| line.starts_with("x-test:"))
                .collect::<Vec<_>>(),
            vec!["x-test: one", "x-test: two"],
        );
        checks.that(
            "the host is that of the request",
            seen.lines()
                .any(|line| line == format!("host: {}", server.authority)),
        );
    }
    println!("methods: done");
}

/// Sends a body in pieces, its length announced or not, and reads the answer while it comes.
fn echo(server: &Url, pieces: &[&[u8]], length: Option<usize>) -> Result<Vec<u8>, ErrorCode> {
    let headers = Fields::new();
    if let Some(length) = length {
        let text = length.to_string();
        headers
            .append("content-length", text.as_bytes())
            .map_err(|error| ErrorCode::InternalError(Some(format!("{error:?}"))))?;
    }
    let request = server.at("/echo").request(&Method::Post, headers);
    let body = request.body().expect("the first time");
    let future = handle(request, None)?;
    let stream = body.write().expect("the first time");
    for piece in pieces {
        for part in piece.chunks(4096) {
            if stream.blocking_write_and_flush(part).is_err() {
                break;
            }
        }
    }
    drop(stream);
    OutgoingBody::finish(body, None)?;
    let response = wait(&future)?;
    let body = response.consume().expect("the first time");
    read_all(&body).map_err(|error| ErrorCode::InternalError(Some(format!("{error:?}"))))
}

fn bodies(checks: &mut Checks, server: &Url) {
    checks.eq(
        "an empty body",
        echo(server, &[], None).ok(),
        Some(Vec::new()),
    );
    checks.eq(
        "in pieces",
        echo(server, &[b"one,", b"two,", b"three"], None).ok(),
        Some(b"one,two,three".to_vec()),
    );
    checks.eq(
        "of a known length",
        echo(server, &[b"12", b"345"], Some(5)).ok(),
        Some(b"12345".to_vec()),
    );
    let big: Vec<u8> = (0..300_000_u32)
        .map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[1])
        .collect();
    checks.that(
        "300 kB",
        echo(server, &[&big], None).is_ok_and(|bytes| bytes == big),
    );
    checks.that(
        "a body that is too short",
        echo(server, &[b"12"], Some(5)).is_err(),
    );
    checks.that(
        "a body that is too long",
        echo(server, &[b"1234567"], Some(5)).is_err(),
    );
    let response = fetch(
        &server.at("/bytes/1000000"),
        &Method::Get,
        Fields::new(),
        None,
    );
    if let Some(response) = checks.ok("a large answer", response) {
        let body = response.consume().expect("the first time");
        checks.that(
            "whole",
            read_all(&body).is_ok_and(|bytes| {
                bytes.len() == 1_000_000 && bytes.iter().all(|byte| *byte == b'x')
            }),
        );
        checks.that("its stream is given once", body.stream().is_err());
    }
    println!("bodies: done");
}

fn trailers(checks: &mut Checks, server: &Url) {
    let response = fetch(&server.at("/trailers"), &Method::Get, Fields::new(), None);
    if let Some(response) = checks.ok("an answer with trailers", response) {
        let body = response.consume().expect("the first time");
        checks.eq(
            "its body",
            read_all(&body).ok(),
            Some(b"before the trailers\n".to_vec()),
        );
        let future = IncomingBody::finish(body);
        future.subscribe().block();
        match future.get() {
            Some(Ok(Ok(Some(fields)))) => checks.eq(
                "its trailers",
                fields.get("x-checksum"),
                vec![b"1234".to_vec()],
            ),
            other => checks.fail(&format!("trailers: {other:?}")),
        }
        checks.that("they are given once", matches!(future.get(), Some(Err(()))));
    }
    let response = fetch(&server.at("/hello"), &Method::Get, Fields::new(), None);
    if let Some(response) = checks.ok("an answer without", response) {
        let body = response.consume().expect("the first time");
        checks.eq("its body", read_all(&body).ok(), Some(b"hello\n".to_vec()));
        let future = IncomingBody::finish(body);
        future.subscribe().block();
        checks.that("no trailers", matches!(future.get(), Some(Ok(Ok(None)))));
    }
    // The server tells which trailers it got. Those that no field announced need not be sent.
    let announced = Fields::new();
    checks.that(
        "announce",
        is(&announced.append("trailer", b"x-sent"), "ok"),
    );
    let request = server
        .at("/echo-trailers")
        .request(&Method::Post, announced);
    let body = request.body().expect("the first time");
    let sent = (|| {
        let future = handle(request, None)?;
        let stream = body.write().expect("the first time");
        let _ = stream.blocking_write_and_flush(b"body");
        drop(stream);
        let fields = Fields::new();
        let _ = fields.append("x-sent", b"yes");
        OutgoingBody::finish(body, Some(fields))?;
        wait(&future)
    })();
    if let Some(response) = checks.ok("trailers of a request", sent) {
        checks.eq(
            "as they arrived",
            text(&response),
            "x-sent: yes\n".to_owned(),
        );
    }
    println!("trailers: done");
}

fn timeouts(checks: &mut Checks, server: &Url) {
    let options = RequestOptions::new();
    checks.that(
        "set",
        options
            .set_first_byte_timeout(Some(50 * MILLISECOND))
            .is_ok(),
    );
    let late = fetch(
        &server.at("/late/2000"),
        &Method::Get,
        Fields::new(),
        Some(options),
    );
    checks.that(
        &format!("no first byte: {late:?}"),
        matches!(
            late,
            Err(ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout)
        ),
    );
    let options = RequestOptions::new();
    checks.that(
        "set",
        options
            .set_between_bytes_timeout(Some(50 * MILLISECOND))
            .is_ok(),
    );
    let paused = fetch(
        &server.at("/pause/2000"),
        &Method::Get,
        Fields::new(),
        Some(options),
    );
    if let Some(response) = checks.ok("an answer that pauses", paused) {
        let body = response.consume().expect("the first time");
        match read_all(&body) {
            Err(StreamError::LastOperationFailed(error)) => {
                checks.that("the error has words", !error.to_debug_string().is_empty());
                let code = http_error_code(&error);
                checks.that(
                    &format!("no next byte: {code:?}"),
                    matches!(
                        code,
                        Some(ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout)
                    ),
                );
            }
            other => checks.fail(&format!("a pause: {other:?}")),
        }
    }
    // Long enough for both.
    let options = RequestOptions::new();
    checks.that(
        "set all",
        options
            .set_connect_timeout(Some(5000 * MILLISECOND))
            .is_ok()
            && options
                .set_first_byte_timeout(Some(5000 * MILLISECOND))
                .is_ok()
            && options
                .set_between_bytes_timeout(Some(5000 * MILLISECOND))
                .is_ok(),
    );
    let response = fetch(
        &server.at("/late/20"),
        &Method::Get,
        Fields::new(),
        Some(options),
    );
    if let Some(response) = checks.ok("in time", response) {
        checks.eq("its body", text(&response), "late\n".to_owned());
    }
    println!("timeouts: done");
}

fn failures(checks: &mut Checks, server: &Url) {
    let cut = fetch(&server.at("/cut"), &Method::Get, Fields::new(), None);
    if let Some(response) = checks.ok("an answer that is cut off", cut) {
        let body = response.consume().expect("the first time");
        match read_all(&body) {
            Err(StreamError::LastOperationFailed(error)) => {
                checks.that("the error has a code", http_error_code(&error).is_some());
            }
            other => checks.fail(&format!("a body that was cut off: {other:?}")),
        }
    }
    let closed = fetch(&server.at("/close"), &Method::Get, Fields::new(), None);
    checks.that(
        &format!("a connection that ends before the answer: {closed:?}"),
        matches!(
            closed,
            Err(ErrorCode::ConnectionTerminated
                | ErrorCode::HttpResponseIncomplete
                | ErrorCode::HttpProtocolError)
        ),
    );
    let garbage = fetch(&server.at("/garbage"), &Method::Get, Fields::new(), None);
    checks.that(
        &format!("an answer that is no HTTP: {garbage:?}"),
        matches!(garbage, Err(ErrorCode::HttpProtocolError)),
    );
    // Nobody listens at port 1 of this machine; who may not connect there is told so.
    let nobody = Url {
        authority: "127.0.0.1:1".to_owned(),
        ..server.at("/")
    };
    let refused = fetch(&nobody, &Method::Get, Fields::new(), None);
    checks.that(
        &format!("nobody listens: {refused:?}"),
        matches!(
            refused,
            Err(ErrorCode::ConnectionRefused
                | ErrorCode::HttpRequestDenied
                | ErrorCode::DestinationIpProhibited)
        ),
    );
    let request = OutgoingRequest::new(Fields::new());
    let outcome = handle(request, None).and_then(|future| wait(&future));
    checks.that("a request to nowhere", outcome.is_err());
    println!("failures: done");
}

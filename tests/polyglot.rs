//! `examples/polyglot`: components in five languages, linked by `holm run`, with the network for one of them.

use std::path::PathBuf;

use crate::support::http_server::HttpServer;
use crate::support::{guests, run};

fn app(name: &str) -> PathBuf {
    let folder = guests().join("polyglot").join(name);
    assert!(
        folder.join("app.wasm").is_file(),
        "{} is missing: run `cargo xtask guests` first",
        folder.display()
    );
    folder
}

/// JavaScript asks Rust, which asks Go, which asks the server; C++ computes.
#[test]
fn javascript_over_rust_over_go() {
    let server = HttpServer::start();
    let net = format!("connect:{}", server.address());
    let url = server.url("/hello");
    run(["--net", &net])
        .arg(app("javascript"))
        .arg(&url)
        .go()
        .code(0)
        .shows("the hull of 6 points: (0, 0) (4, 0) (4, 3) (0, 3), area 12\n")
        .shows(&format!(
            "{url}: status 200, 6 bytes, 1 words\n  hello: 1\n"
        ));
    assert_eq!(server.requests(), 1);
}

/// Without the grant nothing leaves: the answer is a value of the interface, not a trap, and the rule that is missing is told.
#[test]
fn without_the_network() {
    let server = HttpServer::start();
    let url = server.url("/hello");
    run::<&str>([])
        .arg(app("javascript"))
        .arg(&url)
        .go()
        .code(1)
        .shows(&format!("{url}: denied\n"))
        .says(&format!("connect:{}", server.address()));
    assert_eq!(server.requests(), 0);
}

#[test]
fn python_over_rust_over_go() {
    let server = HttpServer::start();
    let net = format!("connect:{}", server.address());
    let url = server.url("/hello");
    run(["--net", &net])
        .arg(app("python"))
        .arg(&url)
        .go()
        .code(0)
        .shows("text: 2 lines, 14 words\n  one: 4\n")
        .shows(&format!("{url}: 1 lines, 1 words\n  hello: 1\n"));
}

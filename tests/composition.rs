//! Dependencies of WASI 0.3 with grants of their own: what they may do, what is refused, and that the refusal names them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use serde_json::Value;

use crate::support::http_server::HttpServer;
use crate::support::service::{Server, serve_at};
use crate::support::{Done, Folder, guest, run};

/// An app of two components, in a folder: one asks, the other tries.
#[derive(Debug)]
struct App(Folder);

impl App {
    /// `lines` of the dependency's table say what it may do.
    fn new(asker: &str, lines: &str) -> App {
        let folder = Folder::new();
        folder.folder("app");
        for (name, from) in [("app", asker), ("dependency", "p3_dependency")] {
            let to = folder.join(&format!("app/{name}.wasm"));
            fs::copy(guest(&format!("component-rust/{from}")), to).expect("a copy");
        }
        let app = App(folder);
        app.allow(lines);
        app.0.write("data/note.txt", "a note");
        app
    }

    fn allow(&self, lines: &str) {
        let manifest = format!(
            "[app]\nname = \"asker\"\nprogram = \"app.wasm\"\n[needs]\nstdin = true\n\
             net = [{{ rule = \"connect:127.0.0.1:*\", optional = true }}, \
             {{ rule = \"udp:connect:127.0.0.1:*\", optional = true }}]\n\
             env = [{{ name = \"SHOWN\", optional = true }}, {{ name = \"HIDDEN\", optional = true }}]\n\
             [[needs.mount]]\nguest = \"/data\"\naccess = \"rw\"\noptional = true\n\
             [dependencies.\"holm:attempts\"]\npath = \"dependency.wasm\"\n{lines}\n"
        );
        self.0.write("app/holm.toml", manifest);
    }

    fn run(&self, options: &[&str], attempts: &[&str]) -> Done {
        run(options)
            .arg(self.0.join("app"))
            .args(attempts)
            .stdin("heard")
            .go()
            .code(0)
    }

    fn serve(&self, options: &[&str]) -> Server {
        serve_at(options, self.0.join("app"))
    }

    fn mount(&self) -> String {
        self.0.mount("data", "/data")
    }
}

/// What the app is let to.
const NET: [&str; 4] = [
    "--net",
    "connect:127.0.0.1:*",
    "--net",
    "udp:connect:127.0.0.1:*",
];

/// Answers each connection with what it was sent, in capitals.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut text = String::new();
            if stream.read_to_string(&mut text).is_ok() {
                let _ = stream.write_all(text.to_uppercase().as_bytes());
            }
        }
    });
    address
}

/// Everything that a dependency could ask for.
fn everything(address: SocketAddr, url: &str) -> [String; 10] {
    [
        "read:/data/note.txt".to_owned(),
        format!("tcp:{address}"),
        format!("udp:{address}"),
        "name:localhost".to_owned(),
        format!("get:{url}"),
        "environment".to_owned(),
        "out:by the dependency".to_owned(),
        "err:by the dependency".to_owned(),
        "hear".to_owned(),
        "clock".to_owned(),
    ]
}

fn shows(done: &Done, attempts: &[&str], answers: &[&str]) {
    for (attempt, answer) in attempts.iter().zip(answers) {
        let line = format!("{attempt}: {answer}\n");
        assert!(done.stdout.contains(&line), "{line}{done}");
    }
}

/// The app has it all, and the dependency was given nothing: it hears "no" in the words of each type.
#[test]
fn without_a_word_everything_is_denied() {
    let (server, address) = (HttpServer::start(), echo());
    let attempts = everything(address, &server.url("/hello"));
    let attempts = attempts.each_ref().map(String::as_str);
    let app = App::new("p3_asker", "");
    let mount = app.mount();
    let options = [&NET[..], &["--dir", &mount, "--env", "SHOWN=1"]].concat();
    let done = app.run(&options, &attempts);
    shows(
        &done,
        &attempts,
        &[
            "refused: no directory",
            "refused: ErrorCode::AccessDenied",
            "refused: ErrorCode::AccessDenied",
            "refused: ErrorCode::AccessDenied",
            "refused: ErrorCode::HttpRequestDenied",
            "done:",
            "done: 0 left",
            "done: 0 left",
            "done:",
            "done: waited true, differs true",
        ],
    );
    assert_eq!(server.requests(), 0);
    done.never_says("by the dependency");
}

/// Asynchronous functions, streams and futures of what is denied: streams are at their end, and futures hold "no".
#[test]
fn streams_and_futures_are_denied_in_their_types() {
    let app = App::new("p3_asker", "");
    let code = "ErrorCode { code: 1, name: \"access-denied\", message: \"\" }";
    let denied = format!("Err({code})");
    app.run(&[], &["made-up", "made-up-often"])
        .prints(&format!(
            "made-up: done: {denied} [] [] {denied} {denied} 5 left false [] {code}\n\
             made-up-often: done: often\n"
        ))
        .silent();
}

/// What it is granted it has, by its own process.
#[test]
fn grants_of_its_own() {
    let (server, address) = (HttpServer::start(), echo());
    let attempts = everything(address, &server.url("/hello"));
    let attempts = attempts.each_ref().map(String::as_str);
    let lines = "grants = { net = [\"connect:127.0.0.1:*\", \"udp:connect:127.0.0.1:*\"], \
                 dir = [\"/data:ro\"], env = [\"SHOWN\"], \
                 stdio = [\"stdin\", \"stdout\", \"stderr\"] }";
    let app = App::new("p3_asker", lines);
    let mount = app.mount();
    let own = ["--env", "SHOWN=1", "--env", "HIDDEN=2", "--dir", &mount];
    let done = app.run(&[&NET[..], &own].concat(), &attempts);
    shows(
        &done,
        &attempts[..3],
        &["done: a note", "done: connected HI", "done: sent"],
    );
    for line in [
        "name:localhost: done: ",
        "done: 200 hello\n",
        // Its arguments are its own: its label.
        "environment: done: SHOWN=1 holm-attempts\n",
        "hear: done: heard\n",
        "clock: done: waited true, differs true\n",
        "\nby the dependency\n",
    ] {
        let text = format!("\n{}", done.stdout);
        assert!(text.contains(line), "{line}{done}");
    }
    assert_eq!(server.requests(), 1);
    done.says("by the dependency\n").never_says("refused");
}

/// Its own rules hold beside the app's, and what they refuse is told with its name and both lines that would allow it.
#[test]
fn a_refusal_names_the_dependency() {
    let (server, address) = (HttpServer::start(), echo());
    let url = server.url("/hello");
    let lines = "grants = { net = [\"connect:127.0.0.1:1\"] }";
    let app = App::new("p3_asker", lines);
    let attempts = [
        format!("tcp:{address}"),
        format!("udp:{address}"),
        "name:example.com".to_owned(),
        format!("get:{url}"),
    ];
    let attempts = attempts.each_ref().map(String::as_str);
    let done = app.run(&NET, &attempts);
    shows(
        &done,
        &attempts,
        &[
            "refused: ErrorCode::AccessDenied",
            "refused: ErrorCode::AccessDenied",
            "refused: ErrorCode::AccessDenied",
            "refused: ErrorCode::HttpRequestDenied",
        ],
    );
    assert_eq!(server.requests(), 0);
    let rule = format!("tcp:connect:{address}");
    done.says(&format!(
        "holm: dependency `holm-attempts`: refused: connect to {address}. To allow it: --net {rule}"
    ))
    .says(&format!(
        "(its grants in holm.toml must allow it too: net = [\"{rule}\"])"
    ))
    .says(&format!("net = [\"tcp:connect:{}\"]", server.address()))
    .says("net = [\"resolve:example.com\"]");

    // What the app has not, its dependency has not either.
    app.allow("grants = { net = [\"connect:127.0.0.1:*\"] }");
    app.run(&[], &attempts[..1])
        .prints(&format!(
            "{}: refused: ErrorCode::AccessDenied\n",
            attempts[0]
        ))
        .says("holm: dependency `holm-attempts`: refused: connect to");
    app.run(&NET, &attempts[..1])
        .prints(&format!("{}: done: connected HI\n", attempts[0]))
        .silent();
}

/// The limits of the app are those of its dependency, which has descriptors of its own to count.
#[test]
fn limits_are_the_dependencys_own() {
    let rules = "grants = { net = [\"connect:127.0.0.1:*\"] }";
    let app = App::new("p3_asker", rules);
    let done = app.run(&[&NET[..], &["--max-fds", "20"]].concat(), &["sockets"]);
    done.shows(" and then ErrorCode::OutOfMemory\n").says(
        "holm: dependency `holm-attempts`: refused: more than 20 open descriptors. \
             To allow more: --max-fds 40\n",
    );
}

/// Calls of a dependency are traced as those of its own process, which is told by its name.
#[test]
fn a_trace_names_the_dependency() {
    let app = App::new("p3_asker", "grants = { dir = [\"/data:ro\"] }");
    let mount = app.mount();
    let attempts = ["read:/data/note.txt"];
    let done = app.run(&["--trace", "--dir", &mount], &attempts);
    let line = |words: &str| {
        let found = done.stderr.lines().find(|line| line.contains(words));
        found.unwrap_or_else(|| panic!("{words}\n{done}"))
    };
    let named = line(" is holm-attempts +++");
    let pid = named.split_whitespace().nth(1).expect("a number");
    assert!(
        line("\"note.txt\"").starts_with(&format!("{pid} path_open(")),
        "{done}"
    );
    let json = app.run(&["--trace=json", "--dir", &mount], &attempts);
    json.says("\"program\":\"holm-attempts\"");
}

/// So are its requests over HTTP, with where they go.
#[test]
fn a_trace_tells_the_requests_of_the_dependency() {
    let other = HttpServer::start();
    let app = App::new("p3_asker", "grants = { net = [\"connect:127.0.0.1:*\"] }");
    let attempts = [format!("get:{}", other.url("/hello"))];
    let trace = |option| {
        let options = [&NET[..], &[option]].concat();
        let done = app.run(&options, &attempts.each_ref().map(String::as_str));
        done.shows("200 hello")
    };
    let (address, port) = (other.address(), other.address().port());
    let done = trace("--trace");
    let named = done
        .stderr
        .lines()
        .find(|line| line.contains(" is holm-attempts +++"));
    let pid = named
        .and_then(|line| line.split_whitespace().nth(1))
        .expect("a number");
    let line = format!("{pid} http_connect(\"127.0.0.1\", {port}) = {address}");
    assert!(done.stderr.lines().any(|other| other == line), "{done}");
    let json = trace("--trace=json");
    let lines = json
        .stderr
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let found: Vec<Value> = lines
        .filter(|event: &Value| event["call"] == "http_connect")
        .collect();
    assert_eq!(found.len(), 1, "{json}");
    assert_eq!(found[0]["args"]["port"], port);
    assert_eq!(found[0]["result"][0], address.to_string());
}

#[test]
fn a_service_whose_dependency_has_grants() {
    let (other, address) = (HttpServer::start(), echo());
    let attempts = [
        "read:/data/note.txt".to_owned(),
        format!("tcp:{address}"),
        format!("get:{}", other.url("/hello")),
    ];
    let answers = [
        "done: a note\n",
        "done: connected HI\n",
        "done: 200 hello\n\n",
    ];
    let lines = "grants = { net = [\"connect:127.0.0.1:*\"], dir = [\"/data:ro\"] }";
    let app = App::new("p3_http_asker", lines);
    let mount = app.mount();
    let server = app.serve(&[&NET[..], &["--dir", &mount]].concat());
    // Each request has processes of its own; the last is like the first.
    for _ in 0..10 {
        for (attempt, answer) in attempts.iter().zip(answers) {
            server.get_with("x-attempt", attempt).is(200).says(answer);
        }
    }
    server.stop().silent();
    assert_eq!(other.requests(), 10);
}

#[test]
fn a_service_whose_dependency_is_refused() {
    let (other, address) = (HttpServer::start(), echo());
    let app = App::new(
        "p3_http_asker",
        "grants = { net = [\"connect:127.0.0.1:1\"] }",
    );
    let mount = app.mount();
    let server = app.serve(&[&NET[..], &["--dir", &mount]].concat());
    let rule = format!("tcp:connect:{address}");
    for _ in 0..5 {
        server
            .get_with("x-attempt", &format!("tcp:{address}"))
            .is(200)
            .says("refused: ErrorCode::AccessDenied\n");
        server
            .get_with("x-attempt", "read:/data/note.txt")
            .is(200)
            .says("refused: no directory\n");
    }
    server
        .get_with("x-attempt", &format!("get:{}", other.url("/hello")))
        .is(200)
        .says("refused: ErrorCode::HttpRequestDenied\n");
    let done = server
        .stop()
        .says(&format!("To allow it: --net {rule}"))
        .says(&format!("net = [\"{rule}\"]"))
        .says(&format!("net = [\"tcp:connect:{}\"]", other.address()));
    // Five requests are told once, and each by the name of who asked.
    let told = done.stderr.matches(&rule).count();
    assert_eq!(told, 2, "one line, which names the rule twice\n{done}");
    for line in done.stderr.lines() {
        let named = line.starts_with("holm: dependency `holm-attempts`: refused: ");
        assert!(named, "{line}\n{done}");
    }
    assert_eq!(other.requests(), 0);
}

/// A request that is given up has been refused things too.
#[test]
fn a_request_that_takes_too_long_is_told_of_as_well() {
    let address = echo();
    let rules = "grants = { net = [\"connect:127.0.0.1:1\"] }";
    let app = App::new("p3_http_asker", rules);
    let server = app.serve(&[&NET[..], &["--timeout", "300ms"]].concat());
    server
        .get_with("x-attempt", &format!("stuck:{address}"))
        .is(504);
    server.get_with("x-attempt", "clock").is(200);
    server
        .stop()
        .says("holm: a request took longer than 300ms")
        .says(&format!(
            "holm: dependency `holm-attempts`: refused: connect to {address}"
        ));
}

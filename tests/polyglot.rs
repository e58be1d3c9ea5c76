//! `examples/polyglot`: components in five languages, linked by `holm run`, with the network for one of them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::http_server::HttpServer;
use crate::support::{Done, Folder, guests, run};

/// Where the manifests look for the page.
const SERVER: &str = "127.0.0.1:8000";

/// The example with its manifests asking for `server`, as a person would write for another one.
#[derive(Debug)]
struct Example {
    folder: Folder,
    server: HttpServer,
}

impl Example {
    fn new() -> Example {
        let built = guests().join("polyglot");
        assert!(
            built.join("python/app.wasm").is_file(),
            "{} is missing: run `cargo xtask guests` first",
            built.display()
        );
        let (folder, server) = (Folder::new(), HttpServer::start());
        for name in [
            "fetch.wasm",
            "geometry.wasm",
            "report/report.wasm",
            "javascript/app.wasm",
            "python/app.wasm",
        ] {
            link(&built.join(name), &folder.join(name));
        }
        for app in ["report", "javascript", "python"] {
            let name = format!("{app}/holm.toml");
            let manifest = fs::read_to_string(built.join(&name)).expect("a manifest");
            let manifest = manifest.replace(SERVER, &server.address().to_string());
            folder.write(&name, manifest);
        }
        Example { folder, server }
    }

    /// Changes a line of a manifest.
    #[track_caller]
    fn change(&self, name: &str, from: &str, to: &str) {
        let manifest = self.folder.read(name);
        assert_eq!(manifest.matches(from).count(), 1, "{manifest}");
        self.folder.write(name, manifest.replace(from, to));
    }

    fn rule(&self) -> String {
        format!("connect:{}", self.server.address())
    }

    fn url(&self) -> String {
        self.server.url("/hello")
    }

    fn run(&self, app: &str, options: &[&str]) -> Done {
        let path: PathBuf = self.folder.join(app);
        run(options).arg(path).arg(self.url()).go()
    }
}

/// The same file at another place; a copy where that is on another disk.
fn link(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().expect("a parent")).expect("folders");
    if fs::hard_link(from, to).is_err() {
        fs::copy(from, to).expect("a copy");
    }
}

/// JavaScript asks Rust, which asks Go, which asks the server; C++ computes.
#[test]
fn javascript_over_rust_over_go() {
    let example = Example::new();
    example
        .run("javascript", &["--net", &example.rule()])
        .code(0)
        .shows("the hull of 6 points: (0, 0) (4, 0) (4, 3) (0, 3), area 12\n")
        .shows(&format!(
            "{}: status 200, 6 bytes, 1 words\n  hello: 1\n",
            example.url()
        ))
        .silent();
    assert_eq!(example.server.requests(), 1);
}

/// Without the grant nothing leaves: the answer is a value of the interface, not a trap, and the rule that is missing is told.
#[test]
fn without_the_network() {
    let example = Example::new();
    example
        .run("javascript", &[])
        .code(1)
        .shows(&format!("{}: denied\n", example.url()))
        .says(&format!("--net tcp:{}", example.rule()));
    assert_eq!(example.server.requests(), 0);
}

/// With rules of its own the component in Go needs them beside the app's, and a refusal names it.
#[test]
fn a_dependency_with_rules_of_its_own() {
    let example = Example::new();
    let net = ["--net", &example.rule()];
    let inherit = "inherit = [\"wasi:http\"]";
    let narrow = "grants = { net = [\"connect:127.0.0.1:1\"] }";
    example.change("report/holm.toml", inherit, narrow);
    example
        .run("javascript", &net)
        .code(1)
        .shows("denied\n")
        .says("holm: dependency `")
        .says("fetch`: refused: connect to")
        .says("its grants in holm.toml must allow it too");
    assert_eq!(example.server.requests(), 0);

    let wide = "grants = { net = [\"connect:127.0.0.1:*\"] }";
    example.change("report/holm.toml", narrow, wide);
    example
        .run("javascript", &net)
        .code(0)
        .shows("  hello: 1\n");
    assert_eq!(example.server.requests(), 1);
    // What the app has not, its dependencies have not either.
    example.run("javascript", &[]).code(1).shows("denied\n");
    assert_eq!(example.server.requests(), 1);
}

#[test]
fn python_over_rust_over_go() {
    let example = Example::new();
    example
        .run("python", &["--net", &example.rule()])
        .code(0)
        .shows("text: 2 lines, 15 words\n  one: 4\n")
        .shows(&format!(
            "{}: 1 lines, 1 words\n  hello: 1\n",
            example.url()
        ));
    assert_eq!(example.server.requests(), 1);
}

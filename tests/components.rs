//! Components: every guest that is one has a test, and the suites cover every function of WASI 0.2.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::http_server::HttpServer;
use crate::support::{Done, Folder, guests, root, run};

/// Runs a component with a folder of its own as the current directory, in which `d` is an empty directory.
fn component(name: &str, options: &[&str], arguments: &[&str], stdin: &str) -> Done {
    let folder = Folder::new();
    folder.folder("d");
    run(options)
        .guest(name)
        .args(arguments)
        .directory(folder.path())
        .stdin(stdin)
        .go()
}

const DIRECTORY: [&str; 2] = ["--dir", "d::/d"];

/// A program, its options, its arguments, its standard input, and what it shows.
type Case<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a str, &'a str);

/// How programs of std end that are built as components: the same as the modules of the same source.
#[test]
fn programs_of_std() {
    let cases: [Case<'_>; 9] = [
        ("hello", &[], &[], "", "Hello from Rust!\n"),
        ("cat", &[], &[], "from stdin", "from stdin"),
        ("stdio_echo", &[], &[], "one\n", "ready> 1: one\n"),
        (
            "args_env",
            &["--env", "A=b"],
            &["x y"],
            "",
            "arg 1: \"x y\"\nenv A=\"b\"\n",
        ),
        (
            "files",
            &DIRECTORY,
            &["/d"],
            "",
            "files: all 130 checks passed\n",
        ),
        ("race", &DIRECTORY, &["/d", "1"], "", "race: no escape\n"),
        ("memory_hog", &[], &["8"], "", "holding 8 MiB\n"),
        (
            "many_writes",
            &[],
            &["3"],
            "",
            "0000000\n0000001\n0000002\n",
        ),
        (
            "bench",
            &DIRECTORY,
            &["/d", "--rounds", "1", "--only", "stat"],
            "",
            "stat_ns",
        ),
    ];
    for (name, options, arguments, stdin, shows) in cases {
        component(&format!("rust-p2/{name}"), options, arguments, stdin)
            .code(0)
            .shows(shows);
    }
    component("rust-p2/flow", &[], &["write", "3"], "")
        .code(0)
        .prints("\u{7}\u{7}\u{7}");
    component("rust-p2/terminal", &[], &[], "")
        .code(0)
        .shows("colour: ");
    // The C library of these programs knows only success and failure.
    component("rust-p2/exit_code", &[], &["37"], "").shows("leaving");
    component("rust-p2/trap", &[], &["panic"], "")
        .code(134)
        .says("this guest panics on purpose");
}

#[test]
fn the_suite_of_streams_and_files() {
    component("component-rust/suite_io", &DIRECTORY, &["/d"], "")
        .code(0)
        .shows("checks passed\n");
    component("component-rust/suite_filesystem", &DIRECTORY, &["/d"], "")
        .code(0)
        .shows("checks passed\n");
}

#[test]
fn the_suite_of_clocks_randomness_and_the_command_line() {
    let options = ["--env", "SUITE=basics"];
    component(
        "component-rust/suite_basics",
        &options,
        &["one", "two words"],
        "input",
    )
    .code(0)
    .shows("checks passed\n");
    for (way, code) in [
        ("success", 0),
        ("failure", 1),
        ("0", 0),
        ("37", 37),
        ("255", 255),
    ] {
        component("component-rust/suite_exit", &[], &[way], "").code(code);
    }
}

#[test]
fn the_suite_of_sockets() {
    for suite in ["suite_tcp", "suite_udp"] {
        component(
            &format!("component-rust/{suite}"),
            &["--net", "loopback"],
            &[],
            "",
        )
        .code(0)
        .shows("checks passed\n");
    }
}

#[test]
fn the_suite_of_outgoing_http() {
    let server = HttpServer::start();
    let address = format!("HOLM_TEST_SERVER={}", server.url(""));
    let net = format!("connect:{}", server.address());
    let options = [
        "--env",
        &address,
        "--net",
        &net,
        "--net",
        "connect:127.0.0.1:1",
    ];
    component("component-rust/suite_http", &options, &[], "")
        .code(0)
        .shows("checks passed\n");
    assert!(server.requests() > 20, "{server:?}");
}

/// A second language over the same interfaces: other bindings, other orders of calls, its own ideas of when a resource goes.
#[test]
fn the_suite_in_python() {
    let server = HttpServer::start();
    let address = format!("HOLM_TEST_SERVER={}", server.url(""));
    let net = format!("connect:{}", server.address());
    let options = [
        "--dir",
        "d::/d",
        "--env",
        "SUITE=python",
        "--env",
        &address,
        "--net",
        "loopback",
        "--net",
        &net,
    ];
    component("python/suite", &options, &["one", "two words"], "input")
        .code(0)
        .shows("checks passed\n");
    component("python/suite", &DIRECTORY, &["exit"], "").code(1);
}

#[test]
fn a_command_in_javascript() {
    let options = ["--dir", "d::/d", "--env", "A=b"];
    let text = "environment: A=b\ninput: in\noutside: not-permitted\n";
    component("js/command", &options, &["one", "two words"], "in")
        .code(0)
        .prints(&format!("arguments: one, two words\n{text}"))
        .says("leads out of the directory");
    component("js/command", &options, &["fail"], "in")
        .code(1)
        .prints(&format!("arguments: fail\n{text}"));
}

/// What the tests above run, and the services, which need a server around them.
fn is_tested(name: &str) -> bool {
    let here = include_str!("components.rs");
    let stem = name.split('/').next_back().unwrap_or(name);
    name.contains("http_") || here.contains(&format!("{stem}\"")) || ELSEWHERE.contains(&name)
}

/// Guests that other tests and the benchmarks run.
const ELSEWHERE: [&str; 7] = [
    "component-rust/p3_hello",
    "component-rust/p3_asker",
    "component-rust/p3_dependency",
    "component-rust/p3_flood",
    "component-rust/p3_tcp_echo",
    "component-rust/tcp_echo",
    "component-rust/net_probe",
];

#[test]
fn every_component_has_a_test() {
    for language in ["rust-p2", "component-rust", "js", "python"] {
        let folder = guests().join(language);
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| {
            panic!(
                "{}: {error}; run `cargo xtask guests` first",
                folder.display()
            )
        });
        for entry in entries {
            let path = entry.expect("an entry").path();
            let stem = path.file_stem().expect("a name").to_string_lossy();
            let name = format!("{language}/{stem}");
            assert!(is_tested(&name), "{name} has no test");
        }
    }
}

/// The functions of a WIT file that are stable, as `resource.function` or `function`, in the words of Rust.
fn functions(wit: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut unstable = false;
    for line in wit.lines().map(str::trim) {
        if line.starts_with("@unstable") {
            unstable = true;
        } else if let Some((name, rest)) = line.split_once(':')
            && (rest.trim_start().starts_with("func(")
                || rest.trim_start().starts_with("static func("))
        {
            if !unstable {
                found.insert(name.trim_start_matches('%').replace('-', "_"));
            }
            unstable = false;
        } else if !line.starts_with('@') && !line.starts_with("///") && !line.is_empty() {
            unstable = false;
        }
    }
    found
}

/// A function that no suite calls would go untested without anybody seeing it.
#[test]
fn every_function_of_wasi_is_called() {
    let root = root();
    let read = |path: &Path| {
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let suites = [
        ("io", &["suite_io"] as &[&str]),
        ("clocks", &["suite_basics"]),
        ("random", &["suite_basics"]),
        ("cli", &["suite_basics", "suite_exit"]),
        ("filesystem", &["suite_filesystem"]),
        ("sockets", &["suite_tcp", "suite_udp"]),
        // What serves requests is called by the services.
        ("http", &["suite_http"]),
    ];
    let mut missing = Vec::new();
    for (package, programs) in suites {
        let folder = root.join("guests/component-rust");
        let mut source: String = programs
            .iter()
            .map(|name| read(&folder.join(format!("src/bin/{name}.rs"))))
            .collect();
        if package == "http" {
            for name in [
                "src/service.rs",
                "src/client.rs",
                "examples/http_headers.rs",
            ] {
                source += &read(&folder.join(name));
            }
        }
        let wit = read(&root.join(format!("wit/0.2/deps/{package}.wit")));
        let functions = functions(&wit);
        assert!(!functions.is_empty(), "{package}");
        for function in functions {
            // `run` and `handle` are also what the guests themselves export.
            let called = source.contains(&format!("{function}("))
                || source.contains(&format!("::{function} as fn"))
                || source.contains(&format!("::{function})"));
            if !called && function != "run" {
                missing.push(format!("wasi:{package} {function}"));
            }
        }
    }
    assert!(missing.is_empty(), "no suite calls {missing:?}");
}

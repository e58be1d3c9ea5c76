//! Programs that make things without end: what bounds them, and that nothing of one reaches the next.

use std::fs;

use crate::support::service::serve;
use crate::support::{Done, Folder, guest, run};

/// What WASI 0.3 has that can be made without the host's leave.
const KINDS: [&str; 6] = [
    "streams",
    "futures",
    "input",
    "output",
    "resources",
    "subtasks",
];

/// Far more than any of them takes, and far less than what a flood would.
const RESIDENT_KIB_MAX: u64 = 512 << 10;

/// The bound of all of them, by its name.
const BOUND: &str =
    "than one may: streams and futures, calls under way, resources (the bound `resources`)";

/// Most memory of Holm, as `--stats` tells it.
#[track_caller]
fn check_resident(done: &Done) {
    let line = done.stderr.lines().find(|line| line.contains("resident"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.strip_suffix("KiB"));
    let kib: u64 = kib.and_then(|kib| kib.parse().ok()).expect("a size");
    assert!(kib < RESIDENT_KIB_MAX, "{done}");
}

#[test]
fn whatever_is_made_without_end_is_bounded() {
    for kind in KINDS {
        let done = run(["--stats"])
            .guest("component-rust/p3_flood")
            .arg(kind)
            .go()
            .code(134)
            .prints("")
            .says("holm: the program trapped: the component holds more handles at once")
            .says(BOUND);
        check_resident(&done);
    }
}

/// 16,384 handles: both ends of a stream are one each, and the program has a few of its own.
#[test]
fn the_bound_is_where_it_is_said_to_be() {
    let flood = |count: &str| {
        run::<&str>([])
            .guest("component-rust/p3_flood")
            .arg(count)
            .go()
    };
    flood("8100").code(0).silent();
    flood("8193").code(134).says(BOUND);
}

/// What is let go of is free again: ten times as many as may be held, one after the other.
#[test]
fn what_is_let_go_of_does_not_count() {
    let done = run(["--stats"])
        .guest("component-rust/p3_flood")
        .arg("one-by-one")
        .go()
        .code(0);
    check_resident(&done);
}

/// Calls from one component to another: the callee has answered, and goes on.
#[test]
fn calls_that_linger_are_bounded() {
    let folder = Folder::new();
    folder.write(
        "app/holm.toml",
        "[app]\nname = \"asker\"\nprogram = \"app.wasm\"\n\
         [dependencies.\"holm:attempts\"]\npath = \"dependency.wasm\"\n",
    );
    for (name, from) in [("app", "p3_asker"), ("dependency", "p3_dependency")] {
        let to = folder.join(&format!("app/{name}.wasm"));
        fs::copy(guest(&format!("component-rust/{from}")), to).expect("a copy");
    }
    let done = run(["--stats"])
        .arg(folder.join("app"))
        .arg("forever:linger")
        .go()
        .code(134)
        .says(BOUND);
    check_resident(&done);
}

/// A request's flood is its own end: the next request finds none of it, and the server keeps none of it.
#[test]
fn a_request_that_floods_leaves_nothing() {
    let server = serve(&[], "component-rust/p3_http_flood");
    let flood = || {
        for kind in KINDS {
            server
                .get_with("x-flood", kind)
                .is(500)
                .says("the service failed\n");
            server.get("/").is(200).says("ok\n");
        }
    };
    flood();
    let first = server.running.resident_kib();
    for _ in 0..8 {
        flood();
    }
    // Each of these floods takes some 10 MiB while it lasts.
    if let (Some(first), Some(last)) = (first, server.running.resident_kib()) {
        assert!(
            last < first + (64 << 10),
            "{first} KiB, and then {last} KiB"
        );
    }
    server
        .get_with("x-flood", "one-by-one")
        .is(200)
        .says("ok\n");
    let done = server.stop().says(BOUND);
    let told = done.stderr.matches(BOUND).count();
    assert_eq!(told, 1, "each kind of problem is told once\n{done}");
}

//! Limits hold wherever the program is, and say so.

use crate::support::{Folder, run};

#[test]
fn a_timeout_ends_whatever_goes_on() {
    for way in ["loop", "calls", "sleep"] {
        run(["--timeout", "300ms"])
            .guest("rust/trap")
            .arg(way)
            .go()
            .code(124)
            .prints(&format!("about to: {way}\n"))
            .says("holm: timed out after 300ms")
            .quick();
    }
    for guest in ["wat/start_loops", "wat/loop"] {
        run(["--timeout", "200ms"])
            .guest(guest)
            .go()
            .code(124)
            .says("timed out after 200ms")
            .quick();
    }
}

#[test]
fn a_timeout_ends_a_read_that_blocks() {
    let running = run(["--timeout", "300ms"])
        .guest("rust/trap")
        .arg("stdin")
        .start();
    // Its standard input stays open until it has ended.
    running
        .end()
        .code(124)
        .prints("about to: stdin\n")
        .says("timed out after 300ms")
        .quick();
}

#[test]
fn time_that_is_not_used_up_changes_nothing() {
    run([
        "--timeout",
        "1h",
        "--cpu",
        "1h",
        "--memory",
        "1GiB",
        "--max-fds",
        "64",
    ])
    .guest("rust/hello")
    .go()
    .code(0)
    .prints("Hello from Rust!\n")
    .silent();
}

#[test]
fn cpu_time_counts_only_what_is_computed() {
    for way in ["loop", "calls"] {
        run(["--cpu", "200ms"])
            .guest("rust/trap")
            .arg(way)
            .go()
            .code(152)
            .says("used up its 200ms of CPU time")
            .quick();
    }
    run(["--cpu", "200ms"])
        .guest("wat/start_loops")
        .go()
        .code(152)
        .says("used up its 200ms of CPU time")
        .quick();
    // Blocked, it uses none: the other limit ends it.
    let running = run(["--cpu", "250ms", "--timeout", "1s"])
        .guest("rust/trap")
        .arg("stdin")
        .start();
    running.end().code(124).says("timed out after 1s");
}

#[test]
fn memory_is_a_total() {
    run(["--memory", "24MiB"])
        .guest("rust/memory_hog")
        .go()
        .code(3)
        .shows("refused after 2");
    run(["--memory", "24MiB"])
        .guest("rust/memory_hog")
        .arg("10")
        .go()
        .code(0)
        .prints("holding 10 MiB\n")
        .silent();
}

#[test]
fn refused_memory_is_told() {
    run(["--memory", "24MiB"])
        .guest("rust/memory_hog")
        .go()
        .code(3)
        .says("refused: more than 24MiB of memory. To allow more: --memory 48MiB");
    // Go's runtime reserves much and says itself that it gets no more.
    let done = run(["--memory", "3MiB"]).guest("go/hello").go();
    assert_ne!(done.status.code(), Some(0), "{done}");
    assert!(!done.stderr.contains("panicked at crates"), "{done}");
    assert!(done.stderr.contains("--memory 6MiB"), "{done}");
}

#[test]
fn descriptors_are_counted() {
    let folder = Folder::new();
    run(["--max-fds", "20", "--dir", &folder.mount("", "/d")])
        .guest("rust/fd_hog")
        .arg("/d")
        .go()
        .code(0)
        .shows("refused: MFILE")
        .says("refused: more than 20 open descriptors. To allow more: --max-fds 40");
    // Without an option there is a limit as well.
    run(["--dir", &folder.mount("", "/d")])
        .guest("rust/fd_hog")
        .arg("/d")
        .go()
        .code(0)
        .says("--max-fds 2048");
}

#[test]
fn a_memory_directory_is_full_at_its_size() {
    let done = run(["--tmp", "1MiB"])
        .guest("rust/many_writes")
        .args(["300000", "/tmp/lines"])
        .go()
        .code(1);
    assert!(
        done.stderr.contains("StorageFull") || done.stderr.contains("NOSPC"),
        "{done}"
    );
    run(["--tmp", "8MiB"])
        .guest("rust/many_writes")
        .args(["1000", "/tmp/lines"])
        .go()
        .code(0)
        .silent();
    run(["--tmp", "64MiB"])
        .guest("rust/files")
        .arg("/tmp")
        .go()
        .code(0)
        .shows("files: all 130 checks passed");
    run(["--tmp", "64MiB::/scratch"])
        .guest("c/files")
        .arg("/scratch")
        .go()
        .code(0)
        .shows("files: all 663 checks passed");
}

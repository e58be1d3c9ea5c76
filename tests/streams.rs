//! Standard streams, arguments, the environment and sockets reach the program as they are.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use crate::support::{Folder, guest, run};

/// A few megabytes that no two parts of are alike.
fn megabytes(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(count << 20);
    while bytes.len() < count << 20 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes
}

#[test]
fn a_few_megabytes_go_through_both_pipes() {
    let input = megabytes(6);
    let done = run::<&str>([])
        .guest("rust/cat")
        .stdin(input.clone())
        .go()
        .code(0)
        .silent();
    assert!(
        done.output == input,
        "{} of {}",
        done.output.len(),
        input.len()
    );
}

#[test]
fn files_as_streams() {
    let folder = Folder::new();
    let input = megabytes(2);
    folder.write("in", &input);
    let mut holm = run::<&str>([]).guest("rust/cat");
    let status = holm
        .command()
        .stdin(File::open(folder.join("in")).expect("in"))
        .stdout(File::create(folder.join("out")).expect("out"))
        .stderr(Stdio::null())
        .status()
        .expect("it runs");
    assert_eq!(status.code(), Some(0));
    assert!(std::fs::read(folder.join("out")).expect("out") == input);
}

#[test]
fn a_line_is_answered_before_the_next_is_typed() {
    let mut running = run::<&str>([]).guest("rust/stdio_echo").start();
    running.wait_for("ready> ");
    for (number, word) in ["one", "two", "three"].iter().enumerate() {
        running.write(format!("{word}\n"));
        running.wait_for(&format!("{}: {word}\nready> ", number + 1));
    }
    running.stdin = None;
    running.end().code(0).says("3 lines");
}

#[test]
fn closed_streams_are_closed() {
    // EBADF is what std takes for the end of input, and for nobody who listens.
    run(["--no-stdin"])
        .guest("rust/cat")
        .stdin("unread")
        .go()
        .code(0)
        .prints("");
    run(["--no-stdout"])
        .guest("rust/hello")
        .go()
        .code(0)
        .prints("");
    run(["--no-stderr"])
        .guest("rust/exit_code")
        .arg("9")
        .go()
        .code(9)
        .prints("leaving")
        .silent();
    run(["--no-stdin", "--no-stdout", "--no-stderr"])
        .guest("rust/exit_code")
        .arg("8")
        .go()
        .code(8)
        .prints("")
        .silent();
}

#[test]
fn a_reader_that_leaves_ends_no_one_with_a_panic() {
    let mut holm = run(["--quiet"]).guest("rust/many_writes").arg("200000");
    let mut child = holm
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("holm starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    assert_eq!(lines.next().expect("a line").expect("a line"), "0000000");
    // Nobody reads on: `head` does this to every program.
    drop(lines);
    let output = child.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("panicked at crates"), "{stderr}");
    assert_ne!(output.status.code(), Some(0), "{stderr}");
}

#[test]
fn output_to_a_full_device_is_the_programs_error() {
    let mut holm = run::<&str>([]).guest("c/hello");
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let output = holm
        .command()
        .stdin(Stdio::null())
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code().is_some(), "{stderr}");
    assert!(!stderr.contains("panicked at crates"), "{stderr}");
}

#[test]
fn exit_codes_pass_through() {
    for code in [0, 1, 2, 42, 101, 124, 127, 200, 255] {
        let mut holm = run::<&str>([])
            .guest("rust/exit_code")
            .arg(code.to_string());
        let status = holm
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("it runs");
        assert_eq!(status.code(), Some(code));
    }
}

#[test]
fn the_environment_in_all_its_forms() {
    run([
        "--env",
        "SET=a=b ",
        "--env=EMPTY=",
        "--env",
        "PASSED",
        "--env",
        "UNSET",
    ])
    .args(["--env", "SET2=1", "--env", "SET2=2"])
    .env("PASSED", "from the host, ä")
    .env("HIDDEN", "secret")
    .guest("rust/args_env")
    .go()
    .code(0)
    .prints(
        "arg 0: \"args_env.wasm\"\nenv EMPTY=\"\"\nenv PASSED=\"from the host, ä\"\n\
             env SET=\"a=b \"\nenv SET2=\"2\"\n",
    );
    run::<&str>([])
        .env("HIDDEN", "secret")
        .guest("rust/args_env")
        .go()
        .prints("arg 0: \"args_env.wasm\"\n");
}

#[test]
fn arguments_behind_the_program_are_the_programs() {
    run(["--argv0", "tool"])
        .guest("rust/args_env")
        .args(["--timeout", "1ms", "-x", "--", "--help"])
        .go()
        .prints(
            "arg 0: \"tool\"\narg 1: \"--timeout\"\narg 2: \"1ms\"\narg 3: \"-x\"\n\
             arg 4: \"--\"\narg 5: \"--help\"\n",
        );
    // As many as fit, and one list too many.
    let long = "x".repeat(100_000);
    run::<&str>([])
        .guest("rust/args_env")
        .args([long.as_str(); 3])
        .go()
        .code(0)
        .shows(&long);
}

#[test]
fn a_server_on_a_granted_socket() {
    let mut running = run(["--listen", "127.0.0.1:0"])
        .guest("rust/tcp_server")
        .start();
    let said = running.wait_for_error("\n");
    let address = said
        .lines()
        .find_map(|line| line.strip_prefix("holm: listening on "))
        .unwrap_or_else(|| panic!("{said:?}"))
        .to_owned();
    let connect = || TcpStream::connect(&address).expect("it listens");
    let mut first = connect();
    let mut lines = BufReader::new(first.try_clone().expect("a socket")).lines();
    let long = "y".repeat(300_000);
    for (line, answer) in [
        ("hello", "HELLO"),
        (&long, &long.to_uppercase()),
        ("peek", "GO ON"),
    ] {
        first
            .write_all(format!("{line}\n").as_bytes())
            .expect("it reads");
        assert_eq!(lines.next().expect("an answer").expect("an answer"), answer);
    }
    first.write_all(b"ahead\n").expect("it reads");
    running.wait_for("peeked \"ahead\\n\"");
    drop((first, lines));
    let mut second = connect();
    second.write_all(b"quit\n").expect("it reads");
    running.end().code(0).shows("served 2 connections");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let folder = Folder::new();
    for name in ["c", "a", "b"] {
        folder.write(name, name);
    }
    let show = |seed: &str| {
        run(["--seed", seed])
            .guest("rust/random")
            .arg("show")
            .go()
            .code(0)
            .stdout
    };
    assert_eq!(show("7"), show("7"));
    assert_ne!(show("7"), show("8"));
    // The clock is virtual: hours pass at once, and the trace is the same to the nanosecond.
    let traced = || {
        run(["--seed", "1", "--trace", "--dir", &folder.mount("", "/d")])
            .guest("c/poll")
            .go()
            .code(0)
            .stderr
    };
    let times_aside = |trace: String| -> Vec<String> {
        let cut = |line: &str| {
            line.rsplit_once(" <")
                .map_or(line, |(call, _)| call)
                .to_owned()
        };
        trace.lines().map(cut).collect()
    };
    assert_eq!(times_aside(traced()), times_aside(traced()));
    run(["--seed", "1", "--timeout", "20s"])
        .guest("rust/trap")
        .arg("sleep")
        .go()
        .code(0)
        .shows("still here")
        .quick();
}

#[test]
fn a_coarse_clock_steps_by_a_millisecond() {
    let trace = run(["--clock=coarse", "--trace=json"])
        .guest("rust/clocks")
        .go();
    let mut readings = 0;
    for line in trace
        .stderr
        .lines()
        .filter(|line| line.contains("\"clock_time_get\""))
    {
        let call: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let Some(time) = call["result"].as_u64() else {
            continue;
        };
        assert_eq!(time % 1_000_000, 0, "{line}");
        readings += 1;
    }
    assert!(readings > 100, "{readings} readings\n{trace}");
}

#[test]
fn functions_of_libraries_are_called() {
    let invoke = |guest: &str, name: &str, arguments: &[&str]| {
        run(["--invoke", name])
            .guest(guest)
            .args(arguments)
            .go()
            .code(0)
            .stdout
    };
    assert_eq!(invoke("rust/reactor", "add", &["1", "-2"]), "-1\n");
    assert_eq!(
        invoke("rust/reactor", "mix", &["1", "2", "0.5", "0.25"]),
        "3.75\n"
    );
    assert_eq!(invoke("rust/reactor", "initialised", &[]), "1\n");
    assert_eq!(
        invoke("rust/reactor", "greet", &[]),
        "hello from a reactor, call 1\n"
    );
    assert_eq!(
        invoke("go/reactor", "greet", &[]),
        "hello from a Go reactor, call 1\n"
    );
    run(["--invoke", "trap"])
        .guest("rust/reactor")
        .go()
        .code(134)
        .says("trapped");
}

/// `.wat` is run as it is.
#[test]
fn text_is_a_program_too() {
    let folder = Folder::new();
    let source = crate::support::root().join("guests/wat/hello.wat");
    std::fs::copy(source, folder.join("hello.wat")).expect("a copy");
    run(["hello.wat"])
        .directory(folder.path())
        .go()
        .code(0)
        .prints("hello\n");
    assert!(guest("wat/hello").is_file());
}

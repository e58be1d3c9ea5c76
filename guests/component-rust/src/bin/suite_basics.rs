//! Every function of `wasi:clocks`, `wasi:random` and `wasi:cli` but those that end the program (`suite_exit`).
//!
//! Run with the arguments `one` and `two words`, `SUITE=basics` in the environment, and `input` on standard input.

use holm_component_guests::check::Checks;
use wasip2::cli::{
    environment, stderr, stdin, stdout, terminal_stderr, terminal_stdin, terminal_stdout,
};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::io::poll::poll;
use wasip2::io::streams::StreamError;
use wasip2::random::{insecure, insecure_seed, random};

const MILLISECOND: u64 = 1_000_000;

fn main() {
    let mut checks = Checks::new();
    clocks(&mut checks);
    randomness(&mut checks);
    surroundings(&mut checks);
    standard_streams(&mut checks);
    checks.finish("suite_basics");
}

fn clocks(checks: &mut Checks) {
    let resolution = monotonic_clock::resolution();
    checks.that(
        "the monotonic clock has a resolution",
        (1..=1_000_000_000).contains(&resolution),
    );
    let start = monotonic_clock::now();
    let mut last = start;
    for _ in 0..1000 {
        let now = monotonic_clock::now();
        checks.that("the monotonic clock never goes back", now >= last);
        last = now;
    }
    let before = monotonic_clock::now();
    let wait = monotonic_clock::subscribe_duration(20 * MILLISECOND);
    checks.that("20 ms are not over at once", !wait.ready());
    wait.block();
    checks.that("then they are", wait.ready());
    checks.that(
        "and took 20 ms",
        monotonic_clock::now() - before >= 20 * MILLISECOND,
    );

    let before = monotonic_clock::now();
    let until = monotonic_clock::subscribe_instant(before + 10 * MILLISECOND);
    until.block();
    checks.that(
        "an instant is waited for",
        monotonic_clock::now() >= before + 10 * MILLISECOND,
    );
    checks.that(
        "an instant that is over is ready",
        monotonic_clock::subscribe_instant(start).ready(),
    );
    checks.that("no time at all is over", {
        let none = monotonic_clock::subscribe_duration(0);
        none.block();
        none.ready()
    });

    let long = monotonic_clock::subscribe_duration(u64::MAX);
    let short = monotonic_clock::subscribe_duration(MILLISECOND);
    checks.eq(
        "the first of two that is over",
        poll(&[&long, &short]),
        vec![1],
    );
    let mut over = poll(&[&short, &until, &long]);
    over.sort_unstable();
    checks.that(
        "those that are over, and no other",
        !over.is_empty() && over.iter().all(|index| *index < 2),
    );
    checks.that("one twice", !poll(&[&short, &short]).is_empty());

    let now = wall_clock::now();
    // 2024 began then; a seeded clock may stand at the epoch.
    checks.that(
        "the wall clock tells a time",
        now.seconds == 0 || now.seconds > 946_684_800,
    );
    checks.that(
        "with less than a second of nanoseconds",
        now.nanoseconds < 1_000_000_000,
    );
    let resolution = wall_clock::resolution();
    checks.that(
        "the wall clock has a resolution",
        resolution.nanoseconds < 1_000_000_000
            && (resolution.seconds > 0 || resolution.nanoseconds > 0),
    );
    println!("clocks: done");
}

fn randomness(checks: &mut Checks) {
    for (name, bytes) in [
        ("random", random::get_random_bytes as fn(u64) -> Vec<u8>),
        ("insecure", insecure::get_insecure_random_bytes),
    ] {
        checks.eq(&format!("{name}: no bytes"), bytes(0), Vec::new());
        checks.eq(&format!("{name}: 33 bytes"), bytes(33).len(), 33);
        checks.that(&format!("{name}: two draws differ"), bytes(32) != bytes(32));
        let many = bytes(1 << 18);
        let mut counts = [0_u32; 256];
        for byte in &many {
            counts[usize::from(*byte)] += 1;
        }
        // 1024 expected of each; eight standard deviations (32 each) on either side.
        checks.that(
            &format!("{name}: every byte comes about as often"),
            many.len() == 1 << 18 && counts.iter().all(|count| (768..=1280).contains(count)),
        );
    }
    checks.that(
        "random numbers differ",
        random::get_random_u64() != random::get_random_u64(),
    );
    checks.that(
        "insecure numbers differ",
        insecure::get_insecure_random_u64() != insecure::get_insecure_random_u64(),
    );
    let seed = insecure_seed::insecure_seed();
    checks.that("a seed is not zero", seed != (0, 0));
    println!("random: done");
}

fn surroundings(checks: &mut Checks) {
    let arguments = environment::get_arguments();
    checks.that(
        "argument 0 names the program",
        arguments.first().is_some_and(|name| !name.is_empty()),
    );
    let rest: Vec<&str> = arguments.iter().skip(1).map(String::as_str).collect();
    checks.eq("arguments", rest, vec!["one", "two words"]);
    let variables = environment::get_environment();
    checks.that(
        "the environment has what was given",
        variables.contains(&("SUITE".to_owned(), "basics".to_owned())),
    );
    let directory = environment::initial_cwd();
    checks.that(
        "the current directory, if there is one, is absolute",
        directory.is_none_or(|path| path.starts_with('/')),
    );
    // Under test nothing is a terminal; each still has to answer.
    let terminals = (
        terminal_stdin::get_terminal_stdin().is_some(),
        terminal_stdout::get_terminal_stdout().is_some(),
        terminal_stderr::get_terminal_stderr().is_some(),
    );
    println!("cli: done");
    if terminals != (false, false, false) {
        println!("terminals: {terminals:?}");
    }
}

fn standard_streams(checks: &mut Checks) {
    let input = stdin::get_stdin();
    let mut bytes = Vec::new();
    loop {
        match input.blocking_read(3) {
            Ok(piece) => {
                checks.that("no more than was asked for", piece.len() <= 3);
                bytes.extend_from_slice(&piece);
            }
            Err(StreamError::Closed) => break,
            Err(error) => {
                checks.fail(&format!("read: {error:?}"));
                break;
            }
        }
    }
    checks.eq(
        "standard input",
        String::from_utf8_lossy(&bytes).trim_end().to_owned(),
        "input".to_owned(),
    );
    let output = stdout::get_stdout();
    checks.ok(
        "write",
        output
            .blocking_write_and_flush(b"streams: done\n")
            .map_err(drop),
    );
    let errors = stderr::get_stderr();
    checks.ok(
        "write errors",
        errors
            .blocking_write_and_flush(b"this is an error line\n")
            .map_err(drop),
    );
}

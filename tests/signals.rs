//! A program is ended by signals wherever it is: computing, calling, blocked.

use rustix::process::Signal;

use crate::support::pty::Terminal;
use crate::support::{QUICK, run};

fn ends_by(way: &str, signal: Signal, code: i32) {
    let mut running = run::<&str>([]).guest("rust/trap").arg(way).start();
    running.wait_for("about to: ");
    running.signal(signal);
    let done = running.end().code(code).quick();
    assert!(!done.stdout.contains("still here"), "{way}\n{done}");
    assert!(!done.stderr.contains("trapped"), "{way}\n{done}");
}

#[test]
fn in_a_loop() {
    ends_by("loop", Signal::INT, 130);
    ends_by("loop", Signal::TERM, 143);
    ends_by("loop", Signal::HUP, 129);
}

#[test]
fn in_a_loop_of_calls() {
    ends_by("calls", Signal::INT, 130);
    ends_by("calls", Signal::TERM, 143);
}

#[test]
fn in_a_read_that_blocks() {
    ends_by("stdin", Signal::INT, 130);
    ends_by("stdin", Signal::TERM, 143);
}

#[test]
fn in_a_sleep() {
    ends_by("sleep", Signal::INT, 130);
    ends_by("sleep", Signal::TERM, 143);
}

#[test]
fn in_a_poll_that_blocks() {
    let mut running = run::<&str>([]).guest("rust/stdio_echo").start();
    running.wait_for("ready> ");
    running.signal(Signal::INT);
    running.end().code(130).quick();
}

/// Go has no host threads here: its timers are polls, its goroutines one loop.
#[test]
fn in_a_program_in_go() {
    let mut running = run::<&str>([]).guest("go/concurrency").start();
    running.wait_for("random: different");
    running.signal(Signal::TERM);
    running.end().code(143).quick();
}

#[test]
fn in_a_server_that_waits() {
    let mut running = run(["--listen", "127.0.0.1:0"])
        .guest("rust/tcp_server")
        .start();
    running.wait_for("listening on descriptor");
    running.signal(Signal::INT);
    running.end().code(130).quick();
}

#[test]
fn typed_on_a_terminal() {
    let mut terminal = Terminal::start(run::<&str>([]).guest("rust/trap").arg("loop"));
    terminal.wait_for("about to: loop");
    terminal.signal(Signal::INT);
    let (code, screen) = terminal.end();
    assert_eq!(code, 130, "{screen}");
}

/// What was asked for at the end is still said.
#[test]
fn what_is_said_at_the_end_is_said() {
    for way in ["loop", "stdin"] {
        let mut running = run(["--stats"]).guest("rust/trap").arg(way).start();
        running.wait_for("about to: ");
        running.signal(Signal::INT);
        let done = running
            .end()
            .code(130)
            .says("system calls")
            .says("fd_write");
        assert!(done.elapsed < QUICK, "{done}");
    }
}

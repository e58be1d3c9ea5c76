//! Calls that wait: woken by data and deadlines, ended by a kill.

use std::io::IoSlice;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use holm_abi::{Limits, Signal};
use holm_engine::process::{Entry, Outcome};
use holm_kernel::vfs::Stream;
use wasmtime::Strategy;

use crate::host::{TIERS, module, prepare, run_text};

/// Reads once from standard input and exits with the number of bytes.
const READ: &str = "(module
    (import \"wasi_snapshot_preview1\" \"fd_read\"
      (func $read (param i32 i32 i32 i32) (result i32)))
    (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
    (memory (export \"memory\") 1)
    ;; Two vectors of four bytes each.
    (data (i32.const 0) \"\\40\\00\\00\\00\\04\\00\\00\\00\\50\\00\\00\\00\\04\\00\\00\\00\")
    (func (export \"_start\")
      (if (call $read (i32.const 0) (i32.const 0) (i32.const 2) (i32.const 32))
        (then unreachable))
      (call $exit (i32.load (i32.const 32)))))";

const SPIN: &str = "(module (func (export \"_start\") (loop $again (br $again))))";

#[test]
fn a_read_waits_for_data_and_not_for_the_second_vector() {
    for (written, expected) in [("abc", 3), ("abcd", 4), ("abcdef", 6)] {
        let (reader, writer) = holm_kernel::pipe();
        let prepared = prepare(&[], Some(reader), Limits::default());
        let writing = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            let answer = writer.write(&[IoSlice::new(written.as_bytes())], Waker::noop());
            assert_eq!(answer, Poll::Ready(Ok(written.len())));
            // Kept open: the end of the stream would be an answer too.
            writer
        });
        let finished = prepared.run(&module(READ, TIERS[0]), Entry::Command);
        assert!(
            matches!(finished.outcome, Outcome::Exited(count) if count == expected),
            "{written}: {:?}",
            finished.outcome
        );
        drop(writing.join().expect("the writer is done"));
    }
}

/// Runs `text` in a thread, kills it after a while, and checks how it ended.
fn killed(text: &'static str, tier: Strategy, signal: Signal) {
    let (send, receive) = mpsc::channel();
    let running = thread::spawn(move || {
        let (reader, writer) = holm_kernel::pipe();
        let prepared = prepare(&[], Some(reader), Limits::default());
        send.send(prepared.process.clone()).expect("the test waits");
        let finished = prepared.run(&module(text, tier), Entry::Command);
        drop(writer);
        finished.outcome
    });
    let process = receive.recv().expect("it was made");
    thread::sleep(Duration::from_millis(50));
    let killed_at = Instant::now();
    process.kill(signal);
    let outcome = running.join().expect("the run does not panic");
    assert!(
        matches!(outcome, Outcome::Signaled(found) if found == signal),
        "{outcome:?}"
    );
    assert!(killed_at.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_kill_ends_a_call_that_waits() {
    for tier in TIERS {
        killed(READ, tier, Signal::Interrupt);
    }
}

#[test]
fn a_kill_ends_a_loop() {
    for tier in TIERS {
        killed(SPIN, tier, Signal::Terminate);
    }
}

#[test]
fn a_kill_before_the_start_is_noticed() {
    let prepared = prepare(&[], None, Limits::default());
    prepared.process.kill(Signal::Kill);
    let finished = prepared.run(&module(SPIN, TIERS[1]), Entry::Command);
    let outcome = finished.outcome;
    assert!(
        matches!(outcome, Outcome::Signaled(Signal::Kill)),
        "{outcome:?}"
    );
}

#[test]
fn killing_one_process_of_an_engine_leaves_the_others() {
    let (send, receive) = mpsc::channel();
    let module = module(SPIN, TIERS[1]);
    let runs: Vec<_> = (0..2)
        .map(|_| {
            let (module, send) = (module.clone(), send.clone());
            thread::spawn(move || {
                let prepared = prepare(&[], None, Limits::default());
                send.send(prepared.process.clone()).expect("the test waits");
                prepared.run(&module, Entry::Command).outcome
            })
        })
        .collect();
    let processes = [receive.recv(), receive.recv()].map(|made| made.expect("it was made"));
    thread::sleep(Duration::from_millis(50));
    processes[0].kill(Signal::Alarm);
    thread::sleep(Duration::from_millis(50));
    assert_eq!(processes[1].status(), None, "the other one goes on");
    processes[1].kill(Signal::Hangup);
    let mut ended: Vec<_> = runs
        .into_iter()
        .map(|run| match run.join().expect("the run does not panic") {
            Outcome::Signaled(signal) => signal.name(),
            other => panic!("{other:?}"),
        })
        .collect();
    ended.sort_unstable();
    assert_eq!(ended, ["SIGALRM", "SIGHUP"]);
}

#[test]
fn sleeping_takes_its_time() {
    // One relative subscription to the monotonic clock: 30 ms.
    let text = "(module
        (import \"wasi_snapshot_preview1\" \"poll_oneoff\"
          (func $poll (param i32 i32 i32 i32) (result i32)))
        (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
        (memory (export \"memory\") 1)
        (func (export \"_start\")
          (i32.store (i32.const 16) (i32.const 1))
          (i64.store (i32.const 24) (i64.const 30000000))
          (if (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))
            (then unreachable))
          (call $exit (i32.load (i32.const 128)))))";
    let began = Instant::now();
    let (finished, _) = run_text(text, TIERS[0]);
    assert!(
        matches!(finished.outcome, Outcome::Exited(1)),
        "{:?}",
        finished.outcome
    );
    assert!(began.elapsed() >= Duration::from_millis(30));
}

//! What is called in a program, with which arguments, and what comes back.

use holm_abi::Limits;
use holm_engine::process::{Entry, Finished, Outcome, StartError};

use crate::host::{TIERS, module, prepare, run_text};

const REACTOR: &str = "(module
    (global $ready (mut i32) (i32.const 0))
    (func (export \"_initialize\") (global.set $ready (i32.const 1)))
    (func (export \"ready\") (result i32) (global.get $ready))
    (func (export \"add\") (param i32 i64) (result i64)
      (i64.add (i64.extend_i32_s (local.get 0)) (local.get 1)))
    (func (export \"half\") (param f64 f32) (result f64 f32)
      (f64.div (local.get 0) (f64.const 2)) (f32.div (local.get 1) (f32.const 2)))
    (func (export \"vector\") (param v128))
    (func (export \"nothing\"))
    (memory (export \"memory\") 1))";

fn invoke(text: &str, name: &str, arguments: &[&str]) -> Finished {
    let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
    let entry = Entry::Invoke {
        name,
        arguments: &arguments,
    };
    prepare(&[], None, Limits::default()).run(&module(text, TIERS[1]), entry)
}

fn results(name: &str, arguments: &[&str]) -> Vec<String> {
    let finished = invoke(REACTOR, name, arguments);
    assert!(
        matches!(finished.outcome, Outcome::Exited(0)),
        "{:?}",
        finished.outcome
    );
    finished.results
}

fn refusal(finished: Finished) -> String {
    match finished.outcome {
        Outcome::FailedToStart(error) => error.to_string(),
        other => panic!("it started: {other:?}"),
    }
}

#[test]
fn a_reactor_is_initialised_and_answers() {
    assert_eq!(results("ready", &[]), ["1"]);
    assert_eq!(results("add", &["-5", "0x10"]), ["11"]);
    assert_eq!(results("half", &["5", "-inf"]), ["2.5", "-inf"]);
    assert!(results("nothing", &[]).is_empty());
}

#[test]
fn wrong_arguments_are_refused_before_anything_runs() {
    let words = refusal(invoke(REACTOR, "add", &["1"]));
    assert!(words.contains("takes 2 arguments, 1"), "{words}");
    assert!(
        words.contains("(func (param i32 i64) (result i64))"),
        "{words}"
    );
    let words = refusal(invoke(REACTOR, "add", &["1", "two"]));
    assert!(
        words.contains("argument 2, `two`, is not an i64"),
        "{words}"
    );
    let words = refusal(invoke(REACTOR, "vector", &["0"]));
    assert!(words.contains("v128"), "{words}");
    let words = refusal(invoke(REACTOR, "memory", &[]));
    assert!(words.contains("no function `memory`"), "{words}");
    assert!(words.contains("\n  ready (func (result i32))"), "{words}");
}

#[test]
fn a_library_is_no_command() {
    let (finished, _) = run_text(REACTOR, TIERS[0]);
    let words = refusal(finished);
    assert!(words.contains("no `_start`"), "{words}");
    assert!(
        words.contains("--invoke:\n  ready (func (result i32))"),
        "{words}"
    );
    assert!(!words.contains("_initialize ("), "{words}");
}

#[test]
fn a_start_of_the_wrong_type_is_refused() {
    let (finished, _) = run_text("(module (func (export \"_start\") (param i32)))", TIERS[0]);
    let Outcome::FailedToStart(error @ StartError::EntryType { .. }) = finished.outcome else {
        panic!("{:?}", finished.outcome);
    };
    assert!(error.to_string().contains("(func (param i32))"));
}

#[test]
fn a_start_function_is_enough_of_a_program() {
    let text = "(module
        (import \"wasi_snapshot_preview1\" \"fd_write\"
          (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export \"memory\") 1)
        (data (i32.const 0) \"\\10\\00\\00\\00\\02\\00\\00\\00\")
        (data (i32.const 16) \"hi\")
        (func $main
          (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
        (start $main))";
    for tier in TIERS {
        let (finished, stdout) = run_text(text, tier);
        assert!(
            matches!(finished.outcome, Outcome::Exited(0)),
            "{:?}",
            finished.outcome
        );
        assert_eq!(stdout, "hi");
    }
}

#[test]
fn arguments_reach_the_guest() {
    let text = "(module
        (import \"wasi_snapshot_preview1\" \"args_get\" (func $get (param i32 i32) (result i32)))
        (import \"wasi_snapshot_preview1\" \"fd_write\"
          (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export \"memory\") 1)
        (func (export \"_start\")
          (if (call $get (i32.const 64) (i32.const 128)) (then unreachable))
          ;; The third argument, three bytes of it.
          (i32.store (i32.const 0) (i32.load (i32.const 72)))
          (i32.store (i32.const 4) (i32.const 3))
          (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))";
    let prepared = prepare(&["test", "", "third"], None, Limits::default());
    let stdout = prepared.stdout.clone();
    let finished = prepared.run(&module(text, TIERS[0]), Entry::Command);
    assert!(
        matches!(finished.outcome, Outcome::Exited(0)),
        "{:?}",
        finished.outcome
    );
    assert_eq!(stdout.text(), "thi");
}

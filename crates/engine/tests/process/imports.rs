//! What a program imports: every function links, and what does not is explained.

use std::fmt::Write as _;

use holm_abi::Limits;
use holm_engine::process::{Entry, Outcome, StartError};
use holm_wasi_p1::{FUNCTIONS, MODULE};

use crate::host::{TIERS, module, prepare, run_text};

fn start_error(text: &str) -> StartError {
    match run_text(text, TIERS[1]).0.outcome {
        Outcome::FailedToStart(error) => error,
        other => panic!("it started: {other:?}"),
    }
}

#[test]
fn every_function_links_and_can_be_called() {
    let mut imports = String::new();
    let mut calls = String::new();
    for (index, function) in FUNCTIONS.iter().enumerate() {
        let kinds: Vec<&str> = function
            .parameters
            .iter()
            .map(|(_, kind)| kind.name())
            .collect();
        let result = if function.returns { "(result i32)" } else { "" };
        writeln!(
            imports,
            "(import \"{MODULE}\" \"{}\" (func $f{index} (param {}) {result}))",
            function.name,
            kinds.join(" "),
        )
        .expect("a string takes everything");
        // Every argument is -1, a bad descriptor and a bad pointer: each call must answer an
        // errno, but for the two that write nothing. `proc_exit` comes last.
        if function.returns {
            let arguments: Vec<String> = kinds
                .iter()
                .map(|kind| format!("({kind}.const -1)"))
                .collect();
            let wrong = match function.name {
                "sched_yield" | "environ_get" => "ne",
                _ => "eq",
            };
            writeln!(
                calls,
                "(if (i32.{wrong} (call $f{index} {}) (i32.const 0))\n\
                 (then (call $exit (i32.const {index}))))",
                arguments.join(" "),
            )
            .expect("a string takes everything");
        }
    }
    let exit = FUNCTIONS
        .iter()
        .position(|function| function.name == "proc_exit");
    let exit = exit.expect("the table has it");
    let calls = calls.replace("$exit", &format!("$f{exit}"));
    let text = format!(
        "(module {imports} (memory (export \"memory\") 1)
           (func (export \"_start\") {calls} (call $f{exit} (i32.const 99))))"
    );
    for tier in TIERS {
        let (finished, _) = run_text(&text, tier);
        match finished.outcome {
            Outcome::Exited(99) => {}
            Outcome::Exited(index) => panic!("{tier:?}: {}", FUNCTIONS[index as usize].name),
            other => panic!("{tier:?}: {other:?}"),
        }
    }
}

#[test]
fn an_unknown_import_is_named_with_its_provider() {
    let error = start_error(
        "(module
           (import \"wasi_snapshot_preview1\" \"fd_write\" (func (param i32 i32 i32 i32) (result i32)))
           (import \"env\" \"emscripten_date_now\" (func (result f64)))
           (import \"env\" \"invoke_ii\" (func (param i32 i32) (result i32)))
           (func (export \"_start\")))",
    );
    let text = error.to_string();
    assert!(
        text.contains("`env.emscripten_date_now`, (func (result f64))"),
        "{text}"
    );
    assert!(text.contains("nor one other"), "{text}");
    assert!(text.contains("Emscripten"), "{text}");
    let text = start_error(
        "(module (import \"wasi_snapshot_preview1\" \"sock_open\" (func))
           (func (export \"_start\")))",
    )
    .to_string();
    assert!(
        text.contains("`wasi_snapshot_preview1.sock_open`, (func),"),
        "{text}"
    );
    let text = start_error(
        "(module (import \"env\" \"__stack_pointer\" (global (mut i32)))
           (func (export \"_start\")))",
    )
    .to_string();
    assert!(
        text.contains("(global (mut i32))") && text.contains("dynamic linking"),
        "{text}"
    );
}

#[test]
fn a_wrong_type_shows_both() {
    let text = start_error(
        "(module
           (import \"wasi_snapshot_preview1\" \"fd_seek\" (func (param i32 i32 i32 i32) (result i32)))
           (func (export \"_start\")))",
    )
    .to_string();
    assert!(
        text.contains("wants: (func (param i32 i32 i32 i32) (result i32))"),
        "{text}"
    );
    assert!(
        text.contains("provides: (func (param i32 i64 i32 i32) (result i32))"),
        "{text}"
    );
    let text = start_error(
        "(module
           (import \"wasi_snapshot_preview1\" \"proc_exit\" (func (param i32) (result i32)))
           (func (export \"_start\")))",
    )
    .to_string();
    assert!(text.contains("provides: (func (param i32))\n"), "{text}");
}

#[test]
fn an_imported_memory_is_made_and_used() {
    let text = "(module
        (import \"env\" \"memory\" (memory 1 4))
        (import \"wasi_snapshot_preview1\" \"fd_write\"
          (func $write (param i32 i32 i32 i32) (result i32)))
        (data (i32.const 0) \"\\10\\00\\00\\00\\05\\00\\00\\00\")
        (data (i32.const 16) \"hello\")
        (func (export \"_start\")
          (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))
            (then unreachable))
          (if (i32.ne (i32.load (i32.const 8)) (i32.const 5)) (then unreachable))))";
    for tier in TIERS {
        let (finished, stdout) = run_text(text, tier);
        assert!(
            matches!(finished.outcome, Outcome::Exited(0)),
            "{:?}",
            finished.outcome
        );
        assert_eq!(stdout, "hello");
    }
}

#[test]
fn a_program_without_a_memory_gets_faults() {
    let text = "(module
        (import \"wasi_snapshot_preview1\" \"clock_time_get\"
          (func $time (param i32 i64 i32) (result i32)))
        (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
        (func (export \"_start\")
          (call $exit (call $time (i32.const 1) (i64.const 0) (i32.const 0)))))";
    let (finished, _) = run_text(text, TIERS[0]);
    let fault = u32::from(holm_abi::Errno::Fault.raw());
    assert!(matches!(finished.outcome, Outcome::Exited(code) if code == fault));
}

#[test]
fn shared_memories_are_refused_in_words() {
    for text in [
        "(module (import \"env\" \"memory\" (memory 1 1 shared)) (func (export \"_start\")))",
        "(module (memory (export \"memory\") 1 1 shared) (func (export \"_start\")))",
    ] {
        let error = start_error(text).to_string();
        assert!(error.contains("threads"), "{error}");
    }
}

#[test]
fn a_memory_above_the_limit_is_refused_and_noted() {
    for text in [
        "(module (memory (export \"memory\") 100) (func (export \"_start\")))",
        "(module (import \"env\" \"memory\" (memory 100)) (func (export \"_start\")))",
    ] {
        let limits = Limits {
            memory_bytes: 1 << 20,
            ..Limits::default()
        };
        let prepared = prepare(&[], None, limits);
        let process = prepared.process.clone();
        let finished = prepared.run(&module(text, TIERS[1]), Entry::Command);
        let Outcome::FailedToStart(error) = &finished.outcome else {
            panic!("it started: {:?}", finished.outcome);
        };
        let words = error.to_string();
        assert!(
            words.contains("6553600 bytes") && words.contains("1MiB"),
            "{words}"
        );
        assert_eq!(process.denials().len(), 1);
    }
}

#[test]
fn growing_beyond_the_limit_fails_softly() {
    let text = "(module
        (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
        (memory (export \"memory\") 1)
        (func (export \"_start\")
          (if (i32.ne (memory.grow (i32.const 4)) (i32.const 1)) (then unreachable))
          (if (i32.ne (memory.grow (i32.const 64)) (i32.const -1)) (then unreachable))
          (call $exit (memory.size))))";
    let limits = Limits {
        memory_bytes: 1 << 20,
        ..Limits::default()
    };
    let prepared = prepare(&[], None, limits);
    let process = prepared.process.clone();
    let finished = prepared.run(&module(text, TIERS[0]), Entry::Command);
    assert!(
        matches!(finished.outcome, Outcome::Exited(5)),
        "{:?}",
        finished.outcome
    );
    assert_eq!(process.usage().memory_peak_bytes(), 5 << 16);
    drop(finished);
    assert_eq!(
        process.usage().memory_bytes(),
        0,
        "given back with the store"
    );
}

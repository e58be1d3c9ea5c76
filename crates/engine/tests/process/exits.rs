//! Exits and traps.

use holm_abi::{ExitStatus, Limits, Signal};
use holm_engine::process::{Entry, Outcome, Phase};
use wasmtime::{Trap, WasmBacktrace};

use crate::host::{TIERS, module, prepare, run_text};

fn exit_with(code: u32) -> String {
    format!(
        "(module
           (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
           (memory (export \"memory\") 1)
           (func (export \"_start\") (call $exit (i32.const {code})) unreachable))"
    )
}

#[test]
fn codes_pass_through_whole() {
    for tier in TIERS {
        for code in [0, 1, 125, 126, 255, 256, u32::MAX] {
            let prepared = prepare(&[], None, Limits::default());
            let process = prepared.process.clone();
            let finished = prepared.run(&module(&exit_with(code), tier), Entry::Command);
            assert!(
                matches!(finished.outcome, Outcome::Exited(found) if found == code),
                "{:?}",
                finished.outcome
            );
            assert_eq!(process.status(), Some(ExitStatus::Exited(code)));
        }
    }
}

#[test]
fn returning_is_exiting_with_zero() {
    let prepared = prepare(&[], None, Limits::default());
    let process = prepared.process.clone();
    let module = module("(module (func (export \"_start\")))", TIERS[0]);
    let finished = prepared.run(&module, Entry::Command);
    assert!(matches!(finished.outcome, Outcome::Exited(0)));
    assert_eq!(process.status(), Some(ExitStatus::Exited(0)));
}

#[test]
fn an_exit_in_the_start_function_is_an_exit() {
    let text = "(module
        (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
        (func $main (call $exit (i32.const 3)))
        (start $main)
        (func (export \"_start\") unreachable))";
    let (finished, _) = run_text(text, TIERS[1]);
    assert!(
        matches!(finished.outcome, Outcome::Exited(3)),
        "{:?}",
        finished.outcome
    );
}

#[test]
fn a_trap_says_what_and_when() {
    for (text, phase, trap) in [
        (
            "(module (func $boom unreachable) (start $boom) (func (export \"_start\")))",
            Phase::Instantiation,
            Trap::UnreachableCodeReached,
        ),
        (
            "(module (memory 1) (data (i32.const 65536) \"x\") (func (export \"_start\")))",
            Phase::Instantiation,
            Trap::MemoryOutOfBounds,
        ),
        (
            "(module (func (export \"_start\") (drop (i32.div_u (i32.const 1) (i32.const 0)))))",
            Phase::Entry,
            Trap::IntegerDivisionByZero,
        ),
        (
            "(module (func $down (export \"_start\") (call $down)))",
            Phase::Entry,
            Trap::StackOverflow,
        ),
    ] {
        for tier in TIERS {
            let prepared = prepare(&[], None, Limits::default());
            let process = prepared.process.clone();
            let finished = prepared.run(&module(text, tier), Entry::Command);
            let Outcome::Trapped { error, during } = finished.outcome else {
                panic!("{text}: {:?}", finished.outcome);
            };
            assert_eq!(during, phase, "{text}");
            assert_eq!(error.downcast_ref::<Trap>(), Some(&trap), "{text}");
            assert_eq!(process.status(), Some(ExitStatus::Trapped));
        }
    }
}

#[test]
fn a_trap_carries_its_frames() {
    let text = "(module (func $inner unreachable) (func (export \"_start\") (call $inner)))";
    let (finished, _) = run_text(text, TIERS[1]);
    let Outcome::Trapped { error, .. } = finished.outcome else {
        panic!("{:?}", finished.outcome);
    };
    let backtrace = error.downcast_ref::<WasmBacktrace>().expect("frames");
    let names: Vec<_> = backtrace
        .frames()
        .iter()
        .map(wasmtime::FrameInfo::func_name)
        .collect();
    assert_eq!(names[0], Some("inner"));
    assert_eq!(names.len(), 2);
}

#[test]
fn raising_a_signal_ends_at_once() {
    let text = "(module
        (import \"wasi_snapshot_preview1\" \"proc_raise\" (func $raise (param i32) (result i32)))
        (func (export \"_start\") (drop (call $raise (i32.const 6))) unreachable))";
    for tier in TIERS {
        let (finished, _) = run_text(text, tier);
        let outcome = finished.outcome;
        assert!(
            matches!(outcome, Outcome::Signaled(Signal::Abort)),
            "{outcome:?}"
        );
    }
}

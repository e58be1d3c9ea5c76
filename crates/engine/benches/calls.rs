//! What a system call of WASI 0.1 costs, from the guest's code to the kernel and back.
//!
//! `cargo bench -p holm-engine --bench calls` prints nanoseconds per call for both tiers,
//! the cost of the loop itself taken off.

#![expect(
    clippy::print_stdout,
    reason = "a benchmark reports on standard output"
)]

use std::time::{Duration, Instant};

use holm_abi::Limits;
use holm_engine::process::{Entry, Outcome};
use wasmtime::{Module, Strategy};

#[allow(dead_code, reason = "the tests use the rest of it")]
#[path = "../tests/process/host.rs"]
mod host;

const ROUNDS: u32 = 5_000_000;

/// A loop of `ROUNDS` around `body`, after `before`.
fn program(before: &str, body: &str) -> String {
    format!(
        "(module
          (import \"wasi_snapshot_preview1\" \"clock_time_get\"
            (func $clock_time_get (param i32 i64 i32) (result i32)))
          (import \"wasi_snapshot_preview1\" \"fd_write\"
            (func $fd_write (param i32 i32 i32 i32) (result i32)))
          (import \"wasi_snapshot_preview1\" \"fd_tell\" (func $fd_tell (param i32 i32) (result i32)))
          (import \"wasi_snapshot_preview1\" \"sched_yield\" (func $sched_yield (result i32)))
          (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $proc_exit (param i32)))
          (import \"wasi_snapshot_preview1\" \"path_open\"
            (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
          (memory (export \"memory\") 1)
          (data (i32.const 0) \"\\40\\00\\00\\00\\08\\00\\00\\00\\40\\00\\00\\00\\08\\00\\00\\00\")
          (data (i32.const 96) \"dev/null\")
          (func $deep (param i32)
            (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1)))))
            (if (i32.eqz (local.get 0)) (then (call $proc_exit (i32.const 0)))))
          (func (export \"_start\") (local $left i32)
            {before}
            (local.set $left (i32.const {ROUNDS}))
            (loop $again
              {body}
              (br_if $again
                (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))"
    )
}

const OPEN_NULL: &str = "(if (call $path_open (i32.const 3) (i32.const 0) (i32.const 96)
    (i32.const 8) (i32.const 0) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 200))
    (then unreachable))";

fn time(module: &Module) -> Duration {
    let prepared = host::prepare(&["bench"], None, Limits::default());
    let began = Instant::now();
    let finished = prepared.run(module, Entry::Command);
    let elapsed = began.elapsed();
    assert!(
        matches!(finished.outcome, Outcome::Exited(0)),
        "{:?}",
        finished.outcome
    );
    elapsed
}

fn best(module: &Module, runs: u32) -> Duration {
    (0..runs).map(|_| time(module)).min().unwrap_or_default()
}

fn main() {
    for tier in [Strategy::Cranelift, Strategy::Winch] {
        println!("{tier:?}, nanoseconds per call:");
        let empty = best(&host::module(&program("", ""), tier), 3);
        for (name, before, body) in [
            ("sched_yield", "", "(drop (call $sched_yield))"),
            (
                "fd_tell of a bad descriptor",
                "",
                "(drop (call $fd_tell (i32.const 99) (i32.const 128)))",
            ),
            (
                "clock_time_get",
                "",
                "(drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 128)))",
            ),
            (
                "fd_write of 8 bytes to /dev/null",
                OPEN_NULL,
                "(drop (call $fd_write (i32.load (i32.const 200)) (i32.const 0) (i32.const 1)
                    (i32.const 128)))",
            ),
            (
                "fd_write of 2 x 8 bytes to /dev/null",
                OPEN_NULL,
                "(drop (call $fd_write (i32.load (i32.const 200)) (i32.const 0) (i32.const 2)
                    (i32.const 128)))",
            ),
        ] {
            let elapsed = best(&host::module(&program(before, body), tier), 3);
            let each = elapsed.saturating_sub(empty).as_secs_f64() * 1e9 / f64::from(ROUNDS);
            println!("  {name}: {each:.1}");
        }
        println!("{tier:?}, microseconds for a whole run:");
        for (name, body) in [
            ("return", "return"),
            ("proc_exit", "(call $proc_exit (i32.const 0))"),
            ("proc_exit 5000 calls deep", "(call $deep (i32.const 5000))"),
        ] {
            let elapsed = best(&host::module(&program(body, ""), tier), 1000);
            println!("  {name}: {:.1}", elapsed.as_secs_f64() * 1e6);
        }
    }
}

//! What a call of a component costs.
//!
//! From the host, and across a composed boundary, beside raw Wasmtime.
//!
//! `cargo bench -p holm-os --bench typed_calls` prints nanoseconds per call.

#![expect(
    clippy::print_stdout,
    reason = "a benchmark reports on standard output"
)]

use std::time::Instant;

use holm_os::wasmtime::component::{Component, Linker};
use holm_os::wasmtime::{Engine, Store};
use holm_os::{System, SystemOptions};

const CALLS: u32 = 300_000;

/// A component whose functions give back what they get, and one that calls it in a loop.
const COMPOSED: &str = r#"(component
    (component $b
        (core module $m
            (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
            (func (export "number") (param i32) (result i32) (local.get 0))
            (func (export "text") (param i32 i32) (result i32)
                (i32.store (i32.const 16) (local.get 0))
                (i32.store (i32.const 20) (local.get 1))
                (i32.const 16)))
        (core instance $i (instantiate $m))
        (func (export "number") (param "n" u32) (result u32) (canon lift (core func $i "number")))
        (func (export "text") (param "t" string) (result string)
            (canon lift (core func $i "text") (memory $i "memory")
                (realloc (func $i "realloc")))))
    (component $a
        (import "number" (func $number (param "n" u32) (result u32)))
        (import "text" (func $text (param "t" string) (result string)))
        (core module $libc
            (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8192)))
        (core instance $libc (instantiate $libc))
        (core func $number (canon lower (func $number)))
        (core func $text (canon lower (func $text)
            (memory $libc "memory") (realloc (func $libc "realloc"))))
        (core module $m
            (import "libc" "memory" (memory 1))
            (import "b" "number" (func $number (param i32) (result i32)))
            (import "b" "text" (func $text (param i32 i32 i32)))
            (func (export "numbers") (param i32) (result i32) (local $sum i32)
                (loop $again
                    (local.set $sum (i32.add (local.get $sum) (call $number (local.get 0))))
                    (br_if $again
                        (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                (local.get $sum))
            (func (export "texts") (param i32) (result i32)
                (loop $again
                    (call $text (i32.const 2048) (i32.const 1024) (i32.const 16))
                    (br_if $again
                        (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                (i32.load (i32.const 20))))
        (core instance $i (instantiate $m
            (with "libc" (instance $libc))
            (with "b" (instance
                (export "number" (func $number)) (export "text" (func $text))))))
        (func (export "numbers") (param "times" u32) (result u32)
            (canon lift (core func $i "numbers")))
        (func (export "texts") (param "times" u32) (result u32)
            (canon lift (core func $i "texts"))))
    (instance $b (instantiate $b))
    (instance $a (instantiate $a
        (with "number" (func $b "number")) (with "text" (func $b "text"))))
    (export "number" (func $b "number"))
    (export "text" (func $b "text"))
    (export "numbers" (func $a "numbers"))
    (export "texts" (func $a "texts")))"#;

/// Nanoseconds per call of the best of five rounds.
fn time(mut round: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let began = Instant::now();
        round();
        best = best.min(began.elapsed().as_secs_f64());
    }
    best * 1e9 / f64::from(CALLS)
}

fn holm() -> Result<[f64; 4], Box<dyn std::error::Error>> {
    let system = System::new(SystemOptions::default())?;
    let program = system.program_from_bytes("composed.wat", COMPOSED.into())?;
    let mut it = system.instantiate(&program, system.command("composed"))?;
    let text = "x".repeat(1 << 10);
    let number = it.function::<(u32,), (u32,)>("number")?;
    let echo = it.function::<(&str,), (String,)>("text")?;
    let numbers = it.function::<(u32,), (u32,)>("numbers")?;
    let texts = it.function::<(u32,), (u32,)>("texts")?;
    Ok([
        time(|| (0..CALLS).for_each(|n| assert!(number.call(&mut it, (n,)).is_ok()))),
        time(|| (0..CALLS).for_each(|_| assert!(echo.call(&mut it, (&text,)).is_ok()))),
        time(|| assert!(numbers.call(&mut it, (CALLS,)).is_ok())),
        time(|| assert!(texts.call(&mut it, (CALLS,)).is_ok())),
    ])
}

fn raw() -> Result<[f64; 4], Box<dyn std::error::Error>> {
    let system = System::new(SystemOptions::default())?;
    let program = system.program_from_bytes("composed.wat", COMPOSED.into())?;
    let engine = Engine::default();
    let component = Component::new(&engine, program.bytes()?)?;
    let mut store = Store::new(&engine, ());
    let it = Linker::new(&engine).instantiate(&mut store, &component)?;
    let text = "x".repeat(1 << 10);
    let number = it.get_typed_func::<(u32,), (u32,)>(&mut store, "number")?;
    let echo = it.get_typed_func::<(&str,), (String,)>(&mut store, "text")?;
    let numbers = it.get_typed_func::<(u32,), (u32,)>(&mut store, "numbers")?;
    let texts = it.get_typed_func::<(u32,), (u32,)>(&mut store, "texts")?;
    Ok([
        time(|| (0..CALLS).for_each(|n| assert!(number.call(&mut store, (n,)).is_ok()))),
        time(|| (0..CALLS).for_each(|_| assert!(echo.call(&mut store, (&text,)).is_ok()))),
        time(|| assert!(numbers.call(&mut store, (CALLS,)).is_ok())),
        time(|| assert!(texts.call(&mut store, (CALLS,)).is_ok())),
    ])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (holm, raw) = (holm()?, raw()?);
    println!("{:<44} {:>9} {:>9}", "ns per call", "holm", "wasmtime");
    let names = [
        "host to component, func(u32) -> u32",
        "host to component, 1 KiB string and back",
        "component to component, func(u32) -> u32",
        "component to component, 1 KiB string and back",
    ];
    for ((name, holm), raw) in names.iter().zip(holm).zip(raw) {
        println!("{name:<44} {holm:>9.1} {raw:>9.1}");
    }
    Ok(())
}

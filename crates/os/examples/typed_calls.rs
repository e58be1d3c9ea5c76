//! Calls a component's functions with typed values, and gives it a function of this program.
//!
//! `cargo run -p holm-os --example typed_calls`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use holm_os::wasmtime::component::{ComponentType, Lift, Lower};
use holm_os::{CallError, Imports, System, SystemOptions};

/// A record of the component: `record point { x: u32, y: u32 }`.
#[derive(Clone, Copy, Debug, PartialEq, ComponentType, Lift, Lower)]
#[component(record)]
#[component(wasmtime_crate = holm_os::wasmtime)]
struct Point {
    x: u32,
    y: u32,
}

/// A component in the text format; those of Rust, C or Go are files like any other.
const GEOMETRY: &str = r#"(component
    (import "example:host/log" (instance $log (export "write" (func (param "x" u32)))))
    (core func $write (canon lower (func $log "write")))
    (core module $m
        (import "log" "write" (func $write (param i32)))
        (memory (export "memory") 1)
        (func (export "swap") (param i32 i32) (result i32)
            (call $write (local.get 0))
            (i32.store (i32.const 16) (local.get 1))
            (i32.store (i32.const 20) (local.get 0))
            (i32.const 16))
        (func (export "fail") (unreachable)))
    (core instance $i (instantiate $m
        (with "log" (instance (export "write" (func $write))))))
    (type $point' (record (field "x" u32) (field "y" u32)))
    (export $point "point" (type $point'))
    (func (export "swap") (param "p" $point) (result $point)
        (canon lift (core func $i "swap") (memory $i "memory")))
    (func (export "fail") (canon lift (core func $i "fail"))))"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let system = System::new(SystemOptions::default())?;
    let program = system.program_from_bytes("geometry.wat", GEOMETRY.into())?;

    let mut imports = Imports::new();
    imports.function("example:host/log", "write", |_caller, (x,): (u32,)| {
        println!("the component says: {x}");
        Ok(())
    });

    // Made once; each instance is a process, with grants and limits of its own.
    let geometry = system.instantiator(&program, &imports)?;
    let mut command = system.command("geometry");
    command.memory_limit(16 << 20).temporary("/tmp", 1 << 20)?;
    let mut instance = geometry.instantiate(command)?;

    let swap = instance.function::<(Point,), (Point,)>("swap")?;
    let (swapped,) = swap.call(&mut instance, (Point { x: 1, y: 2 },))?;
    println!("{swapped:?}");
    assert_eq!(swapped, Point { x: 2, y: 1 });

    let fail = instance.function::<(), ()>("fail")?;
    match fail.call(&mut instance, ()) {
        Err(CallError::Trapped(failure)) => println!("the program {}", failure.report.summary),
        other => println!("{other:?}"),
    }
    // It has ended; another one is made in microseconds.
    assert!(swap.call(&mut instance, (swapped,)).is_err());
    let mut instance = geometry.instantiate(system.command("geometry"))?;
    let swap = instance.function::<(Point,), (Point,)>("swap")?;
    println!("{:?}", swap.call(&mut instance, (swapped,))?);
    Ok(())
}

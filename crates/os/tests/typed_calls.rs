//! Components whose functions an embedder calls with typed values.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use holm_abi::Signal;
use holm_engine::EngineConfig;
use holm_engine::wasmtime::component::{ComponentType, Lift, Lower, Val};
use holm_os::{
    CallError, FunctionError, Imports, Instance, InstantiateError, System, SystemOptions,
};

#[derive(Clone, Copy, Debug, PartialEq, ComponentType, Lift, Lower)]
#[component(record)]
#[component(wasmtime_crate = holm_os::wasmtime)]
struct Point {
    x: u32,
    y: u32,
}

/// Functions over most kinds of values; what is passed in memory comes back from where it is.
const ALL: &str = r#"(component
    (core module $m
        (memory (export "memory") 1)
        (global $next (mut i32) (i32.const 1024))
        (global $calls (mut i32) (i32.const 0))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
            (global.set $next (i32.add (local.get $at) (local.get 3)))
            (local.get $at))
        ;; Frees all that calls have allocated.
        (func (export "free") (param i32) (global.set $next (i32.const 1024)))
        (func (export "count") (result i32)
            (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            (global.get $calls))
        (func (export "pair") (param i32 i32) (result i32)
            (i32.store (i32.const 16) (local.get 0))
            (i32.store (i32.const 20) (local.get 1))
            (i32.const 16))
        (func (export "add") (param i32 i32) (result i32)
            (i32.add (local.get 0) (local.get 1)))
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "boom") (unreachable))
        (func (export "spin") (loop $again (br $again))))
    (core instance $i (instantiate $m))
    (type $point' (record (field "x" u32) (field "y" u32)))
    (export $point "point" (type $point'))
    (func $add (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "add")))
    (instance $ops (export "add" (func $add)))
    (export "example:math/ops@1.0.0" (instance $ops))
    (func (export "count") (result u32) (canon lift (core func $i "count")))
    (func (export "echo") (param "text" string) (result string)
        (canon lift (core func $i "pair") (memory $i "memory") (realloc (func $i "realloc"))
            (post-return (func $i "free"))))
    (func (export "mirror") (param "p" $point) (result $point)
        (canon lift (core func $i "pair") (memory $i "memory")))
    (func (export "numbers") (param "n" (list u32)) (result (list u32))
        (canon lift (core func $i "pair") (memory $i "memory") (realloc (func $i "realloc"))
            (post-return (func $i "free"))))
    (func (export "grow") (param "pages" u32) (result s32) (canon lift (core func $i "grow")))
    (func (export "boom") (canon lift (core func $i "boom")))
    (func (export "spin") (canon lift (core func $i "spin"))))"#;

fn system() -> System {
    let engine = EngineConfig {
        interruptible: true,
        ..EngineConfig::default()
    };
    System::new(SystemOptions {
        engine,
        ..SystemOptions::default()
    })
    .expect("a system")
}

fn instance(system: &System, text: &str, imports: &Imports) -> Instance {
    let program = system
        .program_from_bytes("test.wat", text.into())
        .expect("a program");
    let made = system.instantiator(&program, imports).expect("it links");
    made.instantiate(system.command("test")).expect("it lives")
}

fn all(system: &System) -> Instance {
    instance(system, ALL, &Imports::new())
}

#[test]
fn values_of_many_types_go_in_and_come_out() {
    let system = system();
    let mut all = all(&system);
    for name in [
        "add",
        "ops.add",
        "example:math/ops.add",
        "example:math/ops@1.0.0#add",
    ] {
        let add = all.function::<(u32, u32), (u32,)>(name).expect(name);
        assert_eq!(add.call(&mut all, (2, 3)).expect("a sum"), (5,));
    }
    let echo = all.function::<(&str,), (String,)>("echo").expect("echo");
    assert_eq!(echo.call(&mut all, ("hé",)).expect("text").0, "hé");
    let mirror = all
        .function::<(Point,), (Point,)>("mirror")
        .expect("mirror");
    let point = Point { x: 1, y: 2 };
    assert_eq!(mirror.call(&mut all, (point,)).expect("a point").0, point);
    let numbers = all
        .function::<(&[u32],), (Vec<u32>,)>("numbers")
        .expect("numbers");
    assert_eq!(
        numbers.call(&mut all, (&[1, 2, 3],)).expect("a list").0,
        [1, 2, 3]
    );
}

#[test]
fn untyped_values_are_checked_when_they_are_used() {
    let system = system();
    let mut all = all(&system);
    let sum = all.call("add", &[Val::U32(2), Val::U32(3)]).expect("a sum");
    assert_eq!(sum, [Val::U32(5)]);
    for wrong in [&[Val::U32(2)][..], &[Val::U32(2), Val::Bool(true)][..]] {
        let error = all.call("add", wrong).expect_err("wrong arguments");
        assert!(matches!(error, CallError::Arguments { .. }), "{error:?}");
        assert!(
            error.to_string().contains("func(a: u32, b: u32) -> u32"),
            "{error}"
        );
    }
    let error = all.call("sub", &[]).expect_err("no such function");
    assert!(error.to_string().contains("no function `sub`"), "{error}");
    assert_eq!(all.call("count", &[]).expect("it lives"), [Val::U32(1)]);
}

#[test]
fn functions_of_other_types_are_refused_in_wit() {
    let system = system();
    let mut all = all(&system);
    let error = all.function::<(String,), (u32,)>("add").expect_err("types");
    assert!(matches!(error, FunctionError::Type { .. }), "{error:?}");
    assert!(
        error.to_string().contains("func(a: u32, b: u32) -> u32"),
        "{error}"
    );
    let error = all.function::<(), ()>("nothing").expect_err("no function");
    assert!(matches!(error, FunctionError::Name(_)), "{error:?}");
}

#[test]
fn a_trap_ends_an_instance_and_is_explained() {
    let system = system();
    let mut all = all(&system);
    let boom = all.function::<(), ()>("boom").expect("boom");
    let Err(CallError::Trapped(failure)) = boom.call(&mut all, ()) else {
        panic!("no trap");
    };
    assert!(
        failure.report.summary.contains("unreachable"),
        "{failure:?}"
    );
    assert!(all.has_ended());
    assert!(matches!(boom.call(&mut all, ()), Err(CallError::Ended(_))));
}

#[test]
fn instances_share_nothing_and_their_functions_are_their_own() {
    let system = system();
    let program = system
        .program_from_bytes("all.wat", ALL.into())
        .expect("a program");
    let made = system.instantiator(&program, &Imports::new()).expect("it");
    let mut first = made.instantiate(system.command("first")).expect("one");
    let mut second = made.instantiate(system.command("second")).expect("two");
    let count = first.function::<(), (u32,)>("count").expect("count");
    assert_eq!(count.call(&mut first, ()).expect("a number"), (1,));
    assert_eq!(count.call(&mut first, ()).expect("a number"), (2,));
    assert!(matches!(
        count.call(&mut second, ()),
        Err(CallError::OtherInstance)
    ));
    let count = second.function::<(), (u32,)>("count").expect("count");
    assert_eq!(count.call(&mut second, ()).expect("a number"), (1,));
}

#[test]
fn many_calls_leave_nothing_behind() {
    let system = system();
    let mut all = all(&system);
    let echo = all.function::<(&str,), (String,)>("echo").expect("echo");
    let text = "x".repeat(1 << 10);
    echo.call(&mut all, (&text,)).expect("text");
    let before = all.process().usage().memory_bytes();
    // Each allocates in the guest: 64 KiB of memory would be full after 63.
    for _ in 0..10_000 {
        assert_eq!(
            echo.call(&mut all, (&text,)).expect("text").0.len(),
            text.len()
        );
    }
    assert_eq!(all.process().usage().memory_bytes(), before);
}

#[test]
fn memory_is_limited() {
    let system = system();
    let program = system
        .program_from_bytes("all.wat", ALL.into())
        .expect("a program");
    let mut command = system.command("all");
    command.memory_limit(1 << 20);
    let mut all = system.instantiate(&program, command).expect("it");
    let grow = all.function::<(u32,), (i32,)>("grow").expect("grow");
    assert_eq!(grow.call(&mut all, (4,)).expect("some"), (1,));
    assert_eq!(grow.call(&mut all, (64,)).expect("too much"), (-1,));
}

#[test]
fn time_is_limited_and_a_kill_ends_a_call() {
    let system = system();
    let program = system
        .program_from_bytes("all.wat", ALL.into())
        .expect("a program");
    let mut command = system.command("all");
    command.timeout(Duration::from_millis(50));
    let mut all = system.instantiate(&program, command).expect("it");
    let spin = all.function::<(), ()>("spin").expect("spin");
    let Err(CallError::Killed { signal, note }) = spin.call(&mut all, ()) else {
        panic!("not killed");
    };
    assert_eq!(signal, Signal::Alarm);
    assert!(note.is_some());

    let mut all = system
        .instantiate(&program, system.command("all"))
        .expect("it");
    let spin = all.function::<(), ()>("spin").expect("spin");
    let process = all.process().clone();
    let killer = std::thread::spawn(move || process.kill(Signal::Kill));
    let ended = spin.call(&mut all, ());
    killer.join().expect("the killer");
    assert!(
        matches!(
            ended,
            Err(CallError::Killed {
                signal: Signal::Kill,
                ..
            })
        ),
        "{ended:?}"
    );
}

const IMPORTS: &str = r#"(component
    (import "example:host/math" (instance $host
        (export "twice" (func (param "n" u32) (result u32)))))
    (core func $twice (canon lower (func $host "twice")))
    (core module $m
        (import "host" "twice" (func $twice (param i32) (result i32)))
        (func (export "four-times") (param i32) (result i32)
            (call $twice (call $twice (local.get 0)))))
    (core instance $i (instantiate $m
        (with "host" (instance (export "twice" (func $twice))))))
    (func (export "four-times") (param "n" u32) (result u32)
        (canon lift (core func $i "four-times"))))"#;

#[test]
fn functions_of_the_embedder_are_called() {
    let system = system();
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let mut imports = Imports::new();
    imports.function("example:host/math", "twice", move |caller, (n,): (u32,)| {
        assert!(caller.process().status().is_none());
        counted.fetch_add(1, Ordering::Relaxed);
        Ok((n * 2,))
    });
    let mut it = instance(&system, IMPORTS, &imports);
    let four_times = it.function::<(u32,), (u32,)>("four-times").expect("it");
    assert_eq!(four_times.call(&mut it, (3,)).expect("a number"), (12,));
    assert_eq!(calls.load(Ordering::Relaxed), 2);

    let mut imports = Imports::new();
    imports.untyped("example:host/math", "twice", |_, arguments, results| {
        let Val::U32(n) = arguments[0] else {
            return Err("not a number".into());
        };
        results[0] = Val::U32(n * 2);
        Ok(())
    });
    let mut it = instance(&system, IMPORTS, &imports);
    assert_eq!(
        it.call("four-times", &[Val::U32(1)]).expect("it"),
        [Val::U32(4)]
    );
}

#[test]
fn an_error_of_the_embedder_comes_back_to_the_caller() {
    let system = system();
    let mut imports = Imports::new();
    imports.function(
        "example:host/math",
        "twice",
        |_, (_,): (u32,)| -> Result<(u32,), _> { Err("no mathematics today".into()) },
    );
    let mut it = instance(&system, IMPORTS, &imports);
    let four_times = it.function::<(u32,), (u32,)>("four-times").expect("it");
    let error = four_times.call(&mut it, (3,)).expect_err("an error");
    let CallError::Import { name, source } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(
        (name.as_str(), source.to_string().as_str()),
        ("twice", "no mathematics today")
    );
}

#[test]
fn what_cannot_be_instantiated_is_said() {
    let system = system();
    let refused = |text: &str| {
        let program = system
            .program_from_bytes("test.wat", text.into())
            .expect("a program");
        let made = system.instantiator(&program, &Imports::new());
        made.expect_err("it must not link")
    };
    let error = refused(IMPORTS);
    assert!(error.to_string().contains("`example:host/math`"), "{error}");
    assert!(matches!(refused("(module)"), InstantiateError::Module(_)));
}

/// Opens the file `secret` in the first directory that it was given: `ok` when that works.
const OPENS: &str = r#"(component
    (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
    (import "wasi:io/streams@0.2.0" (instance $streams
        (export "input-stream" (type (sub resource)))
        (export "output-stream" (type (sub resource)))))
    (import "wasi:filesystem/types@0.2.0" (instance $types
        (export "descriptor" (type (sub resource)))))
    (alias export $types "descriptor" (type $descriptor))
    (import "wasi:filesystem/preopens@0.2.0" (instance $preopens
        (alias outer 1 $descriptor (type $d))
        (export "descriptor" (type $descriptor (eq $d)))
        (export "get-directories"
            (func (result (list (tuple (own $descriptor) string)))))))
    (core module $libc
        (memory (export "memory") 1)
        (global $next (mut i32) (i32.const 1024))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
            (global.set $next (i32.add (local.get $at) (local.get 3)))
            (local.get $at)))
    (core instance $libc (instantiate $libc))
    (core func $get (canon lower (func $preopens "get-directories")
        (memory $libc "memory") (realloc (func $libc "realloc"))))
    (core module $m
        (import "libc" "memory" (memory 1))
        (import "host" "get" (func $get (param i32)))
        (func (export "directories") (result i32)
            (call $get (i32.const 16))
            (i32.load (i32.const 20))))
    (core instance $i (instantiate $m
        (with "libc" (instance $libc))
        (with "host" (instance (export "get" (func $get))))))
    (func (export "directories") (result u32) (canon lift (core func $i "directories"))))"#;

#[test]
fn an_instance_has_the_files_that_its_command_grants_and_no_other() {
    let system = system();
    let program = system
        .program_from_bytes("opens.wat", OPENS.into())
        .expect("a program");
    let made = system
        .instantiator(&program, &Imports::new())
        .expect("it links");
    let directories = |command| {
        let mut it = made.instantiate(command).expect("it lives");
        let directories = it.function::<(), (u32,)>("directories").expect("it");
        let first = directories.call(&mut it, ()).expect("a number").0;
        // Asking often uses up resources of the guest's alone.
        for _ in 0..100 {
            directories.call(&mut it, ()).expect("a number");
        }
        first
    };
    let none = directories(system.command("none"));
    let mut command = system.command("one");
    command.temporary("/tmp", 1 << 20).expect("a mount");
    assert_eq!(directories(command), none + 1);
}

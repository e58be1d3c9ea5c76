//! Components of WASI 0.3 whose functions an embedder calls, and asynchronous functions of the embedder.

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use holm_abi::Signal;
use holm_engine::wasmtime::component::{StreamReader, Val};
use holm_os::{
    CallError, FunctionError, Imports, Instance, InstantiateError, System, SystemOptions,
};

/// `sum` waits for one number after the other, `both` for two at a time, `nap` for a time; `stuck` waits for nobody.
const ASKS: &str = r#"(component
    (import "example:host/store@1.0.0" (instance $store
        (export "get" (func async (param "key" u32) (result u32)))
        (export "plain" (func (param "key" u32) (result u32)))))
    (import "wasi:clocks/monotonic-clock@0.3.0" (instance $clock
        (export "wait-for" (func async (param "how-long" u64)))))
    (core module $libc (memory (export "memory") 1))
    (core instance $libc (instantiate $libc))
    (core func $get (canon lower (func $store "get")))
    (core func $begin (canon lower (func $store "get") async (memory $libc "memory")))
    (core func $plain (canon lower (func $store "plain")))
    (core func $wait (canon lower (func $clock "wait-for")))
    (core func $return (canon task.return (result u32)))
    (core func $set (canon waitable-set.new))
    (core func $join (canon waitable.join))
    (core func $drop (canon subtask.drop))
    (core module $m
        (import "libc" "memory" (memory 1))
        (import "host" "get" (func $get (param i32) (result i32)))
        (import "host" "begin" (func $begin (param i32 i32) (result i32)))
        (import "host" "plain" (func $plain (param i32) (result i32)))
        (import "host" "wait" (func $wait (param i64)))
        (import "own" "return" (func $return (param i32)))
        (import "own" "set" (func $set (result i32)))
        (import "own" "join" (func $join (param i32 i32)))
        (import "own" "drop" (func $drop (param i32)))
        (global $all (mut i32) (i32.const 0))
        (global $left (mut i32) (i32.const 0))
        (func (export "sum") (param i32 i32) (result i32)
            (i32.add (call $get (local.get 0)) (call $get (local.get 1))))
        (func (export "plainly") (param i32) (result i32) (call $plain (local.get 0)))
        (func (export "nap") (param i64) (call $wait (local.get 0)))
        (func $ask (param $key i32) (param $to i32)
            (local $status i32)
            (local.set $status (call $begin (local.get $key) (local.get $to)))
            ;; 2: it has returned already.
            (if (i32.ne (i32.and (local.get $status) (i32.const 15)) (i32.const 2))
                (then
                    (call $join (i32.shr_u (local.get $status) (i32.const 4)) (global.get $all))
                    (global.set $left (i32.add (global.get $left) (i32.const 1))))))
        (func $go-on (result i32)
            (if (i32.eqz (global.get $left))
                (then
                    (call $return (i32.add (i32.load (i32.const 16)) (i32.load (i32.const 20))))
                    (return (i32.const 0))))
            ;; 2: wait for one of the set.
            (i32.or (i32.shl (global.get $all) (i32.const 4)) (i32.const 2)))
        (func (export "both") (param i32 i32) (result i32)
            (global.set $all (call $set))
            (call $ask (local.get 0) (i32.const 16))
            (call $ask (local.get 1) (i32.const 20))
            (call $go-on))
        (func (export "both-callback") (param $event i32) (param $task i32) (param $state i32) (result i32)
            (if (i32.eq (local.get $state) (i32.const 2))
                (then
                    (call $drop (local.get $task))
                    (global.set $left (i32.sub (global.get $left) (i32.const 1)))))
            (call $go-on))
        (func (export "stuck") (result i32)
            (i32.or (i32.shl (call $set) (i32.const 4)) (i32.const 2)))
        (func (export "stuck-callback") (param i32 i32 i32) (result i32) unreachable)
        (func (export "boom") unreachable))
    (core instance $i (instantiate $m
        (with "libc" (instance $libc))
        (with "host" (instance
            (export "get" (func $get)) (export "begin" (func $begin))
            (export "plain" (func $plain)) (export "wait" (func $wait))))
        (with "own" (instance
            (export "return" (func $return)) (export "set" (func $set))
            (export "join" (func $join)) (export "drop" (func $drop))))))
    (func $sum async (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "sum")))
    (instance $api (export "sum" (func $sum)))
    (export "example:math/api@1.0.0" (instance $api))
    (func (export "both") async (param "a" u32) (param "b" u32) (result u32)
        (canon lift (core func $i "both") async (callback (func $i "both-callback"))))
    (func (export "plainly") (param "key" u32) (result u32) (canon lift (core func $i "plainly")))
    (func (export "nap") async (param "how-long" u64) (canon lift (core func $i "nap")))
    (func (export "stuck") async
        (canon lift (core func $i "stuck") async (callback (func $i "stuck-callback"))))
    (func (export "boom") async (canon lift (core func $i "boom"))))"#;

const HOST: &str = "example:host/store@1.0.0";

fn system() -> System {
    System::new(SystemOptions::default()).expect("a system")
}

fn instance(system: &System, imports: &Imports) -> Instance {
    let program = system
        .program_from_bytes("asks.wat", ASKS.into())
        .expect("a program");
    let made = system.instantiator(&program, imports).expect("it links");
    made.instantiate(system.command("asks")).expect("it lives")
}

/// Numbers that are there at once.
fn at_once() -> Imports {
    let mut imports = Imports::new();
    imports
        .function(HOST, "get", |_, (key,): (u32,)| Ok((key * 10,)))
        .function(HOST, "plain", |_, (key,): (u32,)| Ok((key + 1,)));
    imports
}

/// Ready when it is polled the second time, by its own waker.
async fn soon() {
    let mut polled = false;
    poll_fn(|context| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Numbers that take a while.
fn later() -> Imports {
    let mut imports = Imports::new();
    imports
        .asynchronous(HOST, "get", |caller, (key,): (u32,)| async move {
            soon().await;
            assert!(caller.process().status().is_none());
            Ok((key * 10,))
        })
        .asynchronous(HOST, "plain", |_, (key,): (u32,)| async move {
            soon().await;
            Ok((key + 1,))
        });
    imports
}

#[test]
fn asynchronous_functions_are_called_with_typed_values_and_others() {
    let system = system();
    for imports in [at_once(), later()] {
        let mut it = instance(&system, &imports);
        for name in ["sum", "api.sum", "example:math/api@1.0.0#sum"] {
            let sum = it.function::<(u32, u32), (u32,)>(name).expect(name);
            assert_eq!(sum.call(&mut it, (2, 3)).expect("a sum"), (50,));
        }
        let both = it.function::<(u32, u32), (u32,)>("both").expect("both");
        assert_eq!(both.call(&mut it, (2, 3)).expect("a sum"), (50,));
        assert_eq!(both.call(&mut it, (4, 5)).expect("a sum"), (90,));
        let plainly = it.function::<(u32,), (u32,)>("plainly").expect("plainly");
        assert_eq!(plainly.call(&mut it, (6,)).expect("a number"), (7,));
        let sum = it.call("sum", &[Val::U32(2), Val::U32(3)]);
        assert_eq!(sum.expect("a sum"), [Val::U32(50)]);
        let error = it.call("sum", &[Val::U32(2)]).expect_err("one argument");
        assert!(
            error
                .to_string()
                .contains("async func(a: u32, b: u32) -> u32"),
            "{error}"
        );
        assert!(!it.has_ended());
    }
}

#[test]
fn untyped_functions_of_the_embedder_are_either() {
    let system = system();
    let mut imports = Imports::new();
    for name in ["get", "plain"] {
        imports.untyped(HOST, name, |_, arguments, results| {
            let Val::U32(key) = arguments[0] else {
                return Err("not a number".into());
            };
            results[0] = Val::U32(key);
            Ok(())
        });
    }
    let mut it = instance(&system, &imports);
    let both = it.call("both", &[Val::U32(2), Val::U32(3)]);
    assert_eq!(both.expect("a sum"), [Val::U32(5)]);
    let plainly = it.call("plainly", &[Val::U32(2)]);
    assert_eq!(plainly.expect("a number"), [Val::U32(2)]);
}

/// Each of two calls waits until the other one is there: one after the other would never end.
#[test]
fn calls_of_the_embedder_go_on_at_once() {
    let system = system();
    let there = Arc::new(AtomicU32::new(0));
    let first = Arc::new(Mutex::new(None::<Waker>));
    let mut imports = Imports::new();
    imports
        .asynchronous(HOST, "get", move |_, (key,): (u32,)| {
            let (there, first) = (there.clone(), first.clone());
            there.fetch_add(1, Ordering::SeqCst);
            async move {
                poll_fn(|context| {
                    if let Some(waker) = first
                        .lock()
                        .expect("whole")
                        .replace(context.waker().clone())
                    {
                        waker.wake();
                    }
                    match there.load(Ordering::SeqCst) {
                        2 => Poll::Ready(()),
                        _ => Poll::Pending,
                    }
                })
                .await;
                Ok((key,))
            }
        })
        .function(HOST, "plain", |_, (key,): (u32,)| Ok((key,)));
    let mut it = instance(&system, &imports);
    let both = it.function::<(u32, u32), (u32,)>("both").expect("both");
    assert_eq!(both.call(&mut it, (2, 3)).expect("a sum"), (5,));
}

#[test]
fn functions_of_wasi_are_waited_for() {
    let system = system();
    let mut it = instance(&system, &later());
    let nap = it.function::<(u64,), ()>("nap").expect("nap");
    let clock = system.kernel().clock().clone();
    let before = clock.monotonic_ns();
    nap.call(&mut it, (2_000_000,)).expect("it wakes");
    assert!(clock.monotonic_ns() - before >= 2_000_000);
}

#[test]
fn an_error_of_the_embedder_and_a_trap_end_an_instance() {
    let system = system();
    let mut imports = at_once();
    imports.asynchronous(HOST, "get", |_, (_,): (u32,)| async {
        soon().await;
        Err::<(u32,), _>("no numbers today".into())
    });
    // A name that is given twice is a mistake of the embedder's.
    let program = system
        .program_from_bytes("asks.wat", ASKS.into())
        .expect("a program");
    assert!(system.instantiator(&program, &imports).is_err());

    let mut imports = Imports::new();
    imports
        .asynchronous(HOST, "get", |_, (_,): (u32,)| async {
            soon().await;
            Err::<(u32,), _>("no numbers today".into())
        })
        .function(HOST, "plain", |_, (key,): (u32,)| Ok((key,)));
    for name in ["sum", "both"] {
        let mut it = instance(&system, &imports);
        let call = it.function::<(u32, u32), (u32,)>(name).expect(name);
        let error = call.call(&mut it, (1, 2)).expect_err("an error");
        assert_eq!(
            error.to_string(),
            "the function `get` of the host failed: no numbers today"
        );
        assert!(matches!(
            call.call(&mut it, (1, 2)),
            Err(CallError::Ended(_))
        ));
    }
    let mut it = instance(&system, &later());
    let boom = it.function::<(), ()>("boom").expect("boom");
    assert!(matches!(boom.call(&mut it, ()), Err(CallError::Trapped(_))));
    let mut it = instance(&system, &later());
    let stuck = it.function::<(), ()>("stuck").expect("stuck");
    let error = stuck.call(&mut it, ()).expect_err("it waits for nobody");
    assert!(error.to_string().contains("deadlock"), "{error}");
}

/// While everything waits nobody makes a call that would notice.
#[test]
fn time_is_limited_and_a_kill_ends_a_call_that_waits() {
    let system = system();
    let mut imports = Imports::new();
    imports
        .asynchronous(HOST, "get", |_, (_,): (u32,)| {
            pending::<Result<(u32,), _>>()
        })
        .asynchronous(HOST, "plain", |_, (_,): (u32,)| {
            pending::<Result<(u32,), _>>()
        });
    let program = system
        .program_from_bytes("asks.wat", ASKS.into())
        .expect("a program");
    let made = system.instantiator(&program, &imports).expect("it links");
    let mut command = system.command("asks");
    command.timeout(Duration::from_millis(20));
    let mut it = made.instantiate(command).expect("it lives");
    let sum = it.function::<(u32, u32), (u32,)>("sum").expect("sum");
    let Err(CallError::Killed { signal, note }) = sum.call(&mut it, (1, 2)) else {
        panic!("not killed");
    };
    assert_eq!(signal, Signal::Alarm);
    assert!(note.is_some());
    for name in ["both", "plainly"] {
        let mut it = made.instantiate(system.command("asks")).expect("it lives");
        let process = it.process().clone();
        let killer = std::thread::spawn(move || process.kill(Signal::Kill));
        let numbers = [Val::U32(1), Val::U32(2)];
        let given = if name == "both" { 2 } else { 1 };
        let ended = it.call(name, &numbers[..given]);
        killer.join().expect("the killer");
        assert!(matches!(ended, Err(CallError::Killed { .. })), "{ended:?}");
    }
}

/// A component without anything of 0.3 may be given a function that waits: its thread sleeps.
#[test]
fn a_plain_component_waits_for_an_asynchronous_function() {
    let text = r#"(component
        (import "example:host/store" (instance $store
            (export "plain" (func (param "key" u32) (result u32)))))
        (core func $plain (canon lower (func $store "plain")))
        (core module $m
            (import "host" "plain" (func $plain (param i32) (result i32)))
            (func (export "plainly") (param i32) (result i32) (call $plain (local.get 0))))
        (core instance $i (instantiate $m
            (with "host" (instance (export "plain" (func $plain))))))
        (func (export "plainly") (param "key" u32) (result u32)
            (canon lift (core func $i "plainly"))))"#;
    let system = system();
    let program = system
        .program_from_bytes("plain.wat", text.into())
        .expect("a program");
    let mut imports = Imports::new();
    imports.asynchronous(
        "example:host/store",
        "plain",
        |_, (key,): (u32,)| async move {
            soon().await;
            Ok((key + 1,))
        },
    );
    let made = system.instantiator(&program, &imports).expect("it links");
    let mut it = made.instantiate(system.command("plain")).expect("it lives");
    let plainly = it.function::<(u32,), (u32,)>("plainly").expect("plainly");
    assert_eq!(plainly.call(&mut it, (6,)).expect("a number"), (7,));
}

/// What goes on after a call has nobody to run it: it is refused before anything runs, with what can be done.
#[test]
fn streams_and_futures_are_refused_with_what_is_possible() {
    let text = r#"(component
        (core module $m
            (func (export "drain") (param i32))
            (func (export "later") (result i32) unreachable)
            (func (export "fine") (result i32) (i32.const 7)))
        (core instance $i (instantiate $m))
        (type $bytes (stream u8))
        (type $number (future u32))
        (func (export "drain") (param "data" (option $bytes)) (canon lift (core func $i "drain2")))
        (func (export "later") (result $number) (canon lift (core func $i "later")))
        (func (export "fine") (result u32) (canon lift (core func $i "fine"))))"#;
    let text = text.replace(
        "(func (export \"drain\") (param i32))",
        "(func (export \"drain2\") (param i32 i32))",
    );
    let system = system();
    let program = system
        .program_from_bytes("flows.wat", text.into())
        .expect("a program");
    let mut it = system
        .instantiate(&program, system.command("flows"))
        .expect("it lives");
    let error = it
        .function::<(Option<StreamReader<u8>>,), ()>("drain")
        .expect_err("a stream");
    assert!(matches!(error, FunctionError::NoValues { .. }), "{error:?}");
    for word in [
        "`drain` is `func(data: option<stream<u8>>)`",
        "a stream cannot be passed",
        "only values can",
        "another component",
    ] {
        assert!(error.to_string().contains(word), "{error}");
    }
    let error = it.call("later", &[]).expect_err("a future");
    assert!(matches!(error, CallError::Arguments { .. }), "{error:?}");
    assert!(error.to_string().contains("a future cannot be"), "{error}");
    // The others of the same component can be called.
    let fine = it.function::<(), (u32,)>("fine").expect("fine");
    assert_eq!(fine.call(&mut it, ()).expect("a number"), (7,));

    let text = r#"(component
        (type $bytes (stream u8))
        (import "example:host/log" (instance $log (export "write" (func (param "data" $bytes))))))"#;
    let program = system
        .program_from_bytes("writes.wat", text.into())
        .expect("a program");
    let mut imports = Imports::new();
    imports.function(
        "example:host/log",
        "write",
        |_, (_,): (StreamReader<u8>,)| Ok(()),
    );
    let error = system
        .instantiator(&program, &imports)
        .expect_err("a stream");
    assert!(
        matches!(error, InstantiateError::Import { .. }),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("`write` of `example:host/log`"),
        "{error}"
    );
}

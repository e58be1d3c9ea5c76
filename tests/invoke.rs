//! `--invoke` calls an export, of a module or a component, with values as text.

use crate::support::{Folder, holm};

const MODULE: &str = r#"(module
    (func (export "add") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1)))
    (func (export "half") (param f64) (result f64)
        (f64.div (local.get 0) (f64.const 2)))
    (func (export "odd(name)") (result i32) (i32.const 7)))"#;

/// Functions over most kinds of values. What is passed in memory comes back from where it was
/// put: the functions return what they were given.
const COMPONENT: &str = r#"(component
    (core module $m
        (memory (export "memory") 1)
        (global $next (mut i32) (i32.const 1024))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
            (global.set $next (i32.add (local.get $at) (local.get 3)))
            (local.get $at))
        (func (export "add") (param i32 i32) (result i32)
            (i32.add (local.get 0) (local.get 1)))
        (func (export "pair") (param i32 i32) (result i32)
            (i32.store (i32.const 16) (local.get 0))
            (i32.store (i32.const 20) (local.get 1))
            (i32.const 16))
        (func (export "maybe") (param i32 i32) (result i32)
            (i32.store8 (i32.const 16) (local.get 0))
            (i32.store (i32.const 20) (local.get 1))
            (i32.const 16))
        (func (export "divide") (param i32 i32) (result i32)
            (if (i32.eqz (local.get 1))
                (then
                    (i32.store8 (i32.const 16) (i32.const 1))
                    (i32.store (i32.const 20) (i32.const 64))
                    (i32.store (i32.const 24) (i32.const 7))
                    (i64.store (i32.const 64) (i64.const 0x006f72657a207962)))
                (else
                    (i32.store8 (i32.const 16) (i32.const 0))
                    (i32.store (i32.const 20)
                        (i32.div_u (local.get 0) (local.get 1)))))
            (i32.const 16))
        (func (export "make") (result i32) (unreachable))
        (func (export "boom") (unreachable)))
    (core instance $i (instantiate $m))
    (type $point' (record (field "x" u32) (field "y" u32)))
    (export $point "point" (type $point'))
    (type $thing' (resource (rep i32)))
    (export $thing "thing" (type $thing'))
    (func (export "add") (param "a" u32) (param "b" u32) (result u32)
        (canon lift (core func $i "add")))
    (func (export "echo") (param "text" string) (result string)
        (canon lift (core func $i "pair") (memory $i "memory") (realloc (func $i "realloc"))))
    (func (export "mirror") (param "p" $point) (result $point)
        (canon lift (core func $i "pair") (memory $i "memory")))
    (func (export "numbers") (param "n" (list u32)) (result (list u32))
        (canon lift (core func $i "pair") (memory $i "memory") (realloc (func $i "realloc"))))
    (func (export "maybe") (param "n" (option u32)) (result (option u32))
        (canon lift (core func $i "maybe") (memory $i "memory")))
    (func (export "divide") (param "a" u32) (param "b" u32)
        (result (result u32 (error string)))
        (canon lift (core func $i "divide") (memory $i "memory")))
    (func (export "make") (result (own $thing))
        (canon lift (core func $i "make")))
    (func (export "boom") (canon lift (core func $i "boom"))))"#;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("math.wasm", wat::parse_str(MODULE).expect("a module"));
    folder.write("all.wasm", wat::parse_str(COMPONENT).expect("a component"));
    folder
}

/// What `holm run --invoke` prints.
fn invoke(folder: &Folder, call: &str, program: &str, arguments: &[&str]) -> String {
    let run = holm(["run", "--invoke", call, program])
        .args(arguments)
        .directory(folder.path());
    run.go().code(0).silent().stdout
}

fn refused(folder: &Folder, call: &str, program: &str, arguments: &[&str], words: &[&str]) {
    holm(["run", "--invoke", call, program])
        .args(arguments)
        .directory(folder.path())
        .go()
        .refuses(126, words);
}

#[test]
fn a_call_of_a_module_is_written_either_way() {
    let folder = folder();
    assert_eq!(invoke(&folder, "add(2, 3)", "math.wasm", &[]), "5\n");
    assert_eq!(invoke(&folder, "add(-2,0x10)", "math.wasm", &[]), "14\n");
    assert_eq!(invoke(&folder, "add", "math.wasm", &["2", "3"]), "5\n");
    assert_eq!(invoke(&folder, "half(0.5)", "math.wasm", &[]), "0.25\n");
    // An export that has this very name is meant.
    assert_eq!(invoke(&folder, "odd(name)", "math.wasm", &[]), "7\n");
}

#[test]
fn a_call_of_a_module_that_is_wrong_is_marked() {
    let folder = folder();
    refused(
        &folder,
        "add(2, 3",
        "math.wasm",
        &[],
        &["its `)` is missing", "^"],
    );
    refused(
        &folder,
        "add(2,,3)",
        "math.wasm",
        &[],
        &["a number is missing"],
    );
    refused(
        &folder,
        "add(2)",
        "math.wasm",
        &[],
        &["takes 2 arguments, 1 were given"],
    );
    refused(
        &folder,
        "add(2, two)",
        "math.wasm",
        &[],
        &["argument 2, `two`, is not an i32"],
    );
    refused(
        &folder,
        "sub(2, 3)",
        "math.wasm",
        &[],
        &["no function `sub`", "add"],
    );
}

#[test]
fn a_call_of_a_component_takes_and_gives_values_in_wave() {
    let folder = folder();
    for (call, printed) in [
        ("add(2, 3)", "5"),
        ("echo(\"h\\u{e9}\\n\")", "\"hé\\n\""),
        ("mirror({x: 1, y: 2})", "{x: 1, y: 2}"),
        ("numbers([1, 2, 3])", "[1, 2, 3]"),
        ("maybe(some(4))", "some(4)"),
        ("maybe(none)", "none"),
        ("maybe()", "none"),
        ("divide(7, 2)", "ok(3)"),
        ("divide(7, 0)", "err(\"by zero\")"),
    ] {
        assert_eq!(
            invoke(&folder, call, "all.wasm", &[]),
            format!("{printed}\n"),
            "{call}"
        );
    }
}

#[test]
fn arguments_of_a_component_may_stand_apart() {
    let folder = folder();
    assert_eq!(invoke(&folder, "add", "all.wasm", &["2", "3"]), "5\n");
    assert_eq!(
        invoke(&folder, "mirror", "all.wasm", &["{x: 1, y: 2}"]),
        "{x: 1, y: 2}\n"
    );
    assert_eq!(invoke(&folder, "maybe", "all.wasm", &[]), "none\n");
    refused(
        &folder,
        "add(2, 3)",
        "all.wasm",
        &["4"],
        &["is a whole call"],
    );
    refused(
        &folder,
        "add",
        "all.wasm",
        &["2"],
        &["takes 2 arguments, 1 were given"],
    );
    refused(
        &folder,
        "echo",
        "all.wasm",
        &["you"],
        &["cannot call `echo: func(text: string)"],
    );
}

#[test]
fn a_call_of_a_component_that_is_wrong_is_marked() {
    let folder = folder();
    let words = [
        "cannot call `add: func(a: u32, b: u32) -> u32`",
        "add(2, x)",
        "\n         ^",
    ];
    refused(&folder, "add(2, x)", "all.wasm", &[], &words);
    refused(
        &folder,
        "add(2",
        "all.wasm",
        &[],
        &["`add(2` is no call", "^"],
    );
    refused(
        &folder,
        "sub(2, 3)",
        "all.wasm",
        &[],
        &["no function `sub`", "add(a: u32"],
    );
    refused(&folder, "mirror({x: 1})", "all.wasm", &[], &["y"]);
}

#[test]
fn resources_cannot_be_written() {
    let folder = folder();
    let words = ["`make: func() -> ", "a resource cannot be written as text"];
    refused(&folder, "make()", "all.wasm", &[], &words);
}

#[test]
fn a_trap_in_a_call_is_explained() {
    let folder = folder();
    let done = holm(["run", "--invoke", "boom()", "all.wasm"])
        .directory(folder.path())
        .go()
        .code(134);
    assert!(done.stderr.contains("unreachable"), "{done}");
}

/// An `async func` is called as any other, and what waits is waited for.
#[test]
fn asynchronous_functions_of_components() {
    let text = r#"(component
        (import "wasi:clocks/monotonic-clock@0.3.0" (instance $clock
            (export "wait-for" (func async (param "how-long" u64)))))
        (core func $wait (canon lower (func $clock "wait-for")))
        (core module $m
            (import "clock" "wait" (func $wait (param i64)))
            (func (export "add") (param i32 i32) (result i32)
                (call $wait (i64.const 1000000))
                (i32.add (local.get 0) (local.get 1)))
            (func (export "later") (result i32) unreachable))
        (core instance $i (instantiate $m
            (with "clock" (instance (export "wait" (func $wait))))))
        (type $number (future u32))
        (func (export "add") async (param "a" u32) (param "b" u32) (result u32)
            (canon lift (core func $i "add")))
        (func (export "later") async (result $number) (canon lift (core func $i "later"))))"#;
    let folder = Folder::new();
    let program = folder.write("async.wat", text);
    let invoke = |call: &str| holm(["run", "--invoke", call]).arg(&program).go();
    invoke("add(2, 3)").code(0).prints("5\n").silent();
    invoke("later()").refuses(
        126,
        &[
            "`later: async func() -> future<u32>`",
            "a future cannot be written as text",
        ],
    );
}

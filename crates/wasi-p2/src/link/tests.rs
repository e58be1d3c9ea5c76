//! Tests of linking: what is said of imports that nobody provides, or that do not fit.

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine};

use super::*;

/// What linking says of a component.
fn linked(text: &str) -> Result<(), LinkError> {
    let engine = Engine::new(&Config::new()).expect("an engine");
    let bytes = wat::parse_str(text).expect("valid text");
    let component = Component::new(&engine, bytes).expect("a component");
    let mut linker = Linker::new(&engine);
    link(&mut linker, &component, Waiting::Thread, &[])?;
    check(&linker, &component).map(drop)
}

fn refusal(text: &str) -> String {
    linked(text).expect_err("it does not fit").to_string()
}

/// What is said of a component that imports an interface of this name.
fn unknown(name: &str) -> String {
    refusal(&format!(
        "(component (import \"{name}\" (instance (export \"f\" (func)))))"
    ))
}

#[test]
fn an_interface_that_nobody_provides_is_named_with_the_nearest_one() {
    let cases: &[(&str, &[&str])] = &[
        (
            "wasi:io/pol@0.2.6",
            &[
                "`wasi:io/pol@0.2.6`",
                "nearest is `wasi:io/poll@0.2.12`",
                "error, poll, streams",
            ],
        ),
        (
            "wasi:clocks/system-clock@0.2.0",
            &["wasi:clocks/system-clock` 0.3.0"],
        ),
        (
            "wasi:io/poll@0.3.0",
            &["Holm provides `wasi:io/poll` 0.2.12"],
        ),
        (
            "wasi:io/streams@0.2.0-rc-2023-11-10",
            &["0.2.12", "before a release"],
        ),
        (
            "wasi:keyvalue/store@0.2.0",
            &["a proposal", "[dependencies]"],
        ),
        (
            "wasi:clock/wall-clock@0.2.0",
            &["nearest package is `wasi:clocks`"],
        ),
        ("wasi:cli/run@0.2.0", &["what programs export"]),
        ("example:log/write", &["not part of WASI", "[dependencies]"]),
    ];
    for (name, words) in cases {
        let said = unknown(name);
        for word in *words {
            assert!(said.contains(word), "{word:?} is not in: {said}");
        }
    }
}

#[test]
fn others_that_are_unknown_are_counted() {
    let said = refusal(
        r#"(component
            (import "a:b/c" (instance (export "f" (func))))
            (import "a:b/d" (instance (export "f" (func))))
            (import "wasi:io/poll@0.2.0" (instance)))"#,
    );
    assert!(said.contains("`a:b/c`"), "{said}");
    assert!(said.contains("nor one other of its imports"), "{said}");
}

#[test]
fn a_function_of_a_later_version_is_named_with_what_there_is() {
    let said = refusal(
        r#"(component (import "wasi:random/random@0.2.99"
            (instance (export "get-dice" (func (param "sides" u8) (result u8))))))"#,
    );
    for word in [
        "`get-dice` of `wasi:random/random@0.2.99`",
        "`wasi:random/random` 0.2.12 does not have",
        "get-dice: func(sides: u8) -> u8",
        "0.2.99 is later than what this Holm knows",
    ] {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

#[test]
fn a_function_of_another_type_is_shown_both_ways_in_wit() {
    let said = refusal(
        r#"(component (import "wasi:clocks/monotonic-clock@0.2.0"
            (instance (export "now" (func (result (option string)))))))"#,
    );
    for word in [
        "`now` of `wasi:clocks/monotonic-clock@0.2.0` with another type",
        "the component wants: now: func() -> option<string>",
        "Holm has (0.2.12): now: func() -> instant",
    ] {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

#[test]
fn methods_and_records_are_named_as_wit_names_them() {
    let said = refusal(
        r#"(component (import "wasi:io/poll@0.2.0" (instance
            (export "pollable" (type $p (sub resource)))
            (type $seen (record (field "at" u64) (field "who" (list string))))
            (export "seen" (type $named (eq $seen)))
            (export "[method]pollable.ready"
                (func (param "self" (borrow $p)) (param "s" $named) (result (own $p)))))))"#,
    );
    for word in [
        "[method]pollable.ready: func(self: borrow<pollable>, s: seen) -> pollable",
        "ready: func() -> bool",
    ] {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

#[test]
fn every_interface_that_is_linked_is_known_with_its_functions() {
    for (name, _) in P2 {
        let interface = provided::find(name, "0.2.0").expect("in the WIT");
        assert_eq!(interface.path(), *name);
    }
    let poll = provided::find("wasi:io/poll", "0.2.1").expect("it");
    assert_eq!(
        poll.function("poll").as_deref(),
        Some("poll: func(in: list<borrow<pollable>>) -> list<u32>")
    );
    assert_eq!(
        poll.function("[method]pollable.block").as_deref(),
        Some("block: func()")
    );
    assert_eq!(poll.function("block"), None);
}

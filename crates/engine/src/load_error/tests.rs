//! Tests of what bad input is told.

use wasmparser::Validator;

use super::*;

fn told(bytes: &[u8]) -> String {
    match form_of("x.wasm", bytes) {
        Err(error) => error.to_string(),
        Ok(_) => diagnose("x.wasm", bytes, "refused".to_owned()).to_string(),
    }
}

fn module(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("valid text")
}

#[test]
fn every_truncation_is_an_error_and_most_are_called_so() {
    let whole = module(
        r#"(module (type (func (param i32) (result i32)))
            (import "env" "f" (func (type 0)))
            (memory (export "memory") 1 2)
            (func (export "_start") (drop (call 0 (i32.const 1))))
            (data (i32.const 0) "hello"))"#,
    );
    let mut truncated = 0;
    for length in 1..whole.len() {
        let bytes = &whole[..length];
        let error = match form_of("x", bytes) {
            Err(error) => error,
            Ok(_) => {
                let valid = Validator::new_with_features(supported())
                    .validate_all(bytes)
                    .is_ok();
                if valid {
                    continue;
                }
                diagnose("x", bytes, String::new())
            }
        };
        match error {
            LoadError::File(ProgramError::Truncated { size, .. }) => {
                assert_eq!(size, u64::try_from(length).expect("fits"));
                truncated += 1;
            }
            // Cut exactly between two sections.
            LoadError::File(ProgramError::Malformed { .. }) => {}
            other => panic!("{length} bytes: {other:?}"),
        }
    }
    assert!(truncated > whole.len() * 9 / 10, "{truncated}");
}

#[test]
fn a_malformed_module_has_an_offset_and_a_reason() {
    let mut bytes = module("(module (func (result i32) i32.const 1))");
    let position = bytes.len() - 3;
    bytes[position] = 0x01; // nop instead of i32.const
    let error = diagnose("x.wasm", &bytes, String::new());
    assert!(
        matches!(&error, LoadError::File(ProgramError::Malformed { offset, .. }) if *offset > 8),
        "{error:?}"
    );
    let error = told(b"\0asm\x02\0\0\0");
    assert!(error.contains("version 0x2"), "{error}");
}

#[test]
fn an_unsupported_proposal_is_told_from_nonsense() {
    // (func try catch_all end): the exceptions that preceded the standard.
    let legacy = [
        0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, // header
        1, 4, 1, 0x60, 0, 0, // type () -> ()
        3, 2, 1, 0, // function
        10, 8, 1, 6, 0, 0x06, 0x40, 0x19, 0x0b, 0x0b, // try catch_all end end
    ];
    let error = diagnose("x.wasm", &legacy, String::new());
    assert!(matches!(error, LoadError::Unsupported { .. }), "{error:?}");
    assert!(error.to_string().contains("--emit-exnref"), "{error}");
}

#[test]
fn a_valid_module_that_was_refused_keeps_the_compilers_words() {
    let error = diagnose("x", &module("(module)"), "too many locals".to_owned());
    assert_eq!(error.to_string(), "x cannot be compiled: too many locals");
}

#[test]
fn a_component_is_asynchronous_when_it_is_not_valid_without() {
    let form = |text: &str| form_of("x", &module(text)).expect("a form");
    assert_eq!(form("(module)"), Form::Module);
    assert_eq!(form("(component)"), Form::Component);
    assert_eq!(
        form(r#"(component (import "f" (func (param "a" u32))))"#),
        Form::Component
    );
    assert_eq!(
        form(r#"(component (import "f" (func async (param "a" u32))))"#),
        Form::AsyncComponent
    );
    assert_eq!(
        form(r#"(component (import "f" (func (param "a" (stream u8)))))"#),
        Form::AsyncComponent
    );
}

//! Tests of what is said of files that are no programs.

use super::*;

fn told(bytes: &[u8]) -> String {
    let refused = kind("x.wasm", bytes).and_then(|_| check_whole("x.wasm", bytes));
    refused.expect_err("refused").to_string()
}

#[test]
fn what_is_not_wasm_is_named() {
    let cases: [(&[u8], &str); 14] = [
        (b"", "the file is empty"),
        (b"hello\n", "it looks like text"),
        ("h\u{e4}llo".as_bytes(), "it looks like text"),
        (b"#!/bin/sh\n", "a script"),
        (b"<!DOCTYPE html>", "HTML"),
        (b"\x7fELF\x02\x01\x01\x00", "native Linux program"),
        (b"\x7fELF\x02\x01\x01\xc8", "compiled in advance"),
        (b"\xcf\xfa\xed\xfe\x07", "native macOS program"),
        (b"MZ\x90\0", "native Windows program"),
        (b"BC\xc0\xde", "LLVM bitcode"),
        (b"!<arch>\nfoo", "archive of objects"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x03\x04", "zip"),
        (b"\x00\x01\x02\x03\x04", "starts with the bytes 00 01 02 03"),
    ];
    for (bytes, expected) in cases {
        let told = told(bytes);
        assert!(told.starts_with("x.wasm is not WebAssembly: "), "{told}");
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn modules_and_components_are_told_apart() {
    let module = b"\0asm\x01\0\0\0";
    assert_eq!(kind("x", module).expect("a module"), ProgramKind::Module);
    let component = b"\0asm\x0d\0\x01\0";
    assert_eq!(kind("x", component).expect("one"), ProgramKind::Component);
    assert!(told(b"\0asm\x02\0\0\0").contains("malformed at byte 0x4: it says"));
}

#[test]
fn a_section_that_is_cut_is_named() {
    assert!(check_whole("x", b"\0asm\x01\0\0\0").is_ok());
    for (bytes, inside) in [
        (
            &b"\0asm\x01"[..],
            "it ends at byte 5, in the middle of the file's header",
        ),
        (
            b"\0asm\x01\0\0\0\x01\xff\x01",
            "in the middle of the type section",
        ),
        (
            b"\0asm\x01\0\0\0\x0a\xff",
            "in the middle of the header of the code section",
        ),
    ] {
        let told = told(bytes);
        assert!(told.contains(inside), "{told}");
    }
}

#[test]
fn a_size_over_the_limit_is_told_with_both() {
    let error = check_size("x", (1 << 20) + 1, 1 << 20).expect_err("too large");
    assert_eq!(
        error.to_string(),
        "x is too large: 1048577 bytes, and the limit is 1MiB"
    );
    assert!(check_size("x", 7, 7).is_ok());
}

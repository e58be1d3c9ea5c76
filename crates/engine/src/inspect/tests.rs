//! Tests of inspection.

use super::*;

fn inspect_text(text: &str) -> Inspection {
    inspect(&wat::parse_str(text).expect("valid text")).expect("parses")
}

#[test]
fn a_command_is_described() {
    let inspection = inspect_text(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write"
                (func (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "path_open" (func (param i32)))
            (import "wasi_snapshot_preview1" "fd_readdir" (func (param i32)))
            (import "wasi_snapshot_preview1" "clock_time_get" (func))
            (import "env" "mystery" (func))
            (memory (export "memory") 2 16)
            (table 3 funcref)
            (global (export "g") (mut i64) (i64.const 0))
            (func $main (export "_start"))
            (start $main)
            (@producers (language "Rust" "2024") (processed-by "rustc" "1.95.0"))
            (@custom ".debug_info" "12345"))"#,
    );
    assert_eq!(inspection.kind, ProgramKind::Module);
    assert_eq!(inspection.shape, Shape::Command);
    assert_eq!(inspection.wasi_versions, ["0.1"]);
    assert_eq!(
        inspection.imports[0].signature,
        "(i32, i32, i32, i32) -> i32"
    );
    let asks: Vec<_> = inspection
        .asks
        .iter()
        .map(|ask| ask.capability.as_str())
        .collect();
    assert_eq!(
        asks,
        [
            "open files and standard streams",
            "files and folders",
            "clocks",
            "something that WASI does not have"
        ]
    );
    assert_eq!(inspection.asks[1].imports, ["path_open", "fd_readdir"]);
    let memory = &inspection.memories[0];
    assert_eq!((memory.minimum, memory.maximum), (2 << 16, Some(16 << 16)));
    assert_eq!(inspection.tables[0].element, "funcref");
    assert_eq!(inspection.start_function, Some(5));
    assert_eq!(inspection.functions, 1);
    assert!(inspection.has_names);
    assert_eq!(inspection.debug_information, DebugInformation::Embedded(5));
    assert_eq!(inspection.producers[1].name, "rustc");
    assert_eq!(inspection.features, Vec::<String>::new());
    let exports: Vec<_> = inspection
        .exports
        .iter()
        .map(|export| (export.name.as_str(), export.signature.as_str()))
        .collect();
    assert_eq!(
        exports,
        [("memory", "2..16"), ("g", "mut i64"), ("_start", "()")]
    );
    let sections: Vec<_> = inspection
        .sections
        .iter()
        .map(|s| s.name.as_str())
        .collect();
    assert!(sections.starts_with(&["type", "import", "function", "table", "memory"]));
    assert!(sections.contains(&"code") && sections.contains(&"producers"));
    let json = serde_json::to_value(&inspection).expect("serialises");
    assert_eq!(json["shape"], "command");
    assert!(
        json["digest"]
            .as_str()
            .is_some_and(|digest| digest.starts_with("blake3:"))
    );
}

#[test]
fn features_are_found_by_what_is_used() {
    let cases = [
        ("(module (func (drop (i32.const 1))))", ""),
        ("(module (func $f (return_call $f)))", "tail-call"),
        ("(module (tag) (func (throw 0)))", "exceptions"),
        ("(module (memory 1) (memory 1))", "multi-memory"),
        ("(module (memory i64 1))", "memory64"),
        ("(module (memory 1 2 shared))", "threads"),
        (
            "(module (func (result v128) (v128.const i64x2 0 0)))",
            "simd",
        ),
        ("(module (type (struct (field i32))))", "gc"),
        (
            "(module (func (result i32 i32) (i32.const 1) (i32.const 2)))",
            "multi-value",
        ),
        (
            "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))",
            "extended-const",
        ),
        (
            "(module (func (drop (i32.extend8_s (i32.const 1)))))",
            "sign-extension",
        ),
        ("(module (table 1 externref))", "reference-types"),
        (
            "(module (func (drop (i64.add128 (i64.const 1) (i64.const 1) (i64.const 1)
                (i64.const 1))) drop))",
            "wide-arithmetic",
        ),
        (
            "(module (func (param v128) (drop (i32x4.relaxed_trunc_f32x4_s (local.get 0)))))",
            "relaxed-simd simd",
        ),
    ];
    for (text, expected) in cases {
        let features = inspect_text(text).features.join(" ");
        assert_eq!(features, expected, "{text}");
    }
}

#[test]
fn a_component_is_described() {
    let inspection = inspect_text(
        r#"(component
            (import "wasi:filesystem/types@0.2.3" (instance))
            (import "wasi:sockets/tcp@0.2.3" (instance))
            (core module (func $f (return_call $f)))
            (component $inner (core module))
            (instance $run)
            (export "wasi:cli/run@0.2.3" (instance $run)))"#,
    );
    assert_eq!(inspection.kind, ProgramKind::Component);
    assert_eq!(inspection.shape, Shape::Command);
    assert_eq!(inspection.wasi_versions, ["0.2.3"]);
    assert_eq!(inspection.nested_modules, 2);
    assert_eq!(inspection.features, ["tail-call"]);
    let asks: Vec<_> = inspection
        .asks
        .iter()
        .map(|ask| ask.capability.as_str())
        .collect();
    assert_eq!(asks, ["files and folders", "sockets"]);
}

const COMPONENT: &str = r#"(component
    (import "wasi:cli/environment@0.2.3" (instance))
    (import "wasi:random/random@0.2.3" (instance
        (export "get-random-u64" (func (result u64)))))
    (import "example:host/log" (instance
        (export "write" (func (param "text" string)))))
    (core module $m
        (memory (export "memory") 2 4)
        (func (export "add") (param i32 i32) (result i32)
            (i32.add (local.get 0) (local.get 1)))
        (@producers (processed-by "someone" "1.0")))
    (component $inner (core module (memory 1)))
    (core instance $i (instantiate $m))
    (func $add (export "add") (param "a" u32) (param "b" u32) (result u32)
        (canon lift (core func $i "add")))
    (instance $ops (export "sum" (func $add)))
    (export "example:math/ops@1.0.0" (instance $ops)))"#;

#[test]
fn a_component_shows_its_world_and_what_is_inside() {
    let component = inspect_text(COMPONENT).component.expect("a component");
    assert_eq!(component.release, None);
    assert!(!component.is_async);
    assert_eq!(component.components, 1);
    let memories: Vec<_> = component
        .modules
        .iter()
        .map(|module| module.memories[0].minimum)
        .collect();
    assert_eq!(memories, [2 << 16, 1 << 16]);
    assert_eq!(component.modules[0].producers[0].name, "someone");
    let packages: Vec<_> = component
        .imports
        .iter()
        .map(|package| (package.name.as_str(), package.interfaces[0].is_provided))
        .collect();
    assert_eq!(
        packages,
        [
            ("wasi:cli", true),
            ("wasi:random", true),
            ("example:host", false)
        ]
    );
    let grant = component.imports[0].interfaces[0].grant;
    assert!(grant.is_some_and(|grant| grant.starts_with("--env")));
    assert_eq!(component.imports[1].interfaces[0].grant, None);
    let functions: Vec<_> = component
        .functions
        .iter()
        .map(|one| {
            (
                one.interface.as_deref(),
                one.name.as_str(),
                one.signature.as_str(),
            )
        })
        .collect();
    let signature = "func(a: u32, b: u32) -> u32";
    assert_eq!(
        functions,
        [
            (Some("example:math/ops@1.0.0"), "sum", signature),
            (None, "add", signature)
        ]
    );
    let world = component.world.expect("a world");
    for line in [
        "import wasi:random/random@0.2.3;",
        "export add: func(a: u32, b: u32) -> u32;",
        "package example:math@1.0.0",
        "write: func(text: string);",
    ] {
        assert!(world.contains(line), "{line:?} is not in: {world}");
    }
}

#[test]
fn damaged_components_are_survived() {
    let whole = wat::parse_str(COMPONENT).expect("valid text");
    for length in 0..whole.len() {
        let _ = inspect(&whole[..length]);
    }
    for position in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[position] ^= 1 << (position % 8);
        let _ = inspect(&damaged);
    }
}

#[test]
fn real_toolchains_are_recognised() {
    let rust = inspect(include_bytes!("../../tests/fixtures/lines-rust.wasm")).expect("parses");
    assert!(matches!(rust.debug_information, DebugInformation::Embedded(bytes) if bytes > 100));
    assert!(
        rust.producers
            .iter()
            .any(|producer| producer.name == "Rust")
    );
    assert!(rust.has_names);
}

#[test]
fn every_truncation_and_bit_flip_is_survived() {
    let whole = include_bytes!("../../tests/fixtures/lines-cpp.wasm");
    for length in 0..whole.len() {
        // An error or a shorter module, never a panic.
        let _ = inspect(&whole[..length]);
    }
    for position in 0..whole.len() {
        let mut damaged = whole.to_vec();
        damaged[position] ^= 1 << (position % 8);
        let _ = inspect(&damaged);
    }
}

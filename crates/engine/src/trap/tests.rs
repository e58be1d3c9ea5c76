//! Tests of trap explanation, on every tier and on cached code.

use wasmtime::{Instance, Store, Val};

use super::*;
use crate::{CodeKind, Engine, EngineConfig, Loaded, TierChoice};

fn engine() -> Engine {
    Engine::new(EngineConfig {
        core_dump_on_trap: true,
        ..EngineConfig::default()
    })
    .expect("engine")
}

fn trap(loaded: &Loaded, export: &str, arguments: &[Val]) -> (wasmtime::Error, Store<()>) {
    let mut store = Store::new(loaded.code.engine(), ());
    let instance =
        Instance::new(&mut store, loaded.code.module().expect("a module"), &[]).expect("instance");
    let function = instance.get_func(&mut store, export).expect("export");
    let mut results = vec![Val::I32(0); function.ty(&store).results().len()];
    let error = function
        .call(&mut store, arguments, &mut results)
        .expect_err("a trap");
    (error, store)
}

fn explain(source: &[u8], choice: TierChoice, export: &str, arguments: &[Val]) -> TrapReport {
    let engine = engine();
    let program = engine
        .program_from_bytes("test", source.to_vec())
        .expect("program");
    let loaded = engine.load(&program, choice).expect("load");
    let (error, _) = trap(&loaded, export, arguments);
    explain_trap(&error, &program)
}

const BOTH: [TierChoice; 2] = [TierChoice::Baseline, TierChoice::Optimised];

#[test]
fn each_trap_has_words() {
    let text = br#"(module
        (type $t (func (param i32)))
        (table $table 4 funcref)
        (elem (i32.const 1) $recurse)
        (memory 1)
        (func $recurse (export "recurse") (call $recurse))
        (func (export "load") (drop (i32.load (i32.const 0x20000))))
        (func (export "divide") (drop (i32.div_s (i32.const 1) (i32.const 0))))
        (func (export "overflow")
            (drop (i32.div_s (i32.const 0x80000000) (i32.const -1))))
        (func (export "unreachable") unreachable)
        (func (export "null") (call_indirect (i32.const 0)))
        (func (export "type") (call_indirect (type $t) (i32.const 0) (i32.const 1)))
        (func (export "table") (call_indirect (i32.const 9)))
        (func (export "convert") (drop (i32.trunc_f32_s (f32.const nan)))))"#;
    let cases = [
        ("recurse", TrapKind::StackOverflow, "ran out of stack"),
        (
            "load",
            TrapKind::MemoryOutOfBounds,
            "accessed memory that it does not have",
        ),
        ("divide", TrapKind::DivisionByZero, "by zero"),
        ("overflow", TrapKind::IntegerOverflow, "smallest integer"),
        ("unreachable", TrapKind::Unreachable, "unreachable"),
        ("null", TrapKind::CallToNull, "null function pointer"),
        ("type", TrapKind::CallTypeMismatch, "another type"),
        ("table", TrapKind::TableOutOfBounds, "does not exist"),
        ("convert", TrapKind::InvalidConversion, "converted"),
    ];
    for choice in BOTH {
        for (export, kind, words) in cases {
            let report = explain(text, choice, export, &[]);
            assert_eq!(report.kind, kind, "{choice:?}");
            assert!(report.summary.contains(words), "{}", report.summary);
            assert_eq!(report.frames[0].function, export, "{choice:?}");
            // A prologue, where the stack is checked, is no instruction of the module.
            let has_offset = report.frames[0].module_offset.is_some();
            assert!(has_offset || kind == TrapKind::StackOverflow, "{export}");
            assert_eq!(report.more_frames, export == "recurse");
        }
        let report = explain(text, choice, "load", &[]);
        if let Some(fault) = report.memory_fault {
            assert_eq!((fault.address, fault.memory_size), (0x20000, 0x10000));
            assert!(report.summary.contains("0x20000"), "{}", report.summary);
        }
    }
    let report = explain(text, TierChoice::Optimised, "load", &[]);
    assert!(report.memory_fault.is_some());
}

#[test]
fn an_uncaught_exception_is_called_so() {
    let text = br#"(module (tag $t) (func (export "f") (throw $t)))"#;
    for choice in BOTH {
        let report = explain(text, choice, "f", &[]);
        assert_eq!(report.kind, TrapKind::UncaughtException);
    }
}

#[test]
fn an_error_of_the_host_is_none_of_the_guests() {
    let program = engine()
        .program_from_bytes("test", b"(module)".to_vec())
        .expect("program");
    let report = explain_trap(&wasmtime::Error::msg("the disk is full"), &program);
    assert_eq!(
        (report.kind, report.summary.as_str()),
        (TrapKind::Host, "the disk is full")
    );
}

#[test]
fn an_interruption_stops_a_tight_loop() {
    let engine = Engine::new(EngineConfig {
        interruptible: true,
        ..EngineConfig::default()
    })
    .expect("engine");
    let text = b"(module (func (export \"f\") (loop br 0)))";
    for choice in BOTH {
        let program = engine
            .program_from_bytes("test", text.to_vec())
            .expect("program");
        let loaded = engine.load(&program, choice).expect("load");
        let mut store = Store::new(loaded.code.engine(), ());
        store.set_epoch_deadline(1);
        let instance = Instance::new(&mut store, loaded.code.module().expect("a module"), &[])
            .expect("instance");
        let function = instance
            .get_typed_func::<(), ()>(&mut store, "f")
            .expect("export");
        let interrupter = loaded.interrupter();
        let other = std::thread::spawn(move || interrupter.interrupt());
        let error = function.call(&mut store, ()).expect_err("interrupted");
        other.join().expect("no panic");
        assert_eq!(explain_trap(&error, &program).kind, TrapKind::Interrupted);
    }
}

#[test]
fn rust_lines_and_inlined_functions() {
    let module = include_bytes!("../../tests/fixtures/lines-rust.wasm");
    for choice in BOTH {
        let report = explain(module, choice, "out_of_bounds", &[]);
        assert!(report.has_debug_information);
        let shown: Vec<_> = report
            .frames
            .iter()
            .map(|frame| {
                let location = frame.location.as_ref().expect("a location");
                (
                    frame.function.as_str(),
                    location.file.as_str(),
                    location.line,
                    frame.is_inlined,
                )
            })
            .collect();
        let named = |name: &str| {
            let found = shown.iter().find(|(function, ..)| function.ends_with(name));
            *found.unwrap_or_else(|| panic!("{name} not in {shown:?}"))
        };
        let (_, file, line, is_inlined) = named("::read");
        assert!(file.ends_with("lines.rs"), "{file}");
        assert_eq!((line, is_inlined), (Some(11), true));
        let (_, _, line, is_inlined) = named("outer::middle");
        assert_eq!((line, is_inlined), (Some(17), false));
        let (_, _, line, is_inlined) = named("out_of_bounds");
        assert_eq!((line, is_inlined), (Some(23), false));
    }
}

#[test]
fn cpp_lines_and_cached_code() {
    let module = include_bytes!("../../tests/fixtures/lines-cpp.wasm");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("lines.wasm");
    std::fs::write(&path, module).expect("write");
    let config = EngineConfig {
        cache: Some(crate::CacheConfig::new(folder.path().join("cache"))),
        ..EngineConfig::default()
    };
    for _ in 0..2 {
        let engine = Engine::new(config.clone()).expect("engine");
        let program = engine.open(&path).expect("open");
        let loaded = engine.load(&program, TierChoice::Auto).expect("load");
        let (error, _) = trap(&loaded, "start", &[Val::I32(0)]);
        let report = explain_trap(&error, &program);
        assert_eq!(report.kind, TrapKind::DivisionByZero);
        let frame = &report.frames[0];
        assert_eq!(frame.function, "shapes::divide(int, int)");
        let location = frame.location.as_ref().expect("a location");
        assert!(location.file.ends_with("lines.cpp"), "{location:?}");
        assert_eq!(location.line, Some(3));
        assert_eq!(report.frames[1].function, "start");
    }
}

#[test]
fn a_core_dump_is_a_module_with_the_memory_and_the_stack() {
    let text = br#"(module
        (memory 1) (data (i32.const 8) "remember me")
        (global (mut i32) (i32.const 7))
        (func $inner unreachable)
        (func (export "f") (call $inner)))"#;
    let engine = engine();
    let program = engine
        .program_from_bytes("test", text.to_vec())
        .expect("program");
    for kind in [CodeKind::Winch, CodeKind::Optimised] {
        let choice = match kind {
            CodeKind::Optimised => TierChoice::Optimised,
            _ => TierChoice::Baseline,
        };
        let loaded = engine.load(&program, choice).expect("load");
        let (error, mut store) = trap(&loaded, "f", &[]);
        assert_eq!(explain_trap(&error, &program).kind, TrapKind::Unreachable);
        let dump = core_dump(&error, &mut store, "test.wasm").expect("a core dump");
        wasmparser::Validator::new()
            .validate_all(&dump)
            .expect("valid");
        assert!(dump.windows(11).any(|bytes| bytes == b"remember me"));
        let mut frames = None;
        for payload in wasmparser::Parser::new(0).parse_all(&dump) {
            if let wasmparser::Payload::CustomSection(section) = payload.expect("parses")
                && let wasmparser::KnownCustom::CoreDumpStack(stack) = section.as_known()
            {
                frames = Some(stack.frames.iter().map(|f| f.funcidx).collect::<Vec<_>>());
            }
        }
        assert_eq!(frames, Some(vec![0, 1]));
    }
}

#[test]
fn without_the_setting_there_is_no_core_dump() {
    let engine = Engine::new(EngineConfig::default()).expect("engine");
    let text = b"(module (func (export \"f\") unreachable))";
    let program = engine
        .program_from_bytes("test", text.to_vec())
        .expect("program");
    let loaded = engine.load(&program, TierChoice::Auto).expect("load");
    let (error, mut store) = trap(&loaded, "f", &[]);
    assert!(matches!(
        core_dump(&error, &mut store, "x"),
        Err(CoreDumpError::NotKept)
    ));
}

#[test]
fn a_global_that_a_core_dump_cannot_hold_is_an_error() {
    let text = br#"(module (global (mut exnref) (ref.null exn))
        (func (export "f") unreachable))"#;
    let engine = engine();
    let program = engine
        .program_from_bytes("test", text.to_vec())
        .expect("program");
    let loaded = engine.load(&program, TierChoice::Auto).expect("load");
    let (error, mut store) = trap(&loaded, "f", &[]);
    assert!(matches!(
        core_dump(&error, &mut store, "x"),
        Err(CoreDumpError::Inexpressible(_))
    ));
}

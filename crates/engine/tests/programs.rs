//! Loading whole programs: tiers, proposals, and every kind of bad input.

use std::fs;
use std::path::Path;

use holm_engine::{CodeKind, Engine, EngineConfig, LoadError, Origin, Program, TierChoice};
use holm_package::program::ProgramError;
use wasmtime::{Instance, Store};

fn engine() -> Engine {
    Engine::new(EngineConfig::default()).expect("engine")
}

fn program(engine: &Engine, text: &str) -> Program {
    engine
        .program_from_bytes("test", text.as_bytes().to_vec())
        .expect("program")
}

fn run(text: &str, choice: TierChoice) -> (CodeKind, i32) {
    let engine = engine();
    let loaded = engine.load(&program(&engine, text), choice).expect("load");
    assert_eq!(loaded.origin, Origin::Cold);
    assert!(!loaded.wants_optimising, "there is no cache to keep it in");
    let mut store = Store::new(loaded.code.engine(), ());
    let instance =
        Instance::new(&mut store, loaded.code.module().expect("a module"), &[]).expect("instance");
    let function = instance
        .get_typed_func::<(), i32>(&mut store, "f")
        .expect("export");
    (loaded.kind, function.call(&mut store, ()).expect("no trap"))
}

#[test]
fn every_standard_proposal_runs_in_both_tiers() {
    let by_winch = [
        r#"(func (export "f") (result i32) (i32.const 42))"#,
        r#"(memory 1) (memory $b 1) (data (memory $b) (i32.const 0) "\2a")
           (func (export "f") (result i32) (i32.load $b (i32.const 0)))"#,
        r#"(memory i64 1) (data (i64.const 0) "\2a")
           (func (export "f") (result i32) (i32.load (i64.const 0)))"#,
        r#"(func $two (result i32 i32) (i32.const 40) (i32.const 2))
           (func (export "f") (result i32) (i32.add (call $two)))"#,
        r#"(global i32 (i32.add (i32.const 40) (i32.const 2)))
           (func (export "f") (result i32) (global.get 0))"#,
        r#"(func (export "f") (result i32)
            (drop (i64.add128 (i64.const 0) (i64.const 0) (i64.const 42) (i64.const 0)))
            i32.wrap_i64 (drop) (i32.const 42))"#,
    ];
    let by_cranelift = [
        r#"(func $g (result i32) (i32.const 42))
           (func (export "f") (result i32) (return_call $g))"#,
        r#"(tag $t (param i32))
           (func (export "f") (result i32)
            (block $h (result i32)
                (try_table (catch $t $h) (throw $t (i32.const 42))) (i32.const 1)))"#,
        r#"(type $s (struct (field i32)))
           (func (export "f") (result i32)
            (struct.get $s 0 (struct.new $s (i32.const 42))))"#,
        r#"(type $t (func (result i32))) (elem declare func $g)
           (func $g (type $t) (i32.const 42))
           (func (export "f") (result i32) (call_ref $t (ref.func $g)))"#,
        r#"(func (export "f") (result i32)
            (i32x4.extract_lane 0
                (i32x4.relaxed_trunc_f32x4_s (f32x4.splat (f32.const 42)))))"#,
    ];
    for body in by_winch {
        let text = format!("(module {body})");
        // Winch leaves some of these to Cranelift, depending on the processor.
        let (kind, result) = run(&text, TierChoice::Baseline);
        assert!(kind != CodeKind::Optimised);
        assert_eq!(result, 42, "{text}");
        assert_eq!(
            run(&text, TierChoice::Optimised),
            (CodeKind::Optimised, 42),
            "{text}"
        );
    }
    assert_eq!(
        run(&format!("(module {})", by_winch[0]), TierChoice::Auto).0,
        CodeKind::Winch
    );
    for body in by_cranelift {
        let text = format!("(module {body})");
        assert_eq!(
            run(&text, TierChoice::Auto),
            (CodeKind::Quick, 42),
            "{text}"
        );
        assert_eq!(
            run(&text, TierChoice::Optimised),
            (CodeKind::Optimised, 42),
            "{text}"
        );
    }
}

#[test]
fn what_is_no_program_is_told_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let engine = engine();
    let open = |path: &Path| -> LoadError {
        match engine.open(path) {
            Err(error) => error,
            Ok(program) => engine
                .load(&program, TierChoice::Auto)
                .expect_err("refused"),
        }
    };
    let error = open(&folder.path().join("nothing.wasm"));
    assert!(
        matches!(error, LoadError::File(ProgramError::NotFound { .. })),
        "{error}"
    );
    let error = open(folder.path());
    assert!(
        matches!(error, LoadError::File(ProgramError::IsDirectory { .. })),
        "{error}"
    );
    let error = open(Path::new("/dev/null"));
    assert!(
        matches!(error, LoadError::File(ProgramError::NotAFile { .. })),
        "{error}"
    );

    let path = folder.path().join("program");
    let written = |bytes: &[u8]| -> LoadError {
        fs::write(&path, bytes).expect("write");
        open(&path)
    };
    let error = written(b"hello");
    assert!(
        matches!(error, LoadError::File(ProgramError::NotWasm { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("looks like text"), "{error}");
    let error = written(b"(module (func (i32.add)))");
    assert!(
        matches!(error, LoadError::File(ProgramError::Malformed { .. })),
        "{error}"
    );
    let error = written(b"(module\n  (func (frobnicate)))");
    assert!(matches!(error, LoadError::Text { .. }), "{error}");
    assert!(error.to_string().contains(":2:"), "{error}");
    let error = written(b"\0asm\x01\0\0\0\x01\xff\x01");
    assert!(
        matches!(error, LoadError::File(ProgramError::Truncated { .. })),
        "{error}"
    );
}

#[test]
fn every_truncation_of_a_module_is_refused_or_runs() {
    let text = r#"(module (memory 1) (func $g (param i32) (result i32) (local.get 0))
        (func (export "f") (result i32) (call $g (i32.const 42)))
        (table 1 funcref) (elem (i32.const 0) $g) (data (i32.const 0) "hello"))"#;
    let engine = engine();
    let whole = program(&engine, text).bytes().expect("bytes").to_vec();
    for length in 0..whole.len() {
        let program = engine.program_from_bytes("test", whole[..length].to_vec());
        let result = program.and_then(|program| engine.load(&program, TierChoice::Auto));
        match result {
            Ok(_)
            | Err(
                LoadError::File(ProgramError::NotWasm { .. })
                | LoadError::File(ProgramError::Truncated { .. })
                | LoadError::File(ProgramError::Malformed { .. }),
            ) => {}
            Err(error) => panic!("{length} bytes: {error}"),
        }
    }
}

#[test]
fn every_flipped_bit_of_a_module_is_refused_or_compiles() {
    let text = r#"(module (memory 1) (func $g (param i32) (result i32) (local.get 0))
        (func (export "f") (result i32) (call $g (i32.const 42))))"#;
    let engine = engine();
    let whole = program(&engine, text).bytes().expect("bytes").to_vec();
    for position in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[position] ^= 1 << (position % 8);
        // Whatever it is, it is no panic.
        let program = engine.program_from_bytes("test", damaged);
        let _ = program.and_then(|program| engine.load(&program, TierChoice::Auto));
    }
}

#[test]
fn a_program_over_the_limit_is_not_read() {
    let engine = Engine::new(EngineConfig {
        maximum_program_bytes: 10,
        ..EngineConfig::default()
    })
    .expect("engine");
    let error = engine
        .program_from_bytes("test", vec![0; 11])
        .expect_err("too large");
    assert!(
        matches!(
            error,
            LoadError::File(ProgramError::TooLarge {
                size: 11,
                limit: 10,
                ..
            })
        ),
        "{error}"
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("sparse.wasm");
    let file = fs::File::create(&path).expect("create");
    file.set_len(1 << 40).expect("grow");
    let error = engine.open(&path).expect_err("too large");
    assert!(
        matches!(error, LoadError::File(ProgramError::TooLarge { .. })),
        "{error}"
    );
}

#[test]
fn a_senseless_configuration_is_refused() {
    for guest_stack_bytes in [0, 1000, usize::MAX] {
        let config = EngineConfig {
            guest_stack_bytes,
            ..EngineConfig::default()
        };
        assert!(Engine::new(config).is_err(), "{guest_stack_bytes}");
    }
}

//! Compiling, contained: on threads of its own, and a compiler's panic is an error.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use wasmtime::Engine;

use crate::settings::{CodeKind, EngineConfig, Form, compiler_config};

/// Compilers recurse on deeply nested code; the memory is only used when they do.
const COMPILER_STACK_BYTES: usize = 8 << 20;

/// Why there is no compiled code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    /// The compiler refused the module. Whether the module or the compiler is at fault must be
    /// found out by validating it.
    #[error("{0:#}")]
    Refused(wasmtime::Error),
    #[error("the compiler failed: {0}")]
    Panicked(String),
    #[error("cannot start threads to compile on: {0}")]
    Threads(rayon::ThreadPoolBuildError),
}

thread_local! {
    static COMPILES: Cell<bool> = const { Cell::new(false) };
}

/// Compiles `wasm` to an artifact that [`crate::deserialize_unsafe::TrustedCode`] can load.
///
/// `existing` is an engine that was already built for `kind` and `form`.
pub(crate) fn compile(
    config: &EngineConfig,
    kind: CodeKind,
    form: Form,
    existing: Option<&Engine>,
    wasm: &[u8],
) -> Result<Vec<u8>, CompileError> {
    silence_compiler_panics();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(config.compile_threads.unwrap_or(0))
        .stack_size(COMPILER_STACK_BYTES)
        .thread_name(|index| format!("holm-compile-{index}"))
        .start_handler(|_| COMPILES.set(true))
        .build()
        .map_err(CompileError::Threads)?;
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        pool.install(|| {
            let engine = match existing {
                Some(engine) => engine.clone(),
                None => Engine::new(&compiler_config(config, kind, form))?,
            };
            match form {
                Form::Module => engine.precompile_module(wasm),
                Form::Component | Form::AsyncComponent => engine.precompile_component(wasm),
            }
        })
    }));
    match result {
        Ok(result) => result.map_err(CompileError::Refused),
        Err(payload) => Err(CompileError::Panicked(panic_message(&*payload))),
    }
}

fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it panicked").to_owned()
}

/// Panics on this crate's compile threads are caught and reported as errors; the hook would print
/// them to the terminal as well.
fn silence_compiler_panics() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !COMPILES.get() {
                previous(info);
            }
        }));
    });
}

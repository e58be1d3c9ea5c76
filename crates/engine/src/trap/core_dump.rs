//! Core dumps in the format of WebAssembly's tool conventions, which `wasmgdb` and others read.

use wasmtime::{AsContextMut, HeapType, ValType, WasmCoreDump};

/// Why there is no core dump.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CoreDumpError {
    /// The error is no trap, or [`crate::EngineConfig::core_dump_on_trap`] was off.
    #[error("nothing was kept to write a core dump from")]
    NotKept,
    /// The module has a global of a type that the format cannot express.
    #[error("the program has a global of type {0}, which a core dump cannot hold")]
    Inexpressible(String),
}

/// The core dump of the trap that `error` is: memories, globals and stack of `store`.
///
/// The whole dump is in memory at once: as large as the guest's memory without its zeroes.
///
/// # Errors
///
/// [`CoreDumpError`].
pub fn core_dump(
    error: &wasmtime::Error,
    mut store: impl AsContextMut,
    program_name: &str,
) -> Result<Vec<u8>, CoreDumpError> {
    let dump = error
        .downcast_ref::<WasmCoreDump>()
        .ok_or(CoreDumpError::NotKept)?;
    for global in dump.globals() {
        let content = global.ty(&store).content().clone();
        if let ValType::Ref(reference) = &content
            && !matches!(
                reference.heap_type().top(),
                HeapType::Extern | HeapType::Func | HeapType::Any
            )
        {
            return Err(CoreDumpError::Inexpressible(content.to_string()));
        }
    }
    Ok(dump.serialize(&mut store, program_name))
}

//! The one place where compiled code becomes executable.
#![expect(
    unsafe_code,
    reason = "Wasmtime cannot check that machine code is what its compiler made"
)]

use std::fs::File;

use wasmtime::{Engine, Module};

/// Compiled code that this crate made or whose authenticity it has checked.
///
/// Only [`TrustedCode`] can be loaded, and only the compiler and the cache's verification make
/// one.
#[derive(Debug)]
pub(crate) enum TrustedCode {
    /// An artifact in a file of the cache. Nobody writes to it any more: artifacts are written
    /// under another name, renamed into place, and only ever unlinked.
    File(File),
    /// An artifact in memory.
    Memory(Vec<u8>),
}

impl TrustedCode {
    /// Makes the code executable.
    ///
    /// # Errors
    ///
    /// When the artifact belongs to another version or configuration of Wasmtime, or the system
    /// lacks memory.
    pub(crate) fn load(self, engine: &Engine) -> wasmtime::Result<Module> {
        match self {
            // SAFETY: the file was written by this crate in this process, or its keyed digest was
            // checked when it had the very identity (device, inode, size, times) that it has now.
            // The cache's directory is writable to this user alone, and holm never writes to an
            // artifact after it has its final name.
            TrustedCode::File(file) => unsafe { Module::deserialize_open_file(engine, file) },
            // SAFETY: the bytes come from Wasmtime's compiler in this process.
            TrustedCode::Memory(bytes) => unsafe { Module::deserialize(engine, bytes) },
        }
    }
}

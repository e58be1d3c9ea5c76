//! The one place where compiled code becomes executable.
#![expect(
    unsafe_code,
    reason = "Wasmtime cannot check that machine code is what its compiler made"
)]

use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;

use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use crate::engine::Code;
use crate::settings::Form;

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
    pub(crate) fn load(self, engine: &Engine, form: Form) -> wasmtime::Result<Code> {
        match form {
            Form::Module => self.load_module(engine).map(Code::Module),
            Form::Component | Form::AsyncComponent => {
                self.load_component(engine).map(Code::Component)
            }
        }
    }

    fn load_component(self, engine: &Engine) -> wasmtime::Result<Component> {
        match self {
            // Wasmtime takes an open file for modules only.
            TrustedCode::File(mut file) => {
                let path = format!("/proc/self/fd/{}", file.as_raw_fd());
                // SAFETY: as for modules below; the path leads to this very file.
                let mapped = unsafe { Component::deserialize_file(engine, path) };
                mapped.or_else(|_| {
                    let mut bytes = Vec::new();
                    file.read_to_end(&mut bytes)?;
                    // SAFETY: as for modules below.
                    unsafe { Component::deserialize(engine, bytes) }
                })
            }
            // SAFETY: as for modules below.
            TrustedCode::Memory(bytes) => unsafe { Component::deserialize(engine, bytes) },
        }
    }

    fn load_module(self, engine: &Engine) -> wasmtime::Result<Module> {
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

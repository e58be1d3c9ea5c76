//! The tests of host directories as a module that Node runs: they need its file system.
//!
//! `web/tests/node/directory.test.mjs` builds this as an example of the crate for
//! `wasm32-unknown-unknown`, gives it the imports of `web/src/node/directory.ts`, and calls
//! one case after the other. A panic is told through an import, and then traps.

#![cfg(target_arch = "wasm32")]
#![allow(unsafe_code, reason = "exports and imports of a wasm module")]

mod cases;
#[path = "../wasm_cases/exports_unsafe.rs"]
mod exports_unsafe;

use cases::CASES;

mod raw {
    #[link(wasm_import_module = "suite")]
    unsafe extern "C" {
        /// A prepared directory of the host by its name; answers the length of its path.
        pub(super) fn place(name: *const u8, length: usize, at: *mut u8, room: usize) -> usize;
    }
}

/// The path of a directory that the script made and filled.
pub(crate) fn place(name: &str) -> String {
    let mut path = vec![0; 4096];
    // SAFETY: the script reads the name and writes no more than the path's bytes; both are
    // ours for the call.
    let length = unsafe { raw::place(name.as_ptr(), name.len(), path.as_mut_ptr(), path.len()) };
    path.truncate(length);
    String::from_utf8(path).expect("paths of the test are UTF-8")
}

/// How many cases there are.
pub(crate) fn count() -> usize {
    CASES.len()
}

/// The name of a case.
pub(crate) fn name(case: usize) -> &'static str {
    CASES[case].0
}

/// Runs a case.
pub(crate) fn run(case: usize) {
    CASES[case].1();
}

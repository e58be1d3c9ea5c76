//! The tests of host directories as a module that Node runs: they need its file system.
//!
//! `web/tests/node/directory.test.mjs` builds this as an example of the crate for
//! `wasm32-unknown-unknown`, gives it the imports of `web/src/node/directory.ts`, and calls
//! one case after the other. A panic is told through an import, and then traps.

#![cfg(target_arch = "wasm32")]
#![allow(unsafe_code, reason = "exports and imports of a wasm module")]

mod cases;

use cases::CASES;

mod raw {
    #[link(wasm_import_module = "suite")]
    unsafe extern "C" {
        /// Says something: the name of a case, or why one failed.
        pub(super) fn tell(text: *const u8, length: usize);
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

fn tell(text: &str) {
    // SAFETY: the script copies the range, which is borrowed for the call.
    unsafe { raw::tell(text.as_ptr(), text.len()) }
}

/// How many cases there are.
// SAFETY: no other function of this module has the name.
#[unsafe(no_mangle)]
pub extern "C" fn cases() -> usize {
    CASES.len()
}

/// Tells the name of a case.
// SAFETY: no other function of this module has the name.
#[unsafe(no_mangle)]
pub extern "C" fn name(case: usize) {
    tell(CASES[case].0);
}

/// Runs a case.
// SAFETY: no other function of this module has the name.
#[unsafe(no_mangle)]
pub extern "C" fn run(case: usize) {
    std::panic::set_hook(Box::new(|panic| tell(&panic.to_string())));
    CASES[case].1();
}

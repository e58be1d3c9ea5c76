//! Test cases as exports of a wasm module, for a script that runs one after the other.
//!
//! The module around this names its cases: `crate::count`, `crate::name` and `crate::run`. A
//! panic is told through an import, and then traps.

mod raw {
    #[link(wasm_import_module = "suite")]
    unsafe extern "C" {
        /// Says something: the name of a case, what it answers, or why it failed.
        pub(super) fn tell(text: *const u8, length: usize);
    }
}

/// Says something to the script.
pub(crate) fn tell(text: &str) {
    // SAFETY: the script copies the range, which is borrowed for the call.
    unsafe { raw::tell(text.as_ptr(), text.len()) }
}

/// How many cases there are.
// SAFETY: no other function of this module has the name.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn cases() -> usize {
    crate::count()
}

/// Tells the name of a case.
// SAFETY: no other function of this module has the name.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn name(case: usize) {
    tell(crate::name(case));
}

/// Runs a case.
// SAFETY: no other function of this module has the name.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn run(case: usize) {
    std::panic::set_hook(Box::new(|panic| tell(&panic.to_string())));
    crate::run(case);
}

//! What this module imports from the script around it.

#![allow(unsafe_code, reason = "imports of a wasm module are foreign functions")]

mod raw {
    #[link(wasm_import_module = "host")]
    unsafe extern "C" {
        /// Puts text on standard output (1) or standard error (2).
        pub(super) fn say(output: u32, text: *const u8, length: usize);
        /// Answers a question in JSON, with bytes that belong to it: puts the answer into the
        /// buffer of `holm_input` and tells its length, negative when it is an error.
        pub(super) fn ask(
            question: *const u8,
            length: usize,
            bytes: *const u8,
            count: usize,
        ) -> i32;
        /// Says why this module is about to stop.
        pub(super) fn panicked(text: *const u8, length: usize);
    }
}

/// Puts text on a stream.
pub(crate) fn say(output: u32, text: &str) {
    // SAFETY: the host reads the range, which is borrowed for the call.
    unsafe { raw::say(output, text.as_ptr(), text.len()) }
}

/// Asks the script; whether it answered rather than failed.
pub(crate) fn ask(question: &[u8], bytes: &[u8]) -> bool {
    // SAFETY: the host reads both ranges, which are borrowed for the call. It writes to the
    // buffer of `holm_input` alone, which nothing here refers to meanwhile.
    unsafe {
        raw::ask(
            question.as_ptr(),
            question.len(),
            bytes.as_ptr(),
            bytes.len(),
        ) >= 0
    }
}

/// Tells the host of a panic.
pub(crate) fn panicked(text: &str) {
    // SAFETY: the host copies the range, which is borrowed for the call.
    unsafe { raw::panicked(text.as_ptr(), text.len()) }
}

//! What this module imports from the worker around it.

#![allow(unsafe_code, reason = "imports of a wasm module are foreign functions")]

mod raw {
    #[link(wasm_import_module = "host")]
    unsafe extern "C" {
        /// Milliseconds since the system's start; never goes back.
        pub(crate) safe fn monotonic() -> f64;
        /// Milliseconds since 1970.
        pub(crate) safe fn realtime() -> f64;
        /// Step of the clocks in milliseconds.
        pub(crate) safe fn resolution() -> f64;
        /// Milliseconds of CPU time that all workers used together; negative when unknown.
        pub(crate) safe fn cpu() -> f64;
        /// Most resident bytes at one time; negative when unknown.
        pub(crate) safe fn peak_resident() -> f64;
        /// Fills `length` bytes at `at` with randomness; 0 when there is none.
        pub(super) fn entropy(at: *mut u8, length: usize) -> u32;
        /// Something happened: JSON, and bytes that belong to it.
        pub(super) fn event(text: *const u8, length: usize, bytes: *const u8, count: usize);
        /// Says why the kernel is about to stop.
        pub(super) fn panicked(text: *const u8, length: usize);
    }
}

pub(crate) use raw::{cpu, monotonic, peak_resident, realtime, resolution};

/// Fills a buffer with randomness.
pub(crate) fn entropy(buffer: &mut [u8]) -> bool {
    // SAFETY: the host writes `length` bytes at `at` and keeps no pointer; both are those of
    // a slice that is borrowed for the call.
    unsafe { raw::entropy(buffer.as_mut_ptr(), buffer.len()) != 0 }
}

/// Passes an event on.
pub(crate) fn event(text: &[u8], bytes: &[u8]) {
    // SAFETY: the host copies both ranges, which are borrowed for the call, and keeps no
    // pointer.
    unsafe { raw::event(text.as_ptr(), text.len(), bytes.as_ptr(), bytes.len()) }
}

/// Tells the host of a panic.
pub(crate) fn panicked(text: &str) {
    // SAFETY: the host copies the range, which is borrowed for the call.
    unsafe { raw::panicked(text.as_ptr(), text.len()) }
}

//! A read through a bad pointer.

#![allow(unsafe_code, reason = "the fault is what this guest is for")]

/// Reads the byte at `address`, wherever that is: past the end of memory, the engine traps.
pub fn read(address: usize) -> u8 {
    // SAFETY: in a Wasm guest a read cannot leave linear memory; the fault is what this guest is for.
    unsafe { std::ptr::read_volatile(address as *const u8) }
}

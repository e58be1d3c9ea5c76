//! A reactor: no `_start`, an `_initialize` that must run first, and functions to call.

#![allow(unsafe_code, reason = "exports with fixed names")]

use std::sync::atomic::{AtomicI32, Ordering};

static INITIALISED: AtomicI32 = AtomicI32::new(0);
static CALLS: AtomicI32 = AtomicI32::new(0);

unsafe extern "C" {
    fn __wasm_call_ctors();
}

/// Runs the constructors, as wasi-libc's own reactor entry does. Only the first call has an effect.
// SAFETY: `_initialize` is the name that WASI gives a reactor's entry; nothing else in the module defines it.
#[unsafe(no_mangle)]
pub extern "C" fn _initialize() {
    if INITIALISED.swap(1, Ordering::Relaxed) == 0 {
        // SAFETY: the constructors run once, before any other export, which is what the linker expects of them.
        unsafe { __wasm_call_ctors() };
    }
}

/// Adds, wrapping; answers what the caller can check.
// SAFETY: an export of this module only; no other symbol has the name.
#[unsafe(no_mangle)]
pub extern "C" fn add(left: i32, right: i32) -> i32 {
    left.wrapping_add(right)
}

/// 1 when `_initialize` ran before this call.
// SAFETY: as for `add`.
#[unsafe(no_mangle)]
pub extern "C" fn initialised() -> i32 {
    INITIALISED.load(Ordering::Relaxed)
}

/// Prints a greeting, so that a call without arguments or results has something to show.
// SAFETY: as for `add`.
#[unsafe(no_mangle)]
pub extern "C" fn greet() {
    let call = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    println!("hello from a reactor, call {call}");
}

/// Every number type at once: an `--invoke` must read and print all of them.
// SAFETY: as for `add`.
#[unsafe(no_mangle)]
pub extern "C" fn mix(small: i32, big: i64, single: f32, double: f64) -> f64 {
    f64::from(small) + big as f64 + f64::from(single) + double
}

/// Traps.
// SAFETY: as for `add`.
#[unsafe(no_mangle)]
pub extern "C" fn trap() {
    std::process::abort();
}

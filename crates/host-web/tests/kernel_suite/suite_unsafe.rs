//! The kernel's scenarios and its simulator as a module, for browsers and Node.
//!
//! A case is a file of scenarios: its text is told with the results as they come, to be
//! compared with the file. `web/tests/cases/kernel.js` does that in every host.

#![cfg(target_arch = "wasm32")]
#![allow(unsafe_code, reason = "exports and imports of a wasm module")]

#[path = "../wasm_cases/exports_unsafe.rs"]
mod exports_unsafe;

use exports_unsafe::tell;
use holm_kernel::testkit::scenario::{self, FILES};
use holm_kernel::testkit::simulator::{Counts, simulate};

/// How many files there are.
pub(crate) fn count() -> usize {
    FILES.len()
}

/// The name of a file.
pub(crate) fn name(case: usize) -> &'static str {
    FILES[case].0
}

/// Runs the scenarios of a file.
pub(crate) fn run(case: usize) {
    tell(&scenario::run(FILES[case].1).expect("a file of scenarios"));
}

/// Runs `seeds` runs of the simulator from `first` on, of `steps` steps, and tells what they
/// came to.
// SAFETY: no other function of this module has the name.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn simulated(first: u32, seeds: u32, steps: u32) {
    std::panic::set_hook(Box::new(|panic| tell(&panic.to_string())));
    let mut counts = Counts::default();
    for seed in first..first + seeds {
        counts.add(simulate(u64::from(seed), steps));
    }
    tell(&format!("{counts:?}"));
}

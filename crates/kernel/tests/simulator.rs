//! Long runs of the simulator.
//!
//! `HOLM_SEEDS=100000` runs so many seeds, `HOLM_SEED=7` one, `HOLM_STEPS=1000` more steps of
//! each.
#![allow(clippy::disallowed_methods, reason = "whoever runs it says how long")]
#![allow(clippy::print_stdout, reason = "a long run tells what it did")]

use holm_kernel::testkit::simulator::{Counts, simulate};

const STEPS: u64 = 250;

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
}

#[test]
fn what_must_hold_holds() {
    let steps = number("HOLM_STEPS").unwrap_or(STEPS);
    let steps = u32::try_from(steps).expect("fewer steps than that");
    if let Some(seed) = number("HOLM_SEED") {
        println!("{:?}", simulate(seed, steps));
        return;
    }
    let first = number("HOLM_FIRST_SEED").unwrap_or(1_000);
    let mut counts = Counts::default();
    for seed in first..first + number("HOLM_SEEDS").unwrap_or(20) {
        counts.add(simulate(seed, steps));
    }
    println!("{counts:?}");
}

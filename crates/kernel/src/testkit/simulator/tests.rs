//! A short run of the simulator; `tests/simulator.rs` makes long ones.

use super::{Counts, simulate};

const SEEDS: u64 = 200;
const STEPS: u32 = 250;

#[test]
fn what_must_hold_holds() {
    let mut counts = Counts::default();
    for seed in 0..SEEDS {
        counts.add(simulate(seed, STEPS));
    }
    // A simulation that does nothing proves nothing.
    assert!(counts.compared > SEEDS * u64::from(STEPS) / 5, "{counts:?}");
    assert!(counts.succeeded > counts.calls / 20, "{counts:?}");
    assert!(
        counts.blocked > 0 && counts.faults > 0 && counts.processes > SEEDS,
        "{counts:?}"
    );
}

#[test]
fn a_seed_is_one_trace() {
    let seeds = 0..20;
    let run = || {
        seeds
            .clone()
            .map(|seed| simulate(seed, STEPS))
            .collect::<Vec<_>>()
    };
    let (once, again) = (run(), run());
    assert_eq!(once, again);
    assert!(
        once.iter().any(|counts| counts.trace != 0),
        "some are traced"
    );
    assert_ne!(once[0], once[1]);
}

//! Calls over the wire answer what they answer on the guest's memory itself.
//!
//! What makes the calls is what the fuzz target `wire` uses; here a seed stands for its input.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "the modules are parts of a library where they come from"
)]

#[path = "../../../fuzz/src/guest.rs"]
mod guest;
#[path = "../../../fuzz/src/input.rs"]
mod input;
#[path = "../../../fuzz/src/system.rs"]
mod system;
#[path = "../../../fuzz/src/tree.rs"]
mod tree;
#[path = "../../../fuzz/src/wire.rs"]
mod wire;

use holm_kernel::testkit::SplitMix64;
use input::Input;

const SEEDS: u64 = 400;
const BYTES: usize = 4096;

#[test]
fn calls_answer_the_same_over_the_wire() {
    for seed in 0..SEEDS {
        let mut random = SplitMix64::new(seed);
        let data = random.bytes(BYTES);
        let compared = std::panic::catch_unwind(|| wire::compare(&data));
        assert!(compared.is_ok(), "seed {seed}");
    }
}

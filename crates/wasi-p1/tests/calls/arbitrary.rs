//! Arbitrary calls: none panics, and none writes outside the memory that it was given.

use holm_kernel::testkit::SplitMix64;
use holm_wasi_p1::{ARGUMENTS_MAX, FUNCTIONS, call_by_index, index_of};

use crate::system::System;

/// A number that is likely to mean something: a descriptor, a small pointer, a flag, an edge.
fn argument(random: &mut SplitMix64) -> u64 {
    match random.below(8) {
        0 => random.below(8),
        1 => 1 << random.below(64),
        2 => (1 << 16) - random.below(64),
        3 => u64::from(u32::MAX) - random.below(16),
        4 => random.next_u64(),
        5 => random.below(64) * 8,
        _ => random.below(1 << 16),
    }
}

#[test]
fn no_call_panics() {
    let exit = index_of("proc_exit");
    let raise = index_of("proc_raise");
    for seed in 0..20 {
        let mut random = SplitMix64::new(seed);
        let mut system = System::new();
        system.memory = random.bytes(1 << 16);
        for step in 0..5_000 {
            // Near the end of some runs the process is ended, and called on.
            let may_end = step > 4_800 && seed % 2 == 0;
            let index = random.index(FUNCTIONS.len() + 1);
            if !may_end && (Some(index) == exit || Some(index) == raise) {
                continue;
            }
            let arguments: [u64; ARGUMENTS_MAX] = std::array::from_fn(|_| argument(&mut random));
            let _ = call_by_index(
                &mut system.task,
                system.memory.as_mut_slice(),
                index,
                arguments,
            );
            if random.chance(1, 16) {
                let at = random.index(system.memory.len() - 64);
                let bytes = random.bytes(64);
                system.memory[at..at + 64].copy_from_slice(&bytes);
            }
        }
    }
}

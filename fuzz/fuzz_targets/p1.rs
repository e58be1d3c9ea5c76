//! Arbitrary calls of WASI 0.1 never panic, change nothing read-only, stay within limits.
#![no_main]

use std::task::Poll;

use holm_fuzz::Input;
use holm_fuzz::guest::Guest;
use holm_fuzz::system::System;
use holm_kernel::Options;
use holm_kernel::abi::Errno;
use holm_wasi_p1::{ARGUMENTS_MAX, FUNCTIONS, call_by_index};
use libfuzzer_sys::fuzz_target;

fn call(
    system: &mut System,
    guest: &mut Guest,
    at: usize,
    index: usize,
    arguments: [u64; ARGUMENTS_MAX],
) {
    let memory = guest.memory.as_mut_slice();
    let answer = system.call(at, |task| call_by_index(task, memory, index, arguments));
    if index >= FUNCTIONS.len() {
        assert_eq!(answer, Poll::Ready(Err(Errno::NotImplemented)));
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let mut guest = Guest::default();
    let settings = input.byte();
    let options = Options {
        sorted_directories: settings & 1 != 0,
    };
    let mut system = System::new(options, settings & 2 != 0);
    for _ in 0..128 {
        if input.is_empty() {
            break;
        }
        let at = if system.tasks.len() > 1 {
            input.below(system.tasks.len())
        } else {
            0
        };
        match usize::from(input.byte()) {
            index @ 0..=63 => {
                let arguments = Guest::any_arguments(&mut input);
                call(&mut system, &mut guest, at, index, arguments);
            }
            64..=71 => guest.scribble(&mut input),
            72..=95 => system.happen(at, &mut input),
            other => {
                let index = other % FUNCTIONS.len();
                let descriptors = system.tasks[at].process().open_descriptors();
                let arguments = guest.arguments(index, descriptors, &mut input);
                call(&mut system, &mut guest, at, index, arguments);
            }
        }
    }
    system.check();
});

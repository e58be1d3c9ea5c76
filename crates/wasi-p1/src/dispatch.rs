//! Calls by number: for hosts that receive them as data, and for fuzzers.

use std::task::Poll;

use holm_abi::Errno;
use holm_kernel::Task;

use crate::{ARGUMENTS_MAX, Answer, GuestMemory, functions};

macro_rules! argument {
    (i32, $raw:expr) => {{
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an i32 travels in the low half"
        )]
        let low = $raw as u32;
        low.cast_signed()
    }};
    (i64, $raw:expr) => {
        $raw.cast_signed()
    };
}

macro_rules! define {
    ($($name:ident($($arg:ident: $type:tt),*) -> $result:ident;)*) => {
        /// Calls the function with this index in [`FUNCTIONS`](crate::FUNCTIONS) with the
        /// first of the arguments, each `i32` in the low half of its number. `ENOSYS` for
        /// an index beyond the table. Never panics, whatever the arguments.
        pub fn call_by_index<M: GuestMemory + ?Sized>(
            task: &mut Task,
            memory: &mut M,
            index: usize,
            arguments: [u64; ARGUMENTS_MAX],
        ) -> Answer {
            #[expect(non_camel_case_types, reason = "the names are the standard's")]
            #[derive(Clone, Copy)]
            #[repr(usize)]
            enum Number {
                $($name,)*
            }
            $(if index == Number::$name as usize {
                let [$($arg,)* ..] = arguments;
                return functions::$name(task, memory, $(argument!($type, $arg)),*);
            })*
            Poll::Ready(Err(Errno::NotImplemented))
        }
    };
}

crate::for_each_p1_function!(define);

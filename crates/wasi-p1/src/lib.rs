//! WASI 0.1 (`wasi_snapshot_preview1`): decoding of its functions into kernel calls.
//!
//! Translation and nothing more: each function takes the scalars that the guest passed,
//! reads and writes its linear memory through [`GuestMemory`], and calls the kernel's
//! [`Task`](holm_kernel::Task). Whether a call is allowed is decided in the kernel alone.
//! Layouts and numbers are those of `typenames.witx` and `wasi_snapshot_preview1.witx`.
//!
//! What holds for every function:
//!
//! - A pointer whose range leaves the memory is `EFAULT`, with the end computed without
//!   wrap-around. A range of no bytes is good wherever it points, as in POSIX.
//! - Pointers to results are checked before the kernel is asked, so that nothing happens,
//!   and no descriptor is lost, when the answer could not be delivered.
//! - An unknown flag or enumeration value is `EINVAL`. Unknown rights are dropped:
//!   toolchains pass all ones and mean "everything".
//! - Text that is not UTF-8 is `EILSEQ`; a path longer than `PATH_MAX` is `ENAMETOOLONG`.
//! - [`Poll::Pending`] means that the call would block: the host
//!   makes the very same call again when the task was woken or its deadline has passed.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod decode;
mod dispatch;
pub mod functions;
mod inputs;
mod layout;
mod memory;
mod table;
mod vectors;

pub use dispatch::call_by_index;
pub use inputs::{Input, VECTOR_SIZE, VECTORS_MAX, inputs};
pub use memory::{Filled, GuestMemory, Span};
pub use table::{ARGUMENTS_MAX, FUNCTIONS, Function, MODULE, ValueKind, index_of};

use std::task::Poll;

use holm_abi::Errno;

/// What a function answers: done, failed with an errno, or would block.
pub type Answer = Poll<Result<(), Errno>>;

//! The worker's own standard streams, as it exports them to this module.
//!
//! Every function answers a value, or the negative number of an errno of WASI 0.1. `EAGAIN`
//! says that the call would wait; once it would not, the worker gives the order
//! [`Order::Ready`](crate::control::Order::Ready), and the same call is made again.

#![allow(unsafe_code, reason = "imports of a wasm module are foreign functions")]

use std::io::IoSlice;

use holm_abi::FileType;
use holm_kernel::vfs::{Interest, Readiness, Result};

use super::imports_unsafe::{CALL_BYTES_MAX, Kind, Vector, answer, count, nothing, with_vectors};

mod raw {
    use super::Vector;

    #[link(wasm_import_module = "host")]
    unsafe extern "C" {
        /// What a standard stream is, a number of `filetype`; what programs must not take
        /// for a terminal is 0.
        pub(super) safe fn stream_kind(stream: u32) -> i32;
        /// Reads at most `room` bytes.
        pub(super) fn stream_read(stream: u32, at: *mut u8, room: usize) -> i32;
        /// Writes; answers the bytes taken.
        pub(super) fn stream_write(stream: u32, vectors: *const Vector, count: usize) -> i32;
        /// Whether reading (0) or writing (1) would not wait: the bytes that are known to be
        /// there, and [`super::HANG_UP`] more when the other side is gone.
        pub(super) safe fn stream_ready(stream: u32, interest: u32) -> i32;
        /// Waits until what was written has arrived.
        pub(super) safe fn stream_sync(stream: u32) -> i32;
    }
}

/// Added to the answer of `stream_ready`.
const HANG_UP: u32 = 1 << 30;

/// What the stream is. `ENOSYS` where there is none.
pub(super) fn kind(stream: u32) -> Result<FileType> {
    let kind = answer(raw::stream_kind(stream))?;
    Ok(Kind::from_answer(kind).file_type())
}

pub(super) fn read(stream: u32, buffer: &mut [u8]) -> Result<usize> {
    let room = buffer.len().min(CALL_BYTES_MAX);
    // SAFETY: the host writes no more than `room` bytes, which are ours for the call.
    count(
        unsafe { raw::stream_read(stream, buffer.as_mut_ptr(), room) },
        room,
    )
}

pub(super) fn write(stream: u32, data: &[IoSlice<'_>]) -> Result<usize> {
    with_vectors(data, |vectors, bytes| {
        // SAFETY: the host reads the vectors and what they point to, borrowed for the call.
        count(
            unsafe { raw::stream_write(stream, vectors.as_ptr(), vectors.len()) },
            bytes,
        )
    })
}

pub(super) fn readiness(stream: u32, interest: Interest) -> Result<Readiness> {
    let interest = match interest {
        Interest::Read => 0,
        Interest::Write => 1,
    };
    let ready = answer(raw::stream_ready(stream, interest))?;
    Ok(Readiness {
        bytes: u64::from(ready & (HANG_UP - 1)),
        hangup: ready & HANG_UP != 0,
    })
}

pub(super) fn sync(stream: u32) -> Result<()> {
    nothing(raw::stream_sync(stream))
}

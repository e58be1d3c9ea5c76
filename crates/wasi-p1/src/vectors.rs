//! Vectored reads and writes: arrays of `iovec` in the guest's memory.

use std::io::IoSlice;
use std::task::Poll;

use holm_abi::{Errno, IOV_MAX, TRANSFER_MAX};

use crate::layout::IOVEC_SIZE;
use crate::memory::SPANS_INLINE;
use crate::{GuestMemory, Span};

/// Most bytes one call moves, as a length of the guest.
const TRANSFER_LIMIT: u32 = {
    assert!(TRANSFER_MAX <= u32::MAX as usize);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the line above proves that it fits"
    )]
    {
        TRANSFER_MAX as u32
    }
};

/// Calls `see` with the bytes that an array of `ciovec` names.
///
/// # Errors
///
/// `EFAULT` when the array or a range is outside the memory; `EINVAL` when there are more
/// than `IOV_MAX` or their sum is more than 32 bits.
#[inline]
pub(crate) fn gather<M: GuestMemory + ?Sized, R>(
    memory: &M,
    vectors: i32,
    count: i32,
    see: impl FnOnce(&[IoSlice<'_>]) -> R,
) -> Result<R, Errno> {
    if count == 1 {
        let span = clamp(first(memory, vectors)?, memory)?;
        return memory.with(span.at, span.length, |bytes| see(&[IoSlice::new(bytes)]));
    }
    let mut inline = [Span::default(); SPANS_INLINE];
    let mut spill = Vec::new();
    let spans = spans(memory, vectors, count, &mut inline, &mut spill)?;
    memory.gather(spans, see)
}

/// Calls `read` for the ranges that an array of `iovec` names, in order, with the number of
/// bytes that came before; answers the total. Ends at the first short read, and at a
/// failure or would-block after which there is something to answer.
///
/// Fails as [`gather`] does, before the first read, and as the first read does.
#[inline]
pub(crate) fn scatter<M: GuestMemory + ?Sized>(
    memory: &mut M,
    vectors: i32,
    count: i32,
    mut read: impl FnMut(&mut [u8], u32) -> Poll<Result<u32, Errno>>,
) -> Poll<Result<u32, Errno>> {
    if count == 1 {
        let span = clamp(first(memory, vectors)?, memory)?;
        return memory.receive(span.at, span.length, |bytes| read(bytes, 0));
    }
    let mut inline = [Span::default(); SPANS_INLINE];
    let mut spill = Vec::new();
    let spans = spans(memory, vectors, count, &mut inline, &mut spill)?;
    if spans.is_empty() {
        // The descriptor is still to be looked at.
        return read(&mut [], 0);
    }
    let mut done: u32 = 0;
    for span in spans {
        match memory.receive(span.at, span.length, |bytes| read(bytes, done)) {
            Poll::Ready(Ok(count)) => {
                done = done.saturating_add(count);
                if count < span.length {
                    break;
                }
            }
            failed if done == 0 => return failed,
            _ => break,
        }
    }
    Poll::Ready(Ok(done))
}

/// The ranges of an array of `iovec` into `inline`, or `spill` when there are many: all
/// inside the memory, none empty, no more bytes in total than one call moves.
///
/// Fails as [`gather`] does.
pub(crate) fn spans<'a, M: GuestMemory + ?Sized>(
    memory: &M,
    vectors: i32,
    count: i32,
    inline: &'a mut [Span; SPANS_INLINE],
    spill: &'a mut Vec<Span>,
) -> Result<&'a [Span], Errno> {
    let count = count.cast_unsigned() as usize;
    if count > IOV_MAX {
        return Err(Errno::Invalid);
    }
    let target: &mut [Span] = if count <= SPANS_INLINE {
        inline
    } else {
        spill.resize(count, Span::default());
        spill
    };
    let size = u32::try_from(count * IOVEC_SIZE).map_err(|_| Errno::Invalid)?;
    let used = memory.with(vectors.cast_unsigned(), size, |records| {
        let (records, _) = records.as_chunks::<IOVEC_SIZE>();
        let (mut total, mut used) = (0_u32, 0);
        for record in records {
            let mut span = decode(*record);
            memory.check(span.at, span.length)?;
            let room = TRANSFER_LIMIT.saturating_sub(total);
            total = total.checked_add(span.length).ok_or(Errno::Invalid)?;
            span.length = span.length.min(room);
            if span.length > 0 {
                target[used] = span;
                used += 1;
            }
        }
        Ok(used)
    })??;
    Ok(&target[..used])
}

fn first<M: GuestMemory + ?Sized>(memory: &M, vectors: i32) -> Result<Span, Errno> {
    memory.read(vectors.cast_unsigned()).map(decode)
}

/// The range cut to what one call moves; a range that leaves the memory beyond the cut is
/// as wrong as any other.
fn clamp<M: GuestMemory + ?Sized>(span: Span, memory: &M) -> Result<Span, Errno> {
    if span.length <= TRANSFER_LIMIT {
        return Ok(span);
    }
    memory.check(span.at, span.length)?;
    Ok(Span {
        at: span.at,
        length: TRANSFER_LIMIT,
    })
}

fn decode(record: [u8; IOVEC_SIZE]) -> Span {
    let [a, b, c, d, e, f, g, h] = record;
    Span {
        at: u32::from_le_bytes([a, b, c, d]),
        length: u32::from_le_bytes([e, f, g, h]),
    }
}

#[cfg(test)]
mod tests;

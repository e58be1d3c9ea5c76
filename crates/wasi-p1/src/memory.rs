//! The guest's linear memory as the translation sees it: checked ranges of bytes.

use std::io::IoSlice;
use std::task::Poll;

use holm_abi::{Errno, Received};

/// What a call answers that fills a buffer.
pub trait Filled {
    /// How many bytes from the buffer's start it filled.
    fn filled(&self) -> usize;
}

impl Filled for u32 {
    fn filled(&self) -> usize {
        *self as usize
    }
}

impl Filled for Received {
    fn filled(&self) -> usize {
        self.size as usize
    }
}

/// A range of a guest's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Address of the first byte.
    pub at: u32,
    /// Number of bytes.
    pub length: u32,
}

/// A guest's linear memory.
///
/// Ranges are lent to closures rather than returned, so that a memory which other threads
/// write to can lend a copy. Every method fails with `EFAULT`, and touches nothing, when a
/// range is not wholly inside the memory; a range of no bytes always is. Memories never
/// shrink: a range that was found good stays good.
pub trait GuestMemory {
    /// Whether a range is inside the memory.
    ///
    /// # Errors
    ///
    /// `EFAULT` when it is not.
    fn check(&self, at: u32, length: u32) -> Result<(), Errno>;

    /// Copies `N` bytes out of the memory.
    ///
    /// # Errors
    ///
    /// `EFAULT` when the range is not inside the memory.
    fn read<const N: usize>(&self, at: u32) -> Result<[u8; N], Errno>;

    /// Copies bytes into the memory.
    ///
    /// # Errors
    ///
    /// `EFAULT` when the range is not inside the memory.
    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Errno>;

    /// Lends a range for reading.
    ///
    /// # Errors
    ///
    /// `EFAULT` when the range is not inside the memory.
    fn with<R>(&self, at: u32, length: u32, see: impl FnOnce(&[u8]) -> R) -> Result<R, Errno>;

    /// Lends a range for a call of the kernel to fill, whose answer says how much of it was:
    /// a memory that lends a copy writes back no more than that.
    ///
    /// # Errors
    ///
    /// `EFAULT` when the range is not inside the memory, `ENOMEM` when a copy of it would be
    /// larger than the host allows; then `fill` is not called.
    fn receive<R: Filled>(
        &mut self,
        at: u32,
        length: u32,
        fill: impl FnOnce(&mut [u8]) -> Poll<Result<R, Errno>>,
    ) -> Poll<Result<R, Errno>>;

    /// Lends several ranges for reading, at most [`IOV_MAX`](holm_abi::IOV_MAX) of them.
    ///
    /// # Errors
    ///
    /// `EFAULT` when a range is not inside the memory.
    fn gather<R>(&self, spans: &[Span], see: impl FnOnce(&[IoSlice<'_>]) -> R) -> Result<R, Errno>;
}

/// How many ranges are gathered without an allocation.
pub(crate) const SPANS_INLINE: usize = 16;

/// The bounds of a range as indices. A `usize` holds any `u32` on every host there is.
fn bounds(at: u32, length: u32) -> Result<std::ops::Range<usize>, Errno> {
    let start = at as usize;
    let end = start.checked_add(length as usize).ok_or(Errno::Fault)?;
    Ok(start..end)
}

fn slice(bytes: &[u8], at: u32, length: u32) -> Result<&[u8], Errno> {
    match bytes.get(bounds(at, length)?) {
        Some(range) => Ok(range),
        None if length == 0 => Ok(&[]),
        None => Err(Errno::Fault),
    }
}

/// Lends at most `N` ranges without an allocation.
#[inline]
fn gather_inline<const N: usize, R>(
    bytes: &[u8],
    spans: &[Span],
    see: impl FnOnce(&[IoSlice<'_>]) -> R,
) -> Result<R, Errno> {
    let mut slices = [IoSlice::new(&[]); N];
    for (target, span) in slices.iter_mut().zip(spans) {
        *target = IoSlice::new(slice(bytes, span.at, span.length)?);
    }
    Ok(see(&slices[..spans.len().min(N)]))
}

/// A memory that nobody else touches during the call.
impl GuestMemory for [u8] {
    #[inline]
    fn check(&self, at: u32, length: u32) -> Result<(), Errno> {
        slice(self, at, length).map(|_| ())
    }

    #[inline]
    fn read<const N: usize>(&self, at: u32) -> Result<[u8; N], Errno> {
        let range = self.get(at as usize..).ok_or(Errno::Fault)?;
        range.first_chunk().copied().ok_or(Errno::Fault)
    }

    #[inline]
    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Errno> {
        let length = u32::try_from(bytes.len()).map_err(|_| Errno::Fault)?;
        match self.get_mut(bounds(at, length)?) {
            Some(range) => range.copy_from_slice(bytes),
            None if length == 0 => {}
            None => return Err(Errno::Fault),
        }
        Ok(())
    }

    #[inline]
    fn with<R>(&self, at: u32, length: u32, see: impl FnOnce(&[u8]) -> R) -> Result<R, Errno> {
        Ok(see(slice(self, at, length)?))
    }

    #[inline]
    fn receive<R: Filled>(
        &mut self,
        at: u32,
        length: u32,
        fill: impl FnOnce(&mut [u8]) -> Poll<Result<R, Errno>>,
    ) -> Poll<Result<R, Errno>> {
        match self.get_mut(bounds(at, length)?) {
            Some(range) => fill(range),
            None if length == 0 => fill(&mut []),
            None => Poll::Ready(Err(Errno::Fault)),
        }
    }

    fn gather<R>(&self, spans: &[Span], see: impl FnOnce(&[IoSlice<'_>]) -> R) -> Result<R, Errno> {
        match spans.len() {
            // C libraries write a buffer and what did not fit into it: two.
            0..=2 => return gather_inline::<2, R>(self, spans, see),
            3..=SPANS_INLINE => return gather_inline::<SPANS_INLINE, R>(self, spans, see),
            _ => {}
        }
        let slices: Vec<IoSlice<'_>> = spans
            .iter()
            .map(|span| slice(self, span.at, span.length).map(IoSlice::new))
            .collect::<Result<_, _>>()?;
        Ok(see(&slices))
    }
}

#[cfg(test)]
mod tests {
    use holm_abi::Errno;

    use super::{GuestMemory, Span};
    use std::task::Poll;

    #[test]
    fn ranges_outside_are_faults() {
        let mut memory = vec![0_u8; 64];
        let memory = memory.as_mut_slice();
        assert_eq!(memory.check(0, 64), Ok(()));
        assert_eq!(memory.check(1, 64), Err(Errno::Fault));
        assert_eq!(memory.check(u32::MAX, 1), Err(Errno::Fault));
        assert_eq!(memory.check(u32::MAX, u32::MAX), Err(Errno::Fault));
        assert_eq!(memory.read::<8>(57), Err(Errno::Fault));
        assert_eq!(memory.read::<8>(u32::MAX - 3), Err(Errno::Fault));
        assert_eq!(memory.write(60, &[1; 5]), Err(Errno::Fault));
        assert_eq!(memory.read::<4>(60), Ok([0; 4]), "nothing was written");
        let spans = [Span { at: 0, length: 8 }, Span { at: 63, length: 2 }];
        assert_eq!(memory.gather(&spans, |_| ()), Err(Errno::Fault));
    }

    #[test]
    fn a_range_of_no_bytes_is_good_anywhere() {
        let mut memory = vec![0_u8; 8];
        let memory = memory.as_mut_slice();
        assert_eq!(memory.check(u32::MAX, 0), Ok(()));
        assert_eq!(memory.with(4096, 0, <[u8]>::len), Ok(0));
        assert_eq!(memory.write(4096, &[]), Ok(()));
        let nothing: Poll<Result<u32, Errno>> = memory.receive(4096, 0, |bytes| {
            assert!(bytes.is_empty());
            Poll::Ready(Ok(0))
        });
        assert_eq!(nothing, Poll::Ready(Ok(0)));
    }

    #[test]
    fn many_spans_are_gathered_in_order() {
        let mut memory: Vec<u8> = (0..=255).collect();
        let spans: Vec<Span> = (0..40).map(|at| Span { at, length: 1 }).collect();
        for count in [0, 1, 2, 3, 16, 17, 40] {
            let seen = memory
                .as_mut_slice()
                .gather(&spans[..count], |slices| {
                    slices
                        .iter()
                        .flat_map(|slice| slice.to_vec())
                        .collect::<Vec<u8>>()
                })
                .expect("every span is inside");
            assert!(seen.iter().map(|byte| usize::from(*byte)).eq(0..count));
        }
    }
}

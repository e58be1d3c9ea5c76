//! Pipes: bytes from one task to another, bounded.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use holm_abi::{Errno, FileType};

use crate::vfs::node::{Interest, Readiness, Result, Stream};

/// Bytes that a pipe holds at most, as Linux has it.
pub const PIPE_CAPACITY: usize = 64 << 10;
/// Writes of up to this many bytes go in whole or not at all (POSIX `PIPE_BUF`).
pub const PIPE_ATOMIC: usize = 4096;

#[derive(Debug, Default)]
struct State {
    bytes: VecDeque<u8>,
    reader_gone: bool,
    writer_gone: bool,
    readers: Vec<Waker>,
    writers: Vec<Waker>,
}

/// Where a pipe is read.
#[derive(Debug)]
pub struct PipeReader(Arc<Mutex<State>>);

/// Where a pipe is written.
#[derive(Debug)]
pub struct PipeWriter(Arc<Mutex<State>>);

/// A new pipe.
#[must_use]
pub fn pipe() -> (Arc<PipeReader>, Arc<PipeWriter>) {
    let state = Arc::new(Mutex::new(State::default()));
    (
        Arc::new(PipeReader(state.clone())),
        Arc::new(PipeWriter(state)),
    )
}

pub(crate) fn register(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().any(|known| known.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}

pub(crate) fn wake(wakers: Vec<Waker>) {
    for waker in wakers {
        waker.wake();
    }
}

impl PipeReader {
    /// Whether bytes are there that nobody has read.
    pub(crate) fn holds_bytes(&self) -> bool {
        !crate::lock(&self.0).bytes.is_empty()
    }

    /// Reads and leaves the bytes where they are.
    pub(crate) fn peek(&self, buffer: &mut [u8], waker: &Waker) -> Poll<Result<usize>> {
        let mut state = crate::lock(&self.0);
        if state.bytes.is_empty() && !state.writer_gone && !buffer.is_empty() {
            register(&mut state.readers, waker);
            return Poll::Pending;
        }
        let size = state.bytes.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(&state.bytes) {
            *to = *from;
        }
        Poll::Ready(Ok(size))
    }
}

impl Stream for PipeReader {
    fn file_type(&self) -> FileType {
        FileType::Unknown
    }

    fn read(&self, buffer: &mut [u8], waker: &Waker) -> Poll<Result<usize>> {
        let mut state = crate::lock(&self.0);
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if state.bytes.is_empty() {
            if state.writer_gone {
                return Poll::Ready(Ok(0));
            }
            register(&mut state.readers, waker);
            return Poll::Pending;
        }
        let (front, back) = state.bytes.as_slices();
        let first = front.len().min(buffer.len());
        buffer[..first].copy_from_slice(&front[..first]);
        let second = back.len().min(buffer.len() - first);
        buffer[first..first + second].copy_from_slice(&back[..second]);
        state.bytes.drain(..first + second);
        let writers = std::mem::take(&mut state.writers);
        drop(state);
        wake(writers);
        Poll::Ready(Ok(first + second))
    }

    fn write(&self, _data: &[IoSlice<'_>], _waker: &Waker) -> Poll<Result<usize>> {
        Poll::Ready(Err(Errno::BadFd))
    }

    fn readiness(&self, interest: Interest, waker: &Waker) -> Poll<Result<Readiness>> {
        if interest == Interest::Write {
            return Poll::Ready(Err(Errno::BadFd));
        }
        let mut state = crate::lock(&self.0);
        if state.bytes.is_empty() && !state.writer_gone {
            register(&mut state.readers, waker);
            return Poll::Pending;
        }
        let bytes = state.bytes.len() as u64;
        Poll::Ready(Ok(Readiness {
            bytes,
            hangup: state.writer_gone,
        }))
    }
}

impl Stream for PipeWriter {
    fn file_type(&self) -> FileType {
        FileType::Unknown
    }

    fn read(&self, _buffer: &mut [u8], _waker: &Waker) -> Poll<Result<usize>> {
        Poll::Ready(Err(Errno::BadFd))
    }

    fn write(&self, data: &[IoSlice<'_>], waker: &Waker) -> Poll<Result<usize>> {
        let wanted: usize = data.iter().map(|slice| slice.len()).sum();
        let mut state = crate::lock(&self.0);
        if state.reader_gone {
            return Poll::Ready(Err(Errno::BrokenPipe));
        }
        if wanted == 0 {
            return Poll::Ready(Ok(0));
        }
        let room = PIPE_CAPACITY - state.bytes.len();
        if room == 0 || (wanted <= PIPE_ATOMIC && room < wanted) {
            register(&mut state.writers, waker);
            return Poll::Pending;
        }
        let mut left = room.min(wanted);
        let written = left;
        for slice in data {
            let length = slice.len().min(left);
            state.bytes.extend(&slice[..length]);
            left -= length;
        }
        let readers = std::mem::take(&mut state.readers);
        drop(state);
        wake(readers);
        Poll::Ready(Ok(written))
    }

    fn readiness(&self, interest: Interest, waker: &Waker) -> Poll<Result<Readiness>> {
        if interest == Interest::Read {
            return Poll::Ready(Err(Errno::BadFd));
        }
        let mut state = crate::lock(&self.0);
        let room = PIPE_CAPACITY - state.bytes.len();
        if room < PIPE_ATOMIC && !state.reader_gone {
            register(&mut state.writers, waker);
            return Poll::Pending;
        }
        Poll::Ready(Ok(Readiness {
            bytes: room as u64,
            hangup: state.reader_gone,
        }))
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        let mut state = crate::lock(&self.0);
        state.reader_gone = true;
        state.bytes = VecDeque::new();
        let writers = std::mem::take(&mut state.writers);
        drop(state);
        wake(writers);
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        let mut state = crate::lock(&self.0);
        state.writer_gone = true;
        let readers = std::mem::take(&mut state.readers);
        drop(state);
        wake(readers);
    }
}

#[cfg(test)]
mod tests {
    use super::{PIPE_ATOMIC, PIPE_CAPACITY, pipe};
    use crate::vfs::node::Stream;
    use holm_abi::Errno;
    use std::io::IoSlice;
    use std::task::{Poll, Waker};

    #[test]
    fn bytes_come_out_in_order_and_the_end_is_zero() {
        let (reader, writer) = pipe();
        let waker = Waker::noop();
        let mut buffer = [0; 8];
        assert!(reader.read(&mut buffer, waker).is_pending());
        let data = [IoSlice::new(b"ab"), IoSlice::new(b"cde")];
        assert_eq!(writer.write(&data, waker), Poll::Ready(Ok(5)));
        assert_eq!(reader.read(&mut buffer[..3], waker), Poll::Ready(Ok(3)));
        assert_eq!(&buffer[..3], b"abc");
        drop(writer);
        assert_eq!(reader.read(&mut buffer, waker), Poll::Ready(Ok(2)));
        assert_eq!(reader.read(&mut buffer, waker), Poll::Ready(Ok(0)));
    }

    #[test]
    fn a_full_pipe_blocks_and_a_small_write_is_never_split() {
        let (reader, writer) = pipe();
        let waker = Waker::noop();
        let big = vec![1; PIPE_CAPACITY - 10];
        assert_eq!(
            writer.write(&[IoSlice::new(&big)], waker),
            Poll::Ready(Ok(big.len()))
        );
        assert!(writer.write(&[IoSlice::new(&[2; 11])], waker).is_pending());
        let split = vec![3; PIPE_ATOMIC + 1];
        assert_eq!(
            writer.write(&[IoSlice::new(&split)], waker),
            Poll::Ready(Ok(10))
        );
        drop(reader);
        assert_eq!(
            writer.write(&[IoSlice::new(b"x")], waker),
            Poll::Ready(Err(Errno::BrokenPipe))
        );
    }
}

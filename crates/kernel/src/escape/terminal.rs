//! A terminal of the host behind the escape filter.

use std::io::IoSlice;
use std::sync::{Mutex, PoisonError};
use std::task::{Poll, Waker};

use holm_abi::{FileType, Stat};

use super::{EscapeFilter, GROWTH_MAX};
use crate::vfs::{Interest, Readiness, Result, Stream};

/// What a terminal that is ready takes without making the writer wait.
const TERMINAL_PIECE: usize = 1024;

/// Most bytes taken in one call: between two calls the program can be interrupted.
const TAKEN_MAX: usize = 16 << 10;

/// A terminal behind an [`EscapeFilter`].
#[derive(Debug)]
pub struct FilteredTerminal<S: Stream> {
    terminal: S,
    output: Mutex<Output>,
}

#[derive(Debug, Default)]
struct Output {
    filter: EscapeFilter,
    /// Filtered, and not written yet.
    waiting: Vec<u8>,
}

impl<S: Stream> FilteredTerminal<S> {
    /// The terminal, filtered.
    pub fn new(terminal: S) -> FilteredTerminal<S> {
        FilteredTerminal {
            terminal,
            output: Mutex::default(),
        }
    }

    /// Writes what waits, as far as the terminal takes it.
    fn flush(&self, waiting: &mut Vec<u8>, waker: &Waker) -> Poll<Result<()>> {
        while !waiting.is_empty() {
            match self.terminal.write(&[IoSlice::new(waiting)], waker) {
                Poll::Ready(Ok(count)) => {
                    waiting.drain(..count);
                }
                Poll::Ready(Err(errno)) => {
                    waiting.clear();
                    return Poll::Ready(Err(errno));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Stream> Stream for FilteredTerminal<S> {
    fn file_type(&self) -> FileType {
        self.terminal.file_type()
    }

    fn stat(&self) -> Result<Stat> {
        self.terminal.stat()
    }

    fn read(&self, buffer: &mut [u8], waker: &Waker) -> Poll<Result<usize>> {
        self.terminal.read(buffer, waker)
    }

    fn write(&self, data: &[IoSlice<'_>], waker: &Waker) -> Poll<Result<usize>> {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let Output { filter, waiting } = &mut *output;
        match self.flush(waiting, waker) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(errno)) => return Poll::Ready(Err(errno)),
            Poll::Pending => return Poll::Pending,
        }
        let mut taken = 0;
        for piece in data
            .iter()
            .flat_map(|buffer| buffer.chunks(TERMINAL_PIECE / GROWTH_MAX))
        {
            filter.filter(piece, waiting);
            taken += piece.len();
            // What the terminal does not take now goes first next time; an error is told
            // then as well, for this much was taken.
            if self.flush(waiting, Waker::noop()) != Poll::Ready(Ok(())) || taken >= TAKEN_MAX {
                break;
            }
        }
        Poll::Ready(Ok(taken))
    }

    fn readiness(&self, interest: Interest, waker: &Waker) -> Poll<Result<Readiness>> {
        self.terminal.readiness(interest, waker)
    }

    fn sync(&self) -> Result<()> {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        match self.flush(&mut output.waiting, Waker::noop()) {
            Poll::Ready(done) => done,
            // It has what it takes; the rest goes with the next write.
            Poll::Pending => Ok(()),
        }
    }
}

impl<S: Stream> Drop for FilteredTerminal<S> {
    fn drop(&mut self) {
        let mut output = std::mem::take(
            self.output
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner),
        );
        output.filter.finish(&mut output.waiting);
        let _ = self.flush(&mut output.waiting, Waker::noop());
    }
}

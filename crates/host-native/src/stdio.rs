//! Standard input, output and error of this process.
//!
//! What a program sees them as:
//!
//! | host | file type |
//! |---|---|
//! | terminal | `CharacterDevice`: programs take it for one, as they should |
//! | pipe, FIFO | `Unknown` |
//! | regular file | `RegularFile`, read and written at the host's own position |
//! | socket | `SocketStream`, `SocketDgram` |
//! | `/dev/null`, other devices | `Unknown`: never taken for a terminal |
//!
//! Writing to a pipe that nobody reads is `EPIPE`; the process must ignore SIGPIPE, which
//! Rust programs do from the start.

use std::io::IoSlice;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use holm_abi::{FileType, Stat};
use holm_kernel::vfs::{Interest, Readiness, Result, Stream};
use rustix::fs::{FileType as HostType, fstat};
use rustix::net::SocketType;
use rustix::net::sockopt::socket_type;

use crate::byte_stream::{ByteStream, TERMINAL_PIECE};
use crate::descriptor::Descriptor;
use crate::escape::{EscapeFilter, GROWTH_MAX};
use crate::metadata;
use crate::socket::HostSocket;

/// What happens to terminal escape sequences that a program writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Escapes {
    /// On a terminal they are made visible, colours aside ([`EscapeFilter`]).
    #[default]
    Filtered,
    /// They reach the terminal: by grant only.
    Granted,
}

/// Standard input.
#[must_use]
pub fn stdin() -> Arc<dyn Stream> {
    stream(rustix::stdio::stdin(), Escapes::Granted)
}

/// Standard output.
#[must_use]
pub fn stdout(escapes: Escapes) -> Arc<dyn Stream> {
    stream(rustix::stdio::stdout(), escapes)
}

/// Standard error.
#[must_use]
pub fn stderr(escapes: Escapes) -> Arc<dyn Stream> {
    stream(rustix::stdio::stderr(), escapes)
}

fn stream(fd: BorrowedFd<'static>, escapes: Escapes) -> Arc<dyn Stream> {
    let is_socket = fstat(fd).is_ok_and(|stat| metadata::host_type(&stat) == HostType::Socket);
    if is_socket {
        let file_type = match socket_type(fd) {
            Ok(SocketType::DGRAM) => FileType::SocketDgram,
            _ => FileType::SocketStream,
        };
        return Arc::new(HostSocket::new(Descriptor::Standard(fd), file_type));
    }
    let stream = ByteStream::standard(fd);
    if escapes == Escapes::Filtered && stream.file_type() == FileType::CharacterDevice {
        return Arc::new(FilteredTerminal::new(stream));
    }
    Arc::new(stream)
}

/// Most bytes taken in one call: between two calls the program can be interrupted.
const TAKEN_MAX: usize = 16 << 10;

/// A terminal behind an [`EscapeFilter`].
#[derive(Debug)]
pub(crate) struct FilteredTerminal {
    terminal: ByteStream,
    output: Mutex<Output>,
}

#[derive(Debug, Default)]
struct Output {
    filter: EscapeFilter,
    /// Filtered, and not written yet.
    waiting: Vec<u8>,
}

impl FilteredTerminal {
    pub(crate) fn new(terminal: ByteStream) -> FilteredTerminal {
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

impl Stream for FilteredTerminal {
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

impl Drop for FilteredTerminal {
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

#[cfg(all(test, target_os = "linux"))]
mod tests;

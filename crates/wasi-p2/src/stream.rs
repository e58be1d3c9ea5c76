//! Streams: bytes that go in and out of a component, over descriptors and over other things.

use std::fmt::{self, Debug};
use std::io::IoSlice;
use std::task::{Context, Poll};

use bytes::Bytes;
use holm_abi::Errno;
use wasmtime::component::Resource;

use crate::{Failure, Owned, State, StreamFailure};

/// Most bytes that one read answers, and one write takes: a compromise between the calls that
/// a large transfer needs and what a guest can make the host hold.
pub(crate) const PIECE: usize = 1 << 20;
/// Most bytes that one read brings: what stays in the caches of a processor on its way through
/// the host.
const READ_MAX: usize = 256 << 10;
/// Most bytes that an output stream lets a guest write before it waits.
pub(crate) const BUDGET: u64 = 1 << 20;

/// Bytes from something that is no descriptor, such as the body of a response.
pub trait InputSource: Debug + Send {
    /// Reads at most `max` bytes; [`StreamFailure::Closed`] is the end.
    fn poll_read(
        &mut self,
        max: usize,
        context: &mut Context<'_>,
    ) -> Poll<Result<Vec<u8>, StreamFailure>>;
    /// Whether a read would not wait.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()>;
}

/// Where bytes go that is no descriptor, such as the body of a request.
pub trait OutputSink: Debug + Send {
    /// How many bytes may be written now; registers the waker when none.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<u64, StreamFailure>>;
    /// Writes bytes, no more than there was room for.
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamFailure>;
    /// Waits until what was written has been taken.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), StreamFailure>>;
}

/// A stream at its end, in either direction.
#[derive(Debug)]
pub(crate) struct Ended;

impl InputSource for Ended {
    fn poll_read(
        &mut self,
        _max: usize,
        _context: &mut Context<'_>,
    ) -> Poll<Result<Vec<u8>, StreamFailure>> {
        Poll::Ready(Err(StreamFailure::Closed))
    }

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

impl OutputSink for Ended {
    fn poll_room(&mut self, _context: &mut Context<'_>) -> Poll<Result<u64, StreamFailure>> {
        Poll::Ready(Err(StreamFailure::Closed))
    }

    fn write(&mut self, _bytes: Bytes) -> Result<(), StreamFailure> {
        Err(StreamFailure::Closed)
    }

    fn poll_flush(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), StreamFailure>> {
        Poll::Ready(Err(StreamFailure::Closed))
    }
}

/// `wasi:io/streams.input-stream`.
#[derive(Debug)]
pub enum InputStream {
    /// A file from an offset on.
    File {
        /// The file.
        owned: Owned,
        /// Where the next read begins.
        offset: u64,
    },
    /// A pipe, a terminal, a socket.
    Stream(Owned),
    /// Something else.
    Source(Box<dyn InputSource>),
}

/// `wasi:io/streams.output-stream`.
#[derive(Debug)]
pub enum OutputStream {
    /// A file from an offset on.
    File {
        /// The file.
        owned: Owned,
        /// Where the next write begins.
        offset: u64,
    },
    /// The end of a file, wherever it is then.
    Append(Owned),
    /// A pipe, a terminal, a socket.
    Stream(Owned),
    /// Something else.
    Sink(Box<dyn OutputSink>),
}

impl OutputStream {
    /// A stream over a descriptor without offsets.
    #[must_use]
    pub fn stream(owned: Owned) -> OutputStream {
        OutputStream::Stream(owned)
    }
}

/// `wasi:io/error.error`.
#[derive(Debug)]
pub enum IoError {
    /// What the kernel answered.
    Errno(Errno),
    /// An error of HTTP: its code, and the words for it.
    Http(
        Box<crate::bindings::p2::wasi::http::types::ErrorCode>,
        String,
    ),
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IoError::Errno(errno) => write!(f, "{errno}"),
            IoError::Http(_, text) => f.write_str(text),
        }
    }
}

impl State {
    /// Reads from a stream; `Pending` when there is nothing yet.
    pub(crate) fn poll_read(
        &mut self,
        stream: u32,
        length: u64,
        context: &mut Context<'_>,
    ) -> Poll<Result<Vec<u8>, StreamFailure>> {
        let handle = Resource::<InputStream>::new_borrow(stream);
        let length = usize::try_from(length).unwrap_or(READ_MAX).min(READ_MAX);
        let (view, fd, at) = match self.table.get_mut(&handle)? {
            InputStream::Source(source) => return source.poll_read(length, context),
            InputStream::File { owned, offset } => (owned.view(), owned.fd(), Some(*offset)),
            InputStream::Stream(owned) => (owned.view(), owned.fd(), None),
        };
        let mut buffer = vec![0; length];
        let answer = self.poll_call(view, context, |task| match at {
            Some(offset) => task.fd_pread(fd, &mut buffer, offset),
            None => task.fd_read(fd, &mut buffer),
        });
        let Poll::Ready(read) = answer else {
            return Poll::Pending;
        };
        let read = read? as usize;
        if read == 0 && length > 0 {
            return Poll::Ready(Err(StreamFailure::Closed));
        }
        if let InputStream::File { offset, .. } = self.table.get_mut(&handle)? {
            *offset += read as u64;
        }
        buffer.truncate(read);
        Poll::Ready(Ok(buffer))
    }

    /// Whether a stream takes what it is given at once, so that there is nothing to wait for.
    #[inline]
    pub(crate) fn takes_at_once(&self, stream: u32) -> wasmtime::Result<bool> {
        let handle = Resource::<OutputStream>::new_borrow(stream);
        let stream = self.table.get(&handle)?;
        Ok(match stream {
            OutputStream::File { .. } | OutputStream::Append(_) => true,
            OutputStream::Stream(_) => self.unsent.is_empty(),
            OutputStream::Sink(_) => false,
        })
    }

    /// How many bytes may be written now: 0 when the guest has to wait.
    pub(crate) fn check_write(
        &mut self,
        stream: u32,
        context: &mut Context<'_>,
    ) -> Result<u64, StreamFailure> {
        match self.poll_room(stream, context)? {
            Poll::Ready(room) => room,
            Poll::Pending => Ok(0),
        }
    }

    /// How many bytes may be written now; registers the waker when none.
    pub(crate) fn poll_room(
        &mut self,
        stream: u32,
        context: &mut Context<'_>,
    ) -> wasmtime::Result<Poll<Result<u64, StreamFailure>>> {
        let handle = Resource::<OutputStream>::new_borrow(stream);
        let owned = match self.table.get_mut(&handle)? {
            OutputStream::File { .. } | OutputStream::Append(_) => {
                return Ok(Poll::Ready(Ok(BUDGET)));
            }
            OutputStream::Sink(sink) => return Ok(sink.poll_room(context)),
            OutputStream::Stream(owned) => owned.clone(),
        };
        match self.poll_unsent_of(&owned, context) {
            Poll::Pending => return Ok(Poll::Pending),
            Poll::Ready(Err(error)) => return Ok(Poll::Ready(Err(error.into()))),
            Poll::Ready(Ok(())) => {}
        }
        // Whether the descriptor has room, the write will see: what it does not take is left
        // over, of which there is only so much.
        if self.unsent.room() < PIECE
            && self.poll_unsent(context).is_pending()
            && self.unsent.room() < PIECE
        {
            return Ok(Poll::Pending);
        }
        Ok(Poll::Ready(Ok(BUDGET)))
    }

    /// Writes bytes that there is room for: what a descriptor does not take at once is kept.
    pub(crate) fn write(&mut self, stream: u32, bytes: &[u8]) -> Result<(), StreamFailure> {
        let handle = Resource::<OutputStream>::new_borrow(stream);
        match self.table.get_mut(&handle)? {
            OutputStream::Sink(sink) => sink.write(Bytes::copy_from_slice(bytes)),
            OutputStream::File { owned, offset } => {
                let (view, fd, mut at) = (owned.view(), owned.fd(), *offset);
                let mut rest = bytes;
                while !rest.is_empty() {
                    let written = self
                        .call(view, |task| task.fd_pwrite(fd, &[IoSlice::new(rest)], at))??
                        as usize;
                    at += written as u64;
                    rest = rest.get(written..).unwrap_or_default();
                    if let OutputStream::File { offset, .. } = self.table.get_mut(&handle)? {
                        *offset = at;
                    }
                }
                Ok(())
            }
            OutputStream::Append(owned) => {
                let (view, fd) = (owned.view(), owned.fd());
                let mut rest = bytes;
                while !rest.is_empty() {
                    let written =
                        self.call(view, |task| task.fd_write(fd, &[IoSlice::new(rest)]))?? as usize;
                    rest = rest.get(written..).unwrap_or_default();
                }
                Ok(())
            }
            OutputStream::Stream(owned) => {
                let owned = owned.clone();
                let left = self.unsent.of(&owned);
                // The guest writes without asking whether there is room: bounded all the same.
                if left + bytes.len() > 2 * PIECE || bytes.len() > self.unsent.room() {
                    let text = "write: more than check-write allowed";
                    return Err(wasmtime::Error::msg(text).into());
                }
                if left > 0 {
                    self.unsent.add(&owned, bytes);
                    return Ok(());
                }
                let task = self.task(owned.view());
                let mut rest = bytes;
                while !rest.is_empty() {
                    match task.fd_write(owned.fd(), &[IoSlice::new(rest)]) {
                        Poll::Ready(Ok(written)) => {
                            rest = rest.get(written as usize..).unwrap_or_default();
                        }
                        Poll::Ready(Err(errno)) => return Err(errno.into()),
                        Poll::Pending => {
                            task.abandon();
                            break;
                        }
                    }
                }
                if !rest.is_empty() {
                    self.unsent.add(&owned, rest);
                }
                Ok(())
            }
        }
    }

    /// Moves what was written on; ready when nothing is left.
    pub(crate) fn poll_flush(
        &mut self,
        stream: u32,
        context: &mut Context<'_>,
    ) -> wasmtime::Result<Poll<Result<(), StreamFailure>>> {
        let handle = Resource::<OutputStream>::new_borrow(stream);
        let owned = match self.table.get_mut(&handle)? {
            OutputStream::File { .. } | OutputStream::Append(_) => {
                return Ok(Poll::Ready(Ok(())));
            }
            OutputStream::Sink(sink) => return Ok(sink.poll_flush(context)),
            OutputStream::Stream(owned) => owned.clone(),
        };
        let answer = self.poll_unsent_of(&owned, context);
        Ok(answer.map(|flushed| flushed.map_err(StreamFailure::from)))
    }
}

impl From<Failure> for StreamFailure {
    fn from(failure: Failure) -> StreamFailure {
        match failure {
            Failure::Errno(errno) => errno.into(),
            Failure::Trap(error) => StreamFailure::Trap(error),
        }
    }
}

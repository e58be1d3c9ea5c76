//! Streams of bytes over descriptors: straight between the kernel and the guest's memory.

use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use holm_abi::{Errno, ShutdownFlags};
use holm_kernel::Task;
use holm_kernel::vfs::Interest;
use wasmtime::StoreContextMut;
use wasmtime::component::{
    Destination, Source, StreamConsumer, StreamProducer, StreamResult, VecBuffer,
};

use super::ending::Ending;
use super::worker::Worker;
use crate::stream::PIECE;
use crate::{Owned, State};

/// Bytes that are asked for at once when the host itself reads: a stream that the guest passes
/// from one function of the host to another.
const BETWEEN: usize = 64 << 10;

/// What becomes of an error: the code that the future beside the stream holds, or a good end.
type Convert<E> = fn(Errno) -> Result<(), E>;

/// A descriptor, where in it, and who is told of the end.
#[derive(Debug)]
pub(crate) struct Bytes<E> {
    worker: Worker,
    owned: Owned,
    /// Where the next piece goes; `None` for what has no offsets.
    offset: Option<u64>,
    ending: Ending<E>,
    convert: Convert<E>,
    /// Which direction of a connection ends with the stream.
    shuts: Option<ShutdownFlags>,
}

/// The writing end of a stream that a descriptor is read into.
#[derive(Debug)]
pub(crate) struct Reading<E>(Bytes<E>);

/// The reading end of a stream that is written to a descriptor.
#[derive(Debug)]
pub(crate) struct Writing<E>(Bytes<E>);

impl<E> Bytes<E> {
    /// Over a descriptor, from an offset on when there is one.
    pub(crate) fn new(
        state: &State,
        owned: Owned,
        offset: Option<u64>,
        ending: Ending<E>,
        convert: Convert<E>,
    ) -> Bytes<E> {
        Bytes {
            worker: Worker::new(state, owned.view()),
            owned,
            offset,
            ending,
            convert,
            shuts: None,
        }
    }

    /// Over one direction of a connection, which ends with the stream.
    pub(crate) fn shutting(mut self, how: ShutdownFlags) -> Bytes<E> {
        self.shuts = Some(how);
        self
    }

    /// To read.
    pub(crate) fn reading(self) -> Reading<E> {
        Reading(self)
    }

    /// To write.
    pub(crate) fn writing(self) -> Writing<E> {
        Writing(self)
    }

    fn poll_ready(&mut self, interest: Interest, context: &mut Context<'_>) -> Poll<()> {
        let fd = self.owned.fd();
        // What has failed is ready: the next call says how.
        let ready = self
            .worker
            .poll(context, |task| task.poll_ready(fd, interest));
        ready.map(|_| ())
    }

    fn poll_read(
        &mut self,
        buffer: &mut [u8],
        context: &mut Context<'_>,
    ) -> Poll<Result<usize, Errno>> {
        let (fd, offset) = (self.owned.fd(), self.offset);
        let read = self.worker.poll(context, |task| match offset {
            Some(offset) => task.fd_pread(fd, buffer, offset),
            None => task.fd_read(fd, buffer),
        });
        read.map_ok(|read| self.went(read))
    }

    fn poll_write(
        &mut self,
        bytes: &[u8],
        context: &mut Context<'_>,
    ) -> Poll<Result<usize, Errno>> {
        let (fd, offset) = (self.owned.fd(), self.offset);
        let bytes = [IoSlice::new(bytes)];
        let written = self.worker.poll(context, |task| match offset {
            Some(offset) => task.fd_pwrite(fd, &bytes, offset),
            None => task.fd_write(fd, &bytes),
        });
        written.map_ok(|written| self.went(written))
    }

    fn went(&mut self, count: u32) -> usize {
        if let Some(offset) = &mut self.offset {
            *offset = offset.saturating_add(u64::from(count));
        }
        count as usize
    }

    /// The stream is over.
    fn fail(&self, errno: Errno) -> Poll<wasmtime::Result<StreamResult>> {
        self.ending.tell((self.convert)(errno));
        Poll::Ready(Ok(StreamResult::Dropped))
    }

    /// Nothing yet.
    fn wait(&mut self, finish: bool) -> Poll<wasmtime::Result<StreamResult>> {
        if !finish {
            return Poll::Pending;
        }
        self.worker.abandon();
        Poll::Ready(Ok(StreamResult::Cancelled))
    }
}

impl<E> Drop for Bytes<E> {
    fn drop(&mut self) {
        if let Some(how) = self.shuts {
            // That the peer is gone is no news any more.
            let fd = self.owned.fd();
            let mut context = Context::from_waker(Waker::noop());
            let shut = |task: &mut Task| task.sock_shutdown(fd, how);
            let _ = self.worker.poll(&mut context, shut);
        }
    }
}

impl<E: Send + 'static> StreamProducer<State> for Reading<E> {
    type Item = u8;
    type Buffer = VecBuffer<u8>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, State>,
        destination: Destination<'a, u8, VecBuffer<u8>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let bytes = &mut self.get_mut().0;
        store.data_mut().guest.check_signal()?;
        if destination.remaining(&mut store) == Some(0) {
            return match bytes.poll_ready(Interest::Read, context) {
                Poll::Ready(()) => Poll::Ready(Ok(StreamResult::Completed)),
                Poll::Pending => bytes.wait(finish),
            };
        }
        let mut destination = destination.as_direct(store, BETWEEN);
        let room = destination.remaining();
        let length = room.len().min(PIECE);
        match bytes.poll_read(&mut room[..length], context) {
            Poll::Ready(Ok(0)) => {
                bytes.ending.tell(Ok(()));
                Poll::Ready(Ok(StreamResult::Dropped))
            }
            Poll::Ready(Ok(read)) => {
                destination.mark_written(read);
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(Err(errno)) => bytes.fail(errno),
            Poll::Pending => bytes.wait(finish),
        }
    }
}

impl<E: Send + 'static> StreamConsumer<State> for Writing<E> {
    type Item = u8;

    fn poll_consume(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'_, State>,
        source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let bytes = &mut self.get_mut().0;
        store.data_mut().guest.check_signal()?;
        let mut source = source.as_direct(store);
        let given = source.remaining();
        if given.is_empty() {
            return match bytes.poll_ready(Interest::Write, context) {
                Poll::Ready(()) => Poll::Ready(Ok(StreamResult::Completed)),
                Poll::Pending => bytes.wait(finish),
            };
        }
        let length = given.len().min(PIECE);
        match bytes.poll_write(&given[..length], context) {
            // A stream that takes nothing would be asked for ever.
            Poll::Ready(Ok(0)) => bytes.fail(Errno::Io),
            Poll::Ready(Ok(written)) => {
                source.mark_read(written);
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(Err(errno)) => bytes.fail(errno),
            Poll::Pending => bytes.wait(finish),
        }
    }
}

//! Listings of directories as streams.

use std::pin::Pin;
use std::task::{Context, Poll};

use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, StreamProducer, StreamResult, VecBuffer};

use super::told;
use crate::State;
use crate::bindings::p3::wasi::filesystem::types::{DirectoryEntry, ErrorCode};
use crate::files::{Entries, RECORDS};
use crate::p3::ending::Ending;
use crate::p3::worker::Worker;

/// Most entries that one read brings.
const ENTRIES_MAX: usize = 1024;

/// The writing end of a stream of entries.
#[derive(Debug)]
pub(super) struct Listing {
    worker: Worker,
    entries: Entries,
    ending: Ending<ErrorCode>,
}

impl Listing {
    pub(super) fn new(state: &State, entries: Entries, ending: Ending<ErrorCode>) -> Listing {
        Listing {
            worker: Worker::new(state, entries.owned().view()),
            entries,
            ending,
        }
    }

    /// Takes what is there, up to `most`.
    fn take(&mut self, most: usize) -> Vec<DirectoryEntry> {
        let entries = std::iter::from_fn(|| self.entries.pop());
        let entries = entries.take(most).map(DirectoryEntry::from);
        entries.collect()
    }
}

impl StreamProducer<State> for Listing {
    type Item = DirectoryEntry;
    type Buffer = VecBuffer<DirectoryEntry>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, State>,
        mut destination: Destination<'a, DirectoryEntry, VecBuffer<DirectoryEntry>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let this = self.get_mut();
        store.data_mut().guest.check_signal()?;
        let room = destination.remaining(&mut store).unwrap_or(ENTRIES_MAX);
        // A listing is always ready.
        if room == 0 {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        loop {
            let found = this.take(room.min(ENTRIES_MAX));
            if !found.is_empty() {
                destination.set_buffer(found.into());
                return Poll::Ready(Ok(StreamResult::Completed));
            }
            if this.entries.is_done() {
                this.ending.tell(Ok(()));
                return Poll::Ready(Ok(StreamResult::Dropped));
            }
            let (fd, cookie) = (this.entries.owned().fd(), this.entries.cookie());
            let mut buffer = vec![0; RECORDS];
            let read = this
                .worker
                .poll(context, |task| task.fd_readdir(fd, &mut buffer, cookie));
            match read {
                Poll::Ready(Ok(length)) => this.entries.read(&buffer, length),
                Poll::Ready(Err(errno)) => {
                    this.ending.tell(told(errno));
                    return Poll::Ready(Ok(StreamResult::Dropped));
                }
                Poll::Pending if finish => {
                    this.worker.abandon();
                    return Poll::Ready(Ok(StreamResult::Cancelled));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

//! Endings: how a stream ended, as the future beside it says it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use wasmtime::StoreContextMut;
use wasmtime::component::FutureProducer;

use crate::State;

/// What the two sides share.
#[derive(Debug)]
struct Slot<E> {
    result: Option<Result<(), E>>,
    waker: Option<Waker>,
}

fn lock<E>(slot: &Mutex<Slot<E>>) -> MutexGuard<'_, Slot<E>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The side of the stream. A stream that is let go of without a word has ended well.
#[derive(Debug)]
pub(crate) struct Ending<E>(Arc<Mutex<Slot<E>>>);

/// The side of the future.
#[derive(Debug)]
pub(crate) struct Ended<E>(Arc<Mutex<Slot<E>>>);

impl<E> Ending<E> {
    /// Both sides.
    pub(crate) fn new() -> (Ending<E>, Ended<E>) {
        let slot = Slot {
            result: None,
            waker: None,
        };
        let slot = Arc::new(Mutex::new(slot));
        (Ending(slot.clone()), Ended(slot))
    }

    /// Says how it ended; the first word counts.
    pub(crate) fn tell(&self, result: Result<(), E>) {
        let mut slot = lock(&self.0);
        if slot.result.is_none() {
            slot.result = Some(result);
        }
        let waker = slot.waker.take();
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<E> Ended<E> {
    /// Of what ended before it began.
    pub(crate) fn with(result: Result<(), E>) -> Ended<E> {
        let (ending, ended) = Ending::new();
        ending.tell(result);
        ended
    }
}

impl<E> Drop for Ending<E> {
    fn drop(&mut self) {
        self.tell(Ok(()));
    }
}

impl<E: Send + 'static> FutureProducer<State> for Ended<E> {
    type Item = Result<(), E>;

    fn poll_produce(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        _store: StoreContextMut<'_, State>,
        finish: bool,
    ) -> Poll<wasmtime::Result<Option<Result<(), E>>>> {
        let mut slot = lock(&self.0);
        match slot.result.take() {
            Some(result) => Poll::Ready(Ok(Some(result))),
            None if finish => Poll::Ready(Ok(None)),
            None => {
                slot.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

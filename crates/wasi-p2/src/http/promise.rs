//! A value that one side gives once, and another waits for.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

#[derive(Debug)]
struct Shared<T> {
    value: Option<T>,
    gone: bool,
    waker: Option<Waker>,
}

type Place<T> = Arc<Mutex<Shared<T>>>;

fn lock<T>(place: &Place<T>) -> MutexGuard<'_, Shared<T>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The side that gives.
#[derive(Debug)]
pub(crate) struct Giver<T>(Place<T>);

/// The side that waits; `None` when the other went away.
#[derive(Debug)]
pub(crate) struct Promise<T>(Place<T>);

pub(crate) fn promise<T>() -> (Giver<T>, Promise<T>) {
    let place = Arc::new(Mutex::new(Shared {
        value: None,
        gone: false,
        waker: None,
    }));
    (Giver(place.clone()), Promise(place))
}

impl<T> Giver<T> {
    pub(crate) fn give(self, value: T) {
        lock(&self.0).value = Some(value);
    }
}

impl<T> Drop for Giver<T> {
    fn drop(&mut self) {
        let waker = {
            let mut shared = lock(&self.0);
            shared.gone = true;
            shared.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Future for Promise<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut shared = lock(&self.0);
        if let Some(value) = shared.value.take() {
            return Poll::Ready(Some(value));
        }
        if shared.gone {
            return Poll::Ready(None);
        }
        shared.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

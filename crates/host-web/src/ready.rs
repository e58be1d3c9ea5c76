//! Who was woken: the kernel's wakers put a number into a queue, and the machine takes it out.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// What can be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Token {
    /// A guest's call that waits.
    Task(u32),
    /// A stream between a process and the page.
    Stream(u32),
    /// An archive that is being opened.
    Archive(u32),
    /// A terminal into which more can be typed.
    Terminal(u32),
    /// A process that was killed.
    Killed(u32),
}

/// Tokens that were woken, each at most once.
#[derive(Debug, Default)]
pub(crate) struct ReadyQueue {
    woken: Mutex<VecDeque<Arc<TokenWaker>>>,
}

impl ReadyQueue {
    /// A waker that puts `token` into this queue.
    pub(crate) fn waker(self: &Arc<ReadyQueue>, token: Token) -> Waker {
        Waker::from(Arc::new(TokenWaker {
            token,
            queued: AtomicBool::new(false),
            queue: self.clone(),
        }))
    }

    /// The next one that was woken.
    pub(crate) fn pop(&self) -> Option<Token> {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        let waker = woken.pop_front()?;
        waker.queued.store(false, Ordering::Relaxed);
        Some(waker.token)
    }

    /// Whether nobody was woken.
    pub(crate) fn is_empty(&self) -> bool {
        let woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        woken.is_empty()
    }
}

#[derive(Debug)]
struct TokenWaker {
    token: Token,
    queued: AtomicBool,
    queue: Arc<ReadyQueue>,
}

impl Wake for TokenWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            let mut woken = self
                .queue
                .woken
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            woken.push_back(self.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ReadyQueue, Token};
    use std::sync::Arc;

    #[test]
    fn a_token_is_queued_once_until_it_is_taken() {
        let queue = Arc::new(ReadyQueue::default());
        let (first, second) = (queue.waker(Token::Task(1)), queue.waker(Token::Stream(1)));
        first.wake_by_ref();
        second.wake_by_ref();
        first.wake_by_ref();
        assert_eq!(queue.pop(), Some(Token::Task(1)));
        first.wake_by_ref();
        assert_eq!(queue.pop(), Some(Token::Stream(1)));
        assert_eq!(queue.pop(), Some(Token::Task(1)));
        assert_eq!(queue.pop(), None);
    }
}

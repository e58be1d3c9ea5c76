//! What names were answered, as far as the processes of one system share it.
//!
//! A service whose every request is a process would else ask for a name with each of them. What
//! is shared is what the host answered, for a short time; whether a process may ask is
//! decided before, and what it was answered stays its own ([`super::pins`]).

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Poll, Wake, Waker};

use holm_abi::ADDRESSES_MAX;

use crate::port::{Lookup, Network};
use crate::vfs::node::Result;

/// How long an answer is given again, in nanoseconds. Hosts do not say how long it may be, and
/// no answer that is meant to change is meant to do so sooner.
pub(crate) const ANSWER_KEPT_NS: u64 = 10_000_000_000;
/// Most names that are kept; of more, the oldest is let go.
pub(crate) const ANSWERS_MAX: usize = 1024;

/// What a system knows of names.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<BTreeMap<String, Answer>>);

#[derive(Debug)]
struct Answer {
    state: State,
    /// Not given any more from then on, on the kernel's clock.
    until_ns: u64,
}

#[derive(Debug)]
enum State {
    /// Under way, for as long as somebody waits for it.
    Asked(Weak<Question>),
    Known(Vec<IpAddr>),
}

/// A lookup, with everybody who waits for it.
#[derive(Debug)]
pub(crate) struct Question {
    /// None for one that was answered before.
    lookup: Option<Arc<dyn Lookup>>,
    /// Held while the lookup is polled, so that one that was answered is not polled again.
    answer: Mutex<Option<Result<Vec<IpAddr>>>>,
    waiters: Arc<Waiters>,
}

#[derive(Debug, Default)]
struct Waiters(Mutex<Vec<Waker>>);

impl Wake for Waiters {
    fn wake(self: Arc<Self>) {
        let wakers = std::mem::take(&mut *crate::lock(&self.0));
        crate::pipe::wake(wakers);
    }
}

impl Question {
    fn answered(addresses: Vec<IpAddr>) -> Question {
        Question {
            lookup: None,
            answer: Mutex::new(Some(Ok(addresses))),
            waiters: Arc::default(),
        }
    }

    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Result<Vec<IpAddr>>> {
        let mut answer = crate::lock(&self.answer);
        let lookup = match (&*answer, &self.lookup) {
            (Some(answer), _) => return Poll::Ready(answer.clone()),
            (None, Some(lookup)) => lookup,
            (None, None) => unreachable!("invariant: without a lookup there is an answer"),
        };
        // Before the lookup is polled: an answer in between finds the waker.
        crate::pipe::register(&mut crate::lock(&self.waiters.0), waker);
        let Poll::Ready(mut found) = lookup.poll(&Waker::from(self.waiters.clone())) else {
            return Poll::Pending;
        };
        if let Ok(addresses) = &mut found {
            addresses.truncate(ADDRESSES_MAX);
        }
        *answer = Some(found.clone());
        drop(answer);
        self.waiters.clone().wake();
        Poll::Ready(found)
    }
}

impl Answers {
    /// The lookup of a name: one that is under way, one that was answered a moment ago, or a new
    /// one.
    pub(crate) fn ask(
        &self,
        name: &str,
        network: &Arc<dyn Network>,
        now_ns: u64,
    ) -> Result<Arc<Question>> {
        if let Some(question) = self.known(name, now_ns) {
            return Ok(question);
        }
        let question = Arc::new(Question {
            lookup: Some(network.lookup(name)?),
            answer: Mutex::new(None),
            waiters: Arc::default(),
        });
        let mut answers = crate::lock(&self.0);
        if answers.len() >= ANSWERS_MAX && !answers.contains_key(name) {
            let oldest = answers.iter().min_by_key(|(_, answer)| answer.until_ns);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                answers.remove(&oldest);
            }
        }
        let answer = Answer {
            state: State::Asked(Arc::downgrade(&question)),
            until_ns: now_ns.saturating_add(ANSWER_KEPT_NS),
        };
        answers.insert(name.to_owned(), answer);
        Ok(question)
    }

    fn known(&self, name: &str, now_ns: u64) -> Option<Arc<Question>> {
        let answers = crate::lock(&self.0);
        let answer = answers
            .get(name)
            .filter(|answer| now_ns < answer.until_ns)?;
        match &answer.state {
            State::Asked(question) => question.upgrade(),
            State::Known(addresses) => Some(Arc::new(Question::answered(addresses.clone()))),
        }
    }

    /// Keeps what was answered to `question`, unless another one was asked since. A failure is
    /// kept by whoever met it, and by nobody else.
    pub(crate) fn note(
        &self,
        name: &str,
        question: &Arc<Question>,
        found: &Result<Vec<IpAddr>>,
        now_ns: u64,
    ) {
        let mut answers = crate::lock(&self.0);
        let Some(answer) = answers.get_mut(name) else {
            return;
        };
        let State::Asked(asked) = &answer.state else {
            return;
        };
        if !Weak::ptr_eq(asked, &Arc::downgrade(question)) {
            return;
        }
        match found {
            Ok(addresses) => {
                answer.state = State::Known(addresses.clone());
                answer.until_ns = now_ns.saturating_add(ANSWER_KEPT_NS);
            }
            Err(_) => drop(answers.remove(name)),
        }
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        crate::lock(&self.0).len()
    }
}

#[cfg(test)]
mod tests;

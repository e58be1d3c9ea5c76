//! Names that were looked up: each once for a process, and then what it was answered stays.
//!
//! A name whose answer changes while a program runs (DNS rebinding) cannot move a program's
//! connections, and a rule for a name can be checked against what the name was when asked.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};

use holm_abi::{ADDRESSES_MAX, Errno};

use super::host::is_localhost;
use super::rules::NamePattern;
use crate::port::{Lookup, Network};
use crate::vfs::node::Result;

/// Most names that a process may look up.
pub(crate) const NAMES_MAX: usize = 256;
/// How long a lookup that failed is not made again, in nanoseconds.
const FAILURE_KEPT_NS: u64 = 1_000_000_000;

/// What a process knows of names.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    names: Mutex<BTreeMap<String, Pin>>,
}

#[derive(Debug)]
enum Pin {
    /// Under way.
    Asked(Arc<Question>),
    /// Answered, for good.
    Known(Vec<IpAddr>),
    /// Failed, and not asked again before this time on the kernel's clock.
    Failed(Errno, u64),
}

/// A lookup under way, with everybody who waits for it.
#[derive(Debug)]
struct Question {
    lookup: Arc<dyn Lookup>,
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
    fn poll(&self, waker: &Waker) -> Poll<Result<Vec<IpAddr>>> {
        let mut answer = crate::lock(&self.answer);
        if let Some(answer) = &*answer {
            return Poll::Ready(answer.clone());
        }
        // Before the lookup is polled: an answer in between finds the waker.
        crate::pipe::register(&mut crate::lock(&self.waiters.0), waker);
        let Poll::Ready(mut found) = self.lookup.poll(&Waker::from(self.waiters.clone())) else {
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

impl Pins {
    /// The addresses of a valid name in lower case. `ENOENT` when it has none, `EAGAIN` when
    /// nobody answered, `ENOBUFS` when the process has looked up too many names,
    /// `ENETDOWN` when the host has no network.
    pub(crate) fn poll(
        &self,
        name: &str,
        network: Option<&Arc<dyn Network>>,
        now_ns: u64,
        waker: &Waker,
    ) -> Poll<Result<Vec<IpAddr>>> {
        if is_localhost(name) {
            let own = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return Poll::Ready(Ok(own.to_vec()));
        }
        let question = match self.known(name, now_ns) {
            Some(Ok(answer)) => return Poll::Ready(answer),
            Some(Err(question)) => question,
            None => self.ask(name, network.ok_or(Errno::NetworkDown)?)?,
        };
        let Poll::Ready(answer) = question.poll(waker) else {
            return Poll::Pending;
        };
        let pin = match &answer {
            Ok(addresses) => Pin::Known(addresses.clone()),
            Err(errno) => Pin::Failed(*errno, now_ns.saturating_add(FAILURE_KEPT_NS)),
        };
        let mut names = crate::lock(&self.names);
        // Somebody else who waited may have noted it already; what is known stays.
        if let Some(noted @ Pin::Asked(_)) = names.get_mut(name) {
            *noted = pin;
        }
        Poll::Ready(answer)
    }

    /// What is known of a name: an answer, or a lookup under way.
    fn known(
        &self,
        name: &str,
        now_ns: u64,
    ) -> Option<std::result::Result<Result<Vec<IpAddr>>, Arc<Question>>> {
        match crate::lock(&self.names).get(name)? {
            Pin::Known(addresses) => Some(Ok(Ok(addresses.clone()))),
            Pin::Failed(errno, until) if now_ns < *until => Some(Ok(Err(*errno))),
            Pin::Failed(..) => None,
            Pin::Asked(question) => Some(Err(question.clone())),
        }
    }

    fn ask(&self, name: &str, network: &Arc<dyn Network>) -> Result<Arc<Question>> {
        self.make_room(name)?;
        let question = Arc::new(Question {
            lookup: network.lookup(name)?,
            answer: Mutex::new(None),
            waiters: Arc::default(),
        });
        let mut names = crate::lock(&self.names);
        if let Some(Pin::Asked(other)) = names.get(name) {
            return Ok(other.clone());
        }
        names.insert(name.to_owned(), Pin::Asked(question.clone()));
        Ok(question)
    }

    fn make_room(&self, name: &str) -> Result<()> {
        let mut names = crate::lock(&self.names);
        if names.len() >= NAMES_MAX && !names.contains_key(name) {
            names.retain(|_, pin| !matches!(pin, Pin::Failed(..)));
        }
        if names.len() >= NAMES_MAX && !names.contains_key(name) {
            return Err(Errno::NoBufferSpace);
        }
        Ok(())
    }

    /// Whether a name that the pattern matches was answered with this address.
    pub(crate) fn answered(&self, pattern: &NamePattern, address: IpAddr) -> bool {
        crate::lock(&self.names).iter().any(|(name, pin)| {
            pattern.matches(name) && matches!(pin, Pin::Known(known) if known.contains(&address))
        })
    }

    /// A name that was answered with this address.
    pub(crate) fn name_of(&self, address: IpAddr) -> Option<String> {
        crate::lock(&self.names)
            .iter()
            .find(|(_, pin)| matches!(pin, Pin::Known(known) if known.contains(&address)))
            .map(|(name, _)| name.clone())
    }
}

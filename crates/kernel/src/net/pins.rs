//! Names that were looked up: each once for a process, and then what it was answered stays.
//!
//! A name whose answer changes while a program runs (DNS rebinding) cannot move a program's
//! connections, and a rule for a name can be checked against what the name was when asked.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use holm_abi::Errno;

use super::answers::{Answers, Question};
use super::host::is_localhost;
use super::rules::NamePattern;
use crate::kernel::Kernel;
use crate::port::Network;
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

impl Pins {
    /// The addresses of a valid name in lower case. `ENOENT` when it has none, `EAGAIN` when
    /// nobody answered, `ENOBUFS` when the process has looked up too many names,
    /// `ENETDOWN` when the host has no network.
    pub(crate) fn poll(
        &self,
        name: &str,
        kernel: &Kernel,
        waker: &Waker,
    ) -> Poll<Result<Vec<IpAddr>>> {
        if is_localhost(name) {
            let own = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return Poll::Ready(Ok(own.to_vec()));
        }
        let now_ns = kernel.clock().monotonic_ns();
        let answers = &kernel.answers;
        let question = match self.known(name, now_ns) {
            Some(Ok(answer)) => return Poll::Ready(answer),
            Some(Err(question)) => question,
            None => {
                let network = kernel.network.as_ref().ok_or(Errno::NetworkDown)?;
                self.ask(name, answers, network, now_ns)?
            }
        };
        let Poll::Ready(answer) = question.poll(waker) else {
            return Poll::Pending;
        };
        answers.note(name, &question, &answer, now_ns);
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

    fn ask(
        &self,
        name: &str,
        answers: &Answers,
        network: &Arc<dyn Network>,
        now_ns: u64,
    ) -> Result<Arc<Question>> {
        self.make_room(name)?;
        let question = answers.ask(name, network, now_ns)?;
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

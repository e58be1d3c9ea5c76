//! A network for tests: names with answers that are planned, and no wires.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use holm_abi::{AddressFamily, Errno, SocketKind};

use crate::net::loopback::Loopback;
use crate::port::{Lookup, Network, Socket};

/// Answers each lookup of a name with the next of its planned answers; its sockets reach
/// nothing but each other.
#[derive(Debug, Default)]
pub struct PlannedNetwork {
    answers: Mutex<BTreeMap<String, Vec<Vec<IpAddr>>>>,
    wires: Arc<Loopback>,
    lookups: AtomicUsize,
}

#[derive(Debug)]
struct Planned(Result<Vec<IpAddr>, Errno>);

impl PlannedNetwork {
    /// Adds an answer for `name`, given after those before it; the last is given for ever.
    pub fn plan(&self, name: &str, answer: &[IpAddr]) {
        let mut answers = crate::lock(&self.answers);
        let planned = answers.entry(name.to_owned()).or_default();
        planned.push(answer.to_vec());
    }

    /// How many lookups were begun.
    pub fn lookups(&self) -> usize {
        self.lookups.load(Ordering::Relaxed)
    }
}

impl Network for PlannedNetwork {
    fn socket(&self, family: AddressFamily, kind: SocketKind) -> Result<Arc<dyn Socket>, Errno> {
        Ok(self.wires.socket(family, kind))
    }

    fn lookup(&self, name: &str) -> Result<Arc<dyn Lookup>, Errno> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        let mut answers = crate::lock(&self.answers);
        let Some(planned) = answers.get_mut(name) else {
            return Ok(Arc::new(Planned(Err(Errno::NoEntry))));
        };
        let answer = if planned.len() > 1 {
            planned.remove(0)
        } else {
            planned[0].clone()
        };
        Ok(Arc::new(Planned(Ok(answer))))
    }
}

impl Lookup for Planned {
    fn poll(&self, _waker: &Waker) -> Poll<Result<Vec<IpAddr>, Errno>> {
        Poll::Ready(self.0.clone())
    }
}

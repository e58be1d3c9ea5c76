//! Tests of answers that processes share: for how long, how many, and what is not shared.

use core::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};

use holm_abi::{AddressFamily, Errno, SocketKind};

use super::{ANSWER_KEPT_NS, ANSWERS_MAX};
use crate::kernel::{Authority, Kernel};
use crate::net::tests::boot;
use crate::net::{HostPattern, NamePattern, NetRule, PortRanges, Protocol};
use crate::port::{Lookup, Network, Socket};
use crate::process::{Process, ProcessSpec};

/// A network whose lookups are answered when the test says so.
#[derive(Debug, Default)]
struct SlowNetwork {
    begun: AtomicUsize,
    under_way: Mutex<Vec<Arc<Slow>>>,
}

#[derive(Debug, Default)]
struct Slow(Mutex<(Option<Found>, Option<Waker>)>);

type Found = Result<Vec<IpAddr>, Errno>;

impl Network for SlowNetwork {
    fn socket(&self, _: AddressFamily, _: SocketKind) -> Result<Arc<dyn Socket>, Errno> {
        Err(Errno::NetworkDown)
    }

    fn lookup(&self, _name: &str) -> Result<Arc<dyn Lookup>, Errno> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let slow = Arc::new(Slow::default());
        crate::lock(&self.under_way).push(slow.clone());
        Ok(slow)
    }
}

impl Lookup for Slow {
    fn poll(&self, waker: &Waker) -> Poll<Result<Vec<IpAddr>, Errno>> {
        let mut state = crate::lock(&self.0);
        match &state.0 {
            Some(answer) => Poll::Ready(answer.clone()),
            None => {
                state.1 = Some(waker.clone());
                Poll::Pending
            }
        }
    }
}

impl SlowNetwork {
    /// Answers every lookup that is under way.
    fn answer(&self, answer: Result<&str, Errno>) {
        let answer = answer.map(|address| vec![address.parse().expect("an address")]);
        for slow in crate::lock(&self.under_way).drain(..) {
            let mut state = crate::lock(&slow.0);
            state.0 = Some(answer.clone());
            let waker = state.1.take();
            drop(state);
            waker.into_iter().for_each(Waker::wake);
        }
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
struct Counted(AtomicUsize);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct System {
    kernel: Arc<Kernel>,
    authority: Authority,
    network: Arc<SlowNetwork>,
}

impl System {
    fn new() -> System {
        let network = Arc::new(SlowNetwork::default());
        let (kernel, authority) = boot(network.clone());
        System {
            kernel,
            authority,
            network,
        }
    }

    /// A process that may look up what the pattern matches.
    fn process(&self, pattern: NamePattern) -> Arc<Process> {
        let rule = NetRule::Connect {
            protocol: Protocol::Tcp,
            host: HostPattern::Name(pattern),
            ports: PortRanges::one(443),
        };
        let spec = ProcessSpec {
            network: [rule].into_iter().collect(),
            ..ProcessSpec::default()
        };
        self.kernel.spawn(&self.authority, spec).expect("a process")
    }

    fn pass(&self, time_ns: u64) {
        let clock = self.kernel.clock();
        clock.jump_to(clock.monotonic_ns() + time_ns);
    }
}

fn exactly() -> NamePattern {
    NamePattern::Exactly("example.com".to_owned())
}

fn ask(process: &Process) -> Poll<Result<Vec<IpAddr>, Errno>> {
    process.poll_lookup("example.com", Waker::noop())
}

fn known(address: &str) -> Poll<Result<Vec<IpAddr>, Errno>> {
    Poll::Ready(Ok(vec![address.parse().expect("an address")]))
}

#[test]
fn processes_share_an_answer_for_a_short_time_and_each_keeps_its_own() {
    let system = System::new();
    let first = system.process(exactly());
    assert!(ask(&first).is_pending());
    system.network.answer(Ok("9.9.9.9"));
    assert_eq!(ask(&first), known("9.9.9.9"));
    let second = system.process(exactly());
    assert_eq!(ask(&second), known("9.9.9.9"));
    let target: SocketAddr = "9.9.9.9:443".parse().expect("an address");
    assert!(second.network().allows_connect(Protocol::Tcp, target));
    assert_eq!(system.network.begun(), 1);

    system.pass(ANSWER_KEPT_NS);
    let third = system.process(exactly());
    assert!(ask(&third).is_pending());
    system.network.answer(Ok("8.8.8.8"));
    assert_eq!(ask(&third), known("8.8.8.8"));
    assert_eq!(system.network.begun(), 2);
    // Those before stay where they were.
    assert_eq!(ask(&first), known("9.9.9.9"));
    assert_eq!(ask(&second), known("9.9.9.9"));
    assert!(!third.network().allows_connect(Protocol::Tcp, target));
}

#[test]
fn who_may_not_ask_learns_nothing_of_what_others_asked() {
    let system = System::new();
    let first = system.process(exactly());
    assert!(ask(&first).is_pending());
    system.network.answer(Ok("9.9.9.9"));
    assert_eq!(ask(&first), known("9.9.9.9"));
    let stranger = system.process(NamePattern::Exactly("other.example".to_owned()));
    assert_eq!(ask(&stranger), Poll::Ready(Err(Errno::Access)));
    let target = "9.9.9.9:443".parse().expect("an address");
    assert!(!stranger.network().allows_connect(Protocol::Tcp, target));
}

#[test]
fn a_lookup_under_way_is_joined_and_each_who_waits_is_woken() {
    let system = System::new();
    let mut processes: Vec<_> = (0..8).map(|_| system.process(exactly())).collect();
    let mut counted: Vec<_> = (0..8).map(|_| Arc::new(Counted::default())).collect();
    for (process, counted) in processes.iter().zip(&counted) {
        let waker = Waker::from(counted.clone());
        assert!(process.poll_lookup("example.com", &waker).is_pending());
    }
    assert_eq!(system.network.begun(), 1);
    // One who leaves takes nothing from the others.
    drop((processes.remove(0), counted.remove(0)));
    system.network.answer(Ok("9.9.9.9"));
    for (process, counted) in processes.iter().zip(&counted) {
        assert_eq!(counted.0.load(Ordering::Relaxed), 1);
        assert_eq!(ask(process), known("9.9.9.9"));
    }
}

#[test]
fn a_lookup_that_nobody_waits_for_is_let_go_and_a_failure_is_not_shared() {
    let system = System::new();
    let first = system.process(exactly());
    assert!(ask(&first).is_pending());
    let slow = Arc::downgrade(&crate::lock(&system.network.under_way).remove(0));
    drop(first);
    assert!(slow.upgrade().is_none(), "nobody waits for it");

    let second = system.process(exactly());
    assert!(ask(&second).is_pending());
    // One that does not come back for its answer.
    let absent = system.process(exactly());
    assert!(ask(&absent).is_pending());
    system.network.answer(Err(Errno::NoEntry));
    assert_eq!(ask(&second), Poll::Ready(Err(Errno::NoEntry)));
    let third = system.process(exactly());
    assert!(ask(&third).is_pending(), "it asks anew");
    assert_eq!(system.network.begun(), 3);
}

/// A process that began to ask long ago, and looks for the answer now, gives others nothing old.
#[test]
fn an_old_answer_is_not_kept_anew() {
    let system = System::new();
    let first = system.process(exactly());
    assert!(ask(&first).is_pending());
    system.network.answer(Ok("9.9.9.9"));
    system.pass(ANSWER_KEPT_NS);
    let second = system.process(exactly());
    assert!(ask(&second).is_pending());
    assert_eq!(ask(&first), known("9.9.9.9"));
    let third = system.process(exactly());
    assert!(ask(&third).is_pending());
    system.network.answer(Ok("8.8.8.8"));
    assert_eq!(ask(&second), known("8.8.8.8"));
    assert_eq!(ask(&third), known("8.8.8.8"));
    assert_eq!(system.network.begun(), 2);
}

#[test]
fn many_names_push_out_the_oldest() {
    let system = System::new();
    let below = || NamePattern::Below("example.com".to_owned());
    let look = |process: &Process, name: &str| {
        let asked = process.poll_lookup(name, Waker::noop());
        system.network.answer(Ok("9.9.9.9"));
        let answered = asked.is_pending();
        assert!(process.poll_lookup(name, Waker::noop()).is_ready());
        answered
    };
    // As many as one process may look up, several times over.
    let names: Vec<String> = (0..=ANSWERS_MAX)
        .map(|at| format!("n{at}.example.com"))
        .collect();
    for names in names.chunks(200) {
        let process = system.process(below());
        for name in names {
            assert!(look(&process, name), "{name} is new");
        }
    }
    assert_eq!(system.kernel.answers.count(), ANSWERS_MAX);
    let process = system.process(below());
    assert!(!look(&process, &names[1]), "it is kept");
    assert!(look(&process, &names[0]), "it was the oldest");
}

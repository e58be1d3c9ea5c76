//! Tests of lookups: answers, bounds, limits, and being let go.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::time::Duration;

use holm_abi::{ADDRESSES_MAX, Errno};

use super::{LIMIT_NS, Pool, QUEUE_MAX, THREADS_MAX};
use crate::net::resolver::{FixedResolver, Resolver, SystemResolver};
use crate::net::tests::block;

fn ask(pool: &Arc<Pool>, name: &str) -> Result<Vec<IpAddr>, Errno> {
    let lookup = Pool::lookup(pool, name).expect("room for a lookup");
    block(|waker| lookup.poll(waker))
}

#[test]
fn the_host_knows_itself_and_nothing_that_does_not_exist() {
    let pool = Pool::new(Arc::new(SystemResolver));
    let found = ask(&pool, "localhost").expect("every host knows it");
    assert!(found.iter().all(IpAddr::is_loopback), "{found:?}");
    let mut once = found.clone();
    once.dedup();
    assert_eq!(found, once);
    // Without a network nobody can say that it does not exist (RFC 6761, section 6.4).
    let nothing = ask(&pool, "nobody.invalid");
    assert!(
        matches!(nothing, Err(Errno::NoEntry | Errno::Again)),
        "{nothing:?}"
    );
    assert_eq!(ask(&pool, "a\0b"), Err(Errno::NoEntry));
}

/// Answers when it is told to.
#[derive(Debug)]
struct Slow {
    go: Mutex<mpsc::Receiver<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Resolver for Slow {
    fn resolve(&self, _name: &str) -> Result<Vec<IpAddr>, Errno> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let go = self.go.lock().expect("no test panics in here");
        go.recv().map_err(|_| Errno::Again)
    }
}

fn slow(limit_ns: u64) -> (Arc<Pool>, Arc<Slow>, mpsc::Sender<Vec<IpAddr>>) {
    let (sender, receiver) = mpsc::channel();
    let resolver = Arc::new(Slow {
        go: Mutex::new(receiver),
        asked: AtomicUsize::new(0),
    });
    let shared = Arc::clone(&resolver) as Arc<dyn Resolver>;
    (Pool::with_limit(shared, limit_ns), resolver, sender)
}

fn until(mut done: impl FnMut() -> bool) {
    for _ in 0..20_000 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("it never came about");
}

#[test]
fn answers_are_canonical_each_once_and_bounded() {
    let (pool, _, sender) = slow(LIMIT_NS);
    let four = Ipv4Addr::new(10, 1, 2, 3);
    let six: IpAddr = Ipv6Addr::LOCALHOST.into();
    let answer = vec![six, four.to_ipv6_mapped().into(), four.into(), six];
    sender.send(answer).expect("the resolver");
    assert_eq!(ask(&pool, "a.example"), Ok(vec![six, four.into()]));
    let many = (0..1000).map(|n| Ipv4Addr::from_bits(n).into()).collect();
    sender.send(many).expect("the resolver");
    let found = ask(&pool, "b.example").expect("an answer");
    assert_eq!(found.len(), ADDRESSES_MAX);
    sender.send(Vec::new()).expect("the resolver");
    assert_eq!(ask(&pool, "c.example"), Err(Errno::NoEntry));
}

#[test]
fn threads_and_queue_have_bounds_and_dropped_lookups_make_room() {
    let (pool, resolver, sender) = slow(LIMIT_NS);
    let look_up = || Pool::lookup(&pool, "a.example");
    let at_work: Vec<_> = (0..THREADS_MAX).map(|_| look_up()).collect();
    until(|| pool.waiting() == 0);
    let mut queued: Vec<_> = (0..QUEUE_MAX).map(|_| look_up()).collect();
    assert!(at_work.iter().chain(&queued).all(Result::is_ok));
    assert_eq!(pool.threads(), THREADS_MAX);
    assert!(matches!(look_up(), Err(Errno::Again)));
    drop(queued.pop());
    assert_eq!(pool.waiting(), QUEUE_MAX - 1);
    let last = look_up().expect("room again");
    assert!(last.poll(Waker::noop()).is_pending());
    drop(queued);
    drop(at_work);
    for _ in 0..=THREADS_MAX {
        let answer = vec![IpAddr::V4(Ipv4Addr::new(1, 2, 3, 4))];
        sender.send(answer).expect("the resolver");
    }
    let found = block(|waker| last.poll(waker)).expect("an answer");
    assert_eq!(found.len(), 1);
    let asked = resolver.asked.load(Ordering::SeqCst);
    assert_eq!(asked, THREADS_MAX + 1, "what was dropped is not asked for");
    // Threads without work end.
    until(|| pool.threads() == 0);
}

#[test]
fn a_lookup_that_takes_too_long_is_over_and_stays_so() {
    let (pool, _, sender) = slow(20_000_000);
    let lookup = Pool::lookup(&pool, "a.example").expect("a lookup");
    assert_eq!(block(|waker| lookup.poll(waker)), Err(Errno::Again));
    sender
        .send(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])
        .expect("the resolver");
    until(|| pool.threads() == 0);
    assert_eq!(lookup.poll(Waker::noop()), Poll::Ready(Err(Errno::Again)));
}

/// Takes its thread with it.
#[derive(Debug)]
struct Broken;

impl Resolver for Broken {
    fn resolve(&self, _name: &str) -> Result<Vec<IpAddr>, Errno> {
        panic!("a resolver with a fault");
    }
}

#[test]
fn a_resolver_that_panics_costs_a_lookup_and_no_place() {
    let pool = Pool::with_limit(Arc::new(Broken), 20_000_000);
    for _ in 0..2 * THREADS_MAX {
        assert_eq!(ask(&pool, "a.example"), Err(Errno::Again));
    }
    until(|| pool.threads() == 0);
}

#[test]
fn fixed_names_are_answered_at_once_and_hide_others() {
    let address: IpAddr = [10, 0, 0, 7].into();
    let hosts = BTreeMap::from([
        (String::from("Db.Internal."), vec![address]),
        (String::from("gone.example"), Vec::new()),
    ]);
    let pool = Pool::new(Arc::new(FixedResolver::new(hosts)));
    let at_once = |name: &str| {
        let lookup = Pool::lookup(&pool, name).expect("a lookup");
        lookup.poll(Waker::noop())
    };
    assert_eq!(at_once("db.internal"), Poll::Ready(Ok(vec![address])));
    assert_eq!(at_once("gone.example"), Poll::Ready(Err(Errno::NoEntry)));
    assert_eq!(at_once("localhost"), Poll::Ready(Err(Errno::NoEntry)));
    assert_eq!(pool.threads(), 0);
}

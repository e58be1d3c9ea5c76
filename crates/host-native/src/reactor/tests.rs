//! Tests of blocking: wake-ups, deadlines, leaders and followers, interrupts.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use holm_kernel::vfs::Interest;

use super::Reactor;
use crate::clock::monotonic_ns;
use crate::descriptor::{Descriptor, poll_now};
use crate::parker::Parker;

fn reactor() -> &'static Reactor {
    Box::leak(Box::new(Reactor::new()))
}

/// Waits until `parker` was woken, whatever else makes `wait` return.
fn wait_for(reactor: &Reactor, parker: &Arc<Parker>, done: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < end, "never woken");
        reactor.wait(parker, Some(monotonic_ns() + 5_000_000_000));
    }
}

#[test]
fn a_deadline_is_kept() {
    let reactor = reactor();
    let parker = Arc::new(Parker::new());
    let mut late = Vec::new();
    for _ in 0..20 {
        let deadline = monotonic_ns() + 3_000_000;
        reactor.wait(&parker, Some(deadline));
        let now = monotonic_ns();
        assert!(now >= deadline, "woke {} ns early", deadline - now);
        late.push(now - deadline);
    }
    late.sort_unstable();
    // Machines that run tests are busy: the best of twenty says what the code can do.
    assert!(late[0] < 1_000_000, "{late:?}");
    // One that has passed does not wait at all.
    reactor.wait(&parker, Some(0));
}

#[test]
fn a_wake_before_the_wait_is_not_lost() {
    let reactor = reactor();
    let parker = Arc::new(Parker::new());
    Waker::from(Arc::clone(&parker)).wake();
    reactor.wait(&parker, None);
}

#[test]
fn nothing_is_made_before_something_blocks() {
    let reactor = Reactor::new();
    let (read, _write) = std::io::pipe().expect("a pipe");
    let descriptor = Descriptor::owned(read.into());
    reactor.register(&descriptor, Interest::Read, Waker::noop());
    assert!(reactor.notifier.get().is_none());
    reactor.deregister(&descriptor);
    assert!(reactor.lock().registry.is_empty());
}

#[test]
fn a_descriptor_wakes_its_task() {
    let reactor = reactor();
    let (read, mut write) = std::io::pipe().expect("a pipe");
    let descriptor = Descriptor::owned(read.into());
    let parker = Arc::new(Parker::new());
    let waker = Waker::from(Arc::clone(&parker));
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(20));
            write.write_all(b"x").expect("writing");
        });
        reactor.register(&descriptor, Interest::Read, &waker);
        wait_for(reactor, &parker, || {
            poll_now(&descriptor, Interest::Read).is_ok_and(|flags| !flags.is_empty())
        });
    });
    assert!(reactor.lock().registry.is_empty(), "fired once");
}

#[test]
fn registrations_are_one_for_each_task_and_end_with_the_wait() {
    let reactor = reactor();
    let (read, _write) = std::io::pipe().expect("a pipe");
    let descriptor = Descriptor::owned(read.into());
    let parker = Arc::new(Parker::new());
    let waker = Waker::from(Arc::clone(&parker));
    for _ in 0..100 {
        reactor.register(&descriptor, Interest::Read, &waker);
    }
    assert_eq!(reactor.lock().registry.waiting(), 1);
    reactor.wait(&parker, Some(monotonic_ns() + 1_000_000));
    assert!(reactor.lock().registry.is_empty());
}

#[test]
fn closing_a_descriptor_wakes_who_waits_and_closes_it_at_once() {
    let reactor = reactor();
    let (read, mut write) = std::io::pipe().expect("a pipe");
    let parker = Arc::new(Parker::new());
    let waker = Waker::from(Arc::clone(&parker));
    let descriptor = Descriptor::owned(read.into());
    reactor.register(&descriptor, Interest::Read, &waker);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| reactor.wait(&parker, Some(monotonic_ns() + 20_000_000_000)));
        thread::sleep(Duration::from_millis(20));
        let start = Instant::now();
        reactor.deregister(&descriptor);
        drop(descriptor);
        waiting.join().expect("the waiting thread");
        assert!(start.elapsed() < Duration::from_secs(10));
    });
    assert!(write.write_all(b"x").is_err(), "the read end is closed");
}

/// Counts wake-ups of a task that is no thread.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn the_leader_wakes_for_everybody() {
    let reactor = reactor();
    let counter = Arc::new(Counter::default());
    let (read, mut write) = std::io::pipe().expect("a pipe");
    let descriptor = Descriptor::owned(read.into());
    reactor.register(
        &descriptor,
        Interest::Read,
        &Waker::from(Arc::clone(&counter)),
    );
    let leader = Arc::new(Parker::new());
    thread::scope(|scope| {
        scope.spawn(|| reactor.wait(&leader, Some(monotonic_ns() + 300_000_000)));
        thread::sleep(Duration::from_millis(20));
        write.write_all(b"x").expect("writing");
        let end = Instant::now() + Duration::from_secs(10);
        while counter.0.load(Ordering::SeqCst) == 0 {
            assert!(Instant::now() < end);
            thread::yield_now();
        }
    });
    assert_eq!(counter.0.load(Ordering::SeqCst), 1);
}

/// Threads hand a token around through pipes while leaders come and go: one lost wake-up
/// or one lost leader, and it hangs.
#[test]
fn leadership_is_handed_on_under_stress() {
    const THREADS: usize = 6;
    const ROUNDS: usize = 400;
    let reactor = reactor();
    let mut reads = Vec::new();
    let mut writes = Vec::new();
    for _ in 0..THREADS {
        let (read, write) = std::io::pipe().expect("a pipe");
        reads.push(read);
        writes.push(write);
    }
    writes.rotate_left(1);
    writes[THREADS - 1].write_all(b"t").expect("the token");
    thread::scope(|scope| {
        for (index, (read, mut write)) in reads.into_iter().zip(writes).enumerate() {
            scope.spawn(move || {
                let descriptor = Descriptor::owned(read.into());
                let parker = Arc::new(Parker::new());
                let waker = Waker::from(Arc::clone(&parker));
                for round in 0..ROUNDS {
                    let is_ready = || {
                        poll_now(&descriptor, Interest::Read).is_ok_and(|flags| !flags.is_empty())
                    };
                    while !is_ready() {
                        reactor.register(&descriptor, Interest::Read, &waker);
                        // Some have deadlines, some have none.
                        let deadline = (round % 3 == index % 3).then(|| monotonic_ns() + 200_000);
                        reactor.wait(&parker, deadline);
                    }
                    let mut token = [0];
                    rustix::io::read(&descriptor, &mut token).expect("the token");
                    let last = index == THREADS - 1 && round == ROUNDS - 1;
                    if !last {
                        let _ = write.write_all(&token);
                    }
                }
            });
        }
    });
    assert!(reactor.lock().followers.is_empty());
    assert!(!reactor.lock().led);
}

#[test]
fn wakers_reach_leaders_and_followers() {
    let reactor = reactor();
    let parkers: Vec<Arc<Parker>> = (0..4).map(|_| Arc::new(Parker::new())).collect();
    for _ in 0..200 {
        thread::scope(|scope| {
            for parker in &parkers {
                scope.spawn(|| reactor.wait(parker, None));
            }
            for parker in parkers.iter().rev() {
                Waker::from(Arc::clone(parker)).wake();
            }
        });
    }
}

#[test]
fn an_interrupt_ends_every_wait_and_the_next_of_the_others() {
    let reactor = reactor();
    reactor.prepare();
    let parkers: Vec<Arc<Parker>> = (0..5).map(|_| Arc::new(Parker::new())).collect();
    let outside = Arc::new(Parker::new());
    for round in 0..50 {
        thread::scope(|scope| {
            for parker in &parkers {
                scope.spawn(|| reactor.wait(parker, None));
            }
            if round % 2 == 0 {
                thread::sleep(Duration::from_millis(2));
            }
            reactor.interrupt();
        });
        // It was not waiting, and must not sleep over it.
        reactor.wait(&outside, None);
        // The others have answered for it: they would sleep again.
        let start = monotonic_ns();
        reactor.wait(&parkers[0], Some(start + 1_000_000));
        assert!(
            monotonic_ns() >= start + 1_000_000,
            "woken twice by one interrupt"
        );
    }
}

/// Remembers which tasks were woken, in order.
#[derive(Clone)]
struct Named {
    name: usize,
    log: Arc<std::sync::Mutex<Vec<usize>>>,
}

impl Wake for Named {
    fn wake(self: Arc<Self>) {
        self.log.lock().expect("the log").push(self.name);
    }
}

#[test]
fn alarms_ring_in_their_order_once_and_not_when_dropped() {
    let reactor = reactor();
    let log = Arc::new(std::sync::Mutex::new(Vec::new()));
    let start = monotonic_ns();
    let set = |name: usize, after_ns: u64| {
        let log = Arc::clone(&log);
        let waker = Waker::from(Arc::new(Named { name, log }));
        reactor.wake_at(start + after_ns, &waker)
    };
    let alarms = [
        set(3, 9_000_000),
        set(1, 3_000_000),
        set(2, 6_000_000),
        set(0, 0),
    ];
    drop(set(9, 4_000_000));
    let parker = Arc::new(Parker::new());
    let own = reactor.wake_at(start + 12_000_000, &Waker::from(Arc::clone(&parker)));
    // The only thread there is, and it has no deadline.
    while !own.has_rung() {
        reactor.wait(&parker, None);
    }
    assert!(monotonic_ns() >= start + 12_000_000);
    assert_eq!(*log.lock().expect("the log"), [0, 1, 2, 3]);
    assert!(alarms.iter().all(super::Alarm::has_rung));
    assert_eq!(reactor.lock().alarms.len(), 0);
    assert_eq!(Arc::strong_count(&log), 1, "every waker is gone");
}

#[test]
fn an_earlier_alarm_reaches_a_leader_that_sleeps() {
    let reactor = reactor();
    let parker = Arc::new(Parker::new());
    let waker = Waker::from(Arc::clone(&parker));
    thread::scope(|scope| {
        scope.spawn(|| reactor.wait(&parker, Some(monotonic_ns() + 60_000_000_000)));
        thread::sleep(Duration::from_millis(20));
        let start = Instant::now();
        let alarm = reactor.wake_at(monotonic_ns() + 5_000_000, &waker);
        while !alarm.has_rung() {
            assert!(start.elapsed() < Duration::from_secs(20), "never rung");
            thread::sleep(Duration::from_millis(1));
        }
    });
}

#[test]
fn a_driven_reactor_wakes_tasks_without_waiting_threads() {
    let reactor = reactor();
    reactor.drive().expect("a thread");
    reactor.drive().expect("the same thread");
    let counter = Arc::new(Counter::default());
    let waker = Waker::from(Arc::clone(&counter));
    let (read, mut write) = std::io::pipe().expect("a pipe");
    let descriptor = Descriptor::owned(read.into());
    let wait_until = |count: usize| {
        let end = Instant::now() + Duration::from_secs(20);
        while counter.0.load(Ordering::SeqCst) < count {
            assert!(Instant::now() < end, "never woken");
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(5));
        assert_eq!(counter.0.load(Ordering::SeqCst), count);
    };
    for round in 1..=20 {
        reactor.register(&descriptor, Interest::Read, &waker);
        write.write_all(b"x").expect("writing");
        wait_until(round);
        rustix::io::read(&descriptor, &mut [0_u8; 8]).expect("reading");
    }
    let alarm = reactor.wake_at(monotonic_ns() + 2_000_000, &waker);
    wait_until(21);
    assert!(alarm.has_rung());
    // What epoll refuses is watched all the same.
    let file = Descriptor::owned(tempfile::tempfile().expect("a file").into());
    reactor.register(&file, Interest::Read, &waker);
    wait_until(22);
    reactor.deregister(&descriptor);
    assert!(reactor.lock().registry.is_empty());
}

#[test]
fn both_directions_of_one_descriptor_are_told_apart() {
    for driven in [false, true] {
        let reactor = reactor();
        if driven {
            reactor.drive().expect("a thread");
        }
        let (near, far) = std::os::unix::net::UnixStream::pair().expect("a pair");
        near.set_nonblocking(true).expect("an option");
        while (&near).write(&[0; 4096]).is_ok() {}
        let descriptor = Descriptor::owned(near.into());
        let (reads, writes) = (Arc::new(Counter::default()), Arc::new(Counter::default()));
        for (interest, counter) in [(Interest::Read, &reads), (Interest::Write, &writes)] {
            let waker = Waker::from(Arc::clone(counter));
            reactor.register(&descriptor, interest, &waker);
        }
        (&far).write_all(b"x").expect("writing");
        let parker = Arc::new(Parker::new());
        let own = Waker::from(Arc::clone(&parker));
        let settle = |counter: &Counter| {
            let end = Instant::now() + Duration::from_secs(20);
            while counter.0.load(Ordering::SeqCst) == 0 {
                assert!(Instant::now() < end, "never woken");
                let _alarm = reactor.wake_at(monotonic_ns() + 1_000_000, &own);
                reactor.wait(&parker, None);
            }
        };
        settle(&reads);
        assert_eq!(writes.0.load(Ordering::SeqCst), 0);
        let mut drain = vec![0; 1 << 16];
        far.set_nonblocking(true).expect("an option");
        while std::io::Read::read(&mut &far, &mut drain).is_ok() {}
        settle(&writes);
        assert_eq!(reads.0.load(Ordering::SeqCst), 1);
        assert!(reactor.lock().registry.is_empty());
    }
}

/// Five hundred connections, each with a task; every one is woken, once for each message,
/// with the list and with the set.
#[test]
#[cfg(target_os = "linux")]
fn hundreds_of_descriptors_fire_each_for_its_task() {
    const COUNT: usize = 500;
    let reactor = reactor();
    let mut pipes = Vec::new();
    for _ in 0..COUNT {
        let (read, write) = std::io::pipe().expect("a pipe");
        let counter = Arc::new(Counter::default());
        pipes.push((Descriptor::owned(read.into()), write, counter));
    }
    let parker = Arc::new(Parker::new());
    let own = Waker::from(Arc::clone(&parker));
    for (descriptor, _, counter) in &pipes {
        let waker = Waker::from(Arc::clone(counter));
        reactor.register(descriptor, Interest::Read, &waker);
    }
    let mut seen_in_set = 0;
    for (index, (_, write, counter)) in pipes.iter_mut().enumerate() {
        write.write_all(b"x").expect("writing");
        let end = Instant::now() + Duration::from_secs(20);
        while counter.0.load(Ordering::SeqCst) == 0 {
            assert!(Instant::now() < end, "{index} was never woken");
            let _alarm = reactor.wake_at(monotonic_ns() + 1_000_000, &own);
            reactor.wait(&parker, None);
        }
        seen_in_set = seen_in_set.max(reactor.lock().registry.in_set());
    }
    assert!(seen_in_set > COUNT / 2, "a long list moves to the set");
    assert!(reactor.lock().registry.is_empty());
    let woken = |(_, _, counter): &(Descriptor, _, Arc<Counter>)| counter.0.load(Ordering::SeqCst);
    assert!(pipes.iter().all(|one| woken(one) == 1));
}

#[test]
fn one_task_too_many_wakes_the_oldest() {
    let reactor = reactor();
    let (read, _write) = std::io::pipe().expect("a pipe");
    let descriptor = Descriptor::owned(read.into());
    let counters: Vec<Arc<Counter>> = (0..100).map(|_| Arc::new(Counter::default())).collect();
    for counter in &counters {
        let waker = Waker::from(Arc::clone(counter));
        reactor.register(&descriptor, Interest::Read, &waker);
    }
    let waiting = reactor.lock().registry.waiting();
    assert!(waiting < 100, "bounded: {waiting}");
    let woken = |counters: &[Arc<Counter>]| -> usize {
        let count = |counter: &Arc<Counter>| counter.0.load(Ordering::SeqCst);
        counters.iter().map(count).sum()
    };
    assert_eq!(woken(&counters[..100 - waiting]), 100 - waiting);
    assert_eq!(woken(&counters[100 - waiting..]), 0);
    reactor.deregister(&descriptor);
    assert_eq!(woken(&counters), 100);
    assert!(reactor.lock().registry.is_empty());
}

//! Lookups of names, on a few threads that are started when needed and end when idle.
//!
//! ```text
//! Pool::state (Mutex)     queue, threads     never together with
//! Job::state (Mutex)      answer, wakers
//! ```

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use holm_abi::{ADDRESSES_MAX, Errno};
use holm_kernel::port::Lookup;

use super::resolver::Resolver;
use crate::clock::monotonic_ns;
use crate::reactor::{Alarm, reactor};
use crate::wakers::{Added, Wakers, wake_all};

/// Most threads that look up at a time.
const THREADS_MAX: usize = 4;
/// Most lookups that wait for a thread.
const QUEUE_MAX: usize = 64;
/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(3);
/// How long a lookup may take. The host's resolver has limits of its own, which are longer.
const LIMIT_NS: u64 = 10_000_000_000;
const STACK: usize = 512 << 10;

type Answer = Result<Vec<IpAddr>, Errno>;

/// The threads for lookups, and what waits for them.
#[derive(Debug)]
pub(super) struct Pool {
    resolver: Arc<dyn Resolver>,
    limit_ns: u64,
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Arc<Job>>,
    threads: usize,
    idle: usize,
}

/// One lookup, shared by who asked and the thread that finds out.
#[derive(Debug)]
struct Job {
    name: String,
    deadline_ns: u64,
    state: Mutex<JobState>,
}

#[derive(Debug, Default)]
struct JobState {
    answer: Option<Answer>,
    wakers: Wakers,
}

impl Pool {
    pub(super) fn new(resolver: Arc<dyn Resolver>) -> Arc<Pool> {
        Pool::with_limit(resolver, LIMIT_NS)
    }

    pub(super) fn with_limit(resolver: Arc<dyn Resolver>, limit_ns: u64) -> Arc<Pool> {
        Arc::new(Pool {
            resolver,
            limit_ns,
            state: Mutex::default(),
            more: Condvar::new(),
        })
    }

    /// Begins to look a name up.
    pub(super) fn lookup(pool: &Arc<Pool>, name: &str) -> Result<Arc<dyn Lookup>, Errno> {
        if let Some(answer) = pool.resolver.known(name) {
            return Ok(Arc::new(Known(answer.and_then(presentable))));
        }
        let job = Arc::new(Job {
            name: name.to_owned(),
            deadline_ns: monotonic_ns().saturating_add(pool.limit_ns),
            state: Mutex::default(),
        });
        let mut state = pool.lock();
        if state.queue.len() >= QUEUE_MAX {
            return Err(Errno::Again);
        }
        state.queue.push_back(Arc::clone(&job));
        if state.idle < state.queue.len() && state.threads < THREADS_MAX {
            let own = Arc::clone(pool);
            let started = thread::Builder::new()
                .name(String::from("holm-lookup"))
                .stack_size(STACK)
                .spawn(move || own.work());
            match started {
                Ok(_) => state.threads += 1,
                // The ones that there are will come to it.
                Err(_) if state.threads > 0 => {}
                Err(_) => {
                    state.queue.pop_back();
                    return Err(Errno::Again);
                }
            }
        }
        drop(state);
        pool.more.notify_one();
        Ok(Arc::new(HostLookup {
            pool: Arc::clone(pool),
            job,
            alarm: Mutex::default(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread of the pool does until it has been idle for a while.
    fn work(self: Arc<Pool>) {
        let place = Place(&self);
        while let Some(job) = place.next() {
            let answer = if monotonic_ns() >= job.deadline_ns {
                Err(Errno::Again)
            } else {
                self.resolver.resolve(&job.name).and_then(presentable)
            };
            job.lock().answer.get_or_insert(answer);
            job.wake();
        }
    }

    /// Takes a lookup out of the queue that nobody asks for any more.
    fn forget(&self, job: &Arc<Job>) {
        self.lock().queue.retain(|other| !Arc::ptr_eq(other, job));
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.lock().queue.len()
    }

    #[cfg(test)]
    pub(super) fn threads(&self) -> usize {
        self.lock().threads
    }
}

/// A thread's place in the pool, given up when it ends, by a panic of the resolver too.
struct Place<'p>(&'p Pool);

impl Place<'_> {
    fn next(&self) -> Option<Arc<Job>> {
        let mut state = self.0.lock();
        loop {
            if let Some(job) = state.queue.pop_front() {
                return Some(job);
            }
            state.idle += 1;
            let waited = self.0.more.wait_timeout(state, IDLE);
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if timeout.timed_out() && state.queue.is_empty() {
                return None;
            }
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.lock().threads -= 1;
    }
}

/// Canonical, each once, and no more than anybody needs.
fn presentable(found: Vec<IpAddr>) -> Answer {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found.into_iter().map(|address| address.to_canonical()) {
        if addresses.len() < ADDRESSES_MAX && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(Errno::NoEntry);
    }
    Ok(addresses)
}

impl Job {
    fn lock(&self) -> MutexGuard<'_, JobState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Job {
    /// Wakes everybody who waits for it.
    fn wake(self: Arc<Job>) {
        let wakers = self.lock().wakers.take();
        wake_all(wakers);
    }
}

/// A lookup whose answer was known from the start.
#[derive(Debug)]
struct Known(Answer);

impl Lookup for Known {
    fn poll(&self, _waker: &Waker) -> Poll<Answer> {
        Poll::Ready(self.0.clone())
    }
}

/// A lookup that is under way.
#[derive(Debug)]
struct HostLookup {
    pool: Arc<Pool>,
    job: Arc<Job>,
    /// Rings when it has taken too long.
    alarm: Mutex<Option<Alarm<'static>>>,
}

impl HostLookup {
    fn alarm(&self) -> MutexGuard<'_, Option<Alarm<'static>>> {
        self.alarm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lookup for HostLookup {
    fn poll(&self, waker: &Waker) -> Poll<Answer> {
        let mut state = self.job.lock();
        let answer = match &state.answer {
            None if monotonic_ns() >= self.job.deadline_ns => Some(Err(Errno::Again)),
            answer => answer.clone(),
        };
        let Some(answer) = answer else {
            let added = state.wakers.add(waker);
            drop(state);
            if let Added::Instead(oldest) = added {
                oldest.wake();
            }
            let job = &self.job;
            self.alarm().get_or_insert_with(|| {
                reactor().wake_at(job.deadline_ns, &Waker::from(Arc::clone(job)))
            });
            return Poll::Pending;
        };
        // It stays what it is, whatever the thread still finds.
        state.answer = Some(answer.clone());
        drop(state);
        let alarm = self.alarm().take();
        drop(alarm);
        Poll::Ready(answer)
    }
}

impl Drop for HostLookup {
    fn drop(&mut self) {
        self.pool.forget(&self.job);
        let wakers = self.job.lock().wakers.take();
        drop(wakers);
    }
}

#[cfg(test)]
mod tests;

//! FIFOs of the host, in Node: opened without waiting, looked at while somebody waits.
//!
//! Node cannot be asked whether a descriptor is ready. Reading and writing say when they
//! would wait, and then the worker looks again every few milliseconds: it calls [`look`]
//! whenever it turns to the kernel, and sleeps no longer than [`wait_ns`] says.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::{Mutex, PoisonError};
use std::task::{Poll, Waker};

use holm_abi::{Errno, FileType, Stat};
use holm_kernel::port::Clock;
use holm_kernel::vfs::{Interest, Readiness, Result, Stream};

use super::imports_unsafe::Handle;
use super::times::ExactTimes;
use crate::ports::WebClock;

/// Bytes that are read ahead to learn whether there are any.
const AHEAD_BYTES: usize = 4 << 10;
/// Nanoseconds between two looks.
const LOOK_NS: u64 = 10_000_000;

/// Who waits for a FIFO, and when they are looked after next. The time is the worker's, also
/// in a system whose own is virtual: what is waited for is outside.
struct Waiting {
    wakers: Vec<Waker>,
    next_ns: u64,
}

static WAITING: Mutex<Waiting> = Mutex::new(Waiting {
    wakers: Vec::new(),
    next_ns: 0,
});

/// Nanoseconds until [`look`] is to be called; `None` when nobody waits for a FIFO.
pub fn wait_ns() -> Option<u64> {
    let waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    if waiting.wakers.is_empty() {
        return None;
    }
    Some(waiting.next_ns.saturating_sub(WebClock.monotonic_ns()))
}

/// Wakes everybody who waits for a FIFO when it is time: their calls are made again. Answers
/// whether it was.
pub fn look() -> bool {
    let woken = {
        let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.wakers.is_empty() {
            return false;
        }
        let now_ns = WebClock.monotonic_ns();
        if now_ns < waiting.next_ns {
            return false;
        }
        waiting.next_ns = now_ns.saturating_add(LOOK_NS);
        std::mem::take(&mut waiting.wakers)
    };
    for waker in woken {
        waker.wake();
    }
    true
}

fn wait<T>(waker: &Waker) -> Poll<Result<T>> {
    let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    if !waiting.wakers.iter().any(|other| other.will_wake(waker)) {
        waiting.wakers.push(waker.clone());
    }
    Poll::Pending
}

/// An open FIFO.
#[derive(Debug)]
pub(super) struct Fifo {
    handle: Handle,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What was read to learn whether there is something.
    ahead: VecDeque<u8>,
    /// Whether a writer was met. Before, the host's "end" means that none has come yet.
    writer_met: bool,
}

impl Fifo {
    pub(super) fn new(handle: Handle) -> Fifo {
        Fifo {
            handle,
            state: Mutex::default(),
        }
    }
}

impl State {
    /// One read of the host: `None` when it would wait.
    fn read(&mut self, handle: &Handle, buffer: &mut [u8]) -> Option<Result<usize>> {
        match handle.read_stream(buffer) {
            Ok(0) if !self.writer_met => None,
            Err(Errno::Again | Errno::Interrupted) => {
                self.writer_met = true;
                None
            }
            done => {
                self.writer_met = true;
                Some(done)
            }
        }
    }
}

impl Stream for Fifo {
    fn file_type(&self) -> FileType {
        FileType::Unknown
    }

    fn stat(&self) -> Result<Stat> {
        Ok(ExactTimes::default().stat(&self.handle.record()?))
    }

    fn read(&self, buffer: &mut [u8], waker: &Waker) -> Poll<Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.ahead.is_empty() {
            let count = buffer.len().min(state.ahead.len());
            for (place, byte) in buffer.iter_mut().zip(state.ahead.drain(..count)) {
                *place = byte;
            }
            return Poll::Ready(Ok(count));
        }
        match state.read(&self.handle, buffer) {
            Some(done) => Poll::Ready(done),
            None => wait(waker),
        }
    }

    fn write(&self, data: &[IoSlice<'_>], waker: &Waker) -> Poll<Result<usize>> {
        if data.iter().all(|buffer| buffer.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        match self.handle.write_stream(data) {
            Err(Errno::Again | Errno::Interrupted) => wait(waker),
            done => Poll::Ready(done),
        }
    }

    /// Whether there is room to write cannot be asked: it is taken for granted, and the
    /// write waits.
    fn readiness(&self, interest: Interest, waker: &Waker) -> Poll<Result<Readiness>> {
        if interest == Interest::Write {
            return Poll::Ready(Ok(Readiness::default()));
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.ahead.is_empty() {
            let mut buffer = vec![0; AHEAD_BYTES];
            match state.read(&self.handle, &mut buffer) {
                None => return wait(waker),
                Some(Err(errno)) => return Poll::Ready(Err(errno)),
                Some(Ok(count)) => state.ahead.extend(&buffer[..count]),
            }
        }
        Poll::Ready(Ok(Readiness {
            bytes: state.ahead.len() as u64,
            hangup: state.ahead.is_empty(),
        }))
    }
}

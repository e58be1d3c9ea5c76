//! A host of a test: time by hand, streams from a script, wakers that count.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};

use holm_abi::{Errno, FileType, Received, RecvFlags, RecvStatus, ShutdownFlags};

use crate::lock;
use crate::port::Clock;
use crate::trace::{Answer, Observer, TraceEvent};
use crate::vfs::{Interest, Listener, Readiness, Result, Stream};

/// What the wall clock shows at the start: 2001-09-09T01:46:40Z, in nanoseconds.
const EPOCH_NS: u64 = 1_000_000_000_000_000_000;
/// What the monotonic clock shows at the start, in nanoseconds.
const BOOT_NS: u64 = 1_000_000_000;

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub struct HandClock {
    passed_ns: AtomicU64,
}

impl HandClock {
    /// Lets `ns` pass.
    pub fn advance_ns(&self, ns: u64) {
        // The closure never answers `None`, so the update cannot fail.
        let _ = self
            .passed_ns
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |passed| {
                Some(passed.saturating_add(ns))
            });
    }

    fn passed(&self) -> u64 {
        self.passed_ns.load(Ordering::Relaxed)
    }
}

impl Clock for HandClock {
    fn monotonic_ns(&self) -> u64 {
        BOOT_NS.saturating_add(self.passed())
    }

    fn realtime_ns(&self) -> u64 {
        EPOCH_NS.saturating_add(self.passed())
    }

    fn resolution_ns(&self) -> u64 {
        1
    }

    fn thread_cpu_ns(&self) -> Option<u64> {
        None
    }

    fn jump_to(&self, deadline_ns: u64) -> bool {
        let passed = deadline_ns.saturating_sub(BOOT_NS);
        self.passed_ns.fetch_max(passed, Ordering::Relaxed);
        true
    }
}

/// A waker that counts how often it was woken.
#[derive(Debug, Default)]
pub struct CountingWaker {
    count: AtomicU64,
}

impl CountingWaker {
    /// How often it was woken since the last time it was asked.
    pub fn take(&self) -> u64 {
        self.count.swap(0, Ordering::Relaxed)
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }
}

fn register(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().any(|known| known.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}

fn wake(wakers: Vec<Waker>) {
    for waker in wakers {
        waker.wake();
    }
}

#[derive(Debug, Default)]
struct State {
    input: VecDeque<u8>,
    input_ended: bool,
    output: Vec<u8>,
    /// Bytes of output that are taken before it blocks.
    room: Option<usize>,
    output_ended: bool,
    waiting: Vec<Waker>,
}

/// Both ends of a terminal or a connection: what the guest reads comes from a script, what
/// it writes is kept.
#[derive(Debug)]
pub struct ScriptedStream {
    file_type: FileType,
    state: Mutex<State>,
}

impl ScriptedStream {
    /// A terminal with nothing typed yet.
    #[must_use]
    pub fn terminal() -> Arc<ScriptedStream> {
        Arc::new(ScriptedStream {
            file_type: FileType::CharacterDevice,
            state: Mutex::default(),
        })
    }

    /// A connected socket.
    #[must_use]
    pub fn socket() -> Arc<ScriptedStream> {
        Arc::new(ScriptedStream {
            file_type: FileType::SocketStream,
            state: Mutex::default(),
        })
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let waiting = {
            let mut state = lock(&self.state);
            change(&mut state);
            std::mem::take(&mut state.waiting)
        };
        wake(waiting);
    }

    /// Gives the guest something to read.
    pub fn push(&self, bytes: &[u8]) {
        self.change(|state| state.input.extend(bytes));
    }

    /// Ends what the guest can read.
    pub fn end(&self) {
        self.change(|state| state.input_ended = true);
    }

    /// Lets the guest write `bytes` more before it blocks; at first it never does.
    pub fn set_room(&self, bytes: usize) {
        self.change(|state| state.room = Some(bytes));
    }

    /// Takes what the guest has written.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut lock(&self.state).output)
    }
}

impl Stream for ScriptedStream {
    fn file_type(&self) -> FileType {
        self.file_type
    }

    fn read(&self, buffer: &mut [u8], waker: &Waker) -> Poll<Result<usize>> {
        let mut state = lock(&self.state);
        if state.input.is_empty() && !state.input_ended && !buffer.is_empty() {
            register(&mut state.waiting, waker);
            return Poll::Pending;
        }
        let length = buffer.len().min(state.input.len());
        for (place, byte) in buffer.iter_mut().zip(state.input.drain(..length)) {
            *place = byte;
        }
        Poll::Ready(Ok(length))
    }

    fn write(&self, data: &[IoSlice<'_>], waker: &Waker) -> Poll<Result<usize>> {
        let mut state = lock(&self.state);
        if state.output_ended {
            return Poll::Ready(Err(Errno::BrokenPipe));
        }
        let wanted: usize = data.iter().map(|slice| slice.len()).sum();
        let length = state.room.unwrap_or(usize::MAX).min(wanted);
        if length == 0 && wanted > 0 {
            register(&mut state.waiting, waker);
            return Poll::Pending;
        }
        let all = data.iter().flat_map(|slice| slice.iter().copied());
        state.output.extend(all.take(length));
        state.room = state.room.map(|room| room - length);
        Poll::Ready(Ok(length))
    }

    fn readiness(&self, interest: Interest, waker: &Waker) -> Poll<Result<Readiness>> {
        let mut state = lock(&self.state);
        let (ready, bytes, hangup) = match interest {
            Interest::Read => {
                let ready = !state.input.is_empty() || state.input_ended;
                (ready, state.input.len() as u64, state.input_ended)
            }
            Interest::Write => (state.room != Some(0), 0, state.output_ended),
        };
        if !ready {
            register(&mut state.waiting, waker);
            return Poll::Pending;
        }
        Poll::Ready(Ok(Readiness { bytes, hangup }))
    }

    fn receive(
        &self,
        buffer: &mut [u8],
        flags: RecvFlags,
        waker: &Waker,
    ) -> Poll<Result<Received>> {
        let peeked: Vec<u8> = lock(&self.state).input.iter().copied().collect();
        let received = self.read(buffer, waker);
        if flags.contains(RecvFlags::PEEK) && received.is_ready() {
            lock(&self.state).input = peeked.into();
        }
        received.map(|size| {
            let size = u32::try_from(size?).map_err(|_| Errno::Overflow)?;
            Ok(Received {
                size,
                status: RecvStatus::NONE,
            })
        })
    }

    fn shutdown(&self, how: ShutdownFlags) -> Result<()> {
        self.change(|state| {
            state.input_ended |= how.contains(ShutdownFlags::READ);
            state.output_ended |= how.contains(ShutdownFlags::WRITE);
        });
        Ok(())
    }
}

/// A listening socket to which connections come from a script.
#[derive(Debug, Default)]
pub struct ScriptedListener {
    state: Mutex<(VecDeque<Arc<ScriptedStream>>, Vec<Waker>)>,
}

impl ScriptedListener {
    /// Somebody connects.
    pub fn connect(&self) -> Arc<ScriptedStream> {
        let socket = ScriptedStream::socket();
        let waiting = {
            let mut state = lock(&self.state);
            state.0.push_back(socket.clone());
            std::mem::take(&mut state.1)
        };
        wake(waiting);
        socket
    }
}

impl Listener for ScriptedListener {
    fn accept(&self, waker: &Waker) -> Poll<Result<Arc<dyn Stream>>> {
        let mut state = lock(&self.state);
        match state.0.pop_front() {
            Some(socket) => Poll::Ready(Ok(socket)),
            None => {
                register(&mut state.1, waker);
                Poll::Pending
            }
        }
    }

    fn readiness(&self, waker: &Waker) -> Poll<Result<Readiness>> {
        let mut state = lock(&self.state);
        if state.0.is_empty() {
            register(&mut state.1, waker);
            return Poll::Pending;
        }
        Poll::Ready(Ok(Readiness {
            bytes: state.0.len() as u64,
            hangup: false,
        }))
    }
}

/// Keeps a line for each system call.
#[derive(Debug, Default)]
pub struct TraceLog {
    lines: Mutex<Vec<String>>,
}

impl TraceLog {
    /// Takes the lines so far.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.lines))
    }
}

impl Observer for TraceLog {
    fn completed(&self, event: &TraceEvent<'_>) {
        let arguments: Vec<String> = event
            .arguments
            .iter()
            .map(|argument| format!("{argument:?}"))
            .collect();
        let outcome = match &event.outcome {
            Ok(Answer::Unit) => "ok".to_owned(),
            Ok(Answer::Number(number)) => number.to_string(),
            Ok(Answer::Record(record)) => format!("{record:?}"),
            Err(errno) => errno.name().to_owned(),
        };
        let line = format!(
            "{} {}({}) = {outcome} after {} ns",
            event.pid,
            event.call.name(),
            arguments.join(", "),
            event.elapsed_ns
        );
        lock(&self.lines).push(line);
    }
}

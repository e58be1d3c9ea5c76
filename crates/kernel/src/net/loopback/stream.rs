//! Connections of the virtual loopback: two pipes, and the queue in which they wait.

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use holm_abi::{Errno, ReceivedFrom, RecvFlags, ShutdownFlags};

use crate::pipe::{PipeReader, PipeWriter, pipe, register, wake};
use crate::vfs::node::{Interest, Readiness, Result, Stream};

/// Most connections that wait to be accepted, as Linux bounds them (`SOMAXCONN`).
const BACKLOG_MAX: u32 = 4096;

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Connection {
    own: SocketAddr,
    peer: SocketAddr,
    reader: Mutex<Option<Arc<PipeReader>>>,
    writer: Mutex<Option<Arc<PipeWriter>>>,
    /// Whether the other end was closed with bytes that it had not read, and this end has not
    /// been told.
    reset: Arc<AtomicBool>,
    /// The same for the other end.
    peer_reset: Arc<AtomicBool>,
}

impl Connection {
    fn pair(one: SocketAddr, other: SocketAddr) -> (Arc<Connection>, Arc<Connection>) {
        let (here_reset, there_reset) = (Arc::default(), Arc::default());
        let end =
            |own, peer, reader, writer, reset: &Arc<AtomicBool>, peer_reset: &Arc<AtomicBool>| {
                Arc::new(Connection {
                    own,
                    peer,
                    reader: Mutex::new(Some(reader)),
                    writer: Mutex::new(Some(writer)),
                    reset: reset.clone(),
                    peer_reset: peer_reset.clone(),
                })
            };
        let (there, from_here) = pipe();
        let (here, from_there) = pipe();
        (
            end(one, other, here, from_here, &here_reset, &there_reset),
            end(other, one, there, from_there, &there_reset, &here_reset),
        )
    }

    pub(super) fn own(&self) -> SocketAddr {
        self.own
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(super) fn receive(
        &self,
        buffer: &mut [u8],
        flags: RecvFlags,
        waker: &Waker,
    ) -> Poll<Result<ReceivedFrom>> {
        let reader = crate::lock(&self.reader).clone();
        let received = match reader {
            None => Poll::Ready(Ok(0)),
            Some(reader) if flags.contains(RecvFlags::PEEK) => reader.peek(buffer, waker),
            Some(reader) => reader.read(buffer, waker),
        };
        received.map(|size| {
            let size = size?;
            // What came before the reset is read first.
            if size == 0 && !buffer.is_empty() && self.take_reset() {
                return Err(Errno::ConnectionReset);
            }
            Ok(ReceivedFrom {
                size: u32::try_from(size).map_err(|_| Errno::Overflow)?,
                truncated: false,
                address: self.peer,
            })
        })
    }

    pub(super) fn send(&self, data: &[IoSlice<'_>], waker: &Waker) -> Poll<Result<usize>> {
        let writer = crate::lock(&self.writer).clone();
        match writer {
            None => Poll::Ready(Err(Errno::BrokenPipe)),
            Some(writer) => match writer.write(data, waker) {
                Poll::Ready(Err(Errno::BrokenPipe)) if self.take_reset() => {
                    Poll::Ready(Err(Errno::ConnectionReset))
                }
                sent => sent,
            },
        }
    }

    /// Whether the connection was reset; it is told once, as in POSIX.
    fn take_reset(&self) -> bool {
        self.reset.swap(false, Ordering::AcqRel)
    }

    /// Lets go of both directions. Bytes that came and were not read are lost, which the other
    /// end is told (RFC 9293, section 3.6.1).
    pub(super) fn close(&self) {
        let unread = crate::lock(&self.reader)
            .as_ref()
            .is_some_and(|reader| reader.holds_bytes());
        if unread {
            self.peer_reset.store(true, Ordering::Release);
        }
        self.shutdown(ShutdownFlags::READ.union(ShutdownFlags::WRITE));
    }

    /// Lets go of directions: the other end then reads the end, or cannot write any more.
    pub(super) fn shutdown(&self, how: ShutdownFlags) {
        if how.contains(ShutdownFlags::READ) {
            let reader = crate::lock(&self.reader).take();
            drop(reader);
        }
        if how.contains(ShutdownFlags::WRITE) {
            let writer = crate::lock(&self.writer).take();
            drop(writer);
        }
    }

    pub(super) fn readiness(&self, interest: Interest, waker: &Waker) -> Poll<Result<Readiness>> {
        let ended = Poll::Ready(Ok(Readiness {
            bytes: 0,
            hangup: true,
        }));
        match interest {
            Interest::Read => {
                let reader = crate::lock(&self.reader).clone();
                reader.map_or(ended, |reader| reader.readiness(interest, waker))
            }
            Interest::Write => {
                let writer = crate::lock(&self.writer).clone();
                writer.map_or(ended, |writer| writer.readiness(interest, waker))
            }
        }
    }
}

/// The connections that wait for a listener to take them.
#[derive(Debug)]
pub(super) struct Backlog(Mutex<Queue>);

#[derive(Debug)]
struct Queue {
    waiting: VecDeque<Arc<Connection>>,
    most: usize,
    closed: bool,
    acceptors: Vec<Waker>,
    connectors: Vec<Waker>,
}

fn bounded(backlog: u32) -> usize {
    usize::try_from(backlog.clamp(1, BACKLOG_MAX)).unwrap_or(1)
}

impl Backlog {
    pub(super) fn new(backlog: u32) -> Arc<Backlog> {
        Arc::new(Backlog(Mutex::new(Queue {
            waiting: VecDeque::new(),
            most: bounded(backlog),
            closed: false,
            acceptors: Vec::new(),
            connectors: Vec::new(),
        })))
    }

    pub(super) fn resize(&self, backlog: u32) {
        crate::lock(&self.0).most = bounded(backlog);
    }

    /// Queues a connection from `own` to `to`; answers the end of who connects. Waits while the
    /// queue is full. `ECONNREFUSED` when the listener is gone.
    pub(super) fn connect(
        &self,
        own: SocketAddr,
        to: SocketAddr,
        waker: &Waker,
    ) -> Result<Poll<Arc<Connection>>> {
        let mut queue = crate::lock(&self.0);
        if queue.closed {
            return Err(Errno::ConnectionRefused);
        }
        if queue.waiting.len() >= queue.most {
            register(&mut queue.connectors, waker);
            return Ok(Poll::Pending);
        }
        let (ours, theirs) = Connection::pair(own, to);
        queue.waiting.push_back(theirs);
        let acceptors = std::mem::take(&mut queue.acceptors);
        drop(queue);
        wake(acceptors);
        Ok(Poll::Ready(ours))
    }

    pub(super) fn accept(&self, waker: &Waker) -> Poll<Result<Arc<Connection>>> {
        let mut queue = crate::lock(&self.0);
        let Some(connection) = queue.waiting.pop_front() else {
            register(&mut queue.acceptors, waker);
            return Poll::Pending;
        };
        let connectors = std::mem::take(&mut queue.connectors);
        drop(queue);
        wake(connectors);
        Poll::Ready(Ok(connection))
    }

    pub(super) fn readiness(&self, waker: &Waker) -> Poll<Result<Readiness>> {
        let mut queue = crate::lock(&self.0);
        if queue.waiting.is_empty() {
            register(&mut queue.acceptors, waker);
            return Poll::Pending;
        }
        Poll::Ready(Ok(Readiness::default()))
    }

    /// The listener is gone: who waits in the queue reads the end, who waits for room is refused.
    pub(super) fn close(&self) {
        let mut queue = crate::lock(&self.0);
        queue.closed = true;
        let waiting = std::mem::take(&mut queue.waiting);
        let connectors = std::mem::take(&mut queue.connectors);
        drop(queue);
        for connection in waiting {
            connection.close();
        }
        wake(connectors);
    }
}

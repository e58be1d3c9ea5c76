//! Datagrams of the virtual loopback: a bounded queue at each receiver.

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::task::{Poll, Waker};

use holm_abi::{Errno, ReceivedFrom, RecvFlags};

use crate::pipe::{register, wake};
use crate::vfs::node::{Readiness, Result};

/// Most datagrams that wait at one socket.
const WAITING_MAX: usize = 256;
/// Most bytes that wait at one socket; one datagram of any size fits.
const BYTES_MAX: usize = 256 << 10;

/// What has arrived at a socket and was not received yet.
#[derive(Debug, Default)]
pub(super) struct Mailbox(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<(SocketAddr, Vec<u8>)>,
    bytes: usize,
    receivers: Vec<Waker>,
}

impl Mailbox {
    /// Adds a datagram; one for which there is no room is lost.
    pub(super) fn put(&self, from: SocketAddr, bytes: Vec<u8>) {
        let mut queue = crate::lock(&self.0);
        if queue.waiting.len() >= WAITING_MAX || queue.bytes + bytes.len() > BYTES_MAX {
            return;
        }
        queue.bytes += bytes.len();
        queue.waiting.push_back((from, bytes));
        let receivers = std::mem::take(&mut queue.receivers);
        drop(queue);
        wake(receivers);
    }

    /// Receives the next datagram, of `peer` alone when there is one.
    pub(super) fn receive(
        &self,
        buffer: &mut [u8],
        flags: RecvFlags,
        peer: Option<SocketAddr>,
        waker: &Waker,
    ) -> Poll<Result<ReceivedFrom>> {
        let mut queue = crate::lock(&self.0);
        if let Some(peer) = peer {
            queue.waiting.retain(|(from, _)| *from == peer);
            queue.bytes = queue.waiting.iter().map(|(_, bytes)| bytes.len()).sum();
        }
        let Some((from, bytes)) = queue.waiting.front() else {
            register(&mut queue.receivers, waker);
            return Poll::Pending;
        };
        let size = bytes.len().min(buffer.len());
        buffer[..size].copy_from_slice(&bytes[..size]);
        let received = ReceivedFrom {
            size: u32::try_from(size).map_err(|_| Errno::Overflow)?,
            truncated: size < bytes.len(),
            address: *from,
        };
        if !flags.contains(RecvFlags::PEEK)
            && let Some((_, bytes)) = queue.waiting.pop_front()
        {
            queue.bytes -= bytes.len();
        }
        Poll::Ready(Ok(received))
    }

    pub(super) fn readiness(&self, waker: &Waker) -> Poll<Result<Readiness>> {
        let mut queue = crate::lock(&self.0);
        match queue.waiting.front() {
            Some((_, bytes)) => Poll::Ready(Ok(Readiness {
                bytes: bytes.len() as u64,
                hangup: false,
            })),
            None => {
                register(&mut queue.receivers, waker);
                Poll::Pending
            }
        }
    }
}

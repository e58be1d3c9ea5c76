//! Connected sockets of the host.

use std::io::IoSlice;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use holm_abi::{Errno, FileType, Received, RecvFlags, RecvStatus, ShutdownFlags, Stat};
use holm_kernel::vfs::{Interest, Readiness, Result, Stream};
use rustix::fs::fstat;
use rustix::io::Errno as Host;
use rustix::net::{
    RecvFlags as HostRecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, recv, sendmsg, shutdown,
};

use crate::byte_stream::readiness_of;
use crate::descriptor::Descriptor;
use crate::errno::from_host;
use crate::file::some_of;
use crate::metadata;
use crate::reactor::reactor;

/// Most bytes that one `WAIT_ALL` gathers; a larger request is a short one.
const GATHERED_MAX: usize = 1 << 20;
/// Bytes received at once while gathering.
const PIECE: usize = 16 << 10;

/// Errors rather than SIGPIPE. Apple has a socket option for that instead.
#[cfg(not(target_vendor = "apple"))]
pub(crate) const SEND: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
#[cfg(target_vendor = "apple")]
pub(crate) const SEND: SendFlags = SendFlags::DONTWAIT;

/// A connected socket, used without waiting inside (`MSG_DONTWAIT`), whoever else holds it.
#[derive(Debug)]
pub(crate) struct HostSocket {
    descriptor: Descriptor,
    file_type: FileType,
    inbox: Mutex<Inbox>,
    /// Whether the inbox may hold something: it is empty unless `WAIT_ALL` is used.
    has_inbox: AtomicBool,
}

/// What was gathered for a `WAIT_ALL` that is still incomplete, or was looked at only.
#[derive(Debug, Default)]
struct Inbox {
    bytes: Vec<u8>,
    error: Option<Errno>,
}

impl HostSocket {
    pub(crate) fn new(descriptor: Descriptor, file_type: FileType) -> HostSocket {
        HostSocket {
            descriptor,
            file_type,
            inbox: Mutex::default(),
            has_inbox: AtomicBool::new(false),
        }
    }

    pub(crate) fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive_now(
        &self,
        buffer: &mut [u8],
        flags: HostRecvFlags,
    ) -> std::result::Result<usize, Host> {
        loop {
            match recv(
                &self.descriptor,
                &mut *buffer,
                HostRecvFlags::DONTWAIT | flags,
            ) {
                Ok((kept, _)) => return Ok(kept),
                Err(Host::INTR) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Receives until the inbox holds `want` bytes, the end or an error has come.
    fn gather(&self, inbox: &mut Inbox, want: usize, waker: &Waker) -> Poll<()> {
        self.has_inbox.store(true, Ordering::Relaxed);
        while inbox.bytes.len() < want && inbox.error.is_none() {
            let held = inbox.bytes.len();
            inbox.bytes.resize(held + (want - held).min(PIECE), 0);
            let done = self.receive_now(&mut inbox.bytes[held..], HostRecvFlags::empty());
            inbox.bytes.truncate(held + done.unwrap_or(0));
            match done {
                Ok(0) => break,
                Ok(_) => {}
                Err(Host::AGAIN) => {
                    reactor().register(&self.descriptor, Interest::Read, waker);
                    return Poll::Pending;
                }
                Err(error) => inbox.error = Some(from_host(error)),
            }
        }
        Poll::Ready(())
    }

    /// Answers from the inbox; `None` when there is nothing in it.
    fn take_from_inbox(&self, buffer: &mut [u8], peek: bool) -> Option<Result<usize>> {
        if !self.has_inbox.load(Ordering::Relaxed) {
            return None;
        }
        let mut inbox = self.inbox();
        if inbox.bytes.is_empty() {
            return inbox.error.take().map(Err);
        }
        let count = buffer.len().min(inbox.bytes.len());
        buffer[..count].copy_from_slice(&inbox.bytes[..count]);
        if !peek {
            inbox.bytes.drain(..count);
        }
        Some(Ok(count))
    }
}

impl Stream for HostSocket {
    fn file_type(&self) -> FileType {
        self.file_type
    }

    fn stat(&self) -> Result<Stat> {
        let stat = fstat(self.descriptor.as_fd()).map_err(from_host)?;
        Ok(Stat {
            file_type: self.file_type,
            ..metadata::stat(&stat)
        })
    }

    fn read(&self, buffer: &mut [u8], waker: &Waker) -> Poll<Result<usize>> {
        match self.receive(buffer, RecvFlags::NONE, waker) {
            Poll::Ready(Ok(received)) => {
                Poll::Ready(usize::try_from(received.size).map_err(|_| Errno::Overflow))
            }
            Poll::Ready(Err(errno)) => Poll::Ready(Err(errno)),
            Poll::Pending => Poll::Pending,
        }
    }

    fn write(&self, data: &[IoSlice<'_>], waker: &Waker) -> Poll<Result<usize>> {
        loop {
            let mut control = SendAncillaryBuffer::default();
            return match sendmsg(&self.descriptor, some_of(data), &mut control, SEND) {
                Ok(count) => Poll::Ready(Ok(count)),
                Err(Host::INTR) => continue,
                Err(Host::AGAIN) => {
                    reactor().register(&self.descriptor, Interest::Write, waker);
                    Poll::Pending
                }
                Err(error) => Poll::Ready(Err(from_host(error))),
            };
        }
    }

    fn readiness(&self, interest: Interest, waker: &Waker) -> Poll<Result<Readiness>> {
        let gathered = match interest {
            Interest::Read if self.has_inbox.load(Ordering::Relaxed) => {
                let inbox = self.inbox();
                inbox.bytes.len() + usize::from(inbox.error.is_some())
            }
            _ => 0,
        };
        if gathered > 0 {
            let bytes = gathered as u64;
            return Poll::Ready(Ok(Readiness {
                bytes,
                hangup: false,
            }));
        }
        let mut ready = readiness_of(&self.descriptor, interest, waker);
        if let (Interest::Read, Poll::Ready(Ok(ready))) = (interest, &mut ready) {
            // Ready with nothing to read is the end.
            ready.hangup |= ready.bytes == 0;
        }
        ready
    }

    fn receive(
        &self,
        buffer: &mut [u8],
        flags: RecvFlags,
        waker: &Waker,
    ) -> Poll<Result<Received>> {
        let peek = flags.contains(RecvFlags::PEEK);
        if flags.contains(RecvFlags::WAIT_ALL) && self.file_type == FileType::SocketStream {
            let want = buffer.len().min(GATHERED_MAX);
            if self.gather(&mut self.inbox(), want, waker).is_pending() {
                return Poll::Pending;
            }
        }
        let done = self.take_from_inbox(buffer, peek).unwrap_or_else(|| {
            let host = if peek {
                HostRecvFlags::PEEK
            } else {
                HostRecvFlags::empty()
            };
            self.receive_now(buffer, host).map_err(from_host)
        });
        match done {
            Ok(count) => {
                let size = u32::try_from(count).map_err(|_| Errno::Overflow)?;
                Poll::Ready(Ok(Received {
                    size,
                    status: RecvStatus::NONE,
                }))
            }
            Err(Errno::Again) => {
                reactor().register(&self.descriptor, Interest::Read, waker);
                Poll::Pending
            }
            Err(errno) => Poll::Ready(Err(errno)),
        }
    }

    fn shutdown(&self, how: ShutdownFlags) -> Result<()> {
        let read = how.contains(ShutdownFlags::READ);
        let write = how.contains(ShutdownFlags::WRITE);
        let how = match (read, write) {
            (true, true) => Shutdown::Both,
            (true, false) => Shutdown::Read,
            (false, true) => Shutdown::Write,
            (false, false) => return Err(Errno::Invalid),
        };
        shutdown(&self.descriptor, how).map_err(from_host)
    }
}

impl Drop for HostSocket {
    fn drop(&mut self) {
        if matches!(self.descriptor, Descriptor::Owned(_)) {
            reactor().deregister(&self.descriptor);
        }
    }
}

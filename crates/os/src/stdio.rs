//! Standard streams of a process: the host's own, closed, or kept in memory.

use std::io::IoSlice;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use holm_abi::{Errno, FileType};
use holm_kernel::vfs::{Interest, Readiness, Stream};

/// Where a standard stream leads.
#[derive(Clone, Debug, Default)]
pub enum Stdio {
    /// Nowhere: the descriptor is closed.
    #[default]
    Closed,
    /// To the host process's stream of the same name.
    Inherit,
    /// To the host process's stream; what is written to a terminal is passed on as it is,
    /// escape sequences included.
    InheritRaw,
    /// To a stream of the caller's.
    Stream(Arc<dyn Stream>),
}

/// Output kept in memory, up to a bound; what is beyond is `ENOSPC` to the guest.
#[derive(Debug)]
pub struct Captured {
    bytes: Mutex<Vec<u8>>,
    limit: usize,
}

impl Captured {
    /// A stream that keeps up to `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Arc<Captured> {
        Arc::new(Captured {
            bytes: Mutex::new(Vec::new()),
            limit,
        })
    }

    /// What was written so far.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Stream for Captured {
    fn file_type(&self) -> FileType {
        FileType::Unknown
    }

    fn read(&self, _buffer: &mut [u8], _waker: &Waker) -> Poll<Result<usize, Errno>> {
        Poll::Ready(Err(Errno::BadFd))
    }

    fn write(&self, data: &[IoSlice<'_>], _waker: &Waker) -> Poll<Result<usize, Errno>> {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut written = 0;
        for slice in data {
            let room = self.limit - bytes.len();
            let part = &slice[..slice.len().min(room)];
            bytes.extend_from_slice(part);
            written += part.len();
        }
        if written == 0 && data.iter().any(|slice| !slice.is_empty()) {
            return Poll::Ready(Err(Errno::NoSpace));
        }
        Poll::Ready(Ok(written))
    }

    fn readiness(&self, interest: Interest, _waker: &Waker) -> Poll<Result<Readiness, Errno>> {
        Poll::Ready(match interest {
            Interest::Read => Err(Errno::BadFd),
            Interest::Write => Ok(Readiness::default()),
        })
    }
}

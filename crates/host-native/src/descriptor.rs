//! Descriptors of the host, shared between a stream and the reactor that watches it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno as Host;

use holm_kernel::vfs::Interest;

/// A descriptor that stays open as long as somebody holds it.
#[derive(Clone, Debug)]
pub(crate) enum Descriptor {
    /// One of Holm's own.
    Owned(Arc<OwnedFd>),
    /// Standard input, output or error.
    Standard(BorrowedFd<'static>),
}

impl Descriptor {
    pub(crate) fn owned(fd: OwnedFd) -> Descriptor {
        Descriptor::Owned(Arc::new(fd))
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Descriptor::Owned(fd) => fd.as_fd(),
            Descriptor::Standard(fd) => *fd,
        }
    }
}

/// What to ask `poll` for.
pub(crate) fn events(interest: Interest) -> PollFlags {
    match interest {
        Interest::Read => PollFlags::IN,
        Interest::Write => PollFlags::OUT,
    }
}

/// What `poll` says at this moment, without waiting: empty when not ready.
pub(crate) fn poll_now(fd: impl AsFd, interest: Interest) -> Result<PollFlags, Host> {
    let fd = fd.as_fd();
    let mut fds = [PollFd::from_borrowed_fd(fd, events(interest))];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    match poll(&mut fds, Some(&now)) {
        Ok(_) => Ok(fds[0].revents()),
        Err(Host::INTR) => Ok(PollFlags::empty()),
        Err(error) => Err(error),
    }
}

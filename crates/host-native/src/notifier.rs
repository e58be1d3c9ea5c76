//! The notifier: a descriptor that ends the leader's `poll`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno as Host;

/// An eventfd (a pipe where there is none) with at most one wake-up in it.
///
/// [`Notifier::notify`] is async-signal-safe: an atomic exchange and one `write`.
#[derive(Debug)]
pub(crate) struct Notifier {
    read: OwnedFd,
    #[cfg(not(target_os = "linux"))]
    write: OwnedFd,
    /// Whether a wake-up is already under way: later ones need no system call.
    pending: AtomicBool,
}

impl Notifier {
    #[cfg(target_os = "linux")]
    pub(crate) fn new() -> Result<Notifier, Host> {
        use rustix::event::{EventfdFlags, eventfd};

        let read = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Notifier {
            read,
            pending: AtomicBool::new(false),
        })
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn new() -> Result<Notifier, Host> {
        use rustix::io::{FdFlags, fcntl_setfd, ioctl_fionbio};

        let (read, write) = rustix::pipe::pipe()?;
        for end in [&read, &write] {
            fcntl_setfd(end, FdFlags::CLOEXEC)?;
            ioctl_fionbio(end, true)?;
        }
        Ok(Notifier {
            read,
            write,
            pending: AtomicBool::new(false),
        })
    }

    /// Ends the `poll` in progress, or the next one.
    pub(crate) fn notify(&self) {
        if !self.pending.swap(true, Ordering::AcqRel) {
            #[cfg(target_os = "linux")]
            let end = &self.read;
            #[cfg(not(target_os = "linux"))]
            let end = &self.write;
            // It cannot fail: there is at most one wake-up in it.
            let _ = rustix::io::write(end, &1_u64.to_ne_bytes());
        }
    }

    /// Takes the wake-up out. What was changed before the `notify` is visible afterwards.
    pub(crate) fn drain(&self) {
        let mut count = [0; 8];
        let _ = rustix::io::read(&self.read, &mut count);
        // Only after the read: a `notify` in between is answered by the caller looking at
        // everything again, and must not leave `pending` set over an empty eventfd.
        self.pending.swap(false, Ordering::AcqRel);
    }
}

impl AsFd for Notifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}

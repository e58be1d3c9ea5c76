//! Pipes, terminals and redirected files: bytes without offsets, never waited for inside.
//!
//! Standard streams are shared with whoever started this process, so their `O_NONBLOCK` is
//! not ours to set. How a call avoids waiting all the same:
//!
//! | what | reading | writing |
//! |---|---|---|
//! | regular file, block device | just reads | just writes |
//! | pipe | `preadv2(RWF_NOWAIT)` | `pwritev2(RWF_NOWAIT)`; once full, it is made larger |
//! | pipe, older kernel or other host | `poll`, then `read` | `poll`, then at most `PIPE_BUF` bytes, which then fit |
//! | terminal, other device | `poll`, then `read` | `poll`, then at most 1 KiB |
//! | FIFO opened by us (`O_NONBLOCK`) | `poll`, then `read` | just writes |
//! | `/dev/null` | the end, without a call | everything, without a call |

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
#[cfg(target_os = "linux")]
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};

use holm_abi::{FileType, Stat};
use holm_kernel::vfs::{Interest, Readiness, Result, Stream};
use rustix::event::PollFlags;
use rustix::fs::{FileType as HostType, fstat};
use rustix::io::{Errno as Host, ioctl_fionread, read, write, writev};
use rustix::termios::isatty;

use crate::descriptor::{Descriptor, poll_now};
use crate::errno::from_host;
use crate::file::some_of;
use crate::metadata;
use crate::reactor::reactor;

/// POSIX: a pipe that is ready takes this many bytes at once (Linux; 512 elsewhere).
const PIPE_PIECE: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };
/// What a pipe is made to hold once it was full: its reader and we change places less often,
/// which is worth more than the call that each change costs us over a writer that blocks.
#[cfg(target_os = "linux")]
const PIPE_ROOM: usize = 256 << 10;
/// What a terminal that is ready takes without making the writer wait.
pub(crate) const TERMINAL_PIECE: usize = 1024;

/// A stream over a descriptor.
#[derive(Debug)]
pub(crate) struct ByteStream {
    descriptor: Descriptor,
    file_type: FileType,
    kind: Kind,
    /// Whether the host turned `RWF_NOWAIT` down for this descriptor.
    #[cfg_attr(
        not(target_os = "linux"),
        allow(dead_code, reason = "only Linux has RWF_NOWAIT")
    )]
    no_nowait: AtomicBool,
    /// Whether the pipe was full before, and was given more room if the host allows it.
    #[cfg(target_os = "linux")]
    widened: AtomicBool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Never waits for anybody.
    Immediate,
    /// Everything in, nothing out.
    Null,
    /// A pipe of somebody else's.
    Pipe,
    /// A FIFO that we opened, which does not wait.
    OwnFifo,
    /// A terminal, or another device.
    Device,
}

impl ByteStream {
    /// A standard stream that is no socket.
    pub(crate) fn standard(fd: BorrowedFd<'static>) -> ByteStream {
        let stat = fstat(fd).ok();
        let (kind, file_type) = match stat.as_ref().map(metadata::host_type) {
            Some(HostType::RegularFile) => (Kind::Immediate, FileType::RegularFile),
            Some(HostType::BlockDevice) => (Kind::Immediate, FileType::BlockDevice),
            // A directory: reading says EISDIR, and that is for the program to see.
            Some(HostType::Directory) => (Kind::Immediate, FileType::Directory),
            Some(HostType::Fifo) => (Kind::Pipe, FileType::Unknown),
            Some(HostType::CharacterDevice) if isatty(fd) => {
                (Kind::Device, FileType::CharacterDevice)
            }
            // A character device without seeking is what programs take for a terminal
            // (`isatty` of wasi-libc), so one that is no terminal is not called that.
            Some(HostType::CharacterDevice) if stat.as_ref().is_some_and(is_null) => {
                (Kind::Null, FileType::Unknown)
            }
            _ => (Kind::Device, FileType::Unknown),
        };
        ByteStream {
            descriptor: Descriptor::Standard(fd),
            file_type,
            kind,
            no_nowait: AtomicBool::new(false),
            #[cfg(target_os = "linux")]
            widened: AtomicBool::new(false),
        }
    }

    /// A FIFO in a directory, opened with `O_NONBLOCK`.
    pub(crate) fn fifo(fd: OwnedFd) -> Arc<dyn Stream> {
        Arc::new(ByteStream {
            descriptor: Descriptor::owned(fd),
            file_type: FileType::Unknown,
            kind: Kind::OwnFifo,
            no_nowait: AtomicBool::new(true),
            #[cfg(target_os = "linux")]
            widened: AtomicBool::new(false),
        })
    }

    fn pending<T>(&self, interest: Interest, waker: &Waker) -> Poll<Result<T>> {
        reactor().register(&self.descriptor, interest, waker);
        Poll::Pending
    }

    /// The answer for a call that was made.
    fn answer(
        &self,
        done: std::result::Result<usize, Host>,
        interest: Interest,
        waker: &Waker,
    ) -> Poll<Result<usize>> {
        match done {
            Ok(count) => Poll::Ready(Ok(count)),
            Err(Host::AGAIN | Host::INTR) => self.pending(interest, waker),
            Err(error) => Poll::Ready(Err(from_host(error))),
        }
    }

    #[cfg(target_os = "linux")]
    fn read_nowait(&self, buffer: &mut [u8]) -> Option<std::result::Result<usize, Host>> {
        use std::io::IoSliceMut;

        use rustix::io::{ReadWriteFlags, preadv2};

        if self.no_nowait.load(Ordering::Relaxed) {
            return None;
        }
        let mut buffers = [IoSliceMut::new(buffer)];
        // Offset -1: no offset.
        let done = preadv2(
            &self.descriptor,
            &mut buffers,
            u64::MAX,
            ReadWriteFlags::NOWAIT,
        );
        self.unless_refused(done)
    }

    #[cfg(target_os = "linux")]
    fn write_nowait(&self, data: &[IoSlice<'_>]) -> Option<std::result::Result<usize, Host>> {
        use rustix::io::{ReadWriteFlags, pwritev2};
        use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};

        if self.no_nowait.load(Ordering::Relaxed) {
            return None;
        }
        let done = pwritev2(&self.descriptor, data, u64::MAX, ReadWriteFlags::NOWAIT);
        if done == Err(Host::AGAIN) && !self.widened.swap(true, Ordering::Relaxed) {
            let room = fcntl_getpipe_size(&self.descriptor);
            if room.is_ok_and(|room| room < PIPE_ROOM)
                && fcntl_setpipe_size(&self.descriptor, PIPE_ROOM).is_ok()
            {
                let again = pwritev2(&self.descriptor, data, u64::MAX, ReadWriteFlags::NOWAIT);
                return self.unless_refused(again);
            }
        }
        self.unless_refused(done)
    }

    #[cfg(target_os = "linux")]
    fn unless_refused(
        &self,
        done: std::result::Result<usize, Host>,
    ) -> Option<std::result::Result<usize, Host>> {
        if matches!(
            done,
            Err(Host::OPNOTSUPP | Host::NOSYS | Host::INVAL | Host::SPIPE)
        ) {
            self.no_nowait.store(true, Ordering::Relaxed);
            return None;
        }
        Some(done)
    }

    #[cfg(not(target_os = "linux"))]
    fn read_nowait(&self, _buffer: &mut [u8]) -> Option<std::result::Result<usize, Host>> {
        None
    }

    #[cfg(not(target_os = "linux"))]
    fn write_nowait(&self, _data: &[IoSlice<'_>]) -> Option<std::result::Result<usize, Host>> {
        None
    }

    /// `poll`, then at most `most` bytes of the first buffer that has any.
    fn write_piece(&self, data: &[IoSlice<'_>], most: usize, waker: &Waker) -> Poll<Result<usize>> {
        let Some(first) = data.iter().find(|buffer| !buffer.is_empty()) else {
            return Poll::Ready(Ok(0));
        };
        match poll_now(&self.descriptor, Interest::Write) {
            Ok(flags) if flags.is_empty() => self.pending(Interest::Write, waker),
            Ok(_) => {
                let done = write(&self.descriptor, &first[..first.len().min(most)]);
                self.answer(done, Interest::Write, waker)
            }
            Err(error) => Poll::Ready(Err(from_host(error))),
        }
    }
}

/// Whether it is `/dev/null`: device 1:3 on Linux, and the same by name elsewhere.
fn is_null(stat: &rustix::fs::Stat) -> bool {
    if cfg!(target_os = "linux") {
        rustix::fs::major(stat.st_rdev) == 1 && rustix::fs::minor(stat.st_rdev) == 3
    } else {
        rustix::fs::stat("/dev/null").is_ok_and(|null| null.st_rdev == stat.st_rdev)
    }
}

/// Whether `descriptor` is ready; registers `waker` when it is not.
pub(crate) fn readiness_of(
    descriptor: &Descriptor,
    interest: Interest,
    waker: &Waker,
) -> Poll<Result<Readiness>> {
    match poll_now(descriptor, interest) {
        Ok(flags) if flags.is_empty() => {
            reactor().register(descriptor, interest, waker);
            Poll::Pending
        }
        Ok(flags) => {
            let bytes = match interest {
                Interest::Read => ioctl_fionread(descriptor).unwrap_or(0),
                Interest::Write => 0,
            };
            let hangup = flags.intersects(PollFlags::HUP | PollFlags::ERR);
            Poll::Ready(Ok(Readiness { bytes, hangup }))
        }
        Err(error) => Poll::Ready(Err(from_host(error))),
    }
}

impl Stream for ByteStream {
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
        match self.kind {
            Kind::Null => return Poll::Ready(Ok(0)),
            Kind::Immediate => {
                return Poll::Ready(read(&self.descriptor, buffer).map_err(from_host));
            }
            Kind::Pipe => {
                if let Some(done) = self.read_nowait(buffer) {
                    return self.answer(done, Interest::Read, waker);
                }
            }
            Kind::OwnFifo | Kind::Device => {}
        }
        // A FIFO that no writer has opened yet is not ready, where `read` says "the end".
        match poll_now(&self.descriptor, Interest::Read) {
            Ok(flags) if flags.is_empty() => self.pending(Interest::Read, waker),
            Ok(_) => self.answer(read(&self.descriptor, buffer), Interest::Read, waker),
            Err(error) => Poll::Ready(Err(from_host(error))),
        }
    }

    fn write(&self, data: &[IoSlice<'_>], waker: &Waker) -> Poll<Result<usize>> {
        let data = some_of(data);
        match self.kind {
            Kind::Null => Poll::Ready(Ok(data.iter().map(|buffer| buffer.len()).sum())),
            Kind::Immediate | Kind::OwnFifo => {
                let done = match data {
                    [one] => write(&self.descriptor, one),
                    many => writev(&self.descriptor, many),
                };
                self.answer(done, Interest::Write, waker)
            }
            Kind::Pipe => match self.write_nowait(data) {
                Some(done) => self.answer(done, Interest::Write, waker),
                None => self.write_piece(data, PIPE_PIECE, waker),
            },
            Kind::Device => self.write_piece(data, TERMINAL_PIECE, waker),
        }
    }

    fn readiness(&self, interest: Interest, waker: &Waker) -> Poll<Result<Readiness>> {
        match self.kind {
            Kind::Null | Kind::Immediate => Poll::Ready(Ok(Readiness::default())),
            Kind::Pipe | Kind::OwnFifo | Kind::Device => {
                readiness_of(&self.descriptor, interest, waker)
            }
        }
    }

    fn sync(&self) -> Result<()> {
        match self.kind {
            Kind::Immediate => rustix::fs::fsync(&self.descriptor).map_err(from_host),
            _ => Ok(()),
        }
    }
}

impl Drop for ByteStream {
    fn drop(&mut self) {
        if matches!(self.descriptor, Descriptor::Owned(_)) {
            reactor().deregister(&self.descriptor);
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;

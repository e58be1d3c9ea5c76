//! `/dev`: null, zero, full, random, urandom, the standard streams, and `fd`.

use std::io::IoSlice;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Poll, Waker};

use holm_abi::{Errno, Fd, FileType, Received, RecvFlags, Rights, ShutdownFlags, Stat};

use super::node::{Interest, Readiness, Result, Stream};
use super::synthetic::{Item, Synthetic};
use crate::port::Entropy;
use crate::process::{Process, StandardStreams};

/// The standard streams as `/dev` shows them, each with what may be done through it: to
/// open a stream anew gives no right that the process was not given with it.
#[derive(Debug, Default)]
pub(crate) struct DeviceStreams([Option<Arc<dyn Stream>>; 3]);

impl DeviceStreams {
    /// The streams of a process that the host makes: in, out and out.
    pub(crate) fn new(streams: &StandardStreams) -> DeviceStreams {
        let mut shown = DeviceStreams::default();
        let all = [
            (Fd::STDIN, &streams.stdin, Rights::FD_READ),
            (Fd::STDOUT, &streams.stdout, Rights::FD_WRITE),
            (Fd::STDERR, &streams.stderr, Rights::FD_WRITE),
        ];
        for (fd, stream, rights) in all {
            if let Some(stream) = stream {
                shown.set(fd, stream.clone(), rights);
            }
        }
        shown
    }

    /// Shows `stream` for a standard descriptor; any other descriptor has no name here.
    pub(crate) fn set(&mut self, fd: Fd, stream: Arc<dyn Stream>, rights: Rights) {
        if let Some(place) = self.0.get_mut(fd.0 as usize) {
            *place = Some(Arc::new(Limited { stream, rights }));
        }
    }
}

/// A stream of which only some directions may be used.
#[derive(Debug)]
struct Limited {
    stream: Arc<dyn Stream>,
    rights: Rights,
}

impl Limited {
    fn allow(&self, right: Rights) -> Result<()> {
        if self.rights.contains(right) { Ok(()) } else { Err(Errno::BadFd) }
    }
}

impl Stream for Limited {
    fn file_type(&self) -> FileType {
        self.stream.file_type()
    }

    fn stat(&self) -> Result<Stat> {
        self.stream.stat()
    }

    fn read(&self, buffer: &mut [u8], waker: &Waker) -> Poll<Result<usize>> {
        self.allow(Rights::FD_READ)?;
        self.stream.read(buffer, waker)
    }

    fn write(&self, data: &[IoSlice<'_>], waker: &Waker) -> Poll<Result<usize>> {
        self.allow(Rights::FD_WRITE)?;
        self.stream.write(data, waker)
    }

    fn readiness(&self, interest: Interest, waker: &Waker) -> Poll<Result<Readiness>> {
        self.allow(match interest {
            Interest::Read => Rights::FD_READ,
            Interest::Write => Rights::FD_WRITE,
        })?;
        self.stream.readiness(interest, waker)
    }

    fn sync(&self) -> Result<()> {
        self.stream.sync()
    }

    fn receive(
        &self,
        buffer: &mut [u8],
        flags: RecvFlags,
        waker: &Waker,
    ) -> Poll<Result<Received>> {
        self.allow(Rights::FD_READ)?;
        self.stream.receive(buffer, flags, waker)
    }

    fn shutdown(&self, how: ShutdownFlags) -> Result<()> {
        self.allow(Rights::SOCK_SHUTDOWN)?;
        self.stream.shutdown(how)
    }
}

/// `/dev` of one process.
#[derive(Debug)]
pub(crate) struct DeviceDirectory {
    streams: DeviceStreams,
    process: OnceLock<Weak<Process>>,
}

const NAMES: &[&str] =
    &["fd", "full", "null", "random", "stderr", "stdin", "stdout", "urandom", "zero"];

impl DeviceDirectory {
    pub(crate) fn new(streams: DeviceStreams) -> DeviceDirectory {
        DeviceDirectory { streams, process: OnceLock::new() }
    }

    /// Tells the directory whose it is, once that process is there.
    pub(crate) fn attach(&self, process: &Arc<Process>) {
        // Attached once, right after the process was made.
        let _ = self.process.set(Arc::downgrade(process));
    }

    fn entropy(&self) -> Option<Arc<dyn Entropy>> {
        Some(self.process.get()?.upgrade()?.kernel().entropy.clone())
    }
}

impl Synthetic for DeviceDirectory {
    fn inode(&self) -> u64 {
        0x10
    }

    fn names(&self) -> Vec<String> {
        NAMES.iter().map(|name| (*name).to_owned()).collect()
    }

    fn item(&self, name: &str) -> Option<Item> {
        let device = |kind| Item::Stream(Arc::new(Device { kind }));
        Some(match name {
            "null" => device(Kind::Null),
            "zero" => device(Kind::Zero),
            "full" => device(Kind::Full),
            "random" | "urandom" => device(Kind::Random(self.entropy()?)),
            "stdin" => Item::Stream(self.streams.0[0].clone()?),
            "stdout" => Item::Stream(self.streams.0[1].clone()?),
            "stderr" => Item::Stream(self.streams.0[2].clone()?),
            "fd" => Item::Symlink("../proc/self/fd".to_owned()),
            _ => return None,
        })
    }
}

#[derive(Debug)]
enum Kind {
    Null,
    Zero,
    Full,
    Random(Arc<dyn Entropy>),
}

#[derive(Debug)]
struct Device {
    kind: Kind,
}

impl Stream for Device {
    fn file_type(&self) -> FileType {
        FileType::CharacterDevice
    }

    fn read(&self, buffer: &mut [u8], _waker: &Waker) -> Poll<Result<usize>> {
        Poll::Ready(match &self.kind {
            Kind::Null => Ok(0),
            Kind::Zero | Kind::Full => {
                buffer.fill(0);
                Ok(buffer.len())
            }
            Kind::Random(entropy) => entropy.fill(buffer).map(|()| buffer.len()),
        })
    }

    fn write(&self, data: &[IoSlice<'_>], _waker: &Waker) -> Poll<Result<usize>> {
        Poll::Ready(match &self.kind {
            Kind::Full => Err(Errno::NoSpace),
            _ => Ok(data.iter().map(|slice| slice.len()).sum()),
        })
    }

    fn readiness(&self, _interest: Interest, _waker: &Waker) -> Poll<Result<Readiness>> {
        Poll::Ready(Ok(Readiness::default()))
    }
}

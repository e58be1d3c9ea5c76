//! `/dev`: null, zero, full, random, urandom, the standard streams, and `fd`.

use std::any::Any;
use std::io::IoSlice;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Poll, Waker};

use holm_abi::{Errno, Fd, FileType, Received, RecvFlags, Rights, ShutdownFlags, Stat};

use super::node::{Interest, Readiness, Result, Stream};
use super::synthetic::{Item, Synthetic};
use crate::descriptor::Object;
use crate::port::Entropy;
use crate::process::Process;

/// A standard stream opened anew: it gives no right that the descriptor has not.
#[derive(Debug)]
struct Limited {
    stream: Arc<dyn Stream>,
    rights: Rights,
}

impl Limited {
    /// What the descriptor `fd` leads to, when it is a stream. Nothing is kept open by
    /// `/dev` itself: a pipe must end when its last descriptor does.
    fn standard(process: &Process, fd: Fd) -> Option<Arc<dyn Stream>> {
        let table = crate::lock(&process.descriptors);
        let entry = table.get(fd).ok()?;
        let Object::Stream(stream) = &entry.open.object else {
            return None;
        };
        let any: &dyn Any = &**stream;
        Some(Arc::new(match any.downcast_ref::<Limited>() {
            // Not one around the other: a guest could stack them until the host's stack ends.
            Some(limited) => Limited {
                stream: limited.stream.clone(),
                rights: limited.rights & entry.rights,
            },
            None => Limited {
                stream: stream.clone(),
                rights: entry.rights,
            },
        }))
    }

    fn allow(&self, right: Rights) -> Result<()> {
        if self.rights.contains(right) {
            Ok(())
        } else {
            Err(Errno::BadFd)
        }
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
    process: OnceLock<Weak<Process>>,
}

const NAMES: &[&str] = &[
    "fd", "full", "null", "random", "stderr", "stdin", "stdout", "urandom", "zero",
];

impl DeviceDirectory {
    pub(crate) fn new() -> DeviceDirectory {
        DeviceDirectory {
            process: OnceLock::new(),
        }
    }

    /// Tells the directory whose it is, once that process is there.
    pub(crate) fn attach(&self, process: &Arc<Process>) {
        // Attached once, right after the process was made.
        let _ = self.process.set(Arc::downgrade(process));
    }

    fn process(&self) -> Option<Arc<Process>> {
        self.process.get()?.upgrade()
    }

    fn standard(&self, fd: Fd) -> Option<Item> {
        Some(Item::Stream(Limited::standard(&*self.process()?, fd)?))
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
            "random" | "urandom" => device(Kind::Random(self.process()?.kernel().entropy.clone())),
            "stdin" => self.standard(Fd::STDIN)?,
            "stdout" => self.standard(Fd::STDOUT)?,
            "stderr" => self.standard(Fd::STDERR)?,
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

    fn is_plain_device(&self) -> bool {
        true
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

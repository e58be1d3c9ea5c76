//! `/dev`: null, zero, full, random, urandom, the standard streams, and `fd`.

use std::io::IoSlice;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Poll, Waker};

use holm_abi::{Errno, FileType};

use super::node::{Interest, Readiness, Result, Stream};
use super::synthetic::{Item, Synthetic};
use crate::port::Entropy;
use crate::process::{Process, StandardStreams};

/// `/dev` of one process.
#[derive(Debug)]
pub(crate) struct DeviceDirectory {
    streams: StandardStreams,
    process: OnceLock<Weak<Process>>,
}

const NAMES: &[&str] =
    &["fd", "full", "null", "random", "stderr", "stdin", "stdout", "urandom", "zero"];

impl DeviceDirectory {
    pub(crate) fn new(streams: StandardStreams) -> DeviceDirectory {
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
            "stdin" => Item::Stream(self.streams.stdin.clone()?),
            "stdout" => Item::Stream(self.streams.stdout.clone()?),
            "stderr" => Item::Stream(self.streams.stderr.clone()?),
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

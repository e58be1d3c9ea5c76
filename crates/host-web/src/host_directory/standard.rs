//! Standard input, output and error of the process in Node around this module.
//!
//! A program sees them as those of the native host: a terminal is a character device, a pipe
//! is of no kind that WASI 0.1 knows, a file is one, read and written at the host's own
//! position. Nothing is read before the program reads.

use std::io::IoSlice;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use holm_abi::{Errno, FileType, Stat};
use holm_kernel::escape::FilteredTerminal;
use holm_kernel::vfs::{Interest, Readiness, Result, Stream};

use super::imports_unsafe::Record;
use super::standard_unsafe;

/// Who waits for each of the three streams, to read and to write.
static WAITING: Mutex<[Vec<Waker>; 3]> = Mutex::new([Vec::new(), Vec::new(), Vec::new()]);

/// The standard stream `number`, 0 to 2. What a program writes to a terminal is filtered
/// unless `escapes` are granted.
///
/// # Errors
///
/// `ENOSYS` where there is no such stream.
pub(crate) fn standard_stream(number: u8, escapes: bool) -> Result<Arc<dyn Stream>> {
    let stream = StandardStream {
        number: u32::from(number),
        file_type: standard_unsafe::kind(u32::from(number))?,
    };
    if number > 0 && !escapes && stream.file_type == FileType::CharacterDevice {
        return Ok(Arc::new(FilteredTerminal::new(stream)));
    }
    Ok(Arc::new(stream))
}

/// Something can be read from a stream, or written to it: who waited for it calls again.
pub(crate) fn standard_ready(number: u8) {
    let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    let woken = waiting.get_mut(usize::from(number)).map(std::mem::take);
    drop(waiting);
    for waker in woken.into_iter().flatten() {
        waker.wake();
    }
}

#[derive(Debug)]
struct StandardStream {
    number: u32,
    file_type: FileType,
}

impl StandardStream {
    fn done<T>(&self, done: Result<T>, waker: &Waker) -> Poll<Result<T>> {
        if !matches!(done, Err(Errno::Again)) {
            return Poll::Ready(done);
        }
        let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wakers) = waiting.get_mut(self.number as usize)
            && !wakers.iter().any(|other| other.will_wake(waker))
        {
            wakers.push(waker.clone());
        }
        Poll::Pending
    }
}

impl Stream for StandardStream {
    fn file_type(&self) -> FileType {
        self.file_type
    }

    fn stat(&self) -> Result<Stat> {
        let record = Record::of(self.number)?;
        Ok(Stat {
            device: record.device,
            inode: record.inode,
            file_type: self.file_type,
            links: record.links,
            size: record.size,
            accessed_ns: record.accessed_ns,
            modified_ns: record.modified_ns,
            changed_ns: record.changed_ns,
        })
    }

    fn read(&self, buffer: &mut [u8], waker: &Waker) -> Poll<Result<usize>> {
        self.done(standard_unsafe::read(self.number, buffer), waker)
    }

    fn write(&self, data: &[IoSlice<'_>], waker: &Waker) -> Poll<Result<usize>> {
        self.done(standard_unsafe::write(self.number, data), waker)
    }

    fn readiness(&self, interest: Interest, waker: &Waker) -> Poll<Result<Readiness>> {
        self.done(standard_unsafe::readiness(self.number, interest), waker)
    }

    fn sync(&self) -> Result<()> {
        standard_unsafe::sync(self.number)
    }
}

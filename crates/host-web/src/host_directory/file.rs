//! Regular files of the host, in Node.

use std::io::IoSlice;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use holm_abi::{Errno, SetTimes, Stat};
use holm_kernel::vfs::{File, OpenOptions, Result};

use super::imports_unsafe::Handle;
use super::times::ExactTimes;

/// Writes wait for nothing.
const SYNC_NONE: u8 = 0;
/// Writes wait for data.
const SYNC_DATA: u8 = 1;
/// Writes wait for data and metadata.
const SYNC_ALL: u8 = 2;

/// An open regular file of the host.
#[derive(Debug)]
pub(super) struct HostFile {
    handle: Handle,
    /// Whether it was opened for writing: a second handle must not be more than the first.
    writable: bool,
    times: Arc<ExactTimes>,
    sync: AtomicU8,
    appender: Mutex<Appender>,
}

/// How a file is appended to.
#[derive(Debug)]
enum Appender {
    /// Nothing was appended yet.
    Untried,
    /// Through a second handle of the same file, which the host itself appends to.
    Atomic(Handle),
    /// The host has no such handle: the end is asked for, then written to, which is safe
    /// against this system only.
    TwoSteps,
}

impl HostFile {
    pub(super) fn new(handle: Handle, times: Arc<ExactTimes>, options: OpenOptions) -> HostFile {
        HostFile {
            handle,
            writable: options.write || options.truncate,
            times,
            sync: AtomicU8::new(sync_mode(options.data_sync, options.sync)),
            appender: Mutex::new(Appender::Untried),
        }
    }

    fn size(&self) -> Result<u64> {
        Ok(self.handle.record()?.size)
    }

    /// Waits for stable storage when each write does.
    fn written(&self) -> Result<()> {
        match self.sync.load(Ordering::Relaxed) {
            SYNC_NONE => Ok(()),
            mode => self.handle.sync(mode == SYNC_DATA),
        }
    }
}

fn sync_mode(data_sync: bool, sync: bool) -> u8 {
    match (data_sync, sync) {
        (_, true) => SYNC_ALL,
        (true, false) => SYNC_DATA,
        (false, false) => SYNC_NONE,
    }
}

fn is_empty(data: &[IoSlice<'_>]) -> bool {
    data.iter().all(|buffer| buffer.is_empty())
}

impl File for HostFile {
    fn stat(&self) -> Result<Stat> {
        Ok(self.times.stat(&self.handle.record()?))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.handle.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, data: &[IoSlice<'_>]) -> Result<usize> {
        if is_empty(data) {
            return Ok(0);
        }
        let count = self.handle.write_at(offset, data)?;
        self.written()?;
        Ok(count)
    }

    fn append(&self, data: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        if is_empty(data) {
            return Ok((0, self.size()?));
        }
        if !self.writable {
            return Err(Errno::BadFd);
        }
        let mut appender = self.appender.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*appender, Appender::Untried) {
            *appender = match self.handle.open_append() {
                Ok(handle) => Appender::Atomic(handle),
                // The mode was changed meanwhile, or never allowed it, as of a file that
                // was made read-only and open for writing.
                Err(Errno::NotSupported | Errno::Access | Errno::NotPermitted) => {
                    Appender::TwoSteps
                }
                Err(errno) => return Err(errno),
            };
        }
        let done = match &*appender {
            Appender::Atomic(handle) => handle.append(data)?,
            Appender::Untried | Appender::TwoSteps => {
                let offset = self.size()?;
                let count = self.handle.write_at(offset, data)?;
                (count, offset + count as u64)
            }
        };
        self.written()?;
        Ok(done)
    }

    fn set_size(&self, size: u64) -> Result<()> {
        self.handle.set_size(size)
    }

    /// Node cannot reserve space: the bytes exist all the same.
    fn allocate(&self, offset: u64, length: u64) -> Result<()> {
        let end = offset.checked_add(length).ok_or(Errno::FileTooBig)?;
        if length == 0 {
            return Err(Errno::Invalid);
        }
        if end > self.size()? {
            self.handle.set_size(end)
        } else {
            Ok(())
        }
    }

    fn sync(&self, data_only: bool) -> Result<()> {
        self.handle.sync(data_only)
    }

    fn set_times(&self, times: SetTimes) -> Result<()> {
        self.times.set(times, &|| self.handle.record(), &|| {
            self.handle.set_times(times)
        })
    }

    fn set_sync(&self, data_sync: bool, sync: bool) -> Result<()> {
        self.sync
            .store(sync_mode(data_sync, sync), Ordering::Relaxed);
        Ok(())
    }
}

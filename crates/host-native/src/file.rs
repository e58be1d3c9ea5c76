//! Regular files of the host: one system call for one call.

use std::io::IoSlice;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

use holm_abi::{Advice, Errno, IOV_MAX, SetTimes, Stat};
use holm_kernel::vfs::{File, Result};
use rustix::fs::{fstat, ftruncate, futimens};
use rustix::io::{Errno as Host, pread, pwrite, pwritev};

use crate::errno::from_host;
use crate::metadata;

/// Writes wait for nothing.
const SYNC_NONE: u8 = 0;
/// Writes wait for data.
const SYNC_DATA: u8 = 1;
/// Writes wait for data and metadata.
const SYNC_ALL: u8 = 2;

/// An open regular file of the host.
#[derive(Debug)]
pub struct HostFile {
    fd: OwnedFd,
    /// Linux cannot change `O_SYNC` of an open file: each write says what it waits for.
    sync: AtomicU8,
    /// Held while appending, so that the end of what was written is known.
    end: Mutex<()>,
}

impl HostFile {
    pub(crate) fn new(fd: OwnedFd, data_sync: bool, sync: bool) -> HostFile {
        HostFile {
            fd,
            sync: AtomicU8::new(sync_mode(data_sync, sync)),
            end: Mutex::new(()),
        }
    }

    fn write_synced(&self, offset: u64, data: &[IoSlice<'_>], mode: u8) -> Result<usize> {
        #[cfg(target_os = "linux")]
        {
            use rustix::io::{ReadWriteFlags, pwritev2};

            let flags = if mode == SYNC_ALL {
                ReadWriteFlags::SYNC
            } else {
                ReadWriteFlags::DSYNC
            };
            match pwritev2(&self.fd, data, offset, flags) {
                Err(Host::OPNOTSUPP | Host::NOSYS) => {}
                done => return done.map_err(from_host),
            }
        }
        let count = pwritev(&self.fd, data, offset).map_err(from_host)?;
        File::sync(self, mode == SYNC_DATA)?;
        Ok(count)
    }

    #[cfg(target_os = "linux")]
    fn append_at_once(&self, data: &[IoSlice<'_>]) -> Result<Option<(usize, u64)>> {
        use rustix::fs::{SeekFrom, seek};
        use rustix::io::{ReadWriteFlags, pwritev2};

        let flags = ReadWriteFlags::APPEND
            | match self.sync.load(Ordering::Relaxed) {
                SYNC_NONE => ReadWriteFlags::empty(),
                SYNC_DATA => ReadWriteFlags::DSYNC,
                _ => ReadWriteFlags::SYNC,
            };
        // Offset -1: the file's own position follows the write, which nothing else uses.
        match pwritev2(&self.fd, data, u64::MAX, flags) {
            Ok(count) => {
                let end = seek(&self.fd, SeekFrom::Current(0)).map_err(from_host)?;
                Ok(Some((count, end)))
            }
            Err(Host::OPNOTSUPP | Host::NOSYS) => Ok(None),
            Err(error) => Err(from_host(error)),
        }
    }

    #[cfg(not(target_os = "linux"))]
    #[allow(
        clippy::unused_self,
        reason = "Linux alone can append without O_APPEND"
    )]
    fn append_at_once(&self, _data: &[IoSlice<'_>]) -> Result<Option<(usize, u64)>> {
        Ok(None)
    }

    fn size(&self) -> Result<u64> {
        let stat = fstat(&self.fd).map_err(from_host)?;
        Ok(u64::try_from(stat.st_size).unwrap_or(0))
    }
}

fn sync_mode(data_sync: bool, sync: bool) -> u8 {
    match (data_sync, sync) {
        (_, true) => SYNC_ALL,
        (true, false) => SYNC_DATA,
        (false, false) => SYNC_NONE,
    }
}

/// Refuses offsets that the host would read as negative: -1 means "no offset" to some calls.
fn in_range(offset: u64) -> Result<()> {
    if i64::try_from(offset).is_ok() {
        Ok(())
    } else {
        Err(Errno::FileTooBig)
    }
}

/// Puts a file, or only its data, on stable storage.
pub(crate) fn flush(fd: impl AsFd, data_only: bool) -> std::result::Result<(), Host> {
    #[cfg(not(target_vendor = "apple"))]
    if data_only {
        return rustix::fs::fdatasync(fd);
    }
    let _ = data_only;
    rustix::fs::fsync(fd)
}

/// As many buffers as the host takes in one call: more is a short write.
pub(crate) fn some_of<'a, 'd>(data: &'a [IoSlice<'d>]) -> &'a [IoSlice<'d>] {
    &data[..data.len().min(IOV_MAX)]
}

impl File for HostFile {
    fn stat(&self) -> Result<Stat> {
        fstat(&self.fd)
            .map(|stat| metadata::stat(&stat))
            .map_err(from_host)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        pread(&self.fd, buffer, offset).map_err(from_host)
    }

    fn write_at(&self, offset: u64, data: &[IoSlice<'_>]) -> Result<usize> {
        in_range(offset)?;
        match (self.sync.load(Ordering::Relaxed), data) {
            (SYNC_NONE, []) => Ok(0),
            (SYNC_NONE, [one]) => pwrite(&self.fd, one, offset).map_err(from_host),
            (SYNC_NONE, many) => pwritev(&self.fd, some_of(many), offset).map_err(from_host),
            (mode, many) => self.write_synced(offset, some_of(many), mode),
        }
    }

    fn append(&self, data: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        let data = some_of(data);
        if data.iter().all(|buffer| buffer.is_empty()) {
            return Ok((0, self.size()?));
        }
        let _end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(done) = self.append_at_once(data)? {
            return Ok(done);
        }
        // Safe against this process only: the host cannot do it in one step.
        let offset = self.size()?;
        let count = self.write_at(offset, data)?;
        Ok((count, offset + count as u64))
    }

    fn set_size(&self, size: u64) -> Result<()> {
        in_range(size)?;
        ftruncate(&self.fd, size).map_err(from_host)
    }

    fn allocate(&self, offset: u64, length: u64) -> Result<()> {
        use rustix::fs::{FallocateFlags, fallocate};

        let end = offset.checked_add(length).ok_or(Errno::FileTooBig)?;
        in_range(end)?;
        match fallocate(&self.fd, FallocateFlags::empty(), offset, length) {
            // The file system cannot reserve space: the bytes exist all the same.
            Err(Host::OPNOTSUPP | Host::NOSYS) => {
                if end > self.size()? {
                    self.set_size(end)
                } else {
                    Ok(())
                }
            }
            done => done.map_err(from_host),
        }
    }

    #[cfg(target_os = "linux")]
    fn advise(&self, offset: u64, length: u64, advice: Advice) -> Result<()> {
        use rustix::fs::{Advice as HostAdvice, fadvise};

        let advice = match advice {
            Advice::Normal => HostAdvice::Normal,
            Advice::Sequential => HostAdvice::Sequential,
            Advice::Random => HostAdvice::Random,
            Advice::WillNeed => HostAdvice::WillNeed,
            Advice::DontNeed => HostAdvice::DontNeed,
            Advice::NoReuse => HostAdvice::NoReuse,
        };
        fadvise(&self.fd, offset, length.try_into().ok(), advice).map_err(from_host)
    }

    #[cfg(not(target_os = "linux"))]
    fn advise(&self, _offset: u64, _length: u64, _advice: Advice) -> Result<()> {
        Ok(())
    }

    fn sync(&self, data_only: bool) -> Result<()> {
        flush(&self.fd, data_only).map_err(from_host)
    }

    fn set_times(&self, times: SetTimes) -> Result<()> {
        futimens(&self.fd, &metadata::timestamps(times)).map_err(from_host)
    }

    fn set_sync(&self, data_sync: bool, sync: bool) -> Result<()> {
        self.sync
            .store(sync_mode(data_sync, sync), Ordering::Relaxed);
        Ok(())
    }
}

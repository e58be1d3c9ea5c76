//! Listings: reading a directory from any position, in bounded memory.
//!
//! A position is the host's own `d_off`. A chunk of records is kept between two calls, with
//! its descriptor: a program reads a large directory in small pieces, and a file system that
//! numbers entries by their order (overlayfs) keeps that order for one descriptor only.

use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use holm_abi::{Errno, FileType};
use holm_kernel::vfs::{DirEntry, Result};

use super::HostDirectory;

type Visit<'v> = &'v mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>;

/// The listing in progress on one directory, if any.
#[derive(Debug, Default)]
pub(super) struct Listings {
    slot: Mutex<Slot>,
}

#[derive(Debug, Default)]
enum Slot {
    #[default]
    Free,
    /// Somebody reads the directory's own descriptor at this moment.
    Busy,
    Kept(Box<Listing>),
}

#[derive(Debug)]
struct Listing {
    /// `None`: the directory's own.
    fd: Option<OwnedFd>,
    /// Whether it came while another was in progress, and is not kept.
    extra: bool,
    chunk: Chunk,
}

/// Some records, decoded.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// Position before the first record.
    pub(super) start: u64,
    pub(super) records: Vec<Record>,
    pub(super) names: String,
    /// Room for what the host answers.
    #[cfg_attr(
        not(target_os = "linux"),
        allow(dead_code, reason = "only Linux reads raw records")
    )]
    buffer: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// Where the name ends in [`Chunk::names`]; it starts where the one before ends.
    pub(super) name_end: usize,
    pub(super) inode: u64,
    pub(super) file_type: FileType,
    /// Position after this record.
    pub(super) next: u64,
}

impl Chunk {
    pub(super) fn at(start: u64) -> Chunk {
        Chunk {
            start,
            ..Chunk::default()
        }
    }

    pub(super) fn end(&self) -> u64 {
        self.records.last().map_or(self.start, |record| record.next)
    }

    /// Index of the first record after `cursor`, when that is in this chunk.
    fn index(&self, cursor: u64) -> Option<usize> {
        if cursor == self.start {
            return Some(0);
        }
        let before = self
            .records
            .iter()
            .position(|record| record.next == cursor)?;
        Some(before + 1)
    }

    pub(super) fn push(&mut self, name: &[u8], inode: u64, file_type: FileType, next: u64) {
        self.names.push_str(&String::from_utf8_lossy(name));
        self.records.push(Record {
            name_end: self.names.len(),
            inode,
            file_type,
            next,
        });
    }

    /// Visits the records from `index` on; whether the visitor had enough.
    fn visit(&self, index: usize, visit: Visit<'_>) -> bool {
        let mut name_start = match index.checked_sub(1) {
            Some(before) => self.records[before].name_end,
            None => 0,
        };
        self.records[index..].iter().any(|record| {
            let entry = DirEntry {
                name: &self.names[name_start..record.name_end],
                inode: record.inode,
                file_type: record.file_type,
                next: record.next,
            };
            name_start = record.name_end;
            visit(entry).is_break()
        })
    }
}

impl Listing {
    fn fd<'a>(&'a self, directory: &'a HostDirectory) -> BorrowedFd<'a> {
        self.fd.as_ref().map_or(directory.fd.as_fd(), AsFd::as_fd)
    }

    fn begin(&mut self, directory: &HostDirectory, cursor: u64) -> Result<()> {
        if self.fd.is_none() && (self.extra || !directory.readable) {
            self.fd = Some(directory.reopen()?);
        }
        self.chunk = platform::start(self.fd(directory), cursor)?;
        Ok(())
    }
}

impl Listings {
    pub(super) fn read(
        &self,
        directory: &HostDirectory,
        cursor: u64,
        visit: Visit<'_>,
    ) -> Result<()> {
        match self.stream(directory, cursor, visit) {
            // A directory that was removed while open has no entries; Linux says ENOENT.
            Err(Errno::NoEntry) => Ok(()),
            done => done,
        }
    }

    fn stream(&self, directory: &HostDirectory, cursor: u64, visit: Visit<'_>) -> Result<()> {
        let (mut listing, index) = self.take(directory, cursor)?;
        let mut index = index;
        let result = loop {
            if index < listing.chunk.records.len() && listing.chunk.visit(index, visit) {
                break Ok(true);
            }
            let fd = listing
                .fd
                .as_ref()
                .map_or(directory.fd.as_fd(), AsFd::as_fd);
            match platform::fill(fd, &mut listing.chunk) {
                Ok(()) if listing.chunk.records.is_empty() => break Ok(false),
                Ok(()) => index = 0,
                Err(errno) => break Err(errno),
            }
        };
        // At the end nothing is kept: neither memory nor a descriptor.
        self.put(listing, matches!(result, Ok(true)));
        result.map(|_| ())
    }

    /// A listing to read on with at `cursor`: the kept one, or a new one.
    fn take(&self, directory: &HostDirectory, cursor: u64) -> Result<(Box<Listing>, usize)> {
        let mut fd = None;
        let mut extra = false;
        {
            let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
            match std::mem::replace(&mut *slot, Slot::Busy) {
                // From the start everything is read afresh.
                Slot::Kept(listing) => {
                    if let Some(index) = listing.chunk.index(cursor).filter(|_| cursor != 0) {
                        return Ok((listing, index));
                    }
                    fd = listing.fd;
                }
                Slot::Free => {}
                Slot::Busy => extra = true,
            }
        }
        let mut listing = Box::new(Listing {
            fd,
            extra,
            chunk: Chunk::default(),
        });
        match listing.begin(directory, cursor) {
            Ok(()) => Ok((listing, 0)),
            Err(errno) => {
                self.put(listing, false);
                Err(errno)
            }
        }
    }

    fn put(&self, listing: Box<Listing>, keep: bool) {
        if listing.extra {
            return;
        }
        let slot = if keep {
            Slot::Kept(listing)
        } else {
            Slot::Free
        };
        let old = {
            let mut place = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *place, slot)
        };
        drop(old);
    }
}

#[cfg(not(target_os = "linux"))]
use super::snapshot as platform;

#[cfg(target_os = "linux")]
mod platform {
    use rustix::fs::{RawDir, SeekFrom, seek};

    use super::{BorrowedFd, Chunk, Result};
    use crate::errno::from_host;
    use crate::metadata;

    /// Bytes of records read at once: what glibc reads.
    const CHUNK_BYTES: usize = 32 << 10;

    /// Goes to `cursor`; the chunk is empty.
    pub(super) fn start(fd: BorrowedFd<'_>, cursor: u64) -> Result<Chunk> {
        seek(fd, SeekFrom::Start(cursor)).map_err(from_host)?;
        Ok(Chunk::at(cursor))
    }

    /// Replaces the chunk by the one after it; it is empty at the end.
    pub(super) fn fill(fd: BorrowedFd<'_>, chunk: &mut Chunk) -> Result<()> {
        chunk.start = chunk.end();
        chunk.records.clear();
        chunk.names.clear();
        let mut buffer = std::mem::take(&mut chunk.buffer);
        buffer.reserve(CHUNK_BYTES);
        let mut raw = RawDir::new(fd, buffer.spare_capacity_mut());
        while let Some(entry) = raw.next() {
            let entry = entry.map_err(from_host)?;
            let name = entry.file_name().to_bytes();
            let next = entry.next_entry_cookie();
            if name != b"." && name != b".." {
                chunk.push(
                    name,
                    entry.ino(),
                    metadata::file_type(entry.file_type()),
                    next,
                );
            }
            if raw.is_buffer_empty() && !chunk.records.is_empty() {
                break;
            }
        }
        chunk.buffer = buffer;
        Ok(())
    }
}

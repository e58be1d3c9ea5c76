//! A regular file in memory: the open file and the inode are one object.

use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use holm_abi::{Errno, FileType, SetTimes, Stat};

use super::chunks::Chunks;
use super::{Shared, Times};
use crate::vfs::node::{File, Result};

/// Largest size of a file in bytes: offsets are signed in POSIX.
const SIZE_MAX: u64 = i64::MAX as u64;

/// A regular file. Opening one gives the inode itself: nothing differs between two handles.
pub(super) struct MemoryFile {
    shared: Arc<Shared>,
    inode: u64,
    /// Atomic, so that readers need not exclude each other.
    accessed: AtomicU64,
    /// Whether `accessed` tells of a read since the last change.
    read: AtomicBool,
    content: RwLock<Content>,
}

struct Content {
    size: u64,
    links: u64,
    modified: u64,
    changed: u64,
    chunks: Chunks,
}

impl std::fmt::Debug for MemoryFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryFile")
            .field("inode", &self.inode)
            .finish_non_exhaustive()
    }
}

impl MemoryFile {
    /// An empty file with one name, whose inode is charged already.
    pub(super) fn new(shared: &Arc<Shared>, now: u64) -> MemoryFile {
        MemoryFile {
            shared: Arc::clone(shared),
            inode: shared.next_inode(),
            accessed: AtomicU64::new(now),
            read: AtomicBool::new(false),
            content: RwLock::new(Content {
                size: 0,
                links: 1,
                modified: now,
                changed: now,
                chunks: Chunks::default(),
            }),
        }
    }

    pub(super) fn inode(&self) -> u64 {
        self.inode
    }

    pub(super) fn metadata(&self) -> Stat {
        let content = self.shared_content();
        Stat {
            device: 0,
            inode: self.inode,
            file_type: FileType::RegularFile,
            links: content.links,
            size: content.size,
            accessed_ns: self.accessed.load(Ordering::Relaxed),
            modified_ns: content.modified,
            changed_ns: content.changed,
        }
    }

    pub(super) fn change_times(&self, times: SetTimes) {
        let now = self.shared.now();
        let mut content = self.content();
        self.read.store(false, Ordering::Relaxed);
        let mut all = Times {
            accessed: self.accessed.load(Ordering::Relaxed),
            modified: content.modified,
            changed: content.changed,
        };
        all.set(times, now);
        self.accessed.store(all.accessed, Ordering::Relaxed);
        content.modified = all.modified;
        content.changed = all.changed;
    }

    pub(super) fn add_link(&self, now: u64) -> Result<()> {
        let mut content = self.content();
        if content.links == 0 {
            return Err(Errno::NoEntry);
        }
        content.links += 1;
        content.changed = now;
        Ok(())
    }

    pub(super) fn remove_link(&self, now: u64) {
        let mut content = self.content();
        content.links -= 1;
        content.changed = now;
    }

    pub(super) fn touch(&self, now: u64) {
        self.content().changed = now;
    }

    /// Cuts the file to nothing: `O_TRUNC`, which counts as a change even of an empty file.
    pub(super) fn truncate(&self) {
        let now = self.shared.now();
        let mut content = self.content();
        content.chunks.cut(&self.shared.ledger, 0);
        content.size = 0;
        self.modify(&mut content, now);
    }

    fn content(&self) -> RwLockWriteGuard<'_, Content> {
        self.content.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn shared_content(&self) -> RwLockReadGuard<'_, Content> {
        self.content.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a change of the data.
    fn modify(&self, content: &mut Content, now: u64) {
        content.modified = now;
        content.changed = now;
        self.read.store(false, Ordering::Relaxed);
    }

    /// Writes at `offset` until the data, the quota or the largest size ends.
    fn store(&self, content: &mut Content, offset: u64, data: &[IoSlice<'_>]) -> Result<usize> {
        if data.iter().all(|slice| slice.is_empty()) {
            return Ok(0);
        }
        if offset >= SIZE_MAX {
            return Err(Errno::FileTooBig);
        }
        let mut position = offset;
        let mut written = 0;
        for slice in data {
            let room = usize::try_from(SIZE_MAX - position).unwrap_or(usize::MAX);
            let piece = &slice[..slice.len().min(room)];
            let stored = content.chunks.write(&self.shared.ledger, position, piece);
            position += u64::try_from(stored).expect("invariant: clamped to the largest size");
            written += stored;
            if stored < slice.len() {
                break;
            }
        }
        if written == 0 {
            return Err(Errno::NoSpace);
        }
        content.size = content.size.max(position);
        self.modify(content, self.shared.now());
        Ok(written)
    }
}

impl File for MemoryFile {
    fn stat(&self) -> Result<Stat> {
        Ok(self.metadata())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let content = self.shared_content();
        let left = usize::try_from(content.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        if length == 0 {
            return Ok(0);
        }
        content.chunks.read(offset, &mut buffer[..length]);
        if !self.read.load(Ordering::Relaxed) {
            self.accessed.store(self.shared.now(), Ordering::Relaxed);
            self.read.store(true, Ordering::Relaxed);
        }
        Ok(length)
    }

    fn write_at(&self, offset: u64, data: &[IoSlice<'_>]) -> Result<usize> {
        self.store(&mut self.content(), offset, data)
    }

    fn append(&self, data: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        let mut content = self.content();
        let offset = content.size;
        let written = self.store(&mut content, offset, data)?;
        Ok((written, content.size))
    }

    fn set_size(&self, size: u64) -> Result<()> {
        if size > SIZE_MAX {
            return Err(Errno::FileTooBig);
        }
        let now = self.shared.now();
        let mut content = self.content();
        if size < content.size {
            content.chunks.cut(&self.shared.ledger, size);
        }
        content.size = size;
        self.modify(&mut content, now);
        Ok(())
    }

    /// `EINVAL` for no bytes at all, as `posix_fallocate`.
    fn allocate(&self, offset: u64, length: u64) -> Result<()> {
        if length == 0 {
            return Err(Errno::Invalid);
        }
        let end = offset
            .checked_add(length)
            .filter(|end| *end <= SIZE_MAX)
            .ok_or(Errno::FileTooBig)?;
        let now = self.shared.now();
        let mut content = self.content();
        content.chunks.fill(&self.shared.ledger, offset, end)?;
        if end > content.size {
            content.size = end;
            content.modified = now;
        }
        content.changed = now;
        Ok(())
    }

    fn sync(&self, _data_only: bool) -> Result<()> {
        Ok(())
    }

    fn set_times(&self, times: SetTimes) -> Result<()> {
        self.change_times(times);
        Ok(())
    }

    /// Memory is as stable as it gets at once.
    fn set_sync(&self, _data_sync: bool, _sync: bool) -> Result<()> {
        Ok(())
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        self.content().chunks.cut(&self.shared.ledger, 0);
        self.shared.ledger.release_inode(0);
    }
}

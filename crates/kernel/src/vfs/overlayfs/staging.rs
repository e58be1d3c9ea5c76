//! Collecting a lower file whose bytes come late, to copy it up when they are all there.

use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker, ready};

use holm_abi::{Errno, FileType};

use super::copy_up::Data;
use super::directory::OverlayDirectory;
use super::state::Entry;
use crate::vfs::node::{Directory, File, OpenOptions, Opened, Result};

/// Bytes that may be collected at one time, in all files of an overlay: a larger file cannot
/// be changed (`EFBIG`), and when several together are larger, the one that nobody has asked
/// for longest is begun again when it is asked for.
pub const STAGED_MAX: u64 = 512 << 20;

/// Bytes read at a time.
const STEP_BYTES: usize = 64 << 10;

/// Files that are being collected, by their inode in the lower layer, the one that was asked
/// for last at the end.
#[derive(Debug, Default)]
pub(super) struct Staging {
    files: Vec<(u64, u64, Arc<Mutex<Staged>>)>,
}

/// A file that is being collected.
#[derive(Debug)]
struct Staged {
    file: Arc<dyn File>,
    bytes: Vec<u8>,
    copied: bool,
}

impl Staging {
    fn find(&mut self, inode: u64) -> Option<Arc<Mutex<Staged>>> {
        let at = self.files.iter().position(|(known, ..)| *known == inode)?;
        let found = self.files.remove(at);
        let staged = Arc::clone(&found.2);
        self.files.push(found);
        Some(staged)
    }

    fn insert(&mut self, inode: u64, size: u64, file: Arc<dyn File>) -> Arc<Mutex<Staged>> {
        let total = |files: &[(u64, u64, _)]| files.iter().map(|(_, size, _)| size).sum::<u64>();
        while !self.files.is_empty() && total(&self.files).saturating_add(size) > STAGED_MAX {
            self.files.remove(0);
        }
        let staged = Arc::new(Mutex::new(Staged {
            file,
            bytes: Vec::new(),
            copied: false,
        }));
        self.files.push((inode, size, Arc::clone(&staged)));
        staged
    }

    fn remove(&mut self, inode: u64) {
        self.files.retain(|(known, ..)| *known != inode);
    }
}

impl Staged {
    /// Reads on until everything is there.
    fn collect(&mut self, waker: &Waker) -> Poll<Result<()>> {
        loop {
            let start = self.bytes.len();
            self.bytes
                .try_reserve(STEP_BYTES)
                .map_err(|_| Errno::NoMemory)?;
            self.bytes.resize(start + STEP_BYTES, 0);
            let offset = u64::try_from(start).unwrap_or(u64::MAX);
            if offset > STAGED_MAX {
                return Poll::Ready(Err(Errno::FileTooBig));
            }
            let read = self
                .file
                .poll_read_at(offset, &mut self.bytes[start..], waker);
            let length = match read {
                Poll::Ready(Ok(length)) => length.min(STEP_BYTES),
                _ => 0,
            };
            self.bytes.truncate(start + length);
            if ready!(read)? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl OverlayDirectory {
    /// Copies `name` up, once all its bytes have come, if it is a file of the lower layer.
    pub(super) fn stage(&self, name: &str, waker: &Waker) -> Poll<Result<()>> {
        let Ok(Entry::Lower(lower, stat)) = self.find(name) else {
            return Poll::Ready(Ok(()));
        };
        if stat.file_type != FileType::RegularFile {
            return Poll::Ready(Ok(()));
        }
        if stat.size > STAGED_MAX {
            return Poll::Ready(Err(Errno::FileTooBig));
        }
        let known = crate::lock(&self.shared().staging).find(stat.inode);
        let staged = match known {
            Some(staged) => staged,
            None => {
                let file = open(&*lower, name)?;
                crate::lock(&self.shared().staging).insert(stat.inode, stat.size, file)
            }
        };
        let mut staged = crate::lock(&staged);
        let done = match staged.copied {
            true => Ok(()),
            false => ready!(staged.collect(waker)).and_then(|()| {
                let copied = self.copy_staged(name, stat.inode, &staged.bytes);
                staged.copied = copied.is_ok();
                copied
            }),
        };
        staged.bytes = Vec::new();
        crate::lock(&self.shared().staging).remove(stat.inode);
        Poll::Ready(done)
    }

    /// Copies `name` up, if it still is what was collected.
    fn copy_staged(&self, name: &str, inode: u64, bytes: &[u8]) -> Result<()> {
        let _changes = self.shared().lock_changes();
        match self.find(name) {
            Ok(Entry::Lower(_, stat)) if stat.inode == inode => {
                self.copy_up(name, Data::Bytes(bytes)).map(drop)
            }
            _ => Ok(()),
        }
    }
}

fn open(lower: &dyn Directory, name: &str) -> Result<Arc<dyn File>> {
    let options = OpenOptions {
        read: true,
        ..OpenOptions::default()
    };
    match lower.open_at(name, options)? {
        Opened::File(file) => Ok(file),
        _ => Err(Errno::NotSupported),
    }
}

#[cfg(test)]
mod tests;

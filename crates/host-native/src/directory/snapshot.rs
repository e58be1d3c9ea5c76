//! Listings where the host has no stable positions: a snapshot in order of name.
//!
//! A position is an index into the snapshot. It is kept between two calls; a position whose
//! snapshot is gone counts in a new one.

use std::os::fd::BorrowedFd;

use holm_kernel::vfs::Result;
use rustix::fs::Dir;

use super::listing::Chunk;
use crate::errno::from_host;
use crate::metadata;

/// Takes a snapshot; the chunk holds what is after `cursor`.
pub(super) fn start(fd: BorrowedFd<'_>, cursor: u64) -> Result<Chunk> {
    let mut entries = Vec::new();
    for entry in Dir::read_from(fd).map_err(from_host)? {
        let entry = entry.map_err(from_host)?;
        let name = entry.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            entries.push((name, entry.ino(), metadata::file_type(entry.file_type())));
        }
    }
    entries.sort_by(|(left, ..), (right, ..)| left.cmp(right));
    let mut chunk = Chunk::at(cursor);
    let seen = usize::try_from(cursor).unwrap_or(usize::MAX);
    for (index, (name, inode, file_type)) in entries.into_iter().enumerate().skip(seen) {
        chunk.push(&name, inode, file_type, index as u64 + 1);
    }
    Ok(chunk)
}

/// There is nothing after a snapshot.
#[allow(
    clippy::unnecessary_wraps,
    reason = "the same shape as where listings are streamed"
)]
pub(super) fn fill(_fd: BorrowedFd<'_>, chunk: &mut Chunk) -> Result<()> {
    *chunk = Chunk::at(chunk.end());
    Ok(())
}

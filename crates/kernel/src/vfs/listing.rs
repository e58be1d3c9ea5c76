//! Listings: the state of reading a directory, and its records.
//!
//! Cookies: 0 is the start, 1 follows `.`, 2 follows `..`; from there on a cookie is the
//! position plus 2: of a mount point, then of the backend, or in a system with sorted
//! directories an index.

use std::ops::ControlFlow;

use holm_abi::{Dirent, Errno, FileType};

use super::mount::{Namespace, Place};
use super::node::Result;

/// What is kept of a directory between two calls.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// All entries in order of name, taken at the start: only where order matters.
    sorted: Option<Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    inode: u64,
    file_type: FileType,
}

/// Most entries of a sorted listing: what is beyond is `EOVERFLOW` rather than host memory.
const SORTED_MAX: usize = 1 << 20;

const OWN: u64 = 2;

/// Fills a buffer with records; the last one is cut when it does not fit.
struct Records<'a> {
    buffer: &'a mut [u8],
    used: usize,
}

impl Records<'_> {
    fn push(&mut self, name: &str, inode: u64, file_type: FileType, next: u64) -> ControlFlow<()> {
        let head = Dirent {
            next,
            inode,
            name_length: u32::try_from(name.len()).unwrap_or(0),
            file_type,
        };
        for part in [&head.to_bytes()[..], name.as_bytes()] {
            let room = &mut self.buffer[self.used..];
            let length = part.len().min(room.len());
            room[..length].copy_from_slice(&part[..length]);
            self.used += length;
        }
        if self.buffer.len() - self.used == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

impl Listing {
    /// Writes the records from `cookie` on; answers the bytes written.
    pub(crate) fn read(
        &mut self,
        namespace: &Namespace,
        place: &Place,
        buffer: &mut [u8],
        cookie: u64,
        options: Options<'_>,
    ) -> Result<usize> {
        let mut records = Records { buffer, used: 0 };
        if records.buffer.is_empty() {
            return Ok(0);
        }
        let own = place.directory.stat()?;
        let inode = (options.inode)(own.inode);
        if cookie == 0 && records.push(".", inode, FileType::Directory, 1).is_break() {
            return Ok(records.used);
        }
        // `..` has the directory's own number: what is above is not the program's business.
        if cookie <= 1
            && records
                .push("..", inode, FileType::Directory, OWN)
                .is_break()
        {
            return Ok(records.used);
        }
        let cursor = cookie.saturating_sub(OWN);
        if options.sorted {
            if cookie <= OWN || self.sorted.is_none() {
                self.sorted = Some(collect(namespace, place)?);
            }
            let from = usize::try_from(cursor).map_err(|_| Errno::Invalid)?;
            for (at, entry) in self.sorted.iter().flatten().enumerate().skip(from) {
                let next = at as u64 + 1 + OWN;
                let inode = (options.inode)(entry.inode);
                if records
                    .push(&entry.name, inode, entry.file_type, next)
                    .is_break()
                {
                    break;
                }
            }
        } else {
            stream(
                namespace,
                place,
                cursor,
                &mut |name, inode, file_type, next| {
                    records.push(
                        name,
                        (options.inode)(inode),
                        file_type,
                        next.saturating_add(OWN),
                    )
                },
            )?;
        }
        Ok(records.used)
    }
}

/// How a listing is made.
#[derive(Clone, Copy)]
pub(crate) struct Options<'a> {
    /// In order of name rather than in the backend's.
    pub(crate) sorted: bool,
    /// What a backend's inode is shown as.
    pub(crate) inode: &'a dyn Fn(u64) -> u64,
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("sorted", &self.sorted)
            .finish_non_exhaustive()
    }
}

type Visit<'v> = &'v mut dyn FnMut(&str, u64, FileType, u64) -> ControlFlow<()>;

/// Lists mount points first, at positions from 1 on, then the backend's entries that no mount
/// point hides, at the backend's positions behind those. A namespace does not change, so
/// neither does their number. All 64 bits of a position are the backend's to use.
fn stream(namespace: &Namespace, place: &Place, cursor: u64, visit: Visit<'_>) -> Result<()> {
    let points = || {
        let point = place.point.into_iter();
        point.flat_map(|point| namespace.visible_children(point))
    };
    let count = points().count() as u64;
    for (next, (name, inode)) in (1..).zip(points()) {
        if next > cursor && visit(name, inode, FileType::Directory, next).is_break() {
            return Ok(());
        }
    }
    let backend = cursor.saturating_sub(count);
    place.directory.read_dir(backend, &mut |entry| {
        if points().any(|(name, _)| name == entry.name) {
            return ControlFlow::Continue(());
        }
        let next = entry.next.saturating_add(count);
        visit(entry.name, entry.inode, entry.file_type, next)
    })
}

fn collect(namespace: &Namespace, place: &Place) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    stream(namespace, place, 0, &mut |name, inode, file_type, _next| {
        entries.push(Entry {
            name: name.to_owned(),
            inode,
            file_type,
        });
        if entries.len() > SORTED_MAX {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    if entries.len() > SORTED_MAX {
        return Err(Errno::Overflow);
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

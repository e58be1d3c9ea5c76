//! Listings: a snapshot in an order that does not depend on what else is there.
//!
//! Node has no positions in a directory. Entries are put in order of a hash of their names,
//! and a position is the hash of the name before it: an entry keeps its place whatever comes
//! and goes around it, in this snapshot and in any later one. The snapshot of the listing in
//! progress is kept between two calls, so that a directory is read once, not once for each
//! piece.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use holm_abi::Errno;
use holm_kernel::vfs::{DirEntry, Result};

use super::imports_unsafe::{Handle, Kind};

/// Bytes of entries fetched at once.
const CHUNK_BYTES: usize = 64 << 10;
/// Bytes of an entry before its name: its kind and the name's length.
const ENTRY_HEADER: usize = 3;
/// Bits of a position that number the names of one hash.
const TIE_BITS: u32 = 16;

/// The listing in progress on one directory, if any.
#[derive(Debug, Default)]
pub(super) struct Listings {
    kept: Mutex<Option<Snapshot>>,
}

#[derive(Debug)]
struct Snapshot {
    entries: Vec<Entry>,
    names: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Position of this entry: those after it have greater ones.
    position: u64,
    name_start: usize,
    name_end: usize,
    kind: Kind,
}

impl Snapshot {
    fn take(directory: &Handle) -> Result<Snapshot> {
        let list = directory.list()?;
        let mut snapshot = Snapshot {
            entries: Vec::new(),
            names: Vec::new(),
        };
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let count = list.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            snapshot.add(&buffer[..count])?;
        }
        snapshot.order();
        Ok(snapshot)
    }

    fn add(&mut self, mut chunk: &[u8]) -> Result<()> {
        while let Some((&[kind, low, high], rest)) = chunk.split_first_chunk::<ENTRY_HEADER>() {
            let length = usize::from(u16::from_le_bytes([low, high]));
            let (name, rest) = rest.split_at_checked(length).ok_or(Errno::Io)?;
            let name_start = self.names.len();
            self.names.extend_from_slice(name);
            self.entries.push(Entry {
                position: hash(name) << TIE_BITS,
                name_start,
                name_end: self.names.len(),
                kind: Kind::from_raw(kind),
            });
            chunk = rest;
        }
        Ok(())
    }

    /// Puts the entries in order, with positions that differ.
    fn order(&mut self) {
        let names = &self.names;
        self.entries.sort_unstable_by(|one, other| {
            let name = |entry: &Entry| &names[entry.name_start..entry.name_end];
            (one.position.cmp(&other.position)).then_with(|| name(one).cmp(name(other)))
        });
        // 0 is the start, so the first of a hash is one behind it. Names of one hash are
        // rare, and the number of one may change when another goes: they are then listed
        // again, or left out, which takes names made for it.
        let mut before = 0;
        for entry in &mut self.entries {
            entry.position = (entry.position + 1).max(before + 1);
            before = entry.position;
        }
    }

    /// Visits the entries after `cursor`; whether the visitor had enough.
    fn visit(
        &self,
        directory: &Handle,
        cursor: u64,
        visit: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>,
    ) -> bool {
        let from = self
            .entries
            .partition_point(|entry| entry.position <= cursor);
        self.entries[from..].iter().any(|entry| {
            let name = &self.names[entry.name_start..entry.name_end];
            // An entry that is gone is still one of the snapshot, without a number.
            let inode = directory.record_at(name).map_or(0, |record| record.inode);
            visit(DirEntry {
                name: &String::from_utf8_lossy(name),
                inode,
                file_type: entry.kind.file_type(),
                next: entry.position,
            })
            .is_break()
        })
    }
}

/// FNV-1a, folded to the bits that a position has for it.
fn hash(name: &[u8]) -> u64 {
    let hash = name.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    // The sign bit stays free: programs take positions for signed numbers.
    (hash ^ (hash >> 32)) & ((1 << (63 - TIE_BITS)) - 1)
}

impl Listings {
    pub(super) fn read(
        &self,
        directory: &Handle,
        cursor: u64,
        visit: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        // From the start everything is read afresh.
        let kept = self.exchange(None).filter(|_| cursor != 0);
        let snapshot = match kept.map_or_else(|| Snapshot::take(directory), Ok) {
            // A directory that was removed while open has no entries; Linux says ENOENT.
            Err(Errno::NoEntry) => return Ok(()),
            taken => taken?,
        };
        // At the end nothing is kept.
        if snapshot.visit(directory, cursor, visit) {
            self.exchange(Some(snapshot));
        }
        Ok(())
    }

    fn exchange(&self, snapshot: Option<Snapshot>) -> Option<Snapshot> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut kept, snapshot)
    }
}

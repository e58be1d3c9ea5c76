//! A file's data: chunks that exist where something was written.

use std::collections::BTreeMap;

use holm_abi::Errno;

use super::ledger::Ledger;
use crate::vfs::node::Result;

/// Size of a chunk in bytes.
pub(super) const CHUNK: usize = 64 << 10;
/// The same, for offsets.
const CHUNK_BYTES: u64 = CHUNK as u64;
/// Least space of a chunk that exists, in bytes.
const CHUNK_MIN: usize = 256;

/// Sparse bytes. A chunk may be shorter than [`CHUNK`], and one may be missing: what is not
/// there reads as zeros. Nothing is kept past the size of the file, which the owner knows.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    map: BTreeMap<u64, Vec<u8>>,
}

impl Chunks {
    /// Fills `buffer` with the bytes from `offset` on.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) {
        let mut done = 0;
        while done < buffer.len() {
            let (index, start) = split(offset + bytes(done));
            let length = (CHUNK - start).min(buffer.len() - done);
            let target = &mut buffer[done..done + length];
            let stored = self.map.get(&index).map_or(&[][..], Vec::as_slice);
            let stored = stored.get(start..).unwrap_or_default();
            let copied = stored.len().min(length);
            target[..copied].copy_from_slice(&stored[..copied]);
            target[copied..].fill(0);
            done += length;
        }
    }

    /// Stores `data` at `offset` and answers how many bytes the quota let through.
    pub(super) fn write(&mut self, ledger: &Ledger, offset: u64, data: &[u8]) -> usize {
        let mut done = 0;
        while done < data.len() {
            let (index, start) = split(offset + bytes(done));
            let length = (CHUNK - start).min(data.len() - done);
            if self
                .write_piece(ledger, index, start, &data[done..done + length])
                .is_err()
            {
                break;
            }
            done += length;
        }
        done
    }

    /// Stores a piece that lies within one chunk: all of it, or nothing.
    fn write_piece(
        &mut self,
        ledger: &Ledger,
        index: u64,
        start: usize,
        piece: &[u8],
    ) -> Result<()> {
        if let Some(chunk) = self.map.get_mut(&index) {
            grow(chunk, ledger, start + piece.len())?;
            overlay(chunk, start, piece);
            return Ok(());
        }
        let mut chunk = Vec::new();
        grow(&mut chunk, ledger, start + piece.len())?;
        overlay(&mut chunk, start, piece);
        self.map.insert(index, chunk);
        Ok(())
    }

    /// Forgets everything from `size` on.
    pub(super) fn cut(&mut self, ledger: &Ledger, size: u64) {
        let (last, length) = split(size);
        let mut beyond = self.map.split_off(&last);
        if length > 0
            && let Some(mut chunk) = beyond.remove(&last)
        {
            let before = space(chunk.len());
            chunk.truncate(length);
            let after = space(chunk.len());
            if after < before {
                chunk.shrink_to(after);
                ledger.release(bytes(before - after));
            }
            self.map.insert(last, chunk);
        }
        ledger.release(beyond.values().map(|chunk| bytes(space(chunk.len()))).sum());
    }

    /// Stores zeros wherever nothing is stored from `offset` to `end`, which is past it. All
    /// the space is charged first, so that `ENOSPC` leaves everything as it was.
    pub(super) fn fill(&mut self, ledger: &Ledger, offset: u64, end: u64) -> Result<()> {
        let (first, _) = split(offset);
        let (last, last_length) = split(end - 1);
        let wanted = |index: u64| if index < last { CHUNK } else { last_length + 1 };
        let stored: u64 = self
            .map
            .range(first..=last)
            .map(|(index, chunk)| bytes(space(chunk.len()).min(space(wanted(*index)))))
            .sum();
        let total = (last - first)
            .checked_mul(CHUNK_BYTES)
            .and_then(|bytes_before| bytes_before.checked_add(bytes(space(wanted(last)))))
            .ok_or(Errno::NoSpace)?;
        let charge = total - stored;
        ledger.charge(charge)?;
        let mut left = charge;
        for index in first..=last {
            let chunk = self.map.entry(index).or_default();
            let length = wanted(index).max(chunk.len());
            let added = space(length) - space(chunk.len());
            if chunk
                .try_reserve_exact(space(length) - chunk.len())
                .is_err()
            {
                ledger.release(left);
                return Err(Errno::NoSpace);
            }
            chunk.resize(length, 0);
            left -= bytes(added);
        }
        Ok(())
    }
}

/// Chunk number and offset within it.
fn split(offset: u64) -> (u64, usize) {
    let within = usize::try_from(offset % CHUNK_BYTES).expect("invariant: less than a chunk");
    (offset / CHUNK_BYTES, within)
}

/// A length in memory as the ledger and offsets count.
fn bytes(length: usize) -> u64 {
    u64::try_from(length).expect("invariant: no memory is larger than 2^64 bytes")
}

/// Space that a chunk of this length takes: powers of two, so that growing byte by byte
/// copies little, and a small file stays small.
fn space(length: usize) -> usize {
    if length == 0 {
        0
    } else {
        length.next_power_of_two().max(CHUNK_MIN)
    }
}

/// Charges and reserves what `chunk` needs to hold `length` bytes, without changing it.
fn grow(chunk: &mut Vec<u8>, ledger: &Ledger, length: usize) -> Result<()> {
    if length <= chunk.len() {
        return Ok(());
    }
    let before = space(chunk.len());
    let after = space(length);
    if after > before {
        ledger.charge(bytes(after - before))?;
        if chunk.try_reserve_exact(after - chunk.len()).is_err() {
            ledger.release(bytes(after - before));
            return Err(Errno::NoSpace);
        }
    }
    Ok(())
}

/// Puts `piece` at `start`, after zeros where the chunk was shorter.
fn overlay(chunk: &mut Vec<u8>, start: usize, piece: &[u8]) {
    if start > chunk.len() {
        chunk.resize(start, 0);
    }
    let within = (chunk.len() - start).min(piece.len());
    chunk[start..start + within].copy_from_slice(&piece[..within]);
    chunk.extend_from_slice(&piece[within..]);
}

//! Unpacking one file of a zip as its bytes come.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::entry_name::shown;
use super::error::ArchiveError;

/// Bytes that are reserved at once at least.
const GROWTH: u64 = 64 << 10;

/// A file, as far as it is unpacked.
#[derive(Default)]
pub(super) struct Unpacker {
    decoder: Option<Decompress>,
    bytes: Vec<u8>,
    crc: Crc,
    has_ended: bool,
}

/// What is wrong with the packed bytes.
#[derive(Debug)]
pub(super) enum Fault {
    WrongSize,
    Malformed(String),
    Checksum,
    OutOfMemory,
}

impl Fault {
    /// The same of an entry that declares `size` bytes.
    pub(super) fn of(self, name: &[u8], size: u64) -> ArchiveError {
        let entry = shown(name);
        let damaged = |entry, what| ArchiveError::Damaged {
            entry: Some(entry),
            what,
        };
        match self {
            Fault::WrongSize => damaged(
                entry,
                format!("it does not unpack to the {size} bytes that it declares"),
            ),
            Fault::Malformed(error) => damaged(entry, format!("it cannot be unpacked ({error})")),
            Fault::Checksum => ArchiveError::Checksum { entry },
            Fault::OutOfMemory => ArchiveError::OutOfMemory { entry: Some(entry) },
        }
    }
}

impl Unpacker {
    /// What is unpacked so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn left(&self, size: u64) -> u64 {
        size.saturating_sub(u64::try_from(self.bytes.len()).unwrap_or(u64::MAX))
    }

    /// Takes more packed bytes of a file that declares `size` bytes.
    pub(super) fn push(&mut self, packed: &[u8], is_stored: bool, size: u64) -> Result<(), Fault> {
        let before = self.bytes.len();
        if is_stored {
            self.bytes
                .try_reserve_exact(packed.len())
                .map_err(|_| Fault::OutOfMemory)?;
            self.bytes.extend_from_slice(packed);
        } else {
            self.inflate(packed, size)?;
        }
        self.crc.update(&self.bytes[before..]);
        Ok(())
    }

    fn inflate(&mut self, mut packed: &[u8], size: u64) -> Result<(), Fault> {
        while !self.has_ended {
            if self.bytes.len() == self.bytes.capacity() {
                // One byte beyond what is declared, to notice that there are more.
                let held = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
                let growth = held.max(GROWTH).min(self.left(size) + 1);
                let growth = usize::try_from(growth).map_err(|_| Fault::OutOfMemory)?;
                self.bytes
                    .try_reserve_exact(growth)
                    .map_err(|_| Fault::OutOfMemory)?;
            }
            let decoder = self.decoder.get_or_insert_with(|| Decompress::new(false));
            let (taken, made) = (decoder.total_in(), decoder.total_out());
            let status = decoder
                .decompress_vec(packed, &mut self.bytes, FlushDecompress::None)
                .map_err(|error| Fault::Malformed(error.to_string()))?;
            let now = usize::try_from(decoder.total_in() - taken).unwrap_or(usize::MAX);
            packed = packed.get(now..).unwrap_or_default();
            if u64::try_from(self.bytes.len()).is_ok_and(|length| length > size) {
                return Err(Fault::WrongSize);
            }
            if status == Status::StreamEnd {
                self.has_ended = true;
            } else if now == 0 && decoder.total_out() == made {
                break;
            }
        }
        Ok(())
    }

    /// There are no more packed bytes: compares size and checksum.
    pub(super) fn finish(&mut self, size: u64, crc32: u32) -> Result<(), Fault> {
        self.decoder = None;
        if self.left(size) > 0 || u64::try_from(self.bytes.len()).ok() != Some(size) {
            return Err(Fault::WrongSize);
        }
        if self.crc.sum() != crc32 {
            return Err(Fault::Checksum);
        }
        self.bytes.shrink_to_fit();
        Ok(())
    }
}

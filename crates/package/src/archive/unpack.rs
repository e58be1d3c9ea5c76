//! Telling formats apart, and unpacking within bounds.

use std::io::{self, Read};

use flate2::Crc;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::entry_name::shown;
use super::error::ArchiveError;
use super::{ArchiveFormat, ArchiveLimits, tar_index};

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Signatures of what people try to mount and what it then says.
const OTHER_FORMATS: [(&[u8], &str); 7] = [
    (b"\xfd7zXZ\0", "it is compressed with xz"),
    (b"BZh", "it is compressed with bzip2"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z"),
    (b"Rar!", "it is a rar"),
    (b"\0asm", "it is a WebAssembly program"),
    (b"\x04\x22\x4d\x18", "it is compressed with lz4"),
    (b"hsqs", "it is a squashfs image"),
];

/// The format of an archive, by its first bytes.
pub(super) fn detect(bytes: &[u8]) -> Result<ArchiveFormat, ArchiveError> {
    if bytes.is_empty() {
        return Err(ArchiveError::NotAnArchive {
            found: "it is empty",
        });
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Ok(ArchiveFormat::Zip);
    }
    if bytes.starts_with(GZIP_MAGIC) {
        return Ok(ArchiveFormat::TarGzip);
    }
    if bytes.starts_with(ZSTD_MAGIC) || skippable_length(bytes).is_some() {
        return Ok(ArchiveFormat::TarZstd);
    }
    if is_tar(bytes) {
        return Ok(ArchiveFormat::Tar);
    }
    let known = OTHER_FORMATS
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic));
    Err(ArchiveError::NotAnArchive {
        found: known.map_or("its first bytes are of no known format", |(_, name)| name),
    })
}

/// Whether bytes start as a tar does: with a header, also one that is damaged or cut off, or
/// with the end mark of an empty one.
fn is_tar(bytes: &[u8]) -> bool {
    let block = &bytes[..bytes.len().min(512)];
    bytes.get(257..262) == Some(b"ustar")
        || tar_index::is_header(block)
        || (block.len() == 512 && block.iter().all(|byte| *byte == 0))
}

/// To how many bytes `packed` bytes may unpack, and the error when they are more.
pub(super) fn budget(packed: u64, limits: &ArchiveLimits) -> Budget {
    let by_ratio = packed
        .saturating_mul(limits.ratio)
        .max(limits.ratio_free_bytes);
    Budget {
        packed,
        bytes: by_ratio.min(limits.unpacked_bytes),
        by_ratio: by_ratio < limits.unpacked_bytes,
    }
}

/// How many bytes something may unpack to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    packed: u64,
    pub(super) bytes: u64,
    by_ratio: bool,
}

impl Budget {
    pub(super) fn exceeded(self, entry: Option<String>) -> ArchiveError {
        let limit = self.bytes;
        if self.by_ratio {
            ArchiveError::Ratio {
                entry,
                packed: self.packed,
                limit,
            }
        } else {
            ArchiveError::TooLarge { entry, limit }
        }
    }
}

/// Unpacks a compressed tar into memory.
pub(super) fn unpack_tar(
    format: ArchiveFormat,
    packed: &[u8],
    limits: &ArchiveLimits,
) -> Result<Vec<u8>, ArchiveError> {
    let budget = budget(u64::try_from(packed.len()).unwrap_or(u64::MAX), limits);
    let mut unpacked = match format {
        ArchiveFormat::TarZstd => unpack_zstd(packed, budget)?,
        _ => unpack_gzip(packed, budget)?,
    };
    if !is_tar(&unpacked) {
        return Err(ArchiveError::NotAnArchive {
            found: "it is compressed, and no tar is in it",
        });
    }
    // Growing doubles: up to half of what was reserved is unused, and stays for long.
    unpacked.shrink_to_fit();
    Ok(unpacked)
}

fn unpack_gzip(packed: &[u8], budget: Budget) -> Result<Vec<u8>, ArchiveError> {
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(packed)
        .take(budget.bytes.saturating_add(1))
        .read_to_end(&mut unpacked)
        .map_err(|error| read_error(&error, None))?;
    if exceeds(&unpacked, budget.bytes) {
        return Err(budget.exceeded(None));
    }
    Ok(unpacked)
}

fn exceeds(bytes: &[u8], most: u64) -> bool {
    u64::try_from(bytes.len()).is_ok_and(|length| length > most)
}

/// What a decoder's error means.
fn read_error(error: &io::Error, entry: Option<String>) -> ArchiveError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ArchiveError::Truncated { after: entry },
        io::ErrorKind::OutOfMemory => ArchiveError::OutOfMemory { entry },
        _ => ArchiveError::Damaged {
            entry,
            what: format!("it cannot be unpacked ({error})"),
        },
    }
}

/// Unpacks all frames of a Zstandard file, and compares their checksums.
fn unpack_zstd(packed: &[u8], budget: Budget) -> Result<Vec<u8>, ArchiveError> {
    let mut unpacked = Vec::new();
    let mut rest = packed;
    while !rest.is_empty() {
        if let Some(length) = skippable_length(rest) {
            rest = rest
                .get(length..)
                .ok_or(ArchiveError::Truncated { after: None })?;
        } else {
            unpack_frame(&mut rest, &mut unpacked, budget)?;
        }
    }
    Ok(unpacked)
}

/// The length of a frame that holds no data of the tar, its header included.
fn skippable_length(bytes: &[u8]) -> Option<usize> {
    let (header, _) = bytes.split_first_chunk::<8>()?;
    let [first, 0x2a, 0x4d, 0x18, length @ ..] = *header else {
        return None;
    };
    if !(0x50..=0x5f).contains(&first) {
        return None;
    }
    usize::try_from(u32::from_le_bytes(length))
        .ok()?
        .checked_add(8)
}

/// Bytes that are unpacked of a frame before they are counted.
const STEP_BYTES: u64 = 1 << 20;

/// Unpacks one frame and moves `rest` behind it. Step by step, so that a frame which unpacks
/// without end is noticed after the first block too many. The decoder hands nothing out
/// before its window is full, and a frame may declare one of 128 MiB: what it holds back
/// counts too.
fn unpack_frame(
    rest: &mut &[u8],
    unpacked: &mut Vec<u8>,
    budget: Budget,
) -> Result<(), ArchiveError> {
    if !rest.starts_with(ZSTD_MAGIC) {
        let what = match rest.len() < ZSTD_MAGIC.len() {
            true => return Err(ArchiveError::Truncated { after: None }),
            false => "something follows its compressed data",
        };
        return Err(ArchiveError::Damaged {
            entry: None,
            what: what.to_owned(),
        });
    }
    let mut decoder = FrameDecoder::new();
    let failed = |rest: &[u8], error: &dyn core::fmt::Display| {
        if rest.is_empty() {
            ArchiveError::Truncated { after: None }
        } else {
            ArchiveError::Damaged {
                entry: None,
                what: format!("it cannot be unpacked ({error})"),
            }
        }
    };
    let started = decoder.init(&mut *rest);
    started.map_err(|error| failed(rest, &error))?;
    // What the frame has unpacked to: as much, or up to a block in each step more.
    let mut counted = u64::try_from(unpacked.len()).unwrap_or(u64::MAX);
    while !decoder.is_finished() {
        let left = budget.bytes.saturating_sub(counted).saturating_add(1);
        let step = usize::try_from(left.min(STEP_BYTES)).unwrap_or(usize::MAX);
        let decoded = decoder.decode_blocks(&mut *rest, BlockDecodingStrategy::UptoBytes(step));
        if !decoded.map_err(|error| failed(rest, &error))? {
            counted = counted.saturating_add(left.min(STEP_BYTES));
            if counted > budget.bytes {
                return Err(budget.exceeded(None));
            }
        }
        let ready = decoder.can_collect();
        unpacked
            .try_reserve(ready)
            .map_err(|_| ArchiveError::OutOfMemory { entry: None })?;
        decoder
            .collect_to_writer(&mut *unpacked)
            .map_err(|error| read_error(&error, None))?;
        if exceeds(unpacked, budget.bytes) {
            return Err(budget.exceeded(None));
        }
    }
    decoder
        .collect_to_writer(&mut *unpacked)
        .map_err(|error| read_error(&error, None))?;
    if exceeds(unpacked, budget.bytes) {
        return Err(budget.exceeded(None));
    }
    let written = decoder.get_checksum_from_data();
    if written.is_some() && written != decoder.get_calculated_checksum() {
        return Err(ArchiveError::Damaged {
            entry: None,
            what: "the checksum of its compressed data is wrong".to_owned(),
        });
    }
    Ok(())
}

/// Unpacks one file of a zip: exactly as many bytes as it declares, with its checksum.
pub(super) fn inflate(
    path: &str,
    packed: &[u8],
    size: u64,
    crc32: u32,
) -> Result<Vec<u8>, ArchiveError> {
    let entry = || shown(path.as_bytes());
    let out_of_memory = || ArchiveError::OutOfMemory {
        entry: Some(entry()),
    };
    let wrong_size = || ArchiveError::Damaged {
        entry: Some(entry()),
        what: format!("it does not unpack to the {size} bytes that it declares"),
    };
    let capacity = usize::try_from(size).map_err(|_| out_of_memory())?;
    let mut unpacked = Vec::new();
    unpacked
        .try_reserve_exact(capacity)
        .map_err(|_| out_of_memory())?;
    DeflateDecoder::new(packed)
        .take(size.saturating_add(1))
        .read_to_end(&mut unpacked)
        .map_err(|error| match error.kind() {
            // The packed bytes are all there, so their end in the midst is their own fault.
            io::ErrorKind::UnexpectedEof => wrong_size(),
            _ => read_error(&error, Some(entry())),
        })?;
    if unpacked.len() != capacity {
        return Err(wrong_size());
    }
    check_crc(path, &unpacked, crc32)?;
    Ok(unpacked)
}

/// Compares a checksum.
pub(super) fn check_crc(path: &str, bytes: &[u8], crc32: u32) -> Result<(), ArchiveError> {
    let mut crc = Crc::new();
    crc.update(bytes);
    if crc.sum() == crc32 {
        Ok(())
    } else {
        Err(ArchiveError::Checksum {
            entry: shown(path.as_bytes()),
        })
    }
}

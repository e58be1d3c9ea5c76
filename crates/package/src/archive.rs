//! Archives as read-only trees: tar, tar.gz, tar.zst and zip.
//!
//! [`Archive::open`] turns bytes into a flat list of checked entries, from which the kernel's
//! image filesystem builds its tree. The format is told by the first bytes, never by a name.
//!
//! What the list promises, whatever the archive holds:
//!
//! - Paths are relative, made of plain names: no empty name, `.`, `..`, drive letter,
//!   backslash or NUL; no name over 255 bytes, no path over 4,096 bytes or 256 names.
//! - Each path is there once, and entries are sorted by path, so a directory comes before what
//!   is in it. A directory that the archive implies and does not list is added, with time 0.
//! - What an entry is in is a directory: never a file, and never a symbolic link.
//! - A symbolic link's target is text, kept as written; it may point anywhere, and whoever
//!   walks paths confines it. A hard link shares the bytes of an earlier entry.
//! - Devices, sockets and pipes are left out and counted ([`Archive::skipped`]).
//! - Everything is bounded by [`ArchiveLimits`]: entries, unpacked bytes, the ratio of unpacked
//!   to packed bytes, the bytes of paths.
//!
//! A path twice in a tar: the last one holds, as a tar that was appended to means it. In a zip
//! it is refused: its readers disagree on which one holds, so a checked archive could be
//! another than the one that runs.
//!
//! A plain tar is used in place. A compressed tar is unpacked into memory once, within the
//! limits. The files of a zip are unpacked and their checksums compared when first read.
//!
//! An archive that is elsewhere need not be fetched whole: [`ArchiveOpening`] lists it by
//! range and [`LazyArchive`] reads single files of it, with the same promises.

use core::fmt;
use core::ops::{Deref, Range};
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

mod entry_name;
mod error;
mod index;
mod lazy;
mod ranged;
mod tar_index;
#[cfg(test)]
mod tests;
mod unpack;
mod unpacker;
mod zip_index;

pub use error::{ArchiveError, NameProblem};
pub use lazy::{LazyIndexer, Need};
pub use ranged::{
    ArchiveOpening, CHECKED_BYTES, KEPT_BYTES, LazyArchive, OpeningError, UNPACKED_BYTES_MAX,
};

/// What an archive may at most hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Entries, those that are implied, replaced or skipped included.
    pub entries: usize,
    /// Bytes of all files together, and of the tar within a compressed one.
    pub unpacked_bytes: u64,
    /// Unpacked bytes for each packed byte.
    pub ratio: u64,
    /// Unpacked bytes below which no ratio is too high: a small archive of zeros harms nobody.
    pub ratio_free_bytes: u64,
    /// Bytes of all paths and link targets together.
    pub path_bytes: u64,
    /// Bytes of unpacked zip files that are kept for the next time they are opened.
    pub kept_bytes: u64,
}

impl Default for ArchiveLimits {
    /// A million entries, 4 GiB unpacked, 256 bytes out of each one in (above 64 MiB), 256 MiB
    /// of paths, 256 MiB kept.
    fn default() -> Self {
        Self {
            entries: 1_000_000,
            unpacked_bytes: 4 << 30,
            ratio: 256,
            ratio_free_bytes: 64 << 20,
            path_bytes: 256 << 20,
            kept_bytes: 256 << 20,
        }
    }
}

/// The format of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveFormat {
    /// A plain tar.
    Tar,
    /// A tar compressed with gzip.
    TarGzip,
    /// A tar compressed with Zstandard.
    TarZstd,
    /// A zip.
    Zip,
}

/// One checked entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveEntry {
    path: Box<str>,
    /// What it is.
    pub kind: EntryKind,
    /// When it was last changed, in nanoseconds since 1970; 0 when unknown or earlier.
    pub mtime_nanoseconds: u64,
    /// Whether anybody may execute it; false where the archive does not say.
    pub executable: bool,
}

impl ArchiveEntry {
    /// The path, relative, with `/` between names.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The names of the path, from the outermost directory to the entry's own.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.path.split('/')
    }
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A file.
    File {
        /// Its bytes when unpacked.
        size: u64,
        /// Where they are.
        data: DataRef,
    },
    /// A symbolic link.
    Symlink {
        /// Where it points, as written; not empty, without NUL, at most 4,096 bytes.
        target: Box<str>,
    },
}

/// Where the bytes of a file are: offsets into the archive, or into the tar unpacked from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataRef {
    /// As they are.
    Range {
        /// The first byte.
        offset: u64,
        /// How many.
        length: u64,
    },
    /// As they are, with a checksum that is compared when the file is first read.
    Stored {
        /// The first byte.
        offset: u64,
        /// How many.
        length: u64,
        /// The CRC-32 of the bytes.
        crc32: u32,
    },
    /// Compressed with deflate.
    Deflated {
        /// The first compressed byte.
        offset: u64,
        /// How many compressed bytes.
        length: u64,
        /// The CRC-32 of the bytes when unpacked.
        crc32: u32,
    },
    /// In a zip that is read by range: behind the entry's own header, which is read when the
    /// file is.
    Placed {
        /// A number of the archive's own.
        place: u32,
    },
}

type Source = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// The bytes of one file: a cheap handle that keeps them alive.
#[derive(Clone)]
pub struct FileBytes {
    source: Source,
    range: Range<usize>,
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let all: &[u8] = (*self.source).as_ref();
        // Empty only if the source gives other bytes than it gave when it was checked.
        all.get(self.range.clone()).unwrap_or_default()
    }
}

impl AsRef<[u8]> for FileBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for FileBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FileBytes")
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

/// An opened archive.
pub struct Archive {
    format: ArchiveFormat,
    source: Source,
    entries: Vec<ArchiveEntry>,
    skipped: usize,
    /// One for each entry of a zip: what was checked, and unpacked if it was compressed.
    read_before: Vec<OnceLock<FileBytes>>,
    kept_bytes: AtomicU64,
    kept_bytes_max: u64,
}

impl Archive {
    /// Opens an archive: its bytes in memory, or mapped by the host.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`], naming the entry that is at fault.
    pub fn open<B>(bytes: B, limits: &ArchiveLimits) -> Result<Self, ArchiveError>
    where
        B: AsRef<[u8]> + Send + Sync + 'static,
    {
        let packed = bytes.as_ref();
        let format = unpack::detect(packed)?;
        let mut builder = index::IndexBuilder::new(limits);
        let source: Source = match format {
            ArchiveFormat::Tar => {
                tar_index::index(packed, &mut builder)?;
                Arc::new(bytes)
            }
            ArchiveFormat::TarGzip | ArchiveFormat::TarZstd => {
                let unpacked = unpack::unpack_tar(format, packed, limits)?;
                tar_index::index(&unpacked, &mut builder)?;
                Arc::new(unpacked)
            }
            ArchiveFormat::Zip => {
                zip_index::index(packed, &mut builder, limits)?;
                Arc::new(bytes)
            }
        };
        let skipped = builder.skipped();
        let entries = builder.finish()?;
        let read_before_count = match format {
            ArchiveFormat::Zip => entries.len(),
            _ => 0,
        };
        Ok(Self {
            format,
            source,
            entries,
            skipped,
            read_before: (0..read_before_count).map(|_| OnceLock::new()).collect(),
            kept_bytes: AtomicU64::new(0),
            kept_bytes_max: limits.kept_bytes,
        })
    }

    /// The format that was found.
    #[must_use]
    pub fn format(&self) -> ArchiveFormat {
        self.format
    }

    /// The entries, sorted by path, each directory before what is in it.
    #[must_use]
    pub fn entries(&self) -> &[ArchiveEntry] {
        &self.entries
    }

    /// How many devices, sockets and pipes were left out.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// The position of an entry in [`Archive::entries`], by its path.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<usize> {
        self.entries
            .binary_search_by(|entry| entry.path().cmp(path))
            .ok()
    }

    /// The bytes of a file. A file of a zip is unpacked and checked the first time, and kept
    /// while [`ArchiveLimits::kept_bytes`] lasts.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::NotAFile`] for a position that holds none, and for a zip
    /// [`ArchiveError::Damaged`] or [`ArchiveError::Checksum`] when the bytes are not what the
    /// archive declares.
    pub fn read(&self, position: usize) -> Result<FileBytes, ArchiveError> {
        let not_a_file = |entry: String| ArchiveError::NotAFile { entry };
        let Some(entry) = self.entries.get(position) else {
            return Err(not_a_file(format!("number {position}")));
        };
        let EntryKind::File { size, data } = entry.kind else {
            return Err(not_a_file(entry_name::shown(entry.path().as_bytes())));
        };
        let Some(read_before) = self.read_before.get(position) else {
            return self.slice(entry, data);
        };
        if let Some(bytes) = read_before.get() {
            return Ok(bytes.clone());
        }
        let packed = self.slice(entry, data)?;
        let bytes = match data {
            DataRef::Deflated { crc32, .. } => {
                let unpacked = unpack::inflate(entry.path(), &packed, size, crc32)?;
                let range = 0..unpacked.len();
                FileBytes {
                    source: Arc::new(unpacked),
                    range,
                }
            }
            DataRef::Stored { crc32, .. } => {
                unpack::check_crc(entry.path(), &packed, crc32)?;
                packed
            }
            DataRef::Range { .. } | DataRef::Placed { .. } => packed,
        };
        let is_copy = matches!(data, DataRef::Deflated { .. });
        if !is_copy || self.may_keep(size) {
            // Another reader may have been first; both hold the same bytes.
            return Ok(read_before.get_or_init(|| bytes).clone());
        }
        Ok(bytes)
    }

    /// Takes `size` bytes of what may be kept, if as much is left.
    fn may_keep(&self, size: u64) -> bool {
        let within = |kept: u64| {
            kept.checked_add(size)
                .filter(|kept| *kept <= self.kept_bytes_max)
        };
        self.kept_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, within)
            .is_ok()
    }

    fn slice(&self, entry: &ArchiveEntry, data: DataRef) -> Result<FileBytes, ArchiveError> {
        let (start, length) = match data {
            DataRef::Range { offset, length }
            | DataRef::Stored { offset, length, .. }
            | DataRef::Deflated { offset, length, .. } => {
                (usize::try_from(offset).ok(), usize::try_from(length).ok())
            }
            DataRef::Placed { .. } => (None, None),
        };
        let end = start
            .zip(length)
            .and_then(|(start, length)| start.checked_add(length));
        let held: &[u8] = (*self.source).as_ref();
        match start.zip(end) {
            Some((start, end)) if end <= held.len() => Ok(FileBytes {
                source: Arc::clone(&self.source),
                range: start..end,
            }),
            _ => Err(ArchiveError::Truncated {
                after: Some(entry_name::shown(entry.path().as_bytes())),
            }),
        }
    }
}

impl fmt::Debug for Archive {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Archive")
            .field("format", &self.format)
            .field("entries", &self.entries.len())
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}

//! Archives as read-only file systems.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use holm_abi::Errno;
use holm_kernel::vfs::Directory;
use holm_kernel::vfs::imagefs::{Blob, ImageBuilder};
use holm_package::archive::{Archive, ArchiveLimits, EntryKind, FileBytes};

/// Why an archive cannot be mounted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// It is not there.
    #[error("there is no such file")]
    Missing,
    /// It is a directory, a pipe or a device.
    #[error("it is not a regular file")]
    NotAFile,
    /// It is damaged, hostile, or of an unknown kind.
    #[error(transparent)]
    Archive(#[from] holm_package::archive::ArchiveError),
    /// Its entries do not make a tree.
    #[error("its entries do not make a tree of files: {0}")]
    Tree(String),
    /// It is larger than is read.
    #[error("it is {size} bytes large; archives of up to {ARCHIVE_BYTES_MAX} bytes can be mounted")]
    TooLarge {
        /// Its size.
        size: u64,
    },
}

/// The largest archive file: all of it is held in memory.
const ARCHIVE_BYTES_MAX: u64 = 4 << 30;

/// The root of an archive's files.
pub(crate) fn open(path: &Path) -> Result<Arc<dyn Directory>, ArchiveError> {
    let archive = Arc::new(Archive::open(read(path)?, &ArchiveLimits::default())?);
    let mut builder = ImageBuilder::new();
    for (position, entry) in archive.entries().iter().enumerate() {
        let path = entry.path();
        let added = match &entry.kind {
            EntryKind::Directory => builder.add_directory(path),
            EntryKind::Symlink { target } => builder.add_symlink(path, target),
            EntryKind::File { size, .. } => {
                let file = ArchivedFile {
                    archive: archive.clone(),
                    position,
                    size: *size,
                    bytes: OnceLock::new(),
                };
                builder.add_file(
                    path,
                    Arc::new(file),
                    entry.mtime_nanoseconds,
                    entry.executable,
                )
            }
        };
        added.map_err(|error| ArchiveError::Tree(error.to_string()))?;
    }
    Ok(builder
        .build()
        .map_err(|error| ArchiveError::Tree(error.to_string()))?
        .root())
}

/// The bytes of an archive.
fn read(path: &Path) -> Result<Vec<u8>, ArchiveError> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(ArchiveError::Missing),
        metadata => metadata?,
    };
    // Pipes and devices may never answer, or never end.
    if !metadata.is_file() {
        return Err(ArchiveError::NotAFile);
    }
    let size = metadata.len();
    if size > ARCHIVE_BYTES_MAX {
        return Err(ArchiveError::TooLarge { size });
    }
    Ok(fs::read(path)?)
}

/// A file of an archive, unpacked when it is first read.
#[derive(Debug)]
struct ArchivedFile {
    archive: Arc<Archive>,
    position: usize,
    size: u64,
    bytes: OnceLock<Result<FileBytes, Errno>>,
}

impl Blob for ArchivedFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        let bytes = self
            .bytes
            .get_or_init(|| self.archive.read(self.position).map_err(|_| Errno::Io))
            .as_ref()
            .map_err(|errno| *errno)?;
        let from = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let length = (bytes.len() - from).min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[from..from + length]);
        Ok(length)
    }
}

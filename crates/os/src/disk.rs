//! Disks: opened in a file of the host, committed every few seconds, and at the end.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use holm_disk::{BlockDevice, CreateOptions, Disk, DiskError, OpenMode};
use holm_host_native::{ImageError, ImageFile, NativeClock, NativeEntropy};
use holm_kernel::port::{Clock, Entropy};

/// Time between two commits of what nobody synchronised.
const COMMIT_EVERY: Duration = Duration::from_secs(5);

/// Why a disk cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskFileError {
    /// The image's file cannot be used.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// What is in it is no disk, or a damaged one.
    #[error("{path}: {source}")]
    Disk {
        /// The image.
        path: PathBuf,
        /// What is wrong with it.
        source: DiskError,
    },
    /// The host has no randomness for the disk's id.
    #[error("the host has no randomness")]
    NoRandomness,
}

/// Creates a disk that may grow to `size_limit` bytes, in a new file at `path`.
///
/// # Errors
///
/// [`DiskFileError`]; no file is left then.
pub fn create_disk(path: &Path, size_limit: u64, label: &str) -> Result<Disk, DiskFileError> {
    let mut id = [0; 16];
    NativeEntropy
        .fill(&mut id)
        .map_err(|_| DiskFileError::NoRandomness)?;
    let options = CreateOptions {
        size_limit,
        label: label.to_owned(),
        id,
    };
    let device = Arc::new(ImageFile::create(path)?);
    Disk::create(device, Arc::new(NativeClock), &options).map_err(|source| {
        // It was made a moment ago and holds nothing.
        let _ = std::fs::remove_file(path);
        DiskFileError::Disk {
            path: path.to_owned(),
            source,
        }
    })
}

/// Opens the disk in the file at `path`.
///
/// # Errors
///
/// [`DiskFileError`].
pub fn open_disk(path: &Path, mode: OpenMode) -> Result<Disk, DiskFileError> {
    open_with(path, mode, Arc::new(NativeClock))
}

pub(crate) fn open_with(
    path: &Path,
    mode: OpenMode,
    clock: Arc<dyn Clock>,
) -> Result<Disk, DiskFileError> {
    let device: Arc<dyn BlockDevice> = Arc::new(ImageFile::open(path, mode)?);
    Disk::open(&device, clock, mode).map_err(|source| DiskFileError::Disk {
        path: path.to_owned(),
        source,
    })
}

/// Commits the disk every few seconds for as long as it is there.
pub(crate) fn commit_now_and_then(disk: &Arc<Disk>) {
    let disk: Weak<Disk> = Arc::downgrade(disk);
    let body = move || {
        loop {
            std::thread::sleep(COMMIT_EVERY);
            let Some(disk) = disk.upgrade() else { return };
            // An error is kept by the disk, and said at the end.
            let _ = disk.commit();
        }
    };
    // Without the thread, it is committed when much has gathered, and at the end.
    let _ = std::thread::Builder::new()
        .name("holm-disk".to_owned())
        .spawn(body);
}

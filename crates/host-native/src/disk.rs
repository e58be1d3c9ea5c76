//! A disk image in a file of the host, locked: one writer, or any number of readers.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use holm_disk::{BlockDevice, DeviceError, OpenMode};

/// Why a file cannot be a disk's device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// It cannot be opened, created or locked.
    #[error("{path}: {source}")]
    Host {
        /// The file.
        path: PathBuf,
        /// What the host says.
        source: io::Error,
    },
    /// It is a directory, a device or the like.
    #[error("{path} is no regular file, and a disk image is one")]
    NoFile {
        /// What it is.
        path: PathBuf,
    },
    /// Somebody else has it open.
    #[error("{path} is in use{holder}: {advice}")]
    InUse {
        /// The file.
        path: PathBuf,
        /// By whom, where the host tells: ` by process 123`.
        holder: String,
        /// What can be done.
        advice: &'static str,
    },
}

/// A file of the host as a block device. The lock goes with it.
#[derive(Debug)]
pub struct ImageFile {
    file: File,
}

impl ImageFile {
    /// Creates the file, which does not exist yet.
    ///
    /// # Errors
    ///
    /// [`ImageError`], with `AlreadyExists` when it does exist.
    pub fn create(path: &Path) -> Result<ImageFile, ImageError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path);
        ImageFile::locked(path, file, OpenMode::ReadWrite)
    }

    /// Opens the file: alone to be written, with other readers to be read.
    ///
    /// # Errors
    ///
    /// [`ImageError`].
    pub fn open(path: &Path, mode: OpenMode) -> Result<ImageFile, ImageError> {
        // Looked at before opening: opening a FIFO would wait for its other side.
        if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(ImageError::NoFile {
                path: path.to_owned(),
            });
        }
        let write = mode == OpenMode::ReadWrite;
        let file = OpenOptions::new().read(true).write(write).open(path);
        ImageFile::locked(path, file, mode)
    }

    fn locked(
        path: &Path,
        file: io::Result<File>,
        mode: OpenMode,
    ) -> Result<ImageFile, ImageError> {
        let error = |source| ImageError::Host {
            path: path.to_owned(),
            source,
        };
        let file = file.map_err(error)?;
        let write = mode == OpenMode::ReadWrite;
        let locked = if write {
            file.try_lock()
        } else {
            file.try_lock_shared()
        };
        match locked {
            Ok(()) => Ok(ImageFile { file }),
            Err(TryLockError::WouldBlock) => Err(ImageError::InUse {
                path: path.to_owned(),
                holder: holder(&file),
                advice: if write {
                    "a disk has one writer at a time. Wait until it is done"
                } else {
                    "it is being written to. Wait until that is done"
                },
            }),
            Err(TryLockError::Error(source)) => Err(error(source)),
        }
    }
}

/// Who holds a lock on the file: ` by process 123`, or nothing where the host does not tell.
fn holder(file: &File) -> String {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::MetadataExt;
        let inode = file.metadata().map(|metadata| metadata.ino());
        let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
        // `1: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF`
        let process = locks.lines().find_map(|line| {
            let mut words = line.split_whitespace().skip(4);
            let process: u32 = words.next()?.parse().ok()?;
            let number = words.next()?.rsplit(':').next()?.parse().ok();
            (number == inode.as_ref().ok().copied()).then_some(process)
        });
        if let Some(process) = process {
            return format!(" by process {process}");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = file;
    String::new()
}

fn failed(error: &io::Error) -> DeviceError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            DeviceError::NoSpace
        }
        _ => DeviceError::Other(error.to_string()),
    }
}

impl BlockDevice for ImageFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DeviceError> {
        let end = offset.saturating_add(buffer.len() as u64);
        self.file
            .read_exact_at(buffer, offset)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => DeviceError::BeyondEnd { end },
                _ => failed(&error),
            })
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> Result<(), DeviceError> {
        self.file
            .write_all_at(data, offset)
            .map_err(|error| failed(&error))
    }

    fn set_len(&self, length: u64) -> Result<(), DeviceError> {
        self.file.set_len(length).map_err(|error| failed(&error))
    }

    fn len(&self) -> Result<u64, DeviceError> {
        let metadata = self.file.metadata().map_err(|error| failed(&error))?;
        Ok(metadata.len())
    }

    fn flush(&self) -> Result<(), DeviceError> {
        self.file.sync_data().map_err(|error| failed(&error))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use holm_disk::{BlockDevice, CreateOptions, Disk, DiskError, OpenMode};
    use holm_kernel::testkit::backend;

    use super::{ImageError, ImageFile};
    use crate::NativeClock;

    fn options() -> CreateOptions {
        CreateOptions {
            size_limit: 256 << 20,
            label: String::new(),
            id: [7; 16],
        }
    }

    #[test]
    fn the_suite_passes() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut count = 0;
        backend::check_backend(&mut || {
            count += 1;
            let device = ImageFile::create(&folder.path().join(count.to_string()));
            let device = Arc::new(device.expect("a new file"));
            let disk = Disk::create(device, Arc::new(NativeClock), &options());
            disk.expect("an empty file").root()
        });
    }

    #[test]
    fn one_writer_or_many_readers() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("image");
        let writer = ImageFile::create(&path).expect("a new file");
        let second = ImageFile::open(&path, OpenMode::ReadWrite);
        let said = second.expect_err("it is locked").to_string();
        assert!(said.contains("one writer at a time"), "{said}");
        if cfg!(target_os = "linux") {
            let process = format!("by process {}:", std::process::id());
            assert!(said.contains(&process), "{said}");
        }
        let reader = ImageFile::open(&path, OpenMode::ReadOnly);
        assert!(matches!(reader, Err(ImageError::InUse { .. })));
        drop(writer);
        let one = ImageFile::open(&path, OpenMode::ReadOnly).expect("nobody writes");
        let other = ImageFile::open(&path, OpenMode::ReadOnly).expect("nobody writes");
        assert!(ImageFile::open(&path, OpenMode::ReadWrite).is_err());
        drop((one, other));
        assert!(ImageFile::open(&path, OpenMode::ReadWrite).is_ok());
        let nothing = ImageFile::open(folder.path(), OpenMode::ReadOnly);
        assert!(matches!(nothing, Err(ImageError::NoFile { .. })));
    }

    #[test]
    fn a_file_cut_short_is_told_from_one_that_fails() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("image");
        std::fs::write(&path, vec![1; 5_000]).expect("a file");
        let device = Arc::new(ImageFile::open(&path, OpenMode::ReadOnly).expect("a file"));
        assert!(device.read_at(0, &mut [0; 4096]).is_ok());
        assert!(device.read_at(4096, &mut [0; 4096]).is_err());
        let device: Arc<dyn BlockDevice> = device;
        let opened = Disk::open(&device, Arc::new(NativeClock), OpenMode::ReadOnly);
        assert_eq!(opened.map(drop), Err(DiskError::NotADisk));
    }
}

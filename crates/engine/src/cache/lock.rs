//! A lock per program, so that two processes do not optimise the same one.
//!
//! Held by `flock`, so it is free when its holder dies, however it dies.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use rustix::fs::{FlockOperation, flock};

use super::{ArtifactKey, Cache, CacheError, failed};

/// A held lock; dropping it frees it.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is still held: whoever opened it meanwhile notices that it is gone.
        let _ = fs::remove_file(&self.path);
    }
}

impl Cache {
    /// Takes the lock of `key`; none when another process holds it.
    pub(crate) fn lock(&self, key: &ArtifactKey) -> Result<Option<Lock>, CacheError> {
        let path = self.path("locks", &key.name());
        loop {
            let taken = self
                .with_folder("locks", || {
                    OpenOptions::new()
                        .write(true)
                        .create(true)
                        .truncate(false)
                        .mode(0o600)
                        .open(&path)
                })
                .and_then(
                    |file| match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                        Ok(()) => Ok(Some(file)),
                        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
                        Err(error) => Err(io::Error::from(error)),
                    },
                )
                .map_err(|source| failed("lock", &path, source))?;
            let Some(file) = taken else {
                return Ok(None);
            };
            // The previous holder may have removed the file between our open and our lock.
            let ours = file.metadata().map(|metadata| metadata.ino());
            let there = fs::metadata(&path).map(|metadata| metadata.ino());
            if let (Ok(ours), Ok(there)) = (ours, there)
                && ours == there
            {
                return Ok(Some(Lock { path, _file: file }));
            }
        }
    }

    /// Whether some process holds the lock of `key` now.
    pub(crate) fn is_locked(&self, key: &ArtifactKey) -> bool {
        let Ok(file) = File::open(self.path("locks", &key.name())) else {
            return false;
        };
        matches!(
            flock(&file, FlockOperation::NonBlockingLockShared),
            Err(rustix::io::Errno::WOULDBLOCK)
        )
    }
}

//! A disk: what a host creates, opens, mounts, commits, checks and closes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use holm_abi::FileType;
use holm_kernel::port::Clock;
use holm_kernel::vfs::Directory;

use crate::device::BlockDevice;
use crate::directory::DiskDirectory;
use crate::error::{DiskError, Result};
use crate::layout::{
    BLOCK_BYTES, FEATURES, Header, LABEL_MAX, MAGIC, SIZE_MAX, SIZE_MIN, VERSION, WRITE_FEATURES,
    offset_of,
};
use crate::record::{Inode, ROOT, inode_key};
use crate::store::{OpenMode, Store};
use crate::volume::{Report, Volume};

/// How to create a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateOptions {
    /// Bytes that the image may grow to, from [`SIZE_MIN`] to
    /// [`SIZE_MAX`]; rounded down to whole blocks of 4,096.
    pub size_limit: u64,
    /// A name for people, at most [`LABEL_MAX`] bytes; may be empty.
    pub label: String,
    /// Sixteen random bytes that tell this disk from others.
    pub id: [u8; 16],
}

/// What a disk is, and how full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Version of the format.
    pub version: u32,
    /// The name for people.
    pub label: String,
    /// What tells this disk from others.
    pub id: [u8; 16],
    /// When it was created, in nanoseconds since 1970.
    pub created_ns: u64,
    /// Bytes that the image may grow to.
    pub size_limit: u64,
    /// Bytes in use, with what the format itself needs.
    pub used_bytes: u64,
    /// Bytes that the image takes now.
    pub image_bytes: u64,
    /// How often it was committed.
    pub generation: u64,
}

/// A file system in one image.
///
/// Everything is in one transaction, which is committed when a guest synchronises a file, when
/// much has gathered, when the host calls [`Disk::commit`], and when the disk and everything
/// opened on it is dropped. A crash loses what was not committed, and nothing else.
#[derive(Debug)]
pub struct Disk {
    shared: Arc<Shared>,
    recovery: Vec<String>,
}

/// What a disk and everything opened on it share.
#[derive(Debug)]
pub(crate) struct Shared {
    volume: Mutex<Volume>,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Volume> {
        self.volume.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let volume = self
            .volume
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        // Whoever wants to hear of an error closes the disk or commits first.
        let _ = volume.commit();
    }
}

impl Disk {
    /// Makes an empty disk on an empty device.
    ///
    /// # Errors
    ///
    /// [`DiskError::NotEmpty`], [`DiskError::BadOption`], or what the device says.
    pub fn create(
        device: Arc<dyn BlockDevice>,
        clock: Arc<dyn Clock>,
        options: &CreateOptions,
    ) -> Result<Disk> {
        if !(SIZE_MIN..=SIZE_MAX).contains(&options.size_limit) {
            return Err(DiskError::BadOption(format!(
                "a disk of {} bytes cannot be: it takes {SIZE_MIN} (1 MiB) to {SIZE_MAX} (8 TiB)",
                options.size_limit
            )));
        }
        if options.label.len() > LABEL_MAX || options.label.contains(char::is_control) {
            return Err(DiskError::BadOption(format!(
                "a disk cannot have this label: at most {LABEL_MAX} bytes, none of them control \
                 characters"
            )));
        }
        let now = clock.realtime_ns();
        let header = Header {
            version: VERSION,
            features: FEATURES,
            write_features: WRITE_FEATURES,
            id: options.id,
            size_limit: options.size_limit / BLOCK_BYTES * BLOCK_BYTES,
            created_ns: now,
            label: options.label.clone(),
        };
        let root = Inode::new(FileType::Directory, ROOT, now).encode().to_vec();
        let store = Store::create(device, header, &[(inode_key(ROOT), root)], ROOT + 1)?;
        Ok(Disk::of(Volume::new(store, clock), Vec::new()))
    }

    /// Opens a disk. Whatever a crash interrupted is put right, which takes
    /// [`OpenMode::ReadWrite`]; all nodes of the tree are read and checked.
    ///
    /// # Errors
    ///
    /// [`DiskError::NotADisk`], [`DiskError::Empty`], [`DiskError::TooNew`],
    /// [`DiskError::Damaged`], or what the device says.
    pub fn open(
        device: &Arc<dyn BlockDevice>,
        clock: Arc<dyn Clock>,
        mode: OpenMode,
    ) -> Result<Disk> {
        let (store, mut recovery) = Store::open(device, mode)?;
        let mut volume = Volume::new(store, clock);
        let root = volume.inode(ROOT)?;
        if root.file_type != FileType::Directory || root.links == 0 {
            return Err(DiskError::damaged("its root is no directory"));
        }
        if mode == OpenMode::ReadWrite {
            match volume.finish_interrupted() {
                Ok(_) => {}
                Err(DiskError::Damaged(what)) => {
                    recovery.push(format!("what a crash interrupted stays so: {what}"));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Disk::of(volume, recovery))
    }

    fn of(volume: Volume, recovery: Vec<String>) -> Disk {
        Disk {
            shared: Arc::new(Shared {
                volume: Mutex::new(volume),
            }),
            recovery,
        }
    }

    /// Whether something that begins with these bytes, at least 16, is a disk.
    #[must_use]
    pub fn recognises(start: &[u8]) -> bool {
        start.starts_with(&MAGIC)
    }

    /// The root directory, to be mounted. It keeps the disk open.
    #[must_use]
    pub fn root(&self) -> Arc<dyn Directory> {
        // The root was read at opening and cannot be removed, so this finds it.
        let _ = self.shared.lock().hold(ROOT);
        Arc::new(DiskDirectory::new(Arc::clone(&self.shared), ROOT))
    }

    /// Damage that was found and mended at opening, in words for people; none, as a rule.
    #[must_use]
    pub fn recovery(&self) -> &[String] {
        &self.recovery
    }

    /// Puts everything on stable storage: all of it, or, when it fails, nothing. A host calls
    /// this from a timer, and when it is told to end.
    ///
    /// # Errors
    ///
    /// What the device says. [`DiskError::Full`] and errors of writing can be tried again.
    pub fn commit(&self) -> Result<()> {
        let mut volume = self.shared.lock();
        if volume.store.is_writable() {
            volume.commit()
        } else {
            Ok(())
        }
    }

    /// Whether there is something to commit.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.shared.lock().is_changed()
    }

    /// The last thing that went wrong with the image, for people: guests see an errno.
    #[must_use]
    pub fn problem(&self) -> Option<DiskError> {
        self.shared.lock().store.problem.clone()
    }

    /// Walks everything and says what does not fit together; with `data`, reads all data and
    /// compares it with its checksums. Commits first.
    ///
    /// # Errors
    ///
    /// What the device says, or that the tree itself is damaged.
    pub fn check(&self, data: bool) -> Result<Report> {
        self.shared.lock().check(data)
    }

    /// What the disk is, and how full.
    #[must_use]
    pub fn info(&self) -> Info {
        let volume = self.shared.lock();
        let header = &volume.store.header;
        let blocks = &volume.store.blocks;
        Info {
            version: header.version,
            label: header.label.clone(),
            id: header.id,
            created_ns: header.created_ns,
            size_limit: header.size_limit,
            used_bytes: offset_of(blocks.taken()) - offset_of(blocks.pending()),
            image_bytes: offset_of(blocks.length()),
            generation: volume.store.generation,
        }
    }

    #[cfg(test)]
    pub(crate) fn with_volume(&self, change: impl FnOnce(&mut Volume)) {
        change(&mut self.shared.lock());
    }

    /// Commits and lets go of the disk. What is still open on it works on, and is committed
    /// when it goes.
    ///
    /// # Errors
    ///
    /// As [`Disk::commit`].
    pub fn close(self) -> Result<()> {
        self.commit()
    }
}

//! What can go wrong with a disk, in words for whoever owns it.

use holm_abi::Errno;

use crate::device::DeviceError;

/// Why a disk could not be created, opened, written or checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// The bytes are something else.
    #[error(
        "it is no Holm disk: its first bytes are not `Holm disk image`. \
         `holm disk create` makes one"
    )]
    NotADisk,
    /// Nothing is there.
    #[error("it is empty: `holm disk create` makes a disk")]
    Empty,
    /// Something is there already.
    #[error("there is something already, {length} bytes: it is not overwritten")]
    NotEmpty {
        /// Length of the device in bytes.
        length: u64,
    },
    /// A version or a feature that this code does not know.
    #[error(
        "the disk's format is version {version} with features {features:#x}, and this Holm knows \
         version {known} with features {known_features:#x}: open it with a newer Holm"
    )]
    TooNew {
        /// Version in the header.
        version: u32,
        /// Features in the header that a reader must know.
        features: u64,
        /// Version that this code writes.
        known: u32,
        /// Features that this code knows.
        known_features: u64,
    },
    /// The image contradicts itself or its checksums.
    #[error("the disk is damaged: {0}")]
    Damaged(String),
    /// An impossible wish at creation.
    #[error("{0}")]
    BadOption(String),
    /// The disk's own limit, or the host's.
    #[error("the disk is full")]
    Full,
    /// The disk was opened to be read.
    #[error("the disk was opened read-only")]
    ReadOnly,
    /// Something failed earlier, in a way that leaves it open what is stored.
    #[error(
        "an earlier write to the image failed ({0}); nothing more is written, and what was \
         synchronised before is safe: open the disk again"
    )]
    Stopped(String),
    /// The device failed.
    #[error("the disk's image cannot be {action}: {source}")]
    Device {
        /// What was tried: `read`, `written`, `extended`, `flushed`.
        action: &'static str,
        /// What the device says.
        source: DeviceError,
    },
}

impl DiskError {
    /// What a guest sees of it.
    #[must_use]
    pub fn errno(&self) -> Errno {
        match self {
            DiskError::Full
            | DiskError::Device {
                source: DeviceError::NoSpace,
                ..
            } => Errno::NoSpace,
            DiskError::ReadOnly => Errno::ReadOnly,
            _ => Errno::Io,
        }
    }

    pub(crate) fn device(action: &'static str) -> impl Fn(DeviceError) -> DiskError {
        move |source| DiskError::Device { action, source }
    }

    pub(crate) fn damaged(what: impl Into<String>) -> DiskError {
        DiskError::Damaged(what.into())
    }
}

impl From<DiskError> for Errno {
    fn from(error: DiskError) -> Errno {
        error.errno()
    }
}

/// Result of what concerns the image.
pub(crate) type Result<T> = std::result::Result<T, DiskError>;

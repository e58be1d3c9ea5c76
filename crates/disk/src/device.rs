//! What a disk lives on: bytes that a host keeps, and one image in memory.

use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why a device did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The host has no room for more, or allows no more.
    #[error("no room on the host")]
    NoSpace,
    /// The bytes asked for lie beyond the end of the device.
    #[error("the image ends before byte {end}")]
    BeyondEnd {
        /// The first byte after those that were asked for.
        end: u64,
    },
    /// Anything else, in the host's words.
    #[error("{0}")]
    Other(String),
}

/// Bytes that persist: a host's file, an OPFS file, memory.
///
/// Calls are synchronous and come one at a time. Writes may reach stable storage in any order
/// and in part until [`BlockDevice::flush`] has answered; after that all of them are there.
/// Offsets and lengths are multiples of 4,096 bytes, except that `len` may answer anything.
pub trait BlockDevice: Debug + Send + Sync + 'static {
    /// Fills `buffer` with the bytes at `offset`.
    ///
    /// # Errors
    ///
    /// [`DeviceError::BeyondEnd`] when they are not all there.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DeviceError>;
    /// Writes all of `data` at `offset`, which lies within the length.
    ///
    /// # Errors
    ///
    /// What was there before may then be lost in part.
    fn write_at(&self, offset: u64, data: &[u8]) -> Result<(), DeviceError>;
    /// Cuts the device or extends it with zeros.
    ///
    /// # Errors
    ///
    /// [`DeviceError::NoSpace`] when it cannot grow that far; it is then as before.
    fn set_len(&self, length: u64) -> Result<(), DeviceError>;
    /// Length in bytes.
    ///
    /// # Errors
    ///
    /// What the host says.
    fn len(&self) -> Result<u64, DeviceError>;
    /// Whether there is nothing on it yet.
    ///
    /// # Errors
    ///
    /// As [`BlockDevice::len`].
    fn is_empty(&self) -> Result<bool, DeviceError> {
        self.len().map(|length| length == 0)
    }
    /// Waits until everything written is on stable storage.
    ///
    /// # Errors
    ///
    /// It is then not known what of it is.
    fn flush(&self) -> Result<(), DeviceError>;
}

/// An image in memory: for tests, and for a host that keeps the bytes by other means.
#[derive(Default)]
pub struct MemoryDevice {
    bytes: Mutex<Vec<u8>>,
}

impl Debug for MemoryDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryDevice")
            .field("length", &self.lock().len())
            .finish()
    }
}

impl MemoryDevice {
    /// A device that holds these bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> MemoryDevice {
        MemoryDevice {
            bytes: Mutex::new(bytes),
        }
    }

    /// A copy of what it holds.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The places `offset..offset + length` of a buffer that has `size` of them.
fn places(offset: u64, length: usize, size: usize) -> Result<std::ops::Range<usize>, DeviceError> {
    let end = offset.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
    match (usize::try_from(offset), usize::try_from(end)) {
        (Ok(start), Ok(stop)) if stop <= size => Ok(start..stop),
        _ => Err(DeviceError::BeyondEnd { end }),
    }
}

impl BlockDevice for MemoryDevice {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DeviceError> {
        let bytes = self.lock();
        let places = places(offset, buffer.len(), bytes.len())?;
        buffer.copy_from_slice(&bytes[places]);
        Ok(())
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> Result<(), DeviceError> {
        let mut bytes = self.lock();
        let places = places(offset, data.len(), bytes.len())?;
        bytes[places].copy_from_slice(data);
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<(), DeviceError> {
        let length = usize::try_from(length).map_err(|_| DeviceError::NoSpace)?;
        let mut bytes = self.lock();
        let more = length.saturating_sub(bytes.len());
        bytes
            .try_reserve_exact(more)
            .map_err(|_| DeviceError::NoSpace)?;
        bytes.resize(length, 0);
        Ok(())
    }

    fn len(&self) -> Result<u64, DeviceError> {
        Ok(u64::try_from(self.lock().len()).unwrap_or(u64::MAX))
    }

    fn flush(&self) -> Result<(), DeviceError> {
        Ok(())
    }
}

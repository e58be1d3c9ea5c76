//! Devices that lose power, fail, or are too small.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use holm_kernel::testkit::SplitMix64;

use crate::{BlockDevice, DeviceError, MemoryDevice};

/// Something that was done to a device.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Flush,
}

/// A device that remembers everything that was done to it, in order.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    now: MemoryDevice,
    deeds: Mutex<Vec<Deed>>,
}

impl Recorder {
    fn note(&self, deed: Deed) {
        self.deeds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(deed);
    }

    pub(super) fn count(&self) -> usize {
        let deeds = self.deeds.lock();
        deeds.unwrap_or_else(PoisonError::into_inner).len()
    }

    pub(super) fn deeds(&self) -> Vec<Deed> {
        let deeds = self.deeds.lock();
        deeds.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl BlockDevice for Recorder {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DeviceError> {
        self.now.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> Result<(), DeviceError> {
        assert!(offset.is_multiple_of(4096) && data.len().is_multiple_of(4096));
        self.note(Deed::Write(offset, data.to_vec()));
        self.now.write_at(offset, data)
    }

    fn set_len(&self, length: u64) -> Result<(), DeviceError> {
        self.note(Deed::SetLen(length));
        self.now.set_len(length)
    }

    fn len(&self) -> Result<u64, DeviceError> {
        self.now.len()
    }

    fn flush(&self) -> Result<(), DeviceError> {
        self.note(Deed::Flush);
        Ok(())
    }
}

fn apply(image: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let start = usize::try_from(offset).expect("invariant: small");
    if image.len() < start + data.len() {
        image.resize(start + data.len(), 0);
    }
    image[start..start + data.len()].copy_from_slice(data);
}

/// What is on the device when the power goes after the first `count` deeds: all that was
/// flushed, and of the rest what `random` picks, each write whole, in part, or not at all.
pub(super) fn after_power_loss(deeds: &[Deed], count: usize, random: &mut SplitMix64) -> Vec<u8> {
    let deeds = &deeds[..count];
    let flushed = deeds
        .iter()
        .rposition(|deed| matches!(deed, Deed::Flush))
        .unwrap_or(0);
    let mut image = Vec::new();
    // Now and then nothing, or everything, of what was not flushed arrives.
    let share = random.below(5);
    for (place, deed) in deeds.iter().enumerate() {
        let certain = place < flushed;
        match deed {
            Deed::Flush => {}
            Deed::SetLen(length) => {
                if certain || random.chance(share, 4) {
                    image.resize(usize::try_from(*length).expect("invariant: small"), 0);
                }
            }
            Deed::Write(offset, data) if certain => apply(&mut image, *offset, data),
            Deed::Write(offset, data) => {
                if !random.chance(share, 4) {
                    continue;
                }
                let torn = random.chance(1, 3);
                for (sector, part) in (0_u64..).zip(data.chunks(512)) {
                    if !torn || random.chance(1, 2) {
                        apply(&mut image, offset + sector * 512, part);
                    }
                }
            }
        }
    }
    image
}

/// A device on which a number of things go wrong after a number of them went right.
#[derive(Debug, Default)]
pub(super) struct Faulty {
    pub(super) inner: MemoryDevice,
    /// Calls that change something until one fails.
    pub(super) left: AtomicU64,
    /// How many fail then.
    pub(super) failing: AtomicU64,
    /// Whether a failing write writes half.
    pub(super) halves: bool,
    /// Bytes that it may grow to; 0 for any.
    pub(super) limit: u64,
    /// Whether reading fails.
    pub(super) unreadable: AtomicU64,
}

impl Faulty {
    fn fails(&self) -> bool {
        let take = |from: &AtomicU64| {
            from.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_ok()
        };
        !take(&self.left) && take(&self.failing)
    }
}

fn broken() -> DeviceError {
    DeviceError::Other("input/output error".to_owned())
}

impl BlockDevice for Faulty {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), DeviceError> {
        if self.unreadable.load(Ordering::Relaxed) > 0 {
            return Err(broken());
        }
        self.inner.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> Result<(), DeviceError> {
        if self.fails() {
            if self.halves {
                self.inner.write_at(offset, &data[..data.len() / 2])?;
            }
            return Err(broken());
        }
        self.inner.write_at(offset, data)
    }

    fn set_len(&self, length: u64) -> Result<(), DeviceError> {
        if self.limit > 0 && length > self.limit || self.fails() {
            return Err(DeviceError::NoSpace);
        }
        self.inner.set_len(length)
    }

    fn len(&self) -> Result<u64, DeviceError> {
        self.inner.len()
    }

    fn flush(&self) -> Result<(), DeviceError> {
        if self.fails() {
            return Err(broken());
        }
        self.inner.flush()
    }
}

//! Persistent disks: a file system in one image, the same format natively and in the browser.
//!
//! A [`Disk`] lives on a [`BlockDevice`], which a host implements: natively a locked file, in
//! the browser a file of the origin's private file system. [`Disk::root`] is a directory that
//! the kernel mounts like any other.
//!
//! Everything is copied on write, checksummed and committed at once: a disk that is cut off
//! in mid-write is, when it is opened again, as it was at a commit at or after the last
//! synchronisation. A damaged image gives errors in words and never a panic.
//!
//! [`layout`](crate) of an image, from the bottom up: blocks of 4,096 bytes; one tree of
//! records in them (`store`, `node`); a file system made of records (`record`, `volume`).

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod allocator;
mod checksum;
mod device;
mod directory;
mod disk;
mod error;
mod file;
mod layout;
mod node;
mod record;
mod store;
#[cfg(test)]
mod tests;
mod volume;

pub use device::{BlockDevice, DeviceError, MemoryDevice};
pub use disk::{CreateOptions, Disk, Info};
pub use error::DiskError;
pub use layout::{LABEL_MAX, SIZE_MAX, SIZE_MIN};
pub use store::OpenMode;
pub use volume::Report;

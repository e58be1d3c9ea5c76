//! The virtual file system: backends behind one walker, one namespace per process.

pub(crate) mod devfs;
pub mod imagefs;
pub(crate) mod listing;
pub mod memfs;
pub mod mount;
pub mod node;
pub mod overlayfs;
pub(crate) mod procfs;
pub mod ranges;
pub(crate) mod synthetic;
pub(crate) mod voidfs;
pub(crate) mod walk;

pub use node::{
    DirEntry, Directory, File, Interest, Listener, Lookup, OpenOptions, Opened, Readiness, Result,
    Stream,
};

//! The virtual file system: backends behind one walker, one namespace per process.

pub mod node;

pub use node::{
    DirEntry, Directory, File, Interest, Listener, Lookup, OpenOptions, Opened, Readiness, Result,
    Stream,
};

//! The Holm kernel: processes, descriptors, files, pipes, limits and what may be done.
//!
//! It does no I/O of its own, knows no engine, sees no guest memory and holds no lock that
//! unrelated processes share. The world reaches it through [`port`]s and file system
//! backends ([`vfs::node`]).

#![forbid(unsafe_code)]

pub mod port;
pub mod vfs;

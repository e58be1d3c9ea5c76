//! What an app is: `holm.toml`, needs and grants, and the archives it is shipped in.
//!
//! Parsing only. Nothing here opens a file, asks a clock or reads the environment, so the
//! same rules hold natively, in a browser tab and in Node; the host reads the bytes and
//! hands them in.
//!
//! - [`manifest`]: `holm.toml`, what an app needs, as its author wrote it.
//! - [`grant`]: what the person who runs it gives, and the lock, which is what remains of
//!   the needs after the grants and the host's policy.
//! - [`archive`]: tar, tar.gz, tar.zst and zip as a checked list of entries.
//! - [`program`] and [`host_error`]: why a file is no program, and a grant cannot be given.
//! - [`units`]: sizes (`64MiB`) and durations (`1m30s`), as written everywhere.

#![forbid(unsafe_code)]

pub mod archive;
pub mod grant;
pub mod guest_path;
pub mod host_error;
pub mod manifest;
pub mod program;
pub mod units;

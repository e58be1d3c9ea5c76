//! What the test guests share: raw preview-1 calls as safe functions, and checks that name what failed.

pub mod check;
pub mod errno;
#[cfg(all(target_os = "wasi", target_env = "p2"))]
#[path = "posix_unsafe.rs"]
pub mod posix;
#[cfg(all(target_os = "wasi", not(target_env = "p2")))]
#[path = "preview1_unsafe.rs"]
pub mod preview1;

use std::path::PathBuf;

/// The directory a guest works in: its first argument, or the current directory.
pub fn work_directory() -> PathBuf {
    std::env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from("."), PathBuf::from)
}

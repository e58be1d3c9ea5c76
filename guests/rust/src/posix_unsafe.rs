//! The calls of wasi-libc that std has no stable function for, as safe functions; for builds as a component.

#![allow(unsafe_code, reason = "the calls are C functions that take addresses")]

use std::ffi::{CString, c_char, c_int, c_void};
use std::io;

// SAFETY: these are the declarations of wasi-libc, which std links.
unsafe extern "C" {
    fn symlink(target: *const c_char, link: *const c_char) -> c_int;
    fn getentropy(buffer: *mut c_void, length: usize) -> c_int;
}

/// Makes a symbolic link. A target or a path with a zero byte is refused.
pub fn make_symlink(target: &str, link: &str) -> io::Result<()> {
    let target = CString::new(target)?;
    let link = CString::new(link)?;
    // SAFETY: both are strings that end with a zero, and live for the call.
    let status = unsafe { symlink(target.as_ptr(), link.as_ptr()) };
    outcome(status)
}

/// Fills `bytes`, at most 256 of them, with random values.
pub fn random_get(bytes: &mut [u8]) -> io::Result<()> {
    // SAFETY: the pointer and the length are those of a slice that this function may write.
    let status = unsafe { getentropy(bytes.as_mut_ptr().cast(), bytes.len()) };
    outcome(status)
}

fn outcome(status: c_int) -> io::Result<()> {
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

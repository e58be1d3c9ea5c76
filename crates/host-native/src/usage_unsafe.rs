//! `getrusage`, which has no safe interface.

#![allow(unsafe_code, reason = "getrusage has no safe interface")]

use std::mem::MaybeUninit;

/// What this process has used; all zero should the host refuse, which it does not.
pub(crate) fn getrusage() -> libc::rusage {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the call writes to `usage`, which is valid for that; it is zeroed, a valid
    // value, in case the call fails.
    unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    }
}

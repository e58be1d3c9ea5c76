//! Signal handlers: registering one, and asking what a signal does now.

#![allow(unsafe_code, reason = "signal dispositions have no safe interface")]

use std::io;
use std::mem::MaybeUninit;

/// Runs `action` in the handler of signal `number`, after handlers registered before.
///
/// `action` must be async-signal-safe: the callers are [`crate::Interrupts`], whose handler
/// uses atomics and `write`, and whose closure is documented to be held to the same.
pub(crate) fn register(number: i32, action: impl Fn() + Send + Sync + 'static) -> io::Result<()> {
    // SAFETY: `action` is async-signal-safe, see above. It is never unregistered, so it is
    // not dropped inside a handler either.
    unsafe { signal_hook::low_level::register(number, action) }?;
    Ok(())
}

/// Whether signal `number` is ignored at this moment.
pub(crate) fn is_ignored(number: i32) -> bool {
    let mut current = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action this only writes the current one to `current`, which is
    // valid for that; it is zeroed, a valid value, in case the call fails.
    let current = unsafe {
        libc::sigaction(number, std::ptr::null(), current.as_mut_ptr());
        current.assume_init()
    };
    current.sa_sigaction == libc::SIG_IGN
}

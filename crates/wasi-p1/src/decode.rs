//! Scalars of the guest as the kernel's types.

use holm_abi::{
    Advice, ClockId, Errno, Fd, FdFlags, LookupFlags, OpenFlags, PATH_MAX, RecvFlags, Rights,
    SetTime, SetTimes, ShutdownFlags, Signal, Whence,
};

use crate::GuestMemory;

pub(crate) fn fd(raw: i32) -> Fd {
    Fd(raw.cast_unsigned())
}

/// Decoders of enumerations and flags: `EINVAL` for what means nothing.
macro_rules! decoders {
    ($($name:ident: $type:ident, $repr:ty, $from:ident;)*) => {
        $(pub(crate) fn $name(raw: i32) -> Result<$type, Errno> {
            <$repr>::try_from(raw.cast_unsigned())
                .ok()
                .and_then($type::$from)
                .ok_or(Errno::Invalid)
        })*
    };
}

decoders! {
    clock: ClockId, u32, from_raw;
    advice: Advice, u32, from_raw;
    whence: Whence, u32, from_raw;
    fd_flags: FdFlags, u16, from_bits;
    open_flags: OpenFlags, u16, from_bits;
    lookup_flags: LookupFlags, u32, from_bits;
    recv_flags: RecvFlags, u16, from_bits;
    shutdown_flags: ShutdownFlags, u8, from_bits;
}

pub(crate) fn rights(raw: i64) -> Rights {
    Rights::from_bits_truncate(raw.cast_unsigned())
}

/// Highest signal number of `typenames.witx` (`sys`).
const SIGNAL_LAST: u32 = 30;

/// A signal: `EINVAL` when the standard has none with this number, `ENOTSUP` when it has
/// but nothing here can come of it.
pub(crate) fn signal(raw: i32) -> Result<Signal, Errno> {
    match raw.cast_unsigned() {
        number if number > SIGNAL_LAST => Err(Errno::Invalid),
        number => Signal::from_raw(number).ok_or(Errno::NotSupported),
    }
}

/// `fstflags` with the two times they speak of. A time cannot be both given and "now".
pub(crate) fn set_times(accessed: i64, modified: i64, flags: i32) -> Result<SetTimes, Errno> {
    const KNOWN: u32 = 0b1111;
    let bits = flags.cast_unsigned();
    if bits & !KNOWN != 0 {
        return Err(Errno::Invalid);
    }
    let one = |bits: u32, time: i64| match bits & 0b11 {
        0b00 => Ok(SetTime::Keep),
        0b01 => Ok(SetTime::At(time.cast_unsigned())),
        0b10 => Ok(SetTime::Now),
        _ => Err(Errno::Invalid),
    };
    Ok(SetTimes {
        accessed: one(bits, accessed)?,
        modified: one(bits >> 2, modified)?,
    })
}

/// Lends a path or a link's text.
///
/// # Errors
///
/// `EFAULT`, `ENAMETOOLONG` above `PATH_MAX` (before a byte of it is looked at) or `EILSEQ`.
pub(crate) fn with_path<M: GuestMemory + ?Sized, R>(
    memory: &M,
    at: i32,
    length: i32,
    see: impl FnOnce(&str) -> R,
) -> Result<R, Errno> {
    let (at, length) = (at.cast_unsigned(), length.cast_unsigned());
    if length as usize > PATH_MAX {
        memory.check(at, length)?;
        return Err(Errno::NameTooLong);
    }
    memory.with(at, length, |bytes| {
        std::str::from_utf8(bytes)
            .map(see)
            .map_err(|_| Errno::IllegalSequence)
    })?
}

#[cfg(test)]
mod tests {
    use holm_abi::{Errno, FdFlags, Rights, SetTime, ShutdownFlags, Signal, Whence};

    #[test]
    fn unknown_flags_and_values_are_invalid() {
        assert_eq!(
            super::fd_flags(0b11111),
            Ok(FdFlags::from_bits(0b11111).unwrap_or_default())
        );
        assert_eq!(super::fd_flags(1 << 5), Err(Errno::Invalid));
        assert_eq!(super::fd_flags(1 << 16), Err(Errno::Invalid));
        assert_eq!(super::fd_flags(-1), Err(Errno::Invalid));
        assert_eq!(super::shutdown_flags(0b100), Err(Errno::Invalid));
        assert_eq!(super::shutdown_flags(0b10), Ok(ShutdownFlags::WRITE));
        assert_eq!(super::lookup_flags(2), Err(Errno::Invalid));
        assert_eq!(super::whence(2), Ok(Whence::End));
        assert_eq!(super::whence(3), Err(Errno::Invalid));
        assert_eq!(super::clock(4), Err(Errno::Invalid));
        assert_eq!(super::advice(6), Err(Errno::Invalid));
        assert_eq!(super::rights(-1), Rights::ALL);
    }

    #[test]
    fn signals_without_a_meaning_differ_from_no_signals() {
        assert_eq!(super::signal(15), Ok(Signal::Terminate));
        assert_eq!(super::signal(16), Err(Errno::NotSupported));
        assert_eq!(super::signal(31), Err(Errno::Invalid));
        assert_eq!(super::signal(-1), Err(Errno::Invalid));
    }

    #[test]
    fn a_time_is_kept_given_or_now() {
        let times = super::set_times(5, 6, 0b1001).expect("a valid combination");
        assert_eq!(
            (times.accessed, times.modified),
            (SetTime::At(5), SetTime::Now)
        );
        let times = super::set_times(5, -1, 0b0100).expect("a valid combination");
        assert_eq!(
            (times.accessed, times.modified),
            (SetTime::Keep, SetTime::At(u64::MAX))
        );
        assert_eq!(super::set_times(5, 6, 0b0011), Err(Errno::Invalid));
        assert_eq!(super::set_times(5, 6, 0b1100), Err(Errno::Invalid));
        assert_eq!(super::set_times(5, 6, 0b10000), Err(Errno::Invalid));
    }
}

//! Sizes and durations as people write them: `64MiB`, `1m30s`.
//!
//! One notation for `holm.toml`, the command line and what Holm prints, so that anything
//! printed can be typed back. Both formatters are exact: parsing what they write gives the
//! same value.

use core::time::Duration;

use thiserror::Error;

use crate::grant::shown;

#[cfg(test)]
mod tests;

/// Why a size or a duration could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnitError {
    /// Nothing was written.
    #[error("nothing is written here; expected {expected}")]
    Empty {
        /// What the notation looks like.
        expected: &'static str,
    },
    /// The text does not start with a number.
    #[error("`{}` does not start with a number; expected {expected}", shown(text))]
    NoNumber {
        /// The text as written.
        text: String,
        /// What the notation looks like.
        expected: &'static str,
    },
    /// A number is followed by a unit that does not exist.
    #[error("`{}` is not a unit; expected {expected}", shown(unit))]
    UnknownUnit {
        /// The unit as written.
        unit: String,
        /// What the notation looks like.
        expected: &'static str,
    },
    /// A duration without a unit: `30` could be seconds or milliseconds.
    #[error(
        "`{0}` has no unit; write {0}s for seconds or {0}ms for milliseconds",
        shown(text)
    )]
    MissingUnit {
        /// The text as written.
        text: String,
    },
    /// The units of a duration must go from the largest to the smallest, each once.
    #[error(
        "`{}` has its units out of order; write the largest first, as in 1m30s",
        shown(text)
    )]
    Order {
        /// The text as written.
        text: String,
    },
    /// A fraction that is not a whole number of bytes or nanoseconds.
    #[error("`{}` is not a whole number of {whole}", shown(text))]
    Fraction {
        /// The text as written.
        text: String,
        /// `bytes` or `nanoseconds`.
        whole: &'static str,
    },
    /// The value does not fit 64 bits.
    #[error("`{}` is too large", shown(text))]
    TooLarge {
        /// The text as written.
        text: String,
    },
}

const SIZE_FORM: &str = "a size such as 64MiB, 500KB or 4096";
const DURATION_FORM: &str = "a duration such as 5s, 250ms or 1m30s";

/// Names of sizes, in lower case, and their bytes. A bare `k`, `m`, `g` or `t` is binary, as
/// in Docker, systemd and the JVM, whose users write these flags most.
const SIZE_UNITS: [(&str, u64); 15] = [
    ("", 1),
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("k", 1 << 10),
    ("m", 1 << 20),
    ("g", 1 << 30),
    ("t", 1 << 40),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("bytes", 1),
];

/// Units in which a size is written, largest first.
const SIZE_NAMES: [(&str, u64); 8] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
];

/// Units of a duration and their nanoseconds, largest first.
const DURATION_UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Reads a size in bytes.
///
/// `KiB`, `MiB`, `GiB` and `TiB` are powers of 1,024, and so are the bare `K`, `M`, `G` and
/// `T`; `KB`, `MB`, `GB` and `TB` are powers of 1,000; no unit means bytes. Case does not
/// matter, a space may stand before the unit, and a fraction (`1.5GiB`) is read when it is a
/// whole number of bytes.
///
/// # Errors
///
/// [`UnitError`] names the part that could not be read.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let written = text.trim();
    let number = Number::split(written, SIZE_FORM)?;
    let unit = number.rest.trim_start().to_ascii_lowercase();
    let Some((_, bytes)) = SIZE_UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(UnitError::UnknownUnit {
            unit: number.rest.trim_start().to_owned(),
            expected: SIZE_FORM,
        });
    };
    number.times(*bytes, written, "bytes")
}

/// Writes a size in bytes with the largest unit that divides it: `64MiB`, `500KB`, `4095`.
#[must_use]
pub fn format_size(bytes: u64) -> String {
    let unit = SIZE_NAMES
        .iter()
        .find(|(_, size)| bytes >= *size && bytes.is_multiple_of(*size));
    match unit {
        Some((name, size)) => format!("{}{name}", bytes / size),
        None => bytes.to_string(),
    }
}

/// Reads a duration: numbers with the units `d`, `h`, `m`, `s`, `ms`, `us` (or `µs`) and
/// `ns`, the largest first, each at most once (`1m30s`). A fraction (`1.5s`) is read when it
/// is a whole number of nanoseconds. A number without a unit is refused, `0` excepted.
///
/// # Errors
///
/// [`UnitError`] names the part that could not be read.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let written = text.trim();
    if written == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = written;
    let mut nanoseconds_total: u64 = 0;
    let mut units_left = &DURATION_UNITS[..];
    loop {
        let number = Number::split(rest, DURATION_FORM)?;
        let unit_length = number
            .rest
            .find(|character: char| character.is_ascii_digit() || character == ' ')
            .unwrap_or(number.rest.len());
        let (unit, after) = number.rest.split_at(unit_length);
        if unit.is_empty() {
            return Err(UnitError::MissingUnit {
                text: rest.to_owned(),
            });
        }
        let name = if unit == "µs" || unit == "μs" {
            "us"
        } else {
            unit
        };
        let Some(position) = DURATION_UNITS.iter().position(|(known, _)| *known == name) else {
            return Err(UnitError::UnknownUnit {
                unit: unit.to_owned(),
                expected: DURATION_FORM,
            });
        };
        let used = DURATION_UNITS.len() - units_left.len();
        if position < used {
            return Err(UnitError::Order {
                text: written.to_owned(),
            });
        }
        units_left = &DURATION_UNITS[position + 1..];
        let nanoseconds = number.times(DURATION_UNITS[position].1, written, "nanoseconds")?;
        nanoseconds_total =
            nanoseconds_total
                .checked_add(nanoseconds)
                .ok_or_else(|| UnitError::TooLarge {
                    text: written.to_owned(),
                })?;
        rest = after.trim_start();
        if rest.is_empty() {
            return Ok(Duration::from_nanos(nanoseconds_total));
        }
    }
}

/// Writes a duration in the notation that [`parse_duration`] reads: `1m30s`, `250ms`, `0s`.
/// A duration beyond 64 bits of nanoseconds (584 years) is written as that much.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    if left == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (name, nanoseconds) in DURATION_UNITS {
        let count = left / nanoseconds;
        left %= nanoseconds;
        if count > 0 {
            text.push_str(&format!("{count}{name}"));
        }
    }
    text
}

/// A decimal number at the start of a text: `1.5` is 15 with one decimal.
struct Number<'a> {
    digits: u128,
    decimals: u32,
    rest: &'a str,
}

impl<'a> Number<'a> {
    fn split(text: &'a str, expected: &'static str) -> Result<Self, UnitError> {
        if text.is_empty() {
            return Err(UnitError::Empty { expected });
        }
        let end = text
            .find(|character: char| !character.is_ascii_digit() && character != '.')
            .unwrap_or(text.len());
        let (number, rest) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let fraction_missing = number.contains('.') && fraction.is_empty();
        if whole.is_empty() || fraction_missing || fraction.contains('.') {
            return Err(UnitError::NoNumber {
                text: text.to_owned(),
                expected,
            });
        }
        let too_large = || UnitError::TooLarge {
            text: text.to_owned(),
        };
        let digits = format!("{whole}{fraction}")
            .parse::<u128>()
            .map_err(|_| too_large())?;
        let decimals = u32::try_from(fraction.len()).map_err(|_| too_large())?;
        Ok(Self {
            digits,
            decimals,
            rest,
        })
    }

    fn times(&self, unit: u64, text: &str, whole: &'static str) -> Result<u64, UnitError> {
        let too_large = || UnitError::TooLarge {
            text: text.to_owned(),
        };
        let scaled = self
            .digits
            .checked_mul(u128::from(unit))
            .ok_or_else(too_large)?;
        let divisor = 10u128.checked_pow(self.decimals).ok_or_else(too_large)?;
        if !scaled.is_multiple_of(divisor) {
            return Err(UnitError::Fraction {
                text: text.to_owned(),
                whole,
            });
        }
        u64::try_from(scaled / divisor).map_err(|_| too_large())
    }
}

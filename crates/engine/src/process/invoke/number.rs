//! Numbers of a command line as Wasm values: decimal and hexadecimal, with a sign, `nan`, `inf`.

/// An `i32` from -2^31 to 2^32 - 1: what is above the signed range is taken as its bits.
pub(super) fn i32(text: &str) -> Option<i32> {
    let number = integer(text)?;
    match i32::try_from(number) {
        Ok(number) => Some(number),
        Err(_) => u32::try_from(number).ok().map(u32::cast_signed),
    }
}

/// An `i64` from -2^63 to 2^64 - 1: what is above the signed range is taken as its bits.
pub(super) fn i64(text: &str) -> Option<i64> {
    let number = integer(text)?;
    match i64::try_from(number) {
        Ok(number) => Some(number),
        Err(_) => u64::try_from(number).ok().map(u64::cast_signed),
    }
}

/// An `f32`. Rust's own reading of decimals takes `nan`, `inf` and `infinity` in any case.
pub(super) fn f32(text: &str) -> Option<f32> {
    match hexadecimal(text) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "rounding to the nearest f32 is what is asked for"
        )]
        Some(number) => number.map(|number| number as f32),
        None => text.parse().ok(),
    }
}

/// An `f64`.
pub(super) fn f64(text: &str) -> Option<f64> {
    hexadecimal(text).unwrap_or_else(|| text.parse().ok())
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn hexadecimal_digits(text: &str) -> Option<&str> {
    text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))
}

fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = sign(text);
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let number = match hexadecimal_digits(digits) {
        Some(digits) if digits.starts_with(|first: char| first.is_ascii_hexdigit()) => {
            i128::from_str_radix(digits, 16)
        }
        Some(_) => return None,
        None => digits.parse(),
    }
    .ok()?;
    Some(if negative { -number } else { number })
}

/// A hexadecimal number such as `0x1.8p-3`; the outer `None` when the text is none. At most
/// 53 significant bits are taken, so that nothing is rounded twice.
fn hexadecimal(text: &str) -> Option<Option<f64>> {
    let (negative, digits) = sign(text);
    let digits = hexadecimal_digits(digits)?;
    Some(hexadecimal_value(digits).map(|number| if negative { -number } else { number }))
}

fn hexadecimal_value(digits: &str) -> Option<f64> {
    let (mantissa, exponent) = match digits.split_once(['p', 'P']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut bits: u64 = 0;
    for digit in whole.chars().chain(fraction.chars()) {
        bits = bits.checked_mul(16)? | u64::from(digit.to_digit(16)?);
    }
    if bits >= 1 << f64::MANTISSA_DIGITS {
        return None;
    }
    let places = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    #[expect(clippy::cast_precision_loss, reason = "checked above to be exact")]
    let number = bits as f64;
    Some(number * 2_f64.powi(exponent.checked_sub(places)?))
}

#[cfg(test)]
mod tests {
    #[test]
    fn integers_cover_both_readings_of_their_bits() {
        assert_eq!(super::i32("-2147483648"), Some(i32::MIN));
        assert_eq!(super::i32("4294967295"), Some(-1));
        assert_eq!(super::i32("0xffffffff"), Some(-1));
        assert_eq!(super::i32("-0x10"), Some(-16));
        assert_eq!(super::i32("+7"), Some(7));
        assert_eq!(super::i64("0xffffffffffffffff"), Some(-1));
        for wrong in [
            "",
            "-",
            "0x",
            "1.5",
            "4294967296",
            "-2147483649",
            "0x-1",
            "--1",
            "+-1",
            "x",
        ] {
            assert_eq!(super::i32(wrong), None, "{wrong}");
        }
        assert_eq!(super::i64("18446744073709551616"), None);
    }

    #[test]
    fn floats_are_decimal_hexadecimal_or_named() {
        assert_eq!(super::f64("1.5e3"), Some(1500.0));
        assert_eq!(super::f64("0x1.8p1"), Some(3.0));
        assert_eq!(super::f64("-0x.8"), Some(-0.5));
        assert_eq!(super::f32("0x10"), Some(16.0));
        assert_eq!(super::f32("-inf"), Some(f32::NEG_INFINITY));
        assert!(super::f64("nan").is_some_and(f64::is_nan));
        for wrong in [
            "",
            "0x",
            "0x.",
            "0xg",
            "0x1p",
            "0x1ffffffffffffffffffff",
            "one",
        ] {
            assert_eq!(super::f64(wrong), None, "{wrong}");
        }
    }
}

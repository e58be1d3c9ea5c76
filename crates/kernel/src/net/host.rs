//! Hosts as text: an address in whatever dress, or a name.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use holm_abi::HOST_NAME_MAX;

use super::address::unwrap_disguise;

/// What a host's text names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostTarget {
    /// A name: ASCII, lower case, without a final dot, valid for DNS.
    Name(String),
    /// An address. Not unwrapped: connecting goes where the text says.
    Address(IpAddr),
}

impl fmt::Display for HostTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostTarget::Name(name) => f.write_str(name),
            HostTarget::Address(IpAddr::V4(address)) => address.fmt(f),
            HostTarget::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Why a text names no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostError {
    /// There is nothing.
    Empty,
    /// The name is longer than 253 bytes, or one of its labels than 63.
    TooLong,
    /// `user@host`: what stands before the `@` would hide what follows.
    UserInformation,
    /// `%41`: the host would be another one after decoding.
    Percent,
    /// A letter outside ASCII: the name must be written in its ASCII form (`xn--…`).
    NotAscii,
    /// An address with a zone (`fe80::1%eth0`).
    Zone,
    /// Brackets that hold no address of IPv6.
    BadBrackets,
    /// Ends in a number, but is no address of IPv4 (`1.2.3.256`, `09.1.1.1`).
    BadNumber,
    /// A character that no host name has, such as a space, a slash or a colon.
    BadCharacter,
    /// A label that is empty, or begins or ends with a hyphen.
    BadLabel,
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HostError::Empty => "the host is empty",
            HostError::TooLong => {
                "the host name is too long: at most 253 bytes, and 63 between two dots"
            }
            HostError::UserInformation => "a host has no `user@` before it",
            HostError::Percent => "a host is written without percent-encoding",
            HostError::NotAscii => {
                "a host name with letters outside ASCII is written in its ASCII form (xn--…)"
            }
            HostError::Zone => "an address with a zone (`%…`) cannot be used",
            HostError::BadBrackets => "brackets hold an IPv6 address: [2001:db8::1]",
            HostError::BadNumber => "a host that ends in a number is an IPv4 address, and this is none",
            HostError::BadCharacter => {
                "a host name has letters, digits, hyphens and dots; an IPv6 address goes into brackets"
            }
            HostError::BadLabel => {
                "the parts of a host name are not empty and do not begin or end with a hyphen"
            }
        })
    }
}

impl std::error::Error for HostError {}

/// Reads a host as it stands in a URL, in a rule or in a lookup: every way to write an address
/// that some resolver takes for one (`2130706433`, `0177.0.0.1`, `0x7f.1`, `127.1`, brackets) is
/// that address, and what is left is a name. Follows the host parser of the URL standard
/// (<https://url.spec.whatwg.org/#host-parsing>), but refuses what that would decode.
///
/// # Errors
///
/// [`HostError`].
pub fn parse_host(text: &str) -> Result<HostTarget, HostError> {
    if text.is_empty() {
        return Err(HostError::Empty);
    }
    if text.contains('@') {
        return Err(HostError::UserInformation);
    }
    let bracketed = text.starts_with('[') || text.ends_with(']');
    if let Some(at) = text.find('%') {
        let zone = bracketed || text[..at].parse::<Ipv6Addr>().is_ok();
        return Err(if zone {
            HostError::Zone
        } else {
            HostError::Percent
        });
    }
    if !text.is_ascii() {
        return Err(HostError::NotAscii);
    }
    if bracketed {
        return text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .and_then(|inner| inner.parse::<Ipv6Addr>().ok())
            .map(|address| HostTarget::Address(address.into()))
            .ok_or(HostError::BadBrackets);
    }
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Ok(HostTarget::Address(address.into()));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.len() > HOST_NAME_MAX {
        return Err(HostError::TooLong);
    }
    if ends_in_number(name) {
        return loose_ipv4(name)
            .map(|address| HostTarget::Address(address.into()))
            .ok_or(HostError::BadNumber);
    }
    check_name(name)?;
    Ok(HostTarget::Name(name.to_ascii_lowercase()))
}

/// Checks what is no address to be a name as hosts have them (RFC 1123, section 2.1), with
/// the underscore that some have.
fn check_name(name: &str) -> Result<(), HostError> {
    for label in name.split('.') {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !label.bytes().all(plain) {
            return Err(HostError::BadCharacter);
        }
        if label.is_empty() || label.starts_with('-') || label.ends_with('-') {
            return Err(HostError::BadLabel);
        }
        if label.len() > 63 {
            return Err(HostError::TooLong);
        }
    }
    Ok(())
}

/// The URL standard's test whether a host has to be an address of IPv4.
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let digits = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    digits || number(last).is_some()
}

/// A part of an address as `inet_aton` reads it: decimal, octal after `0`, hexadecimal after
/// `0x`.
fn number(part: &str) -> Option<u64> {
    let (digits, radix) =
        if let Some(hexadecimal) = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
            (hexadecimal, 16)
        } else if part.len() > 1 && part.starts_with('0') {
            (&part[1..], 8)
        } else {
            (part, 10)
        };
    if digits.is_empty() {
        return (radix == 16).then_some(0);
    }
    let plain = digits.chars().all(|digit| digit.is_digit(radix));
    plain
        .then(|| u64::from_str_radix(digits, radix).ok())
        .flatten()
}

/// One to four numbers, the last of which fills the bytes that are left.
fn loose_ipv4(name: &str) -> Option<Ipv4Addr> {
    let parts: Vec<&str> = name.split('.').collect();
    let (last, first) = parts.split_last()?;
    if first.len() > 3 {
        return None;
    }
    let mut bits = 0_u64;
    for part in first {
        let byte = number(part).filter(|byte| *byte <= 255)?;
        bits = (bits << 8) | byte;
    }
    let left = 8 * (4 - u32::try_from(first.len()).ok()?);
    let rest = number(last).filter(|rest| *rest < (1 << left))?;
    u32::try_from((bits << left) | rest)
        .ok()
        .map(Ipv4Addr::from_bits)
}

impl HostTarget {
    /// Whether the name is one of the machine's own: `localhost` and what ends in it
    /// (RFC 6761, section 6.3).
    #[must_use]
    pub fn is_localhost(&self) -> bool {
        match self {
            HostTarget::Name(name) => is_localhost(name),
            HostTarget::Address(address) => unwrap_disguise(*address).is_loopback(),
        }
    }
}

/// Whether a name in lower case is the machine's own.
#[must_use]
pub fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

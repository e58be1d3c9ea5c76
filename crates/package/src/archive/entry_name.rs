//! The names of entries: which are taken, and how they are shown.

use super::error::{ArchiveError, NameProblem};
use crate::grant::printable;

/// The longest name, in bytes, as on nearly every filesystem.
const NAME_BYTES_MAX: usize = 255;

/// The longest path or link target, in bytes, as on Linux.
pub(super) const PATH_BYTES_MAX: usize = 4096;

/// The most names in a path.
const NAMES_MAX: usize = 256;

/// A checked and normalised path, or `None` for the root itself (`./`).
pub(super) fn checked(raw: &[u8]) -> Result<Option<String>, ArchiveError> {
    normalised(raw).map_err(|problem| ArchiveError::UnsafeName {
        entry: shown(raw),
        problem,
    })
}

fn normalised(raw: &[u8]) -> Result<Option<String>, NameProblem> {
    if raw.is_empty() {
        return Err(NameProblem::Empty);
    }
    if raw.contains(&0) {
        return Err(NameProblem::Nul);
    }
    let text = core::str::from_utf8(raw).map_err(|_| NameProblem::NotUtf8)?;
    if text.starts_with('/') {
        return Err(NameProblem::Absolute);
    }
    if text.contains('\\') {
        return Err(NameProblem::Backslash);
    }
    let mut path = String::with_capacity(text.len().min(PATH_BYTES_MAX));
    let mut count = 0;
    for name in text.split('/') {
        match name.as_bytes() {
            b"" | b"." => continue,
            b".." => return Err(NameProblem::Parent),
            [letter, b':', ..] if count == 0 && letter.is_ascii_alphabetic() => {
                return Err(NameProblem::DriveLetter);
            }
            name if name.len() > NAME_BYTES_MAX => return Err(NameProblem::NameTooLong),
            _ => {}
        }
        count += 1;
        if count > NAMES_MAX {
            return Err(NameProblem::TooDeep);
        }
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(name);
        if path.len() > PATH_BYTES_MAX {
            return Err(NameProblem::PathTooLong);
        }
    }
    Ok((!path.is_empty()).then_some(path))
}

/// A checked target of a symbolic link: any text that a path could be.
pub(super) fn checked_target(entry: &[u8], raw: &[u8]) -> Result<Box<str>, ArchiveError> {
    let bad = |what| ArchiveError::BadLink {
        entry: shown(entry),
        target: shown(raw),
        what,
    };
    if raw.is_empty() {
        return Err(bad("which is empty"));
    }
    if raw.len() > PATH_BYTES_MAX {
        return Err(bad("which is over 4096 bytes long"));
    }
    if raw.contains(&0) {
        return Err(bad("which holds a NUL byte"));
    }
    let text = core::str::from_utf8(raw).map_err(|_| bad("which is not UTF-8"))?;
    Ok(text.into())
}

/// A name from an archive as it is shown: printable, and not longer than a line.
pub(super) fn shown(raw: &[u8]) -> String {
    let cut = raw.len().min(400);
    let text = String::from_utf8_lossy(&raw[..cut]);
    let short: String = text.chars().take(100).collect();
    let more = short.len() < text.len() || cut < raw.len();
    format!("{}{}", printable(&short), if more { "…" } else { "" })
}

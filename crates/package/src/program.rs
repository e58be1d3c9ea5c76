//! Program files: what is wrong with one, as its place and its first bytes tell.
//!
//! Hosts find, read and compile programs each in their own way; what they say of a file that
//! is none is said here, so that it is the same.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// The largest program that is read unless the host says otherwise, in bytes: 512 MiB, seven
/// times the largest program in common use (clang, 75 MB).
pub const PROGRAM_BYTES_MAX: u64 = 512 << 20;

/// Why a file is no program that can be run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// There is no such file.
    #[error("there is no file {}", path.display())]
    NotFound {
        /// The path as given.
        path: PathBuf,
    },
    /// A folder where a file is needed.
    #[error("{} is a folder, not a WebAssembly file", path.display())]
    IsDirectory {
        /// The path as given.
        path: PathBuf,
    },
    /// A device, pipe or socket.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The path as given.
        path: PathBuf,
    },
    /// The file is there but cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The path as given.
        path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
    /// Larger than is read.
    #[error("{name} is too large: {}, and the limit is {}", size_words(*size), size_words(*limit))]
    TooLarge {
        /// The program's name.
        name: String,
        /// Its size in bytes.
        size: u64,
        /// The most that is read, in bytes.
        limit: u64,
    },
    /// Not WebAssembly at all.
    #[error("{name} is not WebAssembly: {looks_like}")]
    NotWasm {
        /// The program's name.
        name: String,
        /// What it is instead.
        looks_like: LooksLike,
    },
    /// The file ends in the middle of something.
    #[error(
        "{name} is cut short: it ends at byte {size}, in the middle of {inside} (was it copied or \
         downloaded completely?)"
    )]
    Truncated {
        /// The program's name.
        name: String,
        /// Its size in bytes.
        size: u64,
        /// What it ends in.
        inside: String,
    },
    /// WebAssembly that breaks the rules.
    #[error("{name} is malformed at byte {offset:#x}: {reason}")]
    Malformed {
        /// The program's name.
        name: String,
        /// Where, in bytes.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
}

impl ProgramError {
    /// What it means for a program that its file `path` cannot be reached or read.
    #[must_use]
    pub fn unreadable(path: PathBuf, source: io::Error) -> ProgramError {
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                ProgramError::NotFound { path }
            }
            io::ErrorKind::IsADirectory => ProgramError::IsDirectory { path },
            _ => ProgramError::Unreadable { path, source },
        }
    }
}

/// What a WebAssembly file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramKind {
    /// A core module.
    Module,
    /// A component.
    Component,
}

/// What a file that is not WebAssembly looks like.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LooksLike {
    #[error("the file is empty")]
    Empty,
    #[error("it looks like text")]
    Text,
    #[error("it looks like a script (it starts with `#!`)")]
    Script,
    #[error("it looks like HTML; perhaps a download went wrong")]
    Html,
    #[error("it looks like a native Linux program (ELF); build it for a WebAssembly target")]
    Elf,
    #[error("it looks like a native macOS program (Mach-O); build it for a WebAssembly target")]
    MachO,
    #[error("it looks like a native Windows program; build it for a WebAssembly target")]
    Pe,
    #[error(
        "it looks like code that Wasmtime compiled in advance; Holm loads only compiled code that \
         it made itself, so give it the .wasm"
    )]
    Precompiled,
    #[error("it looks like LLVM bitcode; link it to a .wasm first")]
    Bitcode,
    #[error("it looks like an archive of objects (.a); link it to a .wasm first")]
    ObjectArchive,
    #[error("it looks like a gzip-compressed file; unpack it first")]
    Gzip,
    #[error("it looks like a zstd-compressed file; unpack it first")]
    Zstd,
    #[error("it looks like a zip archive; unpack it first")]
    Zip,
    #[error("it looks like a tar archive; unpack it first")]
    Tar,
    /// None of these; its first bytes in hexadecimal.
    #[error("it starts with the bytes {0}, and a WebAssembly file starts with 00 61 73 6d")]
    Unknown(String),
}

const MAGIC: &[u8; 4] = b"\0asm";
const MODULE: &[u8; 4] = &[1, 0, 0, 0];
const COMPONENT: &[u8; 4] = &[0x0d, 0, 1, 0];

/// Checks that a program of `size` bytes is not larger than `limit`.
///
/// # Errors
///
/// [`ProgramError::TooLarge`].
pub fn check_size(name: &str, size: u64, limit: u64) -> Result<(), ProgramError> {
    if size <= limit {
        return Ok(());
    }
    Err(ProgramError::TooLarge {
        name: name.to_owned(),
        size,
        limit,
    })
}

/// What `bytes`, a whole file or its beginning, are, as far as the header of eight bytes tells.
///
/// # Errors
///
/// [`ProgramError::NotWasm`], [`ProgramError::Truncated`], [`ProgramError::Malformed`].
pub fn kind(name: &str, bytes: &[u8]) -> Result<ProgramKind, ProgramError> {
    let name = name.to_owned();
    if bytes.is_empty() || !bytes.starts_with(&MAGIC[..bytes.len().min(4)]) {
        let looks_like = looks_like(bytes);
        return Err(ProgramError::NotWasm { name, looks_like });
    }
    let Some(version) = bytes.get(4..8) else {
        return Err(ProgramError::Truncated {
            name,
            size: length(bytes),
            inside: "the file's header".to_owned(),
        });
    };
    if version == MODULE {
        return Ok(ProgramKind::Module);
    }
    if version == COMPONENT {
        return Ok(ProgramKind::Component);
    }
    let version = u32::from_le_bytes([version[0], version[1], version[2], version[3]]);
    Err(ProgramError::Malformed {
        name,
        offset: 4,
        reason: format!("it says that it is version {version:#x} of WebAssembly, not version 1"),
    })
}

/// Checks that no section of a module, whose header is right, reaches beyond its end: what to
/// ask first of a module that an engine refused.
///
/// # Errors
///
/// [`ProgramError::Truncated`].
pub fn check_whole(name: &str, bytes: &[u8]) -> Result<(), ProgramError> {
    match cut_short(bytes) {
        None => Ok(()),
        Some(inside) => Err(ProgramError::Truncated {
            name: name.to_owned(),
            size: length(bytes),
            inside,
        }),
    }
}

fn looks_like(bytes: &[u8]) -> LooksLike {
    const ELF_ABI_WASMTIME: u8 = 200;
    let starts = |prefix: &[u8]| bytes.starts_with(prefix);
    if bytes.is_empty() {
        return LooksLike::Empty;
    }
    if starts(b"\x7fELF") {
        return match bytes.get(7) {
            Some(&ELF_ABI_WASMTIME) => LooksLike::Precompiled,
            _ => LooksLike::Elf,
        };
    }
    let known: [(&[u8], LooksLike); 12] = [
        (b"#!", LooksLike::Script),
        (b"MZ", LooksLike::Pe),
        (b"\xcf\xfa\xed\xfe", LooksLike::MachO),
        (b"\xce\xfa\xed\xfe", LooksLike::MachO),
        (b"\xca\xfe\xba\xbe", LooksLike::MachO),
        (b"BC\xc0\xde", LooksLike::Bitcode),
        (b"!<arch>\n", LooksLike::ObjectArchive),
        (b"\x1f\x8b", LooksLike::Gzip),
        (b"\x28\xb5\x2f\xfd", LooksLike::Zstd),
        (b"PK\x03\x04", LooksLike::Zip),
        (b"<!DOCTYPE", LooksLike::Html),
        (b"<html", LooksLike::Html),
    ];
    if let Some((_, looks_like)) = known.into_iter().find(|(prefix, _)| starts(prefix)) {
        return looks_like;
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return LooksLike::Tar;
    }
    let head = &bytes[..bytes.len().min(512)];
    // A multi-byte character may be cut at the end of the head.
    let text = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    let control = |byte: &u8| *byte < b' ' && !byte.is_ascii_whitespace() && *byte != 0x1b;
    if text && !head.iter().any(control) {
        return LooksLike::Text;
    }
    let first: Vec<String> = bytes.iter().take(4).map(|b| format!("{b:02x}")).collect();
    LooksLike::Unknown(first.join(" "))
}

/// What the file ends in the middle of, if it does: walks the sections' headers.
fn cut_short(bytes: &[u8]) -> Option<String> {
    let mut position = 8;
    while position < bytes.len() {
        let section = section_name(bytes[position]);
        let Some((size, header)) = leb128(&bytes[position + 1..]) else {
            return Some(format!("the header of {section}"));
        };
        position = position
            .saturating_add(1 + header)
            .saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
        if position > bytes.len() {
            return Some(section.to_owned());
        }
    }
    None
}

/// Decodes an unsigned LEB128 number of at most 32 bits: its value and length in bytes. None when
/// the bytes end in the middle of it.
fn leb128(bytes: &[u8]) -> Option<(u32, usize)> {
    let mut value = 0_u32;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    // Longer than a 32-bit number can be: malformed, not cut short.
    (bytes.len() >= 5).then_some((0, 5))
}

fn section_name(id: u8) -> &'static str {
    match id {
        0 => "a custom section",
        1 => "the type section",
        2 => "the import section",
        3 => "the function section",
        4 => "the table section",
        5 => "the memory section",
        6 => "the global section",
        7 => "the export section",
        8 => "the start section",
        9 => "the element section",
        10 => "the code section",
        11 => "the data section",
        12 => "the data count section",
        13 => "the tag section",
        _ => "a section of unknown kind",
    }
}

/// A size as people read it.
fn size_words(bytes: u64) -> String {
    match bytes {
        0 => "none".to_owned(),
        bytes if bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        bytes => format!("{bytes} bytes"),
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

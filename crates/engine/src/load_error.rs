//! Why a file is not a program that can run, in words that help whoever sees them.

use std::io;
use std::path::PathBuf;

use wasmparser::{Parser, Payload, Validator, WasmFeatures};

/// Why a program could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// There is no such file.
    #[error("there is no file {}", path.display())]
    NotFound { path: PathBuf },
    /// A folder where a file is needed.
    #[error("{} is a folder, not a WebAssembly file", path.display())]
    IsDirectory { path: PathBuf },
    /// A device, pipe or socket.
    #[error("{} is not a regular file", path.display())]
    NotAFile { path: PathBuf },
    /// The file is there but cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// The file changed while it was being loaded.
    #[error("{name} changed while it was being loaded; run it again")]
    Changed { name: String },
    /// Larger than [`crate::EngineConfig::maximum_program_bytes`].
    #[error("{name} is too large: {}, and the limit is {}", crate::limits::size(*size), crate::limits::size(*limit))]
    TooLarge { name: String, size: u64, limit: u64 },
    /// Not WebAssembly at all.
    #[error("{name} is not WebAssembly: {looks_like}")]
    NotWasm { name: String, looks_like: LooksLike },
    /// The file ends in the middle of something.
    #[error(
        "{name} is cut short: it ends at byte {size}, in the middle of {inside} (was it copied or \
         downloaded completely?)"
    )]
    Truncated {
        name: String,
        size: u64,
        inside: String,
    },
    /// WebAssembly that breaks the rules.
    #[error("{name} is malformed at byte {offset:#x}: {reason}")]
    Malformed {
        name: String,
        offset: u64,
        reason: String,
    },
    /// Text format with a mistake; the message has line and column.
    #[error("{name} is WebAssembly text with a mistake: {message}")]
    Text { name: String, message: String },
    /// A component; only modules run so far.
    #[error(
        "{name} is a component, and only core modules can run so far; it is a component that \
         imports {imports}"
    )]
    Component { name: String, imports: String },
    /// Valid by a proposal that is not supported.
    #[error("{name} needs something that is not supported (byte {offset:#x}): {reason}{advice}")]
    Unsupported {
        name: String,
        offset: u64,
        reason: String,
        advice: &'static str,
    },
    /// Valid, and yet the compiler gave up: an implementation limit, or a defect of the compiler.
    #[error("{name} cannot be compiled: {reason}")]
    Compile { name: String, reason: String },
    /// The engine could not be set up, or the system lacks memory or threads.
    #[error("cannot load {name}: {reason}")]
    Engine { name: String, reason: String },
}

/// What a file that is not WebAssembly looks like.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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

/// Checks the header: that `bytes` is a core module, as far as its first eight bytes tell.
pub(crate) fn look_at(name: &str, bytes: &[u8]) -> Result<(), LoadError> {
    let name = name.to_owned();
    if bytes.is_empty() || !bytes.starts_with(&MAGIC[..bytes.len().min(4)]) {
        let looks_like = looks_like(bytes);
        return Err(LoadError::NotWasm { name, looks_like });
    }
    let Some(version) = bytes.get(4..8) else {
        return Err(LoadError::Truncated {
            name,
            size: length(bytes),
            inside: "the file's header".to_owned(),
        });
    };
    if version == MODULE {
        return Ok(());
    }
    if version == COMPONENT {
        let imports = component_imports(bytes);
        return Err(LoadError::Component { name, imports });
    }
    let version = u32::from_le_bytes([version[0], version[1], version[2], version[3]]);
    Err(LoadError::Malformed {
        name,
        offset: 4,
        reason: format!("it says that it is version {version:#x} of WebAssembly, not version 1"),
    })
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

/// The names of what a component imports, shortened to one line.
fn component_imports(bytes: &[u8]) -> String {
    const SHOWN: usize = 6;
    let mut names = Vec::new();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload {
            Ok(Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) => depth += 1,
            Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
            Ok(Payload::ComponentImportSection(reader)) if depth == 0 => {
                names.extend(reader.into_iter().flatten().map(|import| import.name.name));
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let mut text = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

/// Says what is wrong with a module that the compiler refused with `refusal`.
///
/// Validates all of `bytes`, which is why it is only done when there is an error to explain.
pub(crate) fn diagnose(name: &str, bytes: &[u8], refusal: String) -> LoadError {
    if let Some(inside) = cut_short(bytes) {
        return LoadError::Truncated {
            name: name.to_owned(),
            size: length(bytes),
            inside,
        };
    }
    let name = name.to_owned();
    let Err(error) = Validator::new_with_features(supported()).validate_all(bytes) else {
        return LoadError::Compile {
            name,
            reason: refusal,
        };
    };
    let offset = u64::try_from(error.offset()).unwrap_or(u64::MAX);
    let reason = error.message().to_owned();
    if Validator::new_with_features(WasmFeatures::all())
        .validate_all(bytes)
        .is_err()
    {
        return LoadError::Malformed {
            name,
            offset,
            reason,
        };
    }
    let advice = if reason.contains("legacy") {
        "; convert it to the standard exceptions: wasm-opt --emit-exnref"
    } else {
        ""
    };
    LoadError::Unsupported {
        name,
        offset,
        reason,
        advice,
    }
}

/// The proposals that the engine supports: the standard ones, and wide arithmetic.
pub(crate) fn supported() -> WasmFeatures {
    WasmFeatures::WASM3 | WasmFeatures::WIDE_ARITHMETIC | WasmFeatures::THREADS
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

pub(crate) fn wat_error(name: &str, error: &wat::Error) -> LoadError {
    LoadError::Text {
        name: name.to_owned(),
        message: error.to_string(),
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

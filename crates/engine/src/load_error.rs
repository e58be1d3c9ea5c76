//! Why a file is not a program that can run, in words that help whoever sees them.

use holm_package::program::{self, ProgramError, ProgramKind};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

/// Why a program could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file is no program, as its place and its first bytes tell.
    #[error(transparent)]
    File(#[from] ProgramError),
    /// The file changed while it was being loaded.
    #[error("{name} changed while it was being loaded; run it again")]
    Changed { name: String },
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

/// Checks the header: that `bytes` is a core module, as far as its first eight bytes tell.
pub(crate) fn look_at(name: &str, bytes: &[u8]) -> Result<(), LoadError> {
    match program::kind(name, bytes)? {
        ProgramKind::Module => Ok(()),
        ProgramKind::Component => Err(LoadError::Component {
            name: name.to_owned(),
            imports: component_imports(bytes),
        }),
    }
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
    if let Err(error) = program::check_whole(name, bytes) {
        return error.into();
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
        let malformed = ProgramError::Malformed {
            name,
            offset,
            reason,
        };
        return malformed.into();
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

pub(crate) fn wat_error(name: &str, error: &wat::Error) -> LoadError {
    LoadError::Text {
        name: name.to_owned(),
        message: error.to_string(),
    }
}

#[cfg(test)]
mod tests;

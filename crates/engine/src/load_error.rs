//! Why a file is not a program that can run, in words that help whoever sees them.

use holm_diagnose::refusal::{Flaw, flaw};
use holm_package::program::{self, ProgramError, ProgramKind};
use wasmparser::{Parser, Validator, WasmFeatures};

use crate::settings::Form;

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

/// What a program is. A component is asynchronous if it is not valid without that feature; its
/// functions' bodies are not looked at, so this takes no time to speak of.
pub(crate) fn form_of(name: &str, bytes: &[u8]) -> Result<Form, LoadError> {
    if program::kind(name, bytes)? == ProgramKind::Module {
        return Ok(Form::Module);
    }
    let plain = supported().difference(WasmFeatures::CM_ASYNC);
    let mut validator = Validator::new_with_features(plain);
    for payload in Parser::new(0).parse_all(bytes) {
        let fits = payload.and_then(|payload| validator.payload(&payload).map(|_| ()));
        if fits.is_err() {
            // Or it is malformed, which its compiler will say.
            return Ok(Form::AsyncComponent);
        }
    }
    Ok(Form::Component)
}

/// Says what is wrong with a module that the compiler refused with `refusal`.
///
/// Validates all of `bytes`, which is why it is only done when there is an error to explain.
pub(crate) fn diagnose(name: &str, bytes: &[u8], refusal: String) -> LoadError {
    if let Err(error) = program::check_whole(name, bytes) {
        return error.into();
    }
    let name = name.to_owned();
    let Some(flaw) = flaw(bytes, supported()) else {
        return LoadError::Compile {
            name,
            reason: refusal,
        };
    };
    let Flaw { offset, reason, .. } = flaw;
    if flaw.is_malformed {
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

/// The proposals that the engine supports: the standard ones, wide arithmetic, and components
/// with asynchronous functions.
pub(crate) fn supported() -> WasmFeatures {
    WasmFeatures::WASM3
        | WasmFeatures::WIDE_ARITHMETIC
        | WasmFeatures::THREADS
        | WasmFeatures::COMPONENT_MODEL
        | WasmFeatures::CM_ASYNC
}

pub(crate) fn wat_error(name: &str, error: &wat::Error) -> LoadError {
    LoadError::Text {
        name: name.to_owned(),
        message: error.to_string(),
    }
}

#[cfg(test)]
mod tests;

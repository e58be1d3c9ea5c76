//! Why an engine refused a program: what is wrong with it, and where.

use wasmparser::{Parser, Payload, Validator, WasmFeatures};

/// The names of what a component imports, shortened to one line.
#[must_use]
pub fn component_imports(bytes: &[u8]) -> String {
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

/// What is wrong with a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where, in bytes.
    pub offset: u64,
    /// What, as the validator says it.
    pub reason: String,
    /// Whether no proposal would make it right.
    pub is_malformed: bool,
}

/// What is wrong with a module for an engine that supports these proposals; `None` when
/// nothing is. Validates all of `bytes`.
#[must_use]
pub fn flaw(bytes: &[u8], supported: WasmFeatures) -> Option<Flaw> {
    let error = Validator::new_with_features(supported)
        .validate_all(bytes)
        .err()?;
    let any = Validator::new_with_features(WasmFeatures::all()).validate_all(bytes);
    Some(Flaw {
        offset: u64::try_from(error.offset()).unwrap_or(u64::MAX),
        reason: error.message().to_owned(),
        is_malformed: any.is_err(),
    })
}

/// The first thing in a module that no proposal makes right.
#[must_use]
pub fn malformed(bytes: &[u8]) -> Option<Flaw> {
    flaw(bytes, WasmFeatures::all())
}

#[cfg(test)]
mod tests {
    use super::{component_imports, malformed};

    #[test]
    fn a_flaw_has_a_place() {
        assert_eq!(malformed(b"\0asm\x01\0\0\0"), None);
        let flaw = malformed(b"\0asm\x01\0\0\0\x63\0").expect("no section is called so");
        assert_eq!((flaw.offset, flaw.is_malformed), (10, true));
        assert_eq!(component_imports(b"\0asm\x0d\0\x01\0"), "nothing");
    }
}

//! The names of what a composition imports, after it was encoded.

use std::collections::HashMap;

use wasm_encoder::{Encode, RawSection, Section};
use wasmparser::{BinaryReaderError, Parser, Payload};

use crate::ambient::track;

const COMPONENT_IMPORT_SECTION: u8 = 10;

/// Gives imports of a component the names that `latest` has for their tracks. Only the name
/// changes: everything else refers to imports by number.
pub(super) fn rename_imports(
    bytes: &[u8],
    latest: &HashMap<String, String>,
) -> Result<Vec<u8>, BinaryReaderError> {
    let mut renamed = Vec::with_capacity(bytes.len());
    let mut copied = 0;
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                let range = section.range();
                let starts = section.clone().into_iter_with_offsets();
                let mut imports = Vec::new();
                for import in starts {
                    let (start, import) = import?;
                    imports.push((start, import.name.name));
                }
                let mut data = Vec::new();
                section.count().encode(&mut data);
                for (index, (start, name)) in imports.iter().enumerate() {
                    let end = imports.get(index + 1).map_or(range.end, |next| next.0);
                    write_import(&mut data, &bytes[*start..end], name, latest);
                }
                // The section begins with its number and its size, which is not in the range.
                let size = section_header(range.len());
                renamed.extend_from_slice(&bytes[copied..range.start - size]);
                let section = RawSection {
                    id: COMPONENT_IMPORT_SECTION,
                    data: &data,
                };
                renamed.push(section.id());
                section.encode(&mut renamed);
                copied = range.end;
            }
            _ => {}
        }
    }
    renamed.extend_from_slice(&bytes[copied..]);
    Ok(renamed)
}

/// Bytes before the content of a section of this size: its number, and the size.
fn section_header(size: usize) -> usize {
    let mut encoded = Vec::new();
    size.encode(&mut encoded);
    1 + encoded.len()
}

/// An import is a byte for the form of the name, the name, and what it is.
fn write_import(data: &mut Vec<u8>, import: &[u8], name: &str, latest: &HashMap<String, String>) {
    let mut written = Vec::new();
    name.encode(&mut written);
    let plain = import.get(1..1 + written.len()) == Some(written.as_slice());
    match latest.get(track(name)) {
        Some(newer) if plain && newer != name => {
            data.push(import[0]);
            newer.as_str().encode(data);
            data.extend_from_slice(&import[1 + written.len()..]);
        }
        _ => data.extend_from_slice(import),
    }
}

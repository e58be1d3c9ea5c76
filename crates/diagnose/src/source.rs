//! From code offsets to source lines: the DWARF in a module's `.debug_*` sections.

use addr2line::Context;
use gimli::{Dwarf, EndianSlice, LittleEndian, SectionId};
use wasmparser::{ExternalKind, Parser, Payload};

use crate::trap::SourceLocation;

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// A module's line table.
pub struct SourceMap<'a> {
    context: Context<Slice<'a>>,
    /// DWARF counts code from the start of the code section's content.
    code_start: u64,
}

/// One function at an address; several when some were inlined.
#[derive(Debug)]
pub struct Line {
    /// As the compiler mangled it.
    pub function: Option<String>,
    pub location: Option<SourceLocation>,
}

impl std::fmt::Debug for SourceMap<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceMap").finish_non_exhaustive()
    }
}

impl<'a> SourceMap<'a> {
    /// The lines of `module`; none when it has no debug information, or damaged one.
    pub fn new(module: &'a [u8]) -> Option<SourceMap<'a>> {
        let mut code_start = None;
        let mut sections: Vec<(&str, &[u8])> = Vec::new();
        for payload in Parser::new(0).parse_all(module) {
            match payload.ok()? {
                Payload::CodeSectionStart { range, .. } => {
                    code_start = u64::try_from(range.start).ok();
                }
                Payload::CustomSection(section) if section.name().starts_with(".debug_") => {
                    sections.push((section.name(), section.data()));
                }
                _ => {}
            }
        }
        let section = |id: SectionId| -> Result<Slice<'a>, gimli::Error> {
            let found = sections.iter().find(|(name, _)| *name == id.name());
            let data = found.map_or(&[][..], |(_, data)| *data);
            Ok(EndianSlice::new(data, LittleEndian))
        };
        if section(SectionId::DebugInfo).ok()?.is_empty() {
            return None;
        }
        let context = Context::from_dwarf(Dwarf::load(section).ok()?).ok()?;
        Some(SourceMap {
            context,
            code_start: code_start?,
        })
    }

    /// The functions at `module_offset`, innermost first.
    pub fn find(&self, module_offset: u64) -> Vec<Line> {
        let mut lines = Vec::new();
        let Some(address) = module_offset.checked_sub(self.code_start) else {
            return lines;
        };
        let Ok(mut frames) = self.context.find_frames(address).skip_all_loads() else {
            return lines;
        };
        while let Ok(Some(frame)) = frames.next() {
            let function = frame.function.as_ref();
            lines.push(Line {
                function: function
                    .and_then(|name| name.raw_name().ok())
                    .map(|name| name.into_owned()),
                location: frame.location.and_then(|location| {
                    Some(SourceLocation {
                        file: printable(location.file?),
                        line: location.line,
                        column: location.column,
                    })
                }),
            });
        }
        lines
    }
}

/// The name that `module` exports the function under.
pub fn export_name(module: &[u8], function_index: u32) -> Option<&str> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(exports) = payload.ok()? {
            let mut exports = exports.into_iter().flatten();
            let export = exports
                .find(|export| export.kind == ExternalKind::Func && export.index == function_index);
            return export.map(|export| export.name);
        }
    }
    None
}

/// The path without control characters: it comes from the guest.
fn printable(path: &str) -> String {
    path.chars()
        .filter(|character| !character.is_control())
        .collect()
}

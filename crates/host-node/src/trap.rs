//! A trap as V8 tells it, explained as natively.

use holm_command_line::explain::trap::{Frame, Location, Trap, render};
use holm_diagnose::source::SourceMap;
use holm_diagnose::trap::{RawFrame, TrapKind, explain_frame};
use serde::Deserialize;

/// A trap, as the engine tells it.
#[derive(Debug, Deserialize)]
pub(crate) struct Caught {
    /// Its kind, when the engine's words for it are known.
    kind: Option<TrapKind>,
    /// The engine's words.
    detail: String,
    /// What the program was at.
    during: During,
    /// The functions that were running, innermost first.
    frames: Vec<Place>,
    /// How many of them are shown.
    kept: usize,
}

/// What a program is at.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum During {
    Instantiation,
    Initialisation,
    Entry,
}

/// A function that was running.
#[derive(Debug, Deserialize)]
struct Place {
    index: u32,
    offset: u64,
    name: Option<String>,
}

impl Caught {
    /// The lines that a person reads. `module` are the program's bytes.
    pub(crate) fn render(&self, module: &[u8]) -> String {
        let (words, hint) = match self.kind {
            Some(kind) => {
                let (words, hint) = kind.words();
                (words.to_owned(), hint.map(str::to_owned))
            }
            None => (format!("trapped ({})", self.detail), None),
        };
        let summary = match self.during {
            During::Instantiation => {
                format!("{words} while it was being set up (its start function or data segments)")
            }
            During::Initialisation => format!("{words} in `_initialize`"),
            During::Entry => words,
        };
        let source = SourceMap::new(module);
        let frames = self.frames.iter().take(self.kept).flat_map(|place| {
            let raw = RawFrame {
                function_index: place.index,
                module_offset: Some(place.offset),
                name: place.name.as_deref(),
            };
            explain_frame(raw, source.as_ref(), module)
        });
        render(&Trap {
            summary,
            frames: frames
                .map(|frame| Frame {
                    function: frame.function,
                    is_inlined: frame.is_inlined,
                    location: frame.location.map(|location| Location {
                        file: location.file,
                        line: location.line,
                        column: location.column,
                    }),
                    module_offset: frame.module_offset,
                })
                .collect(),
            more_frames: self.frames.len() > self.kept,
            hint,
            has_debug_information: source.is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Caught;

    /// The guests' workers have the words for pages: the same.
    #[test]
    fn words_are_those_of_the_package() {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/src/guest/trap.ts");
        let script = std::fs::read_to_string(script).expect("the script");
        let table = script
            .split_once("const SUMMARIES = {")
            .and_then(|(_, rest)| rest.split_once("} as const"))
            .expect("its table")
            .0;
        let mut kinds = 0;
        for entry in table.split(",\n") {
            let Some((kind, words)) = entry.split_once(':') else {
                continue;
            };
            let kind: holm_diagnose::trap::TrapKind =
                serde_json::from_value(kind.trim().into()).expect("a kind");
            assert_eq!(words.trim().trim_matches('"'), kind.words().0);
            kinds += 1;
        }
        assert_eq!(kinds, 14);
    }

    #[test]
    fn a_trap_is_told_as_natively() {
        let caught: Caught = serde_json::from_value(serde_json::json!({
            "kind": "division_by_zero",
            "detail": "divide by zero",
            "during": "initialisation",
            "frames": [{ "index": 3, "offset": 66, "name": "divide" }, { "index": 4, "offset": 70, "name": null }],
            "kept": 1,
        }))
        .expect("a trap");
        assert_eq!(
            caught.render(b""),
            "holm: the program trapped: divided an integer by zero in `_initialize`\n  \
             0: divide (offset 0x42)\n  … and more below\n\
             holm: help: build the program with debug information (-g) to see source lines\n"
        );
    }
}

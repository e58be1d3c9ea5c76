//! A trap as its user reads it.

use std::fmt::Write;

use crate::text::shown;

/// A trap, as the host's engine explains it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trap {
    /// What happened: half a sentence without a full stop, for "the program trapped: ...".
    pub summary: String,
    /// The functions that were running, innermost first; inlined ones are frames of their own.
    pub frames: Vec<Frame>,
    /// Whether there were more frames than were kept.
    pub more_frames: bool,
    /// What usually causes it, or what to do about it.
    pub hint: Option<String>,
    /// Whether the program has debug information to get source lines from.
    pub has_debug_information: bool,
}

/// A function that was running.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Its name, demangled; `function 17` when it has none.
    pub function: String,
    /// Whether the compiler inlined it into the next one.
    pub is_inlined: bool,
    /// Where in the source.
    pub location: Option<Location>,
    /// Where in the module, in bytes from the start of the file.
    pub module_offset: Option<u64>,
}

/// A place in a program's source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// The file, as the compiler named it.
    pub file: String,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column, from 1.
    pub column: Option<u32>,
}

/// What happened, where, and what may help: lines, each with its end.
#[must_use]
pub fn render(report: &Trap) -> String {
    let mut text = format!("holm: the program trapped: {}\n", shown(&report.summary));
    let width = report.frames.len().saturating_sub(1).to_string().len();
    for (number, frame) in report.frames.iter().enumerate() {
        let inlined = if frame.is_inlined { " (inlined)" } else { "" };
        let _ = write!(
            text,
            "  {number:>width$}: {}{inlined}",
            shown(&frame.function)
        );
        match (&frame.location, frame.module_offset) {
            (Some(location), _) => {
                let _ = write!(text, "\n  {:>width$}    at {}", "", shown(&location.file));
                if let Some(line) = location.line {
                    let _ = write!(text, ":{line}");
                }
                if let Some(column) = location.column {
                    let _ = write!(text, ":{column}");
                }
            }
            (None, Some(offset)) => {
                let _ = write!(text, " (offset {offset:#x})");
            }
            (None, None) => {}
        }
        text.push('\n');
    }
    if report.more_frames {
        text.push_str("  … and more below\n");
    }
    if let Some(hint) = &report.hint {
        let _ = writeln!(text, "holm: help: {}", shown(hint));
    }
    if !report.has_debug_information && !report.frames.is_empty() {
        text.push_str(
            "holm: help: build the program with debug information (-g) to see source lines\n",
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Frame, Location, Trap, render};

    #[test]
    fn frames_are_numbered_and_hints_come_last() {
        let frame = |function: &str| Frame {
            function: function.to_owned(),
            ..Frame::default()
        };
        let trap = Trap {
            summary: "it divided by zero\u{1b}[2J".to_owned(),
            frames: vec![
                Frame {
                    is_inlined: true,
                    location: Some(Location {
                        file: "a.c".to_owned(),
                        line: Some(3),
                        column: None,
                    }),
                    ..frame("divide")
                },
                Frame {
                    module_offset: Some(0x2a),
                    ..frame("main")
                },
            ],
            more_frames: true,
            hint: Some("check the divisor".to_owned()),
            has_debug_information: true,
        };
        assert_eq!(
            render(&trap),
            "holm: the program trapped: it divided by zero\\u{1b}[2J\n  \
             0: divide (inlined)\n       at a.c:3\n  \
             1: main (offset 0x2a)\n  … and more below\n\
             holm: help: check the divisor\n"
        );
        let bare = Trap {
            frames: vec![frame("f")],
            ..Trap::default()
        };
        assert!(render(&bare).contains("build the program with debug information (-g)"));
    }
}

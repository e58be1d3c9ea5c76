//! A trap as its user reads it.

use std::fmt::Write;

use holm_os::engine::TrapReport;

use crate::error::shown;

/// What happened, where, and what may help.
pub(crate) fn render(report: &TrapReport) -> String {
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

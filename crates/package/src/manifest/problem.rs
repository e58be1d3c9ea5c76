//! What is wrong with a `holm.toml`, and where.

use core::fmt;
use core::ops::Range;

use thiserror::Error;

/// The most problems that are reported at once.
pub(super) const PROBLEMS_MAX: usize = 20;

/// Why a `holm.toml` was refused: at least one problem, in the order of the file.
///
/// Prints as one line for each problem; [`Problem::span`] lets a caller point at the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct ManifestError {
    problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, in one sentence without its stop.
    pub message: String,
    /// What stands there, for a line under the bytes.
    pub label: String,
    /// What to write instead, if that is known.
    pub help: Option<String>,
    /// The bytes of the file that it is about.
    pub span: Range<usize>,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
}

impl ManifestError {
    /// Takes the problems found, at least one.
    pub(super) fn new(mut problems: Vec<Problem>) -> Self {
        debug_assert!(!problems.is_empty(), "an error has a problem");
        problems.sort_by_key(|problem| problem.span.start);
        problems.truncate(PROBLEMS_MAX);
        Self { problems }
    }

    /// The problems, in the order of the file.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            problem.fmt(formatter)?;
        }
        Ok(())
    }
}

impl Problem {
    /// A problem at some bytes of `text`. A span beyond the text, or within a character, is
    /// moved to where text can be shown.
    pub(super) fn new(
        text: &str,
        span: Range<usize>,
        message: String,
        label: &str,
        help: Option<String>,
    ) -> Self {
        let start = text.floor_char_boundary(span.start);
        let end = text.ceil_char_boundary(span.end).max(start);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            message,
            label: label.to_owned(),
            help,
            span: start..end,
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Problem {
    /// `line 3, column 1: unknown key "nmae" in [app]; did you mean "name"?`
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "line {}, column {}: {}",
            self.line, self.column, self.message
        )?;
        match &self.help {
            Some(help) => write!(formatter, "; {help}"),
            None => Ok(()),
        }
    }
}

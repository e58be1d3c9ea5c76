//! What went wrong, as the user reads it.

use std::fmt::Display;

use crate::exit;

/// An error that ends `holm`: a sentence, what may help, and an exit code.
#[derive(Debug)]
pub(crate) struct CommandError {
    exit_code: u8,
    message: String,
    hints: Vec<String>,
    /// Printed as it is, without `error:` before it.
    rendered: bool,
}

impl CommandError {
    pub(crate) fn new(exit_code: u8, message: impl Display) -> CommandError {
        CommandError {
            exit_code,
            message: message.to_string(),
            hints: Vec::new(),
            rendered: false,
        }
    }

    /// Something of Holm's own or of the host's failed.
    pub(crate) fn failed(message: impl Display) -> CommandError {
        CommandError::new(exit::FAILED, message)
    }

    /// The command line is wrong.
    pub(crate) fn usage(message: impl Display) -> CommandError {
        CommandError::new(exit::USAGE, message)
    }

    /// A report that was laid out already.
    pub(crate) fn rendered(exit_code: u8, report: String) -> CommandError {
        CommandError {
            exit_code,
            message: report,
            hints: Vec::new(),
            rendered: true,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Display) -> CommandError {
        self.hints.push(hint.to_string());
        self
    }

    pub(crate) fn exit_code(&self) -> u8 {
        self.exit_code
    }

    pub(crate) fn print(&self) {
        if self.rendered {
            note!("{}", self.message.trim_end());
        } else {
            note!("holm: error: {}", self.message);
        }
        for hint in &self.hints {
            note!("holm: help: {hint}");
        }
    }
}

/// Text from a guest, an app or a file name, safe to show on a terminal.
pub(crate) fn shown(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            // What turns the direction of text around can make one path look like another.
            let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            let escaped = c.is_control() || turns;
            escaped
                .then(|| c.escape_default())
                .into_iter()
                .flatten()
                .chain((!escaped).then_some(c))
        })
        .collect()
}

/// The same for text that lays itself out over several lines.
pub(crate) fn shown_lines(text: &str) -> String {
    text.split('\n').map(shown).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{shown, shown_lines};

    #[test]
    fn lines_stay_lines() {
        assert_eq!(shown_lines("a\n  b\r\u{1b}\n"), "a\n  b\\r\\u{1b}\n");
    }

    #[test]
    fn what_could_move_the_cursor_is_escaped() {
        assert_eq!(shown("a\u{1b}[2Jb\u{9b}1mä"), "a\\u{1b}[2Jb\\u{9b}1mä");
    }
}

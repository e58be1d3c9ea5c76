//! What went wrong, as the user reads it.

use std::fmt::Display;

use holm_explain::exit;

use crate::host::Host;

/// An error that ends `holm`: a sentence, what may help, and an exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandError {
    exit_code: u8,
    message: String,
    hints: Vec<String>,
    /// Printed as it is, without `error:` before it.
    rendered: bool,
}

impl CommandError {
    /// An error with an exit code of [`exit`].
    pub fn new(exit_code: u8, message: impl Display) -> CommandError {
        CommandError {
            exit_code,
            message: message.to_string(),
            hints: Vec::new(),
            rendered: false,
        }
    }

    /// Something of Holm's own or of the host's failed.
    pub fn failed(message: impl Display) -> CommandError {
        CommandError::new(exit::FAILED, message)
    }

    /// The command line is wrong.
    pub fn usage(message: impl Display) -> CommandError {
        CommandError::new(exit::USAGE, message)
    }

    /// A report that was laid out already.
    #[must_use]
    pub fn rendered(exit_code: u8, report: String) -> CommandError {
        CommandError {
            exit_code,
            message: report,
            hints: Vec::new(),
            rendered: true,
        }
    }

    /// The same with one more line that may help.
    #[must_use]
    pub fn hint(mut self, hint: impl Display) -> CommandError {
        self.hints.push(hint.to_string());
        self
    }

    /// The exit code of `holm`.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// Says it on standard error; answers the exit code.
    pub fn tell(&self, host: &dyn Host) -> u8 {
        if self.rendered {
            note!(host, "{}", self.message.trim_end());
        } else {
            note!(host, "holm: error: {}", self.message);
        }
        for hint in &self.hints {
            note!(host, "holm: help: {hint}");
        }
        self.exit_code
    }
}

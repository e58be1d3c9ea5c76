//! What kept a planned program from being run, in the words of the native command.

use std::path::PathBuf;

use holm_abi::Errno;
use holm_command_line::{CommandError, problems, system_error};
use holm_diagnose::refusal::{Flaw, malformed};
use holm_kernel::SpawnError;
use holm_package::program::{self, ProgramError};
use serde::Deserialize;

/// What kept a program from being run.
#[derive(Debug, Deserialize)]
#[serde(tag = "problem", rename_all = "kebab-case")]
pub enum Problem {
    /// The process cannot be made of what was granted.
    Spawn {
        /// Why.
        message: String,
    },
    /// A directory of the host cannot be opened.
    Directory {
        /// Where the program would see it.
        guest: String,
        /// The directory.
        path: PathBuf,
        /// The system's name of the error, such as `ENOENT`.
        name: String,
        /// The system's number of it.
        number: i32,
    },
    /// Something else that was granted cannot be had.
    NotGiven {
        /// Where the program would see it.
        guest: String,
        /// Why.
        message: String,
    },
    /// The file of the trace cannot be written.
    Trace {
        /// The file.
        path: PathBuf,
        /// The system's name of the error.
        name: String,
        /// The system's number of it.
        number: i32,
    },
    /// The engine does not take the program.
    Program {
        /// What it says.
        message: String,
        /// What may help.
        help: Option<String>,
    },
    /// Something failed.
    Failed {
        /// What.
        message: String,
        /// What may help.
        help: Option<String>,
    },
}

/// What a problem is about.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    /// The program's name.
    pub(crate) name: &'a str,
    /// Its bytes.
    pub(crate) program: &'a [u8],
}

impl Problem {
    /// The problem, as it is told.
    pub(crate) fn error(self, context: &Context<'_>) -> CommandError {
        let helped = |error: CommandError, help: Option<String>| match help {
            Some(help) => error.hint(help),
            None => error,
        };
        match self {
            Problem::Spawn { message } => {
                let full = SpawnError::Refused(Errno::TooManyFds);
                if message == full.to_string() {
                    problems::not_spawned(&full)
                } else {
                    CommandError::usage(message)
                }
            }
            Problem::Directory {
                guest,
                path,
                name,
                number,
            } => problems::no_directory(&guest, &path, &name, number),
            Problem::NotGiven { guest, message } => problems::not_given(&guest, message),
            Problem::Trace { path, name, number } => {
                problems::no_trace(&path, system_error(&name, number))
            }
            Problem::Program { message, help } => {
                if let Err(error) = program::check_whole(context.name, context.program) {
                    return problems::no_program(&error);
                }
                match malformed(context.program) {
                    Some(Flaw { offset, reason, .. }) => {
                        problems::no_program(&ProgramError::Malformed {
                            name: context.name.to_owned(),
                            offset,
                            reason,
                        })
                    }
                    None => helped(problems::not_runnable(message), help),
                }
            }
            Problem::Failed { message, help } => helped(CommandError::failed(message), help),
        }
    }
}

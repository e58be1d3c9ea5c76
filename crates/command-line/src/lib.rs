//! The command line of `holm`: its options, questions, messages and exit codes, on every host.
//!
//! A host hands in the arguments and gets back what to do ([`start`]): nothing more, or to run
//! a [`Plan`]. When the program has ended, [`finish()`] says what there is to be said. All that
//! these two learn and say of the world goes through one small trait, [`Host`].
//!
//! Nothing here runs a program, nor reaches a file or a stream by itself.

#![forbid(unsafe_code)]
#[macro_use]
mod output;

mod answers;
mod app;
mod ask;
mod environment;
mod error;
mod finish;
pub mod folders;
mod grants;
pub mod host;
pub mod options;
mod places;
mod plan;
pub mod problems;
mod system_error;
#[cfg(test)]
mod tests;

use std::ffi::OsString;

use clap::Parser;

pub use error::CommandError;
pub use finish::{Ended, finish};
pub use holm_explain as explain;
pub use host::Host;
pub use plan::{Clock, Limits, Mount, MountAccess, Plan, Source, StandardStreams, Watch};
pub use system_error::system_error;

use options::{
    CacheOptions, Command, ComposeOptions, DiskOptions, InspectOptions, Options, ServeOptions,
};

/// What is to be done after the command line was read.
#[derive(Debug)]
pub enum Step {
    /// Nothing: all was said and done. The exit code.
    Done(u8),
    /// Run a program, then [`finish()`].
    Run(Box<Plan>),
    /// A command that not every host has.
    Special(SpecialCommand),
}

/// A command that works on what only some hosts have, such as compiled code.
#[derive(Debug)]
pub enum SpecialCommand {
    /// `holm serve`; [`plan_service`] plans it.
    Serve(Box<ServeOptions>),
    /// `holm inspect`
    Inspect(InspectOptions),
    /// `holm cache`
    Cache(CacheOptions),
    /// `holm disk`
    Disk(DiskOptions),
    /// `holm compose`
    Compose(ComposeOptions),
}

impl SpecialCommand {
    /// Says that this host does not have the command; answers the exit code.
    pub fn refuse(&self, host: &dyn Host) -> u8 {
        let name = match self {
            SpecialCommand::Serve(_) => "serve",
            SpecialCommand::Inspect(_) => "inspect",
            SpecialCommand::Cache(_) => "cache",
            SpecialCommand::Disk(_) => "disk",
            SpecialCommand::Compose(_) => "compose",
        };
        let error = CommandError::usage(format_args!("`holm {name}` is part of the native holm"));
        error.tell(host)
    }
}

/// Reads the command line, `arguments` with the command's own name first, and does all of it
/// that is not running a program: help and errors are said, answers listed, forgotten, asked
/// for and remembered.
pub fn start(arguments: impl IntoIterator<Item = OsString>, host: &dyn Host) -> Step {
    let options = match Options::try_parse_from(arguments) {
        Ok(options) => options,
        Err(error) => return Step::Done(refuse(&error, host)),
    };
    let done = match options.command {
        Command::Run(options) => match plan::plan(*options, host) {
            Ok(plan) => return Step::Run(Box::new(plan)),
            Err(error) => Err(error),
        },
        Command::Serve(options) => return Step::Special(SpecialCommand::Serve(options)),
        Command::Inspect(options) => return Step::Special(SpecialCommand::Inspect(options)),
        Command::Cache(options) => return Step::Special(SpecialCommand::Cache(options)),
        Command::Disk(options) => return Step::Special(SpecialCommand::Disk(options)),
        Command::Compose(options) => return Step::Special(SpecialCommand::Compose(options)),
        Command::Grants(options) => answers::manage(&options, host),
    };
    Step::Done(done.unwrap_or_else(|error| error.tell(host)))
}

/// Decides what each request of a service holds.
///
/// # Errors
///
/// What is wrong with the command line, or with what it grants.
pub fn plan_service(options: ServeOptions, host: &dyn Host) -> Result<Plan, CommandError> {
    plan::plan_service(options, host)
}

/// Says what is wrong with the command line, or the help that was asked for, which comes this
/// way too; answers the exit code.
fn refuse(error: &clap::Error, host: &dyn Host) -> u8 {
    let text = error.render();
    if error.use_stderr() {
        note_part!(host, "{text}");
        explain::exit::USAGE
    } else {
        show_part!(host, "{text}");
        0
    }
}

//! The `holm` command: runs WebAssembly programs in their sandbox, explains what it refuses.

#![forbid(unsafe_code)]
#[macro_use]
mod output;

mod app;
mod ask;
mod cache;
mod error;
mod exit;
mod grants;
mod inspect;
mod learn;
mod options;
mod paths;
mod report;
mod run;
mod stats;
mod trace;
mod trap;

use std::process::ExitCode;

use clap::Parser;

use crate::error::CommandError;
use crate::options::{Command, Options};

fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => {
            // `--help` and `--version` come this way too; nothing can be done about a
            // terminal that is gone.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { 0 });
        }
    };
    match execute(options.command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            error.print();
            ExitCode::from(error.exit_code())
        }
    }
}

fn execute(command: Command) -> Result<u8, CommandError> {
    match command {
        Command::Run(options) => run::run(*options),
        Command::Inspect(options) => inspect::run(&options),
        Command::Cache(options) => cache::run(&options),
        Command::Grants(options) => ask::manage(&options),
    }
}

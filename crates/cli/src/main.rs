//! The `holm` command: runs WebAssembly programs in their sandbox, explains what it refuses.

#![forbid(unsafe_code)]
#[macro_use]
mod output;

mod cache;
mod compose;
mod disk;
mod host;
mod inspect;
mod outgoing;
mod run;
mod serve;
mod watch;

use holm_command_line::{SpecialCommand, Step, start};

use crate::host::NativeHost;

fn main() {
    let host = NativeHost::default();
    let done = match start(std::env::args_os(), &host) {
        Step::Done(code) => Ok(code),
        Step::Run(plan) => run::run(*plan, &host),
        Step::Special(SpecialCommand::Serve(options)) => serve::run(*options, &host),
        Step::Special(SpecialCommand::Inspect(options)) => inspect::run(&options),
        Step::Special(SpecialCommand::Cache(options)) => cache::run(&options, &host),
        Step::Special(SpecialCommand::Disk(options)) => disk::run(&options),
        Step::Special(SpecialCommand::Compose(options)) => compose::run(&options),
    };
    let code = done.unwrap_or_else(|error| error.tell(&host));
    // At once: the system takes an engine apart no slower than we would.
    std::process::exit(i32::from(code))
}

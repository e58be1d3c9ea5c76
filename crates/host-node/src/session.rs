//! One run of the command: from its arguments to a plan, and from the program's end to a code.

use std::ffi::OsString;

use holm_command_line::{CommandError, Ended, Host, Plan, SpecialCommand, Step, finish, start};
use serde::{Deserialize, Serialize};

use crate::problem::{Context, Problem};
use crate::trap::Caught;

/// What the script is to do next.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer<'a> {
    /// End with this exit code: all was said.
    Done(u8),
    /// Run a program.
    Run(&'a Plan),
}

/// How the program ended, as the script tells it.
#[derive(Debug, Deserialize)]
pub struct Told {
    ended: Ended,
    trap: Option<Caught>,
}

/// A command, as far as it has come.
#[derive(Debug, Default)]
pub struct Session {
    plan: Option<Box<Plan>>,
}

/// What a plan has that only the native command can do.
fn lacks(plan: &Plan) -> Option<&'static str> {
    if !plan.listeners.is_empty() {
        return Some("--listen");
    }
    let core_dump = plan.watch.core_dump.as_ref().map(|_| "--coredump");
    plan.http.first().or(core_dump)
}

impl Session {
    /// Reads the command line, its own name first.
    pub fn start(&mut self, arguments: Vec<String>, host: &dyn Host) -> Answer<'_> {
        match start(arguments.into_iter().map(OsString::from), host) {
            Step::Done(code) => Answer::Done(code),
            Step::Run(plan) => match lacks(&plan) {
                Some(option) => Answer::Done(
                    CommandError::usage(format_args!("`{option}` is part of the native holm"))
                        .tell(host),
                ),
                None => Answer::Run(self.plan.insert(plan)),
            },
            Step::Special(command) => Answer::Done(SpecialCommand::refuse(&command, host)),
        }
    }

    /// Says what there is to be said of a program that has ended; answers the exit code.
    /// `program` are its bytes, when it trapped.
    pub fn finish(&self, told: Told, program: &[u8], host: &dyn Host) -> u8 {
        let mut ended = told.ended;
        ended.trap = told.trap.map(|caught| caught.render(program));
        match &self.plan {
            Some(plan) => finish(plan, &ended, host),
            None => ended.exit_code,
        }
    }

    /// Says why the program was not run; answers the exit code. `program` are its bytes, when
    /// the problem lies there.
    pub fn tell(&self, problem: Problem, program: &[u8], host: &dyn Host) -> u8 {
        let name = self
            .plan
            .as_ref()
            .map_or_else(String::new, |plan| plan.program.display().to_string());
        let context = Context {
            name: &name,
            program,
        };
        problem.error(&context).tell(host)
    }
}

//! `holm serve`: a component answers HTTP requests.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use holm_command_line::explain::text::shown_lines;
use holm_command_line::explain::{refusals, trap};
use holm_command_line::options::{ServeOptions as Options, Tier};
use holm_command_line::{CommandError, plan_service, problems};
use holm_os::engine::process::Outcome;
use holm_os::engine::{Program, TierChoice, explain_trap};
use holm_os::http::{Problem, Report, ServerBounds, ServerOptions};
use holm_os::kernel::Process;
use holm_os::package::grant::{Grant, Limit};
use holm_os::{ServeError, ServeOptions};

use crate::host::{NativeHost, Serves};
use crate::outgoing;
use crate::run;

pub(crate) fn run(options: Options, host: &NativeHost) -> Result<u8, CommandError> {
    host.serves.set(Some(Serves {
        requests: options.max_requests,
        timed: options.limit.timeout.is_some() || Path::new(&options.program).is_dir(),
    }));
    let serve = ServeOptions {
        server: ServerOptions {
            workers: options.workers,
            bounds: ServerBounds {
                connections: options.max_connections.max(1),
                body_bytes: options.max_body.as_deref().map(size).transpose()?,
                ..ServerBounds::default()
            },
            ..ServerOptions::at(options.address)
        },
        requests: usize::try_from(options.max_requests).unwrap_or(usize::MAX),
    };
    let plan = plan_service(options, host)?;
    let mut ready = host.ready();
    outgoing::set_up(&mut ready.system, &ready.program, &plan)?;
    let mut command = ready.system.command(&plan.name);
    for (name, value) in &plan.environment {
        command.env(name, value);
    }
    let disks = run::hold(&mut command, &plan, host)?;
    command.tier(match plan.tier {
        Tier::Auto | Tier::Optimised => TierChoice::Optimised,
        Tier::Baseline => TierChoice::Baseline,
    });
    let log = Log {
        program: ready.program,
        quiet: plan.watch.quiet,
        said: Mutex::default(),
    };
    let log = Arc::new(log);
    let report: Arc<dyn Report> = log.clone();
    let system = Arc::new(ready.system);
    let served = system.serve(
        &log.program,
        command,
        serve,
        &report,
        |address| show!("http://{address}/"),
        |code| std::process::exit(i32::from(code)),
    );
    for disk in &disks {
        disk.keep();
    }
    served.map_err(|error| failed(&error))?;
    Ok(0)
}

/// A size, as limits are written.
fn size(text: &str) -> Result<u64, CommandError> {
    match Grant::parse("memory", text) {
        Ok(Grant::Limit(Limit::Memory(bytes))) => Ok(bytes),
        Ok(_) => Err(CommandError::usage(format!("--max-body {text}: no size"))),
        Err(error) => Err(CommandError::usage(format!("--max-body: {error}"))),
    }
}

fn failed(error: &ServeError) -> CommandError {
    match error {
        ServeError::Load(error) => run::not_runnable(error),
        ServeError::Module | ServeError::Service(_) => problems::not_runnable(error),
        ServeError::CpuLimit => CommandError::usage(error),
        _ => CommandError::failed(shown_lines(&error.to_string())),
    }
}

/// Most kinds of problems that are told apart.
const KINDS_MAX: usize = 256;
/// How long one kind of problem is not told again.
const QUIET: Duration = Duration::from_secs(10);

/// Says on standard error what goes wrong: each kind once, and again with a count when it goes
/// on, so that requests which fail by the thousand do not fill a disk.
#[derive(Debug)]
struct Log {
    program: Program,
    quiet: bool,
    said: Mutex<HashMap<String, Said>>,
}

#[derive(Debug)]
struct Said {
    at: Instant,
    since: u64,
}

impl Log {
    /// `key` is the kind; `text` is made when it is said.
    fn say(&self, key: &str, text: impl FnOnce() -> String) {
        let again = {
            let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let full = said.len() >= KINDS_MAX;
            match said.get_mut(key) {
                None if full => return,
                None => {
                    said.insert(key.to_owned(), Said { at: now, since: 0 });
                    0
                }
                Some(known) => {
                    known.since += 1;
                    if now.duration_since(known.at) < QUIET {
                        return;
                    }
                    known.at = now;
                    std::mem::take(&mut known.since)
                }
            }
        };
        let mut lines = text();
        if again > 1 {
            lines.push_str(&format!("\n({again} times since it was last said)"));
        }
        note!("holm: {lines}");
    }
}

impl Log {
    /// Each refusal is a kind of its own.
    fn refused(&self, sentences: Vec<String>) {
        for line in sentences {
            self.say(&line, || line.clone());
        }
    }
}

impl Report for Log {
    fn problem(&self, problem: &Problem<'_>) {
        match problem {
            Problem::Ended(Outcome::Trapped { error, .. }) => {
                let key = error.root_cause().to_string();
                self.say(&key, || {
                    let report = explain_trap(error, &self.program);
                    let text = trap::render(&run::explained(report));
                    let text = text.strip_prefix("holm: ").unwrap_or(&text);
                    format!("a request failed: {}", shown_lines(text.trim_end()))
                });
            }
            Problem::Ended(Outcome::FailedToStart(error)) => {
                let text = error.to_string();
                self.say(&text, || {
                    format!("a request failed: {}", shown_lines(&text))
                });
            }
            Problem::Ended(Outcome::Signaled(signal)) => {
                let text = format!("a request was ended by {signal}");
                self.say(&text, || text.clone());
            }
            Problem::Ended(Outcome::Exited(code)) => {
                let text = format!("a request ended with exit code {code}");
                self.say(&text, || text.clone());
            }
            Problem::Silent => {
                let text = "a request was not answered: the component returned without a response";
                self.say(text, || text.to_owned());
            }
            Problem::Failed(code) => {
                let text = format!("the component answered a request with an error: {code:?}");
                self.say(&text, || shown_lines(&text));
            }
            Problem::TimedOut(time) => {
                let text = format!("a request took longer than {time:?} (--timeout)");
                self.say(&text, || text.clone());
            }
            Problem::NotStarted(reason) => {
                let text = format!("a request cannot be served: {reason}");
                self.say(&text, || shown_lines(&text));
            }
            _ => {}
        }
    }

    fn ended(&self, process: &Process, dependencies: &[Arc<Process>]) {
        if self.quiet {
            return;
        }
        let is_directory = |path: &str| Path::new(path).is_dir();
        self.refused(refusals::explain(&process.denials(), true, &is_directory));
        for dependency in dependencies {
            self.refused(refusals::explain_dependency(
                dependency.program(),
                &dependency.denials(),
                true,
                &is_directory,
            ));
        }
    }
}

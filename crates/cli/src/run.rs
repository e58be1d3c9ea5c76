//! `holm run`.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use holm_os::abi::Errno;
use holm_os::engine::{LoadError, Program, TierChoice};
use holm_os::kernel::SpawnError;
use holm_os::package::grant::Lock;
use holm_os::{Command, Failure, Finished, Interrupts, RunError, Running, System, SystemOptions};

use crate::app::App;
use crate::error::{CommandError, shown_lines};
use crate::learn::Learner;
use crate::options::{RunOptions, SeeOptions, Tier};
use crate::trace::Tracer;
use crate::{ask, cache, exit, grants, report, stats, trap};

pub(crate) fn run(options: RunOptions) -> Result<u8, CommandError> {
    let program = options.command.split_first();
    let Some((program, arguments)) = program.filter(|(program, _)| !program.is_empty()) else {
        return Err(CommandError::usage(
            "there is no program to run: its name is empty",
        ));
    };
    let program_path = Path::new(program);
    let app = App::open(program_path)?;
    let path = app
        .as_ref()
        .map_or_else(|| program_path.to_owned(), App::program);
    let system = System::new(SystemOptions {
        engine: cache::engine_config(options.no_cache, options.see.coredump.is_some()),
        seed: options.grant.seed,
    })
    .map_err(CommandError::failed)?;
    let program = system.open(&path).map_err(|error| not_runnable(&error))?;
    let mut given = grants::given(&options.grant, &options.limit)?;
    let lock = match &app {
        Some(app) => ask::settle(
            &app.manifest,
            &app.folder,
            || {
                program
                    .digest()
                    .map(|digest| digest.to_string())
                    .map_err(|error| not_runnable(&error))
            },
            &mut given,
            options.grant.grant_needs,
        )?,
        None => grants::lock(None, &given)?,
    };

    let mut command = system.command(&name(&options, app.as_ref(), &path));
    let arguments = all_arguments(arguments, app.as_ref())?;
    match &options.invoke {
        Some(export) => drop(command.invoke(export, &arguments)),
        None => drop(command.args(&arguments)),
    }
    if let Some(app) = &app {
        for (name, value) in &app.manifest.app.env {
            command.env(name, value);
        }
    }
    grants::hold(
        &mut command,
        &lock,
        app.as_ref().map(|app| app.folder.as_path()),
    )?;
    let watchers = Watchers::new(&options, &mut command)?;
    command.tier(match options.tier {
        Tier::Auto => TierChoice::Auto,
        Tier::Baseline => TierChoice::Baseline,
        Tier::Optimised => TierChoice::Optimised,
    });
    if options.see.coredump.is_some() {
        command.core_dump();
    }
    command
        .on_quick_start(cache::optimise_in_background)
        .on_start(pass_signals);
    let run = Arc::new(Run {
        program,
        see: options.see,
        app,
        lock,
        watchers,
    });
    let abandoned = run.clone();
    command.on_abandon(move |finished| {
        let code = match abandoned.finish(&finished) {
            Ok(()) => exit::of(finished.status),
            Err(error) => {
                error.print();
                error.exit_code()
            }
        };
        std::process::exit(i32::from(code));
    });
    let finished = system
        .run(&run.program, command)
        .map_err(|error| failed(&error))?;
    run.finish(&finished)?;
    Ok(exit::of(finished.status))
}

/// Signals to `holm` end the program, so that what is to be said of it can still be said;
/// the same signal a second time ends `holm` as well.
fn pass_signals(running: Running) {
    static INTERRUPTS: OnceLock<Interrupts> = OnceLock::new();
    match Interrupts::install(move |signal| running.signal(signal)) {
        // One process is run in the life of this one.
        Ok(interrupts) => drop(INTERRUPTS.set(interrupts)),
        Err(error) => note!("holm: signals end holm at once: {error}"),
    }
}

/// What the program is called: as the person says, or by its file.
fn name(options: &RunOptions, app: Option<&App>, path: &Path) -> String {
    if let Some(name) = &options.argv0 {
        return name.clone();
    }
    if let Some(app) = app {
        return app.manifest.app.name.clone();
    }
    path.file_name().map_or_else(
        || "program".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// The app's own arguments, then those that the person gives.
fn all_arguments(given: &[OsString], app: Option<&App>) -> Result<Vec<String>, CommandError> {
    let mut arguments = app.map_or_else(Vec::new, |app| app.manifest.app.args.clone());
    for (at, argument) in given.iter().enumerate() {
        let text = argument.to_str().ok_or_else(|| {
            CommandError::usage(format_args!(
                "argument {} ({:?}) is not UTF-8, which WASI programs cannot receive",
                at + 1,
                argument
            ))
        })?;
        arguments.push(text.to_owned());
    }
    Ok(arguments)
}

/// Who sees the program's system calls.
#[derive(Debug)]
pub(crate) struct Watchers {
    tracer: Option<Arc<Tracer>>,
    learner: Option<Arc<Learner>>,
}

impl Watchers {
    fn new(options: &RunOptions, command: &mut Command) -> Result<Watchers, CommandError> {
        let tracer = match options.see.trace {
            None => None,
            Some(format) => {
                let output: Box<dyn Write + Send> = match &options.see.trace_file {
                    None => Box::new(io::stderr()),
                    Some(path) => Box::new(File::create(path).map_err(|error| {
                        CommandError::failed(format_args!(
                            "the trace cannot be written to {}: {error}",
                            path.display()
                        ))
                    })?),
                };
                Some(Arc::new(Tracer::new(format, output)))
            }
        };
        let learner = options.see.learn.as_ref().map(|_| Arc::new(Learner::new()));
        if let Some(tracer) = &tracer {
            command.observer(tracer.clone());
        }
        if let Some(learner) = &learner {
            command.observer(learner.clone());
        }
        Ok(Watchers { tracer, learner })
    }
}

/// A run that is over, as far as it is to be told.
struct Run {
    program: Program,
    see: SeeOptions,
    app: Option<App>,
    lock: Lock,
    watchers: Watchers,
}

impl Run {
    /// Says and writes what is to be said and written once the program has ended.
    fn finish(&self, finished: &Finished) -> Result<(), CommandError> {
        if let Some(tracer) = &self.watchers.tracer {
            tracer.note(&finished.status.to_string());
        }
        if let Some(failure) = &finished.failure {
            self.tell(failure)?;
        }
        for line in &finished.results {
            show!("{line}");
        }
        if !self.see.quiet {
            if let Some(note) = &finished.note {
                note!("holm: {note}");
            }
            report::denials(finished);
        }
        if self.see.stats {
            stats::print(finished);
        }
        if let (Some(path), Some(learner)) = (&self.see.learn, &self.watchers.learner) {
            learner.write(path, finished, &self.program, self.app.as_ref(), &self.lock)?;
        }
        Ok(())
    }

    fn tell(&self, failure: &Failure) -> Result<(), CommandError> {
        note_part!("{}", trap::render(&failure.report));
        let (Some(path), Some(dump)) = (&self.see.coredump, &failure.core_dump) else {
            return Ok(());
        };
        std::fs::write(path, dump).map_err(|error| {
            CommandError::failed(format_args!(
                "the core dump cannot be written to {}: {error}",
                path.display()
            ))
        })?;
        note!("holm: core dump written to {}", path.display());
        Ok(())
    }
}

pub(crate) fn not_runnable(error: &LoadError) -> CommandError {
    let code = match error {
        LoadError::NotFound { .. } => exit::NOT_FOUND,
        _ => exit::NOT_RUNNABLE,
    };
    CommandError::new(code, shown_lines(&error.to_string()))
}

fn failed(error: &RunError) -> CommandError {
    let code = match error {
        RunError::Load(LoadError::NotFound { .. }) => exit::NOT_FOUND,
        RunError::Load(_) | RunError::Start(_) => exit::NOT_RUNNABLE,
        RunError::Spawn(_) => exit::USAGE,
        _ => exit::FAILED,
    };
    let failure = CommandError::new(code, shown_lines(&error.to_string()));
    match error {
        RunError::Spawn(SpawnError::Refused(Errno::TooManyFds)) => failure.hint(
            "standard streams, directories and sockets take a descriptor each; raise --max-fds",
        ),
        _ => failure,
    }
}

/// The path of a file as `holm.toml` names it: relative to the folder of that file where it
/// lies below it, else absolute.
pub(crate) fn relative_to(path: &Path, folder: &Path) -> PathBuf {
    let full = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
    let (Ok(path), Ok(folder)) = (full(path), full(folder)) else {
        return path.to_owned();
    };
    match path.strip_prefix(&folder) {
        Ok(rest) if rest.as_os_str().is_empty() => PathBuf::from("."),
        Ok(rest) => rest.to_owned(),
        Err(_) => path,
    }
}

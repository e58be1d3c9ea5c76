//! `holm run`: carries out what the command line decided.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use holm_command_line::explain::stats::{self, Measured};
use holm_command_line::explain::text::shown_lines;
use holm_command_line::explain::trap::{self, Frame, Location, Trap};
use holm_command_line::explain::{exit, refusals};
use holm_command_line::options::Tier;
use holm_command_line::{
    Clock, CommandError, Ended, MountAccess, Plan, Source, StandardStreams, finish, problems,
};
use holm_os::abi::ExitStatus;
use holm_os::engine::{LoadError, TierChoice, TrapReport};
use holm_os::{
    Access, Command, CommandError as HeldError, Finished, Interrupts, RunError, Running, Stdio,
};

use crate::cache;
use crate::disk::MountedDisk;
use crate::host::NativeHost;
use crate::outgoing;
use crate::watch::Watchers;

pub(crate) fn run(plan: Plan, host: &NativeHost) -> Result<u8, CommandError> {
    let mut ready = host.ready();
    outgoing::set_up(&mut ready.system, &ready.program, &plan)?;
    let mut command = ready.system.command(&plan.name);
    match &plan.invoke {
        Some(export) => drop(command.invoke(export, &plan.arguments)),
        None => drop(command.args(&plan.arguments)),
    }
    for (name, value) in &plan.environment {
        command.env(name, value);
    }
    let disks = hold(&mut command, &plan, host)?;
    let watchers = Watchers::new(&plan.watch, &mut command)?;
    command.tier(match plan.tier {
        Tier::Auto => TierChoice::Auto,
        Tier::Baseline => TierChoice::Baseline,
        Tier::Optimised => TierChoice::Optimised,
    });
    if plan.watch.core_dump.is_some() {
        command.core_dump();
    }
    command
        .on_quick_start(cache::optimise_in_background)
        .on_start(pass_signals);
    let run = Arc::new(Run {
        plan,
        watchers,
        disks,
    });
    let abandoned = run.clone();
    command.on_abandon(move |finished| {
        std::process::exit(i32::from(abandoned.finish(finished)));
    });
    let mut finished = ready
        .system
        .run(&ready.program, command)
        .map_err(|error| failed(&error))?;
    std::mem::take(&mut finished.remains).leak();
    Ok(run.finish(finished))
}

/// Gives a process what the plan says, but for arguments and environment.
pub(crate) fn hold(
    command: &mut Command,
    plan: &Plan,
    host: &NativeHost,
) -> Result<Vec<MountedDisk>, CommandError> {
    let mut disks = Vec::new();
    for mount in &plan.mounts {
        let guest = mount.guest.as_str();
        let held = match &mount.source {
            Source::Directory { path, access } => {
                let access = as_access(*access);
                command.directory(path, guest, access).map(drop)
            }
            Source::Disk { path, access } => command
                .disk(path, guest, as_access(*access))
                .map(|disk| disks.push(MountedDisk::new(path, disk))),
            Source::Archive { path } => command.archive(path, guest).map(drop),
            Source::Temporary { bytes } => command.temporary(guest, *bytes).map(drop),
        };
        held.map_err(|error| not_held(&error, guest))?;
    }
    for address in &plan.listeners {
        let bound = command
            .listen(*address)
            .map_err(|error| not_held(&error, &address.to_string()))?;
        problems::say_listening(bound, host);
    }
    for rule in plan.network.rules() {
        command.network(rule.clone());
    }
    if plan.clock == Clock::Coarse {
        command.coarse_clock();
    }
    let limits = &plan.limits;
    if let Some(bytes) = limits.memory_bytes {
        command.memory_limit(bytes);
    }
    if let Some(time) = limits.cpu {
        command.cpu_limit(time);
    }
    if let Some(time) = limits.wall {
        command.timeout(time);
    }
    if let Some(count) = limits.descriptors {
        command.descriptor_limit(count);
    }
    streams(command, plan.streams);
    Ok(disks)
}

fn as_access(access: MountAccess) -> Access {
    match access {
        MountAccess::ReadOnly => Access::ReadOnly,
        MountAccess::ReadWrite => Access::ReadWrite,
        MountAccess::CopyOnWrite => Access::CopyOnWrite,
    }
}

fn streams(command: &mut Command, streams: StandardStreams) {
    let output = if streams.escapes {
        Stdio::InheritRaw
    } else {
        Stdio::Inherit
    };
    let open = |open: bool, stdio: Stdio| if open { stdio } else { Stdio::Closed };
    command.stdin(open(streams.stdin, Stdio::Inherit));
    command.stdout(open(streams.stdout, output.clone()));
    command.stderr(open(streams.stderr, output));
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

/// A run, as far as its end needs to know of it.
struct Run {
    plan: Plan,
    watchers: Watchers,
    disks: Vec<MountedDisk>,
}

impl Run {
    /// Says and writes what is to be said and written once the program has ended; answers
    /// the exit code.
    fn finish(&self, finished: Finished) -> u8 {
        if let Some(tracer) = &self.watchers.tracer {
            tracer.note(&finished.status.to_string());
        }
        // Each of them, even when one fails.
        let lost = self.disks.iter().filter(|disk| !disk.keep()).count();
        let code = finish(&self.plan, &self.ended(finished), &NativeHost::default());
        if lost == 0 || code != 0 {
            code
        } else {
            exit::FAILED
        }
    }

    fn ended(&self, finished: Finished) -> Ended {
        let watch = &self.plan.watch;
        let status = finished.status;
        let process = &finished.process;
        let mut ended = Ended {
            exit_code: exit::of(status),
            results: finished.results,
            note: finished.note,
            ..Ended::default()
        };
        if let Some(failure) = finished.failure {
            ended.trap = Some(trap::render(&explained(failure.report)));
            ended.core_dump = failure.core_dump;
        }
        if !watch.quiet {
            let failed = status != ExitStatus::Exited(0);
            let is_directory = |path: &str| Path::new(path).is_dir();
            ended.refusals = refusals::explain(&process.denials(), failed, &is_directory);
            for dependency in &finished.dependencies {
                ended.refusals.extend(refusals::explain_dependency(
                    dependency.program(),
                    &dependency.denials(),
                    failed,
                    &is_directory,
                ));
            }
        }
        if watch.stats {
            let measured = Measured {
                wall: finished.wall,
                cpu: finished.cpu,
                start: finished.start,
                code: finished.code,
                peak_resident_bytes: finished.peak_resident_bytes,
            };
            ended.stats = stats::lines(status, process.usage(), &measured);
        }
        if let Some(learner) = &self.watchers.learner {
            ended.learned = Some(learner.learned(process, &finished.listening));
        }
        ended
    }
}

pub(crate) fn explained(report: TrapReport) -> Trap {
    let frames = report.frames.into_iter().map(|frame| Frame {
        function: frame.function,
        is_inlined: frame.is_inlined,
        location: frame.location.map(|location| Location {
            file: location.file,
            line: location.line,
            column: location.column,
        }),
        module_offset: frame.module_offset,
    });
    Trap {
        summary: report.summary,
        frames: frames.collect(),
        more_frames: report.more_frames,
        hint: report.hint,
        has_debug_information: report.has_debug_information,
    }
}

pub(crate) fn not_runnable(error: &LoadError) -> CommandError {
    match error {
        LoadError::File(error) => problems::no_program(error),
        _ => problems::not_runnable(error),
    }
}

fn failed(error: &RunError) -> CommandError {
    match error {
        RunError::Load(error) => not_runnable(error),
        RunError::Start(_) => problems::not_runnable(error),
        RunError::Spawn(error) => problems::not_spawned(error),
        _ => CommandError::failed(shown_lines(&error.to_string())),
    }
}

fn not_held(error: &HeldError, guest: &str) -> CommandError {
    match error {
        HeldError::Mount(error) => problems::not_mounted(guest, error),
        _ => problems::not_given(guest, error),
    }
}

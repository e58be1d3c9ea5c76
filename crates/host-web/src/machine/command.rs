//! Processes that a command line starts: what it gives them, and what it says of their end.

use std::sync::Arc;
use std::time::Duration;

use holm_abi::ExitStatus;
use holm_explain::exit;
use holm_explain::learn::Learner;
use holm_explain::stats::{self, Measured};
use holm_kernel::coarse_clock::{COARSE_NS, CoarseClock};
use holm_kernel::port::Clock;
use holm_kernel::trace::Observers;
use holm_kernel::{Access, MountError, Process, ProcessSpec};

use super::Guest;
use crate::control::{CommandSpawn, GivenAccess, Refusal};
use crate::event::{Outside, Report};
use crate::mounts::{Mounts, copy};

/// Bytes of changes that a copy-on-write directory keeps.
const COPY_BYTES: u64 = 1 << 30;
/// The shortest time between two looks at the CPU time.
const CPU_LOOK_NS: u64 = 5_000_000;

/// A process that a command line started, until its end.
#[derive(Debug)]
pub(super) struct CommandRun {
    learner: Option<Arc<Learner>>,
    stats: bool,
    start_ns: u64,
    code: String,
    /// CPU time that was used before it.
    cpu_before_ns: Option<u64>,
}

impl CommandRun {
    /// Puts what the command line gives into the specification of a process.
    ///
    /// # Errors
    ///
    /// Of the kind `mount`, when something cannot be mounted.
    pub(super) fn hold(
        spec: &mut ProcessSpec,
        given: CommandSpawn,
        mounts: &Mounts,
        clock: &Arc<dyn Clock>,
        outside: &dyn Outside,
    ) -> Result<CommandRun, Refusal> {
        for mount in &given.mounts {
            let (directory, _) = mounts
                .directory(&mount.path)
                .map_err(|error| Refusal::new("mount", error))?;
            let (directory, access, source) = match mount.access {
                GivenAccess::ReadOnly => (directory, Access::ReadOnly, mount.source.clone()),
                GivenAccess::ReadWrite => (directory, Access::ReadWrite, mount.source.clone()),
                GivenAccess::CopyOnWrite => (
                    copy(clock, directory, COPY_BYTES),
                    Access::ReadWrite,
                    format!("{} (a copy)", mount.source),
                ),
            };
            spec.namespace
                .mount(&mount.guest, directory, access, &source)
                .map_err(|error: MountError| {
                    Refusal::new(
                        "mount",
                        format_args!("cannot give the program {}: {error}", mount.guest),
                    )
                })?;
        }
        if given.coarse_clock {
            spec.clock = Some(Arc::new(CoarseClock::new(clock.clone(), COARSE_NS)));
        }
        let limits = &mut spec.limits;
        limits.memory_bytes = given.memory_bytes.unwrap_or(limits.memory_bytes);
        limits.cpu_ns = given.cpu_ns.unwrap_or(limits.cpu_ns);
        limits.wall_ns = given.wall_ns.unwrap_or(limits.wall_ns);
        limits.descriptors = given.descriptors.unwrap_or(limits.descriptors);
        let learner = given.learn.then(|| Arc::new(Learner::new()));
        if let Some(learner) = &learner {
            let all = spec.observer.take().into_iter();
            spec.observer = Observers::one_of(all.chain([learner.clone() as _]).collect());
        }
        Ok(CommandRun {
            learner,
            stats: given.stats,
            start_ns: given.start_ns,
            code: given.code,
            cpu_before_ns: outside.cpu_ns(),
        })
    }

    /// Whether every call must reach the kernel, where it is counted and seen.
    pub(super) fn counts(&self) -> bool {
        self.stats || self.learner.is_some()
    }

    /// What is said of its end.
    pub(super) fn report(
        &self,
        status: ExitStatus,
        process: &Process,
        refusals: Vec<String>,
        wall_ns: u64,
        outside: &dyn Outside,
    ) -> Report {
        let stats = if self.stats {
            let measured = Measured {
                wall: Duration::from_nanos(wall_ns),
                cpu: Duration::from_nanos(self.cpu_used_ns(outside).unwrap_or(0)),
                start: Duration::from_nanos(self.start_ns),
                code: self.code.clone(),
                peak_resident_bytes: outside.peak_resident_bytes(),
            };
            stats::lines(status, process.usage(), &measured)
        } else {
            Vec::new()
        };
        Report {
            note: exit::note(status, process.limits()),
            refusals,
            stats,
            learned: self
                .learner
                .as_ref()
                .map(|learner| learner.learned(process, &[])),
        }
    }

    fn cpu_used_ns(&self, outside: &dyn Outside) -> Option<u64> {
        Some(outside.cpu_ns()?.saturating_sub(self.cpu_before_ns?))
    }
}

/// The time that a guest computes, as far as can be seen from here: from each answer to its
/// next call. A page is not told what its workers use.
#[derive(Debug)]
pub(super) struct Stopwatch {
    used_ns: u64,
    since_ns: Option<u64>,
}

impl Stopwatch {
    /// A stopwatch that runs.
    pub(super) fn started(now_ns: u64) -> Stopwatch {
        Stopwatch {
            used_ns: 0,
            since_ns: Some(now_ns),
        }
    }

    /// The guest calls: it does not compute until it is answered.
    pub(super) fn stop(&mut self, now_ns: u64) {
        self.used_ns = self.used(now_ns);
        self.since_ns = None;
    }

    /// The guest was answered.
    pub(super) fn go_on(&mut self, now_ns: u64) {
        self.since_ns = Some(now_ns);
    }

    fn used(&self, now_ns: u64) -> u64 {
        let running = self
            .since_ns
            .map_or(0, |since| now_ns.saturating_sub(since));
        self.used_ns.saturating_add(running)
    }
}

/// CPU time that a guest has left; `None` when it may use any. In Node the workers around it
/// are counted too: they work for it.
pub(super) fn cpu_left_ns(guest: &Guest, now_ns: u64, outside: &dyn Outside) -> Option<u64> {
    let stopwatch = guest.stopwatch.as_ref()?;
    let limit = guest.task.process().limits().cpu_ns;
    let command = guest.command.as_ref();
    let used = command
        .and_then(|command| command.cpu_used_ns(outside))
        .unwrap_or_else(|| stopwatch.used(now_ns));
    Some(limit.saturating_sub(used))
}

/// When a guest's CPU time is to be looked at. It may use it up with two workers at once.
pub(super) fn looks_at_cpu(guest: &Guest, now_ns: u64, outside: &dyn Outside) -> Option<u64> {
    let left = cpu_left_ns(guest, now_ns, outside)?;
    Some(now_ns.saturating_add((left / 2).max(CPU_LOOK_NS)))
}

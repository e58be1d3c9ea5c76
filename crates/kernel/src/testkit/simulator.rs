//! A simulator: seeded random system calls of several processes, with faults.
//!
//! After each step invariants are checked.
//! Calls on paths are compared with a naive oracle; all others are thrown at the kernel with
//! valid, stale and senseless arguments. A run depends on its seed alone.

mod faulty;
mod invariants;
mod oracle;
mod path_calls;
mod random_calls;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use holm_abi::{ExitStatus, Fd, Limits, Signal};

use self::faulty::Faults;
use self::invariants::Account;
use self::oracle::{ModelMount, View};
use super::SplitMix64;
use super::host::{CountingWaker, HandClock, ScriptedListener, ScriptedStream};
use super::model::{Model, Tree, tree_of};
use crate::descriptor::Object;
use crate::deterministic::SeededEntropy;
use crate::kernel::{Authority, Kernel, Options, Ports};
use crate::process::{ChildMount, ChildSpec, ListenerSpec, Process, ProcessSpec, StandardStreams};
use crate::task::Task;
use crate::trace::{Observer, TraceEvent};
use crate::vfs::memfs::{MemoryFs, Quota};
use crate::vfs::mount::{Access, Mount, Namespace};
use crate::vfs::{Directory, Lookup, OpenOptions, Opened};

/// Where things are mounted, and whether the first process may change them. A child never
/// gets the last one.
const MOUNTS: [(&str, bool); 5] = [
    ("/", true),
    ("/m", true),
    ("/m/deep/er", true),
    ("/ro", false),
    ("/secret", true),
];
const SECRET: usize = 4;
/// What a file below `/secret` holds, and nothing else does.
const CANARY: &[u8] = b"CANARY";
const NAMES: [&str; 14] = [
    "a", "a", "a", "b", "b", "b", "c", "c", "m", "deep", "er", "ro", ".", "..",
];
const TARGETS: [&str; 14] = [
    "a",
    "b/c",
    "..",
    "../a",
    "../b/c",
    "../../b",
    "../../a/c",
    "m/a",
    "deep/",
    ".",
    "er",
    "c/",
    "/a",
    "../secret/canary",
];
/// Most operations kept to be told when a run fails.
const LOG_LENGTH: usize = 40;
/// Most live processes.
const GUESTS_MAX: u32 = 5;

/// What happened in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// System calls made.
    pub calls: u64,
    /// Those that succeeded.
    pub succeeded: u64,
    /// Those that would have blocked.
    pub blocked: u64,
    /// Those compared with the oracle.
    pub compared: u64,
    /// Backend calls that were made to fail.
    pub faults: u64,
    /// Processes made.
    pub processes: u64,
    /// A digest of the trace, in the runs that are traced: what a seed is, in one number.
    pub trace: u64,
}

impl Counts {
    /// Adds another run's.
    pub fn add(&mut self, other: Counts) {
        self.calls += other.calls;
        self.succeeded += other.succeeded;
        self.blocked += other.blocked;
        self.compared += other.compared;
        self.faults += other.faults;
        self.processes += other.processes;
        self.trace ^= other.trace;
    }
}

/// Folds every event of a trace into a number (FNV-1a of its text).
#[derive(Debug, Default)]
struct Digest(AtomicU64);

impl Observer for Digest {
    fn completed(&self, event: &TraceEvent<'_>) {
        let mut digest = self.0.load(Ordering::Relaxed);
        for byte in format!("{event:?}").bytes() {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.0.store(digest, Ordering::Relaxed);
    }
}

/// Runs `steps` steps of the seed.
///
/// # Panics
///
/// When something does not hold; the message tells the seed and the last operations.
pub fn simulate(seed: u64, steps: u32) -> Counts {
    let mut run = Run::new(seed);
    for _ in 0..steps {
        run.step();
    }
    run.finish()
}

/// A process of a run.
struct Guest {
    process: Arc<Process>,
    task: Task,
    view: View,
    /// The grants whose descriptors were not touched: number and path.
    bases: Vec<(Fd, &'static str)>,
    account: Account,
    /// Whether this is a child, which must never see the canary.
    child: bool,
}

struct Run {
    seed: u64,
    random: SplitMix64,
    clock: Arc<HandClock>,
    stdin: Arc<ScriptedStream>,
    listener: Arc<ScriptedListener>,
    faults: Arc<Faults>,
    mounts: Vec<ModelMount>,
    /// Whether the backends have changed since the models were taken.
    stale: bool,
    roots: Vec<Arc<dyn Directory>>,
    read_only: Tree,
    guests: Vec<Guest>,
    kernel: Arc<Kernel>,
    digest: Arc<Digest>,
    _authority: Authority,
    counts: Counts,
    steps: u64,
    log: VecDeque<String>,
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut random = SplitMix64::new(seed);
        let clock = Arc::new(HandClock::default());
        let faults = Faults::new(random.next_u64());
        let quota = match random.below(4) {
            0 => 4_000 + random.below(20_000),
            _ => 1 << 24,
        };
        let mut roots = Vec::new();
        for (path, writable) in MOUNTS {
            let bytes = if writable { quota } else { 1 << 24 };
            let root = MemoryFs::new(
                clock.clone(),
                Quota {
                    bytes,
                    inodes: 1_000,
                },
            )
            .root();
            fill(&*root, path, &mut random);
            roots.push(root);
        }
        let mut namespace = Namespace::builder();
        for ((path, writable), root) in MOUNTS.iter().zip(&roots) {
            let access = if *writable {
                Access::ReadWrite
            } else {
                Access::ReadOnly
            };
            namespace
                .mount(path, faulty::wrap(root.clone(), &faults), access, "memory")
                .expect("invariant: the points are free");
        }
        let options = Options {
            sorted_directories: random.chance(1, 2),
        };
        let ports = Ports {
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(random.next_u64())),
            network: None,
        };
        let (kernel, authority) = Kernel::boot(ports, options).expect("seeded entropy");
        let stdin = ScriptedStream::terminal();
        let listener = Arc::new(ScriptedListener::default());
        let digest = Arc::new(Digest::default());
        let observer: Arc<dyn Observer> = digest.clone();
        let spec = ProcessSpec {
            program: "parent".to_owned(),
            arguments: vec!["parent".to_owned()],
            namespace,
            streams: StandardStreams {
                stdin: Some(stdin.clone()),
                stdout: Some(ScriptedStream::terminal()),
                stderr: Some(ScriptedStream::terminal()),
            },
            listeners: vec![ListenerSpec {
                name: "listener".to_owned(),
                listener: listener.clone(),
            }],
            limits: Limits {
                descriptors: 12 + u32::try_from(random.below(12)).expect("invariant: small"),
                processes: GUESTS_MAX,
                memory_bytes: 1 << 20,
                bytes_out: if random.chance(1, 2) {
                    u64::MAX
                } else {
                    random.below(50_000)
                },
                ..Limits::default()
            },
            observer: random.chance(1, 2).then_some(observer),
            ..ProcessSpec::default()
        };
        let process = kernel.spawn(&authority, spec).expect("room for the grants");
        let mut run = Run {
            seed,
            random,
            clock,
            stdin,
            listener,
            faults,
            mounts: Vec::new(),
            stale: true,
            read_only: tree_of(&*roots[3]),
            roots,
            guests: Vec::new(),
            kernel,
            digest,
            _authority: authority,
            counts: Counts::default(),
            steps: 0,
            log: VecDeque::new(),
        };
        let view = (0..MOUNTS.len())
            .map(|mount| (mount, MOUNTS[mount].1))
            .collect();
        run.add_guest(process, view, false);
        run
    }

    fn add_guest(&mut self, process: Arc<Process>, view: View, child: bool) {
        let task = Task::new(
            process.clone(),
            Waker::from(Arc::new(CountingWaker::default())),
        );
        let mut bases = Vec::new();
        let table = crate::lock(&process.descriptors);
        for (fd, entry) in table.iter() {
            let name = entry.granted_as.as_deref();
            let path = MOUNTS.iter().find(|(path, _)| Some(*path) == name);
            bases.extend(path.map(|(path, _)| (fd, *path)));
        }
        drop(table);
        self.counts.processes += 1;
        let account = Account::default();
        self.guests.push(Guest {
            process,
            task,
            view,
            bases,
            account,
            child,
        });
    }

    /// Takes the models anew from the backends, when they have changed.
    fn recapture(&mut self) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        let models = MOUNTS
            .iter()
            .zip(&self.roots)
            .map(|((path, _), root)| ModelMount {
                path,
                model: Model::capture(&**root),
            });
        self.mounts = models.collect();
    }

    fn note(&mut self, what: String) {
        if self.log.len() == LOG_LENGTH {
            self.log.pop_front();
        }
        self.log.push_back(what);
    }

    fn fail(&self, message: &str) -> ! {
        let log: Vec<&str> = self.log.iter().map(String::as_str).collect();
        panic!(
            "seed {}: {message}\nlast operations:\n  {}\nreplay with HOLM_SEED={}",
            self.seed,
            log.join("\n  "),
            self.seed
        );
    }

    fn step(&mut self) {
        self.steps += 1;
        let one_in = [0, 0, 0, 40, 8][self.random.index(5)];
        self.faults.set(one_in);
        match self.random.below(40) {
            0 => self.clock.advance_ns(self.random.below(1_000)),
            1 => {
                let length = self.random.index(20);
                self.stdin.push(&self.random.bytes(length));
            }
            2 => drop(self.listener.connect()),
            3 | 4 => self.spawn(),
            5 if self.random.chance(1, 4) => self.end_some(),
            6 => self.memory(),
            7..=22 => self.path_call(),
            _ => self.random_call(),
        }
        self.counts.faults += u64::from(self.faults.take_fired());
        self.faults.set(0);
        self.check();
        if self.guests.is_empty() {
            self.fail("the first process never ends before the run does");
        }
    }

    fn some_guest(&mut self) -> usize {
        self.random.index(self.guests.len())
    }

    fn spawn(&mut self) {
        let at = self.some_guest();
        let mut view = self.guests[at].view.clone();
        view.retain(|(mount, _)| *mount != SECRET && self.random.chance(2, 3));
        for (_, writable) in &mut view {
            *writable &= self.random.chance(1, 2);
        }
        let greedy = self.random.chance(1, 10);
        let mounts = view.iter().map(|(mount, writable)| ChildMount {
            path: MOUNTS[*mount].0.to_owned(),
            access: if *writable || greedy {
                Access::ReadWrite
            } else {
                Access::ReadOnly
            },
        });
        let mut spec = ChildSpec {
            mounts: mounts.collect(),
            ..ChildSpec::default()
        };
        for child_fd in 0..3 {
            let from = Fd(u32::try_from(self.random.below(16)).expect("invariant: small"));
            let Ok(entry) = self.guests[at].task.entry(from) else {
                continue;
            };
            // What leads to a mount that the child does not get would be found by the checks.
            let fits = match &entry.open.object {
                Object::Stream(_) | Object::Listener(_) | Object::Socket(_) => true,
                Object::File(_, mount) => may_use(&view, mount),
                Object::Directory(place, _) => may_use(&view, &place.mount),
            };
            if fits && self.random.chance(2, 3) {
                spec.descriptors.push((Fd(child_fd), from, entry.rights));
            }
        }
        let exceeds = greedy
            && view.iter().any(|(mount, writable)| {
                let own = self.guests[at]
                    .view
                    .iter()
                    .find(|(known, _)| known == mount);
                !writable && own.is_some_and(|(_, own)| !own)
            });
        self.note(format!(
            "spawn by {} with {view:?}",
            self.guests[at].process.pid()
        ));
        match self.guests[at].process.clone().spawn_child(spec) {
            Ok(_) if exceeds => self.fail("a child got more than its parent has"),
            Ok(process) => {
                let view = view
                    .into_iter()
                    .map(|(mount, writable)| (mount, writable || greedy));
                self.add_guest(process, view.collect(), true);
            }
            Err(_) => {}
        }
    }

    /// Ends or kills a process; what was killed ends, as an engine would have it.
    fn end_some(&mut self) {
        let at = self.some_guest();
        let pid = self.guests[at].process.pid();
        if at == 0 {
            return;
        }
        self.note(format!("end {pid}"));
        if self.random.chance(1, 2) {
            self.guests[at].process.kill(Signal::Terminate);
        } else {
            self.guests[at].process.end(ExitStatus::Trapped);
        }
    }

    fn memory(&mut self) {
        let at = self.some_guest();
        let bytes = self.random.below(600_000);
        let guest = &mut self.guests[at];
        if self.random.chance(2, 3) {
            let fits = guest.account.memory + bytes <= guest.process.limits().memory_bytes;
            if guest.process.grow_memory(bytes) != fits {
                self.fail("memory is not what was asked for");
            }
            self.guests[at].account.memory += if fits { bytes } else { 0 };
        } else {
            guest.process.shrink_memory(bytes);
            guest.account.memory = guest.account.memory.saturating_sub(bytes);
        }
    }

    /// Ends everything; nothing may be held any more.
    fn finish(mut self) -> Counts {
        let first = self.guests[0].process.clone();
        first.kill(Signal::Kill);
        for guest in &self.guests {
            guest.process.end(ExitStatus::Exited(0));
        }
        self.check();
        if !self.kernel.processes().is_empty() {
            self.fail("a process is left");
        }
        drop(first);
        let processes: Vec<_> = self
            .guests
            .drain(..)
            .map(|guest| Arc::downgrade(&guest.process))
            .collect();
        if processes.iter().any(|process| process.strong_count() > 0) {
            self.fail("somebody holds a process that has ended");
        }
        if self.faults.live() > 0 {
            self.fail(&format!(
                "{} files or directories are still held",
                self.faults.live()
            ));
        }
        self.counts.trace = self.digest.0.load(Ordering::Relaxed);
        self.counts
    }
}

/// Whether a process with this view may hold what leads to `mount`.
fn may_use(view: &View, mount: &Mount) -> bool {
    view.iter().any(|(known, writable)| {
        MOUNTS[*known].0 == mount.path && (*writable || mount.access == Access::ReadOnly)
    })
}

/// Files and directories to start with: a few levels, so that walks have somewhere to go,
/// and links that lead up and down. A small quota may not have room for all: then there is
/// less.
fn fill(root: &dyn Directory, path: &str, random: &mut SplitMix64) {
    if path == MOUNTS[SECRET].0 {
        write(root, "canary", CANARY);
        return;
    }
    let _ = root.create_directory_at("deep");
    fill_level(root, 0, random);
}

fn fill_level(directory: &dyn Directory, depth: u32, random: &mut SplitMix64) {
    for name in ["a", "b"] {
        if depth < 3 && random.chance(2, 3) && directory.create_directory_at(name).is_ok() {
            if let Ok(Lookup::Directory(below)) = directory.lookup(name) {
                fill_level(&*below, depth + 1, random);
            }
        } else if random.chance(1, 2) {
            let _ = directory.symlink_at(name, TARGETS[random.index(TARGETS.len())]);
        }
    }
    if random.chance(2, 3) {
        let _ = directory.symlink_at("c", TARGETS[random.index(TARGETS.len())]);
    } else {
        write(directory, "c", b"content");
    }
}

fn write(directory: &dyn Directory, name: &str, bytes: &[u8]) {
    let create = OpenOptions {
        write: true,
        create: true,
        ..OpenOptions::default()
    };
    if let Ok(Opened::File(file)) = directory.open_at(name, create) {
        let _ = file.write_at(0, &[IoSlice::new(bytes)]);
    }
}

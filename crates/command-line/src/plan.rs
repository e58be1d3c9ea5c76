//! A run as it was decided on: everything that a host needs to know to carry it out.

use core::net::SocketAddr;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use holm_explain::trace::Format;
use holm_kernel::net::{NetRule, NetRules};
use holm_package::grant::{Access, ClockPrecision, Limit, Lock, LockedMount, LockedSource};

use crate::app::App;
use crate::ask;
use crate::environment::environment;
use crate::error::CommandError;
use crate::grants;
use crate::host::{Host, ProgramChoice};
use crate::options::{HttpOptions, RunOptions, SeeOptions, ServeOptions, Tier};

/// A run as it was decided on. A process of it holds what is named here, and nothing else.
///
/// With the feature `serde` it becomes JSON for a host in JavaScript; numbers of 64 bits are
/// strings of decimal digits there, which `BigInt` reads.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Plan {
    /// The program's file.
    pub program: PathBuf,
    /// Name of the program as it sees it: argument 0.
    pub name: String,
    /// The arguments after that one; those of the function when `invoke` is set.
    pub arguments: Vec<String>,
    /// The export to call instead of the program's start.
    pub invoke: Option<String>,
    /// The environment: each name once.
    pub environment: Vec<(String, String)>,
    /// What is mounted where, in order: directories get descriptors from 3 on.
    pub mounts: Vec<Mount>,
    /// Addresses to listen on, in order: the descriptors after the directories.
    pub listeners: Vec<SocketAddr>,
    /// What of the network it may use, as rules.
    #[cfg_attr(feature = "serde", serde(serialize_with = "json::rules"))]
    pub network: NetRules,
    /// How fine the clocks are.
    pub clock: Clock,
    /// With a seed, the run is repeatable: a virtual clock, randomness from the seed, sorted
    /// directories.
    #[cfg_attr(feature = "serde", serde(serialize_with = "json::decimal"))]
    pub seed: Option<u64>,
    /// What it may use in total.
    pub limits: Limits,
    /// The standard streams.
    pub streams: StandardStreams,
    /// How to compile.
    pub tier: Tier,
    /// Whether compiled code is kept.
    pub cache: bool,
    /// What is to be seen of the run.
    pub watch: Watch,
    /// How requests over HTTP leave: for hosts that send them.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub http: HttpOptions,
    /// What the end of the run needs to know of its beginning.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) origin: Origin,
}

/// What the end of a run needs to know of its beginning.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) app: Option<App>,
    pub(crate) lock: Lock,
}

/// Something mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Mount {
    /// The guest path.
    pub guest: String,
    /// What is there.
    pub source: Source,
}

/// What a mount shows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "kind", rename_all = "lowercase")
)]
pub enum Source {
    /// A directory of the host.
    Directory {
        /// Its path on the host.
        path: PathBuf,
        /// What may be done with its files.
        access: MountAccess,
    },
    /// The files of an archive, read-only.
    Archive {
        /// Its path on the host.
        path: PathBuf,
    },
    /// The files of a disk.
    Disk {
        /// The image's path on the host.
        path: PathBuf,
        /// What may be done with its files.
        access: MountAccess,
    },
    /// A directory in memory.
    Temporary {
        /// How many bytes it may hold.
        #[cfg_attr(feature = "serde", serde(serialize_with = "json::decimal"))]
        bytes: u64,
    },
}

/// What may be done with a mounted directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum MountAccess {
    /// Files are read.
    #[cfg_attr(feature = "serde", serde(rename = "ro"))]
    ReadOnly,
    /// Files are read and changed.
    #[cfg_attr(feature = "serde", serde(rename = "rw"))]
    ReadWrite,
    /// Files are read; changes go to a copy in memory, which is gone at the end.
    #[cfg_attr(feature = "serde", serde(rename = "cow"))]
    CopyOnWrite,
}

/// How fine the clocks of a program are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "lowercase")
)]
pub enum Clock {
    /// As fine as the host's.
    Fine,
    /// A step of 1 ms.
    Coarse,
}

/// What a program may use in total; `None` is the system's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Limits {
    /// Bytes over all memories and tables.
    #[cfg_attr(feature = "serde", serde(serialize_with = "json::decimal"))]
    pub memory_bytes: Option<u64>,
    /// CPU time.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "cpu_ns", serialize_with = "json::nanoseconds")
    )]
    pub cpu: Option<Duration>,
    /// Time from start to end.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "wall_ns", serialize_with = "json::nanoseconds")
    )]
    pub wall: Option<Duration>,
    /// Open descriptors.
    pub descriptors: Option<u32>,
}

/// Which standard streams a program has; they are the host's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct StandardStreams {
    /// Standard input is open.
    pub stdin: bool,
    /// Standard output is open.
    pub stdout: bool,
    /// Standard error is open.
    pub stderr: bool,
    /// Terminal escape sequences pass unfiltered.
    pub escapes: bool,
}

/// What is to be seen of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Watch {
    /// Trace the system calls, in this format.
    #[cfg_attr(feature = "serde", serde(serialize_with = "json::format"))]
    pub trace: Option<Format>,
    /// The file for the trace; standard error when there is none.
    pub trace_file: Option<PathBuf>,
    /// Say at the end what was used.
    pub stats: bool,
    /// Write what the program turned out to need to this file.
    pub learn: Option<PathBuf>,
    /// When the program traps, write a core dump to this file.
    pub core_dump: Option<PathBuf>,
    /// Say nothing about refusals.
    pub quiet: bool,
}

/// Decides on the processes of a service's requests.
pub(crate) fn plan_service(options: ServeOptions, host: &dyn Host) -> Result<Plan, CommandError> {
    if !options.grant.listeners.is_empty() {
        return Err(CommandError::usage(
            "--listen gives a socket to one program; a service is given requests (--addr)",
        ));
    }
    let options = RunOptions {
        command: vec![options.program],
        grant: options.grant,
        limit: options.limit,
        http: options.http,
        see: SeeOptions {
            quiet: options.quiet,
            ..SeeOptions::default()
        },
        invoke: None,
        argv0: None,
        tier: options.tier.unwrap_or(Tier::Optimised),
        no_cache: options.no_cache,
    };
    plan(options, host)
}

/// Decides on a run.
pub(crate) fn plan(options: RunOptions, host: &dyn Host) -> Result<Plan, CommandError> {
    let program = options.command.split_first();
    let Some((program, arguments)) = program.filter(|(program, _)| !program.is_empty()) else {
        return Err(CommandError::usage(
            "there is no program to run: its name is empty",
        ));
    };
    let path = Path::new(program);
    let app = App::open(path, host)?;
    let path = app.as_ref().map_or_else(|| path.to_owned(), App::program);
    host.open_program(&ProgramChoice {
        path: path.clone(),
        linked_from: app
            .as_ref()
            .filter(|app| !app.manifest.dependencies.is_empty())
            .map(|app| app.folder.clone()),
        cache: !options.no_cache,
        core_dump: options.see.coredump.is_some(),
        seed: options.grant.seed,
    })?;
    let mut given = grants::given(&options.grant, &options.limit)?;
    let lock = match &app {
        Some(app) => ask::settle(
            &app.manifest,
            &app.folder,
            &mut given,
            options.grant.grant_needs,
            host,
        )?,
        None => grants::lock(None, &given)?,
    };
    for grant in &lock.unused {
        note!(
            host,
            "holm: warning: {} is not given: the app's holm.toml does not ask for it",
            grant.to_option()
        );
    }
    let folder = app.as_ref().map(|app| app.folder.as_path());
    Ok(Plan {
        name: name(options.argv0, app.as_ref(), &path),
        arguments: all_arguments(arguments, app.as_ref())?,
        invoke: options.invoke,
        environment: environment(app.as_ref(), &lock, host)?,
        mounts: lock.mounts.iter().map(|it| mount(it, folder)).collect(),
        listeners: lock.listen.iter().map(|it| it.socket_address()).collect(),
        network: network(&lock, host),
        clock: match lock.clock {
            ClockPrecision::Coarse => Clock::Coarse,
            ClockPrecision::Fine => Clock::Fine,
        },
        seed: options.grant.seed,
        limits: limits(&lock),
        streams: StandardStreams {
            stdin: lock.stdio.stdin,
            stdout: lock.stdio.stdout,
            stderr: lock.stdio.stderr,
            escapes: lock.terminal_escapes,
        },
        tier: options.tier,
        cache: !options.no_cache,
        watch: watch(options.see),
        http: options.http,
        program: path,
        origin: Origin { app, lock },
    })
}

/// What the program is called: as the person says, or by its file.
fn name(argv0: Option<String>, app: Option<&App>, path: &Path) -> String {
    if let Some(name) = argv0 {
        return name;
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

/// A mount of the lock. Paths of an app's own archives count from its `folder`; all others
/// from where the person is.
fn mount(mount: &LockedMount, folder: Option<&Path>) -> Mount {
    let source = match &mount.source {
        LockedSource::Directory { host, access } => Source::Directory {
            path: PathBuf::from(host),
            access: mount_access(*access),
        },
        LockedSource::Disk { image, access } => Source::Disk {
            path: PathBuf::from(image),
            access: mount_access(*access),
        },
        LockedSource::Archive { archive, packaged } => Source::Archive {
            path: match (packaged, folder) {
                (true, Some(folder)) => folder.join(archive),
                _ => PathBuf::from(archive),
            },
        },
        LockedSource::Temporary { size } => Source::Temporary { bytes: *size },
    };
    Mount {
        guest: mount.guest.as_str().to_owned(),
        source,
    }
}

fn mount_access(access: Access) -> MountAccess {
    match access {
        Access::ReadOnly => MountAccess::ReadOnly,
        Access::ReadWrite => MountAccess::ReadWrite,
        Access::CopyOnWrite => MountAccess::CopyOnWrite,
    }
}

/// The rules of the lock; what opens everything is said aloud.
fn network(lock: &Lock, host: &dyn Host) -> NetRules {
    if lock.network.contains(&NetRule::All) {
        note!(
            host,
            "holm: warning: --net all lets the program reach everything that this machine reaches: \
             its own services, private networks, and the metadata service of a cloud provider, \
             which hands out credentials"
        );
    }
    lock.network.iter().cloned().collect()
}

fn limits(lock: &Lock) -> Limits {
    let mut limits = Limits::default();
    for limit in lock.limits.iter() {
        match limit {
            Limit::Memory(bytes) => limits.memory_bytes = Some(bytes),
            Limit::Cpu(time) => limits.cpu = Some(time),
            Limit::Timeout(time) => limits.wall = Some(time),
            Limit::Descriptors(count) => limits.descriptors = Some(count),
        }
    }
    limits
}

fn watch(see: SeeOptions) -> Watch {
    Watch {
        trace: see.trace.map(Format::from),
        trace_file: see.trace_file,
        stats: see.stats,
        learn: see.learn,
        core_dump: see.coredump,
        quiet: see.quiet,
    }
}

/// How some fields are written as JSON.
#[cfg(feature = "serde")]
mod json {
    use std::time::Duration;

    use holm_explain::trace::Format;
    use serde::{Serialize, Serializer};

    /// Rules as `--net` takes them.
    pub(super) fn rules<S: Serializer>(
        rules: &holm_kernel::net::NetRules,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(rules.rules().iter().map(ToString::to_string))
    }

    /// A number that JavaScript's own numbers cannot hold exactly.
    pub(super) trait Decimal {
        fn digits(&self) -> Option<String>;
    }

    impl Decimal for u64 {
        fn digits(&self) -> Option<String> {
            Some(self.to_string())
        }
    }

    impl Decimal for Option<u64> {
        fn digits(&self) -> Option<String> {
            self.as_ref().map(u64::to_string)
        }
    }

    pub(super) fn decimal<S: Serializer>(
        number: &impl Decimal,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        number.digits().serialize(serializer)
    }

    pub(super) fn nanoseconds<S: Serializer>(
        time: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        decimal(&time.map(nanoseconds), serializer)
    }

    pub(super) fn format<S: Serializer>(
        format: &Option<Format>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let word = |format: Format| match format {
            Format::Text => "text",
            Format::Json => "json",
        };
        format.map(word).serialize(serializer)
    }
}

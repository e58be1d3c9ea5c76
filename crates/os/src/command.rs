//! A process in the making: what it will hold.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use holm_abi::Limits;
use holm_disk::{Disk, OpenMode};
use holm_engine::TierChoice;
use holm_host_native::{Escapes, HostDirectory, HostError, HostListener};
use holm_kernel::coarse_clock::{COARSE_NS, CoarseClock};
use holm_kernel::net::NetRule;
use holm_kernel::port::Clock;
use holm_kernel::trace::Observers;
use holm_kernel::vfs::memfs::{MemoryFs, Quota};
use holm_kernel::vfs::overlayfs::OverlayFs;
use holm_kernel::vfs::{Directory, Stream};
use holm_kernel::{
    Access as MountAccess, ListenerSpec, MountError, Namespace, NamespaceBuilder, Observer,
    ProcessSpec, StandardStreams,
};

use crate::disk::{self, DiskFileError};
use crate::image::{self, ArchiveError};
use crate::run::{Finished, OnAbandon, OnQuickStart, OnStart};
use crate::stdio::Stdio;
use crate::watchdog::Running;

/// What a process may do with a directory of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read it.
    ReadOnly,
    /// Read and change it.
    ReadWrite,
    /// Read it and change a copy in memory, which is gone when the process ends.
    CopyOnWrite,
}

/// Why something cannot be given to a process.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// A directory, stream or socket of the host cannot be used.
    #[error(transparent)]
    Host(#[from] HostError),
    /// It cannot be mounted there.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// A disk cannot be used.
    #[error(transparent)]
    Disk(#[from] DiskFileError),
    /// An archive cannot be used.
    #[error("{path}: {source}")]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        source: ArchiveError,
    },
}

/// Bytes of changes that a copy-on-write mount keeps, unless the caller says otherwise.
const COPY_BYTES_DEFAULT: u64 = 1 << 30;
/// Files that a memory file system has for each MiB of quota, and at least.
const INODES_PER_MIB: u64 = 1 << 10;
const INODES_MIN: u64 = 1 << 12;

/// A process in the making.
pub struct Command {
    pub(crate) spec: ProcessSpec,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stdin: Stdio,
    pub(crate) stdout: Stdio,
    pub(crate) stderr: Stdio,
    pub(crate) invoke: Option<String>,
    pub(crate) invoke_arguments: Vec<String>,
    pub(crate) core_dump: bool,
    pub(crate) tier: TierChoice,
    pub(crate) listening: Vec<SocketAddr>,
    pub(crate) on_start: Option<OnStart>,
    pub(crate) on_abandon: Option<OnAbandon>,
    pub(crate) on_quick_start: Option<OnQuickStart>,
    observers: Vec<Arc<dyn Observer>>,
    /// How its mounts were made, so that they can be made again.
    recipes: Vec<Recipe>,
}

/// How a mount is made.
#[derive(Clone, Debug)]
struct Recipe {
    guest: String,
    source: String,
    kind: RecipeKind,
}

#[derive(Clone, Debug)]
enum RecipeKind {
    /// Files that all processes see.
    Shared(Arc<dyn Directory>, MountAccess),
    /// Files whose changes are each process's own.
    Copy(Arc<dyn Directory>),
    /// A directory in memory, each process's own.
    Temporary(u64),
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Command")
            .field("spec", &self.spec)
            .finish_non_exhaustive()
    }
}

impl Command {
    pub(crate) fn new(program: &str, clock: Arc<dyn Clock>) -> Command {
        let spec = ProcessSpec {
            program: program.to_owned(),
            arguments: vec![program.to_owned()],
            ..ProcessSpec::default()
        };
        Command {
            spec,
            clock,
            stdin: Stdio::Closed,
            stdout: Stdio::Closed,
            stderr: Stdio::Closed,
            invoke: None,
            invoke_arguments: Vec::new(),
            core_dump: false,
            tier: TierChoice::Auto,
            listening: Vec::new(),
            on_start: None,
            on_abandon: None,
            on_quick_start: None,
            observers: Vec::new(),
            recipes: Vec::new(),
        }
    }

    /// Adds an argument.
    pub fn arg(&mut self, argument: &str) -> &mut Command {
        self.spec.arguments.push(argument.to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<S: AsRef<str>>(&mut self, arguments: impl IntoIterator<Item = S>) -> &mut Command {
        for argument in arguments {
            self.arg(argument.as_ref());
        }
        self
    }

    /// Sets an environment variable; the last value counts.
    pub fn env(&mut self, name: &str, value: &str) -> &mut Command {
        self.spec.environment.retain(|(known, _)| known != name);
        self.spec
            .environment
            .push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where standard input comes from.
    pub fn stdin(&mut self, stdin: Stdio) -> &mut Command {
        self.stdin = stdin;
        self
    }

    /// Where standard output goes.
    pub fn stdout(&mut self, stdout: Stdio) -> &mut Command {
        self.stdout = stdout;
        self
    }

    /// Where standard error goes.
    pub fn stderr(&mut self, stderr: Stdio) -> &mut Command {
        self.stderr = stderr;
        self
    }

    /// Grants a directory of the host under the guest path `guest`.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when there is no such directory, or the guest path is taken.
    pub fn directory(
        &mut self,
        host: &Path,
        guest: &str,
        access: Access,
    ) -> Result<&mut Command, CommandError> {
        let directory = HostDirectory::open(host)?;
        let source = host.display().to_string();
        self.mount_directory(guest, directory, access, &source)?;
        Ok(self)
    }

    fn mount_directory(
        &mut self,
        guest: &str,
        directory: Arc<dyn Directory>,
        access: Access,
        source: &str,
    ) -> Result<(), MountError> {
        let (kind, source) = match access {
            Access::ReadOnly => (
                RecipeKind::Shared(directory, MountAccess::ReadOnly),
                source.to_owned(),
            ),
            Access::ReadWrite => (
                RecipeKind::Shared(directory, MountAccess::ReadWrite),
                source.to_owned(),
            ),
            Access::CopyOnWrite => (RecipeKind::Copy(directory), format!("{source} (a copy)")),
        };
        self.mount(guest, kind, &source)
    }

    fn mount(&mut self, guest: &str, kind: RecipeKind, source: &str) -> Result<(), MountError> {
        let recipe = Recipe {
            guest: guest.to_owned(),
            source: source.to_owned(),
            kind,
        };
        recipe.mount(&mut self.spec.namespace, &self.clock)?;
        self.recipes.push(recipe);
        Ok(())
    }

    /// Grants the files of the disk in the image at `path`, under the guest path `guest`.
    /// Answers the disk: who keeps it can [commit](Disk::commit) it when the process has ended,
    /// and hear what went wrong; it is committed in any case.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when it is no disk, is damaged or in use, or the guest path is taken.
    pub fn disk(
        &mut self,
        path: &Path,
        guest: &str,
        access: Access,
    ) -> Result<Arc<Disk>, CommandError> {
        let mode = match access {
            Access::ReadWrite => OpenMode::ReadWrite,
            Access::ReadOnly | Access::CopyOnWrite => OpenMode::ReadOnly,
        };
        let disk = Arc::new(disk::open_with(path, mode, self.clock.clone())?);
        let source = path.display().to_string();
        self.mount_directory(guest, disk.root(), access, &source)?;
        if mode == OpenMode::ReadWrite {
            disk::commit_now_and_then(&disk);
        }
        Ok(disk)
    }

    /// Grants a directory in memory that holds up to `bytes`.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the guest path is taken.
    pub fn temporary(&mut self, guest: &str, bytes: u64) -> Result<&mut Command, CommandError> {
        self.mount(guest, RecipeKind::Temporary(bytes), "memory")?;
        Ok(self)
    }

    /// Grants the files of an archive (tar, tar.gz, tar.zst, zip), to be read.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when it cannot be read, is damaged or hostile, or the guest path is
    /// taken.
    pub fn archive(&mut self, archive: &Path, guest: &str) -> Result<&mut Command, CommandError> {
        let root = image::open(archive).map_err(|source| CommandError::Archive {
            path: archive.to_owned(),
            source,
        })?;
        let source = archive.display().to_string();
        self.mount(
            guest,
            RecipeKind::Shared(root, MountAccess::ReadOnly),
            &source,
        )?;
        Ok(self)
    }

    /// Grants a socket that listens on `address`; answers the address that it got.
    ///
    /// # Errors
    ///
    /// [`CommandError`] when the host refuses the address.
    pub fn listen(&mut self, address: SocketAddr) -> Result<SocketAddr, CommandError> {
        let listener = HostListener::bind(address)?;
        let bound = listener.address();
        self.spec.listeners.push(ListenerSpec {
            name: bound.to_string(),
            listener,
        });
        self.listening.push(bound);
        Ok(bound)
    }

    /// Allows something of the network, beside what was allowed before.
    pub fn network(&mut self, rule: NetRule) -> &mut Command {
        self.spec.network.push(rule);
        self
    }

    /// Gives a clock with a step of one millisecond.
    pub fn coarse_clock(&mut self) -> &mut Command {
        self.spec.clock = Some(Arc::new(CoarseClock::new(self.clock.clone(), COARSE_NS)));
        self
    }

    /// Bounds the bytes of all memories and tables together.
    pub fn memory_limit(&mut self, bytes: u64) -> &mut Command {
        self.spec.limits.memory_bytes = bytes;
        self
    }

    /// Bounds CPU time.
    pub fn cpu_limit(&mut self, time: Duration) -> &mut Command {
        self.spec.limits.cpu_ns = nanoseconds(time);
        self
    }

    /// Bounds the time from start to end.
    pub fn timeout(&mut self, time: Duration) -> &mut Command {
        self.spec.limits.wall_ns = nanoseconds(time);
        self
    }

    /// Bounds the number of open descriptors.
    pub fn descriptor_limit(&mut self, count: u32) -> &mut Command {
        self.spec.limits.descriptors = count;
        self
    }

    /// The limits as they are.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.spec.limits
    }

    /// Lets `observer` see every system call, beside those given before.
    pub fn observer(&mut self, observer: Arc<dyn Observer>) -> &mut Command {
        self.observers.push(observer);
        self
    }

    /// Which code to run.
    pub fn tier(&mut self, tier: TierChoice) -> &mut Command {
        self.tier = tier;
        self
    }

    /// Calls `hook` when the process is about to run, with a handle to end it by.
    pub fn on_start(&mut self, hook: impl FnOnce(Running) + 'static) -> &mut Command {
        self.on_start = Some(Box::new(hook));
        self
    }

    /// Calls `hook` on another thread when the process was killed, or its time ran out, but
    /// it computes on: compiled code that was not made interruptible
    /// ([`holm_engine::EngineConfig`]) cannot be stopped. The hook ends the host process.
    pub fn on_abandon(&mut self, hook: impl Fn(Finished) + Send + Sync + 'static) -> &mut Command {
        self.on_abandon = Some(Box::new(hook));
        self
    }

    /// Calls `hook` with the program's path when it starts with code that
    /// [`holm_engine::Engine::optimise`] would make better for the next time.
    pub fn on_quick_start(&mut self, hook: fn(&Path)) -> &mut Command {
        self.on_quick_start = Some(hook);
        self
    }

    /// Calls the export `name` with arguments written as text, rather than `_start`.
    pub fn invoke(&mut self, name: &str, arguments: &[String]) -> &mut Command {
        self.invoke = Some(name.to_owned());
        self.invoke_arguments = arguments.to_vec();
        self
    }

    /// Keeps what a core dump needs, should the program trap. The engine must have been
    /// made with `core_dump_on_trap`.
    pub fn core_dump(&mut self) -> &mut Command {
        self.core_dump = true;
        self
    }

    /// A template for many processes that hold the same, each with its own memory.
    pub(crate) fn into_template(mut self) -> Template {
        let recipes = std::mem::take(&mut self.recipes);
        let clock = self.clock.clone();
        Template {
            recipes,
            clock,
            spec: self.into_spec(),
        }
    }

    /// The specification for the kernel, with the standard streams opened.
    pub(crate) fn into_spec(self) -> ProcessSpec {
        let mut spec = self.spec;
        spec.observer = Observers::one_of(self.observers);
        spec.streams = StandardStreams {
            stdin: match self.stdin {
                Stdio::Closed => None,
                Stdio::Stream(stream) => Some(stream),
                Stdio::Inherit | Stdio::InheritRaw => Some(holm_host_native::stdin()),
            },
            stdout: output(self.stdout, holm_host_native::stdout),
            stderr: output(self.stderr, holm_host_native::stderr),
        };
        spec
    }
}

fn memory(clock: &Arc<dyn Clock>, bytes: u64) -> Arc<dyn Directory> {
    let inodes = (bytes >> 20).saturating_mul(INODES_PER_MIB).max(INODES_MIN);
    MemoryFs::new(clock.clone(), Quota { bytes, inodes }).root()
}

impl Recipe {
    fn mount(
        &self,
        namespace: &mut NamespaceBuilder,
        clock: &Arc<dyn Clock>,
    ) -> Result<(), MountError> {
        let (directory, access) = match &self.kind {
            RecipeKind::Shared(directory, access) => (directory.clone(), *access),
            RecipeKind::Copy(lower) => {
                let upper = memory(clock, COPY_BYTES_DEFAULT);
                let overlay = OverlayFs::new(lower.clone(), upper, clock.clone());
                (overlay.root(), MountAccess::ReadWrite)
            }
            RecipeKind::Temporary(bytes) => (memory(clock, *bytes), MountAccess::ReadWrite),
        };
        namespace.mount(&self.guest, directory, access, &self.source)?;
        Ok(())
    }
}

/// What many processes hold. Making one of them asks nothing of the host.
#[derive(Debug)]
pub(crate) struct Template {
    recipes: Vec<Recipe>,
    clock: Arc<dyn Clock>,
    /// Its own namespace is left aside.
    spec: ProcessSpec,
}

impl Template {
    /// The specification of one more process. What it writes to memory is its own.
    pub(crate) fn spec(&self) -> Result<ProcessSpec, MountError> {
        let mut namespace = Namespace::builder();
        for recipe in &self.recipes {
            recipe.mount(&mut namespace, &self.clock)?;
        }
        let spec = &self.spec;
        Ok(ProcessSpec {
            program: spec.program.clone(),
            arguments: spec.arguments.clone(),
            environment: spec.environment.clone(),
            namespace,
            streams: spec.streams.clone(),
            listeners: Vec::new(),
            limits: spec.limits,
            clock: spec.clock.clone(),
            observer: spec.observer.clone(),
            network: spec.network.clone(),
        })
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.spec.limits
    }
}

type OpenOutput = fn(Escapes) -> Arc<dyn Stream>;

fn output(stdio: Stdio, open: OpenOutput) -> Option<Arc<dyn Stream>> {
    match stdio {
        Stdio::Closed => None,
        Stdio::Stream(stream) => Some(stream),
        Stdio::Inherit => Some(open(Escapes::Filtered)),
        Stdio::InheritRaw => Some(open(Escapes::Granted)),
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

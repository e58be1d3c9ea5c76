//! Making processes: by the host out of nothing, by a process out of what it holds.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8};
use std::sync::{Arc, Mutex, Weak};

use holm_abi::{Errno, Fd, FdFlags, Limits, Rights};

use super::{Family, Life, Process, Usage};
use crate::denial::{Cause, DenialLog, Limit};
use crate::descriptor::{DescriptorTable, Entry, Object, OpenFile};
use crate::kernel::{Authority, Kernel};
use crate::net::{NetRules, NetworkPolicy};
use crate::port::Clock;
use crate::trace::Observer;
use crate::vfs::devfs::DeviceDirectory;
use crate::vfs::listing::Listing;
use crate::vfs::mount::{Access, Namespace, NamespaceBuilder, Place};
use crate::vfs::node::{Listener, Stream};
use crate::vfs::procfs::ProcessDirectory;

/// Most bytes of arguments and environment together, as Linux bounds them at 2 MiB.
const STRINGS_MAX: usize = 2 << 20;

/// The three standard streams; `None` is closed.
#[derive(Clone, Debug, Default)]
pub struct StandardStreams {
    /// Descriptor 0.
    pub stdin: Option<Arc<dyn Stream>>,
    /// Descriptor 1.
    pub stdout: Option<Arc<dyn Stream>>,
    /// Descriptor 2.
    pub stderr: Option<Arc<dyn Stream>>,
}

/// A listening socket that was granted.
#[derive(Clone, Debug)]
pub struct ListenerSpec {
    /// What it listens on, in words.
    pub name: String,
    /// The socket.
    pub listener: Arc<dyn Listener>,
}

/// A process as the host makes it: everything that it will hold.
#[derive(Debug)]
pub struct ProcessSpec {
    /// Name of the program, for messages and `/proc`.
    pub program: String,
    /// Arguments, the program's name first.
    pub arguments: Vec<String>,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// Its granted mounts; `/dev` and `/proc` are added.
    pub namespace: NamespaceBuilder,
    /// Its standard streams.
    pub streams: StandardStreams,
    /// Its listening sockets.
    pub listeners: Vec<ListenerSpec>,
    /// What of the network it may use.
    pub network: NetRules,
    /// What it may use.
    pub limits: Limits,
    /// A clock other than the system's, such as a coarse one.
    pub clock: Option<Arc<dyn Clock>>,
    /// Who listens to its calls.
    pub observer: Option<Arc<dyn Observer>>,
}

impl Default for ProcessSpec {
    fn default() -> ProcessSpec {
        ProcessSpec {
            program: String::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            namespace: Namespace::builder(),
            streams: StandardStreams::default(),
            listeners: Vec::new(),
            network: NetRules::none(),
            limits: Limits::default(),
            clock: None,
            observer: None,
        }
    }
}

/// A mount that a child shall have of its parent's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildMount {
    /// Guest path of a mount that was granted to the parent.
    pub path: String,
    /// Access, at most the parent's.
    pub access: Access,
}

/// A process as another process makes it: a choice among what the parent holds.
#[derive(Clone, Debug, Default)]
pub struct ChildSpec {
    /// Name of the program.
    pub program: String,
    /// Arguments, the program's name first.
    pub arguments: Vec<String>,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// Mounts to pass on.
    pub mounts: Vec<ChildMount>,
    /// Descriptors to pass on: the child's number, the parent's number, the rights to keep.
    pub descriptors: Vec<(Fd, Fd, Rights)>,
    /// What of the parent's network to pass on: what these rules and the parent's both allow.
    /// `None` is nothing.
    pub network: Option<NetRules>,
    /// Limits; the parent's hold as well.
    pub limits: Limits,
}

/// Why a process was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpawnError {
    /// An argument or variable cannot be passed on.
    BadString {
        /// Which: `argument 3`, `variable PATH`.
        what: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Arguments and environment are larger than 2 MiB together.
    TooLarge,
    /// The kernel refused.
    Refused(Errno),
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpawnError::BadString { what, reason } => write!(f, "{what} {reason}"),
            SpawnError::TooLarge => {
                f.write_str("arguments and environment are larger than 2 MiB together")
            }
            SpawnError::Refused(errno) => write!(f, "the process could not be made: {errno}"),
        }
    }
}

impl std::error::Error for SpawnError {}

impl From<Errno> for SpawnError {
    fn from(errno: Errno) -> SpawnError {
        SpawnError::Refused(errno)
    }
}

impl Kernel {
    /// Makes a process with whatever the host gives it.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] for strings that cannot be passed on, and for too few descriptors.
    pub fn spawn(
        self: &Arc<Kernel>,
        _authority: &Authority,
        spec: ProcessSpec,
    ) -> Result<Arc<Process>, SpawnError> {
        check_strings(&spec.arguments, &spec.environment)?;
        let mut builder = spec.namespace;
        let (devices, own) = add_system_mounts(&mut builder);
        let namespace = Arc::new(builder.build());
        let mut table = DescriptorTable::new(spec.limits.descriptors);
        standard(&mut table, spec.streams);
        granted(&mut table, &namespace, spec.listeners)?;
        let family = Family::join(spec.limits.processes, None).map_err(|_| Errno::Again)?;
        let process = self.assemble(Parts {
            parent: Weak::new(),
            family,
            program: spec.program,
            arguments: spec.arguments,
            environment: spec.environment,
            namespace,
            table,
            network: NetworkPolicy::new(spec.network),
            limits: spec.limits,
            clock: spec.clock.unwrap_or_else(|| self.clock.clone()),
            observer: spec.observer,
        })?;
        devices.attach(&process);
        own.attach(&process);
        Ok(process)
    }

    fn assemble(self: &Arc<Kernel>, parts: Parts) -> Result<Arc<Process>, Errno> {
        let pid = self.new_pid().inspect_err(|_| parts.family.leave())?;
        let process = Arc::new(Process {
            pid,
            parent: parts.parent,
            kernel: self.clone(),
            program: parts.program,
            arguments: parts.arguments.into(),
            environment: parts.environment.into(),
            namespace: parts.namespace,
            started_ns: self.clock.monotonic_ns(),
            clock: parts.clock,
            network: parts.network,
            limits: parts.limits,
            observer: parts.observer,
            descriptors: Mutex::new(parts.table),
            usage: Usage::new(),
            denials: DenialLog::default(),
            life: Mutex::new(Life::default()),
            signal: AtomicU8::new(0),
            ended: AtomicBool::new(false),
            children: Mutex::new(Vec::new()),
            family: parts.family,
            left_family: AtomicBool::new(false),
        });
        self.register(&process);
        Ok(process)
    }
}

impl Process {
    /// Makes a child that holds a part of what this process holds.
    ///
    /// # Errors
    ///
    /// `EPERM` for more than this process holds, `ENOENT` for a mount and `EBADF` for a
    /// descriptor that it has not, `EAGAIN` at the limit of processes, `EMFILE` at that of
    /// descriptors, `ESRCH` when this process has ended.
    pub fn spawn_child(self: &Arc<Process>, spec: ChildSpec) -> Result<Arc<Process>, SpawnError> {
        check_strings(&spec.arguments, &spec.environment)?;
        if self.status().is_some() {
            return Err(Errno::NoProcess.into());
        }
        let keep: Vec<_> = spec
            .mounts
            .into_iter()
            .map(|mount| (mount.path, mount.access))
            .collect();
        let mut builder = self.namespace.restricted(&keep)?;
        let limits = spec.limits.and(self.limits);
        let mut table = DescriptorTable::new(limits.descriptors);
        for (fd, from, rights) in &spec.descriptors {
            let entry = crate::lock(&self.descriptors).get(*from)?.clone();
            if !entry.rights.contains(*rights) {
                return Err(Errno::NotPermitted.into());
            }
            if fd.0 >= limits.descriptors {
                return Err(Errno::TooManyFds.into());
            }
            table.insert_at(
                *fd,
                Entry {
                    rights: *rights,
                    granted_as: None,
                    ..passed_on(entry)
                },
            );
        }
        table.reserve_below(Fd(3));
        let (devices, own) = add_system_mounts(&mut builder);
        let namespace = Arc::new(builder.build());
        granted(&mut table, &namespace, Vec::new())?;
        let family = Family::join(limits.processes, Some(&self.family)).map_err(|limit| {
            self.deny(Cause::Limit(Limit::Processes(limit)), None, Errno::Again);
            Errno::Again
        })?;
        let child = self.kernel.assemble(Parts {
            parent: Arc::downgrade(self),
            family,
            program: spec.program,
            arguments: spec.arguments,
            environment: spec.environment,
            namespace,
            table,
            network: self.network.narrowed(spec.network.unwrap_or_default()),
            limits,
            clock: self.clock.clone(),
            observer: self.observer.clone(),
        })?;
        devices.attach(&child);
        own.attach(&child);
        crate::lock(&self.children).push(child.clone());
        // The parent was killed meanwhile: the killer has not seen this child.
        if self.signaled().is_some() || self.status().is_some() {
            child.kill(holm_abi::Signal::Kill);
        }
        Ok(child)
    }
}

struct Parts {
    parent: Weak<Process>,
    family: Arc<Family>,
    program: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    namespace: Arc<Namespace>,
    table: DescriptorTable,
    network: NetworkPolicy,
    limits: Limits,
    clock: Arc<dyn Clock>,
    observer: Option<Arc<dyn Observer>>,
}

fn check_strings(arguments: &[String], environment: &[(String, String)]) -> Result<(), SpawnError> {
    let mut bytes = 0;
    for (at, argument) in arguments.iter().enumerate() {
        if argument.contains('\0') {
            let what = format!("argument {at}");
            return Err(SpawnError::BadString {
                what,
                reason: "has a NUL in it",
            });
        }
        bytes += argument.len() + 1;
    }
    for (name, value) in environment {
        let reason = if name.is_empty() {
            Some("has no name")
        } else if name.contains(['=', '\0']) {
            Some("has a `=` or a NUL in its name")
        } else if value.contains('\0') {
            Some("has a NUL in its value")
        } else {
            None
        };
        if let Some(reason) = reason {
            return Err(SpawnError::BadString {
                what: format!("variable {name:?}"),
                reason,
            });
        }
        bytes += name.len() + value.len() + 2;
    }
    if bytes > STRINGS_MAX {
        Err(SpawnError::TooLarge)
    } else {
        Ok(())
    }
}

/// Gives the process its own `/dev` and `/proc`; both hold nothing that it has not anyway.
fn add_system_mounts(
    builder: &mut NamespaceBuilder,
) -> (Arc<DeviceDirectory>, Arc<ProcessDirectory>) {
    let devices = Arc::new(DeviceDirectory::new());
    let own = Arc::new(ProcessDirectory::new());
    builder.mount_system("/dev", devices.clone());
    builder.mount_system("/proc", own.clone());
    (devices, own)
}

/// What a child gets of its parent's descriptor. A directory loses its place in the
/// parent's namespace: the mounts below it were granted to the parent, not to the child.
fn passed_on(entry: Entry) -> Entry {
    match &entry.open.object {
        Object::Directory(place, _) if place.point.is_some() => {
            let place = Place {
                point: None,
                ..place.clone()
            };
            let object = Object::Directory(place, Mutex::new(Listing::default()));
            Entry {
                open: Arc::new(OpenFile::new(object, entry.open.flags())),
                ..entry
            }
        }
        _ => entry,
    }
}

fn standard(table: &mut DescriptorTable, streams: StandardStreams) {
    let input = Rights::STREAM.without(Rights::FD_WRITE);
    let output = Rights::STREAM.without(Rights::FD_READ);
    let all = [
        (Fd::STDIN, streams.stdin, input),
        (Fd::STDOUT, streams.stdout, output),
        (Fd::STDERR, streams.stderr, output),
    ];
    for (fd, stream, rights) in all {
        if let Some(stream) = stream {
            table.insert_at(fd, Entry::stream(stream, rights));
        }
    }
    table.reserve_below(Fd(3));
}

/// Opens what was granted from descriptor 3 on: directories in the order of their grants,
/// then listening sockets. Where nothing was granted at the root and there is no socket,
/// the root is opened last: a program that asks for a path which nobody granted then
/// reaches the kernel, and the refusal can be explained. (With sockets it is left out,
/// because by convention they start at 3 when there are no directories.)
fn granted(
    table: &mut DescriptorTable,
    namespace: &Arc<Namespace>,
    listeners: Vec<ListenerSpec>,
) -> Result<(), Errno> {
    let root = !namespace.root_is_granted() && listeners.is_empty();
    for place in namespace.granted_places() {
        let name = match &place.mount.origin {
            crate::vfs::mount::Origin::Granted(name) => name.clone(),
            _ => place.mount.path.clone(),
        };
        table.insert(directory_entry(place, &name))?;
    }
    for listener in listeners {
        let open = OpenFile::new(Object::Listener(listener.listener), FdFlags::NONE);
        table.insert(Entry::new(open, Rights::LISTENER, Rights::SOCKET))?;
    }
    if root {
        table.insert(directory_entry(namespace.root(), "/"))?;
    }
    Ok(())
}

fn directory_entry(place: Place, name: &str) -> Entry {
    // Also on a read-only mount: other mounts may lie below it, and the mount itself
    // answers `EROFS`, which says more than a missing right.
    let (rights, inheriting) = (Rights::DIRECTORY, Rights::ALL);
    let open = OpenFile::new(
        Object::Directory(place, Mutex::new(Listing::default())),
        FdFlags::NONE,
    );
    let mut entry = Entry::new(open, rights, inheriting);
    entry.granted_as = Some(name.into());
    entry
}

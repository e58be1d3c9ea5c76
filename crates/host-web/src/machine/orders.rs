//! Carrying out what the page orders.

use std::sync::Arc;

use holm_abi::{Errno, ExitStatus, Pid, Signal};
use holm_disk::BlockDevice;
use holm_explain::trace::Format;
use holm_kernel::vfs::ranges::SourceVersion;
use holm_kernel::vfs::{Directory, Stream};
use holm_kernel::{Access, MountError, ProcessSpec, StandardStreams, pipe};

use super::command::CommandRun;
use super::{CANNOT_START, Machine, MountPlan, Trace, function_name, usage};
use crate::archives::Opened;
use crate::control::{
    Answer, End, Files, Local, MountInfo, Order, Pipe, ProcessInfo, Refusal, Reply, Source, Spawn,
    Spawned, Stdio, Terminal, TraceFormat,
};
use crate::disks::Wanted;
use crate::event::Event;
use crate::grants;
use crate::mounts::{SystemMount, absolute, copy, memory};
use crate::streams::From;

/// Most guests at one time.
const GUESTS_MAX: usize = 1024;

impl Machine {
    /// Carries an order out; `bytes` are those behind it.
    pub fn order(&mut self, order: &[u8], bytes: Vec<u8>) -> Answer {
        let order: Order = match serde_json::from_slice(order) {
            Ok(order) => order,
            Err(error) => {
                return Answer::Error(Refusal::new(
                    "protocol",
                    format_args!("the kernel does not know this order: {error}"),
                ));
            }
        };
        match self.carry_out(order, bytes) {
            Ok(reply) => Answer::Ok(reply),
            Err(refusal) => Answer::Error(refusal),
        }
    }

    fn carry_out(&mut self, order: Order, bytes: Vec<u8>) -> Result<Reply, Refusal> {
        match order {
            Order::Mount {
                path,
                source,
                ticket,
            } => return self.mount(&path, source, ticket, bytes),
            Order::Fetched {
                ticket,
                length,
                tag,
            } => {
                let version = SourceVersion { length, tag };
                self.archives.fetched(ticket, Ok((&bytes, &version)));
            }
            Order::NotFetched { ticket, why } => self.archives.fetched(ticket, Err(&why)),
            Order::Sync => self
                .disks
                .commit()
                .map_err(|error| Refusal::new("storage", error))?,
            Order::Unmount { path } => self.unmount(&absolute(&path))?,
            Order::Mounts => return Ok(Reply::Mounts(self.list_mounts())),
            Order::Files => return self.open_files().map(Reply::Files),
            Order::Spawn(spawn) => {
                return self
                    .spawn(*spawn)
                    .map(|spawned| Reply::Spawned(Box::new(spawned)));
            }
            Order::End { task, how } => self.guest_ended(task, how),
            Order::Kill { pid, signal } => {
                let signal = Signal::from_raw(signal).unwrap_or(Signal::Kill);
                if let Some(process) = self.kernel.process(Pid(pid)) {
                    process.kill(signal);
                }
            }
            Order::Processes => return Ok(Reply::Processes(self.list_processes())),
            Order::Pipe => {
                let pipe = self.pipes.add().ok_or_else(|| {
                    Refusal::new(
                        "spawn",
                        "too many pipes wait for their processes; close some",
                    )
                })?;
                return Ok(Reply::Pipe(Pipe { pipe }));
            }
            Order::ClosePipe { pipe } => self.pipes.remove(pipe),
            Order::Terminal { columns, rows } => {
                let (terminal, master) = self.terminals.add(&self.ready, columns, rows);
                let stream = self.streams.outwards(&self.ready, From::Terminal(master));
                return Ok(Reply::Terminal(Terminal { terminal, stream }));
            }
            Order::Type { terminal } => self.terminals.type_bytes(terminal, &bytes),
            Order::Resize {
                terminal,
                columns,
                rows,
            } => {
                if let Some(master) = self.terminals.master(terminal) {
                    master.resize(columns, rows);
                }
            }
            Order::Mode { terminal, raw } => self.terminals.set_mode(terminal, raw),
            Order::HangUp { terminal } => self.terminals.remove(terminal),
            Order::Ready { stream } => standard_ready(stream),
            Order::Credit { stream, bytes } => self.streams.credit(stream, bytes),
            Order::Give { stream } => self
                .streams
                .give(stream, bytes)
                .map_err(|errno| Refusal::new("stream", errno.words()))?,
            Order::Close { stream } => self.streams.close(stream),
        }
        Ok(Reply::Done(()))
    }

    /// Mounts a source; an archive is there only once it was listed, which an event tells.
    fn mount(
        &mut self,
        path: &str,
        source: Source,
        ticket: u32,
        bytes: Vec<u8>,
    ) -> Result<Reply, Refusal> {
        let mut copies = Vec::new();
        let mut innermost = source;
        while let Source::Copy { of, bytes } = innermost {
            copies.push(bytes);
            innermost = *of;
        }
        let plan = |source: &str| MountPlan {
            ticket,
            path: absolute(path),
            source: source.to_owned(),
            copies: copies.clone(),
        };
        let refused = |message: String| Refusal::new("mount", message);
        let clock = self.kernel.clock();
        let (plan, directory, access) = match innermost {
            Source::Archive { name } => {
                self.archives
                    .open_bytes(&self.ready, bytes, plan(&name))
                    .map_err(refused)?;
                return Ok(Reply::Begun { begun: true });
            }
            Source::Remote { url, length, tag } => {
                let version = SourceVersion { length, tag };
                let plan = plan(&url);
                self.archives
                    .open_remote(&self.ready, &self.outside, url, version, plan)
                    .map_err(refused)?;
                return Ok(Reply::Begun { begun: true });
            }
            Source::Disk {
                device,
                name,
                size,
                read_only,
            } => {
                let plan = plan(&name);
                let wanted = Wanted { size, read_only };
                let directory = self
                    .disks
                    .open(
                        &plan.path,
                        &host_device(device),
                        clock,
                        &*self.entropy,
                        wanted,
                    )
                    .map_err(|error| Refusal::new("storage", format_args!("{name}: {error}")))?;
                let access = if read_only {
                    Access::ReadOnly
                } else {
                    Access::ReadWrite
                };
                (plan, directory, access)
            }
            Source::Directory { path, read_only } => {
                let access = if read_only {
                    Access::ReadOnly
                } else {
                    Access::ReadWrite
                };
                let directory = host_directory(&path).map_err(refused)?;
                (plan(&path), directory, access)
            }
            Source::Memory { bytes } => (plan("memory"), memory(clock, bytes), Access::ReadWrite),
            Source::Copy { .. } => return Err(refused("a copy of a copy".to_owned())),
        };
        self.mount_directory(plan, directory, access)
            .map_err(|error| Refusal::new("mount", error))?;
        Ok(Reply::Done(()))
    }

    /// Takes a mount away. The page's own look at it ends, so that nothing of the page keeps a
    /// disk open.
    fn unmount(&mut self, path: &str) -> Result<(), Refusal> {
        if let Some(task) = self.files.take()
            && let Some(guest) = self.guests.remove(&task)
        {
            guest.task.process().end(ExitStatus::Exited(0));
        }
        if !self.mounts.remove(path) {
            return Err(Refusal::new(
                "mount",
                format_args!("nothing is mounted at {path}"),
            ));
        }
        self.disks
            .close(path)
            .map_err(|error| Refusal::new("storage", error))
    }

    /// An archive was opened, or cannot be.
    pub(super) fn mount_opened(&mut self, plan: MountPlan, opened: Opened) {
        let ticket = plan.ticket;
        let source = plan.source.clone();
        let mounted = opened
            .map_err(|error| format!("{source}: {error}"))
            .and_then(|directory| {
                self.mount_directory(plan, directory, Access::ReadOnly)
                    .map_err(|error| error.to_string())
            });
        let error = mounted.err();
        self.outside.tell(&Event::Mounted { ticket, error }, &[]);
    }

    fn mount_directory(
        &mut self,
        plan: MountPlan,
        directory: Arc<dyn Directory>,
        access: Access,
    ) -> Result<(), MountError> {
        let mut mount = SystemMount {
            path: plan.path,
            directory,
            access,
            source: plan.source,
        };
        for bytes in plan.copies.into_iter().rev() {
            mount.directory = copy(self.kernel.clock(), mount.directory, bytes);
            mount.access = Access::ReadWrite;
            mount.source.push_str(" (a copy)");
        }
        self.mounts.add(mount)
    }

    fn list_mounts(&self) -> Vec<MountInfo> {
        let space = |path: &str| self.disks.space(path).unzip();
        let mounts = self.mounts.iter().map(|mount| MountInfo {
            used: space(&mount.path).0,
            size: space(&mount.path).1,
            path: mount.path.clone(),
            source: mount.source.clone(),
            access: match mount.access {
                Access::ReadOnly => "ro",
                Access::ReadWrite => "rw",
            },
        });
        mounts.collect()
    }

    /// The page looks at the files as a process that was granted all of them, so that it
    /// sees what a program would see.
    fn open_files(&mut self) -> Result<Files, Refusal> {
        let namespace = self
            .mounts
            .namespace(self.kernel.clock())
            .map_err(|error| Refusal::new("mount", error))?;
        let spec = ProcessSpec {
            program: "files".to_owned(),
            namespace,
            ..ProcessSpec::default()
        };
        let process = self
            .kernel
            .spawn(&self.authority, spec)
            .map_err(|error| Refusal::new("spawn", error))?;
        let task = self.add_guest(process, Vec::new(), None, None);
        if let Some(last) = self.files.replace(task)
            && let Some(guest) = self.guests.remove(&last)
        {
            guest.task.process().end(ExitStatus::Exited(0));
        }
        Ok(Files { task })
    }

    fn spawn(&mut self, spawn: Spawn) -> Result<Spawned, Refusal> {
        if self.guests.len() >= GUESTS_MAX {
            return Err(Refusal::new(
                "spawn",
                format_args!("{GUESTS_MAX} programs run already; wait until one has ended"),
            ));
        }
        let mut arguments = vec![spawn.name.clone()];
        arguments.extend(spawn.arguments);
        let mut spec = ProcessSpec {
            program: spawn.name,
            arguments,
            environment: spawn.environment.into_iter().collect(),
            ..ProcessSpec::default()
        };
        let given =
            grants::parse(&spawn.grants).map_err(|message| Refusal::new("grant", message))?;
        grants::hold(&mut spec, &given, &self.mounts, self.kernel.clock())
            .map_err(|message| Refusal::new("grant", message))?;
        let trace = spawn.trace.map(|format| {
            let trace = Trace::new(match format {
                TraceFormat::Text => Format::Text,
                TraceFormat::Json => Format::Json,
            });
            spec.observer = Some(trace.tracer.clone());
            trace
        });
        let hold = |given| {
            let clock = self.kernel.clock();
            CommandRun::hold(&mut spec, given, &self.mounts, clock, &*self.outside)
        };
        let command = spawn.command.map(hold).transpose()?;
        let counts = command.as_ref().is_some_and(CommandRun::counts);
        let streams = self.standard_streams(&mut spec, spawn.stdio)?;
        let local = (!self.seeded && !counts && spec.observer.is_none() && spec.clock.is_none())
            .then(|| {
                let environment = spec.environment.iter();
                Local {
                    arguments: spec.arguments.clone(),
                    environment: environment
                        .map(|(name, value)| format!("{name}={value}"))
                        .collect(),
                }
            });
        let memory_bytes = spec.limits.memory_bytes;
        let observer = spec.observer.clone();
        let process = self
            .kernel
            .spawn(&self.authority, spec)
            .map_err(|error| Refusal::new("spawn", error));
        let process = match process {
            Ok(process) => process,
            Err(refusal) => {
                for stream in streams.into_iter().flatten() {
                    self.streams.close(stream);
                }
                return Err(refusal);
            }
        };
        if let Some(observer) = observer {
            observer.started(&process);
        }
        let pid = process.pid().0;
        let options = given.allowed().iter().map(|grant| grant.to_option());
        for (at, stdio) in spawn.stdio.into_iter().enumerate() {
            match stdio {
                Stdio::Terminal(number) => self.terminals.bring_forward(number, &process),
                Stdio::Between(number) => self.pipes.given(number, at == 0),
                _ => {}
            }
        }
        let task = self.add_guest(process, options.collect(), trace, command);
        Ok(Spawned {
            pid,
            task,
            streams,
            memory_bytes: (memory_bytes < 4 << 30).then_some(memory_bytes),
            local,
        })
    }

    fn standard_streams(
        &mut self,
        spec: &mut ProcessSpec,
        stdio: [Stdio; 3],
    ) -> Result<[Option<u32>; 3], Refusal> {
        let mut numbers = [None; 3];
        let mut ends: [Option<Arc<dyn Stream>>; 3] = [None, None, None];
        for (at, stdio) in stdio.into_iter().enumerate() {
            match stdio {
                Stdio::Null => {}
                Stdio::Pipe => {
                    let (reader, writer) = pipe();
                    if at == 0 {
                        numbers[at] = Some(self.streams.inwards(&self.ready, writer));
                        ends[at] = Some(reader);
                    } else {
                        numbers[at] = Some(self.streams.outwards(&self.ready, From::Pipe(reader)));
                        ends[at] = Some(writer);
                    }
                }
                Stdio::Standard { escapes } => {
                    let stream = u8::try_from(at)
                        .map_err(|_| Errno::BadFd)
                        .and_then(|at| standard_stream(at, escapes))
                        .map_err(|errno| Refusal::new("spawn", errno.words()))?;
                    ends[at] = Some(stream);
                }
                Stdio::Between(number) => {
                    let end = self.pipes.end(number, at == 0).ok_or_else(|| {
                        let end = if at == 0 { "read" } else { "written" };
                        Refusal::new(
                            "spawn",
                            format_args!("pipe {number} is {end} by another program already"),
                        )
                    })?;
                    ends[at] = Some(end);
                }
                Stdio::Terminal(number) => {
                    let slave = self.terminals.slave(number).ok_or_else(|| {
                        Refusal::new("spawn", format_args!("there is no terminal {number}"))
                    })?;
                    ends[at] = Some(slave);
                }
            }
        }
        let [stdin, stdout, stderr] = ends;
        spec.streams = StandardStreams {
            stdin,
            stdout,
            stderr,
        };
        Ok(numbers)
    }

    /// The guest's own end, told by its worker.
    fn guest_ended(&mut self, task: u32, how: End) {
        if let Some(guest) = self.guests.get(&task) {
            let process = guest.task.process();
            process.end(match (how, process.signaled()) {
                (_, Some(signal)) => ExitStatus::Signaled(signal),
                (End::Returned, None) => ExitStatus::Exited(0),
                (End::Trapped, None) => ExitStatus::Trapped,
                (End::Lost, None) => ExitStatus::Exited(CANNOT_START),
            });
        }
        self.note_end(task, false);
        self.guests.remove(&task);
    }

    fn list_processes(&self) -> Vec<ProcessInfo> {
        let now = self.kernel.clock().monotonic_ns();
        let shown = self
            .guests
            .iter()
            .filter(|(task, guest)| !guest.ended && self.files != Some(**task));
        let infos = shown.map(|(_, guest)| {
            let process = guest.task.process();
            let waits_in = guest.waiting.as_deref().and_then(function_name);
            #[expect(
                clippy::cast_precision_loss,
                reason = "seconds are shown to a few digits"
            )]
            let age = now.saturating_sub(process.started_ns()) as f64 / 1e9;
            ProcessInfo {
                pid: process.pid().0,
                parent: process.parent().map(|pid| pid.0),
                name: process.program().to_owned(),
                args: process.arguments().iter().skip(1).cloned().collect(),
                state: if guest.waiting.is_some() {
                    "waiting"
                } else {
                    "running"
                },
                waits_in,
                grants: guest.grants.clone(),
                usage: usage(process),
                age,
            }
        });
        infos.collect()
    }
}

#[cfg(target_arch = "wasm32")]
pub(super) fn host_directory(path: &str) -> Result<Arc<dyn Directory>, String> {
    crate::host_directory::HostDirectory::open(path).map_err(|error| error.to_string())
}

/// Natively this crate is only tested.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn host_directory(path: &str) -> Result<Arc<dyn Directory>, String> {
    Err(format!("{path}: there is no host"))
}

#[cfg(target_arch = "wasm32")]
fn host_device(number: u32) -> Arc<dyn BlockDevice> {
    Arc::new(crate::disk_device_unsafe::HostDevice::new(number))
}

/// Natively this crate is only tested: an image in memory.
#[cfg(not(target_arch = "wasm32"))]
fn host_device(_number: u32) -> Arc<dyn BlockDevice> {
    Arc::new(holm_disk::MemoryDevice::new(Vec::new()))
}

#[cfg(target_arch = "wasm32")]
use crate::host_directory::{standard_ready, standard_stream};

#[cfg(not(target_arch = "wasm32"))]
fn standard_stream(_: u8, _: bool) -> holm_kernel::vfs::Result<Arc<dyn Stream>> {
    Err(Errno::NotImplemented)
}

#[cfg(not(target_arch = "wasm32"))]
fn standard_ready(_: u8) {}

//! What a scenario starts with: mounts and what is on them, limits, arguments.

use std::io::IoSlice;
use std::sync::Arc;

use holm_abi::Limits;

use super::text::{pieces, text, words};
use crate::deterministic::SeededEntropy;
use crate::kernel::{Kernel, Options, Ports};
use crate::net::NetRule;
use crate::process::{ListenerSpec, Process, ProcessSpec, StandardStreams};
use crate::testkit::host::{HandClock, ScriptedListener, ScriptedStream, TraceLog};
use crate::testkit::network::PlannedNetwork;
use crate::vfs::memfs::{MemoryFs, Quota};
use crate::vfs::mount::{Access, Namespace};
use crate::vfs::{Directory, Lookup, OpenOptions, Opened};

/// The host's side of a scenario.
pub(super) struct System {
    pub(super) clock: Arc<HandClock>,
    pub(super) stdin: Arc<ScriptedStream>,
    pub(super) stdout: Arc<ScriptedStream>,
    pub(super) stderr: Arc<ScriptedStream>,
    pub(super) listener: Option<Arc<ScriptedListener>>,
    pub(super) trace: Arc<TraceLog>,
    network: Arc<PlannedNetwork>,
    mounts: Vec<Mounted>,
}

struct Mounted {
    path: String,
    access: Access,
    root: Arc<dyn Directory>,
}

impl System {
    /// Sets everything up, one line after the other, and starts process 1.
    ///
    /// - `mount PATH rw|ro [BYTES]`, `dir PATH`, `file PATH 'content'`,
    ///   `symlink PATH TARGET`;
    /// - `limit NAME=VALUE`, `args WORDS…`, `env NAME VALUE`, `closed stdin` (…), `sorted`,
    ///   `listen`, `traced`;
    /// - `net all` or `net loopback`, `name NAME ADDRESSES…` on the host's network.
    pub(super) fn new(setup: &[&str]) -> Result<(System, Arc<Process>), String> {
        let mut system = System {
            clock: Arc::new(HandClock::default()),
            stdin: ScriptedStream::terminal(),
            stdout: ScriptedStream::terminal(),
            stderr: ScriptedStream::terminal(),
            listener: None,
            trace: Arc::new(TraceLog::default()),
            network: Arc::default(),
            mounts: Vec::new(),
        };
        let mut spec = ProcessSpec {
            program: "program".to_owned(),
            streams: StandardStreams {
                stdin: Some(system.stdin.clone()),
                stdout: Some(system.stdout.clone()),
                stderr: Some(system.stderr.clone()),
            },
            ..ProcessSpec::default()
        };
        let mut options = Options::default();
        for line in setup {
            system
                .line(&words(line), &mut spec, &mut options)
                .map_err(|reason| format!("{line}: {reason}"))?;
        }
        let mut namespace = Namespace::builder();
        for mount in &system.mounts {
            namespace
                .mount(&mount.path, mount.root.clone(), mount.access, "memory")
                .map_err(|error| error.to_string())?;
        }
        spec.namespace = namespace;
        let ports = Ports {
            clock: system.clock.clone(),
            entropy: Arc::new(SeededEntropy::new(7)),
            network: Some(system.network.clone()),
        };
        let (kernel, authority) =
            Kernel::boot(ports, options).map_err(|errno| errno.to_string())?;
        let process = kernel
            .spawn(&authority, spec)
            .map_err(|error| error.to_string())?;
        Ok((system, process))
    }

    /// The root of what is mounted at a path.
    pub(super) fn mounted(&self, path: &str) -> Option<Arc<dyn Directory>> {
        self.mounts
            .iter()
            .find(|mount| mount.path == path)
            .map(|mount| mount.root.clone())
    }

    fn line(
        &mut self,
        words: &[String],
        spec: &mut ProcessSpec,
        options: &mut Options,
    ) -> Result<(), String> {
        let argument = |at: usize| words.get(at).map(String::as_str).ok_or("a word is missing");
        match argument(0)? {
            "mount" => {
                let access = match argument(2)? {
                    "rw" => Access::ReadWrite,
                    "ro" => Access::ReadOnly,
                    other => return Err(format!("{other} is neither rw nor ro")),
                };
                let bytes = argument(3).map_or(Ok(1 << 30), str::parse);
                let bytes = bytes.map_err(|_| "no number of bytes")?;
                let quota = Quota {
                    bytes,
                    inodes: 100_000,
                };
                let root = MemoryFs::new(self.clock.clone(), quota).root();
                self.mounts.push(Mounted {
                    path: argument(1)?.to_owned(),
                    access,
                    root,
                });
            }
            "dir" => drop(self.directory(argument(1)?)?),
            "file" => {
                let (directory, name) = self.parent(argument(1)?)?;
                let options = OpenOptions {
                    write: true,
                    create: true,
                    ..OpenOptions::default()
                };
                let opened = directory
                    .open_at(&name, options)
                    .map_err(|errno| errno.to_string());
                let Opened::File(file) = opened? else {
                    return Err("that is no file".to_owned());
                };
                let content = pieces(argument(2)?)?.concat();
                file.write_at(0, &[IoSlice::new(&content)])
                    .map_err(|errno| errno.to_string())?;
            }
            "symlink" => {
                let (directory, name) = self.parent(argument(1)?)?;
                directory
                    .symlink_at(&name, &text(argument(2)?)?)
                    .map_err(|errno| errno.to_string())?;
            }
            "limit" => {
                for word in &words[1..] {
                    limit(&mut spec.limits, word)?;
                }
            }
            "args" => {
                for word in &words[1..] {
                    spec.arguments.push(text(word)?);
                }
            }
            "env" => spec
                .environment
                .push((text(argument(1)?)?, text(argument(2)?)?)),
            "closed" => {
                for word in &words[1..] {
                    match word.as_str() {
                        "stdin" => spec.streams.stdin = None,
                        "stdout" => spec.streams.stdout = None,
                        "stderr" => spec.streams.stderr = None,
                        other => return Err(format!("{other} is no stream")),
                    }
                }
            }
            "sorted" => options.sorted_directories = true,
            "listen" => {
                let listener = Arc::new(ScriptedListener::default());
                self.listener = Some(listener.clone());
                spec.listeners.push(ListenerSpec {
                    name: "scripted".to_owned(),
                    listener,
                });
            }
            "net" => spec.network.push(match argument(1)? {
                "all" => NetRule::All,
                "loopback" => NetRule::Loopback,
                other => return Err(format!("{other} is neither all nor loopback")),
            }),
            "name" => {
                let mut answer = Vec::new();
                for word in &words[2..] {
                    answer.push(word.parse().map_err(|_| format!("{word} is no address"))?);
                }
                self.network.plan(argument(1)?, &answer);
            }
            "traced" => spec.observer = Some(self.trace.clone()),
            other => return Err(format!("{other} sets nothing up")),
        }
        Ok(())
    }

    /// The directory at an absolute path, made where it is not there yet.
    fn directory(&self, path: &str) -> Result<Arc<dyn Directory>, String> {
        let mount = self
            .mounts
            .iter()
            .filter(|mount| {
                let below = path.strip_prefix(mount.path.trim_end_matches('/'));
                below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
            .max_by_key(|mount| mount.path.len())
            .ok_or("nothing is mounted there")?;
        let mut current = mount.root.clone();
        let below = &path[mount.path.trim_end_matches('/').len()..];
        for name in below.split('/').filter(|name| !name.is_empty()) {
            if current.stat_at(name).is_err() {
                current
                    .create_directory_at(name)
                    .map_err(|errno| errno.to_string())?;
            }
            current = match current.lookup(name) {
                Ok(Lookup::Directory(directory)) => directory,
                _ => return Err(format!("{name} is no directory")),
            };
        }
        Ok(current)
    }

    fn parent(&self, path: &str) -> Result<(Arc<dyn Directory>, String), String> {
        let (above, name) = path.rsplit_once('/').ok_or("no absolute path")?;
        Ok((self.directory(above)?, text(name)?))
    }
}

fn limit(limits: &mut Limits, word: &str) -> Result<(), String> {
    let (name, value) = word.split_once('=').ok_or("limit NAME=VALUE")?;
    let value: u64 = value.parse().map_err(|_| "no number")?;
    let small = || u32::try_from(value).map_err(|_| "too large");
    match name {
        "descriptors" => limits.descriptors = small()?,
        "processes" => limits.processes = small()?,
        "memory" => limits.memory_bytes = value,
        "out" => limits.bytes_out = value,
        _ => return Err(format!("{name} is no limit")),
    }
    Ok(())
}

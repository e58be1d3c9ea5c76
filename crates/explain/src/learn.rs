//! What a run turned out to need: watched while it runs, then written down as a `holm.toml`.

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use holm_abi::{Errno, Fd, Syscall};
use holm_kernel::net::HostTarget;
use holm_kernel::{Answer, Argument, Cause, Mount, Observer, Process, TraceEvent};
use holm_package::grant::{Access, ListenAddress, Lock, LockedSource, parse_net_rule};
use holm_package::manifest::{Manifest, MountNeed, MountSource, Needs, TemporaryNeed};

mod network;
#[cfg(test)]
mod tests;

use self::network::UsedNetwork;

/// Watches what a program uses of what it was granted.
#[derive(Debug, Default)]
pub struct Learner {
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    /// Absolute guest path of each open directory.
    directories: BTreeMap<Fd, String>,
    /// Deepest use of each path: whether something there was changed.
    paths: BTreeMap<String, bool>,
    environment: bool,
    stdin: bool,
    stdout: bool,
    accepts: bool,
    network: UsedNetwork,
}

/// What a run used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Learned {
    /// The mounts of which something was used, in the order in which they were granted.
    pub mounts: Vec<UsedMount>,
    /// Names of the environment's variables; none when it was not read.
    pub environment: Vec<String>,
    /// Addresses of its listening sockets; none when no connection was accepted.
    pub listen: Vec<String>,
    /// The rules for the network that allow what it did there, and what it was refused.
    #[cfg_attr(feature = "serde", serde(default))]
    pub network: Vec<String>,
    /// Whether standard input was read.
    pub stdin: bool,
    /// Whether standard output was written.
    pub stdout: bool,
    /// How many things were refused, other than of the network, which are therefore not among
    /// the above.
    pub refused: usize,
}

/// A mount of which something was used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct UsedMount {
    /// The mount's guest path.
    pub path: String,
    /// Whether something there was changed.
    pub changed: bool,
}

/// How a `holm.toml` names what lies on the host.
pub trait Places {
    /// A directory that is suggested to whoever runs the app.
    fn directory(&self, host: &str) -> String;
    /// A file that is part of the app, relative to its folder.
    fn file(&self, host: &str) -> String;
}

impl Learner {
    /// One that has seen nothing yet.
    #[must_use]
    pub fn new() -> Learner {
        Learner::default()
    }

    /// What `process`, which has ended, used; its sockets listened on `listening`.
    #[must_use]
    pub fn learned(&self, process: &Process, listening: &[SocketAddr]) -> Learned {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let mut learned = Learned {
            stdin: used.stdin,
            stdout: used.stdout,
            ..Learned::default()
        };
        for mount in process.namespace().granted() {
            if let Some(changed) = used.of_mount(mount, process) {
                learned.mounts.push(UsedMount {
                    path: mount.path.clone(),
                    changed,
                });
            }
        }
        if used.environment {
            let names = process.environment().iter().map(|(name, _)| name.clone());
            learned.environment.extend(names);
        }
        if used.accepts {
            learned
                .listen
                .extend(listening.iter().map(SocketAddr::to_string));
        }
        learned.network = used
            .network
            .rules(process)
            .iter()
            .map(ToString::to_string)
            .collect();
        let missing = |cause: &Cause| {
            !matches!(
                cause,
                Cause::NothingMounted { write: false, .. } | Cause::Network { .. }
            )
        };
        let denials = process.denials();
        learned.refused = denials
            .iter()
            .filter(|denial| missing(&denial.cause))
            .count();
        learned
    }
}

impl Learned {
    /// `manifest` with the smallest needs under which the run would have gone the same way.
    /// The run held what `lock` says.
    #[must_use]
    pub fn manifest(&self, mut manifest: Manifest, lock: &Lock, places: &dyn Places) -> Manifest {
        let needs = &mut manifest.needs;
        needs.stdin = self.stdin;
        needs.stdout = self.stdout;
        // Standard error stays open: what it says the day that something is wrong was not
        // there to be learned.
        for mount in &self.mounts {
            use_mount(needs, mount, lock, places);
        }
        for name in &self.environment {
            needs.use_variable(name);
        }
        for address in &self.listen {
            if let Ok(address) = ListenAddress::parse(address) {
                needs.use_listen(address);
            }
        }
        for rule in &self.network {
            if let Ok(rule) = parse_net_rule(rule) {
                needs.use_network(&rule);
            }
        }
        manifest
    }
}

impl Used {
    /// Whether a mount was used, and then whether it was changed: a path belongs to the
    /// deepest mount that holds it.
    fn of_mount(&self, mount: &Mount, process: &Process) -> Option<bool> {
        let mut answer = None;
        for (path, write) in &self.paths {
            let holder = process
                .namespace()
                .mounts()
                .filter(|candidate| holds(&candidate.path, path))
                .max_by_key(|candidate| candidate.path.len());
            if holder.is_some_and(|holder| holder.path == mount.path) {
                answer = Some(answer.unwrap_or(false) | *write);
            }
        }
        answer
    }

    fn absolute(&self, fd: Fd, path: &str) -> Option<String> {
        let base = self.directories.get(&fd)?;
        let mut names: Vec<&str> = base.split('/').filter(|name| !name.is_empty()).collect();
        for name in path.split('/') {
            match name {
                "" | "." => {}
                ".." => drop(names.pop()),
                name => names.push(name),
            }
        }
        Some(format!("/{}", names.join("/")))
    }

    fn touch(&mut self, fd: Fd, path: &str, write: bool) {
        if let Some(path) = self.absolute(fd, path) {
            *self.paths.entry(path).or_insert(false) |= write;
        }
    }
}

/// Adds what the program used of a mount, which holds what the lock says.
fn use_mount(needs: &mut Needs, mount: &UsedMount, lock: &Lock, places: &dyn Places) {
    let place = |path: &str| path.trim_matches('/').to_owned();
    let held = lock
        .mounts
        .iter()
        .find(|held| place(held.guest.place()) == place(&mount.path));
    let Some(held) = held else { return };
    let guest = held.guest.clone();
    match &held.source {
        LockedSource::Directory { host, access } => {
            let access = if mount.changed {
                *access
            } else {
                Access::ReadOnly
            };
            needs.use_directory(&guest, access, Some(&places.directory(host)));
        }
        LockedSource::Disk { access, .. } => {
            let access = if mount.changed {
                *access
            } else {
                Access::ReadOnly
            };
            needs.use_directory(&guest, access, None);
        }
        LockedSource::Archive { archive, packaged } => {
            let archive = match packaged {
                true => archive.clone(),
                false => places.file(archive),
            };
            needs.mounts.push(MountNeed {
                guest,
                source: MountSource::Archive(archive),
                why: None,
                optional: false,
            });
        }
        LockedSource::Temporary { size } => {
            needs.tmp = Some(TemporaryNeed {
                guest,
                size: *size,
                why: None,
                optional: false,
            });
        }
    }
}

fn holds(mount: &str, path: &str) -> bool {
    let mount = mount.trim_end_matches('/');
    path.strip_prefix(mount)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Observer for Learner {
    fn connects(&self, _process: &Process, host: &HostTarget, port: u16, addresses: &[SocketAddr]) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.network.request(host, port, addresses);
    }

    fn started(&self, process: &Process) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.directories.extend(process.granted_directories());
    }

    fn completed(&self, event: &TraceEvent<'_>) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.network.see(event);
        if matches!(event.outcome, Err(errno) if errno != Errno::NoEntry) {
            return;
        }
        let fd = |at: usize| match event.arguments.get(at) {
            Some(Argument::Fd(fd)) => Some(*fd),
            _ => None,
        };
        let text = |at: usize| match event.arguments.get(at) {
            Some(Argument::Text(text)) => *text,
            _ => "",
        };
        match event.call {
            Syscall::EnvironGet => used.environment = true,
            Syscall::SockAccept if !used.network.accepts(event) => used.accepts = true,
            Syscall::FdRead if fd(0) == Some(Fd::STDIN) => used.stdin = true,
            Syscall::FdWrite if fd(0) == Some(Fd::STDOUT) => used.stdout = true,
            Syscall::FdReaddir => {
                if let Some(fd) = fd(0) {
                    used.touch(fd, ".", false);
                }
            }
            Syscall::PathOpen => {
                let Some(base) = fd(0) else { return };
                let named = |at: usize| match event.arguments.get(at) {
                    Some(Argument::Named(value)) => value.to_string(),
                    _ => String::new(),
                };
                let write = named(4).split('|').any(|right| right == "FD_WRITE")
                    || named(3)
                        .split('|')
                        .any(|flag| flag == "CREATE" || flag == "TRUNCATE")
                    || named(4) == "ALL";
                used.touch(base, text(2), write && event.outcome.is_ok());
                if let Ok(Answer::Number(opened)) = event.outcome
                    && let Ok(opened) = u32::try_from(opened)
                    && let Some(path) = used.absolute(base, text(2))
                {
                    used.directories.insert(Fd(opened), path);
                }
            }
            Syscall::PathFilestatGet => fd(0)
                .into_iter()
                .for_each(|fd| used.touch(fd, text(2), false)),
            Syscall::PathReadlink => fd(0)
                .into_iter()
                .for_each(|fd| used.touch(fd, text(1), false)),
            Syscall::PathFilestatSetTimes => {
                fd(0)
                    .into_iter()
                    .for_each(|fd| used.touch(fd, text(2), true));
            }
            Syscall::PathCreateDirectory
            | Syscall::PathRemoveDirectory
            | Syscall::PathUnlinkFile => {
                fd(0)
                    .into_iter()
                    .for_each(|fd| used.touch(fd, text(1), true));
            }
            Syscall::PathSymlink => fd(1)
                .into_iter()
                .for_each(|fd| used.touch(fd, text(2), true)),
            Syscall::PathRename => {
                fd(0)
                    .into_iter()
                    .for_each(|fd| used.touch(fd, text(1), true));
                fd(2)
                    .into_iter()
                    .for_each(|fd| used.touch(fd, text(3), true));
            }
            Syscall::PathLink => {
                fd(0)
                    .into_iter()
                    .for_each(|fd| used.touch(fd, text(2), true));
                fd(3)
                    .into_iter()
                    .for_each(|fd| used.touch(fd, text(4), true));
            }
            Syscall::FdRenumber => {
                if let (Some(from), Some(to)) = (fd(0), fd(1))
                    && let Some(path) = used.directories.remove(&from)
                {
                    used.directories.insert(to, path);
                }
            }
            Syscall::FdClose => {
                if let Some(fd) = fd(0) {
                    used.directories.remove(&fd);
                }
            }
            _ => {}
        }
    }
}

//! `--learn`: runs a program and writes down what it turned out to need.

use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::sync::{Mutex, PoisonError};

use holm_os::Finished;
use holm_os::abi::{Errno, Fd, Syscall};
use holm_os::engine::Program;
use holm_os::kernel::{Answer, Argument, Cause, Mount, Observer, TraceEvent};
use holm_os::package::grant::{Access, ListenAddress, Lock, LockedSource};
use holm_os::package::manifest::{Manifest, MountNeed, MountSource, Needs, TemporaryNeed};

use crate::app::App;
use crate::ask::write_atomically;
use crate::error::{CommandError, shown};
use crate::run;

/// Watches what a program uses of what it was granted.
#[derive(Debug, Default)]
pub(crate) struct Learner {
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
}

impl Learner {
    pub(crate) fn new() -> Learner {
        Learner::default()
    }

    /// Writes the smallest `holm.toml` under which the run would have gone the same way.
    pub(crate) fn write(
        &self,
        file: &Path,
        finished: &Finished,
        program: &Program,
        app: Option<&App>,
        lock: &Lock,
    ) -> Result<(), CommandError> {
        let manifest = self.manifest(file, finished, program, app, lock);
        write_atomically(file, &manifest.to_toml()).map_err(|error| {
            CommandError::failed(format_args!(
                "the needs cannot be written to {}: {error}",
                file.display()
            ))
        })?;
        note!(
            "holm: what the program used is written to {}",
            file.display()
        );
        let refused = finished
            .process
            .denials()
            .iter()
            .filter(|denial| !matches!(denial.cause, Cause::NothingMounted { write: false, .. }))
            .count();
        if refused > 0 {
            note!(
                "holm: {refused} thing(s) were refused and are not in it; grant them and learn again"
            );
        }
        Ok(())
    }

    fn manifest(
        &self,
        file: &Path,
        finished: &Finished,
        program: &Program,
        app: Option<&App>,
        lock: &Lock,
    ) -> Manifest {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let path = program.path().map_or_else(
            || program.name().to_owned(),
            |path| match app {
                // An app's program stays where it is.
                Some(_) => String::new(),
                None => inside(path, folder),
            },
        );
        let name = Path::new(program.name()).file_stem().map_or_else(
            || "app".to_owned(),
            |stem| stem.to_string_lossy().into_owned(),
        );
        let mut manifest = match app {
            Some(app) => Manifest {
                app: app.manifest.app.clone(),
                ..Manifest::of_program(&name, &path)
            },
            None => Manifest::of_program(&name, &path),
        };
        manifest.needs.stdin = used.stdin;
        manifest.needs.stdout = used.stdout;
        // Standard error stays open: what it says the day that something is wrong was not
        // there to be learned.
        for mount in finished.process.namespace().granted() {
            if let Some(changed) = used.of_mount(mount, finished) {
                use_mount(&mut manifest.needs, mount, lock, folder, changed);
            }
        }
        if used.environment {
            for (name, _) in finished.process.environment() {
                manifest.needs.use_variable(name);
            }
        }
        if used.accepts {
            for address in &finished.listening {
                if let Ok(address) = ListenAddress::parse(&address.to_string()) {
                    manifest.needs.use_listen(address);
                }
            }
        }
        manifest
    }
}

impl Used {
    /// Whether a mount was used, and then whether it was changed: a path belongs to the
    /// deepest mount that holds it.
    fn of_mount(&self, mount: &Mount, finished: &Finished) -> Option<bool> {
        let mut answer = None;
        for (path, write) in &self.paths {
            let holder = finished
                .process
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
fn use_mount(needs: &mut Needs, mount: &Mount, lock: &Lock, folder: &Path, changed: bool) {
    let place = |path: &str| path.trim_matches('/').to_owned();
    let held = lock
        .mounts
        .iter()
        .find(|held| place(held.guest.place()) == place(&mount.path));
    let Some(held) = held else { return };
    let guest = held.guest.clone();
    match &held.source {
        LockedSource::Directory { host, access } => {
            let access = if changed { *access } else { Access::ReadOnly };
            let host = run::relative_to(Path::new(host), folder);
            needs.use_directory(&guest, access, Some(&host.to_string_lossy()));
        }
        LockedSource::Archive { archive, packaged } => {
            let archive = match packaged {
                true => archive.clone(),
                false => inside(Path::new(archive), folder),
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

/// The path of a file that is part of an app, as its `holm.toml` in `folder` names it. One
/// that lies elsewhere has to be put there, which the person is told.
fn inside(path: &Path, folder: &Path) -> String {
    let relative = run::relative_to(path, folder);
    let mut names = relative.components();
    if names.all(|name| matches!(name, Component::Normal(_) | Component::CurDir)) {
        return relative.to_string_lossy().into_owned();
    }
    let name = path.file_name().unwrap_or(path.as_os_str());
    let name = name.to_string_lossy().into_owned();
    note!(
        "holm: put a copy of {} into {}: an app has its files in its folder",
        shown(&path.display().to_string()),
        shown(&folder.display().to_string())
    );
    name
}

fn holds(mount: &str, path: &str) -> bool {
    let mount = mount.trim_end_matches('/');
    path.strip_prefix(mount)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Observer for Learner {
    fn started(&self, process: &holm_os::kernel::Process) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.directories.extend(process.granted_directories());
    }

    fn completed(&self, event: &TraceEvent<'_>) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
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
            Syscall::SockAccept => used.accepts = true,
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

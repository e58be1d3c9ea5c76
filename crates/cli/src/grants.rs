//! From the command line to a lock, and from a lock to what a process holds.

use std::env;
use std::path::{Path, PathBuf};

use holm_os::package::grant::{
    Access, Asked, ClockPrecision, EnvironmentValue, Grant, Grants, HostPolicy, Limit, Lock,
    LockedSource, resolve,
};
use holm_os::package::manifest::Manifest;
use holm_os::{Command, CommandError as HeldError, Stdio};

use crate::error::CommandError;
use crate::exit;
use crate::options::{GrantOptions, LimitOptions};

/// What the command line gives.
pub(crate) fn given(grant: &GrantOptions, limit: &LimitOptions) -> Result<Grants, CommandError> {
    let mut grants = Grants::new();
    let many = [
        ("dir", &grant.directories),
        ("mount", &grant.archives),
        ("tmp", &grant.temporaries),
        ("env", &grant.variables),
        ("listen", &grant.listeners),
    ];
    for (name, values) in many {
        for value in values {
            grants.allow(Grant::parse(name, value).map_err(CommandError::usage)?);
        }
    }
    let single = [
        ("clock", &grant.clock),
        ("memory", &limit.memory),
        ("cpu", &limit.cpu),
        ("timeout", &limit.timeout),
        ("max-fds", &limit.max_fds),
    ];
    for (name, value) in single {
        if let Some(value) = value {
            grants.allow(Grant::parse(name, value).map_err(CommandError::usage)?);
        }
    }
    if grant.terminal_escapes {
        grants.allow(Grant::TerminalEscapes);
    }
    grants.stdio.stdin = !grant.no_stdin;
    grants.stdio.stdout = !grant.no_stdout;
    grants.stdio.stderr = !grant.no_stderr;
    Ok(grants)
}

/// What the program gets.
pub(crate) fn lock(manifest: Option<&Manifest>, grants: &Grants) -> Result<Lock, CommandError> {
    let asked = manifest.map_or(Asked::Unstated, Asked::Manifest);
    resolve(asked, grants, &HostPolicy::default()).map_err(CommandError::usage)
}

/// Gives a process what the lock says. Paths of an app's own archives count from its
/// `folder`; all others from where the person is.
pub(crate) fn hold(
    command: &mut Command,
    lock: &Lock,
    folder: Option<&Path>,
) -> Result<(), CommandError> {
    for mount in &lock.mounts {
        let guest = mount.guest.as_str();
        let held = match &mount.source {
            LockedSource::Directory { host, access } => {
                let access = match access {
                    Access::ReadOnly => holm_os::Access::ReadOnly,
                    Access::ReadWrite => holm_os::Access::ReadWrite,
                    _ => holm_os::Access::CopyOnWrite,
                };
                command.directory(Path::new(host), guest, access).map(drop)
            }
            LockedSource::Archive { archive, packaged } => {
                let path = match (packaged, folder) {
                    (true, Some(folder)) => folder.join(archive),
                    _ => PathBuf::from(archive),
                };
                command.archive(&path, guest).map(drop)
            }
            LockedSource::Temporary { size } => command.temporary(guest, *size).map(drop),
        };
        held.map_err(|error| refused(&error, guest))?;
    }
    for (name, value) in &lock.environment {
        match value {
            EnvironmentValue::Set(value) => drop(command.env(name, value)),
            EnvironmentValue::Pass { fallback } => match (env::var(name), fallback) {
                (Ok(value), _) => drop(command.env(name, &value)),
                (Err(env::VarError::NotUnicode(_)), _) => {
                    return Err(CommandError::usage(format_args!(
                        "your environment variable {name} is not UTF-8, which programs cannot read"
                    ))
                    .hint(format_args!("give it a value here: --env {name}=VALUE")));
                }
                (Err(env::VarError::NotPresent), Some(value)) => drop(command.env(name, value)),
                // A variable that is not set is passed on as not set.
                (Err(env::VarError::NotPresent), None) => {}
            },
        }
    }
    if !lock.listen.is_empty() {
        for address in &lock.listen {
            let bound = command
                .listen(address.socket_address())
                .map_err(|error| refused(&error, &address.to_string()))?;
            note!("holm: listening on {bound}");
        }
        // The convention of systemd, which wasm servers follow as well.
        command.env("LISTEN_FDS", &lock.listen.len().to_string());
    }
    if lock.clock == ClockPrecision::Coarse {
        command.coarse_clock();
    }
    for limit in lock.limits.iter() {
        match limit {
            Limit::Memory(bytes) => drop(command.memory_limit(bytes)),
            Limit::Cpu(time) => drop(command.cpu_limit(time)),
            Limit::Timeout(time) => drop(command.timeout(time)),
            Limit::Descriptors(count) => drop(command.descriptor_limit(count)),
        }
    }
    let output = if lock.terminal_escapes {
        Stdio::InheritRaw
    } else {
        Stdio::Inherit
    };
    let open = |open: bool, stdio: Stdio| if open { stdio } else { Stdio::Closed };
    command.stdin(open(lock.stdio.stdin, Stdio::Inherit));
    command.stdout(open(lock.stdio.stdout, output.clone()));
    command.stderr(open(lock.stdio.stderr, output));
    Ok(())
}

fn refused(error: &HeldError, guest: &str) -> CommandError {
    let code = match error {
        HeldError::Mount(_) => exit::USAGE,
        _ => exit::FAILED,
    };
    CommandError::new(
        code,
        format_args!("cannot give the program {guest}: {error}"),
    )
}

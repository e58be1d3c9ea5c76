//! From the command line to a lock: what the program may have.

use holm_package::grant::{Asked, Grant, Grants, HostPolicy, Lock, resolve};
use holm_package::manifest::Manifest;

use crate::error::CommandError;
use crate::options::{GrantOptions, LimitOptions};

/// What the command line gives.
pub(crate) fn given(grant: &GrantOptions, limit: &LimitOptions) -> Result<Grants, CommandError> {
    let mut grants = Grants::new();
    let many = [
        ("dir", &grant.directories),
        ("mount", &grant.archives),
        ("disk", &grant.disks),
        ("tmp", &grant.temporaries),
        ("env", &grant.variables),
        ("listen", &grant.listeners),
        ("net", &grant.network),
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

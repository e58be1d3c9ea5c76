//! Grants as the page writes them, options of `holm run`, and what a process then holds.

use std::sync::Arc;
use std::time::Duration;

use holm_kernel::coarse_clock::{COARSE_NS, CoarseClock};
use holm_kernel::port::Clock;
use holm_kernel::{Access as MountAccess, ProcessSpec};
use holm_package::grant::{
    Access, Asked, ClockPrecision, EnvironmentValue, Grant, Grants, HostPolicy, Limit,
    LockedSource, resolve,
};

use crate::mounts::{Given, Mounts, memory};

/// Bytes of changes that a copy-on-write directory keeps.
const COPY_BYTES: u64 = 1 << 30;

/// Reads grants written as options: `--dir /data:ro`, `--tmp=64MiB`, `env LANG=C`.
pub(crate) fn parse(options: &[String]) -> Result<Grants, String> {
    let mut grants = Grants::new();
    for option in options {
        let text = option.trim();
        let text = text.strip_prefix("--").unwrap_or(text);
        let end = text.find([' ', '=']).unwrap_or(text.len());
        let (name, value) = text.split_at(end);
        let value = unquoted(value.get(1..).unwrap_or("").trim());
        grants.allow(Grant::parse(name, &value).map_err(|error| error.to_string())?);
    }
    Ok(grants)
}

/// Takes the quotes off that hints have around what a shell would take apart.
fn unquoted(value: &str) -> String {
    let inner = value
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    inner.map_or_else(|| value.to_owned(), |inner| inner.replace("'\\''", "'"))
}

/// Puts what is granted into the specification of a process.
pub(crate) fn hold(
    spec: &mut ProcessSpec,
    grants: &Grants,
    mounts: &Mounts,
    clock: &Arc<dyn Clock>,
) -> Result<(), String> {
    let lock = resolve(Asked::Unstated, grants, &HostPolicy::default())
        .map_err(|error| error.to_string())?;
    for mount in &lock.mounts {
        let guest = mount.guest.as_str();
        match &mount.source {
            LockedSource::Directory { host, access } => {
                let given = match access {
                    Access::ReadOnly => Given::ReadOnly,
                    Access::ReadWrite => Given::ReadWrite,
                    _ => Given::Copy(clock, COPY_BYTES),
                };
                mounts
                    .give(&mut spec.namespace, host, guest, given)
                    .map_err(|error| cannot(guest, &error))?;
            }
            LockedSource::Temporary { size } => {
                spec.namespace
                    .mount(
                        guest,
                        memory(clock, *size),
                        MountAccess::ReadWrite,
                        "memory",
                    )
                    .map_err(|error| cannot(guest, &error))?;
            }
            source => {
                let what = match source {
                    LockedSource::Archive { .. } => "an archive",
                    LockedSource::Disk { .. } => "a disk",
                    _ => "this",
                };
                return Err(cannot(
                    guest,
                    &format_args!(
                        "{what} is mounted into the system first, and its directory granted"
                    ),
                ));
            }
        }
    }
    for (name, value) in &lock.environment {
        let value = match value {
            EnvironmentValue::Set(value) => Some(value),
            EnvironmentValue::Pass { fallback } => fallback.as_ref(),
        };
        if let Some(value) = value {
            spec.environment.retain(|(known, _)| known != name);
            spec.environment.push((name.clone(), value.clone()));
        }
    }
    if let Some(address) = lock.listen.first() {
        return Err(cannot(
            &address.to_string(),
            &"this host has no sockets that listen",
        ));
    }
    if lock.clock == ClockPrecision::Coarse {
        spec.clock = Some(Arc::new(CoarseClock::new(clock.clone(), COARSE_NS)));
    }
    for limit in lock.limits.iter() {
        match limit {
            Limit::Memory(bytes) => spec.limits.memory_bytes = bytes,
            Limit::Cpu(time) => spec.limits.cpu_ns = nanoseconds(time),
            Limit::Timeout(time) => spec.limits.wall_ns = nanoseconds(time),
            Limit::Descriptors(count) => spec.limits.descriptors = count,
        }
    }
    Ok(())
}

fn cannot(guest: &str, error: &dyn std::fmt::Display) -> String {
    format!("cannot give the program {guest}: {error}")
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::parse;
    use holm_package::grant::Grant;

    #[test]
    fn options_are_read_as_hints_write_them() {
        let options = ["--dir './my data::/data:ro'", "--tmp=64MiB", "env LANG=C"];
        let grants = parse(&options.map(str::to_owned)).expect("three grants");
        let written: Vec<_> = grants.allowed().iter().map(Grant::to_option).collect();
        assert_eq!(
            written,
            ["--dir './my data::/data:ro'", "--tmp 64MiB", "--env LANG=C"]
        );
        assert!(parse(&["--dri /data".to_owned()]).is_err());
    }
}

//! `/proc`: what a process can know of itself and of those below it.
//!
//! `self` is a link to the process's own directory; there are directories for it and its
//! descendants, and for nobody else.

use std::fmt::Write;
use std::sync::{Arc, OnceLock, Weak};

use holm_abi::{Pid, Syscall};

use super::mount::{Access, Origin};
use super::synthetic::{Item, Synthetic};
use crate::process::Process;

/// `/proc` of one process.
#[derive(Debug)]
pub(crate) struct ProcessDirectory {
    process: OnceLock<Weak<Process>>,
}

impl ProcessDirectory {
    pub(crate) fn new() -> ProcessDirectory {
        ProcessDirectory {
            process: OnceLock::new(),
        }
    }

    /// Tells the directory whose it is, once that process is there.
    pub(crate) fn attach(&self, process: &Arc<Process>) {
        // Attached once, right after the process was made.
        let _ = self.process.set(Arc::downgrade(process));
    }

    fn process(&self) -> Option<Arc<Process>> {
        self.process.get()?.upgrade()
    }
}

/// Inodes of one process's directory start at its pid times this.
const SPAN: u64 = 1 << 16;

impl Synthetic for ProcessDirectory {
    fn inode(&self) -> u64 {
        0x20
    }

    fn names(&self) -> Vec<String> {
        let mut names = vec!["self".to_owned()];
        if let Some(process) = self.process() {
            let below = process.kernel().processes();
            names.extend(
                below
                    .iter()
                    .filter(|other| process.find_below(other.pid()).is_some())
                    .map(|other| other.pid().to_string()),
            );
        }
        names
    }

    fn item(&self, name: &str) -> Option<Item> {
        let own = self.process()?;
        if name == "self" {
            return Some(Item::Symlink(own.pid().to_string()));
        }
        let process = own.find_below(Pid(name.parse().ok()?))?;
        Some(Item::Directory(Arc::new(OneProcess {
            process: Arc::downgrade(&process),
        })))
    }
}

/// `/proc/PID`.
#[derive(Debug)]
struct OneProcess {
    process: Weak<Process>,
}

const FILES: &[&str] = &["fd", "grants", "limits", "mounts", "status"];

impl Synthetic for OneProcess {
    fn inode(&self) -> u64 {
        self.process
            .upgrade()
            .map_or(0, |process| u64::from(process.pid().0) * SPAN)
    }

    fn names(&self) -> Vec<String> {
        FILES.iter().map(|name| (*name).to_owned()).collect()
    }

    fn item(&self, name: &str) -> Option<Item> {
        let process = self.process.upgrade()?;
        Some(match name {
            "fd" => Item::Directory(Arc::new(DescriptorList {
                process: self.process.clone(),
            })),
            "grants" => Item::Text(grants(&process)),
            "limits" => Item::Text(limits(&process)),
            "mounts" => Item::Text(mounts(&process)),
            "status" => Item::Text(status(&process)),
            _ => return None,
        })
    }
}

/// `/proc/PID/fd`: each descriptor as a link whose text says what it is.
#[derive(Debug)]
struct DescriptorList {
    process: Weak<Process>,
}

impl Synthetic for DescriptorList {
    fn inode(&self) -> u64 {
        self.process
            .upgrade()
            .map_or(0, |process| u64::from(process.pid().0) * SPAN + SPAN / 2)
    }

    fn names(&self) -> Vec<String> {
        let Some(process) = self.process.upgrade() else {
            return Vec::new();
        };
        let table = crate::lock(&process.descriptors);
        table.iter().map(|(fd, _)| fd.to_string()).collect()
    }

    fn item(&self, name: &str) -> Option<Item> {
        let process = self.process.upgrade()?;
        let fd = holm_abi::Fd(name.parse().ok()?);
        let table = crate::lock(&process.descriptors);
        let entry = table.get(fd).ok()?;
        let text = match &entry.granted_as {
            Some(name) => format!("directory:{name}"),
            None => format!("{}:[{fd}]", entry.open.file_type().name()),
        };
        Some(Item::Symlink(text))
    }
}

macro_rules! line {
    ($text:expr, $($format:tt)*) => {
        // Writing to a String cannot fail.
        { let _ = writeln!($text, $($format)*); }
    };
}

fn status(process: &Process) -> String {
    let usage = process.usage();
    let calls: u64 = Syscall::ALL.iter().map(|call| usage.calls(*call)).sum();
    let mut text = String::new();
    line!(text, "name:\t{}", process.program().escape_debug());
    line!(text, "pid:\t{}", process.pid());
    line!(text, "parent:\t{}", process.parent().map_or(0, |pid| pid.0));
    line!(text, "descriptors:\t{}", process.open_descriptors());
    line!(text, "memory:\t{}", usage.memory_bytes());
    line!(text, "memory_peak:\t{}", usage.memory_peak_bytes());
    line!(text, "calls:\t{calls}");
    line!(text, "bytes_in:\t{}", usage.bytes_in());
    line!(text, "bytes_out:\t{}", usage.bytes_out());
    line!(text, "denials:\t{}", process.denials().len());
    text
}

fn limits(process: &Process) -> String {
    let limits = process.limits();
    let mut text = String::new();
    for (name, value) in [
        ("memory_bytes", limits.memory_bytes),
        ("descriptors", u64::from(limits.descriptors)),
        ("processes", u64::from(limits.processes)),
        ("cpu_ns", limits.cpu_ns),
        ("wall_ns", limits.wall_ns),
        ("bytes_out", limits.bytes_out),
    ] {
        if value == u64::MAX {
            line!(text, "{name}:\tunlimited");
        } else {
            line!(text, "{name}:\t{value}");
        }
    }
    text
}

fn access(access: Access) -> &'static str {
    match access {
        Access::ReadOnly => "ro",
        Access::ReadWrite => "rw",
    }
}

/// What the process was granted. Where its files come from on the host is not its business.
fn grants(process: &Process) -> String {
    let mut text = String::new();
    for mount in process.namespace().granted() {
        line!(
            text,
            "files {} {}",
            mount.path.escape_debug(),
            access(mount.access)
        );
    }
    for (name, _) in process.environment() {
        line!(text, "env {}", name.escape_debug());
    }
    line!(text, "arguments {}", process.arguments().len());
    text
}

fn mounts(process: &Process) -> String {
    let mut text = String::new();
    for mount in process.namespace().mounts() {
        let origin = match &mount.origin {
            Origin::Granted(_) => "granted",
            Origin::System => "system",
            Origin::Void => "void",
        };
        line!(
            text,
            "{} {} {origin}",
            mount.path.escape_debug(),
            access(mount.access)
        );
    }
    text
}

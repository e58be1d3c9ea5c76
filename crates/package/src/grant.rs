//! Needs and grants: what an app asks for, what the person gives, and both in words.
//!
//! A [`Need`] names one capability and a [`Grant`] gives one. Both print as words for people
//! ([`fmt::Display`]) and as the option of the command line that grants it
//! ([`Need::to_option`]), read by the same parsers as `holm.toml` and the remembered answers,
//! so that the manifest, the command line and the hints cannot disagree.

use core::fmt;
use core::time::Duration;
use std::borrow::Cow;

use holm_kernel::net::NetRule;

use crate::guest_path::GuestPath;
use crate::units::{format_duration, format_size};

mod address;
mod lock;
mod network;
mod options;
mod remembered;
#[cfg(test)]
mod tests;

pub use address::{ListenAddress, ListenAddressError};
pub use lock::{
    Asked, EnvironmentValue, Grants, HostPolicy, ListenPolicy, Lock, LockError, LockedMount,
    LockedSource, Missing, MissingReason, Stdio, resolve,
};
pub use network::{NetRuleError, NetRuleProblem, parse_net_rule};
pub use options::{OptionError, check_variable_name};
pub use remembered::{
    Memory, REMEMBERED_BYTES_MAX, REMEMBERED_MAX, RememberedError, RememberedGrant,
    RememberedGrants,
};

/// What may be done to the files of a mounted directory, in rising order.
///
/// The order is what the host is exposed to: nothing but being read, being read by a program
/// that writes to a private copy, being written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// `ro`: files are read, and every change is refused.
    ReadOnly,
    /// `cow`: the program reads and writes, and what it writes goes to memory, never to the
    /// host's directory.
    CopyOnWrite,
    /// `rw`: the program reads and writes the host's directory.
    ReadWrite,
}

impl Access {
    /// The word of the command line and of `holm.toml`: `ro`, `cow` or `rw`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ReadOnly => "ro",
            Self::CopyOnWrite => "cow",
            Self::ReadWrite => "rw",
        }
    }

    /// The access that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "ro" => Some(Self::ReadOnly),
            "cow" => Some(Self::CopyOnWrite),
            "rw" => Some(Self::ReadWrite),
            _ => None,
        }
    }

    /// Whether the program can write through this access, wherever the bytes go.
    #[must_use]
    pub fn writes(self) -> bool {
        self != Self::ReadOnly
    }

    /// Whether a program that needs `need` runs under this access.
    ///
    /// A need is about what the program can do, not about what reaches the host: `cow` and
    /// `rw` both satisfy every need, `ro` satisfies `ro` alone. A person may thus answer a
    /// request to write with a copy.
    #[must_use]
    pub fn satisfies(self, need: Self) -> bool {
        self.writes() || !need.writes()
    }
}

/// How finely a program can tell time apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClockPrecision {
    /// Too coarse to time other programs by: see `--clock=coarse`.
    Coarse,
    /// As fine as the host has it.
    Fine,
}

impl ClockPrecision {
    /// The word of the command line and of `holm.toml`: `coarse` or `fine`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Coarse => "coarse",
            Self::Fine => "fine",
        }
    }

    /// The precision that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "coarse" => Some(Self::Coarse),
            "fine" => Some(Self::Fine),
            _ => None,
        }
    }
}

/// A total that a process may not exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Bytes over all memories and tables.
    Memory(u64),
    /// CPU time.
    Cpu(Duration),
    /// Time on the wall.
    Timeout(Duration),
    /// Open descriptors.
    Descriptors(u32),
}

/// The limits of a process, each of them optional.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes over all memories and tables.
    pub memory: Option<u64>,
    /// CPU time.
    pub cpu: Option<Duration>,
    /// Time on the wall.
    pub timeout: Option<Duration>,
    /// Open descriptors.
    pub descriptors: Option<u32>,
}

impl Limits {
    /// The limits that are set.
    pub fn iter(&self) -> impl Iterator<Item = Limit> {
        [
            self.memory.map(Limit::Memory),
            self.cpu.map(Limit::Cpu),
            self.timeout.map(Limit::Timeout),
            self.descriptors.map(Limit::Descriptors),
        ]
        .into_iter()
        .flatten()
    }

    /// Sets one limit.
    pub fn set(&mut self, limit: Limit) {
        match limit {
            Limit::Memory(bytes) => self.memory = Some(bytes),
            Limit::Cpu(time) => self.cpu = Some(time),
            Limit::Timeout(time) => self.timeout = Some(time),
            Limit::Descriptors(count) => self.descriptors = Some(count),
        }
    }

    /// For each limit the smaller of the two; one that only one side sets stays.
    #[must_use]
    pub fn min(&self, other: &Self) -> Self {
        Self {
            memory: smaller(self.memory, other.memory),
            cpu: smaller(self.cpu, other.cpu),
            timeout: smaller(self.timeout, other.timeout),
            descriptors: smaller(self.descriptors, other.descriptors),
        }
    }

    /// For each limit this one's, or the other's where this one sets none.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self {
            memory: self.memory.or(other.memory),
            cpu: self.cpu.or(other.cpu),
            timeout: self.timeout.or(other.timeout),
            descriptors: self.descriptors.or(other.descriptors),
        }
    }

    /// Whether `limit` is above what these limits allow.
    #[must_use]
    pub fn is_below(&self, limit: Limit) -> bool {
        match limit {
            Limit::Memory(bytes) => self.memory.is_some_and(|most| most < bytes),
            Limit::Cpu(time) => self.cpu.is_some_and(|most| most < time),
            Limit::Timeout(time) => self.timeout.is_some_and(|most| most < time),
            Limit::Descriptors(count) => self.descriptors.is_some_and(|most| most < count),
        }
    }
}

fn smaller<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// One thing that a program may be allowed, as something asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// Files of the host under one guest path.
    Directory {
        /// Where the program sees them.
        guest: GuestPath,
        /// What it does with them.
        access: Access,
        /// The host's directory that the author suggests, relative to the app's folder.
        host: Option<String>,
    },
    /// An archive mounted read-only.
    Archive {
        /// The archive's path, relative to the app's folder.
        archive: String,
        /// Where the program sees its files.
        guest: GuestPath,
    },
    /// A directory in memory.
    Temporary {
        /// Where the program sees it.
        guest: GuestPath,
        /// How many bytes it may hold.
        size: u64,
    },
    /// A variable passed on from the person's environment.
    Environment(String),
    /// Accepting connections on an address of the host.
    Listen(ListenAddress),
    /// Something of the network.
    Network(NetRule),
    /// A clock as fine as the host's.
    FineClock,
    /// Writing escape sequences to the person's terminal.
    TerminalEscapes,
    /// More of something than the host gives by default.
    Limit(Limit),
}

/// What an app asks for: one capability, and what its author says of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Need {
    /// What is asked for.
    pub capability: Capability,
    /// Why, in the author's words.
    pub why: Option<String>,
    /// Whether the app runs without it.
    pub optional: bool,
}

/// What a person gives: one capability.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Grant {
    /// `--dir HOST::GUEST:ACCESS`
    Directory {
        /// The host's directory, as written.
        host: String,
        /// Where the program sees it.
        guest: GuestPath,
        /// What the program may do with it.
        access: Access,
    },
    /// `--mount ARCHIVE::GUEST`
    Archive {
        /// The archive's path on the host, as written.
        archive: String,
        /// Where the program sees its files.
        guest: GuestPath,
    },
    /// `--disk IMAGE::GUEST:ACCESS`
    Disk {
        /// The image's path on the host, as written.
        image: String,
        /// Where the program sees its files.
        guest: GuestPath,
        /// What the program may do with them.
        access: Access,
    },
    /// `--tmp SIZE::GUEST`
    Temporary {
        /// Where the program sees it.
        guest: GuestPath,
        /// How many bytes it may hold.
        size: u64,
    },
    /// `--env NAME`
    PassVariable(String),
    /// `--env NAME=VALUE`
    SetVariable {
        /// The variable's name.
        name: String,
        /// The variable's value.
        value: String,
    },
    /// `--listen ADDRESS`
    Listen(ListenAddress),
    /// `--net RULE`
    Network(NetRule),
    /// `--clock=fine` or `--clock=coarse`
    Clock(ClockPrecision),
    /// `--terminal-escapes`
    TerminalEscapes,
    /// `--memory`, `--cpu`, `--timeout` or `--max-fds`
    Limit(Limit),
}

/// Where `--disk IMAGE` is mounted when no guest path is written.
pub const DISK_GUEST: &str = "/disk";
/// Where `--tmp SIZE` is mounted when no guest path is written.
pub const TEMPORARY_GUEST: &str = "/tmp";

impl Capability {
    /// The grant that gives exactly this.
    ///
    /// `host` is the host's directory or the archive's path to use; without it the author's
    /// suggestion is, and without that the guest path, which is what a plain `--dir DIR`
    /// means.
    #[must_use]
    pub fn grant(&self, host: Option<&str>) -> Grant {
        match self {
            Self::Directory {
                guest,
                access,
                host: suggested,
            } => Grant::Directory {
                host: host
                    .or(suggested.as_deref())
                    .unwrap_or(guest.as_str())
                    .to_owned(),
                guest: guest.clone(),
                access: *access,
            },
            Self::Archive { archive, guest } => Grant::Archive {
                archive: host.unwrap_or(archive).to_owned(),
                guest: guest.clone(),
            },
            Self::Temporary { guest, size } => Grant::Temporary {
                guest: guest.clone(),
                size: *size,
            },
            Self::Environment(name) => Grant::PassVariable(name.clone()),
            Self::Listen(address) => Grant::Listen(*address),
            Self::Network(rule) => Grant::Network(rule.clone()),
            Self::FineClock => Grant::Clock(ClockPrecision::Fine),
            Self::TerminalEscapes => Grant::TerminalEscapes,
            Self::Limit(limit) => Grant::Limit(*limit),
        }
    }
}

impl Need {
    /// A need without a reason that the app cannot do without.
    #[must_use]
    pub fn new(capability: Capability) -> Self {
        Self {
            capability,
            why: None,
            optional: false,
        }
    }

    /// The command-line option that grants this, quoted for a shell:
    /// `--dir ./data::/data:ro`. See [`Capability::grant`] for the host's path in it.
    #[must_use]
    pub fn to_option(&self) -> String {
        self.capability.grant(None).to_option()
    }
}

impl Grant {
    /// The name and the value of the option that gives this, unquoted; an option without a
    /// value has an empty one.
    #[must_use]
    pub fn to_parts(&self) -> (&'static str, String) {
        match self {
            Self::Directory {
                host,
                guest,
                access,
            } => ("dir", format!("{host}::{guest}:{}", access.word())),
            Self::Archive { archive, guest } => ("mount", format!("{archive}::{guest}")),
            Self::Disk {
                image,
                guest,
                access,
            } => ("disk", format!("{image}::{guest}:{}", access.word())),
            Self::Temporary { guest, size } if guest.as_str() == TEMPORARY_GUEST => {
                ("tmp", format_size(*size))
            }
            Self::Temporary { guest, size } => ("tmp", format!("{}::{guest}", format_size(*size))),
            Self::PassVariable(name) => ("env", name.clone()),
            Self::SetVariable { name, value } => ("env", format!("{name}={value}")),
            Self::Listen(address) => ("listen", address.to_string()),
            Self::Network(rule) => ("net", rule.to_string()),
            Self::Clock(precision) => ("clock", precision.word().to_owned()),
            Self::TerminalEscapes => ("terminal-escapes", String::new()),
            Self::Limit(Limit::Memory(bytes)) => ("memory", format_size(*bytes)),
            Self::Limit(Limit::Cpu(time)) => ("cpu", format_duration(*time)),
            Self::Limit(Limit::Timeout(time)) => ("timeout", format_duration(*time)),
            Self::Limit(Limit::Descriptors(count)) => ("max-fds", count.to_string()),
        }
    }

    /// The option that gives this, quoted for a shell: `--tmp 64MiB`. The clock's is written
    /// `--clock=fine`.
    #[must_use]
    pub fn to_option(&self) -> String {
        match self.to_parts() {
            (name, value) if value.is_empty() => format!("--{name}"),
            (name @ "clock", value) => format!("--{name}={value}"),
            (name, value) => format!("--{name} {}", quoted_for_shell(&value)),
        }
    }

    /// Where this mounts something, if it does.
    #[must_use]
    pub fn guest(&self) -> Option<&GuestPath> {
        match self {
            Self::Directory { guest, .. }
            | Self::Archive { guest, .. }
            | Self::Disk { guest, .. }
            | Self::Temporary { guest, .. } => Some(guest),
            _ => None,
        }
    }
}

/// Quotes a value where a POSIX shell would otherwise change it.
fn quoted_for_shell(value: &str) -> Cow<'_, str> {
    let plain =
        |character: char| character.is_alphanumeric() || "_-./:=,@%+\u{b5}".contains(character);
    if !value.is_empty() && value.chars().all(plain) {
        Cow::Borrowed(value)
    } else {
        Cow::Owned(format!("'{}'", value.replace('\'', "'\\''")))
    }
}

impl fmt::Display for Capability {
    /// What is asked for, in words; names that the app's author chose are printable in it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory { guest, access, .. } => write_access(formatter, guest, *access),
            Self::Archive { archive, guest } => write_archive(formatter, archive, guest),
            Self::Temporary { guest, size } => write!(
                formatter,
                "keep up to {} of temporary files in memory under {}",
                format_size(*size),
                printable(guest.as_str())
            ),
            Self::Environment(name) => write_variable(formatter, name),
            Self::Listen(address) => write!(formatter, "accept connections on {address}"),
            Self::Network(rule) => network::describe(formatter, rule),
            Self::FineClock => formatter.write_str("tell time as finely as the host can"),
            Self::TerminalEscapes => formatter.write_str("send escape sequences to your terminal"),
            Self::Limit(limit) => limit.fmt(formatter),
        }
    }
}

fn write_access(
    formatter: &mut fmt::Formatter<'_>,
    guest: &GuestPath,
    access: Access,
) -> fmt::Result {
    let guest = printable(guest.as_str());
    match access {
        Access::ReadOnly => write!(formatter, "read files under {guest}"),
        Access::ReadWrite => write!(formatter, "read and write files under {guest}"),
        Access::CopyOnWrite => write!(
            formatter,
            "read files under {guest}, and write to a copy of its own"
        ),
    }
}

fn write_archive(
    formatter: &mut fmt::Formatter<'_>,
    archive: &str,
    guest: &GuestPath,
) -> fmt::Result {
    let (archive, guest) = (printable(archive), printable(guest.as_str()));
    write!(formatter, "read the files of {archive} under {guest}")
}

fn write_variable(formatter: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let name = printable(name);
    write!(formatter, "see the environment variable {name}")
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(bytes) => write!(formatter, "use up to {} of memory", format_size(*bytes)),
            Self::Cpu(time) => write!(
                formatter,
                "use up to {} of processor time",
                format_duration(*time)
            ),
            Self::Timeout(time) => write!(formatter, "run for up to {}", format_duration(*time)),
            Self::Descriptors(count) => write!(formatter, "keep up to {count} descriptors open"),
        }
    }
}

impl fmt::Display for Need {
    /// What is asked for, in words, and the author's reason: `read files under /data (to find
    /// pictures)`. Control characters of the reason are escaped: it is not the reader's own
    /// text, and it reaches a terminal.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.capability)?;
        match &self.why {
            Some(why) => write!(formatter, " ({})", printable(why)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory {
                host,
                guest,
                access,
            } => {
                write_access(formatter, guest, *access)?;
                write!(formatter, ", from {}", printable(host))
            }
            Self::Disk {
                image,
                guest,
                access,
            } => {
                write_access(formatter, guest, *access)?;
                write!(formatter, ", on the disk {}", printable(image))
            }
            Self::Archive { archive, guest } => write_archive(formatter, archive, guest),
            Self::Temporary { guest, size } => Capability::Temporary {
                guest: guest.clone(),
                size: *size,
            }
            .fmt(formatter),
            Self::PassVariable(name) => write_variable(formatter, name),
            Self::SetVariable { name, .. } => {
                write_variable(formatter, name)?;
                formatter.write_str(", set for it")
            }
            Self::Listen(address) => write!(formatter, "accept connections on {address}"),
            Self::Network(rule) => network::describe(formatter, rule),
            Self::Clock(ClockPrecision::Fine) => Capability::FineClock.fmt(formatter),
            Self::Clock(ClockPrecision::Coarse) => formatter.write_str("tell time coarsely"),
            Self::TerminalEscapes => Capability::TerminalEscapes.fmt(formatter),
            Self::Limit(limit) => limit.fmt(formatter),
        }
    }
}

/// Text from outside with its control characters escaped, so that it cannot drive a terminal.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    // The second range reorders text on a terminal: what is shown would not be what is there.
    let unsafe_to_print = |character: char| {
        character.is_control()
            || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.chars().any(unsafe_to_print) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if unsafe_to_print(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// Text from outside as a message quotes it: printable, and not longer than a line.
pub(crate) fn shown(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    let cut = if short.len() < text.len() { "…" } else { "" };
    format!("{}{cut}", printable(&short))
}

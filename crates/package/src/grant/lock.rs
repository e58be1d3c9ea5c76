//! The lock: what remains of the needs after the person's grants and the host's policy.
//!
//! The rules, in the order in which they are applied:
//!
//! 1. A need that nobody granted is missing. An archive that is part of the app needs no
//!    grant; a mount that the person gives at the same place takes its place.
//! 2. Deny wins: a denied need is missing, whatever else was granted.
//! 3. What is given is the smaller of what was asked, granted and allowed by the host: asked
//!    `ro` and granted `rw` gives `ro`. `cow` satisfies a need to write ([`Access::satisfies`]).
//! 4. A grant that was not asked for is not given, and listed as unused. Values that the person
//!    typed for this app (`--env NAME=VALUE`) reveal nothing of the host and are always given.
//! 5. A limit that the person sets is the limit, below the host's ceiling. A limit that the
//!    author sets at or below the host's default is taken without asking; above it, it is a
//!    need.
//!
//! A program without a manifest asks for nothing in particular and is given all the grants,
//! under rules 2 and 3.

use core::fmt;

use holm_kernel::net::{NetRule, NetRules};
use thiserror::Error;

use super::{Access, ClockPrecision, Grant, Limits, ListenAddress, Need};
use crate::guest_path::GuestPath;
use crate::manifest::Manifest;

mod resolver;

pub use resolver::resolve;

/// What a program asks for.
#[derive(Debug, Clone, Copy)]
pub enum Asked<'a> {
    /// Nothing is stated: a bare program, which is given what was granted.
    Unstated,
    /// The needs of an app.
    Manifest(&'a Manifest),
}

/// Which of the standard streams are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stdio {
    /// Whether the program may read its standard input.
    pub stdin: bool,
    /// Whether the program may write to its standard output.
    pub stdout: bool,
    /// Whether the program may write to its standard error.
    pub stderr: bool,
}

impl Default for Stdio {
    fn default() -> Self {
        Self {
            stdin: true,
            stdout: true,
            stderr: true,
        }
    }
}

/// What the person gave and refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    allow: Vec<Grant>,
    deny: Vec<Grant>,
    /// The standard streams that the person leaves open.
    pub stdio: Stdio,
}

impl Grants {
    /// No grants.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives something.
    pub fn allow(&mut self, grant: Grant) {
        self.allow.push(grant);
    }

    /// Refuses something, in whatever form and amount it was asked: denying `--dir .::/data:rw`
    /// denies every mount on `/data`.
    pub fn deny(&mut self, grant: Grant) {
        self.deny.push(grant);
    }

    /// Gives something unless these grants already say something about it: how a remembered
    /// answer is added to what was typed for this run.
    pub fn allow_unless_answered(&mut self, grant: Grant) {
        if !self.answers(&grant) {
            self.allow.push(grant);
        }
    }

    /// Refuses something unless these grants already say something about it, or about a part of
    /// it: what is typed for this run is not taken back by what was answered once.
    pub fn deny_unless_answered(&mut self, grant: Grant) {
        let in_part = self.allow.iter().any(|given| same_thing(&grant, given));
        if !self.answers(&grant) && !in_part {
            self.deny.push(grant);
        }
    }

    /// What was given, in order.
    #[must_use]
    pub fn allowed(&self) -> &[Grant] {
        &self.allow
    }

    /// What was refused, in order.
    #[must_use]
    pub fn denied(&self) -> &[Grant] {
        &self.deny
    }

    fn answers(&self, grant: &Grant) -> bool {
        let mut answers = self.allow.iter().chain(&self.deny);
        answers.any(|answer| same_thing(answer, grant))
    }

    fn denies(&self, grant: &Grant) -> bool {
        self.deny.iter().any(|denied| same_thing(denied, grant))
    }

    /// Two different mounts on one place cannot both be given.
    fn check_places(&self) -> Result<(), LockError> {
        for (position, second) in self.allow.iter().enumerate() {
            let Some(guest) = second.guest() else {
                continue;
            };
            let first = self.allow[..position].iter().find(|first| {
                let place = first.guest().map(GuestPath::place);
                place == Some(guest.place()) && *first != second
            });
            if let Some(first) = first {
                return Err(LockError::SamePlace {
                    guest: guest.clone(),
                    first: first.to_option(),
                    second: second.to_option(),
                });
            }
        }
        Ok(())
    }
}

/// Whether two grants are about the same thing: the same place, variable, address or limit; of
/// the network also when the first holds the second.
fn same_thing(one: &Grant, other: &Grant) -> bool {
    if let (Some(one), Some(other)) = (one.guest(), other.guest()) {
        return one.place() == other.place();
    }
    match (one, other) {
        (
            Grant::PassVariable(one) | Grant::SetVariable { name: one, .. },
            Grant::PassVariable(other) | Grant::SetVariable { name: other, .. },
        ) => one == other,
        (Grant::Listen(one), Grant::Listen(other)) => one == other,
        // Whoever gives, or refuses, a part of the network does so with each part of that.
        (Grant::Network(one), Grant::Network(other)) => one.covers(other),
        (Grant::Clock(_), Grant::Clock(_)) | (Grant::TerminalEscapes, Grant::TerminalEscapes) => {
            true
        }
        (Grant::Limit(one), Grant::Limit(other)) => {
            core::mem::discriminant(one) == core::mem::discriminant(other)
        }
        _ => false,
    }
}

/// Which addresses a host lets programs listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenPolicy {
    /// None.
    Nowhere,
    /// Those that only the same machine reaches.
    Loopback,
    /// All.
    Anywhere,
}

/// What a host allows, whoever asks and whoever grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPolicy {
    /// The most that may be done with directories of the host; `None` keeps them out.
    pub directories: Option<Access>,
    /// Whether variables of the host's environment may be passed on.
    pub environment: bool,
    /// Which addresses may be listened on.
    pub listen: ListenPolicy,
    /// What of the network may be used: a need is met when one of these rules covers it.
    pub network: NetRules,
    /// The finest clock.
    pub clock: ClockPrecision,
    /// Whether escape sequences may reach the terminal.
    pub terminal_escapes: bool,
    /// The most bytes that one directory in memory may hold.
    pub temporary_bytes_max: Option<u64>,
    /// Limits for who sets none. A need above them asks.
    pub limits_default: Limits,
    /// Limits that nobody gets beyond.
    pub limits_max: Limits,
}

impl Default for HostPolicy {
    /// Everything may be granted, and nothing is limited that nobody limits.
    fn default() -> Self {
        Self {
            directories: Some(Access::ReadWrite),
            environment: true,
            listen: ListenPolicy::Anywhere,
            network: NetRules::all(),
            clock: ClockPrecision::Fine,
            terminal_escapes: true,
            temporary_bytes_max: None,
            limits_default: Limits::default(),
            limits_max: Limits::default(),
        }
    }
}

/// What a program gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// What is mounted where; no two on one place.
    pub mounts: Vec<LockedMount>,
    /// The environment, by name, each name once.
    pub environment: Vec<(String, EnvironmentValue)>,
    /// The addresses listened on.
    pub listen: Vec<ListenAddress>,
    /// What of the network may be used.
    pub network: Vec<NetRule>,
    /// The clock's precision.
    pub clock: ClockPrecision,
    /// Whether escape sequences reach the terminal.
    pub terminal_escapes: bool,
    /// The limits.
    pub limits: Limits,
    /// The standard streams that are open.
    pub stdio: Stdio,
    /// What was asked for and is not given, or not in full.
    pub missing: Vec<Missing>,
    /// What was granted and is not given, as nobody asked for it.
    pub unused: Vec<Grant>,
}

impl Lock {
    /// What is missing that the program cannot do without; when there is any, it must not run.
    pub fn refusals(&self) -> impl Iterator<Item = &Missing> {
        self.missing.iter().filter(|missing| !missing.need.optional)
    }
}

/// One mount of a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedMount {
    /// Where the program sees it.
    pub guest: GuestPath,
    /// What is mounted.
    pub source: LockedSource,
}

/// What a lock mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockedSource {
    /// A directory of the host.
    Directory {
        /// Its path, as the person wrote it.
        host: String,
        /// What may be done with it.
        access: Access,
    },
    /// An archive, read-only.
    Archive {
        /// Its path: within the app's folder when `packaged`, else as the person wrote it.
        archive: String,
        /// Whether it is part of the app.
        packaged: bool,
    },
    /// A disk: a file system in an image.
    Disk {
        /// The image's path, as the person wrote it.
        image: String,
        /// What may be done with its files.
        access: Access,
    },
    /// A directory in memory.
    Temporary {
        /// How many bytes it may hold.
        size: u64,
    },
}

/// Where the value of an environment variable comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvironmentValue {
    /// The person's environment; without such a variable there, the app's own value, if any.
    Pass {
        /// The value in the app's `[app.env]`.
        fallback: Option<String>,
    },
    /// A value written in `holm.toml` or on the command line.
    Set(String),
}

/// A need that is not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What was asked for.
    pub need: Need,
    /// Why it is not given.
    pub reason: MissingReason,
}

/// Why a need is not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingReason {
    /// Nobody granted it, or not in full.
    NotGranted,
    /// The person refused it.
    Denied,
    /// The host's policy does not allow it.
    HostPolicy,
}

impl fmt::Display for Missing {
    /// What is missing and what to do: `read files under /data: grant it with --dir …`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let need = &self.need;
        match self.reason {
            MissingReason::NotGranted => {
                write!(formatter, "{need}: grant it with {}", need.to_option())
            }
            MissingReason::Denied => write!(
                formatter,
                "{need}: refused by you; grant it with {}",
                need.to_option()
            ),
            MissingReason::HostPolicy => {
                write!(formatter, "{need}: not allowed by this host's policy")
            }
        }
    }
}

/// Why grants contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LockError {
    /// Two different mounts on one place.
    #[error(
        "two mounts on {guest}: {first} and {second}; give one of them another path, or leave it out"
    )]
    SamePlace {
        /// The place.
        guest: GuestPath,
        /// The option that mounts first.
        first: String,
        /// The option that mounts again.
        second: String,
    },
}

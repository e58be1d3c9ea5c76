//! `holm.toml`: what an app needs, as its author wrote it.
//!
//! ```toml
//! [app]
//! name = "thumbs"              # a-z, 0-9 and -; required
//! version = "1.2.0"
//! description = "makes thumbnails"
//! program = "thumbs.wasm"      # relative to this file's folder; required
//! args = ["--fast"]            # put before the arguments that the person gives
//!
//! [app.env]                    # values of the author's own, which take nothing from the host
//! LANG = "C"
//!
//! [needs]
//! stdin = false                # stdin, stdout and stderr are open unless closed here
//! env = ["TZ", { name = "TOKEN", why = "to log in", optional = true }]
//! clock = "fine"               # or "coarse"; not set: as the host has it
//! terminal-escapes = true      # colours and the cursor of the person's terminal
//!
//! [[needs.mount]]
//! guest = "/data"              # where the program sees it; required
//! access = "ro"                # or "rw", or "cow": writes stay in a copy; "ro" when not set
//! host = "./data"              # a suggestion, relative to this file's folder
//! why = "reads pictures"
//! optional = true              # the app runs without it
//!
//! [[needs.mount]]
//! guest = "/assets"
//! archive = "assets.zip"       # part of the app: mounted without asking, read-only
//!
//! [needs.tmp]
//! size = "64MiB"               # required
//! guest = "/tmp"               # when not set
//!
//! [[needs.listen]]
//! address = "127.0.0.1:8080"   # required
//! why = "serves its pages"
//!
//! [limits]                     # above the host's defaults they are asked for
//! memory = "256MiB"
//! cpu = "5s"
//! timeout = "30s"
//! fds = 64
//!
//! [dependencies."example:fetch"]   # components that are linked to the program
//! path = "fetch.wasm"              # or a folder with a holm.toml of its own
//! inherit = ["wasi:http"]          # what the app passes on whole, by interface or package
//!
//! [dependencies."example:fetch".grants]   # what it may do with less than the app's rules
//! net = ["connect:127.0.0.1:*"]
//! ```
//!
//! The key of a dependency says what it provides, see [`Dependency::provides`]. It may do
//! nothing with the host but what `inherit` and `grants` say.
//!
//! Unknown keys are refused: a misspelt need that is silently ignored would be found out by a
//! program that fails.

use std::collections::BTreeMap;

use holm_kernel::net::NetRule;

use crate::grant::{Access, Capability, ClockPrecision, Limits, ListenAddress, Need};
use crate::guest_path::GuestPath;

mod checks;
mod dependencies;
mod problem;
mod reader;
mod sections;
#[cfg(test)]
mod tests;
pub(crate) mod toml_text;
mod writer;

pub use dependencies::{
    DEPENDENCIES_MAX, Dependency, DependencyGrants, DirectoryGrant, InterfacePattern, Provides,
    dependency_path_span,
};
pub use problem::{ManifestError, Problem};

/// The name of the file in an app's folder.
pub const MANIFEST_NAME: &str = "holm.toml";

/// The longest manifest that is read, in bytes.
pub const MANIFEST_BYTES_MAX: usize = 1 << 20;

/// A `holm.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// What the app is.
    pub app: App,
    /// What it needs of its host.
    pub needs: Needs,
    /// The limits that its author sets.
    pub limits: Limits,
    /// The components that are linked to the program, by their keys.
    pub dependencies: Vec<Dependency>,
}

/// What an app is: `[app]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its name: `a-z`, `0-9` and `-`.
    pub name: String,
    /// Its version, in its author's own notation.
    pub version: Option<String>,
    /// What it does, on one line.
    pub description: Option<String>,
    /// The program's path, relative to the app's folder, with `/` between names; it never
    /// leads out of the folder.
    pub program: String,
    /// Arguments put before those that the person gives.
    pub args: Vec<String>,
    /// Environment variables that the author sets. Under one of these names, a variable that
    /// is passed on or set by the person comes first.
    pub env: BTreeMap<String, String>,
}

/// What an app needs of its host: `[needs]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// Whether it reads its standard input; closed when not.
    pub stdin: bool,
    /// Whether it writes to its standard output; closed when not.
    pub stdout: bool,
    /// Whether it writes to its standard error; closed when not.
    pub stderr: bool,
    /// Variables of the person's environment, each name once.
    pub env: Vec<VariableNeed>,
    /// The clock it needs; `None` for whatever the host has.
    pub clock: Option<ClockPrecision>,
    /// Whether it sends escape sequences to the terminal.
    pub terminal_escapes: bool,
    /// What it finds where; no two on one place, `tmp` included.
    pub mounts: Vec<MountNeed>,
    /// A directory in memory.
    pub tmp: Option<TemporaryNeed>,
    /// The addresses it listens on, each once.
    pub listen: Vec<ListenNeed>,
    /// What it does on the network, each rule once.
    pub net: Vec<NetworkNeed>,
}

impl Default for Needs {
    /// Nothing but the standard streams.
    fn default() -> Self {
        Self {
            stdin: true,
            stdout: true,
            stderr: true,
            env: Vec::new(),
            clock: None,
            terminal_escapes: false,
            mounts: Vec::new(),
            tmp: None,
            listen: Vec::new(),
            net: Vec::new(),
        }
    }
}

/// A variable of the person's environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableNeed {
    /// Its name.
    pub name: String,
    /// Why it is needed.
    pub why: Option<String>,
    /// Whether the app runs without it.
    pub optional: bool,
}

/// One `[[needs.mount]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountNeed {
    /// Where the program sees it.
    pub guest: GuestPath,
    /// What is mounted.
    pub source: MountSource,
    /// Why it is needed.
    pub why: Option<String>,
    /// Whether the app runs without it.
    pub optional: bool,
}

/// What a `[[needs.mount]]` mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSource {
    /// A directory of the host, which the person chooses.
    Directory {
        /// What the program does with it.
        access: Access,
        /// The author's suggestion, relative to the app's folder.
        host: Option<String>,
    },
    /// An archive of the app, relative to its folder; it never leads out of it.
    Archive(String),
}

/// `[needs.tmp]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemporaryNeed {
    /// Where the program sees it.
    pub guest: GuestPath,
    /// How many bytes it may hold.
    pub size: u64,
    /// Why it is needed.
    pub why: Option<String>,
    /// Whether the app runs without it.
    pub optional: bool,
}

/// An entry of `net`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkNeed {
    /// The rule, as `--net` takes it.
    pub rule: NetRule,
    /// Why it is needed.
    pub why: Option<String>,
    /// Whether the app runs without it.
    pub optional: bool,
}

/// One `[[needs.listen]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenNeed {
    /// The address.
    pub address: ListenAddress,
    /// Why it is needed.
    pub why: Option<String>,
    /// Whether the app runs without it.
    pub optional: bool,
}

impl Manifest {
    /// Reads a `holm.toml`.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] holds every problem found, each with its line, column and bytes, in
    /// the order of the file.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        sections::read_manifest(text)
    }

    /// A manifest for a program that needs nothing: where learning starts. A name that a
    /// manifest may not have is turned into one that it may.
    #[must_use]
    pub fn of_program(name: &str, program: &str) -> Self {
        Self {
            app: App {
                name: checks::nearest_name(name),
                version: None,
                description: None,
                program: program.to_owned(),
                args: Vec::new(),
                env: BTreeMap::new(),
            },
            needs: Needs::default(),
            limits: Limits::default(),
            dependencies: Vec::new(),
        }
    }

    /// Writes the manifest with a comment over each need; [`Manifest::parse`] reads it back
    /// the same, and the same manifest is always written the same.
    #[must_use]
    pub fn to_toml(&self) -> String {
        writer::write_manifest(self)
    }

    /// Everything asked for, in the order in which a person is asked. Limits are asked for
    /// only above `limits_default`.
    #[must_use]
    pub fn needs(&self, limits_default: &Limits) -> Vec<Need> {
        let mut needs = self.needs.to_list();
        let above = self
            .limits
            .iter()
            .filter(|limit| limits_default.is_below(*limit));
        needs.extend(above.map(|limit| Need::new(Capability::Limit(limit))));
        needs
    }

    /// A digest of all that is asked for, in hexadecimal: it changes when the answers given to
    /// the needs may no longer hold, and not with the author's words about them, the version
    /// or the program.
    #[must_use]
    pub fn needs_digest(&self) -> String {
        let mut asked = Self::of_program("app", "app.wasm");
        asked.needs = self.needs.clone();
        asked.limits = self.limits;
        asked.needs.forget_reasons();
        asked
            .needs
            .env
            .sort_by(|one, other| one.name.cmp(&other.name));
        asked
            .needs
            .mounts
            .sort_by(|one, other| one.guest.cmp(&other.guest));
        asked.needs.listen.sort_by_key(|listen| listen.address);
        asked.needs.net.sort_by_key(|need| need.rule.to_string());
        blake3::hash(asked.to_toml().as_bytes())
            .to_hex()
            .to_string()
    }
}

impl Needs {
    /// The needs as one list, limits aside.
    fn to_list(&self) -> Vec<Need> {
        let mut list: Vec<Need> = self.mounts.iter().map(MountNeed::to_need).collect();
        list.extend(self.tmp.iter().map(|tmp| Need {
            capability: Capability::Temporary {
                guest: tmp.guest.clone(),
                size: tmp.size,
            },
            why: tmp.why.clone(),
            optional: tmp.optional,
        }));
        list.extend(self.env.iter().map(|variable| Need {
            capability: Capability::Environment(variable.name.clone()),
            why: variable.why.clone(),
            optional: variable.optional,
        }));
        list.extend(self.listen.iter().map(|listen| Need {
            capability: Capability::Listen(listen.address),
            why: listen.why.clone(),
            optional: listen.optional,
        }));
        list.extend(self.net.iter().map(|need| Need {
            capability: Capability::Network(need.rule.clone()),
            why: need.why.clone(),
            optional: need.optional,
        }));
        if self.clock == Some(ClockPrecision::Fine) {
            list.push(Need::new(Capability::FineClock));
        }
        if self.terminal_escapes {
            list.push(Need::new(Capability::TerminalEscapes));
        }
        list
    }

    fn forget_reasons(&mut self) {
        let mounts = self.mounts.iter_mut().map(|need| &mut need.why);
        let tmp = self.tmp.iter_mut().map(|need| &mut need.why);
        let env = self.env.iter_mut().map(|need| &mut need.why);
        let listen = self.listen.iter_mut().map(|need| &mut need.why);
        let net = self.net.iter_mut().map(|need| &mut need.why);
        for why in mounts.chain(tmp).chain(env).chain(listen).chain(net) {
            *why = None;
        }
    }

    /// Adds what a run used of a directory: a place seen before keeps the greater access. How
    /// learning builds the smallest set of needs.
    pub fn use_directory(&mut self, guest: &GuestPath, used: Access, suggested: Option<&str>) {
        let seen = |need: &&mut MountNeed| need.guest.place() == guest.place();
        if let Some(need) = self.mounts.iter_mut().find(seen) {
            if let MountSource::Directory { access, .. } = &mut need.source {
                *access = used.max(*access);
            }
            return;
        }
        self.mounts.push(MountNeed {
            guest: guest.clone(),
            source: MountSource::Directory {
                access: used,
                host: suggested.map(str::to_owned),
            },
            why: None,
            optional: false,
        });
    }

    /// Adds what a run used of the environment; a name seen before is not added again.
    pub fn use_variable(&mut self, name: &str) {
        if self.env.iter().all(|need| need.name != name) {
            self.env.push(VariableNeed {
                name: name.to_owned(),
                why: None,
                optional: false,
            });
        }
    }

    /// Adds what a run did on the network; a rule seen before is not added again.
    pub fn use_network(&mut self, rule: &NetRule) {
        if self.net.iter().all(|need| need.rule != *rule) {
            self.net.push(NetworkNeed {
                rule: rule.clone(),
                why: None,
                optional: false,
            });
        }
    }

    /// Adds an address that a run listened on; one seen before is not added again.
    pub fn use_listen(&mut self, address: ListenAddress) {
        if self.listen.iter().all(|need| need.address != address) {
            self.listen.push(ListenNeed {
                address,
                why: None,
                optional: false,
            });
        }
    }
}

impl MountNeed {
    fn to_need(&self) -> Need {
        let guest = self.guest.clone();
        Need {
            capability: match &self.source {
                MountSource::Directory { access, host } => Capability::Directory {
                    guest,
                    access: *access,
                    host: host.clone(),
                },
                MountSource::Archive(archive) => Capability::Archive {
                    archive: archive.clone(),
                    guest,
                },
            },
            why: self.why.clone(),
            optional: self.optional,
        }
    }
}

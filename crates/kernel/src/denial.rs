//! Denials: what was refused to a process, kept so that it can be explained.
//!
//! The guest gets an errno; the person who ran it gets a sentence. The log keeps one entry
//! for each cause and at most [`DENIALS_MAX`] causes, so that a guest cannot grow it.

use std::sync::Mutex;

use holm_abi::{Errno, Syscall};

use crate::net::{AddressClass, NetRule};

/// Most causes kept for one process.
pub const DENIALS_MAX: usize = 64;

/// Why something was refused: what a grant would have to change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Nothing is mounted where a path leads.
    NothingMounted {
        /// The absolute guest path.
        path: String,
        /// Whether the call would have changed something.
        write: bool,
    },
    /// A mount is read-only.
    ReadOnlyMount {
        /// The mount's guest path.
        mount: String,
        /// The mount's source in words.
        source: String,
        /// The path below it, as the program named it.
        path: String,
    },
    /// A path leads out of the directory that it is relative to: through `..`, as an
    /// absolute path, or by a symbolic link.
    Escape {
        /// The mount's guest path.
        mount: String,
        /// The path, as the program named it.
        path: String,
    },
    /// No rule allows what a process wanted of the network.
    Network {
        /// The rule that would allow it, and nothing else.
        rule: NetRule,
        /// The name that was looked up, where the rule is about its address: a name does not
        /// lead to special addresses.
        name: Option<String>,
        /// What kind of place it is.
        class: AddressClass,
        /// Whether a proxy was to look the name up, so that no rule about addresses counted.
        proxied: bool,
    },
    /// A limit was reached.
    Limit(Limit),
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Open descriptors.
    Descriptors(u32),
    /// Bytes of memory.
    Memory(u64),
    /// Bytes written.
    BytesOut(u64),
    /// Processes.
    Processes(u32),
}

/// One cause of refusal and how often it struck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub cause: Cause,
    /// The first call that was refused for it; `None` when it was no call, as for memory.
    pub call: Option<Syscall>,
    /// What the guest was told.
    pub errno: Errno,
    /// How many times.
    pub count: u64,
}

/// The denials of one process.
#[derive(Debug, Default)]
pub(crate) struct DenialLog {
    entries: Mutex<Vec<Denial>>,
}

impl DenialLog {
    pub(crate) fn record(&self, cause: Cause, call: Option<Syscall>, errno: Errno) {
        let mut entries = crate::lock(&self.entries);
        if let Some(known) = entries.iter_mut().find(|denial| denial.cause == cause) {
            known.count = known.count.saturating_add(1);
        } else if entries.len() < DENIALS_MAX {
            entries.push(Denial {
                cause,
                call,
                errno,
                count: 1,
            });
        }
    }

    pub(crate) fn list(&self) -> Vec<Denial> {
        crate::lock(&self.entries).clone()
    }
}

//! Remembered answers: what the person said "always" or "never" to, for one app.
//!
//! An answer holds for one app name, one program (by digest) and one set of needs (by digest).
//! When either digest changes the person is asked again, and what was answered before can be
//! shown beside it. The file is TOML, and each answer is written as the command-line option
//! that means it, so that one parser reads both and a person can read the file:
//!
//! ```toml
//! version = 1
//!
//! [[app]]
//! name = "thumbs"
//! program = "6437b3ac…"
//! needs = "af1349b9…"
//! allow = ["--dir=/home/me/pictures::/data:ro", "--env=LANG"]
//! deny = ["--listen=127.0.0.1:8080"]
//! ```

use thiserror::Error;
use toml::de::{DeTable, DeValue};

use super::{Grant, Grants, OptionError};
use crate::manifest::toml_text::{quoted, quoted_list};

/// How many answers are kept; beyond it the oldest go.
pub const REMEMBERED_MAX: usize = 1000;

/// The longest file of answers that is read, in bytes.
pub const REMEMBERED_BYTES_MAX: usize = 4 << 20;

const VERSION: i64 = 1;

/// The answers for one app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RememberedGrant {
    /// The app's name.
    pub name: String,
    /// The digest of the program, in hexadecimal.
    pub program: String,
    /// The digest of the needs: [`crate::manifest::Manifest::needs_digest`].
    pub needs: String,
    /// What was allowed.
    pub allow: Vec<Grant>,
    /// What was refused.
    pub deny: Vec<Grant>,
}

impl RememberedGrant {
    /// Adds these answers to what was typed for this run, which comes first.
    pub fn apply(&self, grants: &mut Grants) {
        for grant in &self.allow {
            grants.allow_unless_answered(grant.clone());
        }
        for grant in &self.deny {
            grants.deny_unless_answered(grant.clone());
        }
    }
}

/// All remembered answers, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RememberedGrants {
    entries: Vec<RememberedGrant>,
}

/// What is remembered of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory<'a> {
    /// These answers hold.
    Answered(&'a RememberedGrant),
    /// The program is another one than was answered for; ask again.
    ProgramChanged(&'a RememberedGrant),
    /// The same program asks for something else than was answered; ask again.
    NeedsChanged(&'a RememberedGrant),
    /// Nothing is remembered.
    Unknown,
}

/// Why a file of remembered answers could not be read or added to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RememberedError {
    /// The file is longer than [`REMEMBERED_BYTES_MAX`].
    #[error(
        "the remembered answers are over {REMEMBERED_BYTES_MAX} bytes; delete the file to be asked again"
    )]
    TooLong,
    /// The file is not TOML.
    #[error("the remembered answers cannot be read: {message}; delete the file to be asked again")]
    NotToml {
        /// What the parser says.
        message: String,
    },
    /// The file was written by another version of Holm.
    #[error(
        "the remembered answers are of version {version}, and this Holm reads version 1; delete the file to be asked again"
    )]
    Version {
        /// The version in the file.
        version: String,
    },
    /// An entry lacks something or holds something of the wrong kind.
    #[error(
        "the remembered answers are damaged: entry {position} has no usable `{key}`; delete the file to be asked again"
    )]
    Entry {
        /// Which entry, from 1.
        position: usize,
        /// The key.
        key: &'static str,
    },
    /// An answer is not an option that grants something.
    #[error(
        "the remembered answers are damaged: `{answer}` in entry {position} grants nothing; delete the file to be asked again"
    )]
    Answer {
        /// Which entry, from 1.
        position: usize,
        /// The answer as written.
        answer: String,
        /// What is wrong with it.
        source: Option<Box<OptionError>>,
    },
    /// A grant whose option would be read as something else, such as a host path with `::`.
    #[error("{option} cannot be remembered: its path holds `::`")]
    Ambiguous {
        /// The option.
        option: String,
    },
}

impl RememberedGrants {
    /// Reads a file of answers.
    ///
    /// # Errors
    ///
    /// [`RememberedError`]; nothing of a damaged file is used.
    pub fn parse(text: &str) -> Result<Self, RememberedError> {
        if text.len() > REMEMBERED_BYTES_MAX {
            return Err(RememberedError::TooLong);
        }
        let table = DeTable::parse(text).map_err(|error| RememberedError::NotToml {
            message: error.message().to_owned(),
        })?;
        let table = table.get_ref();
        let version = table.get("version").map(|value| value.get_ref());
        let written = version
            .and_then(DeValue::as_integer)
            .map(|integer| integer.as_str().to_owned())
            .unwrap_or_else(|| "unknown".to_owned());
        if written != VERSION.to_string() {
            return Err(RememberedError::Version { version: written });
        }
        let Some(apps) = table.get("app") else {
            return Ok(Self::default());
        };
        let Some(apps) = apps.get_ref().as_array() else {
            return Err(RememberedError::Entry {
                position: 1,
                key: "app",
            });
        };
        let mut entries = Vec::new();
        for (index, app) in apps.iter().enumerate() {
            entries.push(read_entry(index + 1, app.get_ref())?);
        }
        Ok(Self { entries })
    }

    /// Writes the file of answers; [`RememberedGrants::parse`] reads it back the same.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::from(
            "# What you answered to apps that asked. Delete an entry to be asked again.\n",
        );
        text.push_str(&format!("version = {VERSION}\n"));
        for entry in &self.entries {
            let options = |grants: &[Grant]| {
                quoted_list(grants.iter().map(|grant| {
                    let (name, value) = grant.to_parts();
                    format!("--{name}={value}")
                }))
            };
            text.push_str(&format!(
                "\n[[app]]\nname = {}\nprogram = {}\nneeds = {}\nallow = {}\ndeny = {}\n",
                quoted(&entry.name),
                quoted(&entry.program),
                quoted(&entry.needs),
                options(&entry.allow),
                options(&entry.deny),
            ));
        }
        text
    }

    /// The entries, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[RememberedGrant] {
        &self.entries
    }

    /// What is remembered of an app.
    #[must_use]
    pub fn recall(&self, name: &str, program: &str, needs: &str) -> Memory<'_> {
        let mut newest_first = self.entries.iter().rev().filter(|entry| entry.name == name);
        let exact = |entry: &&RememberedGrant| entry.program == program && entry.needs == needs;
        let same_program = |entry: &&RememberedGrant| entry.program == program;
        if let Some(entry) = newest_first.clone().find(exact) {
            Memory::Answered(entry)
        } else if let Some(entry) = newest_first.clone().find(same_program) {
            Memory::NeedsChanged(entry)
        } else if let Some(entry) = newest_first.next() {
            Memory::ProgramChanged(entry)
        } else {
            Memory::Unknown
        }
    }

    /// Remembers answers, in place of earlier ones for the same app, program and needs.
    ///
    /// # Errors
    ///
    /// [`RememberedError::Ambiguous`] for a grant that the file's notation cannot hold;
    /// nothing is remembered then.
    pub fn remember(&mut self, entry: RememberedGrant) -> Result<(), RememberedError> {
        for grant in entry.allow.iter().chain(&entry.deny) {
            let (name, value) = grant.to_parts();
            if Grant::parse(name, &value).as_ref() != Ok(grant) {
                return Err(RememberedError::Ambiguous {
                    option: grant.to_option(),
                });
            }
        }
        self.entries.retain(|known| {
            (&known.name, &known.program, &known.needs)
                != (&entry.name, &entry.program, &entry.needs)
        });
        self.entries.push(entry);
        let excess = self.entries.len().saturating_sub(REMEMBERED_MAX);
        self.entries.drain(..excess);
        Ok(())
    }

    /// Forgets all answers for an app; says how many there were.
    pub fn forget(&mut self, name: &str) -> usize {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.name != name);
        before - self.entries.len()
    }
}

fn read_entry(position: usize, app: &DeValue<'_>) -> Result<RememberedGrant, RememberedError> {
    let text = |key: &'static str| {
        let value = app.as_table().and_then(|table| table.get(key));
        value
            .and_then(|value| value.get_ref().as_str())
            .map(str::to_owned)
            .ok_or(RememberedError::Entry { position, key })
    };
    let grants = |key: &'static str| {
        let value = app.as_table().and_then(|table| table.get(key));
        let list = value
            .and_then(|value| value.get_ref().as_array())
            .ok_or(RememberedError::Entry { position, key })?;
        list.iter()
            .map(|answer| {
                let answer = answer.get_ref().as_str();
                read_answer(
                    position,
                    answer.ok_or(RememberedError::Entry { position, key })?,
                )
            })
            .collect::<Result<Vec<Grant>, RememberedError>>()
    };
    Ok(RememberedGrant {
        name: text("name")?,
        program: text("program")?,
        needs: text("needs")?,
        allow: grants("allow")?,
        deny: grants("deny")?,
    })
}

fn read_answer(position: usize, answer: &str) -> Result<Grant, RememberedError> {
    let damaged = |source| RememberedError::Answer {
        position,
        answer: answer.to_owned(),
        source,
    };
    let (name, value) = answer
        .strip_prefix("--")
        .and_then(|option| option.split_once('='))
        .ok_or_else(|| damaged(None))?;
    Grant::parse(name, value).map_err(|error| damaged(Some(Box::new(error))))
}

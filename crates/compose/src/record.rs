//! What a composition says of itself: the section `holm:composition`, and the tree as text.
//!
//! The section is JSON, so that any tool can read it:
//!
//! ```json
//! {
//!   "version": 1,
//!   "parts": [
//!     {
//!       "label": "greeter", "path": "app.wasm", "digest": "blake3:…", "parent": null,
//!       "provides": ["wasi:cli/run@0.2.6"],
//!       "imports": [
//!         { "name": "example:fetch/api@1.0.0", "from": "part", "part": "example-fetch" },
//!         { "name": "wasi:cli/stdout@0.2.6", "from": "host" }
//!       ]
//!     },
//!     {
//!       "label": "example-fetch", "key": "example:fetch", "path": "fetch.wasm", "digest": "…",
//!       "parent": "greeter",
//!       "grants": { "net": ["connect:127.0.0.1:*"] },
//!       "imports": [
//!         { "name": "wasi:http/outgoing-handler@0.2.6", "from": "own",
//!           "as": "holm-example-fetch:wasi-http/outgoing-handler@0.2.6" },
//!         { "name": "wasi:filesystem/preopens@0.2.6", "from": "denied" }
//!       ]
//!     }
//!   ]
//! }
//! ```
//!
//! A host that serves an import with a name of [`crate::naming`] looks for the part with that
//! label, and serves it with the part's grants, cut by those of its parents that have an import
//! of their own for the same, and by the app's own rules. A standard stream imported so is not
//! granted: input is at its end, output is thrown away.

use core::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use wasmparser::{Parser, Payload};

/// The name of the section.
pub const SECTION: &str = "holm:composition";
/// The version of what is in it.
pub const VERSION: u32 = 1;
/// The largest section that is read, in bytes.
pub const SECTION_BYTES_MAX: usize = 4 << 20;

/// What the section `holm:composition` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// [`VERSION`].
    pub version: u32,
    /// The components: the app's program first, each after the one whose `holm.toml` names it.
    pub parts: Vec<PartRecord>,
}

/// One component of a composition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRecord {
    /// What it is called, like no other: in names of imports, and here.
    pub label: String,
    /// The key of `[dependencies]` that named it; none for the app's program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Its file, relative to the app's folder.
    pub path: String,
    /// `blake3:` and the digest of its bytes, in hexadecimal.
    pub digest: String,
    /// The label of the part whose `holm.toml` names it; none for the app's program.
    pub parent: Option<String>,
    /// Whether anybody uses it; what nobody uses is not in the composition.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub used: bool,
    /// What it exports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provides: Vec<String>,
    /// What it imports, and from where that comes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<ImportRecord>,
    /// What is passed on to it whole, as `holm.toml` has it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inherit: Vec<String>,
    /// What it may do under rules of its own.
    #[serde(default, skip_serializing_if = "GrantsRecord::is_empty")]
    pub grants: GrantsRecord,
}

/// What a part may do under rules of its own: the words of `holm.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantsRecord {
    /// Rules for sockets, names and HTTP.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub net: Vec<String>,
    /// Directories of the app's, such as `/data:ro`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dir: Vec<String>,
    /// Names of variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// `stdin`, `stdout`, `stderr`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stdio: Vec<String>,
}

impl GrantsRecord {
    /// Whether nothing is given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Something that a part imports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRecord {
    /// What it is called in the part: `wasi:http/outgoing-handler@0.2.6`.
    pub name: String,
    /// Whether it gives authority that nobody handed over; of others there is nothing to deny.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub ambient: bool,
    /// From where it comes.
    #[serde(flatten)]
    pub source: Source,
}

/// From where an import comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum Source {
    /// From the host, as the app has it.
    Host,
    /// From another part.
    Part {
        /// The part's label.
        part: String,
    },
    /// From the host, under rules of its own.
    Own {
        /// The name of the import, see [`crate::naming`].
        #[serde(rename = "as")]
        name: String,
    },
    /// From nobody: every call is answered with "no".
    Denied,
}

/// Why a section was not understood.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The bytes are no component, or end in the middle.
    #[error("the component cannot be read: {0}")]
    Component(String),
    /// The section is larger than any that `holm compose` writes.
    #[error("its section {SECTION} is larger than {SECTION_BYTES_MAX} bytes")]
    TooLarge,
    /// The section is there twice: whose rules hold?
    #[error("it has more than one section {SECTION}")]
    Twice,
    /// The section is of a later version.
    #[error("its section {SECTION} is of version {0}; this holm knows version {VERSION}")]
    Later(u32),
    /// The section is not what it should be.
    #[error("its section {SECTION} is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
}

impl Record {
    /// Reads the section of a composed component; `None` when it has none.
    ///
    /// # Errors
    ///
    /// [`RecordError`]: a component whose section is not understood must not run with rules that
    /// were guessed.
    pub fn of_component(bytes: &[u8]) -> Result<Option<Self>, RecordError> {
        let mut found = Vec::new();
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(|error| RecordError::Component(error.to_string()))? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::CustomSection(section) if depth == 0 && section.name() == SECTION => {
                    found.push(section.data());
                }
                _ => {}
            }
        }
        match found.as_slice() {
            [] => Ok(None),
            [section] => Self::parse(section).map(Some),
            _ => Err(RecordError::Twice),
        }
    }

    fn parse(section: &[u8]) -> Result<Self, RecordError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        if section.len() > SECTION_BYTES_MAX {
            return Err(RecordError::TooLarge);
        }
        let Versioned { version } = serde_json::from_slice(section)?;
        if version != VERSION {
            return Err(RecordError::Later(version));
        }
        Ok(serde_json::from_slice(section)?)
    }

    /// The part with this label.
    #[must_use]
    pub fn part(&self, label: &str) -> Option<&PartRecord> {
        self.parts.iter().find(|part| part.label == label)
    }

    /// Whether a host that does not know rules of dependencies can run it.
    #[must_use]
    pub fn is_portable(&self) -> bool {
        let imports = self.parts.iter().flat_map(|part| &part.imports);
        !imports
            .into_iter()
            .any(|import| matches!(import.source, Source::Own { .. }))
    }
}

impl fmt::Display for Record {
    /// The tree, a part to a line, with what each provides and what it may do below it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.parts.iter().filter(|part| part.parent.is_none()) {
            self.write_part(formatter, part, 0)?;
        }
        Ok(())
    }
}

impl Record {
    fn write_part(
        &self,
        formatter: &mut fmt::Formatter<'_>,
        part: &PartRecord,
        depth: usize,
    ) -> fmt::Result {
        let indent = "  ".repeat(depth);
        let key = match &part.key {
            Some(key) => format!(" = {}", shown(key)),
            None => String::new(),
        };
        let unused = if part.used {
            ""
        } else {
            "  (unused, left out)"
        };
        writeln!(
            formatter,
            "{indent}{}{key}: {}{unused}",
            part.label,
            shown(&part.path)
        )?;
        let mut line = |what: &str, names: Vec<String>| {
            if names.is_empty() {
                return Ok(());
            }
            let names = names.join(", ");
            writeln!(formatter, "{indent}    {what:<10} {names}")
        };
        line(
            "provides",
            part.provides.iter().map(|name| shown(name)).collect(),
        )?;
        let from_parts = part
            .imports
            .iter()
            .filter_map(|import| match &import.source {
                Source::Part { part } => Some(format!("{} from {part}", shown(&import.name))),
                _ => None,
            });
        line("uses", from_parts.collect())?;
        let named = |wanted: fn(&ImportRecord) -> bool| -> Vec<String> {
            let imports = part.imports.iter().filter(|import| wanted(import));
            imports.map(|import| shown(&import.name)).collect()
        };
        let from_host = |ambient: bool| {
            let wanted: fn(&ImportRecord) -> bool = match ambient {
                true => |import| import.source == Source::Host && import.ambient,
                false => |import| import.source == Source::Host && !import.ambient,
            };
            named(wanted)
        };
        let inherited = if part.parent.is_none() {
            "may use"
        } else {
            "inherits"
        };
        line(inherited, from_host(true))?;
        line(
            "own rules",
            named(|import| matches!(import.source, Source::Own { .. })),
        )?;
        line("", grants_in_words(&part.grants))?;
        line("denied", named(|import| import.source == Source::Denied))?;
        let shared = from_host(false).len();
        if shared > 0 {
            line(
                "shares",
                vec![format!("{shared} interfaces of types, handles and clocks")],
            )?;
        }
        for child in &self.parts {
            if child.parent.as_deref() == Some(&part.label) {
                self.write_part(formatter, child, depth + 1)?;
            }
        }
        Ok(())
    }
}

fn grants_in_words(grants: &GrantsRecord) -> Vec<String> {
    let lists = [
        ("net", &grants.net),
        ("dir", &grants.dir),
        ("env", &grants.env),
        ("stdio", &grants.stdio),
    ];
    let words = lists.into_iter().flat_map(|(what, list)| {
        list.iter()
            .map(move |rule| format!("{what} {}", shown(rule)))
    });
    words.collect()
}

/// Text of others' without what would move a terminal's cursor.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn yes() -> bool {
    true
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_yes(yes: &bool) -> bool {
    *yes
}

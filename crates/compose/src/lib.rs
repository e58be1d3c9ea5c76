//! Linking components into one: what `holm.toml` names, with grants for each dependency.
//!
//! ```no_run
//! let app = holm_compose::App::read("./app".as_ref())?;
//! println!("{}", app.digest()); // the same digest, the same component
//! let composition = app.link()?;
//! print!("{}", composition.record);
//! std::fs::write("app.wasm", &composition.bytes)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each import of each component comes from one of these:
//!
//! - another component of the app, that exports it;
//! - the host, shared with all others: interfaces of types and handles (`wasi:io`, the `types`
//!   of others), clocks and randomness, which tell a dependency what the process sees anyway;
//! - the host, for what the app itself imports, and what it passes on with `inherit`;
//! - the host, under a name of the dependency's own ([`naming`]), where `grants` set rules;
//! - nobody: a small component inside answers "no" in the words of the types.
//!
//! What comes out says of itself what was linked, see [`record`].

#![forbid(unsafe_code)]
#![warn(missing_docs)]

use std::path::Path;

use holm_package::manifest::{Dependency, InterfacePattern};

mod ambient;
mod app;
mod component;
mod deny;
mod error;
mod link;
pub mod naming;
mod policy;
pub mod record;
#[cfg(test)]
mod tests;
mod wit_text;

pub use app::{App, BYTES_MAX, DEPTH_MAX, PARTS_MAX};
pub use error::{ComposeError, Place};

use component::{Component, NotLinkable};
use policy::{Decider, Policy, Route};
use record::{GrantsRecord, ImportRecord, PartRecord, Record, Source};

/// An app linked into one component.
#[derive(Debug)]
pub struct Composition {
    /// The component, with the section `holm:composition`.
    pub bytes: Vec<u8>,
    /// What is in the section: the tree, with who may do what.
    pub record: Record,
    /// What is odd, but no error: exports that nobody uses, grants that nobody asks for.
    pub warnings: Vec<String>,
}

/// Reads and links the app in a folder.
///
/// # Errors
///
/// [`ComposeError`], whose text says what was wrong, where, and what to do.
pub fn compose(folder: &Path) -> Result<Composition, ComposeError> {
    App::read(folder)?.link()
}

impl App {
    /// Links the app.
    ///
    /// # Errors
    ///
    /// [`ComposeError`] when the components do not fit together.
    pub fn link(&self) -> Result<Composition, ComposeError> {
        self.link_for(&[])
    }

    /// Links the app for a host that provides these interfaces besides WASI's and Holm's; to
    /// dependencies they are ambient, and so denied unless they are passed on.
    ///
    /// # Errors
    ///
    /// As for [`App::link`].
    pub fn link_for(&self, host: &[InterfacePattern]) -> Result<Composition, ComposeError> {
        let components = self.components()?;
        let decider = Decider {
            app: self,
            components: &components,
            host,
        };
        let policy = decider.decide()?;
        let mut bytes = link::link(self, &components, &policy)?;
        let record = self.record(&components, &policy);
        let json =
            serde_json::to_vec(&record).map_err(|error| ComposeError::Linker(error.to_string()))?;
        if json.len() > record::SECTION_BYTES_MAX {
            let message = "what there is to say of the composition is too long".to_owned();
            return Err(ComposeError::TooMuch(message));
        }
        link::add_section(&mut bytes, &json);
        Ok(Composition {
            bytes,
            record,
            warnings: policy.warnings,
        })
    }

    fn components(&self) -> Result<Vec<Component>, ComposeError> {
        let read = |part: &app::Part| {
            Component::read(&part.name(), part.bytes.clone()).map_err(|error| {
                let name = part.name();
                let (message, help) = match error {
                    NotLinkable::Module => (
                        format!("{name} is a core module, and only components can be linked"),
                        Some(
                            "build it for a component target (cargo build --target \
                             wasm32-wasip2), or make it one: wasm-tools component new",
                        ),
                    ),
                    NotLinkable::Wit => (
                        format!("{name} is a WIT package: types without a program"),
                        Some("name the component that implements it"),
                    ),
                    NotLinkable::Other(message) => (message, None),
                };
                ComposeError::File {
                    place: part.place.clone(),
                    message,
                    help: help.map(str::to_owned),
                }
            })
        };
        self.parts.iter().map(read).collect()
    }

    fn record(&self, components: &[Component], policy: &Policy) -> Record {
        let parts = self.parts.iter().zip(components).zip(&policy.parts);
        let parts = parts
            .enumerate()
            .map(|(index, ((part, component), decided))| {
                let imports = component.imports.iter().zip(&decided.routes);
                let imports = imports.map(|(import, route)| ImportRecord {
                    name: import.name.clone(),
                    ambient: matches!(ambient::classify(&import.name), ambient::Class::Ambient(_)),
                    source: match route {
                        Route::Host => Source::Host,
                        Route::Own(name) => Source::Own { name: name.clone() },
                        Route::Denied => Source::Denied,
                        Route::Part { part, .. } => Source::Part {
                            part: self.parts[*part].label.clone(),
                        },
                    },
                });
                let named = part.named.as_ref();
                let dependency = named.map(|(_, dependency)| dependency);
                PartRecord {
                    label: part.label.clone(),
                    key: dependency.map(|dependency| dependency.key.clone()),
                    path: part.relative.clone(),
                    digest: format!("blake3:{}", component.digest),
                    parent: named.map(|(parent, _)| self.parts[*parent].label.clone()),
                    used: policy.order.contains(&index),
                    provides: component
                        .exports
                        .iter()
                        .map(|export| export.name.clone())
                        .collect(),
                    imports: imports.collect(),
                    inherit: dependency.map_or_else(Vec::new, inherit_record),
                    grants: dependency.map_or_else(GrantsRecord::default, grants_record),
                }
            });
        Record {
            version: record::VERSION,
            parts: parts.collect(),
        }
    }
}

fn inherit_record(dependency: &Dependency) -> Vec<String> {
    let patterns = dependency.inherit.iter();
    patterns.map(|one| one.as_str().to_owned()).collect()
}

fn grants_record(dependency: &Dependency) -> GrantsRecord {
    let grants = &dependency.grants;
    let streams = [
        ("stdin", grants.stdin),
        ("stdout", grants.stdout),
        ("stderr", grants.stderr),
    ];
    let given = streams.iter().filter(|(_, given)| *given);
    GrantsRecord {
        net: grants.net.iter().map(ToString::to_string).collect(),
        dir: grants.directories.iter().map(ToString::to_string).collect(),
        env: grants.env.clone(),
        stdio: given.map(|(name, _)| (*name).to_owned()).collect(),
    }
}

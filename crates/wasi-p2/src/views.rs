//! Dependencies with grants of their own: each acts as a process of its own.
//!
//! A composed component imports, beside what the app's program imports, the same interfaces
//! under names of its dependencies (`holm_compose::naming`). Those are linked here to closures
//! that act as another process: a child of the program's, which holds no more than the section
//! `holm:composition` says, and never more than the program. What a dependency opened so
//! is a descriptor of that process: its limits, its trace and its refusals.

mod asynchronous;
mod interfaces;

use std::error::Error;
use std::sync::Arc;

use holm_compose::naming::OwnImport;
use holm_compose::record::{PartRecord, Record, RecordError};
use holm_kernel::vfs::mount::{Access, Origin};
use holm_kernel::{ChildMount, ChildSpec, NetRules, Process, SpawnError};
use holm_package::grant::{self, parse_net_rule};
use holm_package::manifest::DirectoryGrant;
use wasmtime::component::{Component, Linker};

use crate::{State, ViewId};

/// Why the dependencies of a component cannot be given what is theirs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// The component's bytes cannot be read.
    #[error(transparent)]
    Bytes(Box<dyn Error + Send + Sync>),
    /// The section that says what is theirs cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A grant in it cannot be read.
    #[error("its section holm:composition is damaged: a grant of `{label}`: {problem}")]
    Grant {
        /// The dependency.
        label: String,
        /// What is wrong with the grant.
        problem: String,
    },
    /// The process of a dependency cannot be made.
    #[error("the process of the dependency `{label}` cannot be made: {error}")]
    Spawn {
        /// The dependency.
        label: String,
        /// Why not.
        error: SpawnError,
    },
}

/// What the dependencies of a component may do: read once, for any number of instances.
#[derive(Debug, Clone)]
pub struct Views {
    component: Component,
    /// None for a component without such dependencies.
    record: Option<Arc<Record>>,
    /// In the order of their views.
    labels: Vec<String>,
}

impl Views {
    /// Reads what the dependencies may do that ask for something under their own names. The
    /// component's `bytes` are read when there is one.
    ///
    /// # Errors
    ///
    /// [`ViewError`]: a component whose dependencies' grants are not understood does not run.
    pub fn of<'a>(
        component: &Component,
        bytes: impl FnOnce() -> Result<&'a [u8], Box<dyn Error + Send + Sync>>,
    ) -> Result<Views, ViewError> {
        let mut labels = labels(component);
        let record = match labels.is_empty() {
            true => None,
            false => Record::of_component(bytes().map_err(ViewError::Bytes)?)?,
        };
        // An import of nobody's is an import that nobody provides.
        labels.retain(|label| {
            record
                .as_ref()
                .is_some_and(|known| known.part(label).is_some())
        });
        Ok(Views {
            component: component.clone(),
            record: record.map(Arc::new),
            labels,
        })
    }

    /// Makes a process for each of them, below that of `state`, which has entered none before.
    ///
    /// # Errors
    ///
    /// [`ViewError`] when a grant is damaged, or there is no room for the process.
    pub fn enter(&self, state: &mut State) -> Result<(), ViewError> {
        let Some(record) = &self.record else {
            return Ok(());
        };
        let parts = self.labels.iter().filter_map(|label| record.part(label));
        for part in parts {
            let process = spawn(record, part, state.process(ViewId::PROGRAM))?;
            if let Some(observer) = process.observer() {
                observer.started(&process);
            }
            state.add_view(&process);
        }
        Ok(())
    }

    /// Gives a linker what they import under their own names; answers these names.
    ///
    /// # Errors
    ///
    /// What the linker says of an import that is there already.
    pub fn link(&self, linker: &mut Linker<State>) -> wasmtime::Result<Vec<String>> {
        let mut names = Vec::new();
        let kind = self.component.component_type();
        for (name, _) in kind.imports(self.component.engine()) {
            let Some(own) = OwnImport::parse(name) else {
                continue;
            };
            let Some(at) = self.labels.iter().position(|label| *label == own.label) else {
                continue;
            };
            let view = ViewId::dependency(at);
            if let Some(add) = find(&own.interface) {
                add(&mut linker.instance(name)?, view)?;
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }
}

/// What gives an interface to a view: of 0.2 or of 0.3, and none of what came before a release.
fn find(interface: &str) -> Option<interfaces::Add> {
    let (name, version) = interface.rsplit_once('@')?;
    match version {
        _ if version.contains('-') => None,
        _ if version.starts_with("0.2.") => interfaces::find(name),
        _ if version.starts_with("0.3.") => asynchronous::find(name),
        _ => None,
    }
}

/// The dependencies that ask for something under their own names, each once.
fn labels(component: &Component) -> Vec<String> {
    let kind = component.component_type();
    let mut labels: Vec<String> = kind
        .imports(component.engine())
        .filter_map(|(name, _)| Some(OwnImport::parse(name)?.label))
        .collect();
    labels.sort_unstable();
    labels.dedup();
    labels
}

/// The process of a dependency: narrowed by the rules of each that it is a dependency of, from
/// the app's program down.
fn spawn(
    record: &Record,
    part: &PartRecord,
    program: &Arc<Process>,
) -> Result<Arc<Process>, ViewError> {
    let mut above = Vec::new();
    let mut at = part;
    // As many steps as there are parts: a section may say that two are each other's parents.
    for _ in &record.parts {
        let Some(parent) = at.parent.as_deref().and_then(|label| record.part(label)) else {
            break;
        };
        above.push(parent);
        at = parent;
    }
    let mut process = program.clone();
    for parent in above.into_iter().rev() {
        let grants = &parent.grants;
        if grants.net.is_empty() && grants.dir.is_empty() && grants.env.is_empty() {
            continue;
        }
        process = child(parent, &process, Rest::PassedOn)?;
    }
    child(part, &process, Rest::Kept)
}

/// What becomes of the things that a part has no rules for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// It hands them down whole: whether a dependency of its gets them is decided there.
    PassedOn,
    /// It does not get them.
    Kept,
}

fn child(part: &PartRecord, above: &Arc<Process>, rest: Rest) -> Result<Arc<Process>, ViewError> {
    let damaged = |problem: String| ViewError::Grant {
        label: part.label.clone(),
        problem,
    };
    let grants = &part.grants;
    let whole = |list: &[String]| list.is_empty() && rest == Rest::PassedOn;
    let mut network = if whole(&grants.net) {
        NetRules::all()
    } else {
        NetRules::none()
    };
    for rule in &grants.net {
        network.push(parse_net_rule(rule).map_err(|error| damaged(error.to_string()))?);
    }
    let mut directories = Vec::new();
    for text in &grants.dir {
        let grant = DirectoryGrant::parse(text).map_err(&damaged)?;
        let access = match grant.access {
            grant::Access::ReadOnly => Access::ReadOnly,
            grant::Access::CopyOnWrite | grant::Access::ReadWrite => Access::ReadWrite,
        };
        directories.push((grant.guest.to_string(), access));
    }
    let mounts = above.namespace().mounts();
    let mounts = mounts.filter(|mount| matches!(mount.origin, Origin::Granted(_)));
    let mounts = mounts.filter_map(|mount| {
        let granted = directories.iter().find(|(path, _)| *path == mount.path);
        let access = match granted {
            Some((_, access)) => *access,
            None if whole(&grants.dir) => mount.access,
            None => return None,
        };
        Some(ChildMount {
            path: mount.path.clone(),
            access: access.min(mount.access),
        })
    });
    let environment = above.environment().iter();
    let environment =
        environment.filter(|(name, _)| whole(&grants.env) || grants.env.contains(name));
    let spec = ChildSpec {
        program: part.label.clone(),
        arguments: vec![part.label.clone()],
        environment: environment.cloned().collect(),
        mounts: mounts.collect(),
        network: Some(network),
        limits: *above.limits(),
        ..ChildSpec::default()
    };
    above.spawn_child(spec).map_err(|error| ViewError::Spawn {
        label: part.label.clone(),
        error,
    })
}

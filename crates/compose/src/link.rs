//! Linking, with what was decided: instances, adapters, and imports of a part's own.

use std::collections::{BTreeMap, HashMap, HashSet};

use wac_graph::types::{Interface, InterfaceId, ItemKind, Package};
use wac_graph::{
    CompositionGraph, EncodeOptions, InstantiationArgumentError, NodeId, PackageId, Processor,
};
use wasm_encoder::{CustomSection, Encode, Section};
use wasmparser::{Validator, WasmFeatures};

use crate::ambient::{track, version};
use crate::app::App;
use crate::component::{Component, guarded};
use crate::deny;
use crate::error::ComposeError;
use crate::policy::{Policy, Route};
use crate::record::SECTION;
use crate::wit_text;

mod names;

/// Links the parts in one component.
pub(crate) fn link(
    app: &App,
    components: &[Component],
    policy: &Policy,
) -> Result<Vec<u8>, ComposeError> {
    let mut linker = Linker {
        app,
        components,
        policy,
        graph: CompositionGraph::new(),
        packages: HashMap::new(),
        instances: BTreeMap::new(),
        own: BTreeMap::new(),
    };
    let bytes = guarded(|| linker.run()).map_err(ComposeError::Linker)??;
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(&bytes)
        .map_err(|error| ComposeError::Linker(error.to_string()))?;
    Ok(bytes)
}

/// Adds the section that says what was linked.
pub(crate) fn add_section(bytes: &mut Vec<u8>, record: &[u8]) {
    let section = CustomSection {
        name: SECTION.into(),
        data: record.into(),
    };
    bytes.push(section.id());
    section.encode(bytes);
}

struct Linker<'a> {
    app: &'a App,
    components: &'a [Component],
    policy: &'a Policy,
    graph: CompositionGraph,
    /// By the digest of a component, and by what its adapter denies.
    packages: HashMap<String, PackageId>,
    instances: BTreeMap<usize, NodeId>,
    /// Imports of parts' own, by name.
    own: BTreeMap<String, NodeId>,
}

impl Linker<'_> {
    fn run(&mut self) -> Result<Vec<u8>, ComposeError> {
        for part in self.policy.order.clone() {
            let component = &self.components[part];
            let package = self.package(component.digest.clone(), &component.bytes)?;
            let instance = self.graph.instantiate(package);
            self.instances.insert(part, instance);
        }
        let latest = self.use_latest_names();
        self.import_own()?;
        for part in self.policy.order.clone() {
            self.connect(part)?;
        }
        let root = self.instances[&0];
        for export in &self.components[0].exports {
            let node = self
                .graph
                .alias_instance_export(root, &export.name)
                .map_err(|error| ComposeError::Linker(error.to_string()))?;
            self.graph
                .export(node, &export.name)
                .map_err(|error| ComposeError::Linker(error.to_string()))?;
        }
        let options = EncodeOptions {
            define_components: true,
            validate: false,
            processor: Some(Processor {
                name: "holm",
                version: env!("CARGO_PKG_VERSION"),
            }),
        };
        let bytes = self
            .graph
            .encode(options)
            .map_err(|error| ComposeError::Linker(chain(&error)))?;
        names::rename_imports(&bytes, &latest)
            .map_err(|error| ComposeError::Linker(error.to_string()))
    }

    fn package(&mut self, key: String, bytes: &[u8]) -> Result<PackageId, ComposeError> {
        if let Some(package) = self.packages.get(&key) {
            return Ok(*package);
        }
        let name = format!("part:n{}", self.packages.len());
        let package = Package::from_bytes(&name, None, bytes, self.graph.types_mut())
            .map_err(|error| ComposeError::Linker(format!("{error:#}")))?;
        let package = self
            .graph
            .register_package(package)
            .map_err(|error| ComposeError::Linker(error.to_string()))?;
        self.packages.insert(key, package);
        Ok(package)
    }

    fn import_interface(&self, part: usize, import: &str) -> Option<(ItemKind, InterfaceId)> {
        let package = self.packages.get(&self.components[part].digest)?;
        let world = self.graph[*package].ty();
        let kind = *self.graph.types()[world].imports.get(import)?;
        match kind {
            ItemKind::Instance(interface) => Some((kind, interface)),
            _ => None,
        }
    }

    /// Components of different toolchains import different versions of one interface. The linker
    /// merges them, but refers to what it merged by whichever name it saw first: all are given
    /// the latest, by which the composition imports them too, see [`names::rename_imports`].
    fn use_latest_names(&mut self) -> HashMap<String, String> {
        let mut found = HashSet::new();
        for package in self.packages.values() {
            let world = &self.graph.types()[self.graph[*package].ty()];
            let instances = world.imports.values().filter_map(|kind| match kind {
                ItemKind::Instance(interface) => Some(*interface),
                _ => None,
            });
            let mut open: Vec<InterfaceId> = instances.collect();
            while let Some(interface) = open.pop() {
                if found.insert(interface) {
                    let used = self.graph.types()[interface].uses.values();
                    open.extend(used.map(|used| used.interface));
                }
            }
        }
        let mut latest: HashMap<String, String> = HashMap::new();
        let types = self.graph.types_mut();
        for name in found.iter().filter_map(|id| types[*id].id.as_deref()) {
            let known = latest.entry(track(name).to_owned()).or_default();
            if known.is_empty() || version(name) > version(known) {
                *known = name.to_owned();
            }
        }
        for interface in found {
            let id = types[interface].id.as_mut();
            if let Some(id) = id
                && let Some(newer) = latest.get(track(id))
            {
                id.clone_from(newer);
            }
        }
        latest
    }

    /// Makes an import for each name of a part's own, with all that its users want of it.
    fn import_own(&mut self) -> Result<(), ComposeError> {
        let mut wanted: BTreeMap<String, Interface> = BTreeMap::new();
        for part in &self.policy.order {
            let decided = &self.policy.parts[*part];
            for (import, route) in self.components[*part].imports.iter().zip(&decided.routes) {
                let Route::Own(name) = route else {
                    continue;
                };
                let Some((_, id)) = self.import_interface(*part, &import.name) else {
                    continue;
                };
                let interface = &self.graph.types()[id];
                let merged = wanted.entry(name.clone()).or_insert_with(|| Interface {
                    id: Some(name.clone()),
                    uses: interface.uses.clone(),
                    exports: interface.exports.clone(),
                });
                for (item, kind) in &interface.exports {
                    merged.exports.entry(item.clone()).or_insert(*kind);
                }
            }
        }
        for (name, interface) in wanted {
            let interface = self.graph.types_mut().add_interface(interface);
            let node = self
                .graph
                .import(name.clone(), ItemKind::Instance(interface))
                .map_err(|error| ComposeError::Linker(chain(&error)))?;
            self.own.insert(name, node);
        }
        Ok(())
    }

    fn connect(&mut self, part: usize) -> Result<(), ComposeError> {
        let component = &self.components[part];
        let decided = &self.policy.parts[part];
        let instance = self.instances[&part];
        let adapter = self.adapter(part)?;
        for (import, route) in component.imports.iter().zip(&decided.routes) {
            let is_denied = import
                .interface
                .is_some_and(|interface| decided.denied.contains(&interface));
            let argument = match route {
                _ if is_denied => match adapter {
                    Some(adapter) => self.alias(adapter, &import.name)?,
                    None => continue,
                },
                Route::Part { part, export } => self.alias(self.instances[part], export)?,
                Route::Own(name) => self.own[name],
                Route::Host | Route::Denied => continue,
            };
            let set = self
                .graph
                .set_instantiation_argument(instance, &import.name, argument);
            set.map_err(|error| self.mismatch(part, &import.name, route, &error))?;
        }
        Ok(())
    }

    fn adapter(&mut self, part: usize) -> Result<Option<NodeId>, ComposeError> {
        let component = &self.components[part];
        let denied = &self.policy.parts[part].denied;
        if denied.is_empty() {
            return Ok(None);
        }
        let key = format!("{} without {denied:?}", component.digest);
        let package = match self.packages.get(&key) {
            Some(package) => *package,
            None => {
                let bytes = deny::adapter(component, denied).map_err(|error| {
                    let part = self.app.parts[part].name();
                    ComposeError::Linker(format!("what {part} is denied: {error}"))
                })?;
                self.package(key, &bytes)?
            }
        };
        Ok(Some(self.graph.instantiate(package)))
    }

    fn alias(&mut self, instance: NodeId, export: &str) -> Result<NodeId, ComposeError> {
        self.graph
            .alias_instance_export(instance, export)
            .map_err(|error| ComposeError::Linker(error.to_string()))
    }

    fn mismatch(
        &self,
        part: usize,
        import: &str,
        route: &Route,
        error: &InstantiationArgumentError,
    ) -> ComposeError {
        let Route::Part {
            part: provider,
            export,
        } = route
        else {
            return ComposeError::Linker(chain(error));
        };
        let (importer, exporter) = (
            self.app.parts[part].name(),
            self.app.parts[*provider].name(),
        );
        let ours = &self.components[part];
        let theirs = &self.components[*provider];
        let ours_id = ours.import(import).and_then(|item| item.interface);
        let theirs_id = theirs.exports.iter().find(|item| item.name == *export);
        let theirs_id = theirs_id.and_then(|item| item.interface);
        let wit = match (ours_id, theirs_id) {
            (Some(one), Some(other)) => wit_text::difference(
                (&ours.resolve, one, &importer),
                (&theirs.resolve, other, &exporter),
            ),
            _ => None,
        };
        ComposeError::Mismatch {
            importer,
            import: import.to_owned(),
            exporter,
            export: export.clone(),
            wit: wit.unwrap_or_else(|| format!("  {}", chain(error))),
        }
    }
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

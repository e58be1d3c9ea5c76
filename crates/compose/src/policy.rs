//! From where each import of each part comes, and which parts are used at all.

use std::collections::{BTreeMap, BTreeSet};

use holm_package::manifest::{Dependency, InterfacePattern};
use wit_parser::{InterfaceId, TypeDefKind, TypeOwner};

use crate::ambient::{Class, Family, InterfaceName, classify, track, version};
use crate::app::{App, nearest};
use crate::component::{Component, Item, behind_names, used_by};
use crate::error::ComposeError;
use crate::naming::OwnImport;

/// From where an import comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// From the host, as the app has it.
    Host,
    /// From another part's export.
    Part { part: usize, export: String },
    /// From the host, under this name.
    Own(String),
    /// From nobody.
    Denied,
}

/// What was decided for one part.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    /// For each of its imports, in their order.
    pub(crate) routes: Vec<Route>,
    /// The interfaces that an adapter serves instead of the host.
    pub(crate) denied: BTreeSet<InterfaceId>,
}

/// What was decided for all parts.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) parts: Vec<Decided>,
    /// The parts that are used, each after those that it needs.
    pub(crate) order: Vec<usize>,
    pub(crate) warnings: Vec<String>,
}

pub(crate) struct Decider<'a> {
    pub(crate) app: &'a App,
    pub(crate) components: &'a [Component],
    /// What the host provides besides its own interfaces.
    pub(crate) host: &'a [InterfacePattern],
}

impl Decider<'_> {
    pub(crate) fn decide(&self) -> Result<Policy, ComposeError> {
        self.check_keys()?;
        let mut parts = Vec::new();
        for part in 0..self.components.len() {
            parts.push(self.decide_part(part)?);
        }
        let order = self.order(&parts)?;
        let warnings = self.warnings(&parts, &order);
        Ok(Policy {
            parts,
            order,
            warnings,
        })
    }

    fn name(&self, part: usize) -> String {
        self.app.parts[part].name()
    }

    fn dependency(&self, part: usize) -> Option<&Dependency> {
        let named = self.app.parts[part].named.as_ref();
        named.map(|(_, dependency)| dependency)
    }

    /// A key that names nothing its component exports is a mistake, whoever imports what.
    fn check_keys(&self) -> Result<(), ComposeError> {
        for (part, component) in self.components.iter().enumerate() {
            let Some(dependency) = self.dependency(part) else {
                continue;
            };
            let provides = dependency.provides();
            let names = || component.exports.iter().map(|export| export.name.clone());
            if names().any(|export| provides.includes(&export)) {
                continue;
            }
            let list: Vec<String> = names().take(8).collect();
            let help = match list.is_empty() {
                true => "it exports nothing; is it a program rather than a library?".to_owned(),
                false => format!("it provides {}", list.join(", ")),
            };
            return Err(ComposeError::ProvidesNothing {
                part: self.name(part),
                key: dependency.key.clone(),
                help: Some(help),
            });
        }
        Ok(())
    }

    fn decide_part(&self, part: usize) -> Result<Decided, ComposeError> {
        let component = &self.components[part];
        let mut routes = Vec::new();
        for import in &component.imports {
            routes.push(self.route(part, import)?);
        }
        let denied = self.seal(part, &mut routes)?;
        self.check_own_handles(part, &routes)?;
        Ok(Decided { routes, denied })
    }

    fn route(&self, part: usize, import: &Item) -> Result<Route, ComposeError> {
        if let Some((provider, export)) = self.provider(part, &import.name)? {
            return Ok(Route::Part {
                part: provider,
                export,
            });
        }
        match classify(&import.name) {
            Class::Shared | Class::Harmless => Ok(Route::Host),
            Class::Ambient(family) => Ok(self.authority(part, &import.name, family)),
            Class::Foreign if self.host.iter().any(|host| host.matches(&import.name)) => {
                Ok(self.authority(part, &import.name, Family::Other))
            }
            // A type of the world's own, which comes with whatever it is made of.
            Class::Foreign if import.interface.is_none() && self.is_type(part, import) => {
                Ok(Route::Host)
            }
            Class::Foreign => Err(ComposeError::Missing {
                part: self.name(part),
                import: import.name.clone(),
                help: Some(self.help_missing(&import.name)),
            }),
        }
    }

    fn is_type(&self, part: usize, import: &Item) -> bool {
        let resolve = &self.components[part].resolve;
        resolve.worlds.iter().any(|(_, world)| {
            world.imports.iter().any(|(key, item)| {
                resolve.name_world_key(key) == import.name
                    && matches!(item, wit_parser::WorldItem::Type { .. })
            })
        })
    }

    /// What the app lets a part have of an ambient interface.
    fn authority(&self, part: usize, import: &str, family: Family) -> Route {
        let Some((parent, dependency)) = &self.app.parts[part].named else {
            return Route::Host;
        };
        let above = self.authority(*parent, import, family);
        if above == Route::Denied {
            return above;
        }
        let grants = &dependency.grants;
        let passed_on = dependency.inherit.iter().any(|one| one.matches(import));
        let stream = match family {
            Family::Stdin => grants.stdin,
            Family::Stdout => grants.stdout,
            Family::Stderr => grants.stderr,
            _ => false,
        };
        if passed_on || stream {
            return above;
        }
        let has_rules = match family {
            Family::Network => !grants.net.is_empty(),
            Family::Files => !grants.directories.is_empty(),
            Family::Environment => !grants.env.is_empty(),
            _ => false,
        };
        match OwnImport::new(&self.app.parts[part].label, import) {
            Some(own) if has_rules => Route::Own(own.to_string()),
            _ => Route::Denied,
        }
    }

    /// Who provides an import: the part's own dependencies, then those beside it.
    fn provider(&self, part: usize, import: &str) -> Result<Option<(usize, String)>, ComposeError> {
        let siblings = match &self.app.parts[part].named {
            Some((parent, _)) => self.app.parts[*parent].children.as_slice(),
            None => &[],
        };
        for scope in [self.app.parts[part].children.as_slice(), siblings] {
            let mut found: Option<(usize, String)> = None;
            for candidate in scope.iter().copied().filter(|other| *other != part) {
                let Some(export) = self.export(candidate, import) else {
                    continue;
                };
                if let Some((first, _)) = found {
                    return Err(self.two_providers(part, import, first, candidate));
                }
                found = Some((candidate, export));
            }
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn two_providers(
        &self,
        part: usize,
        import: &str,
        first: usize,
        second: usize,
    ) -> ComposeError {
        let mine = |export: &&Item| track(&export.name) != track(import);
        let narrowed = self.components[first].exports.iter().find(mine);
        let narrowed = narrowed.map_or(import, |export| &export.name);
        ComposeError::TwoProviders {
            part: self.name(part),
            interface: import.to_owned(),
            first: self.name(first),
            second: self.name(second),
            first_interface: narrowed.to_owned(),
        }
    }

    /// The export of a part that is meant by an import: the same version, or else the latest
    /// that can stand in for it.
    fn export(&self, part: usize, import: &str) -> Option<String> {
        let provides = self.dependency(part)?.provides();
        let exports = self.components[part].exports.iter();
        let fitting = exports
            .map(|export| &export.name)
            .filter(|name| track(name) == track(import) && provides.includes(name));
        let key = |name: &&String| (name.as_str() == import, version(name));
        fitting.max_by_key(key).cloned()
    }

    fn help_missing(&self, import: &str) -> String {
        let provided = self.components.iter().enumerate().skip(1);
        let exports = provided.flat_map(|(part, component)| {
            component
                .exports
                .iter()
                .map(move |export| (part, export.name.clone()))
        });
        let exports: Vec<(usize, String)> = exports.collect();
        let bare = |name: &str| name.split('@').next().unwrap_or_default().to_owned();
        let same = exports.iter().find(|(_, name)| bare(name) == bare(import));
        if let Some((part, name)) = same {
            return format!(
                "{} provides {name}; versions stand in for each other only where the first \
                 number that is not 0 is the same, and a key names the one it is for",
                self.name(*part)
            );
        }
        let near = nearest(import, exports.iter().map(|(_, name)| name.clone()));
        if let Some(near) = near {
            let part = exports.iter().find(|(_, name)| *name == near);
            let part = part.map_or_else(String::new, |(part, _)| self.name(*part));
            return format!("{part} provides {near}; did you mean that?");
        }
        let key = match InterfaceName::parse(import) {
            Some(name) => format!("\"{}\"", name.package),
            None => import.to_owned(),
        };
        format!("name a component that exports it: [dependencies.{key}] path = \"….wasm\"")
    }

    /// Which interfaces an adapter serves for a part. What works with the handles of something
    /// denied is denied with it, and what cannot be denied alone is imported under a name of the
    /// part's own, which nothing is granted for.
    fn seal(
        &self,
        part: usize,
        routes: &mut [Route],
    ) -> Result<BTreeSet<InterfaceId>, ComposeError> {
        let component = &self.components[part];
        let denied = |routes: &[Route], streams: bool| -> BTreeSet<InterfaceId> {
            let items = component.imports.iter().zip(routes);
            let items = items.filter(|(item, route)| {
                let is_stream = stream_without_handles(&item.name);
                **route == Route::Denied && (streams || !is_stream)
            });
            items.filter_map(|(item, _)| item.interface).collect()
        };
        let asks_streams = component
            .imports
            .iter()
            .zip(routes.iter())
            .any(|(item, route)| *route == Route::Denied && stream_without_handles(&item.name));
        if asks_streams {
            // A stream that is closed is a stream: it takes an adapter with streams of its own.
            let mut set = denied(routes, true);
            let streams = component.imports.iter().find(|item| {
                let name = InterfaceName::parse(&item.name);
                name.is_some_and(|name| (name.package, name.interface) == ("wasi:io", "streams"))
            });
            set.extend(streams.and_then(|item| item.interface));
            let asynchronous = component
                .imports
                .iter()
                .zip(routes.iter())
                .any(|(item, route)| {
                    *route == Route::Denied
                        && stream_without_handles(&item.name)
                        && InterfaceName::parse(&item.name)
                            .is_some_and(|name| name.is_asynchronous())
                });
            if !asynchronous && self.close(part, routes, &mut set).is_ok() {
                return Ok(set);
            }
            for (item, route) in component.imports.iter().zip(routes.iter_mut()) {
                if *route == Route::Denied && stream_without_handles(&item.name) {
                    let label = &self.app.parts[part].label;
                    if let Some(own) = OwnImport::new(label, &item.name) {
                        *route = Route::Own(own.to_string());
                    }
                }
            }
        }
        let mut set = denied(routes, true);
        match self.close(part, routes, &mut set) {
            Ok(()) => Ok(set),
            Err((denied, user)) => Err(ComposeError::Inseparable {
                part: self.name(part),
                denied,
                user,
            }),
        }
    }

    /// Handles of an interface that is imported under a name of the part's own are of another type
    /// than everybody else's: nothing may pass them between parts.
    fn check_own_handles(&self, part: usize, routes: &[Route]) -> Result<(), ComposeError> {
        let component = &self.components[part];
        let resolve = &component.resolve;
        let items = || component.imports.iter().zip(routes);
        let own = items().filter(|(_, route)| matches!(route, Route::Own(_)));
        let own = own.filter_map(|(item, _)| item.interface);
        let own: BTreeSet<InterfaceId> = own.collect();
        let linked = items().filter(|(_, route)| matches!(route, Route::Part { .. }));
        let passing = linked.map(|(item, _)| item).chain(&component.exports);
        for item in passing {
            let types = item
                .interface
                .map(|id| resolve.interfaces[id].types.values());
            let found = types.into_iter().flatten().find_map(|ty| {
                let ty = &resolve.types[behind_names(resolve, *ty)];
                match (&ty.kind, ty.owner) {
                    (TypeDefKind::Resource, TypeOwner::Interface(id)) => own.get(&id),
                    _ => None,
                }
            });
            if let Some(found) = found.copied() {
                return Err(ComposeError::OwnHandles {
                    part: self.name(part),
                    own: resolve.id_of(found).unwrap_or_default(),
                    user: item.name.clone(),
                });
            }
        }
        Ok(())
    }

    /// Adds what uses something in the set, until nothing does; the two that are in the way when
    /// that cannot be.
    fn close(
        &self,
        part: usize,
        routes: &[Route],
        set: &mut BTreeSet<InterfaceId>,
    ) -> Result<(), (String, String)> {
        let component = &self.components[part];
        let name = |id: InterfaceId| component.resolve.id_of(id).unwrap_or_default();
        let used = |id: InterfaceId, set: &BTreeSet<InterfaceId>| {
            let used = used_by(&component.resolve, id);
            used.into_iter().find(|used| set.contains(used))
        };
        // Imports are ordered: each comes after what it uses.
        for (item, route) in component.imports.iter().zip(routes) {
            let Some(id) = item.interface.filter(|id| !set.contains(id)) else {
                continue;
            };
            let Some(denied) = used(id, set) else {
                continue;
            };
            let is_shared = classify(&item.name) == Class::Shared;
            if *route != Route::Host || !is_shared {
                return Err((name(denied), item.name.clone()));
            }
            set.insert(id);
        }
        for export in &component.exports {
            if let Some(denied) = export.interface.and_then(|id| used(id, set)) {
                return Err((name(denied), export.name.clone()));
            }
        }
        Ok(())
    }

    /// The parts that the app needs, each after those that it needs itself.
    fn order(&self, parts: &[Decided]) -> Result<Vec<usize>, ComposeError> {
        let mut order = Vec::new();
        let mut path = Vec::new();
        self.visit(0, parts, &mut path, &mut order)?;
        Ok(order)
    }

    fn visit(
        &self,
        part: usize,
        parts: &[Decided],
        path: &mut Vec<usize>,
        order: &mut Vec<usize>,
    ) -> Result<(), ComposeError> {
        if order.contains(&part) {
            return Ok(());
        }
        if let Some(first) = path.iter().position(|open| *open == part) {
            let circle = path[first..].iter().chain([&part]);
            let path = circle.map(|part| self.name(*part)).collect();
            return Err(ComposeError::Cycle { path });
        }
        path.push(part);
        for route in &parts[part].routes {
            if let Route::Part { part, .. } = route {
                self.visit(*part, parts, path, order)?;
            }
        }
        path.pop();
        order.push(part);
        Ok(())
    }

    fn warnings(&self, parts: &[Decided], order: &[usize]) -> Vec<String> {
        let mut used: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
        for part in order {
            for route in &parts[*part].routes {
                if let Route::Part { part, export } = route {
                    used.entry(*part).or_default().insert(export);
                }
            }
        }
        let mut warnings = Vec::new();
        for (part, component) in self.components.iter().enumerate().skip(1) {
            let Some(dependency) = self.dependency(part) else {
                continue;
            };
            let Some(used) = used.get(&part) else {
                warnings.push(format!(
                    "{}: nobody imports anything of it; it is left out",
                    self.name(part)
                ));
                continue;
            };
            let provides = dependency.provides();
            let unused = component.exports.iter().filter(|export| {
                provides.includes(&export.name) && !used.contains(export.name.as_str())
            });
            let unused: Vec<&str> = unused.map(|export| export.name.as_str()).collect();
            if !unused.is_empty() {
                let (name, unused) = (self.name(part), unused.join(", "));
                warnings.push(format!("{name}: nobody imports its {unused}"));
            }
            warnings.extend(self.idle_grants(part, dependency, &parts[part]));
        }
        warnings
    }

    /// What a dependency is granted that it never asks for: a misspelling, or an old grant.
    fn idle_grants(&self, part: usize, dependency: &Dependency, decided: &Decided) -> Vec<String> {
        let imports = &self.components[part].imports;
        let mut idle = Vec::new();
        for pattern in &dependency.inherit {
            let asked = |import: &Item| pattern.matches(&import.name);
            if !imports.iter().any(asked) && self.app.parts[part].children.is_empty() {
                idle.push(format!("inherit \"{}\"", pattern.as_str()));
            }
        }
        let grants = &dependency.grants;
        let families = [
            ("net", !grants.net.is_empty(), Family::Network),
            ("dir", !grants.directories.is_empty(), Family::Files),
            ("env", !grants.env.is_empty(), Family::Environment),
        ];
        for (word, given, family) in families {
            let mut asked = imports.iter().zip(&decided.routes);
            let asked = asked.any(|(import, _)| classify(&import.name) == Class::Ambient(family));
            if given && !asked && self.app.parts[part].children.is_empty() {
                idle.push(format!("the grants of {word}"));
            }
        }
        let name = self.name(part);
        let words = |idle| format!("{name}: {idle}: it asks for nothing of the kind");
        idle.into_iter().map(words).collect()
    }
}

/// Whether an import is of a standard stream: what gives one cannot refuse.
fn stream_without_handles(import: &str) -> bool {
    matches!(classify(import), Class::Ambient(family) if family.is_stream())
        && InterfaceName::parse(import).is_some_and(|name| !name.interface.starts_with("terminal-"))
}

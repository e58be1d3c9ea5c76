//! Saying no: a component that stands where the host's interfaces would be.
//!
//! For the interfaces that a dependency is not given, a small component is made from the
//! dependency's own WIT: it exports those interfaces, in the dependency's versions, and answers
//! every call with "no" in the words of its type. Lists are empty, options are none, results are
//! errors (`access`, `access-denied`, `HTTP-request-denied`, `closed`: the first of
//! [`answer::DENIALS`] that the error type has). It travels inside the composition, so that what
//! was denied stays denied on every host.
//!
//! Standard streams are as if nobody were there: input is at its end, and output is taken and
//! thrown away. An error would be no more private, and many a library, Rust's `println!` for one,
//! ends the program when it cannot write.
//!
//! Asynchronous functions are lifted as others: they answer at once. Streams are at their end, and
//! futures hold "no" in the words of their type. The writing end of a future may only go once it
//! was read, so it waits in a set, from which the next call takes those that were.
//!
//! A type that is only an answer can always be denied. A handle cannot be made up: resources of
//! the denied interfaces themselves are made here (a stream that is closed), a `pollable` is a
//! clock's that is ready at once, and where neither is possible the call traps. Such functions
//! need a handle that nobody was given, but for `exit`, which does not return whatever happens.

use std::collections::BTreeSet;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{
    Function, FunctionKind, Handle, Interface, InterfaceId, Package, PackageName, Param, Resolve,
    Stability, Type, TypeDef, TypeDefKind, TypeId, TypeOwner, World, WorldId, WorldItem, WorldKey,
};

use crate::ambient::InterfaceName;
use crate::component::{Component, guarded, used_by};

mod answer;
pub(crate) mod module;

/// Makes the component that denies these interfaces, imports of `component`.
pub(crate) fn adapter(
    component: &Component,
    denied: &BTreeSet<InterfaceId>,
) -> Result<Vec<u8>, String> {
    guarded(|| {
        let mut resolve = component.resolve.clone();
        let clock = ready_clock(&mut resolve, component, denied)?;
        let world = add_world(&mut resolve, component, denied, clock);
        let mut bytes = module::build(&resolve, world, denied, clock);
        embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8)
            .map_err(|error| format!("{error:#}"))?;
        ComponentEncoder::default()
            .validate(true)
            .module(&bytes)
            .and_then(|mut encoder| encoder.encode())
            .map_err(|error| format!("{error:#}"))
    })?
}

/// The world of the adapter: what is denied is exported, what that uses is imported.
fn add_world(
    resolve: &mut Resolve,
    component: &Component,
    denied: &BTreeSet<InterfaceId>,
    clock: Option<InterfaceId>,
) -> WorldId {
    let mut needed: Vec<InterfaceId> = denied.iter().copied().chain(clock).collect();
    let mut at = 0;
    while let Some(interface) = needed.get(at).copied() {
        at += 1;
        for used in used_by(resolve, interface) {
            if !needed.contains(&used) {
                needed.push(used);
            }
        }
    }
    let item = |id| WorldItem::Interface {
        id,
        stability: Stability::Unknown,
        external_id: None,
        docs: wit_parser::Docs::default(),
        span: wit_parser::Span::default(),
    };
    // The component's own order has every interface after those that it uses; a clock that was
    // added uses `wasi:io/poll`, which is one of them.
    let ordered = component.imports.iter().filter_map(|item| item.interface);
    let ordered: Vec<InterfaceId> = ordered.collect();
    let added = clock.filter(|clock| !ordered.contains(clock));
    let mut world = World {
        name: "denied".to_owned(),
        imports: Default::default(),
        exports: Default::default(),
        package: None,
        docs: wit_parser::Docs::default(),
        stability: Stability::Unknown,
        includes: Vec::new(),
        span: wit_parser::Span::default(),
    };
    for id in ordered.into_iter().chain(added) {
        if denied.contains(&id) {
            world.exports.insert(WorldKey::Interface(id), item(id));
        } else if needed.contains(&id) {
            world.imports.insert(WorldKey::Interface(id), item(id));
        }
    }
    let package = resolve.packages.alloc(Package {
        name: PackageName {
            namespace: "holm".to_owned(),
            name: "denied".to_owned(),
            version: None,
        },
        docs: wit_parser::Docs::default(),
        interfaces: Default::default(),
        worlds: Default::default(),
    });
    let name = resolve.packages[package].name.clone();
    resolve.package_names.insert(name, package);
    world.package = Some(package);
    let id = resolve.worlds.alloc(world);
    resolve.packages[package]
        .worlds
        .insert("denied".to_owned(), id);
    id
}

/// The interface whose `subscribe-duration` makes a pollable that is ready at once, where one is
/// needed; it is added to the WIT when the dependency does not import it.
fn ready_clock(
    resolve: &mut Resolve,
    component: &Component,
    denied: &BTreeSet<InterfaceId>,
) -> Result<Option<InterfaceId>, String> {
    let named = |text: &str| {
        component.imports.iter().find_map(|item| {
            let name = InterfaceName::parse(&item.name)?;
            let found = format!("{}/{}", name.package, name.interface) == text;
            found.then_some((item.interface?, item.name.clone()))
        })
    };
    let Some((poll, poll_name)) = named("wasi:io/poll") else {
        return Ok(None);
    };
    let Some(pollable) = resolve.interfaces[poll].types.get("pollable").copied() else {
        return Ok(None);
    };
    let answers_pollable = |function: &Function| {
        answer::handle(resolve, function.result)
            .is_some_and(|resource| crate::component::behind_names(resolve, resource) == pollable)
    };
    let needed = denied.iter().any(|id| {
        let functions = &resolve.interfaces[*id].functions;
        functions.values().any(answers_pollable)
    });
    if !needed || denied.contains(&poll) {
        return Ok(None);
    }
    let clock = match named("wasi:clocks/monotonic-clock") {
        Some((clock, _)) if denied.contains(&clock) => return Ok(None),
        Some((clock, _)) => clock,
        None => {
            let version = InterfaceName::parse(&poll_name).and_then(|name| name.version);
            add_clock(resolve, version)?
        }
    };
    add_subscribe(resolve, clock, pollable);
    Ok(Some(clock))
}

fn add_clock(resolve: &mut Resolve, version: Option<&str>) -> Result<InterfaceId, String> {
    let version = version.map(semver::Version::parse).transpose();
    let name = PackageName {
        namespace: "wasi".to_owned(),
        name: "clocks".to_owned(),
        version: version.map_err(|error| error.to_string())?,
    };
    let package = match resolve.package_names.get(&name) {
        Some(package) => *package,
        None => {
            let package = resolve.packages.alloc(Package {
                name: name.clone(),
                docs: wit_parser::Docs::default(),
                interfaces: Default::default(),
                worlds: Default::default(),
            });
            resolve.package_names.insert(name, package);
            package
        }
    };
    if let Some(known) = resolve.packages[package].interfaces.get("monotonic-clock") {
        return Ok(*known);
    }
    let clock = resolve.interfaces.alloc(Interface {
        name: Some("monotonic-clock".to_owned()),
        types: Default::default(),
        functions: Default::default(),
        docs: wit_parser::Docs::default(),
        stability: Stability::Unknown,
        package: Some(package),
        span: wit_parser::Span::default(),
        clone_of: None,
    });
    resolve.packages[package]
        .interfaces
        .insert("monotonic-clock".to_owned(), clock);
    Ok(clock)
}

fn add_subscribe(resolve: &mut Resolve, clock: InterfaceId, pollable: TypeId) {
    let interface = &resolve.interfaces[clock];
    if interface.functions.contains_key(module::SUBSCRIBE) {
        return;
    }
    let mut define = |name: Option<&str>, kind, owner| {
        resolve.types.alloc(TypeDef {
            name: name.map(str::to_owned),
            kind,
            owner,
            docs: wit_parser::Docs::default(),
            stability: Stability::Unknown,
            span: wit_parser::Span::default(),
            external_id: None,
        })
    };
    let known = interface.types.get("pollable").copied();
    let local = known.unwrap_or_else(|| {
        let alias = TypeDefKind::Type(Type::Id(pollable));
        define(Some("pollable"), alias, TypeOwner::Interface(clock))
    });
    let handle = TypeDefKind::Handle(Handle::Own(local));
    let result = define(None, handle, TypeOwner::None);
    let interface = &mut resolve.interfaces[clock];
    interface.types.insert("pollable".to_owned(), local);
    interface.functions.insert(
        module::SUBSCRIBE.to_owned(),
        Function {
            name: module::SUBSCRIBE.to_owned(),
            kind: FunctionKind::Freestanding,
            params: vec![Param {
                name: "when".to_owned(),
                ty: Type::U64,
                span: wit_parser::Span::default(),
            }],
            result: Some(Type::Id(result)),
            docs: wit_parser::Docs::default(),
            stability: Stability::Unknown,
            span: wit_parser::Span::default(),
            external_id: None,
        },
    );
}

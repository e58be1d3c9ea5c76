//! Types of a component as WIT writes them, for whoever reads messages.

use std::fmt::Write as _;

use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem};
use wasmtime::component::{ResourceType, Type};

/// How deep a type is written; what is nested deeper is cut.
const DEPTH_MAX: usize = 16;

/// The names that an interface gives to types and resources.
#[derive(Debug, Default)]
pub(crate) struct Names {
    types: Vec<(Type, String)>,
    resources: Vec<(ResourceType, String)>,
}

impl Names {
    /// Those of an interface.
    pub(crate) fn of(engine: &wasmtime::Engine, interface: &ComponentInstance) -> Names {
        let mut names = Names::default();
        for (name, item) in interface.exports(engine) {
            match item.ty {
                // A number that has a name is still a number.
                ComponentItem::Type(kind) if is_worth_a_name(&kind) => {
                    names.types.push((kind, name.to_owned()));
                }
                ComponentItem::Resource(kind) => names.resources.push((kind, name.to_owned())),
                _ => {}
            }
        }
        names
    }

    /// `func(a: u32) -> string`.
    pub(crate) fn function(&self, function: &ComponentFunc) -> String {
        let mut text = if function.async_() {
            "async func("
        } else {
            "func("
        }
        .to_owned();
        for (index, (name, kind)) in function.params().enumerate() {
            if index > 0 {
                text.push_str(", ");
            }
            let _ = write!(text, "{name}: ");
            self.write(&mut text, &kind, 0);
        }
        text.push(')');
        if let Some(kind) = function.results().next() {
            text.push_str(" -> ");
            self.write(&mut text, &kind, 0);
        }
        text
    }

    fn resource(&self, resource: &ResourceType) -> &str {
        let known = self.resources.iter().find(|(known, _)| known == resource);
        known.map_or("resource", |(_, name)| name)
    }

    fn write(&self, text: &mut String, kind: &Type, depth: usize) {
        if depth > DEPTH_MAX {
            text.push('…');
            return;
        }
        if let Some((_, name)) = self.types.iter().find(|(known, _)| known == kind) {
            text.push_str(name);
            return;
        }
        let below = depth + 1;
        let list = |text: &mut String, kinds: &mut dyn Iterator<Item = Option<Type>>| {
            for (index, kind) in kinds.enumerate() {
                text.push_str(if index > 0 { ", " } else { "<" });
                match kind {
                    Some(kind) => self.write(text, &kind, below),
                    None => text.push('_'),
                }
            }
            text.push('>');
        };
        match kind {
            Type::List(inner) => self.inside(text, "list", &inner.ty(), below),
            Type::Option(inner) => self.inside(text, "option", &inner.ty(), below),
            Type::Map(map) => {
                text.push_str("map");
                list(text, &mut [Some(map.key()), Some(map.value())].into_iter());
            }
            Type::FixedLengthList(inner) => {
                text.push_str("list<");
                self.write(text, &inner.ty(), below);
                let _ = write!(text, ", {}>", inner.len());
            }
            Type::Tuple(tuple) => {
                text.push_str("tuple");
                list(text, &mut tuple.types().map(Some));
            }
            Type::Result(result) => match (result.ok(), result.err()) {
                (None, None) => text.push_str("result"),
                (Some(ok), None) => self.inside(text, "result", &ok, below),
                (ok, err) => {
                    text.push_str("result");
                    list(text, &mut [ok, err].into_iter());
                }
            },
            Type::Record(record) => {
                let fields = record.fields().map(|field| (field.name, Some(field.ty)));
                self.members(text, "record", &mut fields.into_iter(), ": ", below);
            }
            Type::Variant(variant) => {
                let cases = variant.cases().map(|case| (case.name, case.ty));
                self.members(text, "variant", &mut cases.into_iter(), "(", below);
            }
            Type::Enum(names) => {
                let mut names = names.names().map(|name| (name, None));
                self.members(text, "enum", &mut names, "", below);
            }
            Type::Flags(names) => {
                let mut names = names.names().map(|name| (name, None));
                self.members(text, "flags", &mut names, "", below);
            }
            Type::Own(resource) => text.push_str(self.resource(resource)),
            Type::Borrow(resource) => {
                let _ = write!(text, "borrow<{}>", self.resource(resource));
            }
            Type::Future(future) => match future.ty() {
                Some(kind) => self.inside(text, "future", &kind, below),
                None => text.push_str("future"),
            },
            Type::Stream(stream) => match stream.ty() {
                Some(kind) => self.inside(text, "stream", &kind, below),
                None => text.push_str("stream"),
            },
            simple => text.push_str(simple_name(simple)),
        }
    }

    fn inside(&self, text: &mut String, outer: &str, kind: &Type, depth: usize) {
        text.push_str(outer);
        text.push('<');
        self.write(text, kind, depth);
        text.push('>');
    }

    fn members(
        &self,
        text: &mut String,
        keyword: &str,
        members: &mut dyn Iterator<Item = (&str, Option<Type>)>,
        before_type: &str,
        depth: usize,
    ) {
        text.push_str(keyword);
        for (index, (name, kind)) in members.enumerate() {
            text.push_str(if index > 0 { ", " } else { " { " });
            text.push_str(name);
            if let Some(kind) = kind {
                text.push_str(before_type);
                self.write(text, &kind, depth);
                if before_type == "(" {
                    text.push(')');
                }
            }
        }
        text.push_str(" }");
    }
}

fn is_worth_a_name(kind: &Type) -> bool {
    matches!(
        kind,
        Type::Record(_) | Type::Variant(_) | Type::Enum(_) | Type::Flags(_)
    )
}

fn simple_name(kind: &Type) -> &'static str {
    match kind {
        Type::Bool => "bool",
        Type::S8 => "s8",
        Type::U8 => "u8",
        Type::S16 => "s16",
        Type::U16 => "u16",
        Type::S32 => "s32",
        Type::U32 => "u32",
        Type::S64 => "s64",
        Type::U64 => "u64",
        Type::Float32 => "f32",
        Type::Float64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::ErrorContext => "error-context",
        _ => "a type",
    }
}

/// What of a type has no text form: handles, futures and streams, wherever in it they are.
pub(crate) fn unwritable(kind: &Type) -> Option<&'static str> {
    find_within(kind, &|kind| match kind {
        Type::Own(_) | Type::Borrow(_) => Some("a resource"),
        Type::ErrorContext => Some("an error context"),
        Type::Map(_) => Some("a map"),
        kind => flowing_itself(kind),
    })
}

/// What of a type is no value, but goes on after a call: futures and streams, wherever in it they
/// are.
pub(crate) fn flowing(kind: &Type) -> Option<&'static str> {
    find_within(kind, &flowing_itself)
}

fn flowing_itself(kind: &Type) -> Option<&'static str> {
    match kind {
        Type::Future(_) => Some("a future"),
        Type::Stream(_) => Some("a stream"),
        _ => None,
    }
}

/// The first of the types within a type, itself included, of which something is said.
fn find_within(kind: &Type, said: &dyn Fn(&Type) -> Option<&'static str>) -> Option<&'static str> {
    let below = |kind: &Type| find_within(kind, said);
    said(kind).or_else(|| match kind {
        Type::List(inner) => below(&inner.ty()),
        Type::FixedLengthList(inner) => below(&inner.ty()),
        Type::Option(inner) => below(&inner.ty()),
        Type::Map(map) => below(&map.key()).or_else(|| below(&map.value())),
        Type::Tuple(tuple) => tuple.types().find_map(|kind| below(&kind)),
        Type::Record(record) => record.fields().find_map(|field| below(&field.ty)),
        Type::Variant(variant) => {
            let mut cases = variant.cases();
            cases.find_map(|case| case.ty.as_ref().and_then(below))
        }
        Type::Result(result) => {
            let both = [result.ok(), result.err()];
            both.iter().flatten().find_map(below)
        }
        _ => None,
    })
}

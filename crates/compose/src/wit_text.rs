//! Two interfaces side by side in WIT, as far as they differ.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use wit_parser::{Function, Handle, InterfaceId, Resolve, Type, TypeDefKind, TypeId};

/// The most lines that are shown of a difference.
const LINES_MAX: usize = 40;
/// How deep types are written out.
const DEPTH_MAX: usize = 8;

/// What is asked for, beside what is there, as far as they differ; `None` where no difference
/// can be told in WIT.
pub(crate) fn difference(
    wanted: (&Resolve, InterfaceId, &str),
    given: (&Resolve, InterfaceId, &str),
) -> Option<String> {
    let ours = items(wanted.0, wanted.1);
    let theirs = items(given.0, given.1);
    let differing = ours
        .iter()
        .filter(|(name, item)| theirs.get(*name) != Some(*item))
        .map(|(name, item)| {
            (
                item.as_str(),
                theirs.get(name).map_or("(nothing)", |item| item),
            )
        });
    let rows: Vec<(&str, &str)> = differing.collect();
    if rows.is_empty() {
        return None;
    }
    let title = [
        format!("imported by {}", wanted.2),
        format!("exported by {}", given.2),
    ];
    let lines = rows.iter().flat_map(|(ours, _)| ours.lines());
    let width = lines.map(|line| line.chars().count()).max().unwrap_or(0);
    let width = width.max(title[0].chars().count()).min(72);
    let mut text = String::new();
    let mut lines = 0;
    row(&mut text, width, &title[0], &title[1]);
    for (ours, theirs) in rows {
        let (mut ours, mut theirs) = (ours.lines(), theirs.lines());
        loop {
            let (left, right) = (ours.next(), theirs.next());
            if left.is_none() && right.is_none() {
                break;
            }
            lines += 1;
            if lines > LINES_MAX {
                text.push_str("  …\n");
                return Some(text);
            }
            row(&mut text, width, left.unwrap_or(""), right.unwrap_or(""));
        }
    }
    Some(text)
}

fn row(text: &mut String, width: usize, left: &str, right: &str) {
    let line = format!("  {left:<width$} | {right}");
    text.push_str(line.trim_end());
    text.push('\n');
}

/// What an interface holds, by name.
fn items(resolve: &Resolve, id: InterfaceId) -> BTreeMap<String, String> {
    let interface = &resolve.interfaces[id];
    let mut items = BTreeMap::new();
    for (name, function) in &interface.functions {
        items.insert(name.clone(), signature(resolve, function));
    }
    for (name, ty) in &interface.types {
        let text = definition(resolve, name, *ty);
        items.insert(format!("type {name}"), text);
    }
    items
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let parameters = function
        .params
        .iter()
        .map(|one| format!("{}: {}", one.name, type_text(resolve, &one.ty, 0)));
    let parameters: Vec<String> = parameters.collect();
    let is_async = if function.kind.is_async() {
        "async "
    } else {
        ""
    };
    let mut text = format!(
        "{}: {is_async}func({})",
        function.name,
        parameters.join(", ")
    );
    if let Some(result) = &function.result {
        let _ = write!(text, " -> {}", type_text(resolve, result, 0));
    }
    text + ";"
}

fn definition(resolve: &Resolve, name: &str, mut id: TypeId) -> String {
    while let TypeDefKind::Type(Type::Id(target)) = resolve.types[id].kind {
        id = target;
    }
    let lines = |head: &str, lines: Vec<String>| {
        let lines: String = lines.iter().map(|line| format!("  {line},\n")).collect();
        format!("{head} {name} {{\n{lines}}}")
    };
    let typed = |name: &str, ty: &Option<Type>| match ty {
        Some(ty) => format!("{name}({})", type_text(resolve, ty, 0)),
        None => name.to_owned(),
    };
    match &resolve.types[id].kind {
        TypeDefKind::Record(record) => {
            let fields = record.fields.iter();
            let fields = fields.map(|field| {
                let ty = type_text(resolve, &field.ty, 0);
                format!("{}: {ty}", field.name)
            });
            lines("record", fields.collect())
        }
        TypeDefKind::Variant(variant) => {
            let cases = variant.cases.iter();
            lines(
                "variant",
                cases.map(|case| typed(&case.name, &case.ty)).collect(),
            )
        }
        TypeDefKind::Enum(cases) => {
            let cases = cases.cases.iter();
            lines("enum", cases.map(|case| case.name.clone()).collect())
        }
        TypeDefKind::Flags(flags) => {
            let flags = flags.flags.iter();
            lines("flags", flags.map(|flag| flag.name.clone()).collect())
        }
        TypeDefKind::Resource => format!("resource {name};"),
        _ => format!("type {name} = {};", kind_text(resolve, id, 0)),
    }
}

fn type_text(resolve: &Resolve, ty: &Type, depth: usize) -> String {
    let word = match ty {
        Type::Id(id) => {
            return match &resolve.types[*id].name {
                Some(name) => name.clone(),
                None => kind_text(resolve, *id, depth),
            };
        }
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::S8 => "s8",
        Type::S16 => "s16",
        Type::S32 => "s32",
        Type::S64 => "s64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::ErrorContext => "error-context",
    };
    word.to_owned()
}

fn kind_text(resolve: &Resolve, id: TypeId, depth: usize) -> String {
    if depth > DEPTH_MAX {
        return "…".to_owned();
    }
    let text = |ty: &Type| type_text(resolve, ty, depth + 1);
    let optional = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".to_owned(), text);
    let of = |head: &str, ty: &Option<Type>| match ty {
        Some(ty) => format!("{head}<{}>", text(ty)),
        None => head.to_owned(),
    };
    let named = |id: TypeId| resolve.types[id].name.clone().unwrap_or_default();
    match &resolve.types[id].kind {
        TypeDefKind::Type(ty) => text(ty),
        TypeDefKind::List(ty) => format!("list<{}>", text(ty)),
        TypeDefKind::FixedLengthList(ty, length) => format!("list<{}, {length}>", text(ty)),
        TypeDefKind::Map(key, value) => format!("map<{}, {}>", text(key), text(value)),
        TypeDefKind::Option(ty) => format!("option<{}>", text(ty)),
        TypeDefKind::Result(result) => match (&result.ok, &result.err) {
            (None, None) => "result".to_owned(),
            (ok, None) => of("result", ok),
            (ok, err) => format!("result<{}, {}>", optional(ok), optional(err)),
        },
        TypeDefKind::Tuple(tuple) => {
            let types: Vec<String> = tuple.types.iter().map(text).collect();
            format!("tuple<{}>", types.join(", "))
        }
        TypeDefKind::Handle(Handle::Own(resource)) => named(*resource),
        TypeDefKind::Handle(Handle::Borrow(resource)) => format!("borrow<{}>", named(*resource)),
        TypeDefKind::Future(ty) => of("future", ty),
        TypeDefKind::Stream(ty) => of("stream", ty),
        other => other.as_str().to_owned(),
    }
}

//! Types in words, and the index spaces needed to look them up.

use wasmparser::{
    ComponentExternalKind, CompositeInnerType, GlobalType, MemoryType, Payload, RecGroup, SubType,
    TableType,
};

/// A module's index spaces, as far as exports refer to them.
#[derive(Debug, Default)]
pub(super) struct TypeTable<'a> {
    types: Vec<SubType>,
    /// Of each function, the index of its type.
    pub(super) functions: Vec<u32>,
    pub(super) tables: Vec<TableType>,
    pub(super) memories: Vec<MemoryType>,
    pub(super) globals: Vec<GlobalType>,
    /// Of each tag, the index of its type.
    pub(super) tags: Vec<u32>,
    module: std::marker::PhantomData<&'a [u8]>,
}

impl TypeTable<'_> {
    pub(super) fn add_group(&mut self, group: RecGroup) {
        self.types.extend(group.into_types());
    }

    /// A function type as `(i32, i64) -> i32`; empty when the index leads nowhere.
    pub(super) fn function_type(&self, index: u32) -> String {
        let position = usize::try_from(index).unwrap_or(usize::MAX);
        let Some(CompositeInnerType::Func(function)) = self
            .types
            .get(position)
            .map(|sub_type| &sub_type.composite_type.inner)
        else {
            return String::new();
        };
        let list = |types: &[wasmparser::ValType]| {
            let names: Vec<String> = types.iter().map(ToString::to_string).collect();
            names.join(", ")
        };
        match function.results() {
            [] => format!("({})", list(function.params())),
            [result] => format!("({}) -> {result}", list(function.params())),
            results => format!("({}) -> ({})", list(function.params()), list(results)),
        }
    }
}

pub(super) fn table(table: &TableType) -> String {
    let limits = limits(table.initial, table.maximum);
    format!("{limits} {}", table.element_type)
}

pub(super) fn memory(memory: &MemoryType) -> String {
    let mut text = limits(memory.initial, memory.maximum);
    if memory.memory64 {
        text.insert_str(0, "i64 ");
    }
    if memory.shared {
        text.push_str(" shared");
    }
    text
}

pub(super) fn global(global: &GlobalType) -> String {
    if global.mutable {
        format!("mut {}", global.content_type)
    } else {
        global.content_type.to_string()
    }
}

fn limits(minimum: u64, maximum: Option<u64>) -> String {
    match maximum {
        Some(maximum) => format!("{minimum}..{maximum}"),
        None => format!("{minimum}.."),
    }
}

pub(super) fn component_kind(kind: ComponentExternalKind) -> &'static str {
    match kind {
        ComponentExternalKind::Module => "module",
        ComponentExternalKind::Func => "function",
        ComponentExternalKind::Value => "value",
        ComponentExternalKind::Type => "type",
        ComponentExternalKind::Instance => "instance",
        ComponentExternalKind::Component => "component",
    }
}

/// The name of a known section; custom ones have their own.
pub(super) fn section_name(payload: &Payload<'_>) -> Option<&'static str> {
    Some(match payload {
        Payload::TypeSection(_) => "type",
        Payload::ImportSection(_) => "import",
        Payload::FunctionSection(_) => "function",
        Payload::TableSection(_) => "table",
        Payload::MemorySection(_) => "memory",
        Payload::TagSection(_) => "tag",
        Payload::GlobalSection(_) => "global",
        Payload::ExportSection(_) => "export",
        Payload::StartSection { .. } => "start",
        Payload::ElementSection(_) => "element",
        Payload::DataCountSection { .. } => "data count",
        Payload::DataSection(_) => "data",
        Payload::CodeSectionStart { .. } => "code",
        Payload::InstanceSection(_) => "core instance",
        Payload::CoreTypeSection(_) => "core type",
        Payload::ComponentInstanceSection(_) => "instance",
        Payload::ComponentAliasSection(_) => "alias",
        Payload::ComponentTypeSection(_) => "component type",
        Payload::ComponentCanonicalSection(_) => "canonical function",
        Payload::ComponentStartSection { .. } => "component start",
        Payload::ComponentImportSection(_) => "component import",
        Payload::ComponentExportSection(_) => "component export",
        _ => return None,
    })
}

/// How many things a section lists.
pub(super) fn section_count(payload: &Payload<'_>) -> Option<u32> {
    Some(match payload {
        Payload::TypeSection(reader) => reader.count(),
        Payload::ImportSection(reader) => reader.count(),
        Payload::FunctionSection(reader) => reader.count(),
        Payload::TableSection(reader) => reader.count(),
        Payload::MemorySection(reader) => reader.count(),
        Payload::TagSection(reader) => reader.count(),
        Payload::GlobalSection(reader) => reader.count(),
        Payload::ExportSection(reader) => reader.count(),
        Payload::ElementSection(reader) => reader.count(),
        Payload::DataSection(reader) => reader.count(),
        Payload::CodeSectionStart { count, .. } => *count,
        _ => return None,
    })
}

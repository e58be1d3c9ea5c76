//! What can be said about a program without running it.

mod asks;
mod component;
mod features;
mod types;

use std::collections::BTreeSet;

use wasmparser::{
    CustomSectionReader, Encoding, ExternalKind, KnownCustom, MemoryType, Parser, Payload,
    TableType, TypeRef,
};

use crate::digest::Digest;
pub use component::{
    ComponentInfo, ExportedFunction, ImportedInterface, ImportedPackage, NestedModule,
};
use features::FeatureSet;
use types::TypeTable;

/// A program's outside, its size and where it comes from.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Inspection {
    pub kind: ProgramKind,
    /// Of the bytes inspected.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    pub shape: Shape,
    /// The WASI versions it imports from, such as `0.1` or `0.2.3`.
    pub wasi_versions: Vec<String>,
    /// What the program's imports allow it to ask for.
    pub asks: Vec<Ask>,
    pub imports: Vec<ImportInfo>,
    pub exports: Vec<ExportInfo>,
    pub memories: Vec<MemoryInfo>,
    pub tables: Vec<TableInfo>,
    /// The index of the start function, which runs before anything is called.
    pub start_function: Option<u32>,
    /// Functions with a body.
    pub functions: u32,
    /// The proposals beyond WebAssembly 1.0 that it uses, by name.
    pub features: Vec<String>,
    pub producers: Vec<Producer>,
    pub has_names: bool,
    pub debug_information: DebugInformation,
    /// Whether it is an object file that a linker has yet to link.
    pub is_relocatable: bool,
    /// In the file's order; code and data of nested modules are not listed.
    pub sections: Vec<SectionInfo>,
    /// Core modules inside a component.
    pub nested_modules: u32,
    /// What is particular to a component.
    pub component: Option<ComponentInfo>,
}

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgramKind {
    Module,
    Component,
}

/// How it is meant to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Runs once from its `_start` or `wasi:cli/run`.
    Command,
    /// Is initialised once, then its exports are called.
    Reactor,
    /// Answers HTTP requests (`wasi:http` handler).
    Service,
    /// Neither: its exports are called, or it is part of something.
    Library,
}

/// A capability, and the imports that give it away.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Ask {
    /// Such as `files` or `sockets`.
    pub capability: String,
    pub imports: Vec<String>,
}

/// Something the program needs from outside.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ImportInfo {
    /// The module it is imported from; empty for a component's imports.
    pub module: String,
    pub name: String,
    /// `function`, `memory`, `table`, `global`, `tag`; `instance` and others for components.
    pub kind: String,
    /// In the text format's notation, such as `(i32, i32) -> i32`.
    pub signature: String,
}

/// Something the program offers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ExportInfo {
    pub name: String,
    pub kind: String,
    pub signature: String,
}

/// A linear memory.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MemoryInfo {
    /// In bytes.
    pub minimum: u64,
    /// In bytes.
    pub maximum: Option<u64>,
    pub page_size: u64,
    pub is_shared: bool,
    pub is_64_bit: bool,
    pub is_imported: bool,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TableInfo {
    pub element: String,
    /// In elements.
    pub minimum: u64,
    /// In elements.
    pub maximum: Option<u64>,
    pub is_imported: bool,
}

/// A line of the producers section: a tool that had a hand in it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Producer {
    /// `language`, `sdk` or `processed-by`.
    pub field: String,
    pub name: String,
    pub version: String,
}

/// Where source lines for traps come from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DebugInformation {
    None,
    /// DWARF of this many bytes in the program itself.
    Embedded(u64),
    /// At another place (`external_debug_info`).
    External(String),
}

/// A section.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SectionInfo {
    /// Of a custom section, its own name.
    pub name: String,
    pub is_custom: bool,
    /// Content in bytes.
    pub size: u64,
    /// Where the content starts in the file.
    pub offset: u64,
    /// Things in it, where it is a list.
    pub count: Option<u32>,
}

/// Why a program could not be inspected.
#[derive(Debug, thiserror::Error)]
#[error("malformed at byte {offset:#x}: {reason}")]
pub struct InspectError {
    pub offset: u64,
    pub reason: String,
}

impl From<wasmparser::BinaryReaderError> for InspectError {
    fn from(error: wasmparser::BinaryReaderError) -> InspectError {
        InspectError {
            offset: wide(error.offset()),
            reason: error.message().to_owned(),
        }
    }
}

/// Reads a module or component in the binary format: [`crate::Program::bytes`] for a module.
///
/// Reads every instruction to find the proposals in use, but validates nothing.
///
/// # Errors
///
/// [`InspectError`] when the bytes cannot be parsed.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, InspectError> {
    let mut inspector = Inspector::new(bytes);
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        match &payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                if matches!(payload, Payload::ModuleSection { .. }) {
                    inspector.result.nested_modules += 1;
                }
                depth += 1;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CodeSectionEntry(body) => {
                inspector.features.add_body(body)?;
            }
            _ if depth > 0 => {}
            _ => inspector.visit(&payload)?,
        }
    }
    let mut inspection = inspector.finish();
    if inspection.kind == ProgramKind::Component {
        let imports = inspection.imports.iter().filter(|one| one.kind != "type");
        let imports: Vec<&str> = imports.map(|import| import.name.as_str()).collect();
        let exports: Vec<&str> = inspection
            .exports
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        inspection.component = Some(component::describe(bytes, &imports, &exports)?);
    }
    Ok(inspection)
}

struct Inspector<'a> {
    result: Inspection,
    types: TypeTable<'a>,
    features: FeatureSet,
    wasi_versions: BTreeSet<String>,
    dwarf_bytes: u64,
}

impl<'a> Inspector<'a> {
    fn new(bytes: &[u8]) -> Inspector<'a> {
        Inspector {
            result: Inspection {
                kind: ProgramKind::Module,
                digest: Digest::of(bytes),
                size: wide(bytes.len()),
                shape: Shape::Library,
                wasi_versions: Vec::new(),
                asks: Vec::new(),
                imports: Vec::new(),
                exports: Vec::new(),
                memories: Vec::new(),
                tables: Vec::new(),
                start_function: None,
                functions: 0,
                features: Vec::new(),
                producers: Vec::new(),
                has_names: false,
                debug_information: DebugInformation::None,
                is_relocatable: false,
                sections: Vec::new(),
                nested_modules: 0,
                component: None,
            },
            types: TypeTable::default(),
            features: FeatureSet::default(),
            wasi_versions: BTreeSet::new(),
            dwarf_bytes: 0,
        }
    }

    fn visit(&mut self, payload: &Payload<'a>) -> Result<(), InspectError> {
        self.note_section(payload);
        match payload {
            Payload::Version {
                encoding: Encoding::Component,
                ..
            } => self.result.kind = ProgramKind::Component,
            Payload::TypeSection(reader) => {
                for group in reader.clone() {
                    let group = group?;
                    self.features.add_type_group(&group);
                    self.types.add_group(group);
                }
            }
            Payload::ImportSection(reader) => {
                for import in reader.clone().into_imports() {
                    self.add_import(&import?);
                }
            }
            Payload::FunctionSection(reader) => {
                for index in reader.clone() {
                    self.types.functions.push(index?);
                }
            }
            Payload::TableSection(reader) => {
                for table in reader.clone() {
                    let table = table?.ty;
                    self.add_table(&table, false);
                    self.types.tables.push(table);
                }
            }
            Payload::MemorySection(reader) => {
                for memory in reader.clone() {
                    self.add_memory(&memory?, false);
                }
            }
            Payload::TagSection(reader) => {
                self.features.add("exceptions");
                for tag in reader.clone() {
                    self.types.tags.push(tag?.func_type_idx);
                }
            }
            Payload::GlobalSection(reader) => {
                for global in reader.clone() {
                    let global = global?;
                    self.features.add_constant(&global.init_expr)?;
                    self.types.globals.push(global.ty);
                }
            }
            Payload::ExportSection(reader) => {
                for export in reader.clone() {
                    let export = export?;
                    self.add_export(export.name, export.kind, export.index);
                }
            }
            Payload::StartSection { func, .. } => self.result.start_function = Some(*func),
            Payload::DataCountSection { .. } => self.features.add("bulk_memory"),
            Payload::CodeSectionStart { count, .. } => self.result.functions = *count,
            Payload::CustomSection(section) => self.add_custom(section),
            Payload::ComponentImportSection(reader) => {
                for import in reader.clone() {
                    let import = import?;
                    let kind = types::component_kind(import.ty.kind());
                    self.add_component_import(import.name.name, kind);
                }
            }
            Payload::ComponentExportSection(reader) => {
                for export in reader.clone() {
                    let export = export?;
                    self.result.exports.push(ExportInfo {
                        name: export.name.name.to_owned(),
                        kind: types::component_kind(export.kind).to_owned(),
                        signature: String::new(),
                    });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn add_import(&mut self, import: &wasmparser::Import<'a>) {
        let (kind, signature) = match import.ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                self.types.functions.push(index);
                ("function", self.types.function_type(index))
            }
            TypeRef::Table(table) => {
                self.add_table(&table, true);
                self.types.tables.push(table);
                ("table", types::table(&table))
            }
            TypeRef::Memory(memory) => {
                self.add_memory(&memory, true);
                ("memory", types::memory(&memory))
            }
            TypeRef::Global(global) => {
                self.types.globals.push(global);
                ("global", types::global(&global))
            }
            TypeRef::Tag(tag) => {
                self.features.add("exceptions");
                self.types.tags.push(tag.func_type_idx);
                ("tag", self.types.function_type(tag.func_type_idx))
            }
        };
        match import.module {
            "wasi_snapshot_preview1" => {
                self.wasi_versions.insert("0.1".to_owned());
            }
            "wasi_unstable" => {
                self.wasi_versions.insert("0.0 (wasi_unstable)".to_owned());
            }
            _ => {}
        }
        self.result.imports.push(ImportInfo {
            module: import.module.to_owned(),
            name: import.name.to_owned(),
            kind: kind.to_owned(),
            signature,
        });
    }

    fn add_component_import(&mut self, name: &str, kind: &str) {
        if let Some((_, version)) = name.strip_prefix("wasi:").and_then(|n| n.split_once('@')) {
            self.wasi_versions.insert(version.to_owned());
        }
        self.result.imports.push(ImportInfo {
            module: String::new(),
            name: name.to_owned(),
            kind: kind.to_owned(),
            signature: String::new(),
        });
    }

    fn add_export(&mut self, name: &str, kind: ExternalKind, index: u32) {
        let position = usize::try_from(index).unwrap_or(usize::MAX);
        let (kind, signature) = match kind {
            ExternalKind::Func | ExternalKind::FuncExact => {
                let index = self.types.functions.get(position).copied();
                ("function", index.map(|i| self.types.function_type(i)))
            }
            ExternalKind::Table => ("table", self.types.tables.get(position).map(types::table)),
            ExternalKind::Memory => {
                let memory = self.types.memories.get(position);
                ("memory", memory.map(types::memory))
            }
            ExternalKind::Global => {
                let global = self.types.globals.get(position);
                ("global", global.map(types::global))
            }
            ExternalKind::Tag => {
                let index = self.types.tags.get(position).copied();
                ("tag", index.map(|i| self.types.function_type(i)))
            }
        };
        self.result.exports.push(ExportInfo {
            name: name.to_owned(),
            kind: kind.to_owned(),
            signature: signature.unwrap_or_default(),
        });
    }

    fn add_memory(&mut self, memory: &MemoryType, is_imported: bool) {
        self.features.add_memory(memory);
        self.types.memories.push(*memory);
        if self.types.memories.len() > 1 {
            self.features.add("multi_memory");
        }
        self.result.memories.push(memory_info(memory, is_imported));
    }

    fn add_table(&mut self, table: &TableType, is_imported: bool) {
        self.features.add_table(table);
        self.result.tables.push(TableInfo {
            element: table.element_type.to_string(),
            minimum: table.initial,
            maximum: table.maximum,
            is_imported,
        });
    }

    fn add_custom(&mut self, section: &CustomSectionReader<'_>) {
        let name = section.name();
        if name.starts_with(".debug_") {
            self.dwarf_bytes += wide(section.data().len());
            return;
        }
        match name {
            "linking" => self.result.is_relocatable = true,
            "external_debug_info" => {
                // The content is one name with its length before it.
                let text = section.data().get(1..).unwrap_or_default();
                let text = String::from_utf8_lossy(text).into_owned();
                self.result.debug_information = DebugInformation::External(text);
            }
            _ => {}
        }
        match section.as_known() {
            KnownCustom::Name(_) | KnownCustom::ComponentName(_) => self.result.has_names = true,
            KnownCustom::Producers(fields) => {
                add_producers(&mut self.result.producers, fields);
            }
            _ => {}
        }
    }

    fn note_section(&mut self, payload: &Payload<'_>) {
        let (name, is_custom) = match payload {
            Payload::CustomSection(section) => (section.name(), true),
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => return,
            payload => match types::section_name(payload) {
                Some(name) => (name, false),
                None => return,
            },
        };
        let Some((_, range)) = payload.as_section() else {
            return;
        };
        self.result.sections.push(SectionInfo {
            name: name.to_owned(),
            is_custom,
            size: wide(range.len()),
            offset: wide(range.start),
            count: types::section_count(payload),
        });
    }

    fn finish(mut self) -> Inspection {
        if self.dwarf_bytes > 0 {
            self.result.debug_information = DebugInformation::Embedded(self.dwarf_bytes);
        }
        self.result.shape = shape(&self.result);
        self.result.asks = asks::asks(&self.result.imports);
        self.result.features = self.features.names();
        self.result.wasi_versions = self.wasi_versions.into_iter().collect();
        self.result
    }
}

fn memory_info(memory: &MemoryType, is_imported: bool) -> MemoryInfo {
    let page_size = 1_u64 << memory.page_size_log2.unwrap_or(16).min(16);
    MemoryInfo {
        minimum: memory.initial.saturating_mul(page_size),
        maximum: memory.maximum.map(|pages| pages.saturating_mul(page_size)),
        page_size,
        is_shared: memory.shared,
        is_64_bit: memory.memory64,
        is_imported,
    }
}

fn add_producers(producers: &mut Vec<Producer>, fields: wasmparser::ProducersSectionReader<'_>) {
    for field in fields.into_iter().flatten() {
        for value in field.values.into_iter().flatten() {
            producers.push(Producer {
                field: field.name.to_owned(),
                name: value.name.to_owned(),
                version: value.version.to_owned(),
            });
        }
    }
}

fn shape(inspection: &Inspection) -> Shape {
    let exports = |wanted: &str| {
        inspection
            .exports
            .iter()
            .any(|export| export.name == wanted)
    };
    let exports_interface = |prefix: &str| {
        let mut exports = inspection.exports.iter();
        exports.any(|export| export.name.starts_with(prefix))
    };
    match inspection.kind {
        ProgramKind::Module if exports("_start") => Shape::Command,
        ProgramKind::Module if exports("_initialize") => Shape::Reactor,
        ProgramKind::Component if exports_interface("wasi:cli/run@") => Shape::Command,
        ProgramKind::Component
            if exports_interface("wasi:http/incoming-handler@")
                || exports_interface("wasi:http/handler@") =>
        {
            Shape::Service
        }
        _ => Shape::Library,
    }
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

//! What a component says of itself.
//!
//! Its world in WIT, what it imports and what that needs, the modules inside it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wasmparser::{Encoding, KnownCustom, Parser, Payload, Validator};
use wit_component::{OutputToString, WitPrinter};
use wit_parser::decoding::DecodedWasm;
use wit_parser::{Function, PackageId, Resolve, Type, WorldId, WorldItem, WorldKey};

use super::{InspectError, MemoryInfo, Producer, memory_info, wide};
use crate::load_error::{form_of, supported};
use crate::settings::Form;

/// Modules that are listed one by one; those beyond count only.
const MODULES_MAX: usize = 1_000;
/// The longest world that is shown, in bytes.
const WORLD_BYTES_MAX: usize = 1 << 20;

/// What is particular to a component.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct ComponentInfo {
    /// The WASI release that it is a command or a service of, such as `0.2`.
    pub release: Option<String>,
    /// Whether it needs asynchronous functions, streams or futures of the component model.
    pub is_async: bool,
    /// What it imports, by package.
    pub imports: Vec<ImportedPackage>,
    /// The functions that it exports, with their types in WIT.
    pub functions: Vec<ExportedFunction>,
    /// Its world and the interfaces outside WASI, in WIT.
    pub world: Option<String>,
    /// Why the world cannot be shown.
    pub world_problem: Option<String>,
    /// The modules inside, in the file's order.
    pub modules: Vec<NestedModule>,
    /// Components inside.
    pub components: u32,
}

/// A package that a component imports from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ImportedPackage {
    /// `wasi:io`; empty for imports that belong to no package.
    pub name: String,
    pub version: Option<String>,
    pub interfaces: Vec<ImportedInterface>,
}

/// An interface that a component imports.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ImportedInterface {
    pub name: String,
    /// Whether Holm provides it; others come from components that are linked with this one.
    pub is_provided: bool,
    /// The options that grant what it gives access to; none when there is nothing to grant.
    pub grant: Option<&'static str>,
}

/// A function that a component exports.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ExportedFunction {
    pub interface: Option<String>,
    pub name: String,
    /// In WIT.
    pub signature: String,
}

/// A module inside a component.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct NestedModule {
    /// In bytes.
    pub size: u64,
    /// The memories that it defines or imports.
    pub memories: Vec<MemoryInfo>,
    pub producers: Vec<Producer>,
}

/// Describes a component; `imports` and `exports` are its own, by name.
pub(super) fn describe(
    bytes: &[u8],
    imports: &[&str],
    exports: &[&str],
) -> Result<ComponentInfo, InspectError> {
    let mut info = ComponentInfo {
        release: release(exports),
        is_async: matches!(form_of("the component", bytes), Ok(Form::AsyncComponent)),
        imports: packages(imports),
        ..ComponentInfo::default()
    };
    insides(bytes, &mut info)?;
    match world(bytes) {
        Ok((world, functions)) => {
            info.functions = functions;
            info.world = Some(world);
        }
        Err(problem) => info.world_problem = Some(problem),
    }
    Ok(info)
}

/// `0.2` for a component that exports `wasi:cli/run@0.2.6`.
fn release(exports: &[&str]) -> Option<String> {
    let entries = [
        "wasi:cli/run@",
        "wasi:http/incoming-handler@",
        "wasi:http/handler@",
    ];
    let version = exports
        .iter()
        .find_map(|name| entries.iter().find_map(|entry| name.strip_prefix(entry)))?;
    let mut numbers = version.split('.');
    Some(format!("{}.{}", numbers.next()?, numbers.next()?))
}

fn packages(imports: &[&str]) -> Vec<ImportedPackage> {
    let mut packages: Vec<ImportedPackage> = Vec::new();
    for import in imports {
        let (path, version) = match import.rsplit_once('@') {
            Some((path, version)) => (path, Some(version.to_owned())),
            None => (*import, None),
        };
        let (package, interface) = path.split_once('/').unwrap_or(("", path));
        let interface = ImportedInterface {
            name: interface.to_owned(),
            is_provided: is_provided(package, version.as_deref()),
            grant: grant(package, interface),
        };
        let known = packages
            .iter_mut()
            .find(|known| known.name == package && known.version == version);
        match known {
            Some(known) => known.interfaces.push(interface),
            None => packages.push(ImportedPackage {
                name: package.to_owned(),
                version,
                interfaces: vec![interface],
            }),
        }
    }
    packages
}

fn is_provided(package: &str, version: Option<&str>) -> bool {
    let Some(version) = version else { return false };
    let known = match version {
        _ if version.contains('-') => return false,
        _ if version.starts_with("0.2.") => [
            "cli",
            "clocks",
            "filesystem",
            "http",
            "io",
            "random",
            "sockets",
        ]
        .as_slice(),
        _ if version.starts_with("0.3.") => {
            ["cli", "clocks", "filesystem", "http", "random", "sockets"].as_slice()
        }
        _ => return false,
    };
    package
        .strip_prefix("wasi:")
        .is_some_and(|package| known.contains(&package))
}

/// What has to be granted for an interface to be of use.
fn grant(package: &str, interface: &str) -> Option<&'static str> {
    match (package, interface) {
        ("wasi:cli", "environment") => Some("--env NAME (arguments are given anyway)"),
        ("wasi:filesystem", _) => Some("--dir, --mount, --disk, --tmp"),
        ("wasi:sockets", "ip-name-lookup") => Some("--net resolve:HOST"),
        ("wasi:sockets", "network" | "instance-network") => None,
        ("wasi:sockets", _) => Some("--net connect:HOST:PORT, listen:ADDRESS:PORT"),
        ("wasi:http", "outgoing-handler" | "client") => Some("--net connect:HOST:PORT"),
        _ => None,
    }
}

/// The modules and components inside.
fn insides(bytes: &[u8], info: &mut ComponentInfo) -> Result<(), InspectError> {
    // Of each module or component around what is read: which of the listed modules it is.
    let mut around: Vec<Option<usize>> = Vec::new();
    let mut opened = None;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection {
                unchecked_range, ..
            } => {
                opened = (info.modules.len() < MODULES_MAX).then(|| {
                    info.modules.push(NestedModule {
                        size: wide(unchecked_range.len()),
                        memories: Vec::new(),
                        producers: Vec::new(),
                    });
                    info.modules.len() - 1
                });
            }
            Payload::ComponentSection { .. } => {
                info.components = info.components.saturating_add(1);
                opened = None;
            }
            Payload::Version { encoding, .. } => {
                around.push(opened.take().filter(|_| encoding == Encoding::Module));
            }
            Payload::End(_) => drop(around.pop()),
            inside => {
                let module = around.last().copied().flatten();
                if let Some(module) = module.and_then(|module| info.modules.get_mut(module)) {
                    visit_module(module, &inside)?;
                }
            }
        }
    }
    Ok(())
}

fn visit_module(module: &mut NestedModule, payload: &Payload<'_>) -> Result<(), InspectError> {
    match payload {
        Payload::MemorySection(reader) => {
            for memory in reader.clone() {
                module.memories.push(memory_info(&memory?, false));
            }
        }
        Payload::ImportSection(reader) => {
            for import in reader.clone().into_imports() {
                if let wasmparser::TypeRef::Memory(memory) = import?.ty {
                    module.memories.push(memory_info(&memory, true));
                }
            }
        }
        Payload::CustomSection(section) => {
            if let KnownCustom::Producers(fields) = section.as_known() {
                super::add_producers(&mut module.producers, fields);
            }
        }
        _ => {}
    }
    Ok(())
}

/// The world in WIT, and the functions that are exported.
fn world(bytes: &[u8]) -> Result<(String, Vec<ExportedFunction>), String> {
    Validator::new_with_features(supported())
        .validate_all(bytes)
        .map_err(|error| {
            format!(
                "it is not valid: {} (byte {:#x})",
                error.message(),
                error.offset()
            )
        })?;
    // The reader is made for what its own project writes, and there are assertions in it.
    let described = catch_unwind(AssertUnwindSafe(|| describe_world(bytes)));
    described.unwrap_or_else(|_| Err("its types are not those that WIT can write".to_owned()))
}

fn describe_world(bytes: &[u8]) -> Result<(String, Vec<ExportedFunction>), String> {
    let decoded = wit_parser::decoding::decode(bytes).map_err(|error| format!("{error:#}"))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err("it is a WIT package: types without a program".to_owned());
    };
    let functions = functions(&resolve, world);
    let Some(package) = resolve.worlds[world].package else {
        return Err("its world belongs to no package".to_owned());
    };
    let others: Vec<PackageId> = resolve
        .packages
        .iter()
        .filter(|(id, other)| *id != package && other.name.namespace != "wasi")
        .map(|(id, _)| id)
        .collect();
    let mut printer = WitPrinter::default();
    printer.emit_docs(false);
    printer
        .print(&resolve, package, &others)
        .map_err(|error| format!("{error:#}"))?;
    let text = printer.output.to_string();
    if text.len() > WORLD_BYTES_MAX {
        return Err(format!("it is longer than {WORLD_BYTES_MAX} bytes"));
    }
    Ok((text, functions))
}

fn functions(resolve: &Resolve, world: WorldId) -> Vec<ExportedFunction> {
    let mut found = Vec::new();
    for (key, item) in &resolve.worlds[world].exports {
        match item {
            WorldItem::Function(function) => found.push(exported(resolve, None, function)),
            WorldItem::Interface { id, .. } => {
                let name = match key {
                    WorldKey::Name(name) => name.clone(),
                    WorldKey::Interface(_) => resolve.name_world_key(key),
                };
                let functions = resolve.interfaces[*id].functions.values();
                found.extend(functions.map(|one| exported(resolve, Some(&name), one)));
            }
            WorldItem::Type { .. } => {}
        }
    }
    found
}

fn exported(resolve: &Resolve, interface: Option<&str>, function: &Function) -> ExportedFunction {
    let parameters: Vec<String> = function
        .params
        .iter()
        .map(|parameter| format!("{}: {}", parameter.name, type_name(resolve, &parameter.ty)))
        .collect();
    let result = match &function.result {
        Some(kind) => format!(" -> {}", type_name(resolve, kind)),
        None => String::new(),
    };
    let asynchronous = if function.kind.is_async() {
        "async "
    } else {
        ""
    };
    ExportedFunction {
        interface: interface.map(str::to_owned),
        name: function.name.clone(),
        signature: format!("{asynchronous}func({}){result}", parameters.join(", ")),
    }
}

fn type_name(resolve: &Resolve, kind: &Type) -> String {
    let mut printer = WitPrinter::new(OutputToString::default());
    match printer.print_type_name(resolve, kind) {
        Ok(()) => printer.output.to_string(),
        Err(_) => "a type".to_owned(),
    }
}

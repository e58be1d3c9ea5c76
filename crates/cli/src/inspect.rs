//! `holm inspect`: what a program is, without running it.

mod component;

use holm_command_line::CommandError;
use holm_command_line::explain::exit;
use holm_command_line::explain::text::shown;
use holm_command_line::options::InspectOptions;
use holm_os::engine::{
    DebugInformation, Engine, EngineConfig, Inspection, MemoryInfo, ProgramKind, Shape, inspect,
};
use holm_os::package::units::format_size;

use crate::run::not_runnable;

pub(crate) fn run(options: &InspectOptions) -> Result<u8, CommandError> {
    let engine = Engine::new(EngineConfig::default()).map_err(CommandError::failed)?;
    let program = engine
        .open(&options.program)
        .map_err(|error| not_runnable(&error))?;
    let bytes = program.bytes().map_err(|error| not_runnable(&error))?;
    let inspection = inspect(bytes).map_err(|error| {
        CommandError::new(
            exit::NOT_RUNNABLE,
            format_args!("{}: {error}", options.program.display()),
        )
    })?;
    let composition = component::composition(bytes, &inspection);
    if options.json {
        let mut json = serde_json::to_value(&inspection).map_err(CommandError::failed)?;
        if let Some(record) = &composition {
            json["composition"] = component::as_json(record)?;
        }
        let json = serde_json::to_string_pretty(&json).map_err(CommandError::failed)?;
        show!("{json}");
    } else {
        print(program.name(), &inspection);
        if let Some(record) = &composition {
            component::show_composition(record);
        }
    }
    Ok(0)
}

fn print(name: &str, inspection: &Inspection) {
    let kind = match inspection.kind {
        ProgramKind::Module => "module",
        ProgramKind::Component => "component",
    };
    let shape = match inspection.shape {
        Shape::Command => "command (runs and ends)",
        Shape::Reactor => "reactor (its functions are called)",
        Shape::Service => "service (handles requests)",
        Shape::Library => "library (exports functions only)",
    };
    let release = inspection.component.as_ref();
    let release = release.and_then(|component| component.release.as_ref());
    let of = release.map_or_else(String::new, |release| format!(" of WASI {release}"));
    show!("{}: WebAssembly {kind}, {shape}{of}", shown(name));
    line(
        "size",
        &format!(
            "{} ({} bytes)",
            format_size(inspection.size),
            inspection.size
        ),
    );
    line("digest", &format!("blake3:{}", inspection.digest));
    line("WASI", &or_none(&inspection.wasi_versions.join(", ")));
    line("features", &or_none(&inspection.features.join(", ")));
    for producer in &inspection.producers {
        line(
            "made with",
            &format!(
                "{} {} ({})",
                producer.name, producer.version, producer.field
            ),
        );
    }
    line("functions", &inspection.functions.to_string());
    if let Some(start) = inspection.start_function {
        line(
            "start",
            &format!("function {start} runs before anything else"),
        );
    }
    for memory in &inspection.memories {
        line("memory", &describe(memory));
    }
    for table in &inspection.tables {
        let maximum = table
            .maximum
            .map_or_else(|| "no maximum".to_owned(), |max| format!("at most {max}"));
        let imported = if table.is_imported { ", imported" } else { "" };
        line(
            "table",
            &format!(
                "{} of {}, {maximum}{imported}",
                table.minimum, table.element
            ),
        );
    }
    if let Some(component) = &inspection.component {
        component::lines(component, inspection.nested_modules);
    }
    line(
        "names",
        if inspection.has_names {
            "yes"
        } else {
            "no: traps show function numbers"
        },
    );
    line(
        "source lines",
        &match &inspection.debug_information {
            DebugInformation::None => "no: build with -g to see them in traps".to_owned(),
            DebugInformation::Embedded(bytes) => format!("yes, {} of DWARF", format_size(*bytes)),
            DebugInformation::External(place) => format!("elsewhere: {place}"),
        },
    );
    lists(inspection);
}

/// What it asks for, imports, exports and holds, each as a list.
fn lists(inspection: &Inspection) {
    show!("\nWill ask for:");
    for ask in &inspection.asks {
        show!("  {:<28} {}", ask.capability, shown(&summary(&ask.imports)));
    }
    if inspection.asks.is_empty() {
        show!("  nothing");
    }
    match &inspection.component {
        Some(component) => component::lists(component, &inspection.exports),
        None => imports_and_exports(inspection),
    }
    show!("\nSections:");
    for section in &inspection.sections {
        let custom = if section.is_custom { "custom " } else { "" };
        let count = section
            .count
            .map_or_else(String::new, |count| format!(", {count} items"));
        show!(
            "  {:>10}  at {:#010x}  {custom}{}{count}",
            format_size(section.size),
            section.offset,
            shown(&section.name),
        );
    }
}

fn imports_and_exports(inspection: &Inspection) {
    show!("\nImports:");
    for import in &inspection.imports {
        show!(
            "  {} {}.{} {}",
            import.kind,
            shown(&import.module),
            shown(&import.name),
            import.signature
        );
    }
    show!("\nExports:");
    for export in &inspection.exports {
        show!(
            "  {} {} {}",
            export.kind,
            shown(&export.name),
            export.signature
        );
    }
}

fn line(name: &str, value: &str) {
    show!("  {name:<14} {}", shown(value));
}

fn or_none(text: &str) -> String {
    if text.is_empty() {
        "none".to_owned()
    } else {
        text.to_owned()
    }
}

/// Import names on one line, cut when there are many.
fn summary(imports: &[String]) -> String {
    const SHOWN_MAX: usize = 6;
    let mut text = imports
        .iter()
        .take(SHOWN_MAX)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if imports.len() > SHOWN_MAX {
        text.push_str(&format!(", and {} more", imports.len() - SHOWN_MAX));
    }
    text
}

fn describe(memory: &MemoryInfo) -> String {
    let mut text = format!("{} at first", format_size(memory.minimum));
    match memory.maximum {
        Some(maximum) => text.push_str(&format!(", {} at most", format_size(maximum))),
        None => text.push_str(", no maximum of its own"),
    }
    for (is, word) in [
        (memory.is_64_bit, "64-bit"),
        (memory.is_shared, "shared between threads"),
        (memory.is_imported, "imported"),
    ] {
        if is {
            text.push_str(", ");
            text.push_str(word);
        }
    }
    text
}

//! What `holm inspect` shows of components alone.

use holm_command_line::CommandError;
use holm_command_line::explain::text::shown;
use holm_compose::record::{Record, RecordError};
use holm_os::engine::{ComponentInfo, ExportInfo, Inspection, NestedModule, ProgramKind};
use holm_os::package::units::format_size;

use super::{describe, line};

/// Modules inside that are listed one by one.
const MODULES_LISTED: usize = 8;

/// What a composed component says of its parts.
pub(super) fn composition(
    bytes: &[u8],
    inspection: &Inspection,
) -> Option<Result<Record, RecordError>> {
    if inspection.kind != ProgramKind::Component {
        return None;
    }
    Record::of_component(bytes).transpose()
}

pub(super) fn as_json(
    record: &Result<Record, RecordError>,
) -> Result<serde_json::Value, CommandError> {
    match record {
        Ok(record) => serde_json::to_value(record).map_err(CommandError::failed),
        Err(error) => Ok(serde_json::json!({ "error": error.to_string() })),
    }
}

pub(super) fn show_composition(record: &Result<Record, RecordError>) {
    match record {
        Ok(record) => {
            show!("\nLinked from, with what each will ask for:");
            for line in record.to_string().lines() {
                show!("  {}", shown(line));
            }
        }
        Err(error) => show!("\nLinked, but {}", shown(&error.to_string())),
    }
}

pub(super) fn lines(component: &ComponentInfo, modules: u32) {
    line(
        "asynchronous",
        if component.is_async { "yes" } else { "no" },
    );
    if component.components > 0 {
        line("components", &format!("{} inside", component.components));
    }
    line("modules inside", &modules.to_string());
    for module in component.modules.iter().take(MODULES_LISTED) {
        line("", &module_text(module));
    }
    if component.modules.len() > MODULES_LISTED {
        let more = component.modules.len() - MODULES_LISTED;
        line("", &format!("and {more} more"));
    }
}

fn module_text(module: &NestedModule) -> String {
    let mut text = format_size(module.size);
    for memory in &module.memories {
        text.push_str(&format!("; memory: {}", describe(memory)));
    }
    let makers: Vec<String> = module
        .producers
        .iter()
        .map(|producer| format!("{} {}", producer.name, producer.version))
        .collect();
    if !makers.is_empty() {
        text.push_str(&format!("; made with {}", makers.join(", ")));
    }
    text
}

/// Imports, exports and the world.
pub(super) fn lists(component: &ComponentInfo, exports: &[ExportInfo]) {
    show!("\nImports:");
    for package in &component.imports {
        let version = package.version.as_deref().unwrap_or_default();
        if !package.name.is_empty() {
            show!("  {} {}", shown(&package.name), shown(version));
        }
        for interface in &package.interfaces {
            let provided = match (interface.is_provided, interface.grant) {
                (false, _) => "not provided by Holm: link a component that exports it".to_owned(),
                (true, Some(grant)) => format!("grant: {grant}"),
                (true, None) => String::new(),
            };
            let row = format!("    {:<24} {provided}", shown(&interface.name));
            show!("{}", row.trim_end());
        }
    }
    if component.imports.is_empty() {
        show!("  nothing");
    }
    show!("\nExports:");
    for export in exports {
        show!("  {} {}", export.kind, shown(&export.name));
        let of_it = component.functions.iter().filter(|function| {
            function.interface.as_deref() == Some(&export.name)
                || (function.interface.is_none() && function.name == export.name)
        });
        for function in of_it {
            let signature = shown(&function.signature);
            show!("    {}: {signature}", shown(&function.name));
        }
    }
    show!("\nWorld:");
    match (&component.world, &component.world_problem) {
        (Some(world), _) => {
            for line in world.lines() {
                let row = format!("  {}", shown(line));
                show!("{}", row.trim_end());
            }
        }
        (None, problem) => show!(
            "  cannot be shown: {}",
            shown(problem.as_deref().unwrap_or_default())
        ),
    }
}

//! What does not fit between a component's import and what Holm provides, in WIT.

use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use super::LinkError;
use super::provided;
use crate::wit::Names;

/// Says what the checker of Wasmtime found. Its error names the import, then what of it does
/// not fit, then why: each as the context of the next.
pub(super) fn explain(component: &Component, error: wasmtime::Error) -> LinkError {
    let quoted = |text: String| {
        let mut parts = text.split('`');
        parts.nth(1).map(str::to_owned)
    };
    let mut names = error.chain().map(|cause| quoted(cause.to_string()));
    let (Some(Some(import)), Some(Some(function))) = (names.next(), names.next()) else {
        return LinkError::Mismatch(error);
    };
    let (path, version) = import.rsplit_once('@').unwrap_or((&import, ""));
    let Some(interface) = provided::find(path, version) else {
        return LinkError::Mismatch(error);
    };
    let wanted = wanted(component, &import, &function);
    match interface.function(&function) {
        None => LinkError::UnknownFunction {
            function,
            wanted,
            provided: interface.version.to_owned(),
            advice: if is_later(version, interface.version) {
                format!(
                    "{version} is later than what this Holm knows: build the component for \
                     {}, or use a later Holm",
                    interface.version
                )
            } else {
                "Its WIT is not that of the release: build the component with the WIT of WASI"
                    .to_owned()
            },
            import,
        },
        Some(provided) => LinkError::FunctionType {
            function,
            wanted,
            provided,
            version: interface.version.to_owned(),
            import,
        },
    }
}

fn wanted(component: &Component, import: &str, function: &str) -> String {
    let engine = component.engine();
    let kind = component.component_type();
    let Some(item) = kind.get_import(engine, import) else {
        return String::new();
    };
    let ComponentItem::ComponentInstance(interface) = item.ty else {
        return String::new();
    };
    let names = Names::of(engine, &interface);
    match interface.get_export(engine, function).map(|item| item.ty) {
        Some(ComponentItem::ComponentFunc(kind)) => {
            format!("{function}: {}", names.function(&kind))
        }
        Some(ComponentItem::Resource(_)) => format!("resource {function}"),
        _ => function.to_owned(),
    }
}

fn is_later(version: &str, than: &str) -> bool {
    let numbers = |version: &str| -> Vec<u32> {
        let numbers = version.split(['.', '-', '+']);
        numbers.map_while(|number| number.parse().ok()).collect()
    };
    numbers(version) > numbers(than)
}

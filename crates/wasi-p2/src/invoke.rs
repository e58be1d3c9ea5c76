//! Calls of any exported function, written in WAVE: `add(2, 3)`.

use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem};
use wasmtime::component::wasm_wave::untyped::UntypedFuncCall;
use wasmtime::component::wasm_wave::wasm::{DisplayFunc, DisplayValue, WasmFunc};
use wasmtime::component::{Component, ComponentExportIndex, Type, Val};

/// Most functions that a message lists.
const LISTED: usize = 20;

/// A call that fits a component.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) index: ComponentExportIndex,
    pub(crate) arguments: Vec<Val>,
    results: usize,
}

/// Why a call cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvokeError {
    /// It is no call.
    #[error(
        "`{text}` is no call: {reason}\nWrite it as NAME(ARGUMENTS), with values in WAVE: add(2, 3) or greet(\"you\")"
    )]
    Syntax {
        /// What was given.
        text: String,
        /// What is wrong with it, and where.
        reason: String,
    },
    /// There is no such function.
    #[error("the component exports no function `{name}`{}", suggestions(.functions))]
    NoFunction {
        /// The name.
        name: String,
        /// The functions that it exports, with their types.
        functions: Vec<String>,
    },
    /// Several interfaces have one of that name.
    #[error("`{name}` is exported by several interfaces: {}\nName the interface: {}", .interfaces.join(", "), .interfaces[0].clone() + "." + .name)]
    Ambiguous {
        /// The name.
        name: String,
        /// The interfaces.
        interfaces: Vec<String>,
    },
    /// The arguments do not fit.
    #[error("cannot call `{name}`, {kind}: {reason}")]
    Arguments {
        /// The function.
        name: String,
        /// Its type.
        kind: String,
        /// What is wrong.
        reason: String,
    },
}

fn suggestions(functions: &[String]) -> String {
    if functions.is_empty() {
        return "; it exports no function at all".to_owned();
    }
    format!("\nIt exports:\n  {}", functions.join("\n  "))
}

/// A function that a component exports.
struct Export {
    interface: Option<String>,
    name: String,
    kind: ComponentFunc,
}

impl Export {
    fn text(&self) -> String {
        let kind = DisplayFunc(self.kind.clone()).to_string();
        let kind = kind.strip_prefix("func").unwrap_or(&kind);
        match &self.interface {
            Some(interface) => format!("{interface}.{}{kind}", self.name),
            None => format!("{}{kind}", self.name),
        }
    }

    /// Whether `text` names it: alone, or with its interface, with or without a version.
    fn is(&self, text: &str) -> bool {
        let Some(interface) = &self.interface else {
            return text == self.name;
        };
        let unversioned = interface.split('@').next().unwrap_or(interface);
        let short = unversioned.rsplit('/').next().unwrap_or(unversioned);
        let rest = text.strip_suffix(self.name.as_str());
        text == self.name
            || rest
                .and_then(|rest| rest.strip_suffix(['.', '#']))
                .is_some_and(|named| [interface.as_str(), unversioned, short].contains(&named))
    }

    fn index(&self, component: &Component) -> Option<ComponentExportIndex> {
        let interface = match &self.interface {
            Some(name) => Some(component.get_export_index(None, name)?),
            None => None,
        };
        component.get_export_index(interface.as_ref(), &self.name)
    }
}

fn exports(component: &Component) -> Vec<Export> {
    let engine = component.engine();
    let mut found = Vec::new();
    let kind = component.component_type();
    for (name, item) in kind.exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(kind) => found.push(Export {
                interface: None,
                name: name.to_owned(),
                kind,
            }),
            ComponentItem::ComponentInstance(instance) => {
                found.extend(functions_of(component, name, &instance));
            }
            _ => {}
        }
    }
    found
}

fn functions_of(
    component: &Component,
    interface: &str,
    instance: &ComponentInstance,
) -> Vec<Export> {
    let functions = instance.exports(component.engine());
    let functions = functions.filter_map(|(name, item)| match item.ty {
        ComponentItem::ComponentFunc(kind) => Some(Export {
            interface: Some(interface.to_owned()),
            name: name.to_owned(),
            kind,
        }),
        _ => None,
    });
    functions.collect()
}

/// The functions that a component exports, with their types: the first of them.
pub(crate) fn functions(component: &Component) -> Vec<String> {
    let all = exports(component);
    let mut texts: Vec<String> = all.iter().take(LISTED).map(Export::text).collect();
    if all.len() > LISTED {
        texts.push(format!("and {} more", all.len() - LISTED));
    }
    texts
}

impl Call {
    /// Reads a call by the types of the function that it names.
    ///
    /// # Errors
    ///
    /// [`InvokeError`].
    pub(crate) fn parse(component: &Component, text: &str) -> Result<Call, InvokeError> {
        let syntax = |reason: String| InvokeError::Syntax {
            text: text.to_owned(),
            reason,
        };
        // A name alone is a call without arguments.
        let (name, arguments) = match text.find('(') {
            Some(at) => text.split_at(at),
            None => (text, "()"),
        };
        let name = name.trim();
        // WAVE knows plain names only; what stands for the name here is in the export.
        let call = format!("f{arguments}");
        let call = UntypedFuncCall::parse(&call).map_err(|error| syntax(error.to_string()))?;
        let mut found: Vec<Export> = exports(component);
        found.retain(|export| export.is(name));
        if found.len() > 1 {
            return Err(InvokeError::Ambiguous {
                name: name.to_owned(),
                interfaces: found.into_iter().filter_map(|one| one.interface).collect(),
            });
        }
        let none = || InvokeError::NoFunction {
            name: name.to_owned(),
            functions: functions(component),
        };
        let export = found.pop().ok_or_else(none)?;
        let index = export.index(component).ok_or_else(none)?;
        let parameters: Vec<Type> = WasmFunc::params(&export.kind).collect();
        let arguments =
            call.to_wasm_params::<Val>(&parameters)
                .map_err(|error| InvokeError::Arguments {
                    name: name.to_owned(),
                    kind: DisplayFunc(export.kind.clone()).to_string(),
                    reason: error.to_string(),
                })?;
        Ok(Call {
            index,
            arguments,
            results: export.kind.results().len(),
        })
    }

    /// Room for the results.
    pub(crate) fn space(&self) -> Vec<Val> {
        vec![Val::Bool(false); self.results]
    }

    /// The results in WAVE.
    pub(crate) fn results(&self, values: &[Val]) -> Vec<String> {
        values
            .iter()
            .map(|value| DisplayValue(value).to_string())
            .collect()
    }
}

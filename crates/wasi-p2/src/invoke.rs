//! Calls of any exported function, written in WAVE: `add(2, 3)`.

use holm_engine::process::marked;
use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem};
use wasmtime::component::wasm_wave::parser::ParserError;
use wasmtime::component::wasm_wave::untyped::{UntypedFuncCall, UntypedValue};
use wasmtime::component::wasm_wave::wasm::DisplayValue;
use wasmtime::component::{Component, ComponentExportIndex, Type, Val};

use crate::wit::{Names, unwritable};

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
        "`{text}` is no call: {reason}{}\nWrite it as NAME(ARGUMENTS), with values in WAVE: \
         add(2, 3) or greet(\"you\")",
        marked(.text, *.at)
    )]
    Syntax {
        /// What was given.
        text: String,
        /// Where it goes wrong, in bytes.
        at: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A call, and arguments beside it.
    #[error("`{0}` is a whole call, and there are arguments behind it: give them once, either way")]
    Twice(String),
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
    #[error("cannot call `{name}: {kind}`: {reason}{}", marked(.text, *.at))]
    Arguments {
        /// The function.
        name: String,
        /// Its type in WIT.
        kind: String,
        /// The text in which something does not fit.
        text: String,
        /// Where in it, in bytes.
        at: usize,
        /// What is wrong.
        reason: String,
    },
    /// Too few arguments, or too many.
    #[error("cannot call `{name}: {kind}`: it takes {wanted} arguments, {given} were given")]
    Count {
        /// The function.
        name: String,
        /// Its type in WIT.
        kind: String,
        /// How many parameters it has.
        wanted: usize,
        /// How many arguments there are.
        given: usize,
    },
    /// It takes or returns what cannot be written.
    #[error(
        "cannot call `{name}: {kind}`: {what} cannot be written as text\n\
         Call it from a program: Rust, with the crate holm-os, or another component"
    )]
    Unwritable {
        /// The function.
        name: String,
        /// Its type in WIT.
        kind: String,
        /// What it takes or returns.
        what: &'static str,
    },
}

fn suggestions(functions: &[String]) -> String {
    if functions.is_empty() {
        return "; it exports no function at all".to_owned();
    }
    format!("\nIt exports:\n  {}", functions.join("\n  "))
}

/// A function that a component exports.
pub(crate) struct Export {
    interface: Option<String>,
    name: String,
    pub(crate) kind: ComponentFunc,
    /// Its type in WIT.
    pub(crate) words: String,
}

impl Export {
    fn text(&self) -> String {
        let kind = self.words.strip_prefix("func").unwrap_or(&self.words);
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

    pub(crate) fn index(&self, component: &Component) -> Option<ComponentExportIndex> {
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
                words: Names::default().function(&kind),
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
    let names = Names::of(component.engine(), instance);
    let functions = instance.exports(component.engine());
    let functions = functions.filter_map(|(name, item)| match item.ty {
        ComponentItem::ComponentFunc(kind) => Some(Export {
            interface: Some(interface.to_owned()),
            name: name.to_owned(),
            words: names.function(&kind),
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
    /// Reads a call by the types of the function that it names: `add(2, 3)`, or the name alone
    /// with the arguments apart.
    ///
    /// # Errors
    ///
    /// [`InvokeError`].
    pub(crate) fn parse(
        component: &Component,
        text: &str,
        apart: &[String],
    ) -> Result<Call, InvokeError> {
        let (name, written) = match text.find('(') {
            Some(at) => (text[..at].trim(), Some(at)),
            None => (text.trim(), None),
        };
        if written.is_some() && !apart.is_empty() {
            return Err(InvokeError::Twice(text.to_owned()));
        }
        let untyped = written.map(|at| {
            // WAVE knows plain names only; the export's own may have colons and slashes.
            let call = format!("f{}", &text[at..]);
            let call = UntypedFuncCall::parse(&call).map(UntypedFuncCall::into_owned);
            (at, call.map_err(|error| syntax(text, at, &error)))
        });
        let untyped = match untyped {
            None => None,
            Some((at, call)) => Some((at, call?)),
        };
        let export = find(component, name)?;
        let index = export
            .index(component)
            .ok_or_else(|| none(component, name))?;
        let parameters: Vec<Type> = export.kind.params().map(|(_, kind)| kind).collect();
        let mut kinds = parameters.iter().cloned().chain(export.kind.results());
        if let Some(what) = kinds.find_map(|kind| unwritable(&kind)) {
            return Err(InvokeError::Unwritable {
                name: name.to_owned(),
                kind: export.words,
                what,
            });
        }
        let arguments = match untyped {
            // Without arguments there is nothing to read: options may be left out.
            Some((at, call)) if call.params_node().is_some() => call
                .to_wasm_params::<Val>(&parameters)
                .map_err(|error| InvokeError::Arguments {
                    name: name.to_owned(),
                    kind: export.words.clone(),
                    text: text.to_owned(),
                    at: (at + error.span().start).saturating_sub(1),
                    reason: reason(&error),
                })?,
            _ => read_apart(name, &export, &parameters, apart)?,
        };
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

/// The one function of that name.
pub(crate) fn find(component: &Component, name: &str) -> Result<Export, InvokeError> {
    let mut found = exports(component);
    found.retain(|export| export.is(name));
    if found.len() > 1 {
        return Err(InvokeError::Ambiguous {
            name: name.to_owned(),
            interfaces: found.into_iter().filter_map(|one| one.interface).collect(),
        });
    }
    found.pop().ok_or_else(|| none(component, name))
}

pub(crate) fn none(component: &Component, name: &str) -> InvokeError {
    InvokeError::NoFunction {
        name: name.to_owned(),
        functions: functions(component),
    }
}

/// Arguments of a command line, each a value in WAVE.
fn read_apart(
    name: &str,
    export: &Export,
    parameters: &[Type],
    arguments: &[String],
) -> Result<Vec<Val>, InvokeError> {
    // As in a call, options at the end may be left out.
    let is_optional = |kind: &Type| matches!(kind, Type::Option(_));
    let left_out = parameters.get(arguments.len()..);
    if !left_out.is_some_and(|left_out| left_out.iter().all(is_optional)) {
        return Err(InvokeError::Count {
            name: name.to_owned(),
            kind: export.words.clone(),
            wanted: parameters.len(),
            given: arguments.len(),
        });
    }
    let mut values = Vec::with_capacity(parameters.len());
    for (kind, text) in parameters.iter().zip(arguments) {
        let value = UntypedValue::parse(text).and_then(|value| value.to_wasm_value(kind));
        values.push(value.map_err(|error| InvokeError::Arguments {
            name: name.to_owned(),
            kind: export.words.clone(),
            text: text.clone(),
            at: error.span().start,
            reason: reason(&error),
        })?);
    }
    let none = parameters.get(arguments.len()..).unwrap_or_default();
    values.extend(none.iter().map(|_| Val::Option(None)));
    Ok(values)
}

/// An error of WAVE in a call whose name was replaced by one byte.
fn syntax(text: &str, name_bytes: usize, error: &ParserError) -> InvokeError {
    InvokeError::Syntax {
        text: text.to_owned(),
        at: (name_bytes + error.span().start).saturating_sub(1),
        reason: reason(error),
    }
}

/// What is wrong, without the place: that is marked.
fn reason(error: &ParserError) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at ") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}

//! What is called in a program, with which arguments, and what it returned.

mod number;
mod written;

use wasmtime::{ExternType, FuncType, Instance, Module, Store, Val, ValType};

use super::start_error::{StartError, type_text};
use super::{Entry, ProcessState};

/// The command's entry point.
const START: &str = "_start";
/// A reactor's initialisation.
pub(super) const INITIALISE: &str = "_initialize";

/// What is wrong with the arguments of an invocation.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgumentError {
    /// Too few or too many.
    #[error("it takes {wanted} arguments, {given} were given")]
    Count {
        /// How many parameters it has.
        wanted: usize,
        /// How many arguments there are.
        given: usize,
    },
    /// One is no value of its parameter's type.
    #[error("argument {position}, `{text}`, is not {wanted}")]
    Value {
        /// Its position, from 1.
        position: usize,
        /// The argument.
        text: String,
        /// What it should be, in words.
        wanted: &'static str,
    },
    /// A parameter is of a type that cannot be written as text.
    #[error("its parameter {position} is a {kind}, which cannot be given on a command line")]
    Unwritable {
        /// Its position, from 1.
        position: usize,
        /// Its type.
        kind: &'static str,
    },
}

/// What is to be called.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Whether `_initialize` comes first.
    pub(super) initialise: bool,
    /// The call; none when instantiating was all there is.
    pub(super) call: Option<Call>,
}

/// A call of an exported function.
#[derive(Debug)]
pub(super) struct Call {
    name: String,
    arguments: Vec<Val>,
    results: usize,
}

impl Call {
    /// Makes the call; answers the results as text.
    pub(super) fn make(
        self,
        store: &mut Store<ProcessState>,
        instance: &Instance,
    ) -> wasmtime::Result<Vec<String>> {
        if self.arguments.is_empty() && self.results == 0 {
            let function = instance.get_typed_func::<(), ()>(&mut *store, &self.name)?;
            function.call(store, ())?;
            return Ok(Vec::new());
        }
        let function = instance
            .get_func(&mut *store, &self.name)
            .ok_or_else(|| wasmtime::Error::msg("the function is gone"))?;
        let mut results = vec![Val::I32(0); self.results];
        function.call(store, &self.arguments, &mut results)?;
        Ok(results.iter().map(result_text).collect())
    }
}

/// Decides what is called, before anything of the program runs.
///
/// # Errors
///
/// [`StartError`] when the export is missing or of the wrong type, or an argument is.
pub(super) fn choose(module: &Module, entry: Entry<'_>) -> Result<Wanted, StartError> {
    let initialise = takes_nothing(module, INITIALISE)?;
    match entry {
        Entry::Invoke { name, arguments } => {
            // A name may be anything, a call in the text format of another's included.
            let call = match module.get_export(name) {
                None if arguments.is_empty() => written::call(name)?,
                _ => None,
            };
            let (name, arguments) = match &call {
                Some(call) => (call.name, call.arguments.as_slice()),
                None => (name, arguments),
            };
            let Some(ExternType::Func(found)) = module.get_export(name) else {
                return Err(StartError::NoFunction {
                    name: name.to_owned(),
                    functions: functions(module),
                });
            };
            let values = parse(&found, arguments).map_err(|error| StartError::Arguments {
                name: name.to_owned(),
                kind: type_text(&ExternType::Func(found.clone())),
                error,
            })?;
            Ok(Wanted {
                initialise: initialise && name != INITIALISE,
                call: Some(Call {
                    name: name.to_owned(),
                    arguments: values,
                    results: found.results().len(),
                }),
            })
        }
        Entry::Command if takes_nothing(module, START)? => Ok(Wanted {
            initialise: false,
            call: Some(Call {
                name: START.to_owned(),
                arguments: Vec::new(),
                results: 0,
            }),
        }),
        Entry::Command => {
            let functions = functions(module);
            if initialise || !functions.is_empty() {
                return Err(StartError::NoCommand { functions });
            }
            // Nothing can be called: what there is to run is its start function.
            Ok(Wanted {
                initialise: false,
                call: None,
            })
        }
    }
}

/// Whether the module exports this entry point.
fn takes_nothing(module: &Module, name: &'static str) -> Result<bool, StartError> {
    match module.get_export(name) {
        None => Ok(false),
        Some(ExternType::Func(found)) if found.params().len() + found.results().len() == 0 => {
            Ok(true)
        }
        Some(found) => Err(StartError::EntryType {
            name,
            found: type_text(&found),
        }),
    }
}

/// The functions that can be invoked, with their types.
fn functions(module: &Module) -> Vec<String> {
    module
        .exports()
        .filter(|export| export.name() != INITIALISE)
        .filter_map(|export| {
            let kind = export.ty();
            kind.func()?;
            Some(format!("{} {}", export.name(), type_text(&kind)))
        })
        .collect()
}

fn parse(function: &FuncType, arguments: &[String]) -> Result<Vec<Val>, ArgumentError> {
    if function.params().len() != arguments.len() {
        return Err(ArgumentError::Count {
            wanted: function.params().len(),
            given: arguments.len(),
        });
    }
    let values = function.params().zip(arguments).enumerate();
    values
        .map(|(index, (kind, text))| {
            let position = index + 1;
            let (value, wanted) = match kind {
                ValType::I32 => (number::i32(text).map(Val::I32), "an i32"),
                ValType::I64 => (number::i64(text).map(Val::I64), "an i64"),
                ValType::F32 => (
                    number::f32(text).map(|bits| Val::F32(bits.to_bits())),
                    "an f32",
                ),
                ValType::F64 => (
                    number::f64(text).map(|bits| Val::F64(bits.to_bits())),
                    "an f64",
                ),
                ValType::V128 => {
                    return Err(ArgumentError::Unwritable {
                        position,
                        kind: "v128",
                    });
                }
                ValType::Ref(_) => {
                    return Err(ArgumentError::Unwritable {
                        position,
                        kind: "reference",
                    });
                }
            };
            value.ok_or_else(|| ArgumentError::Value {
                position,
                text: text.clone(),
                wanted,
            })
        })
        .collect()
}

fn result_text(value: &Val) -> String {
    match value {
        Val::I32(number) => number.to_string(),
        Val::I64(number) => number.to_string(),
        Val::F32(bits) => f32::from_bits(*bits).to_string(),
        Val::F64(bits) => f64::from_bits(*bits).to_string(),
        Val::V128(number) => format!("{:#034x}", number.as_u128()),
        Val::FuncRef(None) | Val::ExternRef(None) | Val::AnyRef(None) | Val::ExnRef(None) => {
            "null".to_owned()
        }
        Val::FuncRef(Some(_)) => "funcref".to_owned(),
        Val::ExternRef(Some(_)) => "externref".to_owned(),
        _ => "reference".to_owned(),
    }
}

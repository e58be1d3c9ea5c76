//! What a program imports: found, checked and given, or refused in words.

use holm_wasi_p1::{FUNCTIONS, MODULE, index_of};
use wasmtime::{Extern, ExternType, Memory, Module, Store};

use super::ProcessState;
use super::start_error::{StartError, provider, type_text};
use crate::p1;

/// Gives a module everything it imports, in the order of its imports.
///
/// # Errors
///
/// [`StartError`] that names the first import which Holm does not provide, or provides with
/// another type.
pub(super) fn resolve(
    store: &mut Store<ProcessState>,
    module: &Module,
) -> Result<Vec<Extern>, StartError> {
    let imports = module.imports();
    let mut externs = Vec::with_capacity(imports.len());
    for import in imports {
        let provided = match import.ty() {
            ExternType::Func(found) if import.module() == MODULE => {
                match index_of(import.name()).map(|index| &FUNCTIONS[index]) {
                    Some(function) if !p1::has_type(function, &found) => {
                        return Err(StartError::ImportType {
                            module: import.module().to_owned(),
                            name: import.name().to_owned(),
                            wanted: type_text(&ExternType::Func(found)),
                            provided: function_text(function),
                        });
                    }
                    Some(_) => p1::host_function(store, import.name()).map(Extern::Func),
                    None => None,
                }
            }
            ExternType::Memory(wanted) if wanted.is_shared() => {
                return Err(StartError::SharedMemory {
                    name: format!("{}.{}", import.module(), import.name()),
                });
            }
            // Any names will do: tool chains do not agree on them ("env", "wasi", "imports").
            ExternType::Memory(wanted) if store.data().imported_memory.is_none() => {
                let memory = Memory::new(&mut *store, wanted).map_err(super::refused)?;
                store.data_mut().imported_memory = Some(memory);
                Some(Extern::Memory(memory))
            }
            _ => None,
        };
        match provided {
            Some(provided) => externs.push(provided),
            None => return Err(unknown(module, import.module(), import.name())),
        }
    }
    if let Some(ExternType::Memory(memory)) = module.get_export("memory")
        && memory.is_shared()
    {
        return Err(StartError::SharedMemory {
            name: "memory".to_owned(),
        });
    }
    Ok(externs)
}

/// The error for an import that nothing provides; it also counts the others.
#[cold]
fn unknown(module: &Module, from: &str, name: &str) -> StartError {
    let is_unknown = |module: &str, name: &str| module != MODULE || index_of(name).is_none();
    let others = module
        .imports()
        .filter(|import| import.ty().memory().is_none())
        .filter(|import| is_unknown(import.module(), import.name()))
        .filter(|import| (import.module(), import.name()) != (from, name))
        .count();
    let kind = module
        .imports()
        .find(|import| (import.module(), import.name()) == (from, name))
        .map_or_else(String::new, |import| type_text(&import.ty()));
    StartError::UnknownImport {
        module: from.to_owned(),
        name: name.to_owned(),
        kind,
        provider: provider(from, name),
        others,
    }
}

fn function_text(function: &holm_wasi_p1::Function) -> String {
    let mut text = String::from("(func");
    if !function.parameters.is_empty() {
        text.push_str(" (param");
        for (_, kind) in function.parameters {
            text.push(' ');
            text.push_str(kind.name());
        }
        text.push(')');
    }
    if function.returns {
        text.push_str(" (result i32)");
    }
    text.push(')');
    text
}

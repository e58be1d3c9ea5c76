//! A component whose exports are called one by one, for as long as its process lives.

use holm_engine::process::{Outcome, StartError, Unwind};
use wasmtime::Store;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex, Instance, InstancePre, Linker};

use crate::command::{Provide, new_store, unless_killed};
use crate::invoke::InvokeError;
use crate::link::{Waiting, check, link};
use crate::wit::Names;
use crate::{State, invoke};

/// A component with its imports found and checked: made once, for any number of instances.
#[derive(Clone)]
pub struct Linked {
    component: Component,
    checked: InstancePre<State>,
}

impl std::fmt::Debug for Linked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Linked").finish_non_exhaustive()
    }
}

/// A function that a component exports.
#[derive(Clone, Debug)]
pub struct Exported {
    /// Where it is.
    pub index: ComponentExportIndex,
    /// Its type in WIT.
    pub kind: String,
    /// How many results it has.
    pub results: usize,
    /// What it takes or returns that goes on after the call: `a stream`, `a future`.
    pub flowing: Option<&'static str>,
}

/// A function that a component imports.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Whether it is an `async func`.
    pub is_async: bool,
    /// Its type in WIT.
    pub kind: String,
    /// What it takes or returns that goes on after the call: `a stream`, `a future`.
    pub flowing: Option<&'static str>,
}

/// The function `name` that a component imports of `interface`, whatever the version; of the world
/// itself when `interface` is empty.
#[must_use]
pub fn imported(component: &Component, interface: &str, name: &str) -> Option<Imported> {
    let bare = |name: &str| name.split('@').next().unwrap_or_default().to_owned();
    let engine = component.engine();
    let kind = component.component_type();
    let mut found = kind.imports(engine).filter_map(|(import, item)| {
        let function = match item.ty {
            ComponentItem::ComponentFunc(function) if interface.is_empty() && import == name => {
                (Names::default(), function)
            }
            ComponentItem::ComponentInstance(instance) if bare(import) == bare(interface) => {
                let ComponentItem::ComponentFunc(function) = instance.get_export(engine, name)?.ty
                else {
                    return None;
                };
                (Names::of(engine, &instance), function)
            }
            _ => return None,
        };
        Some((import == interface, function))
    });
    let first = found.next()?;
    let (_, (names, function)) = match first.0 {
        true => first,
        false => found.find(|(exact, _)| *exact).unwrap_or(first),
    };
    Some(Imported {
        is_async: function.async_(),
        kind: names.function(&function),
        flowing: flowing(&function),
    })
}

fn flowing(function: &ComponentFunc) -> Option<&'static str> {
    let parameters = function.params().map(|(_, kind)| kind);
    let mut kinds = parameters.chain(function.results());
    kinds.find_map(|kind| crate::wit::flowing(&kind))
}

impl Linked {
    /// Links a component with WASI, and with what its embedder provides.
    ///
    /// # Errors
    ///
    /// [`StartError`] when it imports what nobody provides, or by another type.
    pub fn new(
        component: &Component,
        waiting: Waiting,
        provide: Provide<'_>,
    ) -> Result<Linked, StartError> {
        let refused = |error| StartError::Component(Box::new(error));
        let mut linker = Linker::new(component.engine());
        let provided = provide(&mut linker).map_err(StartError::Instantiation)?;
        let provided: Vec<&str> = provided.iter().map(String::as_str).collect();
        link(&mut linker, component, waiting, &provided).map_err(refused)?;
        Ok(Linked {
            component: component.clone(),
            checked: check(&linker, component).map_err(refused)?,
        })
    }

    /// Makes an instance that acts as the process of `state`.
    ///
    /// # Errors
    ///
    /// How the process ended, when it did not come to live.
    pub fn instantiate(&self, state: State) -> Result<(Store<State>, Instance), Outcome> {
        let process = state.guest.task.process().clone();
        let mut store = new_store(self.component.engine(), state);
        let instance = self
            .checked
            .instantiate(&mut store)
            .map_err(|error| Outcome::of_instantiation(&process, error))?;
        store.data_mut().guest.started();
        Ok((store, instance))
    }

    /// The same as a future, for a component that is suspended when it waits. The task of `state`
    /// must be woken by the waker that this is polled with.
    ///
    /// # Errors
    ///
    /// How the process ended, when it did not come to live.
    pub async fn instantiate_suspended(
        &self,
        state: State,
    ) -> Result<(Store<State>, Instance), Outcome> {
        let process = state.guest.task.process().clone();
        let mut store = new_store(self.component.engine(), state);
        let made = self.checked.instantiate_async(&mut store);
        let instance = match unless_killed(&process, made).await {
            Some(made) => made.map_err(|error| Outcome::of_instantiation(&process, error))?,
            None => return Err(Outcome::of_instantiation(&process, Unwind.into())),
        };
        store.data_mut().guest.started();
        Ok((store, instance))
    }

    /// The function of that name: alone when one interface has it, else `interface.function`.
    ///
    /// # Errors
    ///
    /// [`InvokeError`] when there is none, or several.
    pub fn function(&self, name: &str) -> Result<Exported, InvokeError> {
        let export = invoke::find(&self.component, name)?;
        let index = export
            .index(&self.component)
            .ok_or_else(|| invoke::none(&self.component, name))?;
        Ok(Exported {
            index,
            results: export.kind.results().len(),
            flowing: flowing(&export.kind),
            kind: export.words,
        })
    }
}

//! A component whose exports are called one by one, for as long as its process lives.

use holm_engine::process::{Outcome, StartError};
use wasmtime::Store;
use wasmtime::component::{Component, ComponentExportIndex, Instance, InstancePre, Linker};

use crate::command::{Provide, new_store};
use crate::invoke::InvokeError;
use crate::link::{Waiting, check, link};
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
}

impl Linked {
    /// Links a component with WASI, and with what its embedder provides.
    ///
    /// # Errors
    ///
    /// [`StartError`] when it imports what nobody provides, or by another type.
    pub fn new(component: &Component, provide: Provide<'_>) -> Result<Linked, StartError> {
        let refused = |error| StartError::Component(Box::new(error));
        let mut linker = Linker::new(component.engine());
        let provided = provide(&mut linker).map_err(StartError::Instantiation)?;
        let provided: Vec<&str> = provided.iter().map(String::as_str).collect();
        link(&mut linker, component, Waiting::Thread, &provided).map_err(refused)?;
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
            kind: export.words,
        })
    }
}

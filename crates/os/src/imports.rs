//! Functions that a component imports from the program which embeds it.

use std::fmt::Debug;
use std::sync::Arc;

use holm_engine::wasmtime::component::{ComponentNamedList, Lift, Linker, Lower, Val};
use holm_engine::wasmtime::{self, StoreContextMut};
use holm_kernel::Process;
use holm_wasi_p2::State;

/// Why a function of the embedder failed: what the caller of the guest sees again, in
/// [`CallError::Import`](crate::CallError::Import).
pub type ImportError = Box<dyn std::error::Error + Send + Sync>;

type Define = dyn Fn(&mut Linker<State>) -> wasmtime::Result<()> + Send + Sync;

/// Functions for components to import, by interface and name.
///
/// An interface that is named here is provided by the embedder alone: a component that imports
/// more of it is refused, with what is missing.
#[derive(Default)]
pub struct Imports {
    definitions: Vec<Definition>,
}

struct Definition {
    /// Empty for a function of the world itself.
    interface: String,
    name: String,
    define: Box<Define>,
}

impl Debug for Imports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.definitions.iter();
        let names = names.map(|one| format!("{}.{}", one.interface, one.name));
        f.debug_list().entries(names).finish()
    }
}

/// Who called a function of the embedder.
#[derive(Debug)]
pub struct Caller<'a> {
    process: &'a Arc<Process>,
}

impl Caller<'_> {
    /// The guest's process: its limits, what it used, what was refused to it.
    #[must_use]
    pub fn process(&self) -> &Arc<Process> {
        self.process
    }
}

/// Carries an embedder's error through the guest.
#[derive(Debug, thiserror::Error)]
#[error("the function `{name}` of the host failed: {source}")]
pub(crate) struct Failed {
    pub(crate) name: String,
    pub(crate) source: ImportError,
}

impl Imports {
    /// No function yet.
    #[must_use]
    pub fn new() -> Imports {
        Imports::default()
    }

    /// Provides `name` of `interface` (`example:host/log@1.0.0`; empty for a function that the
    /// world imports by its name alone). Parameters and results are tuples:
    /// `|caller, (text, times): (String, u32)| Ok((text.repeat(times),))`.
    ///
    /// An error of the function ends the guest: what is to reach the guest is a value of the
    /// function's type, such as a `Result` in the tuple of results.
    pub fn function<P, R>(
        &mut self,
        interface: &str,
        name: &str,
        function: impl Fn(Caller<'_>, P) -> Result<R, ImportError> + Send + Sync + 'static,
    ) -> &mut Imports
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentNamedList + Lower + 'static,
    {
        let function = Arc::new(function);
        self.define(interface, name, move |instance, name| {
            let (function, named) = (function.clone(), name.to_owned());
            instance.func_wrap(
                name,
                move |context: StoreContextMut<'_, State>, values: P| {
                    let process = context.data().guest.task.process();
                    function(Caller { process }, values).map_err(|source| failed(&named, source))
                },
            )
        })
    }

    /// Provides a function whose types are those that the component has: it is given the
    /// arguments, and fills in the results.
    pub fn untyped(
        &mut self,
        interface: &str,
        name: &str,
        function: impl Fn(Caller<'_>, &[Val], &mut [Val]) -> Result<(), ImportError>
        + Send
        + Sync
        + 'static,
    ) -> &mut Imports {
        let function = Arc::new(function);
        self.define(interface, name, move |instance, name| {
            let (function, named) = (function.clone(), name.to_owned());
            instance.func_new(name, move |context, _kind, values, results| {
                let process = context.data().guest.task.process();
                function(Caller { process }, values, results)
                    .map_err(|source| failed(&named, source))
            })
        })
    }

    fn define(
        &mut self,
        interface: &str,
        name: &str,
        define: impl Fn(
            &mut wasmtime::component::LinkerInstance<'_, State>,
            &str,
        ) -> wasmtime::Result<()>
        + Send
        + Sync
        + 'static,
    ) -> &mut Imports {
        let (to, named) = (interface.to_owned(), name.to_owned());
        self.definitions.push(Definition {
            interface: interface.to_owned(),
            name: name.to_owned(),
            define: Box::new(move |linker| match to.as_str() {
                "" => define(&mut linker.root(), &named),
                interface => define(&mut linker.instance(interface)?, &named),
            }),
        });
        self
    }

    /// Gives them to a linker; answers the imports that are provided so.
    pub(crate) fn provide(&self, linker: &mut Linker<State>) -> wasmtime::Result<Vec<String>> {
        let mut provided = Vec::new();
        for one in &self.definitions {
            (one.define)(linker)?;
            provided.push(match one.interface.as_str() {
                "" => one.name.clone(),
                interface => interface.to_owned(),
            });
        }
        Ok(provided)
    }
}

fn failed(name: &str, source: ImportError) -> wasmtime::Error {
    wasmtime::Error::from(Failed {
        name: name.to_owned(),
        source,
    })
}

//! Functions that a component imports from the program which embeds it.

use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;

use holm_engine::process::Unwind;
use holm_engine::wasmtime::component::{
    Component, ComponentNamedList, Lift, Linker, LinkerInstance, Lower, Val,
};
use holm_engine::wasmtime::{self, AsContextMut, StoreContextMut};
use holm_host_native::Parker;
use holm_kernel::Process;
use holm_wasi_p2::State;
use holm_wasi_p2::command::unless_killed;
use holm_wasi_p2::embed::imported;
use holm_wasi_p2::link::Waiting;

use crate::executor::Executor;
use crate::instance::InstantiateError;

/// Why a function of the embedder failed: what the caller of the guest sees again, in
/// [`CallError::Import`](crate::CallError::Import).
pub type ImportError = Box<dyn std::error::Error + Send + Sync>;

type Define =
    dyn Fn(&mut LinkerInstance<'_, State>, &str, Kind) -> wasmtime::Result<()> + Send + Sync;

/// Functions for components to import, by interface and name.
///
/// An interface that is named here is provided by the embedder alone: a component that imports
/// more of it is refused, with what is missing.
#[derive(Default)]
pub struct Imports {
    definitions: Vec<Definition>,
}

/// How the component has a function, and how it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A `func` of a component whose thread waits.
    Plain,
    /// A `func` of a component that is suspended when it waits.
    PlainSuspended,
    /// An `async func`.
    Asynchronous,
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
    process: Cow<'a, Arc<Process>>,
}

impl<'a> Caller<'a> {
    fn of(context: &'a StoreContextMut<'_, State>) -> Caller<'a> {
        Caller {
            process: Cow::Borrowed(context.data().guest.task.process()),
        }
    }

    fn into_owned(self) -> Caller<'static> {
        Caller {
            process: Cow::Owned(self.process.into_owned()),
        }
    }

    /// The guest's process: its limits, what it used, what was refused to it.
    #[must_use]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
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
        self.define(interface, name, move |instance, name, kind| {
            let (function, named) = (function.clone(), name.to_owned());
            match kind {
                Kind::Plain | Kind::PlainSuspended => instance.func_wrap(
                    name,
                    move |context: StoreContextMut<'_, State>, values: P| {
                        function(Caller::of(&context), values)
                            .map_err(|source| failed(&named, source))
                    },
                ),
                Kind::Asynchronous => {
                    instance.func_wrap_concurrent(name, move |accessor, values: P| {
                        let answer = accessor.with(|mut access| {
                            let context = access.as_context_mut();
                            function(Caller::of(&context), values)
                        });
                        let answer = answer.map_err(|source| failed(&named, source));
                        Box::pin(std::future::ready(answer))
                    })
                }
            }
        })
    }

    /// Provides a function that may wait: for an `async func` of the component, which can go on
    /// with other things meanwhile, or for any other, whose caller waits.
    ///
    /// ```
    /// # use holm_os::Imports;
    /// # let mut imports = Imports::new();
    /// imports.asynchronous("example:host/store", "get", |_caller, (key,): (String,)| async move {
    ///     Ok((format!("the value of {key}"),))
    /// });
    /// ```
    ///
    /// The future is polled on the thread that calls the component, and is dropped when the
    /// component ends. An error ends the guest, as for [`Imports::function`].
    pub fn asynchronous<P, R, F>(
        &mut self,
        interface: &str,
        name: &str,
        function: impl Fn(Caller<'static>, P) -> F + Send + Sync + 'static,
    ) -> &mut Imports
    where
        P: ComponentNamedList + Lift + Send + Sync + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: Future<Output = Result<R, ImportError>> + Send + 'static,
    {
        let function = Arc::new(function);
        self.define(interface, name, move |instance, name, kind| {
            let (function, named) = (function.clone(), name.to_owned());
            match kind {
                Kind::Plain => instance.func_wrap(
                    name,
                    move |context: StoreContextMut<'_, State>, values: P| {
                        let caller = Caller::of(&context).into_owned();
                        let process = caller.process().clone();
                        wait(&process, function(caller, values))?
                            .map_err(|source| failed(&named, source))
                    },
                ),
                Kind::PlainSuspended => instance.func_wrap_async(
                    name,
                    move |context: StoreContextMut<'_, State>, values: P| {
                        let answer = function(Caller::of(&context).into_owned(), values);
                        let named = named.clone();
                        Box::new(
                            async move { answer.await.map_err(|source| failed(&named, source)) },
                        )
                    },
                ),
                Kind::Asynchronous => {
                    instance.func_wrap_concurrent(name, move |accessor, values: P| {
                        let answer = accessor.with(|mut access| {
                            let context = access.as_context_mut();
                            function(Caller::of(&context).into_owned(), values)
                        });
                        let named = named.clone();
                        Box::pin(
                            async move { answer.await.map_err(|source| failed(&named, source)) },
                        )
                    })
                }
            }
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
        self.define(interface, name, move |instance, name, kind| {
            let (function, named) = (function.clone(), name.to_owned());
            match kind {
                Kind::Plain | Kind::PlainSuspended => {
                    instance.func_new(name, move |context, _kind, values, results| {
                        function(Caller::of(&context), values, results)
                            .map_err(|source| failed(&named, source))
                    })
                }
                Kind::Asynchronous => {
                    instance.func_new_concurrent(name, move |accessor, _kind, values, results| {
                        let answer = accessor.with(|mut access| {
                            let context = access.as_context_mut();
                            function(Caller::of(&context), values, results)
                        });
                        let answer = answer.map_err(|source| failed(&named, source));
                        Box::pin(std::future::ready(answer))
                    })
                }
            }
        })
    }

    fn define(
        &mut self,
        interface: &str,
        name: &str,
        define: impl Fn(&mut LinkerInstance<'_, State>, &str, Kind) -> wasmtime::Result<()>
        + Send
        + Sync
        + 'static,
    ) -> &mut Imports {
        self.definitions.push(Definition {
            interface: interface.to_owned(),
            name: name.to_owned(),
            define: Box::new(define),
        });
        self
    }

    /// Whether they can be provided as the component imports them.
    pub(crate) fn check(&self, component: &Component) -> Result<(), InstantiateError> {
        for one in &self.definitions {
            let wanted = imported(component, &one.interface, &one.name);
            let Some((wanted, what)) = wanted.and_then(|it| it.flowing.map(|what| (it, what)))
            else {
                continue;
            };
            return Err(InstantiateError::Import {
                interface: one.interface.clone(),
                name: one.name.clone(),
                kind: wanted.kind,
                what,
            });
        }
        Ok(())
    }

    /// Gives them to a linker; answers the imports that are provided so.
    pub(crate) fn provide(
        &self,
        linker: &mut Linker<State>,
        component: &Component,
        waiting: Waiting,
    ) -> wasmtime::Result<Vec<String>> {
        let mut provided = Vec::new();
        for one in &self.definitions {
            // What the component does not import is defined for nobody, in whichever way.
            let wanted = imported(component, &one.interface, &one.name);
            let kind = match waiting {
                Waiting::Thread => Kind::Plain,
                Waiting::Suspended if wanted.is_some_and(|wanted| wanted.is_async) => {
                    Kind::Asynchronous
                }
                Waiting::Suspended => Kind::PlainSuspended,
            };
            let (define, name) = (&one.define, one.name.as_str());
            provided.push(match one.interface.as_str() {
                "" => {
                    define(&mut linker.root(), name, kind)?;
                    name.to_owned()
                }
                interface => {
                    define(&mut linker.instance(interface)?, name, kind)?;
                    interface.to_owned()
                }
            });
        }
        Ok(provided)
    }
}

/// Waits on the calling thread, unless the process is killed meanwhile.
fn wait<T>(process: &Arc<Process>, future: impl Future<Output = T>) -> wasmtime::Result<T> {
    let executor = Executor::new(process.clock().clone(), Arc::new(Parker::new()));
    let ended = executor.block_on(unless_killed(process, future));
    ended.ok_or_else(|| Unwind.into())
}

fn failed(name: &str, source: ImportError) -> wasmtime::Error {
    wasmtime::Error::from(Failed {
        name: name.to_owned(),
        source,
    })
}

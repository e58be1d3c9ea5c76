//! WASI 0.1 for Wasmtime: host functions, made only for what a module imports.
//!
//! A call that completes at once is a plain host call: the memory's bytes and the task are
//! lent to `holm-wasi-p1`, and its answer is returned. Only a call that would block leaves
//! that path: the host's [`Blocker`](crate::process::Blocker) waits, and the same call is
//! made again.

use std::task::Poll;

use holm_kernel::Task;
use holm_wasi_p1::{Answer, Function, ValueKind, for_each_p1_function, functions};
use wasmtime::{Caller, Extern, Func, FuncType, Memory, Result, Store, ValType};

use crate::process::ProcessState;

/// Whether a function type is the one that the table gives `function`.
pub(crate) fn has_type(function: &Function, found: &FuncType) -> bool {
    let kind = |found: &ValType| match found {
        ValType::I32 => Some(ValueKind::I32),
        ValType::I64 => Some(ValueKind::I64),
        _ => None,
    };
    let wanted = function.parameters.iter().map(|(_, wanted)| Some(*wanted));
    let results = function.returns.then_some(Some(ValueKind::I32));
    found.params().map(|found| kind(&found)).eq(wanted)
        && found.results().map(|found| kind(&found)).eq(results)
}

/// What a function that answers an `errno` returns, and one that never does.
macro_rules! answer {
    (errno, $caller:ident, $call:expr) => {
        call(&mut $caller, $call)
    };
    (never, $caller:ident, $call:expr) => {
        leave(&mut $caller, $call)
    };
}

macro_rules! define {
    ($($name:ident($($arg:ident: $type:ty),*) -> $result:ident;)*) => {
        /// Makes the host function of this name; `None` when WASI 0.1 has none.
        pub(crate) fn host_function(store: &mut Store<ProcessState>, name: &str) -> Option<Func> {
            $(if name == stringify!($name) {
                return Some(Func::wrap(
                    store,
                    |mut caller: Caller<'_, ProcessState>, $($arg: $type),*| {
                        answer!($result, caller, |task, memory| {
                            functions::$name(task, memory, $($arg),*)
                        })
                    },
                ));
            })*
            None
        }
    };
}

for_each_p1_function!(define);

/// Makes one call: an `errno` as the guest receives it, 0 for success.
#[inline(always)]
fn call(
    caller: &mut Caller<'_, ProcessState>,
    function: impl Fn(&mut Task, &mut [u8]) -> Answer,
) -> Result<i32> {
    loop {
        let memory = match caller.data().memory {
            Some(memory) => Some(memory),
            None => find_memory(caller),
        };
        let (bytes, state) = match memory {
            Some(memory) => memory.data_and_store_mut(&mut *caller),
            None => (&mut [][..], caller.data_mut()),
        };
        let answer = function(&mut state.guest.task, bytes);
        state.guest.check_signal()?;
        match answer {
            Poll::Ready(Ok(())) => return Ok(0),
            Poll::Ready(Err(errno)) => return Ok(i32::from(errno.raw())),
            Poll::Pending => state.guest.block()?,
        }
    }
}

/// Makes the call that ends the process, and leaves the guest for good.
fn leave(
    caller: &mut Caller<'_, ProcessState>,
    function: impl Fn(&mut Task, &mut [u8]) -> Answer,
) -> Result<()> {
    call(caller, function)?;
    Err(caller.data_mut().guest.unwind())
}

/// The memory that calls work on: the one exported as `memory`, as the standard says, or
/// the one that was imported. Looked for at the first call, which may be made by a start
/// function, before there is an instance to ask.
#[cold]
fn find_memory(caller: &mut Caller<'_, ProcessState>) -> Option<Memory> {
    let exported = caller.get_export("memory").and_then(Extern::into_memory);
    let state = caller.data_mut();
    state.memory = exported.or(state.imported_memory);
    state.memory
}

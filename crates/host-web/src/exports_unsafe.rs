//! What this module exports to the worker around it.
//!
//! The worker writes a request to [`holm_request`]'s buffer or an order to
//! [`holm_input`]'s, calls, and reads what [`holm_output`] points at. Numbers of tasks
//! are answered as `u32`, with 0 for none.

#![allow(
    unsafe_code,
    reason = "exports of a wasm module have names that are not mangled"
)]

use std::sync::{Arc, Mutex, PoisonError};

use holm_kernel::Ports;
use holm_kernel::deterministic::{SeededEntropy, VirtualClock};

use crate::control::{Answer, Refusal};
use crate::host_directory;
use crate::imports_unsafe;
use crate::machine::{Called, Machine};
use crate::ports::{WebClock, WebEntropy, Worker};
use crate::wire::REQUEST_MAX;

/// What the module holds between calls.
struct State {
    machine: Option<Machine>,
    request: Vec<u8>,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Address and length of what was answered last.
    answered: [u32; 2],
}

static STATE: Mutex<State> = Mutex::new(State {
    machine: None,
    request: Vec::new(),
    input: Vec::new(),
    output: Vec::new(),
    answered: [0; 2],
});

fn with<R>(act: impl FnOnce(&mut State) -> R) -> R {
    act(&mut STATE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// An address of this module's memory, which has 32 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "this module is built for wasm32 alone"
)]
fn address<T>(values: &[T]) -> u32 {
    values.as_ptr().addr() as u32
}

fn place(bytes: &[u8]) -> [u32; 2] {
    [
        address(bytes),
        u32::try_from(bytes.len()).unwrap_or(u32::MAX),
    ]
}

/// Address of two numbers: where the last reply or answer is, and its length.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn holm_output() -> u32 {
    with(|state| address(&state.answered))
}

/// Address of the buffer for requests, of [`REQUEST_MAX`] bytes. It does not move.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn holm_request() -> u32 {
    with(|state| {
        state.request.resize(REQUEST_MAX, 0);
        address(&state.request)
    })
}

/// Address of a buffer of `length` bytes for the next order.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn holm_input(length: u32) -> u32 {
    with(|state| {
        state.input.clear();
        state.input.resize(length as usize, 0);
        address(&state.input)
    })
}

/// Starts the system; with `seeded`, from `seed`. 0 when there is no randomness.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn holm_boot(seeded: u32, seed: u64) -> u32 {
    std::panic::set_hook(Box::new(|info| imports_unsafe::panicked(&info.to_string())));
    let ports = if seeded != 0 {
        Ports {
            clock: Arc::new(VirtualClock::new()),
            entropy: Arc::new(SeededEntropy::new(seed)),
            network: None,
        }
    } else {
        Ports {
            clock: Arc::new(WebClock),
            entropy: Arc::new(WebEntropy),
            network: None,
        }
    };
    let machine = Machine::boot(ports, seeded != 0, Arc::new(Worker));
    with(|state| {
        state.machine = machine.ok();
        u32::from(state.machine.is_some())
    })
}

/// Makes the system call that the first `length` bytes of the request buffer describe, for a
/// task: 0 it waits, 1 answered, 2 there is no such task; and 4 more when there is something
/// for [`holm_turn`] to do.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn holm_call(task: u32, length: u32) -> u32 {
    with(|state| {
        let Some(machine) = &mut state.machine else {
            return 2;
        };
        let request = state.request.get(..length as usize).unwrap_or(&[]);
        let called = match machine.call(task, request) {
            Called::Waits => 0,
            Called::Answered => {
                state.answered = place(machine.reply().bytes());
                1
            }
            Called::Gone => 2,
        };
        called | (u32::from(machine.is_ready()) << 2)
    })
}

/// Does what has become possible; answers the task whose call was completed, with its reply
/// as the output, or 0.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn holm_turn() -> u32 {
    with(|state| {
        let Some(machine) = &mut state.machine else {
            return 0;
        };
        host_directory::look();
        let task = machine.turn();
        if task.is_some() {
            state.answered = place(machine.reply().bytes());
        }
        task.unwrap_or(0)
    })
}

/// Milliseconds until [`holm_turn`] is to be called again; infinite when somebody asks.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn holm_wait() -> f64 {
    with(|state| {
        let machine = state.machine.as_ref().and_then(Machine::wait_ns);
        let wait = machine.into_iter().chain(host_directory::wait_ns()).min();
        wait.map_or(f64::INFINITY, |ns| ns as f64 / 1e6)
    })
}

/// Carries out an order: JSON in the first `text` bytes of the input buffer, bytes behind
/// it. The output is the answer's JSON.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn holm_order(text: u32) {
    with(|state| {
        let mut order = std::mem::take(&mut state.input);
        let bytes = order.split_off((text as usize).min(order.len()));
        let answer = match &mut state.machine {
            Some(machine) => machine.order(&order, bytes),
            None => Answer::Error(Refusal::new("boot", "the system was not started")),
        };
        state.output = serde_json::to_vec(&answer).unwrap_or_default();
        state.answered = place(&state.output);
    });
}

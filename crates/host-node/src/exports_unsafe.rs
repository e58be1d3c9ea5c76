//! What this module exports to the script around it.
//!
//! The script writes to the buffer of [`holm_input`], calls, and reads what [`holm_output`]
//! points at.

#![allow(
    unsafe_code,
    reason = "exports of a wasm module have names that are not mangled"
)]

use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

use crate::imports_unsafe;
use crate::node::Node;
use crate::problem::Problem;
use crate::session::{Session, Told};

static INPUT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static OUTPUT: Mutex<(Vec<u8>, [u32; 2])> = Mutex::new((Vec::new(), [0; 2]));
static SESSION: Mutex<Option<Session>> = Mutex::new(None);

/// Exit code when the script and this module do not understand each other.
const MISUNDERSTOOD: u8 = 70;

/// An address of this module's memory, which has 32 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "this module is built for wasm32 alone"
)]
fn address<T>(values: &[T]) -> u32 {
    values.as_ptr().addr() as u32
}

/// What the script put into the input buffer.
pub(crate) fn take_input() -> Vec<u8> {
    std::mem::take(&mut *INPUT.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Runs `act` with the session and what the script says in JSON.
fn with<T: for<'a> Deserialize<'a>>(
    text: u32,
    act: impl FnOnce(&mut Session, T, &[u8]) -> u8,
) -> u32 {
    let mut input = take_input();
    let bytes = input.split_off((text as usize).min(input.len()));
    let Ok(said) = serde_json::from_slice(&input) else {
        return MISUNDERSTOOD.into();
    };
    let mut session = SESSION.lock().unwrap_or_else(PoisonError::into_inner);
    act(session.get_or_insert_default(), said, &bytes).into()
}

/// Address of a buffer of `length` bytes for what the script says or answers next.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn holm_input(length: u32) -> u32 {
    let mut input = INPUT.lock().unwrap_or_else(PoisonError::into_inner);
    input.clear();
    input.resize(length as usize, 0);
    address(&input)
}

/// Address of two numbers: where the last answer is, and its length.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn holm_output() -> u32 {
    let output = OUTPUT.lock().unwrap_or_else(PoisonError::into_inner);
    address(&output.1)
}

/// Reads the command line, which is the input's first `text` bytes, a list of strings in
/// JSON. The output is an [`Answer`](crate::session::Answer).
#[unsafe(no_mangle)]
pub(crate) extern "C" fn holm_start(text: u32) {
    std::panic::set_hook(Box::new(|info| imports_unsafe::panicked(&info.to_string())));
    with(text, |session, arguments, _| {
        let answer = session.start(arguments, &Node);
        let text = serde_json::to_vec(&answer).unwrap_or_default();
        let mut output = OUTPUT.lock().unwrap_or_else(PoisonError::into_inner);
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        *output = (text, [0; 2]);
        output.1 = [address(&output.0), length];
        0
    });
}

/// Says what there is to be said of a program that has ended so: [`Told`] in JSON, the first
/// `text` bytes of the input, and the program's bytes when it trapped. Answers the exit code.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn holm_finish(text: u32) -> u32 {
    with(text, |session, told: Told, program| {
        session.finish(told, program, &Node)
    })
}

/// Says why the program was not run: a [`Problem`] in JSON, the first `text` bytes of the
/// input, and the program's bytes where it matters. Answers the exit code.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn holm_tell(text: u32) -> u32 {
    with(text, |session, problem: Problem, program| {
        session.tell(problem, program, &Node)
    })
}

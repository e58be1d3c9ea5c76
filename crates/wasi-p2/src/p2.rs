//! WASI 0.2.

pub(crate) mod cli;
mod clocks;
mod error;
pub(crate) mod filesystem;
pub(crate) mod io;
mod random;

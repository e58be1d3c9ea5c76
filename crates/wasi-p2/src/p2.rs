//! The interfaces of WASI 0.2.

mod cli;
pub(crate) mod clocks;
mod error;
pub(crate) mod filesystem;
pub(crate) mod http;
pub(crate) mod io;
mod random;
pub(crate) mod sockets;

//! The interfaces of WASI 0.3.

pub(crate) mod bytes;
mod cli;
pub(crate) mod clocks;
pub(crate) mod ending;
mod filesystem;
mod random;
pub(crate) mod sockets;
mod worker;

//! The interfaces of WASI 0.3.

pub(crate) mod bytes;
mod cli;
mod clocks;
mod ending;
mod error;
mod filesystem;
mod random;
mod sockets;
mod worker;

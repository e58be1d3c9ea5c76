//! WASI 0.2 and 0.3 for components: a translation over kernel calls, which decides nothing.
//!
//! A component sees resources; the kernel has descriptors. A `descriptor`, a stream over a file
//! and a socket each hold a descriptor of the process, so that a component shares files, pipes
//! and sockets with modules, counts against the same limits, shows in the same trace, and cannot
//! be answered otherwise than they are.
//!
//! # What is here
//!
//! - [`State`]: what a component's store holds: its processes, its resources.
//! - [`link`]: gives a linker the interfaces that a component imports, or says which it wants
//!   that nobody provides.
//! - [`http`]: the port to the host's HTTP client, and services that answer requests.
//! - `p2`, `p3`: the interfaces, one module for each package of WASI.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod bindings;
pub mod command;
pub mod embed;
mod failure;
mod files;
pub mod http;
mod invoke;
pub mod link;
mod p2;
mod p3;
mod poll;
mod sockets;
mod state;
mod stream;
mod terminal;
mod unsent;
pub mod views;
mod wit;

pub use failure::{Failure, StreamFailure};
pub use invoke::InvokeError;
pub use poll::{Pollable, Wake};
pub use sockets::{Network, SocketError};
pub use state::{Bounds, Descriptor, Owned, State, Timer, ViewId};
pub use stream::{InputSource, InputStream, IoError, OutputSink, OutputStream};

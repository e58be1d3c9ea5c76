//! The kernel as a wasm module: the same one that runs natively, for browsers and Node.
//!
//! A worker instantiates this module and drives it: it hands over system calls of guests as
//! records ([`wire`]) and orders of the page ([`control`]), and is told what happens as
//! events ([`event`]). Nothing in here waits: a call that would block is kept, and made again
//! when what it waits for has happened ([`Machine::turn`]) or its time has come
//! ([`Machine::wait_ns`]).
//!
//! There is one thread, and no shared memory: whatever is atomic between workers is done by
//! the TypeScript around this module.

#![deny(missing_docs)]

mod archives;
pub mod control;
#[cfg(target_arch = "wasm32")]
mod disk_device_unsafe;
mod disks;
pub mod event;
#[cfg(target_arch = "wasm32")]
mod exports_unsafe;
mod grants;
#[cfg(target_arch = "wasm32")]
pub mod host_directory;
#[cfg(target_arch = "wasm32")]
mod imports_unsafe;
mod machine;
mod mounts;
mod pipes;
#[cfg(target_arch = "wasm32")]
mod ports;
mod ready;
mod streams;
mod terminals;
pub mod wire;

pub use machine::{Called, Machine};

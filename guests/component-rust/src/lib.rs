//! What the components share: answering requests, making them, and addresses of sockets.

#[cfg(target_os = "wasi")]
pub mod addresses;
#[cfg(target_os = "wasi")]
pub mod client;
#[cfg(target_os = "wasi")]
pub mod service;

pub use holm_guests::check;

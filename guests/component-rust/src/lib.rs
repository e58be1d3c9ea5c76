//! What the components share: answering requests, and making them.

#[cfg(target_os = "wasi")]
pub mod client;
#[cfg(target_os = "wasi")]
pub mod service;

pub use holm_guests::check;

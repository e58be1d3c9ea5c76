//! The command line as a wasm module: the `holm` command in Node.
//!
//! The script around this module, `web/src/cli.ts`, hands in the arguments and gets back what
//! to do; it runs the program with the kernel of `holm-host-web` and hands in how it ended.
//! Whatever the person reads is said in here, in the words of the native command.

#![deny(missing_docs)]

#[cfg(target_arch = "wasm32")]
mod exports_unsafe;
#[cfg(target_arch = "wasm32")]
mod imports_unsafe;
#[cfg(target_arch = "wasm32")]
mod node;
mod problem;
mod session;
mod trap;

pub use problem::Problem;
pub use session::{Answer, Session, Told};

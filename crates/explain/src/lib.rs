//! What is said of a run: the same words on every host.
//!
//! - [`refusals`]: what was refused to a program, and the option that would grant it.
//! - [`trace`]: system calls as lines, for people or for machines.
//! - [`stats`]: what a run used.
//! - [`trap`]: why a program crashed, and where.
//! - [`exit`]: exit codes, and why a limit ended a program.
//! - [`learn`]: what a run turned out to need, as a `holm.toml`.
//!
//! Nothing here prints: hosts put the text on a terminal, or into a page.

#![forbid(unsafe_code)]

pub mod exit;
pub mod learn;
pub mod refusals;
pub mod stats;
pub mod text;
pub mod trace;
pub mod trap;

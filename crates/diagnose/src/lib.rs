//! What a program's own bytes tell of a trap: names, source lines, and the words for it.
//!
//! Engines tell where they were by an index and an offset, each in its own way; what is made of
//! that is the same on every host.

#![forbid(unsafe_code)]

pub mod names;
pub mod source;
pub mod trap;

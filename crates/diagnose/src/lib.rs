//! What a program's own bytes tell of a trap or a refusal: names, source lines, and words.
//!
//! Engines tell where they were by an index and an offset, each in its own way; what is made of
//! that is the same on every host.

#![forbid(unsafe_code)]

pub mod names;
pub mod refusal;
pub mod source;
pub mod trap;

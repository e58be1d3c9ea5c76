//! Linking components into one: what `holm.toml` names, with grants for each dependency.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

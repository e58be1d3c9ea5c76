//! HTTP for the native system: one pooled client, and the server behind `holm serve`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

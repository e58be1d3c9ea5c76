//! HTTP for the native system: one pooled client, and the server behind `holm serve`.
//!
//! # What is here
//!
//! - [`PooledClient`]: sends the requests of components. It asks the kernel before each of them
//!   and connects to what the kernel answers, or to a proxy that it was given; it follows no
//!   redirect.
//! - [`Server`]: accepts connections, bounds them, and hands each request to a [`Service`].
//! - [`ComponentService`]: answers with a component, each request in a process of its own.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod certificates;
mod client;
mod server;

pub use certificates::{CertificateError, authorities_from_pem, certificates_from_pem};
pub use client::{
    ClientBounds, ClientError, ClientOptions, OnUntrusted, PooledClient, Proxies, ProxyError,
    ProxyProblem,
};
pub use server::{
    Answer, ComponentService, MakeState, Problem, Report, Server, ServerBounds, ServerError,
    ServerOptions, Service, Stop, StoreTimer, text_answer,
};

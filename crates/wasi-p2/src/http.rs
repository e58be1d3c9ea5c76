//! HTTP for components: what 0.2 and 0.3 share, and the port to the host's client.
//!
//! The host gives a [`HttpClient`]; a service's requests come in through
//! [`HttpService`]. Bodies are [`Body`] on both ways: bytes that one side has not taken yet are
//! bounded, and whoever is ahead waits.

mod body;
pub(crate) mod concurrent;
mod convert;
mod fields;
mod promise;
#[cfg(test)]
mod properties;
mod service;
mod target;

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use holm_kernel::Process;

pub use crate::bindings::p2::wasi::http::types::ErrorCode;
pub use body::Body;
pub(crate) use body::{Direction, GuestBody, SharedBody, Writer, channel, empty, unfinished};
pub(crate) use fields::FieldProblem;
pub use fields::{Fields, is_forbidden, is_forbidden_trailer};
pub use service::{HttpService, ReplyTo, Served, ServiceError};
pub(crate) use target::{
    assemble, content_length, is_authority, is_path, parse_path, parse_scheme, status_code,
};
pub use target::{authority_of, parse_authority};

/// The response of a request that is under way. Dropping it gives the request up.
pub type ResponseFuture =
    Pin<Box<dyn Future<Output = Result<::http::Response<Body>, ErrorCode>> + Send>>;

/// The host's HTTP client: it asks the kernel before every request, and follows no redirect.
pub trait HttpClient: Debug + Send + Sync {
    /// Begins a request on behalf of a process. It makes progress also while nobody polls the
    /// answer; the answer's waker is called from any thread.
    fn send(
        &self,
        request: ::http::Request<Body>,
        options: RequestOptions,
        process: &Arc<Process>,
    ) -> ResponseFuture;
}

/// How long a request may take (`request-options`); `None` is the host's own bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestOptions {
    /// Until it is connected.
    pub connect: Option<Duration>,
    /// From there until the response begins.
    pub first_byte: Option<Duration>,
    /// Between two pieces of the response's body.
    pub between_bytes: Option<Duration>,
}

/// Bounds of what a component makes of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpBounds {
    /// Values in one `fields`.
    pub fields: usize,
    /// Bytes of one `fields`: names and values, and what it takes to keep them.
    pub field_bytes: usize,
}

impl Default for HttpBounds {
    fn default() -> HttpBounds {
        HttpBounds {
            fields: 1024,
            field_bytes: 128 << 10,
        }
    }
}

/// An internal error with words.
pub(crate) fn internal(text: impl Into<String>) -> ErrorCode {
    ErrorCode::InternalError(Some(text.into()))
}

//! Answers every request with one line, on WASI 0.3.

use holm_component_guests_p3::body;
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};

const TEXT: &str = "Hello from Rust over HTTP on WASI 0.3!\n";

struct Hello;

impl Guest for Hello {
    async fn handle(_request: Request) -> Result<Response, ErrorCode> {
        let fields = [
            ("content-type", b"text/plain; charset=utf-8".to_vec()),
            ("content-length", TEXT.len().to_string().into_bytes()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        let headers = Fields::from_list(&fields).expect("valid fields");
        let (bytes, end) = body(TEXT.into());
        let (response, _sent) = Response::new(headers, Some(bytes), end);
        Ok(response)
    }
}

wasip3::http::service::export!(Hello);

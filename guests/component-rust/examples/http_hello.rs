//! Answers every request with one line.

use holm_component_guests::service::answer;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct Hello;

impl Guest for Hello {
    fn handle(_request: IncomingRequest, out: ResponseOutparam) {
        answer(out, 200, "Hello from Rust over HTTP!\n");
    }
}

wasip2::http::proxy::export!(Hello);

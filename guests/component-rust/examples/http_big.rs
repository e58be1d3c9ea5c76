//! Streams as many bytes as `/?bytes=N` asks for: the byte at position P is P modulo 251.

use holm_component_guests::service::{Answer, number};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

const PERIOD: usize = 251;
const PIECE_BYTES: usize = 16 * 4096;

struct Big;

impl Guest for Big {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let mut left = number(&path, "bytes").unwrap_or(1 << 20);
        let response = Answer::start(out, 200, &[("content-type", "application/octet-stream")]);
        let pattern: Vec<u8> = (0..PERIOD + PIECE_BYTES)
            .map(|at| u8::try_from(at % PERIOD).expect("below 251"))
            .collect();
        let mut position = 0;
        while left > 0 {
            let length = usize::try_from(left).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
            if response
                .write(&pattern[position..position + length])
                .is_err()
            {
                // The client has gone.
                break;
            }
            position = (position + length) % PERIOD;
            left -= length as u64;
        }
        response.finish(None);
    }
}

wasip2::http::proxy::export!(Big);

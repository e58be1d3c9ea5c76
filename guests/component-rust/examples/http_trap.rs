//! Fails, in the way that the path says; `/` and what it does not know are answered.

use std::hint::black_box;

use holm_component_guests::service::{Answer, answer};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, IncomingRequest, ResponseOutparam};

const WAYS: &str = "/before /head /body /silent /error /loop /memory\n";

struct Trap;

impl Guest for Trap {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        match path.as_str() {
            "/before" => panic!("this service panics before it answers"),
            "/head" => {
                let _answer = Answer::start(out, 200, &[("content-type", "text/plain")]);
                panic!("this service panics after the head");
            }
            "/body" => {
                let answer = Answer::start(out, 200, &[("content-type", "text/plain")]);
                let _ = answer.write(b"the first half\n");
                panic!("this service panics within the body");
            }
            // Neither an answer nor a reason.
            "/silent" => {}
            "/error" => ResponseOutparam::set(
                out,
                Err(ErrorCode::InternalError(Some("on purpose".to_owned()))),
            ),
            "/loop" => {
                let mut turns = 0_u64;
                while black_box(true) {
                    turns = turns.wrapping_add(1);
                }
                answer(out, 200, &turns.to_string());
            }
            "/memory" => {
                let mut held = Vec::new();
                while black_box(true) {
                    held.push(vec![1_u8; 1 << 20]);
                }
                answer(out, 200, &held.len().to_string());
            }
            _ => answer(out, 200, WAYS),
        }
    }
}

wasip2::http::proxy::export!(Trap);

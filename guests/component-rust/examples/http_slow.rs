//! Takes its time: `/?first=MS&pieces=N&gap=MS` waits, then sends that many lines with a pause before each.

use std::thread::sleep;
use std::time::Duration;

use holm_component_guests::service::{Answer, number};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct Slow;

impl Guest for Slow {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let parameter = |key, usual| number(&path, key).unwrap_or(usual);
        sleep(Duration::from_millis(parameter("first", 100)));
        let response = Answer::start(out, 200, &[("content-type", "text/plain")]);
        for piece in 0..parameter("pieces", 3) {
            sleep(Duration::from_millis(parameter("gap", 100)));
            if response
                .write(format!("piece {piece}\n").as_bytes())
                .is_err()
            {
                // The client has gone.
                break;
            }
        }
        response.finish(None);
    }
}

wasip2::http::proxy::export!(Slow);

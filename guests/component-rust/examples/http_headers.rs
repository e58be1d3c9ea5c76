//! Tells what arrived: method, scheme, authority, path, then each field on a line, sorted by name.

use std::fmt::Write as _;

use holm_component_guests::service::answer;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct Headers;

impl Guest for Headers {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let mut text = format!(
            "method: {:?}\nscheme: {:?}\nauthority: {:?}\npath: {:?}\n",
            request.method(),
            request.scheme(),
            request.authority(),
            request.path_with_query()
        );
        let mut fields = request.headers().entries();
        fields.sort_by(|left, right| left.0.cmp(&right.0));
        for (name, value) in fields {
            let value = String::from_utf8_lossy(&value);
            writeln!(text, "{name}: {value}").expect("writing to a String cannot fail");
        }
        answer(out, 200, &text);
    }
}

wasip2::http::proxy::export!(Headers);

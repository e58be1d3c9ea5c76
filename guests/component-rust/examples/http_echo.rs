//! Sends a request's body back while it arrives, with its trailers and its content type.

use holm_component_guests::service::{Answer, answer};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{Fields, IncomingBody, IncomingRequest, ResponseOutparam, Trailers};
use wasip2::io::streams::StreamError;

const PIECE_BYTES: u64 = 64 << 10;

struct Echo;

impl Guest for Echo {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let content_type = field(&request, "content-type")
            .unwrap_or_else(|| "application/octet-stream".to_owned());
        let announced = field(&request, "trailer");
        let Ok(body) = request.consume() else {
            return answer(out, 500, "the body was taken before\n");
        };
        let mut fields = vec![("content-type", content_type.as_str())];
        // HTTP/1.1 carries the trailers alone that were announced.
        fields.extend(announced.iter().map(|names| ("trailer", names.as_str())));
        let response = Answer::start(out, 200, &fields);
        let input = body.stream().expect("the first time");
        loop {
            match response.stream().blocking_splice(&input, PIECE_BYTES) {
                Ok(_) => {}
                Err(StreamError::Closed) => break,
                Err(StreamError::LastOperationFailed(error)) => {
                    eprintln!("echo: {}", error.to_debug_string());
                    return;
                }
            }
        }
        // Either end may have closed the stream; what was written has to leave in both cases.
        let _ = response.stream().blocking_flush();
        drop(input);
        response.finish(trailers(body));
    }
}

/// The first field of a name, if it is text.
fn field(request: &IncomingRequest, name: &str) -> Option<String> {
    let values = request.headers().get(name);
    String::from_utf8(values.first()?.clone()).ok()
}

/// The trailers of a body that was read to its end.
fn trailers(body: IncomingBody) -> Option<Trailers> {
    let future = IncomingBody::finish(body);
    let pollable = future.subscribe();
    loop {
        match future.get() {
            None => pollable.block(),
            Some(Ok(Ok(trailers))) => return trailers.map(|fields| copy(&fields)),
            Some(Ok(Err(error))) => {
                eprintln!("echo: trailers: {error:?}");
                return None;
            }
            Some(Err(())) => return None,
        }
    }
}

/// What arrived cannot be changed, and might not be sent again as it is.
fn copy(fields: &Fields) -> Fields {
    let copy = Fields::new();
    for (name, value) in fields.entries() {
        if let Err(error) = copy.append(&name, &value) {
            eprintln!("echo: trailer {name}: {error:?}");
        }
    }
    copy
}

wasip2::http::proxy::export!(Echo);

//! Makes the request that the field `x-forward-to` names and sends its answer on, or the error as 502.

use holm_component_guests::client::{Url, fetch};
use holm_component_guests::service::{Answer, answer};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, IncomingResponse, ResponseOutparam};
use wasip2::io::streams::StreamError;

struct Forward;

impl Guest for Forward {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.headers().get("x-forward-to");
        let url = target
            .first()
            .and_then(|value| std::str::from_utf8(value).ok())
            .and_then(Url::parse);
        let Some(url) = url else {
            return answer(out, 400, "x-forward-to: which URL?\n");
        };
        match fetch(&url, &request.method(), Fields::new(), None) {
            Ok(response) => send_on(&response, out),
            Err(ErrorCode::HttpRequestDenied) => answer(out, 403, "HttpRequestDenied\n"),
            Err(error) => answer(out, 502, &format!("{error:?}\n")),
        }
    }
}

fn send_on(response: &IncomingResponse, out: ResponseOutparam) {
    let Ok(body) = response.consume() else {
        return answer(out, 502, "no body\n");
    };
    let status = response.status().to_string();
    let answer = Answer::start(out, response.status(), &[("x-forwarded-status", &status)]);
    let stream = body.stream().expect("the first time");
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(piece) => {
                if answer.write(&piece).is_err() {
                    // The client has gone.
                    break;
                }
            }
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                eprintln!("forward: {}", error.to_debug_string());
                return;
            }
        }
    }
    answer.finish(None);
}

wasip2::http::proxy::export!(Forward);

//! Sends a request's body back while it arrives, with its trailers, on WASI 0.3.

use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::wit_bindgen::StreamResult;

const PIECE_BYTES: usize = 64 << 10;

struct Echo;

impl Guest for Echo {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let (processed, outcome) = wasip3::wit_future::new(|| Ok(()));
        let (mut input, trailers) = Request::consume_body(request, outcome);
        let (mut output, body) = wasip3::wit_stream::new();
        let (end, ended) = wasip3::wit_future::new(|| Ok(None));
        wasip3::spawn(async move {
            let mut buffer = Vec::with_capacity(PIECE_BYTES);
            loop {
                let (status, piece) = input.read(buffer).await;
                let left = output.write_all(piece).await;
                if !left.is_empty() || matches!(status, StreamResult::Dropped) {
                    break;
                }
                buffer = Vec::with_capacity(PIECE_BYTES);
            }
            drop(input);
            drop(output);
            // Nobody may be left to be told, in either direction.
            let _ = end.write(trailers.await).await;
            let _ = processed.write(Ok(())).await;
        });
        let (response, _sent) = Response::new(Fields::new(), Some(body), ended);
        Ok(response)
    }
}

wasip3::http::service::export!(Echo);

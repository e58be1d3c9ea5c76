//! Has a dependency make the attempt that the field `x-attempt` names, and answers what it says, on WASI 0.3.

use holm::attempts::attempts::attempt;
use holm_component_guests_p3::body;
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};

wasip3::wit_bindgen::generate!({
    path: "wit",
    world: "asker",
    runtime_path: "::wasip3::wit_bindgen::rt",
});

struct Asker;

impl Guest for Asker {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let named = request.get_headers().get("x-attempt");
        let what = named.into_iter().next().unwrap_or_default();
        let answer = attempt(String::from_utf8_lossy(&what).into_owned()).await;
        let (bytes, end) = body(format!("{answer}\n").into_bytes());
        let (response, _sent) = Response::new(Fields::new(), Some(bytes), end);
        Ok(response)
    }
}

wasip3::http::service::export!(Asker);

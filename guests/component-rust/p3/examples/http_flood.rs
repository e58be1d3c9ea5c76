//! Makes things without end, of the kind that the field `x-flood` names, on WASI 0.3; without one it says `ok`.

use holm_component_guests_p3::body;
use holm_component_guests_p3::flood::flood;
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};

struct Flood;

impl Guest for Flood {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        for kind in request.get_headers().get("x-flood") {
            flood(&String::from_utf8_lossy(&kind)).await;
        }
        let (bytes, end) = body(b"ok\n".to_vec());
        let (response, _sent) = Response::new(Fields::new(), Some(bytes), end);
        Ok(response)
    }
}

wasip3::http::service::export!(Flood);

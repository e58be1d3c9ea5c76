//! Making HTTP requests through `wasi:http/outgoing-handler`.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method,
    OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use wasip2::io::streams::StreamError;

/// The parts of `http://AUTHORITY/PATH`.
#[derive(Debug, Clone)]
pub struct Url {
    pub scheme: Scheme,
    pub authority: String,
    pub path: String,
}

impl Url {
    /// Takes a URL apart. Nothing is checked: the host does that.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        Some(Self {
            scheme: match scheme {
                "http" => Scheme::Http,
                "https" => Scheme::Https,
                other => Scheme::Other(other.to_owned()),
            },
            authority: authority.to_owned(),
            path: path.to_owned(),
        })
    }

    /// The same server, another path.
    pub fn at(&self, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..self.clone()
        }
    }

    /// A request for it.
    pub fn request(&self, method: &Method, headers: Fields) -> OutgoingRequest {
        let request = OutgoingRequest::new(headers);
        request.set_method(method).expect("a valid method");
        request
            .set_scheme(Some(&self.scheme))
            .expect("a valid scheme");
        request
            .set_authority(Some(&self.authority))
            .expect("a valid authority");
        request
            .set_path_with_query(Some(&self.path))
            .expect("a valid path");
        request
    }
}

/// Sends a request without a body and waits for the head of the answer.
pub fn fetch(
    url: &Url,
    method: &Method,
    headers: Fields,
    options: Option<RequestOptions>,
) -> Result<IncomingResponse, ErrorCode> {
    let request = url.request(method, headers);
    let body = request.body().expect("the first time");
    let future = handle(request, options)?;
    OutgoingBody::finish(body, None)?;
    wait(&future)
}

/// Waits for the head of an answer.
pub fn wait(future: &FutureIncomingResponse) -> Result<IncomingResponse, ErrorCode> {
    let pollable = future.subscribe();
    loop {
        if let Some(outcome) = future.get() {
            return outcome.expect("the first time");
        }
        pollable.block();
    }
}

/// Reads a body to its end.
pub fn read_all(body: &IncomingBody) -> Result<Vec<u8>, StreamError> {
    let stream = body.stream().expect("the first time");
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(error) => return Err(error),
        }
    }
}

//! Answering an HTTP request: a head with some fields, then a body in pieces.

use wasip2::http::types::{
    Fields, OutgoingBody, OutgoingResponse, ResponseOutparam, StatusCode, Trailers,
};
use wasip2::io::streams::{OutputStream, StreamError};

/// The most that one call of `blocking-write-and-flush` takes.
const WRITE_BYTES: usize = 4096;

/// A response whose head was sent, and whose body is being written.
#[derive(Debug)]
pub struct Answer {
    body: OutgoingBody,
    stream: OutputStream,
}

impl Answer {
    /// Sends the head. The fields are names and values that are known to be valid.
    pub fn start(out: ResponseOutparam, status: StatusCode, fields: &[(&str, &str)]) -> Self {
        let headers = Fields::new();
        for (name, value) in fields {
            headers
                .append(name, value.as_bytes())
                .expect("a valid field");
        }
        let response = OutgoingResponse::new(headers);
        response.set_status_code(status).expect("a valid status");
        let body = response.body().expect("the first time");
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().expect("the first time");
        Self { body, stream }
    }

    /// Writes all bytes, waiting for the client to take them.
    pub fn write(&self, bytes: &[u8]) -> Result<(), StreamError> {
        for piece in bytes.chunks(WRITE_BYTES) {
            self.stream.blocking_write_and_flush(piece)?;
        }
        Ok(())
    }

    /// The stream of the body, for what moves bytes itself.
    pub fn stream(&self) -> &OutputStream {
        &self.stream
    }

    /// Ends the body. A client that has gone is no error of ours.
    pub fn finish(self, trailers: Option<Trailers>) {
        let Self { body, stream } = self;
        drop(stream);
        let _ = OutgoingBody::finish(body, trailers);
    }
}

/// Answers with a text, whole.
pub fn answer(out: ResponseOutparam, status: StatusCode, text: &str) {
    let length = text.len().to_string();
    let fields = [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", length.as_str()),
    ];
    let answer = Answer::start(out, status, &fields);
    // A client that has gone is no error of ours.
    let _ = answer.write(text.as_bytes());
    answer.finish(None);
}

/// The value of `key=value` in a path's query.
pub fn parameter<'path>(path: &'path str, key: &str) -> Option<&'path str> {
    let (_, query) = path.split_once('?')?;
    query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        (name == key).then_some(value)
    })
}

/// A number in a path's query.
pub fn number(path: &str, key: &str) -> Option<u64> {
    parameter(path, key)?.parse().ok()
}

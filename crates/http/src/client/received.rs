//! The body of a response: within its bounds of time and size.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use holm_wasi_p2::http::ErrorCode;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};

use super::problem;

/// A body that comes in. It may be polled by any thread: its timers stay with the runtime that
/// it came from.
pub(super) struct Received {
    body: Incoming,
    between_bytes: Duration,
    until: Option<Instant>,
    bytes_left: Option<u64>,
    /// Rings when the next piece is late; made when one is waited for.
    alarm: Option<Pin<Box<Sleep>>>,
    waits: bool,
    runtime: Handle,
    /// The request counts until its response is read.
    _permit: OwnedSemaphorePermit,
}

impl Received {
    /// Within the runtime.
    pub(super) fn new(
        body: Incoming,
        between_bytes: Duration,
        until: Option<Instant>,
        bytes_left: Option<u64>,
        permit: OwnedSemaphorePermit,
    ) -> Received {
        Received {
            body,
            between_bytes,
            until,
            bytes_left,
            alarm: None,
            waits: false,
            runtime: Handle::current(),
            _permit: permit,
        }
    }

    /// Whether the next piece is late.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.waits {
            let next = Instant::now() + self.between_bytes;
            let at = self.until.map_or(next, |until| until.min(next));
            match &mut self.alarm {
                Some(alarm) => alarm.as_mut().reset(at),
                None => {
                    let _runtime = self.runtime.enter();
                    self.alarm = Some(Box::pin(sleep_until(at)));
                }
            }
            self.waits = true;
        }
        match &mut self.alarm {
            Some(alarm) => alarm.as_mut().poll(context),
            None => Poll::Pending,
        }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        let frame = match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Pending => {
                return self
                    .poll_late(context)
                    .map(|()| Some(Err(ErrorCode::ConnectionReadTimeout)));
            }
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => {
                return Poll::Ready(Some(Err(problem::of_body(&error))));
            }
            Poll::Ready(Some(Ok(frame))) => frame,
        };
        self.waits = false;
        // A server that always has one more piece is never waited for.
        if self.until.is_some_and(|until| Instant::now() >= until) {
            return Poll::Ready(Some(Err(ErrorCode::HttpResponseTimeout)));
        }
        if let (Some(left), Some(data)) = (self.bytes_left, frame.data_ref()) {
            match left.checked_sub(data.len() as u64) {
                Some(left) => self.bytes_left = Some(left),
                None => return Poll::Ready(Some(Err(ErrorCode::HttpResponseBodySize(None)))),
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

//! The body of a request: within its bounds of time and size.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use holm_wasi_p2::http::ErrorCode;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

/// A body that a client sends, read on the thread of its connection.
pub(super) struct RequestBody {
    body: Incoming,
    gap: Duration,
    bytes_left: Option<u64>,
    alarm: Option<Pin<Box<Sleep>>>,
    waits: bool,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, gap: Duration, bytes_max: Option<u64>) -> RequestBody {
        RequestBody {
            body,
            gap,
            bytes_left: bytes_max,
            alarm: None,
            waits: false,
        }
    }

    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let at = Instant::now() + self.gap;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if !self.waits {
            alarm.as_mut().reset(at);
            self.waits = true;
        }
        alarm.as_mut().poll(context)
    }
}

impl Body for RequestBody {
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
                return Poll::Ready(Some(Err(if error.is_parse() {
                    ErrorCode::HttpProtocolError
                } else {
                    // Fewer bytes than were declared, or a client that went away.
                    ErrorCode::ConnectionTerminated
                })));
            }
            Poll::Ready(Some(Ok(frame))) => frame,
        };
        self.waits = false;
        if let (Some(left), Some(data)) = (self.bytes_left, frame.data_ref()) {
            match left.checked_sub(data.len() as u64) {
                Some(left) => self.bytes_left = Some(left),
                None => return Poll::Ready(Some(Err(ErrorCode::HttpRequestBodySize(None)))),
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

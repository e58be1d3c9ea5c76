//! Bodies: what a guest writes and the host sends, and what came in and a guest reads.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use ::http::HeaderMap;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty};

use super::fields::{is_forbidden_trailer, strip_incoming};
use super::{ErrorCode, internal};
use crate::stream::{InputSource, OutputSink};
use crate::{IoError, StreamFailure};

/// The body of a message, either way.
pub type Body = UnsyncBoxBody<Bytes, ErrorCode>;

/// Most bytes that a guest has written and nobody has taken.
const QUEUED_MAX: usize = 256 << 10;

/// No body.
pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Whose body it is, for the words of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Request,
    Response,
}

impl Direction {
    fn size_error(self, bytes: u64) -> ErrorCode {
        match self {
            Direction::Request => ErrorCode::HttpRequestBodySize(Some(bytes)),
            Direction::Response => ErrorCode::HttpResponseBodySize(Some(bytes)),
        }
    }
}

/// A body that a guest writes: its side, and the side that sends. With a `length`, exactly so
/// many bytes are sent, or the message fails.
pub(crate) fn channel(direction: Direction, length: Option<u64>) -> (Writer, GuestBody) {
    let shared = Arc::new(Shared(Mutex::new(Channel {
        direction,
        length,
        written: 0,
        queue: VecDeque::new(),
        queued: 0,
        end: None,
        reader: None,
        writer: None,
        over: None,
        reader_gone: false,
        discards: false,
    })));
    (Writer(shared.clone()), GuestBody(shared))
}

#[derive(Debug)]
struct Shared(Mutex<Channel>);

#[derive(Debug)]
struct Channel {
    direction: Direction,
    length: Option<u64>,
    written: u64,
    queue: VecDeque<Bytes>,
    queued: usize,
    end: Option<End>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Waits for the end of the transfer.
    over: Option<Waker>,
    reader_gone: bool,
    /// What is written is counted and dropped: the answer has no body, as to `HEAD`.
    discards: bool,
}

#[derive(Debug)]
enum End {
    Finished(Option<HeaderMap>),
    Failed(ErrorCode),
    /// The end has been told.
    Told,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Channel> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The guest's side of a body.
#[derive(Clone, Debug)]
pub(crate) struct Writer(Arc<Shared>);

impl Writer {
    /// How many bytes may be written. `None` when nobody takes any more.
    pub(crate) fn poll_room(&self, context: &mut Context<'_>) -> Poll<Option<usize>> {
        let mut channel = self.0.lock();
        if channel.discards {
            return Poll::Ready(Some(QUEUED_MAX));
        }
        if channel.reader_gone || channel.end.is_some() {
            return Poll::Ready(None);
        }
        let room = QUEUED_MAX.saturating_sub(channel.queued);
        if room == 0 {
            channel.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Some(room))
    }

    /// Writes bytes, no more than there was room for.
    pub(crate) fn write(&self, bytes: Bytes) -> Result<(), ErrorCode> {
        let mut channel = self.0.lock();
        channel.written = channel.written.saturating_add(bytes.len() as u64);
        if channel
            .length
            .is_some_and(|length| channel.written > length)
        {
            let error = channel.direction.size_error(channel.written);
            channel.fail(error.clone());
            return Err(error);
        }
        if !channel.discards && !channel.reader_gone && !bytes.is_empty() {
            channel.queued += bytes.len();
            channel.queue.push_back(bytes);
            channel.wake_reader();
        }
        Ok(())
    }

    /// Ends the body: with too few bytes it fails.
    pub(crate) fn finish(&self, trailers: Option<HeaderMap>) -> Result<(), ErrorCode> {
        let mut channel = self.0.lock();
        if let Some(End::Failed(error)) = &channel.end {
            return Err(error.clone());
        }
        if channel
            .length
            .is_some_and(|length| channel.written != length)
            && !channel.discards
        {
            let error = channel.direction.size_error(channel.written);
            channel.fail(error.clone());
            return Err(error);
        }
        channel.end = Some(End::Finished(trailers));
        channel.wake_reader();
        Ok(())
    }

    /// Waits until the writer has ended the body, or nobody takes it any more.
    pub(crate) fn poll_over(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut channel = self.0.lock();
        if channel.end.is_some() || (channel.reader_gone && !channel.discards) {
            return Poll::Ready(());
        }
        channel.over = Some(context.waker().clone());
        Poll::Pending
    }

    /// Ends the body in the middle: whoever receives it learns that it is not whole.
    pub(crate) fn abort(&self, error: ErrorCode) {
        let mut channel = self.0.lock();
        if channel.end.is_none() {
            channel.fail(error);
        }
    }
}

impl Channel {
    fn fail(&mut self, error: ErrorCode) {
        self.end = Some(End::Failed(error));
        self.wake_reader();
    }

    fn wake_reader(&mut self) {
        if self.end.is_some() {
            self.wake_over();
        }
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    fn wake_over(&mut self) {
        if let Some(waker) = self.over.take() {
            waker.wake();
        }
    }

    fn wake_writer(&mut self) {
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }
}

impl OutputSink for Writer {
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<u64, StreamFailure>> {
        Writer::poll_room(self, context)
            .map(|room| room.map_or(Err(StreamFailure::Closed), |room| Ok(room as u64)))
    }

    fn write(&mut self, bytes: Bytes) -> Result<(), StreamFailure> {
        Writer::write(self, bytes).map_err(failed)
    }

    fn poll_flush(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), StreamFailure>> {
        // What was written is on its way; room is what a guest waits for.
        let channel = self.0.lock();
        Poll::Ready(match &channel.end {
            Some(End::Failed(error)) => Err(failed(error.clone())),
            _ if channel.reader_gone && !channel.discards => Err(StreamFailure::Closed),
            _ => Ok(()),
        })
    }
}

fn failed(error: ErrorCode) -> StreamFailure {
    let text = error.to_string();
    StreamFailure::Failed(IoError::Http(Box::new(error), text))
}

/// The sending side of a body that a guest writes.
#[derive(Debug)]
pub(crate) struct GuestBody(Arc<Shared>);

impl GuestBody {
    /// The answer has no body: what the guest writes goes nowhere, and is no error.
    pub(crate) fn discard(self) {
        let mut channel = self.0.lock();
        channel.discards = true;
        channel.queue.clear();
        channel.queued = 0;
        channel.wake_writer();
    }
}

impl Drop for GuestBody {
    fn drop(&mut self) {
        let mut channel = self.0.lock();
        channel.reader_gone = true;
        channel.queue.clear();
        channel.queued = 0;
        channel.wake_writer();
        channel.wake_over();
    }
}

impl http_body::Body for GuestBody {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        let mut channel = self.0.lock();
        // Too many bytes are never sent, not even those that were right.
        if matches!(channel.end, Some(End::Failed(_)))
            && let Some(End::Failed(error)) = channel.end.replace(End::Told)
        {
            channel.queue.clear();
            return Poll::Ready(Some(Err(error)));
        }
        if let Some(bytes) = channel.queue.pop_front() {
            channel.queued -= bytes.len();
            channel.wake_writer();
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match channel.end.replace(End::Told) {
            None => {
                channel.end = None;
                if !channel
                    .reader
                    .as_ref()
                    .is_some_and(|known| known.will_wake(context.waker()))
                {
                    channel.reader = Some(context.waker().clone());
                }
                Poll::Pending
            }
            Some(End::Finished(Some(trailers))) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Some(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        let channel = self.0.lock();
        let over = matches!(channel.end, Some(End::Told | End::Finished(None)));
        over && channel.queue.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let channel = self.0.lock();
        let queued = channel.queued as u64;
        match (&channel.end, channel.length) {
            // HTTP/1.1 sends trailers only after chunks, and chunks only when no length is known.
            (Some(End::Finished(Some(_))), None) if channel.direction == Direction::Response => {
                SizeHint::default()
            }
            (Some(End::Finished(_)), _) => SizeHint::with_exact(queued),
            (_, Some(length)) => {
                let sent = channel.written.saturating_sub(queued);
                SizeHint::with_exact(length.saturating_sub(sent))
            }
            _ => SizeHint::default(),
        }
    }
}

/// A body that came in, as a guest reads it.
#[derive(Debug)]
pub(crate) struct IncomingBody {
    body: Option<Body>,
    /// What was received and not read yet.
    piece: Bytes,
    end: Option<Result<Option<HeaderMap>, ErrorCode>>,
}

impl IncomingBody {
    pub(crate) fn new(body: Body) -> IncomingBody {
        IncomingBody {
            body: Some(body),
            piece: Bytes::new(),
            end: None,
        }
    }

    /// The next bytes, at most `max`; `None` at the end.
    pub(crate) fn poll_bytes(
        &mut self,
        max: usize,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, ErrorCode>> {
        if self.poll_piece(context).is_pending() {
            return Poll::Pending;
        }
        if !self.piece.is_empty() {
            let length = max.min(self.piece.len());
            return Poll::Ready(Ok(Some(self.piece.split_to(length))));
        }
        Poll::Ready(match &self.end {
            Some(Err(error)) => Err(error.clone()),
            _ => Ok(None),
        })
    }

    /// Waits for bytes, or for the end.
    pub(crate) fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.piece.is_empty() {
            let Some(body) = &mut self.body else {
                return Poll::Ready(());
            };
            let end = match Pin::new(body).poll_frame(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => Ok(None),
                Poll::Ready(Some(Err(error))) => Err(error),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(bytes) => {
                        self.piece = bytes;
                        continue;
                    }
                    Err(frame) => Ok(frame.into_trailers().ok().map(|mut trailers| {
                        strip_incoming(&mut trailers, is_forbidden_trailer);
                        trailers
                    })),
                },
            };
            self.body = None;
            self.end = Some(end);
        }
        Poll::Ready(())
    }

    /// Waits for the end, past what nobody has read.
    pub(crate) fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            self.piece.clear();
            if self.poll_piece(context).is_pending() {
                return Poll::Pending;
            }
            if self.piece.is_empty() {
                return Poll::Ready(());
            }
        }
    }

    /// The same, and takes the trailers.
    pub(crate) fn poll_end(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<HeaderMap>, ErrorCode>> {
        self.poll_ended(context)
            .map(|()| self.end.take().unwrap_or(Ok(None)))
    }
}

/// A body that came in, shared between the stream that reads it and the future of its trailers.
#[derive(Clone, Debug)]
pub(crate) struct SharedBody(Arc<Mutex<IncomingBody>>);

impl SharedBody {
    pub(crate) fn new(body: Body) -> SharedBody {
        SharedBody(Arc::new(Mutex::new(IncomingBody::new(body))))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, IncomingBody> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InputSource for SharedBody {
    fn poll_read(
        &mut self,
        max: usize,
        context: &mut Context<'_>,
    ) -> Poll<Result<Vec<u8>, StreamFailure>> {
        if max == 0 {
            return Poll::Ready(Ok(Vec::new()));
        }
        match self.lock().poll_bytes(max, context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(Some(bytes))) => Poll::Ready(Ok(bytes.into())),
            Poll::Ready(Ok(None)) => Poll::Ready(Err(StreamFailure::Closed)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(failed(error))),
        }
    }

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.lock().poll_piece(context)
    }
}

/// Why a body that was begun did not end.
pub(crate) fn unfinished() -> ErrorCode {
    internal("the guest dropped the body before it was finished")
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn context() -> Context<'static> {
        Context::from_waker(Waker::noop())
    }

    fn frame(body: &mut GuestBody) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        Pin::new(body).poll_frame(&mut context())
    }

    #[test]
    fn too_many_and_too_few_bytes_fail() {
        let (writer, mut body) = channel(Direction::Request, Some(3));
        writer.write(Bytes::from_static(b"ab")).expect("fits");
        assert!(matches!(
            writer.write(Bytes::from_static(b"cd")),
            Err(ErrorCode::HttpRequestBodySize(Some(4)))
        ));
        // Nothing is sent of a message that lies.
        assert!(matches!(frame(&mut body), Poll::Ready(Some(Err(_)))));

        let (writer, mut body) = channel(Direction::Response, Some(3));
        writer.write(Bytes::from_static(b"ab")).expect("fits");
        assert!(matches!(
            writer.finish(None),
            Err(ErrorCode::HttpResponseBodySize(Some(2)))
        ));
        assert!(matches!(frame(&mut body), Poll::Ready(Some(Err(_)))));
    }

    #[test]
    fn a_guest_that_is_ahead_waits() {
        let (writer, mut body) = channel(Direction::Response, None);
        let mut written = 0;
        while let Poll::Ready(Some(room)) = writer.poll_room(&mut context()) {
            let piece = room.min(1000);
            writer.write(Bytes::from(vec![0; piece])).expect("room");
            written += piece;
            assert!(written <= QUEUED_MAX);
        }
        assert_eq!(written, QUEUED_MAX);
        assert!(matches!(frame(&mut body), Poll::Ready(Some(Ok(_)))));
        assert!(writer.poll_room(&mut context()).is_ready());
        drop(body);
        assert!(matches!(
            writer.poll_room(&mut context()),
            Poll::Ready(None)
        ));
    }

    #[test]
    fn a_finished_body_knows_its_length() {
        let (writer, mut body) = channel(Direction::Response, None);
        writer.write(Bytes::from_static(b"hello")).expect("room");
        assert_eq!(http_body::Body::size_hint(&body).exact(), None);
        writer.finish(None).expect("no length was declared");
        assert_eq!(http_body::Body::size_hint(&body).exact(), Some(5));
        assert!(matches!(frame(&mut body), Poll::Ready(Some(Ok(_)))));
        assert!(http_body::Body::is_end_stream(&body));
    }
}

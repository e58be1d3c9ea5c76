//! Contents and trailers: streams and futures of guests, bodies of the host.

use std::iter;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use ::http::HeaderMap;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use wasmtime::component::{
    Destination, FutureConsumer, FutureProducer, FutureReader, Lift, Resource, Source,
    StreamConsumer, StreamProducer, StreamReader, StreamResult,
};
use wasmtime::{AsContextMut, StoreContextMut};

use super::Code;
use crate::State;
use crate::http::convert::{from_code, into_code};
use crate::http::promise::{Giver, Promise, promise};
use crate::http::{
    Body, Direction, ErrorCode, Fields, GuestBody, SharedBody, Writer, channel, internal,
};
use crate::stream::PIECE;

pub(super) type Trailers = FutureReader<Result<Option<Resource<Fields>>, Code>>;
pub(super) type Outcome = FutureReader<Result<(), Code>>;

/// What a message carries beside its head.
#[derive(Debug)]
pub(super) enum Content {
    /// Of a guest: a stream, and how it ends.
    Guest {
        contents: Option<StreamReader<u8>>,
        trailers: Trailers,
        /// Tells the guest how the transfer went.
        sent: Giver<Result<(), Code>>,
    },
    /// Of the host: what came in.
    Host(Body),
}

impl Content {
    pub(super) fn host(body: Body) -> Content {
        Content::Host(body)
    }

    /// Of a guest, and the future that tells it how the transfer went.
    pub(super) fn guest(
        mut store: impl AsContextMut<Data = State>,
        contents: Option<StreamReader<u8>>,
        trailers: Trailers,
    ) -> wasmtime::Result<(Content, Outcome)> {
        let (sent, result) = promise();
        let outcome = FutureReader::new(&mut store, SentProducer(result))?;
        let content = Content::Guest {
            contents,
            trailers,
            sent,
        };
        Ok((content, outcome))
    }

    /// Lets go of it.
    pub(super) fn drop(self, mut store: impl AsContextMut<Data = State>) -> wasmtime::Result<()> {
        if let Content::Guest {
            contents,
            mut trailers,
            ..
        } = self
        {
            if let Some(mut contents) = contents {
                contents.close(&mut store)?;
            }
            trailers.close(&mut store)?;
        }
        Ok(())
    }

    /// As the body of a response, and the side that a guest writes, if one does.
    pub(super) fn respond(
        self,
        store: impl AsContextMut<Data = State>,
        length: Option<u64>,
    ) -> wasmtime::Result<(Body, Option<Writer>)> {
        match self {
            Content::Host(body) => Ok((body, None)),
            guest @ Content::Guest { .. } => {
                let (body, ending) = guest.pipe(store, Direction::Response, length)?;
                let writer = lock(&ending).writer.clone();
                Ok((body.boxed_unsync(), Some(writer)))
            }
        }
    }

    /// As the body of a request. The guest learns that it was sent once the transfer is told so.
    pub(super) fn request(
        self,
        store: impl AsContextMut<Data = State>,
        length: Option<u64>,
    ) -> wasmtime::Result<(Body, Transfer)> {
        match self {
            Content::Host(body) => Ok((body, Transfer(None))),
            guest @ Content::Guest { .. } => {
                let (body, ending) = guest.pipe(store, Direction::Request, length)?;
                Ok((body.boxed_unsync(), Transfer(Some(ending))))
            }
        }
    }

    /// Takes it and sends none of it; no error for the guest that writes it.
    pub(super) fn discard(
        self,
        store: impl AsContextMut<Data = State>,
    ) -> wasmtime::Result<Option<Writer>> {
        match self {
            Content::Host(_) => Ok(None),
            guest @ Content::Guest { .. } => {
                let (body, ending) = guest.pipe(store, Direction::Response, None)?;
                body.discard();
                let writer = lock(&ending).writer.clone();
                Ok(Some(writer))
            }
        }
    }

    fn pipe(
        self,
        mut store: impl AsContextMut<Data = State>,
        direction: Direction,
        length: Option<u64>,
    ) -> wasmtime::Result<(GuestBody, SharedEnding)> {
        let (writer, body) = channel(direction, length);
        let ending = Arc::new(Mutex::new(Ending {
            writer: writer.clone(),
            written: false,
            trailers: None,
            result: None,
            under_way: direction == Direction::Request,
            sent: None,
        }));
        if let Content::Guest {
            contents,
            trailers,
            sent,
        } = self
        {
            with_ending(&ending, |ending| {
                ending.written = contents.is_none();
                ending.sent = Some(sent);
            });
            if let Some(contents) = contents {
                let consumer = ContentsConsumer {
                    writer,
                    ending: ending.clone(),
                };
                contents.pipe(&mut store, consumer)?;
            }
            let take = TrailersConsumer(Some(ending.clone()));
            trailers.pipe(&mut store, take)?;
        }
        Ok((body, ending))
    }

    /// As a stream and a future for a guest, which tells by `processed` how it went.
    pub(super) fn consume(
        self,
        mut store: impl AsContextMut<Data = State>,
        processed: Outcome,
    ) -> wasmtime::Result<(StreamReader<u8>, Trailers)> {
        match self {
            Content::Guest {
                contents,
                trailers,
                sent,
            } => {
                processed.pipe(&mut store, ProcessedConsumer(Some(sent)))?;
                let contents = match contents {
                    Some(contents) => contents,
                    None => StreamReader::new(&mut store, iter::empty())?,
                };
                Ok((contents, trailers))
            }
            Content::Host(body) => {
                processed.pipe(&mut store, ProcessedConsumer(None))?;
                let (give, end) = promise();
                let producer = BodyProducer {
                    body: SharedBody::new(body),
                    end: Some(give),
                };
                let stream = StreamReader::new(&mut store, producer)?;
                let trailers = FutureReader::new(&mut store, TrailersProducer(end))?;
                Ok((stream, trailers))
            }
        }
    }
}

/// What is known of the end of a guest's content: it is over when both parts are.
#[derive(Debug)]
struct Ending {
    writer: Writer,
    written: bool,
    trailers: Option<Result<Option<HeaderMap>, ErrorCode>>,
    /// How the content ended, until the guest is told.
    result: Option<Result<(), ErrorCode>>,
    /// Whether a failure of the request may still come: a content that is whole was not yet sent.
    under_way: bool,
    sent: Option<Giver<Result<(), Code>>>,
}

impl Ending {
    fn try_finish(&mut self) {
        if self.written
            && let Some(trailers) = self.trailers.take()
        {
            let finished = match trailers {
                Ok(trailers) => self.writer.finish(trailers),
                Err(error) => {
                    self.writer.abort(error.clone());
                    Err(error)
                }
            };
            // The first failure is the one to tell.
            if !matches!(self.result, Some(Err(_))) {
                self.result = Some(finished);
            }
        }
        if self.under_way && !matches!(self.result, Some(Err(_))) {
            return;
        }
        if let Some(result) = self.result.take()
            && let Some(sent) = self.sent.take()
        {
            sent.give(result.map_err(into_code));
        }
    }
}

type SharedEnding = Arc<Mutex<Ending>>;

fn lock(ending: &SharedEnding) -> MutexGuard<'_, Ending> {
    ending.lock().unwrap_or_else(PoisonError::into_inner)
}

fn with_ending(ending: &SharedEnding, change: impl FnOnce(&mut Ending)) {
    let mut ending = lock(ending);
    change(&mut ending);
    ending.try_finish();
}

/// A request on its way; when this is dropped untold, it was given up.
#[derive(Debug)]
pub(super) struct Transfer(Option<SharedEnding>);

impl Transfer {
    /// Tells what came of the request: an answer, or a failure, with which nothing counts as sent.
    pub(super) fn answered(mut self, answer: Result<(), ErrorCode>) {
        self.tell(answer);
    }

    fn tell(&mut self, answer: Result<(), ErrorCode>) {
        if let Some(ending) = self.0.take() {
            with_ending(&ending, |ending| {
                ending.under_way = false;
                if let Err(error) = answer {
                    ending.result = Some(Err(error));
                }
            });
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.tell(Err(internal("the request was given up")));
    }
}

/// Takes a guest's contents as there is room.
struct ContentsConsumer {
    writer: Writer,
    ending: SharedEnding,
}

impl StreamConsumer<State> for ContentsConsumer {
    type Item = u8;

    fn poll_consume(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        store: StoreContextMut<'_, State>,
        source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let room = match self.writer.poll_room(context) {
            Poll::Ready(Some(room)) => room,
            Poll::Ready(None) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
        };
        let mut source = source.as_direct(store);
        let bytes = source.remaining();
        let length = room.min(bytes.len());
        let piece = Bytes::copy_from_slice(&bytes[..length]);
        Poll::Ready(Ok(match self.writer.write(piece) {
            Ok(()) => {
                source.mark_read(length);
                StreamResult::Completed
            }
            Err(_) => StreamResult::Dropped,
        }))
    }
}

impl Drop for ContentsConsumer {
    fn drop(&mut self) {
        with_ending(&self.ending, |ending| ending.written = true);
    }
}

/// Takes a guest's trailers.
struct TrailersConsumer(Option<SharedEnding>);

impl FutureConsumer<State> for TrailersConsumer {
    type Item = Result<Option<Resource<Fields>>, Code>;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        mut store: StoreContextMut<'_, State>,
        source: Source<'_, Self::Item>,
        _finish: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let trailers = match read(&mut store, source)? {
            Err(code) => Err(from_code(code)),
            Ok(None) => Ok(None),
            Ok(Some(fields)) => {
                let fields = store.data_mut().table.delete(fields)?;
                fields.into_trailers().map(Some)
            }
        };
        if let Some(ending) = self.0.take() {
            with_ending(&ending, |ending| ending.trailers = Some(trailers));
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for TrailersConsumer {
    fn drop(&mut self) {
        if let Some(ending) = self.0.take() {
            let gone = Err(crate::http::unfinished());
            with_ending(&ending, |ending| ending.trailers = Some(gone));
        }
    }
}

/// Takes what a guest says of how it dealt with a body; tells whoever made it, if a guest did.
struct ProcessedConsumer(Option<Giver<Result<(), Code>>>);

impl FutureConsumer<State> for ProcessedConsumer {
    type Item = Result<(), Code>;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        mut store: StoreContextMut<'_, State>,
        source: Source<'_, Self::Item>,
        _finish: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let result = read(&mut store, source)?;
        if let Some(sent) = self.0.take() {
            sent.give(result);
        }
        Poll::Ready(Ok(()))
    }
}

fn read<T: Lift + 'static>(
    store: &mut StoreContextMut<'_, State>,
    mut source: Source<'_, T>,
) -> wasmtime::Result<T> {
    let mut value = None;
    source.read(store, &mut value)?;
    value.ok_or_else(|| wasmtime::Error::msg("a future that is ready has no value"))
}

/// Gives a guest what came in.
struct BodyProducer {
    body: SharedBody,
    /// Told of the end; when it is dropped before, nobody asks any more.
    end: Option<Giver<Result<Option<HeaderMap>, ErrorCode>>>,
}

impl StreamProducer<State> for BodyProducer {
    type Item = u8;
    type Buffer = Bytes;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, State>,
        mut destination: Destination<'a, u8, Bytes>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let room = destination.remaining(&mut store);
        if room == Some(0) {
            // Whether there is something: read by the next call.
            let ready = self.body.lock().poll_piece(context);
            return match ready {
                Poll::Pending if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
                Poll::Pending => Poll::Pending,
                Poll::Ready(()) => Poll::Ready(Ok(StreamResult::Completed)),
            };
        }
        let max = room.unwrap_or(PIECE).min(PIECE);
        let read = self.body.lock().poll_bytes(max, context);
        match read {
            Poll::Pending if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(Some(bytes))) => {
                destination.set_buffer(bytes);
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(_) => {
                let end = match self.body.lock().poll_end(context) {
                    Poll::Ready(end) => end,
                    Poll::Pending => Ok(None),
                };
                if let Some(give) = self.end.take() {
                    give.give(end);
                }
                Poll::Ready(Ok(StreamResult::Dropped))
            }
        }
    }
}

/// Gives a guest the trailers of what came in.
struct TrailersProducer(Promise<Result<Option<HeaderMap>, ErrorCode>>);

impl FutureProducer<State> for TrailersProducer {
    type Item = Result<Option<Resource<Fields>>, Code>;

    fn poll_produce(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'_, State>,
        finish: bool,
    ) -> Poll<wasmtime::Result<Option<Self::Item>>> {
        let end = match Pin::new(&mut self.0).poll(context) {
            Poll::Pending if finish => return Poll::Ready(Ok(None)),
            Poll::Pending => return Poll::Pending,
            Poll::Ready(end) => end.unwrap_or(Ok(None)),
        };
        let trailers = match end {
            Ok(Some(map)) => {
                let fields = store.data_mut().table.push(Fields::incoming(map))?;
                Ok(Some(fields))
            }
            Ok(None) => Ok(None),
            Err(error) => Err(into_code(error)),
        };
        Poll::Ready(Ok(Some(trailers)))
    }
}

/// Tells a guest how a transfer went.
struct SentProducer(Promise<Result<(), Code>>);

impl FutureProducer<State> for SentProducer {
    type Item = Result<(), Code>;

    fn poll_produce(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        _store: StoreContextMut<'_, State>,
        finish: bool,
    ) -> Poll<wasmtime::Result<Option<Self::Item>>> {
        match Pin::new(&mut self.0).poll(context) {
            Poll::Pending if finish => Poll::Ready(Ok(None)),
            Poll::Pending => Poll::Pending,
            // Nobody sends it, and nobody failed to.
            Poll::Ready(result) => Poll::Ready(Ok(Some(result.unwrap_or(Ok(()))))),
        }
    }
}

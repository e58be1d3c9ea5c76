//! Bodies and trailers as resources.

use std::task::{Context, Poll, Waker};

use ::http::HeaderMap;
use wasmtime::component::Resource;

use super::{Body, ErrorCode, Fields, Pollable, State, Wake, Writer, types};
use crate::http::{SharedBody, unfinished};
use crate::{InputStream, OutputStream};

/// `incoming-body`.
#[derive(Debug)]
pub struct IncomingBodyResource {
    body: SharedBody,
    streamed: bool,
}

impl IncomingBodyResource {
    pub(crate) fn new(body: Body) -> IncomingBodyResource {
        IncomingBodyResource {
            body: SharedBody::new(body),
            streamed: false,
        }
    }
}

/// `outgoing-body`.
#[derive(Debug)]
pub struct OutgoingBody {
    writer: Writer,
    streamed: bool,
}

impl OutgoingBody {
    pub(crate) fn new(writer: Writer) -> OutgoingBody {
        OutgoingBody {
            writer,
            streamed: false,
        }
    }
}

impl Drop for OutgoingBody {
    fn drop(&mut self) {
        // Also when the guest ended in the middle. After the end, this does nothing.
        self.writer.abort(unfinished());
    }
}

/// `future-trailers`.
#[derive(Debug)]
pub struct FutureTrailers {
    body: SharedBody,
    taken: bool,
}

/// Waits for the end of a body.
#[derive(Debug)]
struct EndOf(SharedBody);

impl Wake for EndOf {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.0.lock().poll_ended(context)
    }
}

impl types::HostIncomingBody for State {
    fn stream(
        &mut self,
        body: Resource<IncomingBodyResource>,
    ) -> wasmtime::Result<Result<Resource<InputStream>, ()>> {
        let resource = self.table.get_mut(&body)?;
        if resource.streamed {
            return Ok(Err(()));
        }
        resource.streamed = true;
        let stream = InputStream::Source(Box::new(resource.body.clone()));
        Ok(Ok(self.table.push_child(stream, &body)?))
    }

    fn finish(
        &mut self,
        body: Resource<IncomingBodyResource>,
    ) -> wasmtime::Result<Resource<FutureTrailers>> {
        let resource = self.table.delete(body)?;
        let trailers = FutureTrailers {
            body: resource.body,
            taken: false,
        };
        Ok(self.table.push(trailers)?)
    }

    fn drop(&mut self, body: Resource<IncomingBodyResource>) -> wasmtime::Result<()> {
        self.table.delete(body)?;
        Ok(())
    }
}

type Trailers = Result<Result<Option<Resource<Fields>>, ErrorCode>, ()>;

impl types::HostFutureTrailers for State {
    fn subscribe(
        &mut self,
        trailers: Resource<FutureTrailers>,
    ) -> wasmtime::Result<Resource<Pollable>> {
        let end = EndOf(self.table.get(&trailers)?.body.clone());
        let pollable = Pollable::Other(Box::new(end));
        Ok(self.table.push_child(pollable, &trailers)?)
    }

    fn get(&mut self, trailers: Resource<FutureTrailers>) -> wasmtime::Result<Option<Trailers>> {
        let future = self.table.get_mut(&trailers)?;
        if future.taken {
            return Ok(Some(Err(())));
        }
        let mut context = Context::from_waker(Waker::noop());
        let end = match future.body.lock().poll_end(&mut context) {
            Poll::Pending => return Ok(None),
            Poll::Ready(end) => end,
        };
        future.taken = true;
        let push = |map: HeaderMap| self.table.push(Fields::incoming(map));
        Ok(Some(Ok(match end {
            Ok(map) => Ok(map.map(push).transpose()?),
            Err(error) => Err(error),
        })))
    }

    fn drop(&mut self, trailers: Resource<FutureTrailers>) -> wasmtime::Result<()> {
        self.table.delete(trailers)?;
        Ok(())
    }
}

impl types::HostOutgoingBody for State {
    fn write(
        &mut self,
        body: Resource<OutgoingBody>,
    ) -> wasmtime::Result<Result<Resource<OutputStream>, ()>> {
        let resource = self.table.get_mut(&body)?;
        if resource.streamed {
            return Ok(Err(()));
        }
        resource.streamed = true;
        let stream = OutputStream::Sink(Box::new(resource.writer.clone()));
        Ok(Ok(self.table.push_child(stream, &body)?))
    }

    fn finish(
        &mut self,
        body: Resource<OutgoingBody>,
        trailers: Option<Resource<Fields>>,
    ) -> wasmtime::Result<Result<(), ErrorCode>> {
        let body = self.table.delete(body)?;
        Ok(match self.take_trailers(trailers)? {
            Ok(trailers) => body.writer.finish(trailers),
            Err(error) => {
                body.writer.abort(error.clone());
                Err(error)
            }
        })
    }

    fn drop(&mut self, body: Resource<OutgoingBody>) -> wasmtime::Result<()> {
        self.table.delete(body)?;
        Ok(())
    }
}

//! `wasi:http`: messages, their bodies, and sending requests.

mod bodies;
mod messages;
mod options;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use ::http::HeaderMap;
use wasmtime::component::Resource;

use crate::bindings::p2::wasi::http::{outgoing_handler, types};
use crate::http::{
    Body, Direction, ErrorCode, FieldProblem, Fields, GuestBody, ReplyTo, RequestOptions,
    ResponseFuture, Writer, assemble, content_length, empty, parse_authority, parse_path,
};
use crate::{IoError, Pollable, State, ViewId, Wake};

pub use bodies::{FutureTrailers, IncomingBodyResource, OutgoingBody};
pub use messages::{IncomingRequest, IncomingResponse, OutgoingRequest, OutgoingResponse};

/// Who gets a service's answer.
pub struct ResponseOutparam {
    reply: ReplyTo,
    to_head: bool,
}

impl fmt::Debug for ResponseOutparam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseOutparam")
    }
}

/// `future-incoming-response`.
#[derive(Clone, Debug)]
pub struct FutureResponse(Arc<Mutex<Progress>>);

enum Progress {
    Pending(ResponseFuture),
    Ready(Box<Result<::http::Response<Body>, ErrorCode>>),
    Taken,
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Progress::Pending(_) => "Pending",
            Progress::Ready(_) => "Ready",
            Progress::Taken => "Taken",
        })
    }
}

impl FutureResponse {
    fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Progress::Pending(future) = &mut *progress {
            match future.as_mut().poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(answer) => *progress = Progress::Ready(Box::new(answer)),
            }
        }
        Poll::Ready(())
    }

    fn take(&self) -> Progress {
        let mut progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *progress, Progress::Taken)
    }
}

impl Wake for FutureResponse {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.poll(context)
    }
}

impl State {
    /// Gives a guest a request to answer.
    pub(crate) fn push_request(
        &mut self,
        request: ::http::Request<Body>,
    ) -> wasmtime::Result<Resource<IncomingRequest>> {
        Ok(self.table.push(IncomingRequest::new(request))?)
    }

    /// Gives a guest the place for its answer.
    pub(crate) fn push_outparam(
        &mut self,
        reply: ReplyTo,
        to_head: bool,
    ) -> wasmtime::Result<Resource<ResponseOutparam>> {
        Ok(self.table.push(ResponseOutparam { reply, to_head })?)
    }

    /// Fields that a guest hands over: they are the message's from now on.
    fn take_fields(&mut self, fields: Resource<Fields>) -> wasmtime::Result<Fields> {
        Ok(self.table.delete(fields)?.freeze())
    }

    /// Trailers that a guest hands over; those that cannot be sent are refused.
    fn take_trailers(
        &mut self,
        trailers: Option<Resource<Fields>>,
    ) -> wasmtime::Result<Result<Option<HeaderMap>, ErrorCode>> {
        let Some(trailers) = trailers else {
            return Ok(Ok(None));
        };
        Ok(self.table.delete(trailers)?.into_trailers().map(Some))
    }

    /// What changing fields answers: 0.2 has no word for fields that are too large.
    fn field_answer<T>(
        &self,
        answer: Result<T, FieldProblem>,
    ) -> wasmtime::Result<Result<T, types::HeaderError>> {
        Ok(match answer {
            Ok(value) => Ok(value),
            Err(FieldProblem::Syntax) => Err(types::HeaderError::InvalidSyntax),
            Err(FieldProblem::Forbidden) => Err(types::HeaderError::Forbidden),
            Err(FieldProblem::Immutable) => Err(types::HeaderError::Immutable),
            Err(FieldProblem::Size) => {
                let bounds = self.bounds().http;
                let text = format!(
                    "fields: more than {} values or {} bytes in one, or no memory is left",
                    bounds.fields, bounds.field_bytes
                );
                return Err(wasmtime::Error::msg(text));
            }
        })
    }
}

impl types::Host for State {
    fn http_error_code(&mut self, error: Resource<IoError>) -> wasmtime::Result<Option<ErrorCode>> {
        Ok(match self.table.get(&error)? {
            IoError::Http(code, _) => Some((**code).clone()),
            IoError::Errno(_) => None,
        })
    }
}

type Changed = wasmtime::Result<Result<(), types::HeaderError>>;

impl types::HostFields for State {
    fn new(&mut self) -> wasmtime::Result<Resource<Fields>> {
        let fields = Fields::new(self.process(ViewId::PROGRAM));
        Ok(self.table.push(fields)?)
    }

    fn from_list(
        &mut self,
        entries: Vec<(String, Vec<u8>)>,
    ) -> wasmtime::Result<Result<Resource<Fields>, types::HeaderError>> {
        let process = self.process(ViewId::PROGRAM).clone();
        let bounds = self.bounds().http;
        let listed = Fields::listed(&process, &bounds, &entries);
        Ok(match self.field_answer(listed)? {
            Ok(fields) => Ok(self.table.push(fields)?),
            Err(error) => Err(error),
        })
    }

    fn get(&mut self, fields: Resource<Fields>, name: String) -> wasmtime::Result<Vec<Vec<u8>>> {
        Ok(self.table.get(&fields)?.get(&name))
    }

    fn has(&mut self, fields: Resource<Fields>, name: String) -> wasmtime::Result<bool> {
        Ok(self.table.get(&fields)?.has(&name))
    }

    fn set(&mut self, fields: Resource<Fields>, name: String, values: Vec<Vec<u8>>) -> Changed {
        let process = self.process(ViewId::PROGRAM).clone();
        let bounds = self.bounds().http;
        let fields = self.table.get_mut(&fields)?;
        let answer = fields.set(&process, &bounds, &name, &values);
        self.field_answer(answer)
    }

    fn delete(&mut self, fields: Resource<Fields>, name: String) -> Changed {
        let process = self.process(ViewId::PROGRAM).clone();
        let answer = self.table.get_mut(&fields)?.delete(&process, &name);
        self.field_answer(answer.map(drop))
    }

    fn append(&mut self, fields: Resource<Fields>, name: String, value: Vec<u8>) -> Changed {
        let process = self.process(ViewId::PROGRAM).clone();
        let bounds = self.bounds().http;
        let fields = self.table.get_mut(&fields)?;
        let answer = fields.append(&process, &bounds, &name, &value);
        self.field_answer(answer)
    }

    fn entries(&mut self, fields: Resource<Fields>) -> wasmtime::Result<Vec<(String, Vec<u8>)>> {
        Ok(self.table.get(&fields)?.entries())
    }

    fn clone(&mut self, fields: Resource<Fields>) -> wasmtime::Result<Resource<Fields>> {
        let copy = self.table.get(&fields)?.thaw();
        Ok(self.table.push(copy)?)
    }

    fn drop(&mut self, fields: Resource<Fields>) -> wasmtime::Result<()> {
        self.table.delete(fields)?;
        Ok(())
    }
}

impl types::HostResponseOutparam for State {
    fn set(
        &mut self,
        param: Resource<ResponseOutparam>,
        response: Result<Resource<OutgoingResponse>, ErrorCode>,
    ) -> wasmtime::Result<()> {
        let param = self.table.delete(param)?;
        let answer = match response {
            Ok(response) => self.table.delete(response)?.into_http(param.to_head),
            Err(error) => Err(error),
        };
        (param.reply)(answer);
        Ok(())
    }

    fn send_informational(
        &mut self,
        _param: Resource<ResponseOutparam>,
        _status: u16,
        headers: Resource<Fields>,
    ) -> wasmtime::Result<Result<(), ErrorCode>> {
        // An unstable function, and not linked: this keeps the trait whole.
        self.table.delete(headers)?;
        Ok(Err(ErrorCode::ConfigurationError))
    }

    fn drop(&mut self, param: Resource<ResponseOutparam>) -> wasmtime::Result<()> {
        self.table.delete(param)?;
        Ok(())
    }
}

impl types::HostFutureIncomingResponse for State {
    fn subscribe(
        &mut self,
        future: Resource<FutureResponse>,
    ) -> wasmtime::Result<Resource<Pollable>> {
        let wake = self.table.get(&future)?.clone();
        let pollable = Pollable::Other(Box::new(wake));
        Ok(self.table.push_child(pollable, &future)?)
    }

    fn get(
        &mut self,
        future: Resource<FutureResponse>,
    ) -> wasmtime::Result<Option<Result<Result<Resource<IncomingResponse>, ErrorCode>, ()>>> {
        let future = self.table.get(&future)?.clone();
        // Who waits polls again, with a waker.
        let mut context = Context::from_waker(Waker::noop());
        if future.poll(&mut context).is_pending() {
            return Ok(None);
        }
        Ok(Some(match future.take() {
            Progress::Ready(answer) => Ok(match *answer {
                Ok(response) => Ok(self.table.push(IncomingResponse::new(response))?),
                Err(error) => Err(error),
            }),
            Progress::Pending(_) | Progress::Taken => Err(()),
        }))
    }

    fn drop(&mut self, future: Resource<FutureResponse>) -> wasmtime::Result<()> {
        self.table.delete(future)?;
        Ok(())
    }
}

impl outgoing_handler::Host for State {
    fn handle(
        &mut self,
        request: Resource<OutgoingRequest>,
        options: Option<Resource<RequestOptions>>,
    ) -> wasmtime::Result<Result<Resource<FutureResponse>, ErrorCode>> {
        self.handle_as(ViewId::PROGRAM, request, options)
    }
}

impl State {
    /// Sends a request as a view.
    pub(crate) fn handle_as(
        &mut self,
        view: ViewId,
        request: Resource<OutgoingRequest>,
        options: Option<Resource<RequestOptions>>,
    ) -> wasmtime::Result<Result<Resource<FutureResponse>, ErrorCode>> {
        let options = match options {
            Some(options) => self.table.delete(options)?,
            None => RequestOptions::default(),
        };
        let request = match self.table.delete(request)?.into_http() {
            Ok(request) => request,
            Err(error) => return Ok(Err(error)),
        };
        let answer = match self.send(view, request, options) {
            Ok(answer) => answer,
            Err(error) => return Ok(Err(error)),
        };
        let future = FutureResponse(Arc::new(Mutex::new(Progress::Pending(answer))));
        Ok(Ok(self.table.push(future)?))
    }
}

//! `wasi:http` of 0.3: the same rules, with streams and futures.

mod body;
mod fields;
mod messages;

use std::future::poll_fn;
use std::sync::Arc;

use wasmtime::AsContextMut;
use wasmtime::component::{Accessor, HasData, Linker, Resource};

use crate::bindings::p3_http::wasi::http::{client, types};
use crate::http::{ErrorCode, Fields, RequestOptions, Writer, content_length};
use crate::{State, ViewId};

use body::{Content, Transfer};
use types::ErrorCode as Code;

/// How the interfaces find the state of a store.
#[derive(Debug)]
pub(crate) struct Http;

impl HasData for Http {
    type Data<'a> = &'a mut State;
}

/// `request-options`: those of a request cannot be changed.
#[derive(Clone, Debug)]
pub struct Options {
    times: RequestOptions,
    mutable: bool,
}

/// `request`.
#[derive(Debug)]
pub struct Request {
    method: ::http::Method,
    scheme: Option<::http::uri::Scheme>,
    authority: Option<String>,
    path: Option<String>,
    headers: Fields,
    options: Option<Arc<RequestOptions>>,
    content: Content,
}

/// `response`.
#[derive(Debug)]
pub struct Response {
    status: ::http::StatusCode,
    headers: Fields,
    content: Content,
}

/// Adds `wasi:http/types`.
pub(crate) fn link_types(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, Http>(linker, |state| state)
}

/// Adds `wasi:http/client`.
pub(crate) fn link_client(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    client::add_to_linker::<_, Http>(linker, |state| state)
}

type Outgoing = (
    Result<(::http::Request<super::Body>, RequestOptions), ErrorCode>,
    Transfer,
);

impl Request {
    /// One that came in.
    pub(crate) fn incoming(request: ::http::Request<super::Body>) -> Request {
        let (parts, body) = request.into_parts();
        let authority = super::authority_of(&parts).map(str::to_owned);
        let scheme = parts.uri.scheme().cloned();
        Request {
            scheme: Some(scheme.unwrap_or(::http::uri::Scheme::HTTP)),
            authority,
            path: parts.uri.path_and_query().map(|it| it.as_str().to_owned()),
            method: parts.method,
            headers: Fields::incoming(parts.headers),
            options: None,
            content: Content::host(body),
        }
    }

    /// For the client, if it can be sent, and what is to be told how that went.
    fn into_http(self, store: impl AsContextMut<Data = State>) -> wasmtime::Result<Outgoing> {
        let headers = self.headers.into_map();
        let length = content_length(&headers);
        // The content is taken in any case: what it holds of the store must be closed.
        let (body, transfer) = self.content.request(store, length)?;
        let authority = self.authority.as_deref().and_then(super::parse_authority);
        let path = match self.path.as_deref() {
            None => None,
            Some(path) => match super::parse_path(path) {
                Some(path) => Some(path),
                None => return Ok((Err(ErrorCode::HttpRequestUriInvalid), transfer)),
            },
        };
        let options = self.options.map_or_else(RequestOptions::default, |it| *it);
        let made = super::assemble(self.method, self.scheme, authority, path, headers, body);
        Ok((made.map(|request| (request, options)), transfer))
    }
}

impl Response {
    fn incoming(response: ::http::Response<super::Body>) -> Response {
        let (parts, body) = response.into_parts();
        Response {
            status: parts.status,
            headers: Fields::incoming(parts.headers),
            content: Content::host(body),
        }
    }

    /// For the client of a service, and the side that a guest writes, if it does.
    fn into_http(
        self,
        store: impl AsContextMut<Data = State>,
        to_head: bool,
    ) -> wasmtime::Result<(::http::Response<super::Body>, Option<Writer>)> {
        let headers = self.headers.into_map();
        let bodiless = to_head
            || [
                ::http::StatusCode::NO_CONTENT,
                ::http::StatusCode::NOT_MODIFIED,
            ]
            .contains(&self.status);
        let (body, writer) = if bodiless {
            (super::empty(), self.content.discard(store)?)
        } else {
            let length = content_length(&headers);
            self.content.respond(store, length)?
        };
        let mut response = ::http::Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        Ok((response, writer))
    }
}

/// Takes what a handler answered out of the store, hands it on, and waits until its body is
/// written: the guest's tasks go on meanwhile.
pub(crate) async fn reply(
    accessor: &Accessor<State>,
    answer: Result<Resource<Response>, Code>,
    to_head: bool,
    reply: super::ReplyTo,
) -> wasmtime::Result<()> {
    let response = match answer {
        Ok(response) => response,
        Err(code) => {
            reply(Err(super::convert::from_code(code)));
            return Ok(());
        }
    };
    let (response, writer) = accessor.with(|mut access| {
        let response = access.data_mut().table.delete(response)?;
        response.into_http(access, to_head)
    })?;
    reply(Ok(response));
    if let Some(writer) = writer {
        poll_fn(|context| writer.poll_over(context)).await;
    }
    Ok(())
}

impl client::Host for &mut State {}

impl client::HostWithStore<State> for Http {
    async fn send(
        accessor: &Accessor<State, Http>,
        request: Resource<Request>,
    ) -> wasmtime::Result<Result<Resource<Response>, Code>> {
        send(accessor, ViewId::PROGRAM, request).await
    }
}

/// Sends a request by the rules of a view, and waits for the head of the response.
pub(crate) async fn send<D>(
    accessor: &Accessor<State, D>,
    view: ViewId,
    request: Resource<Request>,
) -> wasmtime::Result<Result<Resource<Response>, Code>>
where
    D: HasData + ?Sized,
{
    let (begun, transfer) = accessor.with(|mut access| {
        let request = access.data_mut().table.delete(request)?;
        let (made, transfer) = request.into_http(&mut access)?;
        let begun =
            made.and_then(|(request, options)| access.data_mut().send(view, request, options));
        Ok::<_, wasmtime::Error>((begun, transfer))
    })?;
    let answer = match begun {
        Ok(future) => future.await,
        Err(error) => Err(error),
    };
    transfer.answered(answer.as_ref().map(|_| ()).map_err(Clone::clone));
    match answer {
        Ok(response) => accessor.with(|mut access| {
            let response = Response::incoming(response);
            Ok(Ok(access.data_mut().table.push(response)?))
        }),
        Err(error) => Ok(Err(super::convert::into_code(error))),
    }
}

//! Requests and responses, those that came in and those that a guest makes.

use ::http::uri::Scheme as HttpScheme;
use ::http::{Method as HttpMethod, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use wasmtime::component::Resource;

use super::{
    Body, Direction, ErrorCode, Fields, GuestBody, IncomingBodyResource, OutgoingBody, State,
    Writer, assemble, content_length, empty, parse_authority, parse_path, types,
};
use crate::http::{authority_of, channel, status_code};

/// `incoming-request`.
#[derive(Debug)]
pub struct IncomingRequest {
    method: HttpMethod,
    path: Option<String>,
    scheme: HttpScheme,
    authority: Option<String>,
    headers: Fields,
    body: Option<Body>,
}

impl IncomingRequest {
    pub(crate) fn new(request: Request<Body>) -> IncomingRequest {
        let (parts, body) = request.into_parts();
        let authority = authority_of(&parts).map(str::to_owned);
        let uri = parts.uri;
        IncomingRequest {
            method: parts.method,
            path: uri.path_and_query().map(|path| path.as_str().to_owned()),
            scheme: uri.scheme().cloned().unwrap_or(HttpScheme::HTTP),
            authority,
            headers: Fields::incoming(parts.headers),
            body: Some(body),
        }
    }
}

/// `incoming-response`.
#[derive(Debug)]
pub struct IncomingResponse {
    status: u16,
    headers: Fields,
    body: Option<Body>,
}

impl IncomingResponse {
    pub(crate) fn new(response: Response<Body>) -> IncomingResponse {
        let (parts, body) = response.into_parts();
        IncomingResponse {
            status: parts.status.as_u16(),
            headers: Fields::incoming(parts.headers),
            body: Some(body),
        }
    }
}

/// `outgoing-request`.
#[derive(Debug)]
pub struct OutgoingRequest {
    method: types::Method,
    path: Option<String>,
    scheme: Option<types::Scheme>,
    authority: Option<String>,
    headers: Fields,
    body: Option<GuestBody>,
}

impl OutgoingRequest {
    pub(crate) fn into_http(self) -> Result<Request<Body>, ErrorCode> {
        let method = self
            .method
            .parsed()
            .ok_or(ErrorCode::HttpRequestMethodInvalid)?;
        let invalid = ErrorCode::HttpRequestUriInvalid;
        let scheme = match &self.scheme {
            None => None,
            Some(scheme) => Some(scheme.parsed().ok_or(ErrorCode::HttpProtocolError)?),
        };
        let authority = match &self.authority {
            None => None,
            Some(text) => Some(parse_authority(text).ok_or_else(|| invalid.clone())?),
        };
        let path = match &self.path {
            None => None,
            Some(text) => Some(parse_path(text).ok_or(invalid)?),
        };
        let headers = self.headers.into_map();
        let body = outgoing_body(self.body, Direction::Request, content_length(&headers))?;
        assemble(method, scheme, authority, path, headers, body)
    }
}

/// `outgoing-response`.
#[derive(Debug)]
pub struct OutgoingResponse {
    status: StatusCode,
    headers: Fields,
    body: Option<GuestBody>,
}

impl OutgoingResponse {
    /// To a request that is answered without a body (`HEAD`), what the guest writes of one is
    /// dropped, which is no error; so it is with statuses that have none.
    pub(crate) fn into_http(self, to_head: bool) -> Result<Response<Body>, ErrorCode> {
        let headers = self.headers.into_map();
        let bodiless = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED];
        let body = match self.body {
            Some(body) if to_head || bodiless.contains(&self.status) => {
                body.discard();
                empty()
            }
            None if to_head => empty(),
            body => outgoing_body(body, Direction::Response, content_length(&headers))?,
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

/// The body of a message, which may declare a length without ever having asked for a body: as
/// an answer to `HEAD` does, or a message that lies.
fn outgoing_body(
    body: Option<GuestBody>,
    direction: Direction,
    length: Option<u64>,
) -> Result<Body, ErrorCode> {
    match (body, direction, length) {
        (Some(body), _, _) => Ok(body.boxed_unsync()),
        (None, Direction::Request, Some(1..)) => Err(ErrorCode::HttpRequestBodySize(Some(0))),
        (None, Direction::Response, Some(1..)) => {
            let (writer, body) = channel(Direction::Response, length);
            let _ = writer.finish(None);
            Ok(body.boxed_unsync())
        }
        (None, _, _) => Ok(empty()),
    }
}

type Taken<T> = wasmtime::Result<Result<Resource<T>, ()>>;
type Set = wasmtime::Result<Result<(), ()>>;

impl types::HostIncomingRequest for State {
    fn method(&mut self, request: Resource<IncomingRequest>) -> wasmtime::Result<types::Method> {
        Ok((&self.table.get(&request)?.method).into())
    }

    fn path_with_query(
        &mut self,
        request: Resource<IncomingRequest>,
    ) -> wasmtime::Result<Option<String>> {
        Ok(self.table.get(&request)?.path.clone())
    }

    fn scheme(
        &mut self,
        request: Resource<IncomingRequest>,
    ) -> wasmtime::Result<Option<types::Scheme>> {
        Ok(Some((&self.table.get(&request)?.scheme).into()))
    }

    fn authority(
        &mut self,
        request: Resource<IncomingRequest>,
    ) -> wasmtime::Result<Option<String>> {
        Ok(self.table.get(&request)?.authority.clone())
    }

    fn headers(
        &mut self,
        request: Resource<IncomingRequest>,
    ) -> wasmtime::Result<Resource<Fields>> {
        let headers = self.table.get(&request)?.headers.clone();
        Ok(self.table.push(headers)?)
    }

    fn consume(&mut self, request: Resource<IncomingRequest>) -> Taken<IncomingBodyResource> {
        match self.table.get_mut(&request)?.body.take() {
            Some(body) => Ok(Ok(self.table.push(IncomingBodyResource::new(body))?)),
            None => Ok(Err(())),
        }
    }

    fn drop(&mut self, request: Resource<IncomingRequest>) -> wasmtime::Result<()> {
        self.table.delete(request)?;
        Ok(())
    }
}

impl types::HostIncomingResponse for State {
    fn status(&mut self, response: Resource<IncomingResponse>) -> wasmtime::Result<u16> {
        Ok(self.table.get(&response)?.status)
    }

    fn headers(
        &mut self,
        response: Resource<IncomingResponse>,
    ) -> wasmtime::Result<Resource<Fields>> {
        let headers = self.table.get(&response)?.headers.clone();
        Ok(self.table.push(headers)?)
    }

    fn consume(&mut self, response: Resource<IncomingResponse>) -> Taken<IncomingBodyResource> {
        match self.table.get_mut(&response)?.body.take() {
            Some(body) => Ok(Ok(self.table.push(IncomingBodyResource::new(body))?)),
            None => Ok(Err(())),
        }
    }

    fn drop(&mut self, response: Resource<IncomingResponse>) -> wasmtime::Result<()> {
        self.table.delete(response)?;
        Ok(())
    }
}

impl types::HostOutgoingRequest for State {
    fn new(&mut self, headers: Resource<Fields>) -> wasmtime::Result<Resource<OutgoingRequest>> {
        let request = OutgoingRequest {
            method: types::Method::Get,
            path: None,
            scheme: None,
            authority: None,
            headers: self.take_fields(headers)?,
            body: None,
        };
        Ok(self.table.push(request)?)
    }

    fn body(&mut self, request: Resource<OutgoingRequest>) -> Taken<OutgoingBody> {
        let request = self.table.get_mut(&request)?;
        if request.body.is_some() {
            return Ok(Err(()));
        }
        let length = content_length(request.headers.map());
        let (writer, body) = channel(Direction::Request, length);
        request.body = Some(body);
        self.push_body(writer)
    }

    fn method(&mut self, request: Resource<OutgoingRequest>) -> wasmtime::Result<types::Method> {
        Ok(self.table.get(&request)?.method.clone())
    }

    fn set_method(&mut self, request: Resource<OutgoingRequest>, method: types::Method) -> Set {
        let request = self.table.get_mut(&request)?;
        if method.parsed().is_none() {
            return Ok(Err(()));
        }
        request.method = method;
        Ok(Ok(()))
    }

    fn path_with_query(
        &mut self,
        request: Resource<OutgoingRequest>,
    ) -> wasmtime::Result<Option<String>> {
        Ok(self.table.get(&request)?.path.clone())
    }

    fn set_path_with_query(
        &mut self,
        request: Resource<OutgoingRequest>,
        path: Option<String>,
    ) -> Set {
        let request = self.table.get_mut(&request)?;
        if path
            .as_deref()
            .is_some_and(|path| parse_path(path).is_none())
        {
            return Ok(Err(()));
        }
        request.path = path;
        Ok(Ok(()))
    }

    fn scheme(
        &mut self,
        request: Resource<OutgoingRequest>,
    ) -> wasmtime::Result<Option<types::Scheme>> {
        Ok(self.table.get(&request)?.scheme.clone())
    }

    fn set_scheme(
        &mut self,
        request: Resource<OutgoingRequest>,
        scheme: Option<types::Scheme>,
    ) -> Set {
        let request = self.table.get_mut(&request)?;
        if scheme
            .as_ref()
            .is_some_and(|scheme| scheme.parsed().is_none())
        {
            return Ok(Err(()));
        }
        request.scheme = scheme;
        Ok(Ok(()))
    }

    fn authority(
        &mut self,
        request: Resource<OutgoingRequest>,
    ) -> wasmtime::Result<Option<String>> {
        Ok(self.table.get(&request)?.authority.clone())
    }

    fn set_authority(
        &mut self,
        request: Resource<OutgoingRequest>,
        authority: Option<String>,
    ) -> Set {
        let request = self.table.get_mut(&request)?;
        if authority
            .as_deref()
            .is_some_and(|it| parse_authority(it).is_none())
        {
            return Ok(Err(()));
        }
        request.authority = authority;
        Ok(Ok(()))
    }

    fn headers(
        &mut self,
        request: Resource<OutgoingRequest>,
    ) -> wasmtime::Result<Resource<Fields>> {
        let headers = self.table.get(&request)?.headers.clone();
        Ok(self.table.push(headers)?)
    }

    fn drop(&mut self, request: Resource<OutgoingRequest>) -> wasmtime::Result<()> {
        self.table.delete(request)?;
        Ok(())
    }
}

impl types::HostOutgoingResponse for State {
    fn new(&mut self, headers: Resource<Fields>) -> wasmtime::Result<Resource<OutgoingResponse>> {
        let response = OutgoingResponse {
            status: StatusCode::OK,
            headers: self.take_fields(headers)?,
            body: None,
        };
        Ok(self.table.push(response)?)
    }

    fn status_code(&mut self, response: Resource<OutgoingResponse>) -> wasmtime::Result<u16> {
        Ok(self.table.get(&response)?.status.as_u16())
    }

    fn set_status_code(&mut self, response: Resource<OutgoingResponse>, code: u16) -> Set {
        let response = self.table.get_mut(&response)?;
        // A service's answer is final: 1xx would be read as if another were to follow.
        match status_code(code).filter(|status| !status.is_informational()) {
            Some(status) => {
                response.status = status;
                Ok(Ok(()))
            }
            None => Ok(Err(())),
        }
    }

    fn headers(
        &mut self,
        response: Resource<OutgoingResponse>,
    ) -> wasmtime::Result<Resource<Fields>> {
        let headers = self.table.get(&response)?.headers.clone();
        Ok(self.table.push(headers)?)
    }

    fn body(&mut self, response: Resource<OutgoingResponse>) -> Taken<OutgoingBody> {
        let response = self.table.get_mut(&response)?;
        if response.body.is_some() {
            return Ok(Err(()));
        }
        let length = content_length(response.headers.map());
        let (writer, body) = channel(Direction::Response, length);
        response.body = Some(body);
        self.push_body(writer)
    }

    fn drop(&mut self, response: Resource<OutgoingResponse>) -> wasmtime::Result<()> {
        self.table.delete(response)?;
        Ok(())
    }
}

impl State {
    fn push_body(&mut self, writer: Writer) -> Taken<OutgoingBody> {
        Ok(Ok(self.table.push(OutgoingBody::new(writer))?))
    }
}

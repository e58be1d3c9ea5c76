//! `request`, `response` and `request-options` of 0.3.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Access, Resource, StreamReader};

use super::body::{Content, Outcome, Trailers};
use super::{Http, Options, Request, RequestOptions, Response, types};
use crate::State;
use crate::http::{Fields, is_authority, is_path, status_code};

type Set = wasmtime::Result<Result<(), ()>>;
type SetOption = wasmtime::Result<Result<(), types::RequestOptionsError>>;

impl types::Host for &mut State {}

fn take_headers(state: &mut State, headers: Resource<Fields>) -> wasmtime::Result<Fields> {
    Ok(state.table.delete(headers)?.freeze())
}

impl types::HostRequestWithStore<State> for Http {
    fn new(
        mut store: Access<'_, State, Http>,
        headers: Resource<Fields>,
        contents: Option<StreamReader<u8>>,
        trailers: Trailers,
        options: Option<Resource<Options>>,
    ) -> wasmtime::Result<(Resource<Request>, Outcome)> {
        let (content, sent) = Content::guest(&mut store, contents, trailers)?;
        let state = store.get();
        let options = match options {
            Some(options) => Some(Arc::new(state.table.delete(options)?.times)),
            None => None,
        };
        let request = Request {
            method: ::http::Method::GET,
            scheme: None,
            authority: None,
            path: None,
            headers: take_headers(state, headers)?,
            options,
            content,
        };
        Ok((state.table.push(request)?, sent))
    }

    fn consume_body(
        mut store: Access<'_, State, Http>,
        request: Resource<Request>,
        processed: Outcome,
    ) -> wasmtime::Result<(StreamReader<u8>, Trailers)> {
        let request = store.get().table.delete(request)?;
        request.content.consume(store, processed)
    }

    fn drop(
        mut store: Access<'_, State, Http>,
        request: Resource<Request>,
    ) -> wasmtime::Result<()> {
        let request = store.get().table.delete(request)?;
        request.content.drop(store)
    }
}

impl types::HostRequest for &mut State {
    fn get_method(&mut self, request: Resource<Request>) -> wasmtime::Result<types::Method> {
        Ok((&self.table.get(&request)?.method).into())
    }

    fn set_method(&mut self, request: Resource<Request>, method: types::Method) -> Set {
        let request = self.table.get_mut(&request)?;
        let Some(method) = method.parsed() else {
            return Ok(Err(()));
        };
        request.method = method;
        Ok(Ok(()))
    }

    fn get_path_with_query(
        &mut self,
        request: Resource<Request>,
    ) -> wasmtime::Result<Option<String>> {
        Ok(self.table.get(&request)?.path.clone())
    }

    fn set_path_with_query(&mut self, request: Resource<Request>, path: Option<String>) -> Set {
        let request = self.table.get_mut(&request)?;
        if path.as_deref().is_some_and(|it| !is_path(it)) {
            return Ok(Err(()));
        }
        request.path = path.map(|path| match path.is_empty() {
            true => "/".to_owned(),
            false => path,
        });
        Ok(Ok(()))
    }

    fn get_scheme(
        &mut self,
        request: Resource<Request>,
    ) -> wasmtime::Result<Option<types::Scheme>> {
        let scheme = self.table.get(&request)?.scheme.as_ref();
        Ok(scheme.map(types::Scheme::from))
    }

    fn set_scheme(&mut self, request: Resource<Request>, scheme: Option<types::Scheme>) -> Set {
        let request = self.table.get_mut(&request)?;
        request.scheme = match scheme.map(|scheme| scheme.parsed()) {
            None => None,
            Some(Some(scheme)) => Some(scheme),
            Some(None) => return Ok(Err(())),
        };
        Ok(Ok(()))
    }

    fn get_authority(&mut self, request: Resource<Request>) -> wasmtime::Result<Option<String>> {
        Ok(self.table.get(&request)?.authority.clone())
    }

    fn set_authority(&mut self, request: Resource<Request>, authority: Option<String>) -> Set {
        let request = self.table.get_mut(&request)?;
        if authority.as_deref().is_some_and(|it| !is_authority(it)) {
            return Ok(Err(()));
        }
        request.authority = authority;
        Ok(Ok(()))
    }

    fn get_options(
        &mut self,
        request: Resource<Request>,
    ) -> wasmtime::Result<Option<Resource<Options>>> {
        let Some(times) = self.table.get(&request)?.options.as_deref().copied() else {
            return Ok(None);
        };
        let options = Options {
            times,
            mutable: false,
        };
        Ok(Some(self.table.push(options)?))
    }

    fn get_headers(&mut self, request: Resource<Request>) -> wasmtime::Result<Resource<Fields>> {
        let headers = self.table.get(&request)?.headers.clone();
        Ok(self.table.push(headers)?)
    }
}

impl types::HostResponseWithStore<State> for Http {
    fn new(
        mut store: Access<'_, State, Http>,
        headers: Resource<Fields>,
        contents: Option<StreamReader<u8>>,
        trailers: Trailers,
    ) -> wasmtime::Result<(Resource<Response>, Outcome)> {
        let (content, sent) = Content::guest(&mut store, contents, trailers)?;
        let state = store.get();
        let response = Response {
            status: ::http::StatusCode::OK,
            headers: take_headers(state, headers)?,
            content,
        };
        Ok((state.table.push(response)?, sent))
    }

    fn consume_body(
        mut store: Access<'_, State, Http>,
        response: Resource<Response>,
        processed: Outcome,
    ) -> wasmtime::Result<(StreamReader<u8>, Trailers)> {
        let response = store.get().table.delete(response)?;
        response.content.consume(store, processed)
    }

    fn drop(
        mut store: Access<'_, State, Http>,
        response: Resource<Response>,
    ) -> wasmtime::Result<()> {
        let response = store.get().table.delete(response)?;
        response.content.drop(store)
    }
}

impl types::HostResponse for &mut State {
    fn get_status_code(&mut self, response: Resource<Response>) -> wasmtime::Result<u16> {
        Ok(self.table.get(&response)?.status.as_u16())
    }

    fn set_status_code(&mut self, response: Resource<Response>, code: u16) -> Set {
        let response = self.table.get_mut(&response)?;
        let Some(status) = status_code(code) else {
            return Ok(Err(()));
        };
        response.status = status;
        Ok(Ok(()))
    }

    fn get_headers(&mut self, response: Resource<Response>) -> wasmtime::Result<Resource<Fields>> {
        let headers = self.table.get(&response)?.headers.clone();
        Ok(self.table.push(headers)?)
    }
}

fn nanoseconds(time: Option<Duration>) -> Option<u64> {
    time.map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

fn change(
    state: &mut State,
    options: &Resource<Options>,
    change: impl FnOnce(&mut RequestOptions),
) -> SetOption {
    let options = state.table.get_mut(options)?;
    if !options.mutable {
        return Ok(Err(types::RequestOptionsError::Immutable));
    }
    change(&mut options.times);
    Ok(Ok(()))
}

impl types::HostRequestOptions for &mut State {
    fn new(&mut self) -> wasmtime::Result<Resource<Options>> {
        let options = Options {
            times: RequestOptions::default(),
            mutable: true,
        };
        Ok(self.table.push(options)?)
    }

    fn get_connect_timeout(&mut self, it: Resource<Options>) -> wasmtime::Result<Option<u64>> {
        Ok(nanoseconds(self.table.get(&it)?.times.connect))
    }

    fn set_connect_timeout(&mut self, it: Resource<Options>, time: Option<u64>) -> SetOption {
        let time = time.map(Duration::from_nanos);
        change(self, &it, |times| times.connect = time)
    }

    fn get_first_byte_timeout(&mut self, it: Resource<Options>) -> wasmtime::Result<Option<u64>> {
        Ok(nanoseconds(self.table.get(&it)?.times.first_byte))
    }

    fn set_first_byte_timeout(&mut self, it: Resource<Options>, time: Option<u64>) -> SetOption {
        let time = time.map(Duration::from_nanos);
        change(self, &it, |times| times.first_byte = time)
    }

    fn get_between_bytes_timeout(
        &mut self,
        it: Resource<Options>,
    ) -> wasmtime::Result<Option<u64>> {
        Ok(nanoseconds(self.table.get(&it)?.times.between_bytes))
    }

    fn set_between_bytes_timeout(&mut self, it: Resource<Options>, time: Option<u64>) -> SetOption {
        let time = time.map(Duration::from_nanos);
        change(self, &it, |times| times.between_bytes = time)
    }

    fn clone(&mut self, it: Resource<Options>) -> wasmtime::Result<Resource<Options>> {
        let times = self.table.get(&it)?.times;
        let copy = Options {
            times,
            mutable: true,
        };
        Ok(self.table.push(copy)?)
    }

    fn drop(&mut self, it: Resource<Options>) -> wasmtime::Result<()> {
        self.table.delete(it)?;
        Ok(())
    }
}

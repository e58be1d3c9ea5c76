//! `wasi:cli`: arguments, environment, standard streams, exit.

use holm_abi::{Errno, Fd};
use wasmtime::AsContextMut;
use wasmtime::component::{Access, FutureReader, HasSelf, StreamReader};

use super::bytes::Bytes;
use super::ending::Ending;
use crate::bindings::p3::wasi::cli::types::{self, ErrorCode};
use crate::bindings::p3::wasi::cli::{environment, exit, stderr, stdin, stdout};
use crate::{State, ViewId};

type Ended = FutureReader<Result<(), ErrorCode>>;

fn error(errno: Errno) -> ErrorCode {
    match errno {
        Errno::BrokenPipe => ErrorCode::Pipe,
        Errno::IllegalSequence => ErrorCode::IllegalByteSequence,
        _ => ErrorCode::Io,
    }
}

/// A closed standard input is at its end.
fn input_error(errno: Errno) -> Result<(), ErrorCode> {
    match errno {
        Errno::BadFd => Ok(()),
        errno => Err(error(errno)),
    }
}

/// A closed standard output has nobody at its other end.
fn output_error(errno: Errno) -> Result<(), ErrorCode> {
    match errno {
        Errno::BadFd => Err(ErrorCode::Pipe),
        errno => Err(error(errno)),
    }
}

/// Writes a stream of the guest to a standard stream.
fn write(
    store: &mut impl AsContextMut<Data = State>,
    fd: Fd,
    data: StreamReader<u8>,
) -> wasmtime::Result<Ended> {
    let mut store = store.as_context_mut();
    let state = store.data_mut();
    let (ending, ended) = Ending::new();
    let owned = state.lend(ViewId::PROGRAM, fd);
    let bytes = Bytes::new(state, owned, None, ending, output_error);
    data.pipe(&mut store, bytes.writing())?;
    FutureReader::new(&mut store, ended)
}

impl types::Host for State {}

impl environment::Host for State {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.environment(ViewId::PROGRAM))
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self.arguments(ViewId::PROGRAM))
    }

    fn get_initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}

impl exit::Host for State {
    fn exit(&mut self, status: Result<(), ()>) -> wasmtime::Result<()> {
        Err(State::exit(self, u32::from(status.is_err())))
    }

    fn exit_with_code(&mut self, code: u8) -> wasmtime::Result<()> {
        Err(State::exit(self, u32::from(code)))
    }
}

impl stdin::Host for State {}

impl stdin::HostWithStore<State> for HasSelf<State> {
    fn read_via_stream(
        mut store: Access<'_, State, Self>,
    ) -> wasmtime::Result<(StreamReader<u8>, Ended)> {
        let (ending, ended) = Ending::new();
        let state = store.get();
        let owned = state.lend(ViewId::PROGRAM, Fd::STDIN);
        let bytes = Bytes::new(state, owned, None, ending, input_error);
        let stream = StreamReader::new(&mut store, bytes.reading())?;
        Ok((stream, FutureReader::new(&mut store, ended)?))
    }
}

impl stdout::Host for State {}

impl stdout::HostWithStore<State> for HasSelf<State> {
    fn write_via_stream(
        mut store: Access<'_, State, Self>,
        data: StreamReader<u8>,
    ) -> wasmtime::Result<Ended> {
        write(&mut store, Fd::STDOUT, data)
    }
}

impl stderr::Host for State {}

impl stderr::HostWithStore<State> for HasSelf<State> {
    fn write_via_stream(
        mut store: Access<'_, State, Self>,
        data: StreamReader<u8>,
    ) -> wasmtime::Result<Ended> {
        write(&mut store, Fd::STDERR, data)
    }
}

//! `wasi:cli`: arguments, environment, standard streams, exit.

use holm_abi::Fd;
use wasmtime::component::Resource;

use crate::bindings::p2::wasi::cli::{environment, exit, stderr, stdin, stdout};
use crate::{InputStream, OutputStream, State, ViewId};

impl State {
    /// Environment variables of a view.
    pub(crate) fn environment(&self, view: ViewId) -> Vec<(String, String)> {
        self.process(view).environment().to_vec()
    }

    /// Arguments of a view, the program's name first.
    pub(crate) fn arguments(&self, view: ViewId) -> Vec<String> {
        self.process(view).arguments().to_vec()
    }

    /// Standard input of a view; a closed one is at its end.
    pub(crate) fn standard_input(
        &mut self,
        view: ViewId,
    ) -> wasmtime::Result<Resource<InputStream>> {
        let owned = self.lend(view, Fd::STDIN);
        Ok(self.table.push(InputStream::Stream(owned))?)
    }

    /// Standard output or error of a view.
    pub(crate) fn standard_output(
        &mut self,
        view: ViewId,
        fd: Fd,
    ) -> wasmtime::Result<Resource<OutputStream>> {
        let owned = self.lend(view, fd);
        Ok(self.table.push(OutputStream::stream(owned))?)
    }

    /// Ends the program.
    pub(crate) fn exit(&mut self, code: u32) -> wasmtime::Error {
        if let Err(killed) = self.send_the_rest() {
            return killed;
        }
        let _ = self.guest.task.proc_exit(code);
        self.guest.unwind()
    }
}

impl environment::Host for State {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.environment(ViewId::PROGRAM))
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self.arguments(ViewId::PROGRAM))
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
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

impl stdin::Host for State {
    fn get_stdin(&mut self) -> wasmtime::Result<Resource<InputStream>> {
        self.standard_input(ViewId::PROGRAM)
    }
}

impl stdout::Host for State {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<OutputStream>> {
        self.standard_output(ViewId::PROGRAM, Fd::STDOUT)
    }
}

impl stderr::Host for State {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<OutputStream>> {
        self.standard_output(ViewId::PROGRAM, Fd::STDERR)
    }
}

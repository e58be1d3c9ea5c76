//! Terminals of `wasi:cli`, which are the same in 0.2 and in 0.3.

use holm_abi::{Fd, FileType, Rights};
use wasmtime::component::Resource;

use crate::bindings::p2::wasi::cli as two;
use crate::bindings::p3::wasi::cli as three;
use crate::{State, ViewId};

/// `terminal-input` and `terminal-output`: nothing can be asked of one yet.
#[derive(Debug)]
pub struct Terminal;

impl State {
    /// The terminal behind a standard stream of a view, when there is one.
    fn terminal(&mut self, view: ViewId, fd: Fd) -> wasmtime::Result<Option<Resource<Terminal>>> {
        let stat = self.call(view, |task| task.fd_fdstat_get(fd))?;
        let is_terminal = stat.is_ok_and(|stat| {
            stat.file_type == FileType::CharacterDevice && !stat.rights.contains(Rights::FD_SEEK)
        });
        if !is_terminal {
            return Ok(None);
        }
        Ok(Some(self.table.push(Terminal)?))
    }
}

macro_rules! interfaces {
    ($cli:ident) => {
        impl $cli::terminal_input::Host for State {}

        impl $cli::terminal_input::HostTerminalInput for State {
            fn drop(&mut self, terminal: Resource<Terminal>) -> wasmtime::Result<()> {
                self.table.delete(terminal)?;
                Ok(())
            }
        }

        impl $cli::terminal_output::Host for State {}

        impl $cli::terminal_output::HostTerminalOutput for State {
            fn drop(&mut self, terminal: Resource<Terminal>) -> wasmtime::Result<()> {
                self.table.delete(terminal)?;
                Ok(())
            }
        }

        impl $cli::terminal_stdin::Host for State {
            fn get_terminal_stdin(&mut self) -> wasmtime::Result<Option<Resource<Terminal>>> {
                self.terminal(ViewId::PROGRAM, Fd::STDIN)
            }
        }

        impl $cli::terminal_stdout::Host for State {
            fn get_terminal_stdout(&mut self) -> wasmtime::Result<Option<Resource<Terminal>>> {
                self.terminal(ViewId::PROGRAM, Fd::STDOUT)
            }
        }

        impl $cli::terminal_stderr::Host for State {
            fn get_terminal_stderr(&mut self) -> wasmtime::Result<Option<Resource<Terminal>>> {
                self.terminal(ViewId::PROGRAM, Fd::STDERR)
            }
        }
    };
}

interfaces!(two);
interfaces!(three);

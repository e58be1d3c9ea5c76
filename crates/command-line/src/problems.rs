//! What may go wrong between a plan and its end, in the same words on every host.

use core::net::SocketAddr;
use std::fmt::Display;
use std::path::Path;

use holm_abi::Errno;
use holm_explain::exit;
use holm_explain::text::shown_lines;
use holm_kernel::{MountError, SpawnError};

use crate::error::CommandError;
use crate::host::Host;

/// The program cannot be run; `error` says why.
pub fn not_runnable(error: impl Display) -> CommandError {
    CommandError::new(exit::NOT_RUNNABLE, shown_lines(&error.to_string()))
}

/// There is no such program; `error` says so.
pub fn not_found(error: impl Display) -> CommandError {
    CommandError::new(exit::NOT_FOUND, shown_lines(&error.to_string()))
}

/// The process cannot be made.
pub fn not_spawned(error: &SpawnError) -> CommandError {
    let failure = CommandError::new(exit::USAGE, shown_lines(&error.to_string()));
    match error {
        SpawnError::Refused(Errno::TooManyFds) => failure.hint(
            "standard streams, directories and sockets take a descriptor each; raise --max-fds",
        ),
        _ => failure,
    }
}

/// The host cannot give what was granted under the guest path or address `guest`.
pub fn not_given(guest: &str, error: impl Display) -> CommandError {
    CommandError::failed(format_args!("cannot give the program {guest}: {error}"))
}

/// Nothing can be mounted at the guest path `guest`.
pub fn not_mounted(guest: &str, error: &MountError) -> CommandError {
    CommandError::usage(format_args!("cannot give the program {guest}: {error}"))
}

/// The file of the trace cannot be written.
pub fn no_trace(path: &Path, error: impl Display) -> CommandError {
    CommandError::failed(format_args!(
        "the trace cannot be written to {}: {error}",
        path.display()
    ))
}

/// Says on which address a granted socket listens: the port may have been the host's choice.
pub fn say_listening(bound: SocketAddr, host: &dyn Host) {
    note!(host, "holm: listening on {bound}");
}

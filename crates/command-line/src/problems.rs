//! What may go wrong between a plan and its end, in the same words on every host.

use core::net::SocketAddr;
use std::fmt::Display;
use std::path::Path;

use holm_abi::Errno;
use holm_explain::exit;
use holm_explain::text::shown_lines;
use holm_kernel::{MountError, SpawnError};
use holm_package::host_error::HostError;
use holm_package::manifest::ManifestError;
use holm_package::program::{self, PROGRAM_BYTES_MAX, ProgramError};

use crate::error::CommandError;
use crate::host::{FileKind, Host};
use crate::system_error::system_error;

/// The program cannot be run; `error` says why.
pub fn not_runnable(error: impl Display) -> CommandError {
    CommandError::new(exit::NOT_RUNNABLE, shown_lines(&error.to_string()))
}

/// The file is no program that can be run.
pub fn no_program(error: &ProgramError) -> CommandError {
    let code = match error {
        ProgramError::NotFound { .. } => exit::NOT_FOUND,
        _ => exit::NOT_RUNNABLE,
    };
    CommandError::new(code, shown_lines(&error.to_string()))
}

/// The text of this file is no manifest; every problem is shown with its line.
pub fn no_manifest(file: &Path, text: &str, error: &ManifestError) -> CommandError {
    CommandError::rendered(exit::NOT_RUNNABLE, crate::app::render(file, text, error))
}

/// Looks for a program without reading it, for hosts whose engines do not; answers its size.
///
/// # Errors
///
/// That it is not there, not a file, or larger than is read.
pub fn find_program(path: &Path, host: &dyn Host) -> Result<u64, CommandError> {
    let found = || -> Result<u64, ProgramError> {
        let at = || path.to_owned();
        match host.look(path) {
            Ok(FileKind::File(size)) => {
                program::check_size(&path.display().to_string(), size, PROGRAM_BYTES_MAX)?;
                Ok(size)
            }
            Ok(FileKind::Directory) => Err(ProgramError::IsDirectory { path: at() }),
            Ok(FileKind::Other) => Err(ProgramError::NotAFile { path: at() }),
            Err(error) => Err(ProgramError::unreadable(at(), error)),
        }
    };
    found().map_err(|error| no_program(&error))
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

/// The host's directory `path`, granted as `guest`, cannot be opened: the error that a Unix
/// system calls `name` (`ENOENT`) and numbers `number`.
pub fn no_directory(guest: &str, path: &Path, name: &str, number: i32) -> CommandError {
    let path = path.to_owned();
    let error = match name {
        "ENOENT" => HostError::NotFound { path },
        "ENOTDIR" => HostError::NotDirectory { path },
        "EACCES" | "EPERM" => HostError::Permission { path },
        "ELOOP" => HostError::Loop { path },
        _ => HostError::Directory {
            path,
            source: system_error(name, number),
        },
    };
    not_given(guest, error)
}

/// The address cannot be listened on, for an error as [`no_directory`] has it.
pub fn no_listener(address: SocketAddr, name: &str, number: i32) -> CommandError {
    let error = match name {
        "EADDRINUSE" => HostError::AddressInUse { address },
        "EADDRNOTAVAIL" => HostError::AddressNotAvailable { address },
        "EACCES" | "EPERM" => HostError::AddressPermission { address },
        _ => HostError::Listen {
            address,
            source: system_error(name, number),
        },
    };
    not_given(&address.to_string(), error)
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

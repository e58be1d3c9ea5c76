//! What can go wrong before a program runs: mounts and listeners that cannot be had.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

pub use holm_package::host_error::HostError;
use rustix::io::Errno;

/// Signals cannot be caught.
#[derive(Debug, thiserror::Error)]
#[error("signals cannot be caught: {source}")]
pub struct SignalsError {
    /// What the host said.
    pub(crate) source: io::Error,
}

/// Why a directory cannot be mounted.
pub(crate) fn directory(path: PathBuf, errno: Errno) -> HostError {
    match errno {
        Errno::NOENT => HostError::NotFound { path },
        Errno::NOTDIR => HostError::NotDirectory { path },
        Errno::ACCESS | Errno::PERM => HostError::Permission { path },
        Errno::LOOP => HostError::Loop { path },
        other => HostError::Directory {
            path,
            source: other.into(),
        },
    }
}

/// Why an address cannot be listened on.
pub(crate) fn listen(address: SocketAddr, errno: Errno) -> HostError {
    match errno {
        Errno::ADDRINUSE => HostError::AddressInUse { address },
        Errno::ADDRNOTAVAIL => HostError::AddressNotAvailable { address },
        Errno::ACCESS | Errno::PERM => HostError::AddressPermission { address },
        other => HostError::Listen {
            address,
            source: other.into(),
        },
    }
}

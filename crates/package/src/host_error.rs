//! Why a host cannot give what was granted: directories and listeners that cannot be had.

use core::net::SocketAddr;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why the host could not give what was asked for. The messages are for people.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HostError {
    /// A directory to mount is not there.
    #[error("{} does not exist; create it first, or correct the path", .path.display())]
    NotFound {
        /// The path as given.
        path: PathBuf,
    },
    /// What should be mounted is a file or something else.
    #[error("{} is not a directory; mount the directory that holds it", .path.display())]
    NotDirectory {
        /// The path as given.
        path: PathBuf,
    },
    /// The directory, or one above it, may not be entered.
    #[error("{} may not be entered by this user; check its permissions and those of the directories above it", .path.display())]
    Permission {
        /// The path as given.
        path: PathBuf,
    },
    /// Too many symbolic links on the way to the directory.
    #[error("{} leads through too many symbolic links; check it for a loop", .path.display())]
    Loop {
        /// The path as given.
        path: PathBuf,
    },
    /// Anything else about a directory.
    #[error("{} cannot be opened: {source}", .path.display())]
    Directory {
        /// The path as given.
        path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
    /// The address to listen on is taken.
    #[error("{address} is in use by another program; stop it, or listen on another port")]
    AddressInUse {
        /// The address as given.
        address: SocketAddr,
    },
    /// The address to listen on is not one of this machine's.
    #[error("{address} is not an address of this machine; use one of its own, or 127.0.0.1")]
    AddressNotAvailable {
        /// The address as given.
        address: SocketAddr,
    },
    /// The port may not be used.
    #[error(
        "{address} may not be used by this user; ports below 1024 need privileges, choose a higher one"
    )]
    AddressPermission {
        /// The address as given.
        address: SocketAddr,
    },
    /// Anything else about a listener.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address as given.
        address: SocketAddr,
        /// What the host said.
        source: io::Error,
    },
}

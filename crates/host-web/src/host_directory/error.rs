//! Why a directory of the host could not be mounted, in the native host's words.

use holm_abi::Errno;

/// What is wrong with a directory that was to be mounted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostDirectoryError {
    /// It is not there.
    #[error("{0} does not exist; create it first, or correct the path")]
    NotFound(String),
    /// It is a file or something else.
    #[error("{0} is not a directory; mount the directory that holds it")]
    NotDirectory(String),
    /// It, or one above it, may not be entered.
    #[error(
        "{0} may not be entered by this user; check its permissions and those of the directories above it"
    )]
    Permission(String),
    /// Too many symbolic links lead to it.
    #[error("{0} leads through too many symbolic links; check it for a loop")]
    Loop(String),
    /// There is no Node here, or it cannot keep the rules on this host.
    #[error(
        "{0} cannot be mounted here: directories of the host need Node on macOS, or on Linux with /proc; use a memory mount, an archive or a disk"
    )]
    Unavailable(String),
    /// Anything else.
    #[error("{path} cannot be opened: {}", errno.words())]
    Other {
        /// The path as given.
        path: String,
        /// What the host said.
        errno: Errno,
    },
}

impl HostDirectoryError {
    pub(super) fn new(path: String, errno: Errno) -> HostDirectoryError {
        match errno {
            Errno::NoEntry => HostDirectoryError::NotFound(path),
            Errno::NotDirectory => HostDirectoryError::NotDirectory(path),
            Errno::Access | Errno::NotPermitted => HostDirectoryError::Permission(path),
            Errno::Loop => HostDirectoryError::Loop(path),
            Errno::NotSupported | Errno::NotImplemented => HostDirectoryError::Unavailable(path),
            errno => HostDirectoryError::Other { path, errno },
        }
    }
}

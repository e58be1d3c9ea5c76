//! What a host function answers when it fails: an error for the guest, or a trap.

use holm_abi::Errno;
use wasmtime::component::ResourceTableError;

/// A failure of a function whose errors have codes.
#[derive(Debug)]
pub enum Failure {
    /// The guest gets the code that belongs to this.
    Errno(Errno),
    /// The guest ends.
    Trap(wasmtime::Error),
}

impl Failure {
    /// The code for the guest, or a trap.
    pub(crate) fn into_code<Code: From<Errno>>(self) -> wasmtime::Result<Code> {
        match self {
            Failure::Errno(errno) => Ok(errno.into()),
            Failure::Trap(error) => Err(error),
        }
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Failure {
        Failure::Errno(errno)
    }
}

impl From<wasmtime::Error> for Failure {
    fn from(error: wasmtime::Error) -> Failure {
        Failure::Trap(error)
    }
}

impl From<ResourceTableError> for Failure {
    fn from(error: ResourceTableError) -> Failure {
        Failure::Trap(error.into())
    }
}

/// A failure of a stream.
#[derive(Debug)]
pub enum StreamFailure {
    /// The stream is at its end, or the other side is gone.
    Closed,
    /// The last operation failed; the stream is of no further use.
    Failed(crate::IoError),
    /// The guest ends.
    Trap(wasmtime::Error),
}

impl From<Errno> for StreamFailure {
    fn from(errno: Errno) -> StreamFailure {
        match errno {
            Errno::BrokenPipe => StreamFailure::Closed,
            errno => StreamFailure::Failed(crate::IoError::Errno(errno)),
        }
    }
}

impl From<wasmtime::Error> for StreamFailure {
    fn from(error: wasmtime::Error) -> StreamFailure {
        StreamFailure::Trap(error)
    }
}

impl From<ResourceTableError> for StreamFailure {
    fn from(error: ResourceTableError) -> StreamFailure {
        StreamFailure::Trap(error.into())
    }
}

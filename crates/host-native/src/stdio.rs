//! Standard input, output and error of this process.
//!
//! What a program sees them as:
//!
//! | host | file type |
//! |---|---|
//! | terminal | `CharacterDevice`: programs take it for one, as they should |
//! | pipe, FIFO | `Unknown` |
//! | regular file | `RegularFile`, read and written at the host's own position |
//! | socket | `SocketStream`, `SocketDgram` |
//! | `/dev/null`, other devices | `Unknown`: never taken for a terminal |
//!
//! Writing to a pipe that nobody reads is `EPIPE`; the process must ignore SIGPIPE, which
//! Rust programs do from the start.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use holm_abi::FileType;
use holm_kernel::escape::FilteredTerminal;
use holm_kernel::vfs::Stream;
use rustix::fs::{FileType as HostType, fstat};
use rustix::net::SocketType;
use rustix::net::sockopt::socket_type;

use crate::byte_stream::ByteStream;
use crate::descriptor::Descriptor;
use crate::metadata;
use crate::socket::HostSocket;

/// What happens to terminal escape sequences that a program writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Escapes {
    /// On a terminal they are made visible, colours aside ([`EscapeFilter`](crate::EscapeFilter)).
    #[default]
    Filtered,
    /// They reach the terminal: by grant only.
    Granted,
}

/// Standard input.
#[must_use]
pub fn stdin() -> Arc<dyn Stream> {
    stream(rustix::stdio::stdin(), Escapes::Granted)
}

/// Standard output.
#[must_use]
pub fn stdout(escapes: Escapes) -> Arc<dyn Stream> {
    stream(rustix::stdio::stdout(), escapes)
}

/// Standard error.
#[must_use]
pub fn stderr(escapes: Escapes) -> Arc<dyn Stream> {
    stream(rustix::stdio::stderr(), escapes)
}

fn stream(fd: BorrowedFd<'static>, escapes: Escapes) -> Arc<dyn Stream> {
    let is_socket = fstat(fd).is_ok_and(|stat| metadata::host_type(&stat) == HostType::Socket);
    if is_socket {
        let file_type = match socket_type(fd) {
            Ok(SocketType::DGRAM) => FileType::SocketDgram,
            _ => FileType::SocketStream,
        };
        return Arc::new(HostSocket::new(Descriptor::Standard(fd), file_type));
    }
    let stream = ByteStream::standard(fd);
    if escapes == Escapes::Filtered && stream.file_type() == FileType::CharacterDevice {
        return Arc::new(FilteredTerminal::new(stream));
    }
    Arc::new(stream)
}

#[cfg(all(test, target_os = "linux"))]
mod tests;

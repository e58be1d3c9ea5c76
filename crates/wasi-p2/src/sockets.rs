//! Sockets, as 0.2 and 0.3 both have them: states over descriptors of the kernel.

pub(crate) mod address;
mod convert;
pub(crate) mod lookup;
pub(crate) mod tcp;
pub(crate) mod udp;

use std::fmt::Debug;
use std::task::{Context, Poll};

use holm_abi::{AddressFamily, Errno, SocketKind, SocketOption};
use wasmtime::component::{Resource, ResourceTable, ResourceTableError};

use crate::{Failure, Owned, State, ViewId};

/// `wasi:sockets/network.network`: it opens nothing by itself, so there is nothing in it.
#[derive(Debug)]
pub struct Network;

/// A failure of a function of `wasi:sockets`.
#[derive(Debug)]
pub enum SocketError {
    /// The guest gets the code that belongs to this.
    Errno(Errno),
    /// The operation does not belong to the state that the socket is in.
    InvalidState,
    /// An argument is one that no socket of this kind takes.
    InvalidArgument,
    /// Another operation of the socket is under way (0.2 alone).
    ConcurrencyConflict,
    /// Nothing is under way that could be finished (0.2 alone).
    NotInProgress,
    /// The operation is still under way (0.2 alone).
    WouldBlock,
    /// The guest ends.
    Trap(wasmtime::Error),
}

impl From<Errno> for SocketError {
    fn from(errno: Errno) -> SocketError {
        SocketError::Errno(errno)
    }
}

impl From<wasmtime::Error> for SocketError {
    fn from(error: wasmtime::Error) -> SocketError {
        SocketError::Trap(error)
    }
}

impl From<ResourceTableError> for SocketError {
    fn from(error: ResourceTableError) -> SocketError {
        SocketError::Trap(error.into())
    }
}

impl From<Failure> for SocketError {
    fn from(failure: Failure) -> SocketError {
        match failure {
            Failure::Errno(errno) => SocketError::Errno(errno),
            Failure::Trap(error) => SocketError::Trap(error),
        }
    }
}

/// What a function of a socket answers.
pub(crate) type Answer<T> = Result<T, SocketError>;

/// A resource that is a socket.
pub(crate) trait AsSocket: Debug + Send + 'static {
    /// Its descriptor, unless it is of no use any more.
    fn descriptor(&self) -> Answer<&Owned>;
}

/// The descriptor behind a socket.
pub(crate) fn descriptor<S: AsSocket>(
    table: &ResourceTable,
    socket: &Resource<S>,
) -> Answer<Owned> {
    table.get(socket)?.descriptor().cloned()
}

const SECOND_NS: u64 = 1_000_000_000;

/// What an option is set to when a guest asks for `value`: 0 is an error, and anything else is
/// brought into the range that every host takes (`wasi:sockets`: "any other value will never
/// cause an error, but it might be silently clamped").
fn clamped(option: SocketOption, value: u64) -> Answer<u64> {
    let range = match option {
        SocketOption::KeepAlive | SocketOption::NoDelay => return Ok(value),
        SocketOption::Listening => return Err(SocketError::InvalidArgument),
        // The most that Linux takes, in whole seconds; others take more.
        SocketOption::KeepAliveIdle | SocketOption::KeepAliveInterval => {
            SECOND_NS..=32_767 * SECOND_NS
        }
        SocketOption::KeepAliveCount => 1..=127,
        SocketOption::HopLimit => 1..=255,
        SocketOption::ReceiveBuffer | SocketOption::SendBuffer => 1..=0x7fff_ffff,
    };
    if value == 0 {
        return Err(SocketError::InvalidArgument);
    }
    Ok(value.clamp(*range.start(), *range.end()))
}

impl State {
    /// A new descriptor of a socket that is not bound.
    fn open_socket(
        &mut self,
        view: ViewId,
        family: AddressFamily,
        kind: SocketKind,
    ) -> Answer<Owned> {
        let fd = self.call(view, |task| task.sock_open(family, kind))??;
        Ok(self.own(view, fd))
    }

    /// Value of an option.
    pub(crate) fn socket_option<S: AsSocket>(
        &mut self,
        socket: &Resource<S>,
        option: SocketOption,
    ) -> Answer<u64> {
        let owned = descriptor(&self.table, socket)?;
        Ok(self.call(owned.view(), |task| {
            task.sock_option_get(owned.fd(), option)
        })??)
    }

    /// Sets an option, as near to the value as can be.
    pub(crate) fn set_socket_option<S: AsSocket>(
        &mut self,
        socket: &Resource<S>,
        option: SocketOption,
        value: u64,
    ) -> Answer<()> {
        let owned = descriptor(&self.table, socket)?;
        let value = clamped(option, value)?;
        let set = self.call(owned.view(), |task| {
            task.sock_option_set(owned.fd(), option, value)
        })?;
        match (option, set) {
            // A buffer larger than the host gives is a hint that it does not follow.
            (SocketOption::ReceiveBuffer | SocketOption::SendBuffer, Err(Errno::NoBufferSpace)) => {
                Ok(())
            }
            (_, set) => Ok(set?),
        }
    }

    /// Makes one attempt at something that would wait, with the waker of the program's thread.
    pub(crate) fn attempt<T>(
        &mut self,
        poll: impl FnOnce(&mut State, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let waker = self.guest.task.waker().clone();
        poll(self, &mut Context::from_waker(&waker))
    }
}

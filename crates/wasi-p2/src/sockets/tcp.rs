//! TCP: from a socket that is not bound to a connection.

use std::net::SocketAddr;
use std::task::{Context, Poll};

use holm_abi::{AddressFamily, Errno, FdFlags, ShutdownFlags, SocketKind};
use holm_kernel::vfs::Interest;
use wasmtime::component::Resource;

use super::address::{check_local, check_remote, check_unicast, unspecified};
use super::{Answer, AsSocket, SocketError, descriptor};
use crate::{Owned, State, ViewId};

/// Connections that wait to be accepted, unless the guest says how many.
const BACKLOG: u32 = 128;

/// A TCP socket.
#[derive(Debug)]
pub struct TcpSocket {
    owned: Owned,
    family: AddressFamily,
    backlog: u32,
    /// Where it is on its way.
    pub(crate) stage: Stage,
    /// What of 0.2 was started and not finished, and the streams of the connection.
    pub(crate) started: crate::p2::sockets::Started,
    /// Whether 0.3 has sent and received with it: once each.
    pub(crate) used: Used,
}

/// Which directions of a connection have been given away.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    pub(crate) send: bool,
    pub(crate) receive: bool,
}

/// Where a TCP socket is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Unbound,
    Bound,
    Listening,
    Connecting(SocketAddr),
    Connected,
    /// A connection failed: nothing can be done with it any more.
    Closed(Errno),
}

impl AsSocket for TcpSocket {
    fn descriptor(&self) -> Answer<&Owned> {
        match self.stage {
            Stage::Closed(_) => Err(SocketError::InvalidState),
            _ => Ok(&self.owned),
        }
    }
}

impl TcpSocket {
    pub(crate) fn new(owned: Owned, family: AddressFamily, stage: Stage) -> TcpSocket {
        TcpSocket {
            owned,
            family,
            backlog: BACKLOG,
            stage,
            started: crate::p2::sockets::Started::default(),
            used: Used::default(),
        }
    }

    /// Its descriptor, whatever became of it.
    pub(crate) fn owned(&self) -> &Owned {
        &self.owned
    }

    /// Its family.
    pub(crate) fn family(&self) -> AddressFamily {
        self.family
    }
}

impl State {
    /// A new socket.
    pub(crate) fn create_tcp(
        &mut self,
        view: ViewId,
        family: AddressFamily,
    ) -> Answer<Resource<TcpSocket>> {
        let owned = self.open_socket(view, family, SocketKind::Stream)?;
        let socket = TcpSocket::new(owned, family, Stage::Unbound);
        Ok(self.table.push(socket)?)
    }

    fn set_stage(&mut self, socket: &Resource<TcpSocket>, stage: Stage) -> Answer<()> {
        self.table.get_mut(socket)?.stage = stage;
        Ok(())
    }

    /// Binds a socket that is not bound.
    pub(crate) fn bind_tcp(
        &mut self,
        socket: &Resource<TcpSocket>,
        address: SocketAddr,
    ) -> Answer<()> {
        let entry = self.table.get(socket)?;
        if entry.stage != Stage::Unbound {
            return Err(SocketError::InvalidState);
        }
        check_local(entry.family, &address)?;
        check_unicast(&address)?;
        let owned = entry.owned.clone();
        self.call(owned.view(), |task| task.sock_bind(owned.fd(), address))??;
        self.set_stage(socket, Stage::Bound)
    }

    /// Begins to connect; [`State::poll_connect`] goes on with it.
    pub(crate) fn begin_connect(
        &mut self,
        socket: &Resource<TcpSocket>,
        address: SocketAddr,
    ) -> Answer<()> {
        let entry = self.table.get(socket)?;
        if !matches!(entry.stage, Stage::Unbound | Stage::Bound) {
            return Err(SocketError::InvalidState);
        }
        check_remote(entry.family, &address)?;
        check_unicast(&address)?;
        self.set_stage(socket, Stage::Connecting(address))?;
        // The attempt goes out now; how it ends is kept in the stage.
        let _ = self.attempt(|state, context| state.poll_connect(socket, context));
        Ok(())
    }

    /// Waits until a socket is connected, or has failed to connect.
    pub(crate) fn poll_connect(
        &mut self,
        socket: &Resource<TcpSocket>,
        context: &mut Context<'_>,
    ) -> Poll<Answer<()>> {
        let entry = self.table.get(socket)?;
        let address = match entry.stage {
            Stage::Connecting(address) => address,
            Stage::Connected => return Poll::Ready(Ok(())),
            Stage::Closed(errno) => return Poll::Ready(Err(errno.into())),
            _ => return Poll::Ready(Err(SocketError::InvalidState)),
        };
        let owned = entry.owned.clone();
        let answer = self.poll_call(owned.view(), context, |task| {
            task.sock_connect(owned.fd(), address)
        });
        answer.map(|connected| {
            self.set_stage(
                socket,
                match connected {
                    Ok(()) => Stage::Connected,
                    Err(errno) => Stage::Closed(errno),
                },
            )?;
            Ok(connected?)
        })
    }

    /// Listens. A socket that is not bound is bound to a free port first.
    pub(crate) fn listen_tcp(&mut self, socket: &Resource<TcpSocket>) -> Answer<()> {
        let entry = self.table.get(socket)?;
        let (owned, backlog) = (entry.owned.clone(), entry.backlog);
        match entry.stage {
            Stage::Bound => {}
            Stage::Unbound => {
                let address = unspecified(entry.family);
                self.call(owned.view(), |task| task.sock_bind(owned.fd(), address))??;
                self.set_stage(socket, Stage::Bound)?;
            }
            _ => return Err(SocketError::InvalidState),
        }
        self.call(owned.view(), |task| task.sock_listen(owned.fd(), backlog))??;
        self.set_stage(socket, Stage::Listening)
    }

    /// Takes a connection from a listening socket.
    pub(crate) fn poll_accept(
        &mut self,
        socket: &Resource<TcpSocket>,
        context: &mut Context<'_>,
    ) -> Poll<Answer<TcpSocket>> {
        let entry = self.table.get(socket)?;
        if entry.stage != Stage::Listening {
            return Poll::Ready(Err(SocketError::InvalidState));
        }
        let (owned, family) = (entry.owned.clone(), entry.family);
        let accepted = self.poll_call(owned.view(), context, |task| {
            task.sock_accept(owned.fd(), FdFlags::NONE)
        });
        accepted.map(|accepted| {
            let accepted = self.own(owned.view(), accepted?);
            Ok(TcpSocket::new(accepted, family, Stage::Connected))
        })
    }

    /// Waits until what is under way is done: a connection made, one to be accepted.
    pub(crate) fn poll_tcp(
        &mut self,
        socket: &Resource<TcpSocket>,
        context: &mut Context<'_>,
    ) -> wasmtime::Result<Poll<()>> {
        let entry = self.table.get(socket)?;
        match entry.stage {
            Stage::Connecting(_) => Ok(self.poll_connect(socket, context).map(|_| ())),
            Stage::Listening => {
                let owned = entry.owned.clone();
                Ok(self.poll_descriptor(&owned, Interest::Read, context))
            }
            _ => Ok(Poll::Ready(())),
        }
    }

    /// The address that a socket is bound to.
    pub(crate) fn tcp_local_address(&mut self, socket: &Resource<TcpSocket>) -> Answer<SocketAddr> {
        let entry = self.table.get(socket)?;
        if matches!(entry.stage, Stage::Unbound | Stage::Closed(_)) {
            return Err(SocketError::InvalidState);
        }
        let owned = entry.owned.clone();
        let address = self.call(owned.view(), |task| task.sock_local_address(owned.fd()))?;
        // A connection that is on its way may have no address yet.
        address.map_err(|errno| match errno {
            Errno::Invalid => SocketError::InvalidState,
            errno => errno.into(),
        })
    }

    /// The address that a socket is connected to.
    pub(crate) fn tcp_remote_address(
        &mut self,
        socket: &Resource<TcpSocket>,
    ) -> Answer<SocketAddr> {
        let entry = self.table.get(socket)?;
        if entry.stage != Stage::Connected {
            return Err(SocketError::InvalidState);
        }
        let owned = entry.owned.clone();
        Ok(self.call(owned.view(), |task| task.sock_peer_address(owned.fd()))??)
    }

    /// Sets how many connections may wait to be accepted.
    pub(crate) fn set_backlog(&mut self, socket: &Resource<TcpSocket>, value: u64) -> Answer<()> {
        if value == 0 {
            return Err(SocketError::InvalidArgument);
        }
        let backlog = u32::try_from(value).unwrap_or(u32::MAX).min(0x7fff_ffff);
        let entry = self.table.get(socket)?;
        match entry.stage {
            Stage::Unbound | Stage::Bound => {}
            Stage::Listening => {
                let owned = entry.owned.clone();
                let changed =
                    self.call(owned.view(), |task| task.sock_listen(owned.fd(), backlog))?;
                changed.map_err(|_| Errno::NotSupported)?;
            }
            _ => return Err(SocketError::InvalidState),
        }
        self.table.get_mut(socket)?.backlog = backlog;
        Ok(())
    }

    /// Shuts directions of a connection down. Again is no error.
    pub(crate) fn shutdown_tcp(
        &mut self,
        socket: &Resource<TcpSocket>,
        how: ShutdownFlags,
    ) -> Answer<()> {
        let owned = descriptor(&self.table, socket)?;
        if self.table.get(socket)?.stage != Stage::Connected {
            return Err(SocketError::InvalidState);
        }
        // What was written before goes out first.
        let later = how.contains(ShutdownFlags::WRITE) && self.unsent.shut_after(&owned);
        let how = if later {
            how.without(ShutdownFlags::WRITE)
        } else {
            how
        };
        if how == ShutdownFlags::NONE {
            return Ok(());
        }
        let done = self.call(owned.view(), |task| task.sock_shutdown(owned.fd(), how))?;
        match done {
            // The peer is gone: nothing goes either way.
            Err(Errno::NotConnected) => Ok(()),
            done => Ok(done?),
        }
    }
}

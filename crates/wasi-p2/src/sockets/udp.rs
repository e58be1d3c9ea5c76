//! UDP: datagrams, to anybody or to one peer.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use holm_abi::{AddressFamily, Errno, RecvFlags, SocketKind};
use wasmtime::component::Resource;

use super::address::{check_local, check_remote};
use super::{Answer, AsSocket, SocketError};
use crate::{Owned, State, ViewId};

/// Room for any datagram: the length of UDP has 16 bits.
const BUFFER: usize = 1 << 16;

/// A UDP socket.
#[derive(Debug)]
pub struct UdpSocket {
    owned: Owned,
    family: AddressFamily,
    bound: bool,
    peer: Option<SocketAddr>,
    /// Whether a bind of 0.2 was started and not finished.
    pub(crate) binding: bool,
}

impl AsSocket for UdpSocket {
    fn descriptor(&self) -> Answer<&Owned> {
        Ok(&self.owned)
    }
}

impl UdpSocket {
    /// Its family.
    pub(crate) fn family(&self) -> AddressFamily {
        self.family
    }

    /// Whether it has an address.
    pub(crate) fn is_bound(&self) -> bool {
        self.bound
    }

    /// It has an address: that of something sent.
    pub(crate) fn set_bound(&mut self) {
        self.bound = true;
    }

    /// Whom it is connected to.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// What is needed to send and receive.
    pub(crate) fn channel(&self) -> Channel {
        Channel {
            owned: self.owned.clone(),
            family: self.family,
            peer: self.peer,
        }
    }
}

/// What is needed to send and receive datagrams: a socket as it was at a time.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) owned: Owned,
    family: AddressFamily,
    peer: Option<SocketAddr>,
}

impl Channel {
    /// Where a datagram goes that names `to`: a socket that is connected sends to its peer alone.
    fn destination(&self, to: Option<SocketAddr>) -> Answer<Option<SocketAddr>> {
        if let Some(to) = to {
            check_remote(self.family, &to)?;
        }
        match (self.peer, to) {
            (None, None) => Err(SocketError::InvalidArgument),
            (Some(peer), Some(to)) if peer != to => Err(SocketError::InvalidArgument),
            (Some(_), _) => Ok(None),
            (None, to) => Ok(to),
        }
    }
}

impl State {
    /// A new socket.
    pub(crate) fn create_udp(
        &mut self,
        view: ViewId,
        family: AddressFamily,
    ) -> Answer<Resource<UdpSocket>> {
        let owned = self.open_socket(view, family, SocketKind::Datagram)?;
        Ok(self.table.push(UdpSocket {
            owned,
            family,
            bound: false,
            peer: None,
            binding: false,
        })?)
    }

    /// Binds a socket that is not bound.
    pub(crate) fn bind_udp(
        &mut self,
        socket: &Resource<UdpSocket>,
        address: SocketAddr,
    ) -> Answer<()> {
        let entry = self.table.get(socket)?;
        if entry.bound {
            return Err(SocketError::InvalidState);
        }
        check_local(entry.family, &address)?;
        let owned = entry.owned.clone();
        self.call(owned.view(), |task| task.sock_bind(owned.fd(), address))??;
        self.table.get_mut(socket)?.bound = true;
        Ok(())
    }

    /// Connects to a peer: nothing goes over the network.
    pub(crate) fn connect_udp(
        &mut self,
        socket: &Resource<UdpSocket>,
        peer: SocketAddr,
    ) -> Answer<()> {
        let entry = self.table.get(socket)?;
        check_remote(entry.family, &peer)?;
        let (owned, was) = (entry.owned.clone(), entry.peer);
        if was.is_some() {
            self.disconnect_udp(socket)?;
        }
        self.call(owned.view(), |task| task.sock_connect(owned.fd(), peer))??;
        let entry = self.table.get_mut(socket)?;
        (entry.bound, entry.peer) = (true, Some(peer));
        Ok(())
    }

    /// Lets go of the peer.
    pub(crate) fn disconnect_udp(&mut self, socket: &Resource<UdpSocket>) -> Answer<()> {
        let entry = self.table.get(socket)?;
        if entry.peer.is_none() {
            return Err(SocketError::InvalidState);
        }
        let owned = entry.owned.clone();
        self.call(owned.view(), |task| task.sock_disconnect(owned.fd()))??;
        self.table.get_mut(socket)?.peer = None;
        Ok(())
    }

    /// The address that a socket is bound to.
    pub(crate) fn udp_local_address(&mut self, socket: &Resource<UdpSocket>) -> Answer<SocketAddr> {
        let entry = self.table.get(socket)?;
        if !entry.bound {
            return Err(SocketError::InvalidState);
        }
        let owned = entry.owned.clone();
        Ok(self.call(owned.view(), |task| task.sock_local_address(owned.fd()))??)
    }

    /// Sends a datagram, to the peer or to `to`.
    pub(crate) fn poll_send(
        &mut self,
        channel: &Channel,
        data: &[u8],
        to: Option<SocketAddr>,
        context: &mut Context<'_>,
    ) -> Poll<Answer<()>> {
        let to = channel.destination(to)?;
        let (view, fd) = (channel.owned.view(), channel.owned.fd());
        let sent = self.poll_call(view, context, |task| {
            task.sock_send_to(fd, &[IoSlice::new(data)], to)
        });
        sent.map(|sent| match sent {
            Ok(_) => Ok(()),
            Err(errno) => Err(errno.into()),
        })
    }

    /// Receives a datagram and says from whom. Those that came from others before the socket
    /// was connected are passed over.
    pub(crate) fn poll_receive(
        &mut self,
        channel: &Channel,
        context: &mut Context<'_>,
    ) -> Poll<Answer<(Vec<u8>, SocketAddr)>> {
        let (view, fd) = (channel.owned.view(), channel.owned.fd());
        let mut buffer = vec![0; BUFFER];
        loop {
            let received = self.poll_call(view, context, |task| {
                task.sock_recv_from(fd, &mut buffer, RecvFlags::NONE)
            });
            let Poll::Ready(received) = received else {
                return Poll::Pending;
            };
            let received = received.map_err(|errno| match errno {
                // What never had an address has nothing to receive.
                Errno::Invalid => SocketError::InvalidState,
                errno => errno.into(),
            })?;
            if channel.peer.is_some_and(|peer| peer != received.address) {
                continue;
            }
            buffer.truncate(received.size as usize);
            buffer.shrink_to_fit();
            return Poll::Ready(Ok((buffer, received.address)));
        }
    }
}

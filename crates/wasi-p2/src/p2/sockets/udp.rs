//! `wasi:sockets/udp` of 0.2: streams of datagrams.

use std::net::SocketAddr;
use std::task::Poll;

use holm_abi::{Errno, SocketOption};
use holm_kernel::vfs::Interest;
use wasmtime::component::Resource;

use crate::bindings::p2::wasi::sockets::network::{IpAddressFamily, IpSocketAddress};
use crate::bindings::p2::wasi::sockets::udp::{
    Host, HostIncomingDatagramStream, HostOutgoingDatagramStream, HostUdpSocket, IncomingDatagram,
    OutgoingDatagram,
};
use crate::sockets::udp::{Channel, UdpSocket};
use crate::sockets::{Answer, Network, SocketError};
use crate::{Pollable, State};

/// Most datagrams of one call, either way: each may have 64 KiB.
const DATAGRAMS_MAX: u64 = 16;

/// `incoming-datagram-stream`.
#[derive(Debug)]
pub struct Incoming(Channel);

/// `outgoing-datagram-stream`.
#[derive(Debug)]
pub struct Outgoing {
    channel: Channel,
    /// How many datagrams the next `send` may have.
    permitted: u64,
}

impl State {
    fn subscribe_datagrams<S: 'static>(
        &mut self,
        stream: &Resource<S>,
        channel: &Channel,
        interest: Interest,
    ) -> wasmtime::Result<Resource<Pollable>> {
        let pollable = Pollable::Descriptor(channel.owned.clone(), interest);
        Ok(self.table.push_child(pollable, stream)?)
    }
}

impl Host for State {}

impl HostUdpSocket for State {
    fn start_bind(
        &mut self,
        socket: Resource<UdpSocket>,
        network: Resource<Network>,
        local_address: IpSocketAddress,
    ) -> Answer<()> {
        self.table.get(&network)?;
        if self.table.get(&socket)?.binding {
            return Err(SocketError::ConcurrencyConflict);
        }
        self.bind_udp(&socket, local_address.into())?;
        self.table.get_mut(&socket)?.binding = true;
        Ok(())
    }

    fn finish_bind(&mut self, socket: Resource<UdpSocket>) -> Answer<()> {
        let entry = self.table.get_mut(&socket)?;
        if !std::mem::take(&mut entry.binding) {
            return Err(SocketError::NotInProgress);
        }
        Ok(())
    }

    fn stream(
        &mut self,
        socket: Resource<UdpSocket>,
        remote_address: Option<IpSocketAddress>,
    ) -> Answer<(Resource<Incoming>, Resource<Outgoing>)> {
        let streaming = self
            .table
            .iter_children(&socket)?
            .any(|child| child.is::<Incoming>() || child.is::<Outgoing>());
        if streaming {
            let text = "udp-socket.stream: streams of an earlier call were not dropped yet";
            return Err(wasmtime::Error::msg(text).into());
        }
        let entry = self.table.get(&socket)?;
        if !entry.is_bound() || entry.binding {
            return Err(SocketError::InvalidState);
        }
        match remote_address {
            Some(peer) => self.connect_udp(&socket, peer.into())?,
            None if entry.peer().is_some() => self.disconnect_udp(&socket)?,
            None => {}
        }
        let channel = self.table.get(&socket)?.channel();
        let incoming = Incoming(channel.clone());
        let outgoing = Outgoing {
            channel,
            permitted: 0,
        };
        Ok((
            self.table.push_child(incoming, &socket)?,
            self.table.push_child(outgoing, &socket)?,
        ))
    }

    fn local_address(&mut self, socket: Resource<UdpSocket>) -> Answer<IpSocketAddress> {
        if self.table.get(&socket)?.binding {
            return Err(SocketError::InvalidState);
        }
        Ok(self.udp_local_address(&socket)?.into())
    }

    fn remote_address(&mut self, socket: Resource<UdpSocket>) -> Answer<IpSocketAddress> {
        let peer = self.table.get(&socket)?.peer();
        Ok(peer.ok_or(SocketError::InvalidState)?.into())
    }

    fn address_family(&mut self, socket: Resource<UdpSocket>) -> wasmtime::Result<IpAddressFamily> {
        Ok(self.table.get(&socket)?.family().into())
    }

    fn unicast_hop_limit(&mut self, socket: Resource<UdpSocket>) -> Answer<u8> {
        let hops = self.socket_option(&socket, SocketOption::HopLimit)?;
        Ok(u8::try_from(hops).unwrap_or(u8::MAX))
    }

    fn set_unicast_hop_limit(&mut self, socket: Resource<UdpSocket>, value: u8) -> Answer<()> {
        self.set_socket_option(&socket, SocketOption::HopLimit, u64::from(value))
    }

    fn receive_buffer_size(&mut self, socket: Resource<UdpSocket>) -> Answer<u64> {
        self.socket_option(&socket, SocketOption::ReceiveBuffer)
    }

    fn set_receive_buffer_size(&mut self, socket: Resource<UdpSocket>, value: u64) -> Answer<()> {
        self.set_socket_option(&socket, SocketOption::ReceiveBuffer, value)
    }

    fn send_buffer_size(&mut self, socket: Resource<UdpSocket>) -> Answer<u64> {
        self.socket_option(&socket, SocketOption::SendBuffer)
    }

    fn set_send_buffer_size(&mut self, socket: Resource<UdpSocket>, value: u64) -> Answer<()> {
        self.set_socket_option(&socket, SocketOption::SendBuffer, value)
    }

    fn subscribe(&mut self, socket: Resource<UdpSocket>) -> wasmtime::Result<Resource<Pollable>> {
        // Binding is all that is started and finished, and it is never under way.
        Ok(self.table.push_child(Pollable::Ready, &socket)?)
    }

    fn drop(&mut self, socket: Resource<UdpSocket>) -> wasmtime::Result<()> {
        self.table.delete(socket)?;
        Ok(())
    }
}

impl HostIncomingDatagramStream for State {
    fn receive(
        &mut self,
        stream: Resource<Incoming>,
        max_results: u64,
    ) -> Answer<Vec<IncomingDatagram>> {
        let channel = self.table.get(&stream)?.0.clone();
        let mut datagrams = Vec::new();
        for _ in 0..max_results.min(DATAGRAMS_MAX) {
            match self.attempt(|state, context| state.poll_receive(&channel, context)) {
                Poll::Pending => break,
                Poll::Ready(Ok((data, address))) => datagrams.push(IncomingDatagram {
                    data,
                    remote_address: address.into(),
                }),
                // What came before the error is not lost; the error is gone, as in POSIX.
                Poll::Ready(Err(_)) if !datagrams.is_empty() => break,
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        Ok(datagrams)
    }

    fn subscribe(&mut self, stream: Resource<Incoming>) -> wasmtime::Result<Resource<Pollable>> {
        let channel = self.table.get(&stream)?.0.clone();
        self.subscribe_datagrams(&stream, &channel, Interest::Read)
    }

    fn drop(&mut self, stream: Resource<Incoming>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}

impl HostOutgoingDatagramStream for State {
    fn check_send(&mut self, stream: Resource<Outgoing>) -> Answer<u64> {
        let owned = self.table.get(&stream)?.channel.owned.clone();
        let ready =
            self.attempt(|state, context| state.poll_descriptor(&owned, Interest::Write, context));
        let permitted = match ready {
            Poll::Ready(()) => DATAGRAMS_MAX,
            Poll::Pending => 0,
        };
        self.table.get_mut(&stream)?.permitted = permitted;
        Ok(permitted)
    }

    fn send(
        &mut self,
        stream: Resource<Outgoing>,
        datagrams: Vec<OutgoingDatagram>,
    ) -> Answer<u64> {
        if datagrams.is_empty() {
            return Ok(0);
        }
        let entry = self.table.get_mut(&stream)?;
        let permitted = std::mem::take(&mut entry.permitted);
        let channel = entry.channel.clone();
        if datagrams.len() as u64 > permitted {
            let text = format!(
                "outgoing-datagram-stream.send: {} datagrams, and check-send permitted {permitted}",
                datagrams.len()
            );
            return Err(wasmtime::Error::msg(text).into());
        }
        let mut sent = 0;
        for datagram in datagrams {
            let to = datagram.remote_address.map(SocketAddr::from);
            let answer = self
                .attempt(|state, context| state.poll_send(&channel, &datagram.data, to, context));
            match answer {
                Poll::Ready(Ok(())) => sent += 1,
                Poll::Pending | Poll::Ready(Err(SocketError::Errno(Errno::Again))) => break,
                Poll::Ready(Err(_)) if sent > 0 => break,
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        Ok(sent)
    }

    fn subscribe(&mut self, stream: Resource<Outgoing>) -> wasmtime::Result<Resource<Pollable>> {
        let channel = self.table.get(&stream)?.channel.clone();
        self.subscribe_datagrams(&stream, &channel, Interest::Write)
    }

    fn drop(&mut self, stream: Resource<Outgoing>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}

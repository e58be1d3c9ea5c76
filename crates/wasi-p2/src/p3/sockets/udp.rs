//! `udp-socket`.

use holm_abi::SocketOption;
use wasmtime::component::{HasSelf, Resource};

use super::{Store, wait};
use crate::bindings::p3::wasi::sockets::types::{
    HostUdpSocket, HostUdpSocketWithStore, IpAddressFamily, IpSocketAddress,
};
use crate::sockets::udp::{Channel, UdpSocket};
use crate::sockets::{Answer, SocketError};
use crate::{State, ViewId};

fn channel(store: &Store, socket: &Resource<UdpSocket>) -> Answer<Channel> {
    store.with(|mut access| Ok(access.get().table.get(socket)?.channel()))
}

impl HostUdpSocketWithStore<State> for HasSelf<State> {
    async fn send(
        store: &Store,
        socket: Resource<UdpSocket>,
        data: Vec<u8>,
        remote_address: Option<IpSocketAddress>,
    ) -> Answer<()> {
        let channel = channel(store, &socket)?;
        let to = remote_address.map(Into::into);
        wait(store, |state, context| {
            state.poll_send(&channel, &data, to, context)
        })
        .await?;
        // A socket that sends has an address from then on.
        store.with(|mut access| {
            access.get().table.get_mut(&socket)?.set_bound();
            Ok(())
        })
    }

    async fn receive(
        store: &Store,
        socket: Resource<UdpSocket>,
    ) -> Answer<(Vec<u8>, IpSocketAddress)> {
        let channel = channel(store, &socket)?;
        if !store
            .with(|mut access| Ok::<_, SocketError>(access.get().table.get(&socket)?.is_bound()))?
        {
            return Err(SocketError::InvalidState);
        }
        let (data, from) = wait(store, |state, context| {
            state.poll_receive(&channel, context)
        })
        .await?;
        Ok((data, from.into()))
    }
}

impl HostUdpSocket for State {
    fn create(&mut self, family: IpAddressFamily) -> Answer<Resource<UdpSocket>> {
        self.create_udp(ViewId::PROGRAM, family.into())
    }

    fn bind(&mut self, socket: Resource<UdpSocket>, address: IpSocketAddress) -> Answer<()> {
        self.bind_udp(&socket, address.into())
    }

    fn connect(&mut self, socket: Resource<UdpSocket>, peer: IpSocketAddress) -> Answer<()> {
        self.connect_udp(&socket, peer.into())
    }

    fn disconnect(&mut self, socket: Resource<UdpSocket>) -> Answer<()> {
        self.disconnect_udp(&socket)
    }

    fn get_local_address(&mut self, socket: Resource<UdpSocket>) -> Answer<IpSocketAddress> {
        Ok(self.udp_local_address(&socket)?.into())
    }

    fn get_remote_address(&mut self, socket: Resource<UdpSocket>) -> Answer<IpSocketAddress> {
        let peer = self.table.get(&socket)?.peer();
        Ok(peer.ok_or(SocketError::InvalidState)?.into())
    }

    fn get_address_family(
        &mut self,
        socket: Resource<UdpSocket>,
    ) -> wasmtime::Result<IpAddressFamily> {
        Ok(self.table.get(&socket)?.family().into())
    }

    fn get_unicast_hop_limit(&mut self, socket: Resource<UdpSocket>) -> Answer<u8> {
        let hops = self.socket_option(&socket, SocketOption::HopLimit)?;
        Ok(u8::try_from(hops).unwrap_or(u8::MAX))
    }

    fn set_unicast_hop_limit(&mut self, socket: Resource<UdpSocket>, value: u8) -> Answer<()> {
        self.set_socket_option(&socket, SocketOption::HopLimit, u64::from(value))
    }

    fn get_receive_buffer_size(&mut self, socket: Resource<UdpSocket>) -> Answer<u64> {
        self.socket_option(&socket, SocketOption::ReceiveBuffer)
    }

    fn set_receive_buffer_size(&mut self, socket: Resource<UdpSocket>, value: u64) -> Answer<()> {
        self.set_socket_option(&socket, SocketOption::ReceiveBuffer, value)
    }

    fn get_send_buffer_size(&mut self, socket: Resource<UdpSocket>) -> Answer<u64> {
        self.socket_option(&socket, SocketOption::SendBuffer)
    }

    fn set_send_buffer_size(&mut self, socket: Resource<UdpSocket>, value: u64) -> Answer<()> {
        self.set_socket_option(&socket, SocketOption::SendBuffer, value)
    }

    fn drop(&mut self, socket: Resource<UdpSocket>) -> wasmtime::Result<()> {
        self.table.delete(socket)?;
        Ok(())
    }
}

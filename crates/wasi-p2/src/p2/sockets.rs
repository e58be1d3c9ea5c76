//! `wasi:sockets` of 0.2: the network, new sockets, and the codes of errors.

mod lookup;
mod tcp;
mod udp;

use wasmtime::component::Resource;

use crate::bindings::p2::wasi::sockets::network::{ErrorCode, IpAddressFamily};
use crate::bindings::p2::wasi::sockets::{
    instance_network, network, tcp_create_socket, udp_create_socket,
};
use crate::p2::error;
use crate::sockets::tcp::TcpSocket;
use crate::sockets::udp::UdpSocket;
use crate::sockets::{Answer, Network, SocketError};
use crate::{IoError, State, ViewId};

pub(crate) use tcp::Started;
pub use udp::{Incoming, Outgoing};

impl State {
    /// The network of whoever asks: the rules belong to the sockets.
    pub(crate) fn network(&mut self) -> wasmtime::Result<Resource<Network>> {
        Ok(self.table.push(Network)?)
    }
}

impl network::Host for State {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        Ok(match error {
            SocketError::Errno(errno) => error::network(errno),
            SocketError::InvalidState => ErrorCode::InvalidState,
            SocketError::InvalidArgument => ErrorCode::InvalidArgument,
            SocketError::ConcurrencyConflict => ErrorCode::ConcurrencyConflict,
            SocketError::NotInProgress => ErrorCode::NotInProgress,
            SocketError::WouldBlock => ErrorCode::WouldBlock,
            SocketError::Trap(error) => return Err(error),
        })
    }

    fn network_error_code(
        &mut self,
        error: Resource<IoError>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        Ok(match self.table.get(&error)? {
            IoError::Errno(errno) => match error::network(*errno) {
                ErrorCode::Unknown => None,
                code => Some(code),
            },
            IoError::Http(..) => None,
        })
    }
}

impl network::HostNetwork for State {
    fn drop(&mut self, network: Resource<Network>) -> wasmtime::Result<()> {
        self.table.delete(network)?;
        Ok(())
    }
}

impl instance_network::Host for State {
    fn instance_network(&mut self) -> wasmtime::Result<Resource<Network>> {
        self.network()
    }
}

impl tcp_create_socket::Host for State {
    fn create_tcp_socket(&mut self, family: IpAddressFamily) -> Answer<Resource<TcpSocket>> {
        self.create_tcp(ViewId::PROGRAM, family.into())
    }
}

impl udp_create_socket::Host for State {
    fn create_udp_socket(&mut self, family: IpAddressFamily) -> Answer<Resource<UdpSocket>> {
        self.create_udp(ViewId::PROGRAM, family.into())
    }
}

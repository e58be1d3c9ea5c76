//! `wasi:sockets` of 0.2: the network, new sockets, and the codes of errors.

mod lookup;
mod tcp;
mod udp;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use holm_abi::AddressFamily;
use wasmtime::component::Resource;

use crate::bindings::p2::wasi::sockets::network::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};
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

impl From<IpAddressFamily> for AddressFamily {
    fn from(family: IpAddressFamily) -> AddressFamily {
        match family {
            IpAddressFamily::Ipv4 => AddressFamily::Inet4,
            IpAddressFamily::Ipv6 => AddressFamily::Inet6,
        }
    }
}

impl From<AddressFamily> for IpAddressFamily {
    fn from(family: AddressFamily) -> IpAddressFamily {
        match family {
            AddressFamily::Inet4 => IpAddressFamily::Ipv4,
            AddressFamily::Inet6 => IpAddressFamily::Ipv6,
        }
    }
}

impl From<IpSocketAddress> for SocketAddr {
    fn from(address: IpSocketAddress) -> SocketAddr {
        match address {
            IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address }) => {
                let (a, b, c, d) = address;
                SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port).into()
            }
            IpSocketAddress::Ipv6(from) => {
                let (a, b, c, d, e, f, g, h) = from.address;
                let address = Ipv6Addr::new(a, b, c, d, e, f, g, h);
                SocketAddrV6::new(address, from.port, from.flow_info, from.scope_id).into()
            }
        }
    }
}

impl From<SocketAddr> for IpSocketAddress {
    fn from(address: SocketAddr) -> IpSocketAddress {
        match address {
            SocketAddr::V4(address) => IpSocketAddress::Ipv4(Ipv4SocketAddress {
                port: address.port(),
                address: address.ip().octets().into(),
            }),
            SocketAddr::V6(address) => IpSocketAddress::Ipv6(Ipv6SocketAddress {
                port: address.port(),
                flow_info: address.flowinfo(),
                address: address.ip().segments().into(),
                scope_id: address.scope_id(),
            }),
        }
    }
}

impl From<IpAddr> for IpAddress {
    fn from(address: IpAddr) -> IpAddress {
        match address {
            IpAddr::V4(address) => IpAddress::Ipv4(address.octets().into()),
            IpAddr::V6(address) => IpAddress::Ipv6(address.segments().into()),
        }
    }
}

//! Addresses of 0.2 and of 0.3, which are the same in two types, and the kernel's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use holm_abi::AddressFamily;

use crate::bindings::p2::wasi::sockets::network as two;
use crate::bindings::p3::wasi::sockets::types as three;

macro_rules! conversions {
    ($types:ident) => {
        impl From<$types::IpAddressFamily> for AddressFamily {
            fn from(family: $types::IpAddressFamily) -> AddressFamily {
                match family {
                    $types::IpAddressFamily::Ipv4 => AddressFamily::Inet4,
                    $types::IpAddressFamily::Ipv6 => AddressFamily::Inet6,
                }
            }
        }

        impl From<AddressFamily> for $types::IpAddressFamily {
            fn from(family: AddressFamily) -> $types::IpAddressFamily {
                match family {
                    AddressFamily::Inet4 => $types::IpAddressFamily::Ipv4,
                    AddressFamily::Inet6 => $types::IpAddressFamily::Ipv6,
                }
            }
        }

        impl From<$types::IpSocketAddress> for SocketAddr {
            fn from(address: $types::IpSocketAddress) -> SocketAddr {
                match address {
                    $types::IpSocketAddress::Ipv4(from) => {
                        let (a, b, c, d) = from.address;
                        SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), from.port).into()
                    }
                    $types::IpSocketAddress::Ipv6(from) => {
                        let (a, b, c, d, e, f, g, h) = from.address;
                        let address = Ipv6Addr::new(a, b, c, d, e, f, g, h);
                        SocketAddrV6::new(address, from.port, from.flow_info, from.scope_id).into()
                    }
                }
            }
        }

        impl From<SocketAddr> for $types::IpSocketAddress {
            fn from(address: SocketAddr) -> $types::IpSocketAddress {
                match address {
                    SocketAddr::V4(address) => {
                        $types::IpSocketAddress::Ipv4($types::Ipv4SocketAddress {
                            port: address.port(),
                            address: address.ip().octets().into(),
                        })
                    }
                    SocketAddr::V6(address) => {
                        $types::IpSocketAddress::Ipv6($types::Ipv6SocketAddress {
                            port: address.port(),
                            flow_info: address.flowinfo(),
                            address: address.ip().segments().into(),
                            scope_id: address.scope_id(),
                        })
                    }
                }
            }
        }

        impl From<IpAddr> for $types::IpAddress {
            fn from(address: IpAddr) -> $types::IpAddress {
                match address {
                    IpAddr::V4(address) => $types::IpAddress::Ipv4(address.octets().into()),
                    IpAddr::V6(address) => $types::IpAddress::Ipv6(address.segments().into()),
                }
            }
        }
    };
}

conversions!(two);
conversions!(three);

//! Addresses of sockets, of either family.

use wasip2::sockets::network::{
    IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};

/// The family's loopback address.
pub fn loopback(family: IpAddressFamily, port: u16) -> IpSocketAddress {
    address(family, port, (127, 0, 0, 1), (0, 0, 0, 0, 0, 0, 0, 1))
}

/// The family's address among these.
pub fn address(
    family: IpAddressFamily,
    port: u16,
    four: (u8, u8, u8, u8),
    six: (u16, u16, u16, u16, u16, u16, u16, u16),
) -> IpSocketAddress {
    match family {
        IpAddressFamily::Ipv4 => IpSocketAddress::Ipv4(Ipv4SocketAddress {
            port,
            address: four,
        }),
        IpAddressFamily::Ipv6 => IpSocketAddress::Ipv6(Ipv6SocketAddress {
            port,
            flow_info: 0,
            address: six,
            scope_id: 0,
        }),
    }
}

/// The other family.
pub fn other(family: IpAddressFamily) -> IpAddressFamily {
    match family {
        IpAddressFamily::Ipv4 => IpAddressFamily::Ipv6,
        IpAddressFamily::Ipv6 => IpAddressFamily::Ipv4,
    }
}

/// The port of an address.
pub fn port(address: &IpSocketAddress) -> u16 {
    match address {
        IpSocketAddress::Ipv4(address) => address.port,
        IpSocketAddress::Ipv6(address) => address.port,
    }
}

//! Which addresses `wasi:sockets` takes, whatever the rules of the process say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use holm_abi::AddressFamily;

use super::{Answer, SocketError};

/// Checks an address to bind to.
pub(crate) fn check_local(family: AddressFamily, address: &SocketAddr) -> Answer<()> {
    fits(family, address.ip())
}

/// Checks the address of a peer: of the family, and neither unspecified nor port 0.
pub(crate) fn check_remote(family: AddressFamily, address: &SocketAddr) -> Answer<()> {
    fits(family, address.ip())?;
    if address.ip().is_unspecified() || address.port() == 0 {
        return Err(SocketError::InvalidArgument);
    }
    Ok(())
}

/// Checks that an address stands for one machine, as those of TCP do.
pub(crate) fn check_unicast(address: &SocketAddr) -> Answer<()> {
    let unicast = match address.ip() {
        IpAddr::V4(address) => !address.is_multicast() && !address.is_broadcast(),
        IpAddr::V6(address) => !address.is_multicast(),
    };
    if unicast {
        Ok(())
    } else {
        Err(SocketError::InvalidArgument)
    }
}

/// Sockets of IPv6 are never dual-stack: IPv4 addresses in IPv6 clothes, mapped (RFC 4291,
/// 2.5.5.2) or compatible (2.5.5.1), are none of theirs.
fn fits(family: AddressFamily, address: IpAddr) -> Answer<()> {
    let fits = match (family, address) {
        (AddressFamily::Inet4, IpAddr::V4(_)) => true,
        (AddressFamily::Inet6, IpAddr::V6(address)) => {
            address.to_ipv4_mapped().is_none() && !is_compatible(address)
        }
        _ => false,
    };
    if fits {
        Ok(())
    } else {
        Err(SocketError::InvalidArgument)
    }
}

fn is_compatible(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [0, 0, 0, 0, 0, 0, _, _])
        && address != Ipv6Addr::UNSPECIFIED
        && address != Ipv6Addr::LOCALHOST
}

/// The address that means "any of this machine's", with a free port.
pub(crate) fn unspecified(family: AddressFamily) -> SocketAddr {
    match family {
        AddressFamily::Inet4 => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        AddressFamily::Inet6 => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    }
}

#[cfg(test)]
mod tests {
    use holm_abi::AddressFamily::{Inet4, Inet6};

    use super::{check_local, check_remote, check_unicast};

    #[test]
    fn addresses_of_another_family_are_refused() {
        for (family, address, local, remote) in [
            (Inet4, "127.0.0.1:80", true, true),
            (Inet4, "127.0.0.1:0", true, false),
            (Inet4, "0.0.0.0:80", true, false),
            (Inet4, "[::1]:80", false, false),
            (Inet6, "[::1]:80", true, true),
            (Inet6, "[::]:80", true, false),
            (Inet6, "[2001:db8::1]:80", true, true),
            (Inet6, "127.0.0.1:80", false, false),
            (Inet6, "[::ffff:127.0.0.1]:80", false, false),
            (Inet6, "[::ffff:0.0.0.0]:80", false, false),
            (Inet6, "[::127.0.0.1]:80", false, false),
            (Inet6, "[::2]:80", false, false),
        ] {
            let parsed = address.parse().expect(address);
            assert_eq!(check_local(family, &parsed).is_ok(), local, "{address}");
            assert_eq!(check_remote(family, &parsed).is_ok(), remote, "{address}");
        }
    }

    #[test]
    fn groups_are_not_machines() {
        for (address, unicast) in [
            ("224.0.0.1:80", false),
            ("255.255.255.255:80", false),
            ("[ff02::1]:80", false),
            ("10.0.0.1:80", true),
            ("0.0.0.0:80", true),
            ("[fe80::1]:80", true),
        ] {
            let parsed = address.parse().expect(address);
            assert_eq!(check_unicast(&parsed).is_ok(), unicast, "{address}");
        }
    }
}

//! `getaddrinfo`, whose errors `std` does not tell apart.

#![allow(
    unsafe_code,
    reason = "the C library's resolver has no safe wrapper that answers its error codes"
)]

use std::ffi::CString;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;

use holm_abi::{ADDRESSES_MAX, Errno};

/// Most entries of an answer that are looked at; an address comes at most once for each.
const ENTRIES_MAX: usize = 4 * ADDRESSES_MAX;

/// The addresses of a name, the preferred ones first, as the host sorts them. Waits.
pub(super) fn addresses_of(name: &str) -> Result<Vec<IpAddr>, Errno> {
    let name = CString::new(name).map_err(|_| Errno::NoEntry)?;
    // SAFETY: all zeros are a valid `addrinfo`: numbers, and pointers that are null.
    let mut hints: libc::addrinfo = unsafe { zeroed() };
    hints.ai_family = libc::AF_UNSPEC;
    // One entry for each address, not one for each kind of socket.
    hints.ai_socktype = libc::SOCK_STREAM;
    let mut first: *mut libc::addrinfo = ptr::null_mut();
    // SAFETY: the name ends with a NUL, the service may be null, and the other two point to
    // values that outlive the call.
    let code = unsafe { libc::getaddrinfo(name.as_ptr(), ptr::null(), &hints, &mut first) };
    match code {
        0 => {}
        libc::EAI_AGAIN => return Err(Errno::Again),
        libc::EAI_MEMORY => return Err(Errno::NoMemory),
        libc::EAI_FAIL => return Err(Errno::Io),
        // No descriptor left, most of the time: it may work later.
        libc::EAI_SYSTEM => return Err(Errno::Again),
        _ => return Err(Errno::NoEntry),
    }
    let mut addresses = Vec::new();
    let mut next = first;
    while !next.is_null() && addresses.len() < ENTRIES_MAX {
        // SAFETY: a non-null entry of the list is valid until `freeaddrinfo`.
        let entry = unsafe { &*next };
        // SAFETY: so is its address, of the length that it says.
        addresses.extend(unsafe { address_of(entry) });
        next = entry.ai_next;
    }
    // SAFETY: it is the list that `getaddrinfo` made, freed once and not used afterwards.
    unsafe { libc::freeaddrinfo(first) };
    Ok(addresses)
}

/// The address of an entry; `None` for another family.
///
/// # Safety
///
/// `ai_addr` is null or points to `ai_addrlen` bytes.
unsafe fn address_of(entry: &libc::addrinfo) -> Option<IpAddr> {
    if entry.ai_addr.is_null() {
        return None;
    }
    let size = usize::try_from(entry.ai_addrlen).ok()?;
    match entry.ai_family {
        libc::AF_INET if size >= size_of::<libc::sockaddr_in>() => {
            // SAFETY: the size was checked, and nothing is asked of the alignment.
            let address = unsafe { ptr::read_unaligned(entry.ai_addr.cast::<libc::sockaddr_in>()) };
            let octets = address.sin_addr.s_addr.to_ne_bytes();
            Some(IpAddr::V4(Ipv4Addr::from(octets)))
        }
        libc::AF_INET6 if size >= size_of::<libc::sockaddr_in6>() => {
            // SAFETY: as above.
            let address =
                unsafe { ptr::read_unaligned(entry.ai_addr.cast::<libc::sockaddr_in6>()) };
            Some(IpAddr::V6(Ipv6Addr::from(address.sin6_addr.s6_addr)))
        }
        _ => None,
    }
}

//! Addresses that a program listens on.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use thiserror::Error;

use super::shown;

/// An address and port of the host on which connections are accepted (TCP).
///
/// Written `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`, which is `127.0.0.1:8080`: a
/// name that the network could resolve to something else is not taken. Port 0 lets the host
/// choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenAddress(SocketAddr);

/// Why a listen address could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ListenAddressError {
    /// A port alone, or a colon and a port: on which of the host's addresses is not said.
    #[error(
        "`{}` names no address; write 127.0.0.1:{port} to be reached from this machine only, or 0.0.0.0:{port} from everywhere",
        shown(text)
    )]
    NoAddress {
        /// The text as written.
        text: String,
        /// The port in it.
        port: u16,
    },
    /// An address without a port.
    #[error("`{}` names no port; write {address}:8080", shown(text))]
    NoPort {
        /// The text as written.
        text: String,
        /// The address, in brackets where it needs them.
        address: String,
    },
    /// A name, or no address at all.
    #[error(
        "`{}` is not an address and a port, such as 127.0.0.1:8080 or [::1]:8080",
        shown(text)
    )]
    NotAnAddress {
        /// The text as written.
        text: String,
    },
}

impl ListenAddress {
    /// Reads an address and a port.
    ///
    /// # Errors
    ///
    /// [`ListenAddressError`] says what is missing.
    pub fn parse(text: &str) -> Result<Self, ListenAddressError> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self(address));
        }
        if let Some(port) = text.strip_prefix("localhost:").and_then(port_number) {
            return Ok(Self(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)));
        }
        if let Some(port) = port_number(text.strip_prefix(':').unwrap_or(text)) {
            return Err(ListenAddressError::NoAddress {
                text: text.to_owned(),
                port,
            });
        }
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(text);
        let address = match bare.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => Some(address.to_string()),
            Ok(IpAddr::V6(address)) => Some(format!("[{address}]")),
            Err(_) if text == "localhost" => Some(text.to_owned()),
            Err(_) => None,
        };
        Err(match address {
            Some(address) => ListenAddressError::NoPort {
                text: text.to_owned(),
                address,
            },
            None => ListenAddressError::NotAnAddress {
                text: text.to_owned(),
            },
        })
    }

    /// The socket address to bind.
    #[must_use]
    pub fn socket_address(self) -> SocketAddr {
        self.0
    }

    /// Whether only programs of the same machine reach it; an IPv4 address disguised as IPv6
    /// is judged by what it is.
    #[must_use]
    pub fn is_loopback(self) -> bool {
        self.0.ip().to_canonical().is_loopback()
    }
}

/// A port in plain digits; `u16::from_str` alone would take a sign.
fn port_number(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

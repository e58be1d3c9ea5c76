//! The host's network: TCP and UDP sockets, and names.
//!
//! The kernel decides; this translates its calls for the host. Every call is tried first and
//! registered with the reactor only when it would block. Sockets are never dual-stack.
//!
//! | module | what |
//! |---|---|
//! | `tcp`, `udp` | the two kinds of sockets |
//! | `options` | what [`SocketOption`](holm_abi::SocketOption) is on the host |
//! | `lookup` | lookups of names, on a few threads that end when idle |
//! | `resolver` | who answers them |

use std::sync::Arc;

use holm_abi::{AddressFamily, Errno, SocketKind};
use holm_kernel::port::{Lookup, Network, Socket};

use self::lookup::Pool;
pub use self::resolver::{FixedResolver, Resolver, SystemResolver};
pub(crate) use self::tcp::TcpSocket;
use self::udp::UdpSocket;
use crate::errno::from_host;

mod call;
mod lookup;
mod lookup_unsafe;
mod options;
mod resolver;
mod tcp;
mod udp;

/// The network of the machine. Costs nothing until it is used.
#[derive(Debug)]
pub struct NativeNetwork {
    pool: Arc<Pool>,
}

impl NativeNetwork {
    /// Names are the host's to resolve.
    #[must_use]
    pub fn new() -> NativeNetwork {
        NativeNetwork::with_resolver(Arc::new(SystemResolver))
    }

    /// Names are `resolver`'s to resolve.
    #[must_use]
    pub fn with_resolver(resolver: Arc<dyn Resolver>) -> NativeNetwork {
        NativeNetwork {
            pool: Pool::new(resolver),
        }
    }
}

impl Default for NativeNetwork {
    fn default() -> NativeNetwork {
        NativeNetwork::new()
    }
}

impl Network for NativeNetwork {
    fn socket(&self, family: AddressFamily, kind: SocketKind) -> Result<Arc<dyn Socket>, Errno> {
        match kind {
            SocketKind::Stream => {
                let made = TcpSocket::new(family).map_err(from_host)?;
                Ok(Arc::new(made))
            }
            SocketKind::Datagram => {
                let made = UdpSocket::new(family).map_err(from_host)?;
                Ok(Arc::new(made))
            }
        }
    }

    fn lookup(&self, name: &str) -> Result<Arc<dyn Lookup>, Errno> {
        Pool::lookup(&self.pool, name)
    }
}

#[cfg(test)]
mod tests;

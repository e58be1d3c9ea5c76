//! The network: which addresses and names a process may reach, and the sockets it reaches them by.
//!
//! A host carries packets ([`crate::port::Network`]); every question whether one may is
//! answered here, for each bind, connect and send.

pub mod address;
pub(crate) mod answers;
pub mod host;
pub(crate) mod loopback;
pub(crate) mod pins;
pub mod policy;
pub mod rules;
pub(crate) mod socket;
#[cfg(test)]
mod tests;

pub use address::{AddressClass, AddressRange, classify, unwrap_disguise};
pub use host::{HostError, HostTarget, is_localhost, parse_host};
pub use policy::NetworkPolicy;
pub use rules::{HostPattern, NamePattern, NetRule, NetRules, PortRanges, Protocol};

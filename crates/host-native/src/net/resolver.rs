//! Resolvers: who knows the addresses of names.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::Arc;

use holm_abi::Errno;

use super::lookup_unsafe::addresses_of;

/// Knows the addresses of names.
pub trait Resolver: Debug + Send + Sync {
    /// The addresses of a name, the preferred ones first. May take its time: it runs on a
    /// thread for lookups.
    ///
    /// # Errors
    ///
    /// `ENOENT` when there is no such name, `EAGAIN` when nobody answered, `EIO` when the
    /// answer was no good.
    fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Errno>;

    /// The answer when it is known without waiting: then no thread is involved. `None` sends
    /// the name to [`Resolver::resolve`].
    fn known(&self, name: &str) -> Option<Result<Vec<IpAddr>, Errno>> {
        let _ = name;
        None
    }
}

/// The host's own resolver (`getaddrinfo`): its hosts file, DNS and whatever else it is set up
/// to ask, in the order of RFC 6724.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Errno> {
        addresses_of(name)
    }
}

/// Names with fixed addresses, like a hosts file.
#[derive(Debug)]
pub struct FixedResolver {
    hosts: BTreeMap<String, Vec<IpAddr>>,
    rest: Option<Arc<dyn Resolver>>,
}

impl FixedResolver {
    /// Knows these names and no others. Case and a final dot do not matter; a name without
    /// addresses does not exist.
    #[must_use]
    pub fn new(hosts: BTreeMap<String, Vec<IpAddr>>) -> FixedResolver {
        let hosts = hosts.into_iter().map(|(name, to)| (plain(&name), to));
        FixedResolver {
            hosts: hosts.collect(),
            rest: None,
        }
    }

    /// Asks `rest` for the names that it does not know.
    #[must_use]
    pub fn or(self, rest: Arc<dyn Resolver>) -> FixedResolver {
        FixedResolver {
            rest: Some(rest),
            ..self
        }
    }
}

impl Resolver for FixedResolver {
    fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Errno> {
        match self.hosts.get(&plain(name)) {
            Some(addresses) if !addresses.is_empty() => Ok(addresses.clone()),
            Some(_) => Err(Errno::NoEntry),
            None => {
                let rest = self.rest.as_ref().ok_or(Errno::NoEntry)?;
                rest.resolve(name)
            }
        }
    }

    fn known(&self, name: &str) -> Option<Result<Vec<IpAddr>, Errno>> {
        match &self.rest {
            Some(rest) if !self.hosts.contains_key(&plain(name)) => rest.known(name),
            _ => Some(self.resolve(name)),
        }
    }
}

fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

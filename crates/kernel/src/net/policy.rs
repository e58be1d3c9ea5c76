//! What of the network one process may use, and what it has learned of names.

use core::net::{IpAddr, SocketAddr};
use std::task::{Poll, Waker, ready};

use holm_abi::{AddressFamily, Errno, SocketKind};

use super::address::{AddressClass, classify, unwrap_disguise};
use super::host::{HostTarget, is_localhost, parse_host};
use super::pins::Pins;
use super::rules::{
    HostPattern, NamePattern, NetRule, NetRules, PortRanges, Protocol, rule_to_connect,
    rule_to_listen,
};
use crate::denial::Cause;
use crate::process::Process;
use crate::vfs::node::Result;

/// What of the network one process may use. Its own rules and those of every process above
/// it have to allow a thing: a child's rules narrow and never widen.
#[derive(Debug)]
pub struct NetworkPolicy {
    layers: Vec<NetRules>,
    pub(crate) pins: Pins,
}

/// Where a connection may go, or a socket be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// To the host's network.
    pub(crate) host: bool,
    /// To the virtual loopback.
    pub(crate) local: bool,
}

/// As what a socket is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BoundAs {
    /// To be reached by others on the host's network.
    Server,
    /// To have a local port from which to reach others.
    Client,
    /// As a client, by a process that may reach nobody: there is no socket of the host's behind
    /// it, and whatever is done with it is refused, by the name of what it was wanted for.
    Nowhere,
    /// On the virtual loopback.
    Local,
}

impl NetworkPolicy {
    pub(crate) fn new(rules: NetRules) -> NetworkPolicy {
        NetworkPolicy {
            layers: vec![rules],
            pins: Pins::default(),
        }
    }

    /// That of a child: everything above holds, and `rules` as well.
    pub(crate) fn narrowed(&self, rules: NetRules) -> NetworkPolicy {
        let mut layers = self.layers.clone();
        if !layers.contains(&rules) {
            layers.push(rules);
        }
        NetworkPolicy {
            layers,
            pins: Pins::default(),
        }
    }

    /// The sets of rules, all of which have to allow a thing: those of the process that the
    /// host made first.
    #[must_use]
    pub fn layers(&self) -> &[NetRules] {
        &self.layers
    }

    /// Whether nothing is allowed at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.layers.iter().any(NetRules::is_empty)
    }

    /// Whether something of the host's network may be reached.
    #[must_use]
    pub fn reaches_the_host(&self) -> bool {
        self.layers.iter().all(NetRules::reach_the_host)
    }

    /// Whether the virtual loopback may be used.
    #[must_use]
    pub fn allows_loopback(&self) -> bool {
        self.layers.iter().all(NetRules::allow_loopback)
    }

    /// Whether the process may connect or send to `address` on the host's network.
    #[must_use]
    pub fn allows_connect(&self, protocol: Protocol, address: SocketAddr) -> bool {
        let answered = |pattern: &NamePattern| self.pins.answered(pattern, address.ip());
        self.layers
            .iter()
            .all(|rules| rules.allow_connect(protocol, address, &answered))
    }

    /// Whether the process may be reached at `address` of the host.
    #[must_use]
    pub fn allows_listen(&self, protocol: Protocol, address: SocketAddr) -> bool {
        self.layers
            .iter()
            .all(|rules| rules.allow_listen(protocol, address))
    }

    /// Whether the process may look up `name`, a valid one in lower case.
    #[must_use]
    pub fn allows_lookup(&self, name: &str) -> bool {
        is_localhost(name) || self.layers.iter().all(|rules| rules.allow_lookup(name))
    }

    /// Whether the process may connect to whatever `name`, a valid one in lower case, leads to:
    /// a rule names it.
    #[must_use]
    pub fn allows_name(&self, protocol: Protocol, name: &str, port: u16) -> bool {
        self.layers
            .iter()
            .all(|rules| rules.allow_name(protocol, name, port))
    }

    fn allows_client(&self, protocol: Protocol) -> bool {
        self.layers.iter().all(|rules| rules.allow_client(protocol))
    }

    pub(crate) fn route(&self, protocol: Protocol, address: SocketAddr) -> Route {
        Route {
            host: self.allows_connect(protocol, address),
            local: address.ip().is_loopback() && self.allows_loopback(),
        }
    }

    fn bound_as(&self, protocol: Protocol, address: SocketAddr) -> Option<BoundAs> {
        let ip = address.ip();
        let local = (ip.is_loopback() || ip.is_unspecified()) && self.allows_loopback();
        // A local port that the host chooses and nobody is answered on exposes nothing.
        let chosen = (ip.is_loopback() || ip.is_unspecified()) && address.port() == 0;
        let client = chosen && self.allows_client(protocol);
        if self.allows_listen(protocol, address) {
            Some(BoundAs::Server)
        } else if local && (ip.is_loopback() || !client) {
            Some(BoundAs::Local)
        } else if client {
            Some(BoundAs::Client)
        } else {
            // Most that bind like this are clients, and what they need is told where they name it.
            chosen.then_some(BoundAs::Nowhere)
        }
    }
}

/// The protocol that a kind of socket speaks.
pub(crate) fn protocol_of(kind: SocketKind) -> Protocol {
    match kind {
        SocketKind::Stream => Protocol::Tcp,
        SocketKind::Datagram => Protocol::Udp,
    }
}

impl Process {
    /// What of the network it may use.
    #[must_use]
    pub fn network(&self) -> &NetworkPolicy {
        &self.network
    }

    /// Where a connection to `address` may go; the refusal is noted.
    pub(crate) fn check_connect(&self, protocol: Protocol, address: SocketAddr) -> Result<Route> {
        let route = self.network.route(protocol, address);
        if route.host || route.local {
            return Ok(route);
        }
        Err(self.refuse_connect(protocol, address))
    }

    pub(crate) fn refuse_connect(&self, protocol: Protocol, address: SocketAddr) -> Errno {
        let class = classify(address.ip());
        let name = self.network.pins.name_of(address.ip());
        let by_name = name.as_deref().filter(|_| class == AddressClass::Public);
        self.refuse(
            rule_to_connect(protocol, address, by_name),
            name.clone().filter(|_| by_name.is_none()),
            class,
        )
    }

    /// As what a socket may be bound to `address`; the refusal is noted.
    pub(crate) fn check_bind(&self, protocol: Protocol, address: SocketAddr) -> Result<BoundAs> {
        self.network
            .bound_as(protocol, address)
            .ok_or_else(|| self.refuse_listen(protocol, address))
    }

    /// Whether a socket that was bound as a client may listen after all.
    pub(crate) fn check_listen(&self, protocol: Protocol, address: SocketAddr) -> Result<()> {
        if self.network.allows_listen(protocol, address) {
            return Ok(());
        }
        Err(self.refuse_listen(protocol, address))
    }

    pub(crate) fn refuse_listen(&self, protocol: Protocol, address: SocketAddr) -> Errno {
        let rule = rule_to_listen(protocol, address.ip(), address.port());
        self.refuse(rule, None, classify(address.ip()))
    }

    fn refuse(&self, rule: NetRule, name: Option<String>, class: AddressClass) -> Errno {
        self.refuse_for(Cause::Network {
            rule,
            name,
            class,
            proxied: false,
        })
    }

    fn refuse_for(&self, cause: Cause) -> Errno {
        self.deny(cause, None, Errno::Access);
        Errno::Access
    }

    /// Looks a host up: an address is itself, and never leaves the process; a name is asked
    /// for once, and what it was answered stays.
    ///
    /// # Errors
    ///
    /// `EINVAL` for what is no host, `EACCES` when no rule allows the name, `ENOENT` when there
    /// is none, `EAGAIN` when nobody answered, `ENOBUFS` for too many names.
    pub fn poll_lookup(&self, host: &str, waker: &Waker) -> Poll<Result<Vec<IpAddr>>> {
        match parse_host(host).map_err(|_| Errno::Invalid)? {
            HostTarget::Address(address) => Poll::Ready(Ok(vec![address])),
            HostTarget::Name(name) => {
                if !self.network.allows_lookup(&name) {
                    let rule = NetRule::Resolve(NamePattern::Exactly(name));
                    return Poll::Ready(Err(self.refuse(rule, None, AddressClass::Public)));
                }
                self.poll_pinned(&name, waker)
            }
        }
    }

    fn poll_pinned(&self, name: &str, waker: &Waker) -> Poll<Result<Vec<IpAddr>>> {
        self.network.pins.poll(name, self.kernel(), waker)
    }

    /// The addresses at which a TCP connection to a host of the host's network may be made:
    /// for a client of the host's, such as one of HTTP, which then connects to one of these and
    /// to nothing else. A literal is judged as an address; a name is looked up, once, and each
    /// of its addresses is judged.
    ///
    /// # Errors
    ///
    /// `EINVAL` for what is no host, `EACCES` when nothing of it is allowed, which is noted;
    /// those of a lookup: `ENOENT`, `EAGAIN`, `ENOBUFS`.
    pub fn poll_connect_targets(
        &self,
        host: &str,
        port: u16,
        waker: &Waker,
    ) -> Poll<Result<Vec<SocketAddr>>> {
        let host = parse_host(host).map_err(|_| Errno::Invalid)?;
        let addresses = match &host {
            HostTarget::Address(address) => vec![*address],
            HostTarget::Name(name) => {
                if !self.network.allows_lookup(name) {
                    return Poll::Ready(Err(self.refuse_name(name, port, false)));
                }
                ready!(self.poll_pinned(name, waker))?
            }
        };
        let mut allowed = Vec::with_capacity(addresses.len());
        let mut refused = None;
        for address in addresses {
            let target = SocketAddr::new(address, port);
            if self.network.allows_connect(Protocol::Tcp, target) && check_remote(target).is_ok() {
                allowed.push(target);
            } else {
                refused.get_or_insert(target);
            }
        }
        Poll::Ready(match refused {
            Some(target) if allowed.is_empty() => Err(self.refuse_connect(Protocol::Tcp, target)),
            _ if allowed.is_empty() => Err(Errno::NoEntry),
            _ => {
                self.show_connect(&host, port, &allowed);
                Ok(allowed)
            }
        })
    }

    /// Whether a client of the host's may ask a proxy for a TCP connection to `host`. A proxy
    /// looks names up by itself, so that where a name leads cannot be judged: only a rule that
    /// names it allows it, and none about addresses. An address is judged as always.
    ///
    /// # Errors
    ///
    /// `EINVAL` for an address where nobody can be, `EACCES` when no rule allows it, which is
    /// noted.
    pub fn check_proxied(&self, host: &HostTarget, port: u16) -> Result<()> {
        match host {
            HostTarget::Address(address) => {
                let target = SocketAddr::new(*address, port);
                check_remote(target)?;
                if !self.network.allows_connect(Protocol::Tcp, target) {
                    return Err(self.refuse_connect(Protocol::Tcp, target));
                }
                self.show_connect(host, port, &[target]);
            }
            HostTarget::Name(name) => {
                if !self.network.allows_name(Protocol::Tcp, name, port) {
                    return Err(self.refuse_name(name, port, true));
                }
                self.show_connect(host, port, &[]);
            }
        }
        Ok(())
    }

    fn refuse_name(&self, name: &str, port: u16, proxied: bool) -> Errno {
        let rule = NetRule::Connect {
            protocol: Protocol::Tcp,
            host: HostPattern::Name(NamePattern::Exactly(name.to_owned())),
            ports: PortRanges::one(port),
        };
        self.refuse_for(Cause::Network {
            rule,
            name: None,
            class: AddressClass::Public,
            proxied,
        })
    }

    fn show_connect(&self, host: &HostTarget, port: u16, addresses: &[SocketAddr]) {
        if let Some(observer) = self.observer() {
            observer.connects(self, host, port, addresses);
        }
    }
}

/// `EINVAL` for an address that a socket of this family cannot have: of the other family, or
/// one of IPv6 that stands for one of IPv4 (sockets are not dual-stack).
pub(crate) fn check_family(family: AddressFamily, address: SocketAddr) -> Result<()> {
    let fits = match address.ip() {
        IpAddr::V4(_) => family == AddressFamily::Inet4,
        IpAddr::V6(six) => {
            let disguised = matches!(six.segments(), [0, 0, 0, 0, 0, 0 | 0xffff, ..])
                && unwrap_disguise(six.into()).is_ipv4();
            family == AddressFamily::Inet6 && !disguised
        }
    };
    if fits { Ok(()) } else { Err(Errno::Invalid) }
}

/// `EINVAL` for what nobody can be at: no port, no address.
pub(crate) fn check_remote(address: SocketAddr) -> Result<()> {
    if address.port() == 0 || unwrap_disguise(address.ip()).is_unspecified() {
        return Err(Errno::Invalid);
    }
    Ok(())
}

/// `EINVAL` for an address of a group.
pub(crate) fn check_unicast(address: SocketAddr) -> Result<()> {
    let grouped = match unwrap_disguise(address.ip()) {
        IpAddr::V4(four) => four.is_multicast() || four.is_broadcast(),
        IpAddr::V6(six) => six.is_multicast(),
    };
    if grouped { Err(Errno::Invalid) } else { Ok(()) }
}

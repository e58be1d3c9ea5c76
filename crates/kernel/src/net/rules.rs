//! Rules: what of the network a process may use, as plain data.

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use super::address::{AddressClass, AddressRange, classify};

/// What carries the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        })
    }
}

/// Ports: ranges in order, with gaps between them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortRanges(Vec<(u16, u16)>);

impl PortRanges {
    /// Every port.
    #[must_use]
    pub fn all() -> PortRanges {
        PortRanges(vec![(0, u16::MAX)])
    }

    /// One port.
    #[must_use]
    pub fn one(port: u16) -> PortRanges {
        PortRanges(vec![(port, port)])
    }

    /// The ports of all of these ranges, first and last; `None` for none, or one that ends
    /// before it begins.
    #[must_use]
    pub fn new(mut ranges: Vec<(u16, u16)>) -> Option<PortRanges> {
        if ranges.is_empty() || ranges.iter().any(|(first, last)| first > last) {
            return None;
        }
        ranges.sort_unstable();
        let mut merged: Vec<(u16, u16)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some((_, end)) if u32::from(first) <= u32::from(*end) + 1 => {
                    *end = last.max(*end);
                }
                _ => merged.push((first, last)),
            }
        }
        Some(PortRanges(merged))
    }

    /// Whether the port is one of them.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.0
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&port))
    }

    /// Whether every port of `other` is one of them.
    #[must_use]
    pub fn covers(&self, other: &PortRanges) -> bool {
        other
            .0
            .iter()
            .all(|(first, last)| self.0.iter().any(|(from, to)| from <= first && last <= to))
    }

    /// The ranges, first and last port of each.
    #[must_use]
    pub fn ranges(&self) -> &[(u16, u16)] {
        &self.0
    }
}

impl fmt::Display for PortRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == [(0, u16::MAX)] {
            return f.write_str("*");
        }
        for (at, (first, last)) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            if first == last {
                write!(f, "{first}")?;
            } else {
                write!(f, "{first}-{last}")?;
            }
        }
        Ok(())
    }
}

/// Names of hosts, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NamePattern {
    /// This name.
    Exactly(String),
    /// Every name below this one, however deep, and not itself: `*.example.com`.
    Below(String),
}

impl NamePattern {
    /// Whether a name in lower case is one of them.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self {
            NamePattern::Exactly(own) => own == name,
            NamePattern::Below(above) => name
                .strip_suffix(above.as_str())
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|rest| !rest.is_empty()),
        }
    }

    /// Whether every name of `other` is one of them.
    #[must_use]
    pub fn covers(&self, other: &NamePattern) -> bool {
        match (self, other) {
            (_, NamePattern::Exactly(name)) => self.matches(name),
            (NamePattern::Below(own), NamePattern::Below(above)) => {
                own == above || self.matches(above)
            }
            (NamePattern::Exactly(_), NamePattern::Below(_)) => false,
        }
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NamePattern::Exactly(name) => f.write_str(name),
            NamePattern::Below(above) => write!(f, "*.{above}"),
        }
    }
}

/// Whom a rule lets a process reach.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// Every public address, and the lookup of every name: `*`.
    Public,
    /// The public addresses that a lookup of these names answered, and that lookup.
    Name(NamePattern),
    /// Addresses; special ones when the range lies within their range.
    Range(AddressRange),
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostPattern::Public => f.write_str("*"),
            HostPattern::Name(name) => name.fmt(f),
            HostPattern::Range(range) => range.fmt(f),
        }
    }
}

impl HostPattern {
    /// Whether whoever may reach these may reach all of `other`. Which addresses a name has is
    /// not known before it is looked up, so that no range covers a name, nor a name a range.
    #[must_use]
    pub fn covers(&self, other: &HostPattern) -> bool {
        match (self, other) {
            (HostPattern::Public, HostPattern::Public | HostPattern::Name(_)) => true,
            (HostPattern::Public, HostPattern::Range(range)) => range.names_public_alone(),
            (HostPattern::Name(own), HostPattern::Name(name)) => own.covers(name),
            (HostPattern::Range(own), HostPattern::Range(range)) => own.names_all_of(range),
            _ => false,
        }
    }
}

/// One thing of the network that is allowed. Prints as `--net` takes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NetRule {
    /// Everything, special addresses too.
    All,
    /// The virtual loopback between the processes of one system.
    Loopback,
    /// Connecting, and sending datagrams.
    Connect {
        /// Over what.
        protocol: Protocol,
        /// To whom.
        host: HostPattern,
        /// To which ports.
        ports: PortRanges,
    },
    /// Binding to addresses of the host, to be reached there.
    Listen {
        /// Over what.
        protocol: Protocol,
        /// Local addresses.
        address: AddressRange,
        /// Local ports; 0 lets the host choose one.
        ports: PortRanges,
    },
    /// Looking a name up.
    Resolve(NamePattern),
}

impl fmt::Display for NetRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetRule::All => f.write_str("all"),
            NetRule::Loopback => f.write_str("loopback"),
            NetRule::Connect {
                protocol,
                host,
                ports,
            } => write!(f, "{protocol}:connect:{host}:{ports}"),
            NetRule::Listen {
                protocol,
                address,
                ports,
            } => write!(f, "{protocol}:listen:{address}:{ports}"),
            NetRule::Resolve(name) => write!(f, "resolve:{name}"),
        }
    }
}

impl NetRule {
    /// Whether it allows everything that `other` allows: `connect:*:443` does for
    /// `connect:api.example.com:443`, and never for an address of a private network.
    #[must_use]
    pub fn covers(&self, other: &NetRule) -> bool {
        match (self, other) {
            (NetRule::All, _) | (NetRule::Loopback, NetRule::Loopback) => true,
            (
                NetRule::Connect {
                    protocol,
                    host,
                    ports,
                },
                NetRule::Connect {
                    protocol: over,
                    host: whom,
                    ports: where_to,
                },
            ) => protocol == over && ports.covers(where_to) && host.covers(whom),
            (
                NetRule::Listen {
                    protocol,
                    address,
                    ports,
                },
                NetRule::Listen {
                    protocol: over,
                    address: at,
                    ports: on,
                },
            ) => protocol == over && ports.covers(on) && address.names_all_of(at),
            (NetRule::Connect { host, .. }, NetRule::Resolve(name)) => match host {
                HostPattern::Public => true,
                HostPattern::Name(own) => own.covers(name),
                HostPattern::Range(_) => false,
            },
            (NetRule::Resolve(own), NetRule::Resolve(name)) => own.covers(name),
            _ => false,
        }
    }
}

/// Rules of which each allows something; none of them is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NetRules(Vec<NetRule>);

impl FromIterator<NetRule> for NetRules {
    fn from_iter<I: IntoIterator<Item = NetRule>>(rules: I) -> NetRules {
        NetRules(rules.into_iter().collect())
    }
}

impl NetRules {
    /// Nothing is allowed.
    #[must_use]
    pub fn none() -> NetRules {
        NetRules::default()
    }

    /// Everything is allowed.
    #[must_use]
    pub fn all() -> NetRules {
        NetRules(vec![NetRule::All])
    }

    /// Allows one thing more.
    pub fn push(&mut self, rule: NetRule) {
        if !self.0.contains(&rule) {
            self.0.push(rule);
        }
    }

    /// The rules, in the order in which they were given.
    #[must_use]
    pub fn rules(&self) -> &[NetRule] {
        &self.0
    }

    /// Whether one of them allows everything that `rule` allows.
    #[must_use]
    pub fn cover(&self, rule: &NetRule) -> bool {
        self.0.iter().any(|own| own.covers(rule))
    }

    /// Whether nothing is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether some rule could lead to the host's network.
    #[must_use]
    pub fn reach_the_host(&self) -> bool {
        self.0.iter().any(|rule| *rule != NetRule::Loopback)
    }

    /// Whether the virtual loopback may be used.
    #[must_use]
    pub fn allow_loopback(&self) -> bool {
        self.0
            .iter()
            .any(|rule| matches!(rule, NetRule::All | NetRule::Loopback))
    }

    /// Whether a process may connect or send to `address` on the host's network.
    /// `answered` says whether a lookup of a name that the pattern matches answered it.
    #[must_use]
    pub fn allow_connect(
        &self,
        over: Protocol,
        address: SocketAddr,
        answered: &dyn Fn(&NamePattern) -> bool,
    ) -> bool {
        let public = classify(address.ip()) == AddressClass::Public;
        self.0.iter().any(|rule| match rule {
            NetRule::All => true,
            NetRule::Connect {
                protocol,
                host,
                ports,
            } if *protocol == over && ports.contains(address.port()) => match host {
                HostPattern::Public => public,
                HostPattern::Name(name) => public && answered(name),
                HostPattern::Range(range) => range.names(address.ip()),
            },
            _ => false,
        })
    }

    /// Whether a rule names `name`, a valid one in lower case, with this port: without its
    /// addresses, a rule about those allows nothing.
    #[must_use]
    pub fn allow_name(&self, over: Protocol, name: &str, port: u16) -> bool {
        self.0.iter().any(|rule| match rule {
            NetRule::All => true,
            NetRule::Connect {
                protocol,
                host: HostPattern::Name(pattern),
                ports,
            } => *protocol == over && ports.contains(port) && pattern.matches(name),
            _ => false,
        })
    }

    /// Whether some address can be connected to over this protocol: then a socket that is no
    /// server may have a local port.
    #[must_use]
    pub fn allow_client(&self, over: Protocol) -> bool {
        self.0.iter().any(|rule| {
            matches!(rule, NetRule::All)
                || matches!(rule, NetRule::Connect { protocol, .. } if *protocol == over)
        })
    }

    /// Whether a process may be reached at `address` of the host.
    #[must_use]
    pub fn allow_listen(&self, over: Protocol, address: SocketAddr) -> bool {
        self.0.iter().any(|rule| match rule {
            NetRule::All => true,
            NetRule::Listen {
                protocol,
                address: range,
                ports,
            } => *protocol == over && ports.contains(address.port()) && range.names(address.ip()),
            _ => false,
        })
    }

    /// Whether a process may look `name` up, a valid one in lower case.
    #[must_use]
    pub fn allow_lookup(&self, name: &str) -> bool {
        self.0.iter().any(|rule| match rule {
            NetRule::All => true,
            NetRule::Resolve(pattern)
            | NetRule::Connect {
                host: HostPattern::Name(pattern),
                ..
            } => pattern.matches(name),
            NetRule::Connect {
                host: HostPattern::Public,
                ..
            } => true,
            _ => false,
        })
    }
}

/// The rule that allows connecting to one address, or to the name behind it.
#[must_use]
pub(crate) fn rule_to_connect(
    protocol: Protocol,
    address: SocketAddr,
    name: Option<&str>,
) -> NetRule {
    let host = match name {
        Some(name) => HostPattern::Name(NamePattern::Exactly(name.to_owned())),
        None => HostPattern::Range(AddressRange::of(super::unwrap_disguise(address.ip()))),
    };
    NetRule::Connect {
        protocol,
        host,
        ports: PortRanges::one(address.port()),
    }
}

/// The rule that allows binding to one address.
#[must_use]
pub(crate) fn rule_to_listen(protocol: Protocol, ip: IpAddr, port: u16) -> NetRule {
    NetRule::Listen {
        protocol,
        address: AddressRange::of(super::unwrap_disguise(ip)),
        ports: PortRanges::one(port),
    }
}

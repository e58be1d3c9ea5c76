//! What a run did on the network, as the narrowest rules under which it may do so again.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::collections::{BTreeMap, BTreeSet};

use holm_abi::{Errno, Fd, Syscall};
use holm_kernel::net::{
    AddressClass, AddressRange, HostPattern, HostTarget, NamePattern, NetRule, PortRanges,
    Protocol, classify, is_localhost, parse_host, unwrap_disguise,
};
use holm_kernel::{Answer, Argument, Cause, Process, TraceEvent};

/// Most things of a kind that are kept of a run: a manifest that names more asks for a range.
const KEPT_MAX: usize = 256;

/// What was done with the sockets that a program made.
#[derive(Debug, Default)]
pub(super) struct UsedNetwork {
    sockets: BTreeMap<Fd, UsedSocket>,
    reached: BTreeSet<(Protocol, SocketAddr)>,
    served: BTreeSet<(Protocol, SocketAddr)>,
    /// The names that were looked up, with what they were answered.
    names: BTreeMap<String, Vec<IpAddr>>,
    /// Where a client of the host's connected to for it, and the addresses that were allowed;
    /// none when a proxy was told the name.
    requested: BTreeMap<(String, u16), Vec<SocketAddr>>,
}

#[derive(Clone, Copy, Debug)]
struct UsedSocket {
    protocol: Protocol,
    /// Where it is bound; before that the unspecified address of its family.
    own: SocketAddr,
}

impl UsedNetwork {
    /// Whether a connection was accepted by a socket that the program made, and not by one that
    /// it was given.
    pub(super) fn accepts(&self, event: &TraceEvent<'_>) -> bool {
        matches!(event.arguments.first(), Some(Argument::Fd(fd)) if self.sockets.contains_key(fd))
    }

    pub(super) fn see(&mut self, event: &TraceEvent<'_>) {
        let Some(first) = event.arguments.first() else {
            return;
        };
        let address = |at: usize| match event.arguments.get(at) {
            Some(Argument::Address(address)) => *address,
            _ => None,
        };
        let number = match event.outcome {
            Ok(Answer::Number(number)) => u32::try_from(number).ok(),
            _ => None,
        };
        match (event.call, first) {
            (Syscall::SockOpen, family) => {
                if let (Some(fd), Some(kind)) = (number, event.arguments.get(1)) {
                    self.sockets.insert(Fd(fd), UsedSocket::new(family, kind));
                }
            }
            (Syscall::SockBind, Argument::Fd(fd)) if event.outcome.is_ok() => {
                if let (Some(socket), Some(own)) = (self.sockets.get_mut(fd), address(1)) {
                    socket.own = own;
                    // A free port that the host chooses serves nobody by itself.
                    if own.port() != 0 {
                        let server = (socket.protocol, own);
                        keep(&mut self.served, server);
                    }
                }
            }
            (Syscall::SockListen, Argument::Fd(fd)) if event.outcome.is_ok() => {
                if let Some(socket) = self.sockets.get(fd) {
                    keep(&mut self.served, (socket.protocol, socket.own));
                }
            }
            (Syscall::SockConnect, Argument::Fd(fd)) if left(event) => {
                self.reach(*fd, address(1));
            }
            (Syscall::SockSendTo, Argument::Fd(fd)) if left(event) => self.reach(*fd, address(2)),
            (Syscall::SockRecvFrom, Argument::Fd(fd)) if event.outcome.is_ok() => self.heard(*fd),
            (Syscall::NameLookup, Argument::Text(name)) if event.outcome.is_ok() => {
                let found = match event.arguments.get(1) {
                    Some(Argument::Addresses(list)) => *list,
                    _ => &[],
                };
                let count = number.map_or(0, |count| count as usize).min(found.len());
                if let Ok(HostTarget::Name(name)) = parse_host(name)
                    && self.names.len() < KEPT_MAX
                {
                    self.names
                        .entry(name)
                        .or_insert_with(|| found[..count].to_vec());
                }
            }
            (Syscall::FdRenumber, Argument::Fd(from)) if event.outcome.is_ok() => {
                if let (Some(Argument::Fd(to)), Some(socket)) =
                    (event.arguments.get(1), self.sockets.remove(from))
                {
                    self.sockets.insert(*to, socket);
                }
            }
            (Syscall::FdClose, Argument::Fd(fd)) if event.outcome.is_ok() => {
                self.sockets.remove(fd);
            }
            _ => {}
        }
    }

    /// A request left through a client of the host's.
    pub(super) fn request(&mut self, host: &HostTarget, port: u16, addresses: &[SocketAddr]) {
        let name = match host {
            HostTarget::Name(name) => name.clone(),
            HostTarget::Address(_) => {
                for address in addresses {
                    keep(&mut self.reached, (Protocol::Tcp, *address));
                }
                return;
            }
        };
        if self.requested.len() < KEPT_MAX {
            self.requested
                .entry((name, port))
                .or_insert_with(|| addresses.to_vec());
        }
    }

    fn reach(&mut self, fd: Fd, address: Option<SocketAddr>) {
        if let (Some(socket), Some(address)) = (self.sockets.get(&fd), address) {
            keep(&mut self.reached, (socket.protocol, address));
        }
    }

    /// A datagram came: whoever reached nobody over UDP was served on a port of its own.
    fn heard(&mut self, fd: Fd) {
        let asked = self
            .reached
            .iter()
            .any(|(protocol, _)| *protocol == Protocol::Udp);
        if let Some(socket) = self.sockets.get(&fd)
            && socket.protocol == Protocol::Udp
            && !asked
        {
            keep(&mut self.served, (socket.protocol, socket.own));
        }
    }

    /// The rules that allow what `process`, which was watched, did and what it was refused;
    /// none that another one of them covers.
    pub(super) fn rules(&self, process: &Process) -> Vec<NetRule> {
        let policy = process.network();
        let mut rules = Vec::new();
        for (protocol, address) in &self.reached {
            if address.ip().is_loopback() && policy.allows_loopback() {
                rules.push(NetRule::Loopback);
            }
            if policy.allows_connect(*protocol, *address) {
                rules.push(NetRule::Connect {
                    protocol: *protocol,
                    host: self.host_of(address.ip()),
                    ports: PortRanges::one(address.port()),
                });
            }
        }
        for ((name, port), addresses) in &self.requested {
            rules.extend(rules_to_request(name, *port, addresses));
        }
        for (protocol, address) in &self.served {
            if policy.allows_listen(*protocol, *address) {
                rules.push(NetRule::Listen {
                    protocol: *protocol,
                    address: AddressRange::of(unwrap_disguise(address.ip())),
                    ports: PortRanges::one(address.port()),
                });
            } else if policy.allows_loopback() {
                rules.push(NetRule::Loopback);
            }
        }
        for denial in process.denials() {
            if let Cause::Network { rule, .. } = denial.cause {
                rules.push(rule);
            }
        }
        for name in self.names.keys().filter(|name| *name != "localhost") {
            rules.push(NetRule::Resolve(NamePattern::Exactly(name.clone())));
        }
        narrowest(rules)
    }

    /// The name of which an address was the answer; a name leads to public addresses alone.
    fn host_of(&self, ip: IpAddr) -> HostPattern {
        let name = self
            .names
            .iter()
            .find(|(_, answer)| answer.contains(&ip))
            .filter(|_| classify(ip) == AddressClass::Public);
        match name {
            Some((name, _)) => HostPattern::Name(NamePattern::Exactly(name.clone())),
            None => HostPattern::Range(AddressRange::of(unwrap_disguise(ip))),
        }
    }
}

/// The rules under which a request to a name may be sent: the name itself, as far as it leads to
/// public addresses, and the others beside it.
fn rules_to_request(name: &str, port: u16, addresses: &[SocketAddr]) -> Vec<NetRule> {
    let (public, special): (Vec<_>, Vec<_>) = addresses
        .iter()
        .partition(|address| classify(address.ip()) == AddressClass::Public);
    let connect = |host| NetRule::Connect {
        protocol: Protocol::Tcp,
        host,
        ports: PortRanges::one(port),
    };
    let exactly = || NamePattern::Exactly(name.to_owned());
    let mut rules = Vec::new();
    if !public.is_empty() || addresses.is_empty() {
        rules.push(connect(HostPattern::Name(exactly())));
    } else if !is_localhost(name) {
        rules.push(NetRule::Resolve(exactly()));
    }
    rules.extend(special.into_iter().map(|address: &SocketAddr| {
        let range = AddressRange::of(unwrap_disguise(address.ip()));
        connect(HostPattern::Range(range))
    }));
    rules
}

impl UsedSocket {
    fn new(family: &Argument<'_>, kind: &Argument<'_>) -> UsedSocket {
        let named = |argument: &Argument<'_>| match argument {
            Argument::Named(value) => value.to_string(),
            _ => String::new(),
        };
        let any: IpAddr = match named(family).as_str() {
            "inet6" => Ipv6Addr::UNSPECIFIED.into(),
            _ => Ipv4Addr::UNSPECIFIED.into(),
        };
        UsedSocket {
            protocol: match named(kind).as_str() {
                "datagram" => Protocol::Udp,
                _ => Protocol::Tcp,
            },
            own: SocketAddr::new(any, 0),
        }
    }
}

/// Whether the kernel let a call out: it succeeded, or failed outside.
fn left(event: &TraceEvent<'_>) -> bool {
    match event.outcome {
        Ok(_) => true,
        Err(errno) => matches!(
            errno,
            Errno::InProgress
                | Errno::ConnectionRefused
                | Errno::ConnectionReset
                | Errno::TimedOut
                | Errno::HostUnreachable
        ),
    }
}

fn keep<T: Ord>(set: &mut BTreeSet<T>, value: T) {
    if set.len() < KEPT_MAX {
        set.insert(value);
    }
}

fn narrowest(rules: Vec<NetRule>) -> Vec<NetRule> {
    let mut kept: Vec<NetRule> = Vec::new();
    for rule in rules {
        if !kept.iter().any(|other| other.covers(&rule)) {
            kept.retain(|other| !rule.covers(other));
            kept.push(rule);
        }
    }
    kept
}

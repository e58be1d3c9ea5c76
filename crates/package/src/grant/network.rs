//! Rules for the network as text: the value of `--net` and of `net` in `holm.toml`.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr};

use holm_kernel::net::{
    AddressRange, HostError, HostPattern, HostTarget, NamePattern, NetRule, PortRanges, Protocol,
    parse_host, unwrap_disguise,
};
use thiserror::Error;

use super::shown;

#[cfg(test)]
mod tests;

/// How rules are written.
const GRAMMAR: &str = "all, loopback, [tcp:|udp:]connect:HOST:PORTS, \
    [tcp:|udp:]listen:ADDRESS:PORTS, resolve:NAME, or HOST:PORTS for connect";

/// Why a rule for the network could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{}: at byte {}, {problem}{}. A rule is one of: {GRAMMAR}",
    shown(text),
    at + 1,
    suggestion.as_ref().map(|rule| format!("; write {}", shown(rule))).unwrap_or_default()
)]
pub struct NetRuleError {
    /// The rule as written.
    pub text: String,
    /// Offset of what is wrong, in bytes.
    pub at: usize,
    /// What is wrong with it.
    pub problem: NetRuleProblem,
    /// A rule that may have been meant.
    pub suggestion: Option<String>,
}

/// What is wrong with a rule for the network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NetRuleProblem {
    /// There is no host.
    #[error("the host is missing")]
    NoHost,
    /// There are no ports.
    #[error("the ports are missing: 443, 8000-8999, 80,443 or *")]
    NoPorts,
    /// Ports that are none.
    #[error("{} is no port, range or list of ports: 443, 8000-8999, 80,443 or *", shown(.0))]
    Ports(String),
    /// Port 0, to which nobody connects.
    #[error("nobody connects to port 0")]
    PortZero,
    /// The host cannot be read.
    #[error("{0}")]
    Host(HostError),
    /// A `*` that is not all of the host nor its first label.
    #[error(
        "a * stands for every public address, or before a dot for the names below one: *.example.com"
    )]
    Star,
    /// A prefix that is none.
    #[error("{} is no network prefix, which is an address with zeros after its first bits: 10.0.0.0/8, [2001:db8::/32]", shown(.0))]
    Prefix(String),
    /// Listening on a name or on everything.
    #[error(
        "a program listens on an address of this machine: 127.0.0.1, 0.0.0.0 for all of them, [::1]"
    )]
    ListenAddress,
    /// An address where a name should be.
    #[error("an address needs no lookup")]
    ResolveAddress,
    /// A URL.
    #[error("a rule is no URL")]
    Url,
}

/// Reads a rule. What [`NetRule`] prints is read back as the same rule.
///
/// # Errors
///
/// [`NetRuleError`], with what to write instead.
pub fn parse_net_rule(text: &str) -> Result<NetRule, NetRuleError> {
    match text {
        "all" => return Ok(NetRule::All),
        "loopback" => return Ok(NetRule::Loopback),
        _ => {}
    }
    let reader = Reader { text };
    if let Some(at) = text.find("://") {
        return Err(reader.url(at));
    }
    if let Some(name) = text.strip_prefix("resolve:") {
        return match reader.host(name)? {
            HostPattern::Name(pattern) => Ok(NetRule::Resolve(pattern)),
            _ => Err(reader.error(name, NetRuleProblem::ResolveAddress, None)),
        };
    }
    let (protocol, rest) = if let Some(rest) = text.strip_prefix("udp:") {
        (Protocol::Udp, rest)
    } else {
        (Protocol::Tcp, text.strip_prefix("tcp:").unwrap_or(text))
    };
    if let Some(rest) = rest.strip_prefix("listen:") {
        let (host, ports) = reader.split(rest)?;
        let ports = reader.ports(ports)?;
        return match reader.host(host) {
            Ok(HostPattern::Range(address)) => Ok(NetRule::Listen {
                protocol,
                address,
                ports,
            }),
            Ok(HostPattern::Name(NamePattern::Exactly(name))) if name == "localhost" => {
                let meant = NetRule::Listen {
                    protocol,
                    address: AddressRange::of(Ipv4Addr::LOCALHOST.into()),
                    ports,
                };
                Err(reader.error(host, NetRuleProblem::ListenAddress, Some(meant.to_string())))
            }
            Ok(_) => Err(reader.error(host, NetRuleProblem::ListenAddress, None)),
            Err(error) => Err(error),
        };
    }
    let rest = rest.strip_prefix("connect:").unwrap_or(rest);
    let (host, ports) = reader.split(rest)?;
    let (host, ports_text) = (reader.host(host)?, ports);
    let ports = reader.ports(ports_text)?;
    if ports.ranges() == [(0, 0)] {
        return Err(reader.error(ports_text, NetRuleProblem::PortZero, None));
    }
    Ok(NetRule::Connect {
        protocol,
        host,
        ports,
    })
}

struct Reader<'a> {
    text: &'a str,
}

impl<'a> Reader<'a> {
    /// An error at `part`, which is a slice of the text.
    fn error(
        &self,
        part: &str,
        problem: NetRuleProblem,
        suggestion: Option<String>,
    ) -> NetRuleError {
        let at = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        NetRuleError {
            text: self.text.to_owned(),
            at: at.min(self.text.len()),
            problem,
            suggestion,
        }
    }

    fn url(&self, at: usize) -> NetRuleError {
        let scheme = &self.text[..at];
        let rest = &self.text[at + 3..];
        let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let port = match scheme {
            "http" | "ws" => Some(80),
            "https" | "wss" => Some(443),
            _ => None,
        };
        let has_port = host
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let meant = match port {
            _ if has_port => host.to_owned(),
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let suggestion = parse_net_rule(&meant).is_ok().then_some(meant);
        self.error(self.text, NetRuleProblem::Url, suggestion)
    }

    /// Parts the host from the ports, at the last colon that is not inside brackets.
    fn split(&self, rest: &'a str) -> Result<(&'a str, &'a str), NetRuleError> {
        let after = rest.rfind(']').map_or(0, |at| at + 1);
        let Some(colon) = rest[after..].rfind(':').map(|at| after + at) else {
            let end = &rest[rest.len()..];
            if rest.is_empty() {
                return Err(self.error(end, NetRuleProblem::NoHost, None));
            }
            let meant = format!("{}:443", self.text);
            let known = parse_net_rule(&meant).is_ok();
            return Err(self.error(end, NetRuleProblem::NoPorts, known.then_some(meant)));
        };
        let (host, ports) = (&rest[..colon], &rest[colon + 1..]);
        if host.is_empty() {
            return Err(self.error(host, NetRuleProblem::NoHost, None));
        }
        if ports.is_empty() {
            return Err(self.error(ports, NetRuleProblem::NoPorts, None));
        }
        Ok((host, ports))
    }

    fn ports(&self, text: &str) -> Result<PortRanges, NetRuleError> {
        if text == "*" {
            return Ok(PortRanges::all());
        }
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse::<u16>().ok()).flatten()
        };
        let mut ranges = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            match (number(first), number(last)) {
                (Some(first), Some(last)) if first <= last => ranges.push((first, last)),
                _ => {
                    let problem = NetRuleProblem::Ports(part.to_owned());
                    return Err(self.error(part, problem, None));
                }
            }
        }
        PortRanges::new(ranges)
            .ok_or_else(|| self.error(text, NetRuleProblem::Ports(text.to_owned()), None))
    }

    fn host(&self, text: &str) -> Result<HostPattern, NetRuleError> {
        if text == "*" {
            return Ok(HostPattern::Public);
        }
        if let Some((address, prefix)) = text.split_once('/') {
            return self.range(text, address, prefix);
        }
        let (name, below) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        if name.contains('*') {
            return Err(self.error(text, NetRuleProblem::Star, None));
        }
        match parse_host(name) {
            Ok(HostTarget::Name(name)) if below => Ok(HostPattern::Name(NamePattern::Below(name))),
            Ok(HostTarget::Name(name)) => Ok(HostPattern::Name(NamePattern::Exactly(name))),
            Ok(HostTarget::Address(_)) if below => {
                Err(self.error(text, NetRuleProblem::Star, None))
            }
            Ok(HostTarget::Address(address)) => Ok(HostPattern::Range(AddressRange::of(
                unwrap_disguise(address),
            ))),
            Err(problem) => Err(self.error(name, NetRuleProblem::Host(problem), None)),
        }
    }

    /// `10.0.0.0/8` or `[2001:db8::/32]`, the brackets still on.
    fn range(&self, text: &str, address: &str, prefix: &str) -> Result<HostPattern, NetRuleError> {
        let wrong = || self.error(text, NetRuleProblem::Prefix(text.to_owned()), None);
        let (address, prefix, six) = match address.strip_prefix('[') {
            Some(address) => (address, prefix.strip_suffix(']').ok_or_else(wrong)?, true),
            None => (address, prefix, false),
        };
        let plain = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix: u8 = prefix.parse().ok().filter(|_| plain).ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let range = AddressRange::new(address, prefix)
            .filter(|_| address.is_ipv6() == six)
            .ok_or_else(wrong)?;
        if range.is_single() {
            return Ok(HostPattern::Range(AddressRange::of(unwrap_disguise(
                address,
            ))));
        }
        Ok(HostPattern::Range(range))
    }
}

/// What a rule allows, in words.
pub(super) fn describe(formatter: &mut fmt::Formatter<'_>, rule: &NetRule) -> fmt::Result {
    match rule {
        NetRule::All => formatter.write_str(
            "use the whole network, with the services of this machine and of private networks",
        ),
        NetRule::Loopback => formatter
            .write_str("talk to the other programs of this system over a loopback of their own"),
        NetRule::Connect {
            protocol,
            host,
            ports,
        } => {
            formatter.write_str(match protocol {
                Protocol::Tcp => "connect to ",
                Protocol::Udp => "send datagrams to ",
            })?;
            match host {
                HostPattern::Public => formatter.write_str("every public address")?,
                HostPattern::Name(name) => write!(formatter, "{name}")?,
                HostPattern::Range(range) => write!(formatter, "{range}")?,
            }
            write_ports(formatter, ports)
        }
        NetRule::Listen {
            protocol,
            address,
            ports,
        } => {
            formatter.write_str(match protocol {
                Protocol::Tcp => "accept connections on ",
                Protocol::Udp => "receive datagrams on ",
            })?;
            write!(formatter, "{address}")?;
            write_ports(formatter, ports)
        }
        NetRule::Resolve(name) => write!(formatter, "look up the name {name}"),
    }
}

fn write_ports(formatter: &mut fmt::Formatter<'_>, ports: &PortRanges) -> fmt::Result {
    if *ports == PortRanges::all() {
        return formatter.write_str(", any port");
    }
    let plural = match ports.ranges() {
        [(first, last)] if first == last => "",
        _ => "s",
    };
    write!(formatter, ", port{plural} {ports}")
}

//! What an import is: handles passed around, something harmless, or authority out of nothing.

use semver::Version;

/// What an import of a component gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// It acts on handles that somebody gave, or only has types: shared by all components of a
    /// composition, so that a stream of one is a stream of the other.
    Shared,
    /// Clocks and randomness: it tells of the host what the app's own process sees anyway.
    Harmless,
    /// It gives what nobody handed over.
    Ambient(Family),
    /// It is no interface of a host's: another component provides it.
    Foreign,
}

/// What kind of authority an ambient interface gives, and so which grants are about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Network,
    Files,
    Environment,
    Stdin,
    Stdout,
    Stderr,
    /// Ending the app, and whatever has no grants of its own.
    Other,
}

impl Family {
    pub(crate) fn is_stream(self) -> bool {
        matches!(self, Self::Stdin | Self::Stdout | Self::Stderr)
    }
}

/// `namespace:package/interface@version` taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InterfaceName<'n> {
    /// `namespace:package`
    pub(crate) package: &'n str,
    pub(crate) interface: &'n str,
    pub(crate) version: Option<&'n str>,
}

impl<'n> InterfaceName<'n> {
    pub(crate) fn parse(name: &'n str) -> Option<Self> {
        let (name, version) = match name.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (name, None),
        };
        let (package, interface) = name.split_once('/')?;
        package.contains(':').then_some(Self {
            package,
            interface,
            version,
        })
    }

    fn version(&self) -> Option<Version> {
        Version::parse(self.version?).ok()
    }

    /// Whether it is of 0.3 or later, where functions are asynchronous and streams are no
    /// resources.
    pub(crate) fn is_asynchronous(&self) -> bool {
        self.version()
            .is_some_and(|version| (version.major, version.minor) >= (0, 3))
    }
}

/// What an import of this name gives.
pub(crate) fn classify(import: &str) -> Class {
    let Some(name) = InterfaceName::parse(import) else {
        return Class::Foreign;
    };
    let asynchronous = name.is_asynchronous();
    match (name.package, name.interface) {
        ("wasi:io", _)
        | ("wasi:filesystem" | "wasi:http" | "wasi:cli", "types")
        | ("wasi:cli", "terminal-input" | "terminal-output") => Class::Shared,
        // A network opens nothing by itself: sockets and lookups do, and are asked for apart.
        ("wasi:sockets", "network" | "instance-network" | "tcp" | "udp") if !asynchronous => {
            Class::Shared
        }
        ("wasi:clocks" | "wasi:random", _) => Class::Harmless,
        ("wasi:sockets" | "wasi:http", _) => Class::Ambient(Family::Network),
        ("wasi:filesystem", _) => Class::Ambient(Family::Files),
        ("wasi:cli", "environment") => Class::Ambient(Family::Environment),
        ("wasi:cli", "stdin" | "terminal-stdin") => Class::Ambient(Family::Stdin),
        ("wasi:cli", "stdout" | "terminal-stdout") => Class::Ambient(Family::Stdout),
        ("wasi:cli", "stderr" | "terminal-stderr") => Class::Ambient(Family::Stderr),
        (package, _) if package.starts_with("wasi:") || package.starts_with("holm:") => {
            Class::Ambient(Family::Other)
        }
        _ => Class::Foreign,
    }
}

/// Two versions of one interface that can stand in for each other: the part of the name that
/// they share, such as `wasi:http/types@0.2`; the whole name when no other version can.
pub(crate) fn track(name: &str) -> &str {
    let Some((at, version)) = name.find('@').map(|at| (at, &name[at + 1..])) else {
        return name;
    };
    let Ok(parsed) = Version::parse(version) else {
        return name;
    };
    let dots = match (parsed.pre.is_empty(), parsed.major, parsed.minor) {
        (true, 1.., _) => 1,
        (true, 0, 1..) => 2,
        _ => return name,
    };
    let end = version
        .match_indices('.')
        .nth(dots - 1)
        .map_or(version.len(), |(dot, _)| dot);
    &name[..=at + end]
}

/// The version in the name of an interface.
pub(crate) fn version(name: &str) -> Option<Version> {
    InterfaceName::parse(name)?.version()
}

#[cfg(test)]
mod tests {
    use super::{Class, Family, classify, track};

    #[test]
    fn authority_comes_from_a_few_interfaces() {
        let network = Class::Ambient(Family::Network);
        let cases = [
            ("wasi:io/streams@0.2.0", Class::Shared),
            ("wasi:filesystem/types@0.2.6", Class::Shared),
            (
                "wasi:filesystem/preopens@0.3.0",
                Class::Ambient(Family::Files),
            ),
            ("wasi:sockets/tcp@0.2.0", Class::Shared),
            ("wasi:sockets/tcp-create-socket@0.2.0", network),
            ("wasi:sockets/types@0.3.0", network),
            ("wasi:sockets/ip-name-lookup@0.3.0", network),
            ("wasi:http/types@0.3.0", Class::Shared),
            ("wasi:http/outgoing-handler@0.2.1", network),
            ("wasi:http/client@0.3.0", network),
            (
                "wasi:cli/terminal-stdout@0.2.0",
                Class::Ambient(Family::Stdout),
            ),
            ("wasi:cli/exit@0.2.0", Class::Ambient(Family::Other)),
            ("wasi:keyvalue/store@0.2.0", Class::Ambient(Family::Other)),
            ("holm:process/spawn@0.1.0", Class::Ambient(Family::Other)),
            ("wasi:clocks/wall-clock@0.2.0", Class::Harmless),
            ("example:text/api", Class::Foreign),
            ("run", Class::Foreign),
        ];
        for (name, class) in cases {
            assert_eq!(classify(name), class, "{name}");
        }
    }

    #[test]
    fn versions_that_stand_in_for_each_other_share_a_track() {
        let cases = [
            ("a:b/c@0.2.12", "a:b/c@0.2"),
            ("a:b/c@1.2.3", "a:b/c@1"),
            ("a:b/c@0.0.3", "a:b/c@0.0.3"),
            ("a:b/c@0.3.0-rc-1", "a:b/c@0.3.0-rc-1"),
            ("a:b/c", "a:b/c"),
            ("a:b/c@x", "a:b/c@x"),
        ];
        for (name, expected) in cases {
            assert_eq!(track(name), expected);
        }
    }
}

//! What Holm provides, by the WIT that it is built from.
//!
//! Which interfaces, at which version, with which functions.

/// The packages of WASI, as they are vendored.
const WIT: &[&str] = &[
    include_str!("../../../../wit/0.2/deps/cli.wit"),
    include_str!("../../../../wit/0.2/deps/clocks.wit"),
    include_str!("../../../../wit/0.2/deps/filesystem.wit"),
    include_str!("../../../../wit/0.2/deps/http.wit"),
    include_str!("../../../../wit/0.2/deps/io.wit"),
    include_str!("../../../../wit/0.2/deps/random.wit"),
    include_str!("../../../../wit/0.2/deps/sockets.wit"),
    include_str!("../../../../wit/0.3/deps/cli.wit"),
    include_str!("../../../../wit/0.3/deps/clocks.wit"),
    include_str!("../../../../wit/0.3/deps/filesystem.wit"),
    include_str!("../../../../wit/0.3/deps/http.wit"),
    include_str!("../../../../wit/0.3/deps/random.wit"),
    include_str!("../../../../wit/0.3/deps/sockets.wit"),
];

/// What programs export and nobody imports from a host, or what is not stable.
const NOT_PROVIDED: &[&str] = &[
    "wasi:cli/run",
    "wasi:clocks/timezone",
    "wasi:http/incoming-handler",
    "wasi:http/handler",
];

/// An interface that Holm provides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    /// `wasi:io`.
    pub(super) package: &'static str,
    /// `poll`.
    pub(super) name: &'static str,
    /// `0.2.12`.
    pub(super) version: &'static str,
    /// What stands between its braces.
    body: &'static str,
}

impl Interface {
    /// `wasi:io/poll`.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.package, self.name)
    }

    /// `wasi:io/poll@0.2.12`.
    pub(super) fn full(&self) -> String {
        format!("{}/{}@{}", self.package, self.name, self.version)
    }

    /// The declaration of a function, on one line, by its name as components have it:
    /// `now`, `[method]pollable.ready`, `[constructor]fields`.
    pub(super) fn function(&self, name: &str) -> Option<String> {
        let (resource, name) = match name.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            None => (None, name),
            Some(("constructor", resource)) => (Some(resource), "constructor"),
            Some((_, rest)) => {
                let (resource, name) = rest.split_once('.')?;
                (Some(resource), name)
            }
        };
        let block = match resource {
            None => self.body,
            Some(resource) => {
                let start = format!("\n  resource {resource} {{\n");
                let from = self.body.find(&start)? + start.len() - 1;
                let block = &self.body[from..];
                block.split("\n  }").next().unwrap_or(block)
            }
        };
        let indent = if resource.is_some() { "    " } else { "  " };
        let start = if name == "constructor" {
            format!("\n{indent}constructor(")
        } else {
            format!("\n{indent}{name}: ")
        };
        let from = block.find(&start)?;
        let rest = &block[from..];
        let text = rest.split(';').next().unwrap_or(rest);
        Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// Every interface that Holm provides, those of 0.2 first.
pub(super) fn interfaces() -> Vec<Interface> {
    let mut found = Vec::new();
    for text in WIT {
        let header = text
            .lines()
            .find_map(|line| line.strip_prefix("package ")?.strip_suffix(';'));
        let Some((package, version)) = header.and_then(|header| header.split_once('@')) else {
            continue;
        };
        for block in text.split("\ninterface ").skip(1) {
            let Some((name, body)) = block.split_once(" {") else {
                continue;
            };
            let interface = Interface {
                package,
                name,
                version,
                body: body.split("\n}").next().unwrap_or(body),
            };
            if !NOT_PROVIDED.contains(&interface.path().as_str()) {
                found.push(interface);
            }
        }
    }
    found
}

/// The interface of this name, `wasi:io/poll`, that goes with a version: 0.2 with 0.2.
pub(super) fn find(path: &str, version: &str) -> Option<Interface> {
    interfaces().into_iter().find(|interface| {
        interface.path() == path && release(interface.version) == release(version)
    })
}

/// What of a version tells which others it goes with: `0.2` of `0.2.6`.
pub(super) fn release(version: &str) -> &str {
    match version.match_indices('.').nth(1) {
        Some((at, _)) => &version[..at],
        None => version,
    }
}

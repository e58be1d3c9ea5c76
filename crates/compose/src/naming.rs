//! Names of imports with rules of their own: how a composition says which dependency asks.
//!
//! A dependency that has rules of its own for an interface imports it apart from the app, as
//! `holm-LABEL:NAMESPACE-PACKAGE/INTERFACE@VERSION`:
//!
//! ```text
//! wasi:http/outgoing-handler@0.2.12, of the dependency labelled example-fetch:
//! holm-example-fetch:wasi-http/outgoing-handler@0.2.12
//! ```
//!
//! That is a valid name of an interface, keeps the version where hosts look for it, and can be
//! taken apart again: the namespace of the interface has no `-`, so it ends at the first one. The
//! section `holm:composition` says what the rules are, under the same label.

use core::fmt;

const PREFIX: &str = "holm-";

/// The longest label, in bytes.
pub const LABEL_BYTES_MAX: usize = 64;

/// An import with rules of its own, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnImport {
    /// The label of the dependency that asks, as in the section `holm:composition`.
    pub label: String,
    /// The interface that it stands for: `wasi:http/outgoing-handler@0.2.12`.
    pub interface: String,
}

impl OwnImport {
    /// The import of `interface` by the dependency labelled `label`; `None` when the interface
    /// cannot be named so: it is no interface of a package, or its namespace holds a `-`.
    #[must_use]
    pub fn new(label: &str, interface: &str) -> Option<Self> {
        let (package, _) = interface.split_once('/')?;
        let (namespace, name) = package.split_once(':')?;
        let own = Self {
            label: label.to_owned(),
            interface: interface.to_owned(),
        };
        let fits = is_label(label) && is_words(namespace) && is_words(name);
        (fits && !namespace.contains('-')).then_some(own)
    }

    /// Takes the name of an import apart; `None` for every other import.
    #[must_use]
    pub fn parse(import: &str) -> Option<Self> {
        let (label, rest) = import.strip_prefix(PREFIX)?.split_once(':')?;
        let (package, interface) = rest.split_once('/')?;
        let (namespace, package) = package.split_once('-')?;
        Self::new(label, &format!("{namespace}:{package}/{interface}"))
    }
}

impl fmt::Display for OwnImport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let renamed = self.interface.replacen(':', "-", 1);
        write!(formatter, "{PREFIX}{}:{renamed}", self.label)
    }
}

/// The label for the key of a dependency, `example:fetch/api@1.2.0` being `example-fetch-api`,
/// which is none of those `taken`.
#[must_use]
pub fn label(key: &str, taken: &[String]) -> String {
    let name = key.split_once('@').map_or(key, |(name, _)| name);
    let mut label = String::new();
    for character in name.chars() {
        if label.len() == LABEL_BYTES_MAX - 8 {
            break;
        }
        let starts_word = label.is_empty() || label.ends_with('-');
        if character.is_ascii_digit() && starts_word {
            // A word starts with a letter.
            label.push('n');
        }
        if character.is_ascii_alphanumeric() {
            label.push(character.to_ascii_lowercase());
        } else if !starts_word {
            label.push('-');
        }
    }
    let label = match label.trim_end_matches('-') {
        "" => "part",
        label => label,
    };
    let free = |label: &String| !taken.contains(label);
    let numbered = (2..).map(|number: u64| format!("{label}-n{number}"));
    core::iter::once(label.to_owned())
        .chain(numbered)
        .find(free)
        .unwrap_or_default()
}

fn is_label(label: &str) -> bool {
    label.len() <= LABEL_BYTES_MAX && is_words(label)
}

/// Words of lower-case letters and digits with one `-` between, as namespaces and packages are.
fn is_words(text: &str) -> bool {
    text.split('-').all(|word| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use wasmparser::names::{ComponentName, ComponentNameKind};

    use super::{OwnImport, label};

    #[test]
    fn names_are_valid_and_can_be_taken_apart() {
        let cases = [
            ("fetch", "wasi:http/outgoing-handler@0.2.12"),
            ("example-fetch", "wasi:sockets/tcp-create-socket@0.2.0"),
            ("a-n2", "wasi:sockets/types@0.3.0-rc-2026-01-01"),
            ("f", "holm:process/spawn"),
        ];
        for (label, interface) in cases {
            let own = OwnImport::new(label, interface).expect(interface);
            let name = own.to_string();
            let valid = ComponentName::new(&name, 0).expect("a valid name");
            assert!(matches!(valid.kind(), ComponentNameKind::Interface(_)));
            assert_eq!(OwnImport::parse(&name), Some(own), "{name}");
        }
        let own = OwnImport::new("fetch", "wasi:http/outgoing-handler@0.2.12");
        let expected = "holm-fetch:wasi-http/outgoing-handler@0.2.12";
        assert_eq!(own.expect("a name").to_string(), expected);
    }

    #[test]
    fn other_imports_are_left_alone() {
        for other in [
            "wasi:http/types@0.2.0",
            "holm:process/spawn",
            "holm-fetch:http/handler",
            "holm-:wasi-http/handler",
            "holm-Fetch:wasi-http/handler",
            "run",
            "",
        ] {
            assert_eq!(OwnImport::parse(other), None, "{other}");
        }
        assert_eq!(OwnImport::new("a", "my-org:db/store"), None);
        assert_eq!(OwnImport::new("a:b", "wasi:http/types"), None);
    }

    #[test]
    fn labels_are_words_and_unlike_each_other() {
        assert_eq!(label("example:fetch/api@1.2.0", &[]), "example-fetch-api");
        assert_eq!(label("2fa", &[]), "n2fa");
        assert_eq!(label("…", &[]), "part");
        let taken = ["codec".to_owned(), "codec-n2".to_owned()];
        assert_eq!(label("Codec", &taken), "codec-n3");
        let long = label(&"long-".repeat(50), &[]);
        assert!(OwnImport::new(&long, "wasi:io/poll").is_some(), "{long}");
    }
}

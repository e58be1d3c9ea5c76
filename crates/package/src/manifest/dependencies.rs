//! `[dependencies]`: the components linked to an app's program, and what each of them may do.

use core::fmt;

use holm_kernel::net::NetRule;
use toml::de::DeTable;

use super::checks;
use super::reader::{Found, Reader, Section, nearest, shown};
use super::toml_text::{key, quoted, quoted_list};
use super::writer::Lines;
use crate::grant::{Access, check_variable_name, parse_net_rule};
use crate::guest_path::GuestPath;

/// The most dependencies that one `holm.toml` names.
pub const DEPENDENCIES_MAX: usize = 64;

/// The longest key of a dependency, in bytes.
const KEY_BYTES_MAX: usize = 200;

/// One `[dependencies.KEY]`: a component, and what it may do. It gets nothing of the host that
/// is not written here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// What it provides, as written: `example:fetch`, `example:fetch/api@1.2.0`, or a name.
    pub key: String,
    /// The component, or a folder with a `holm.toml` of its own: relative to the app's folder,
    /// with `/` between names. It may lie beside the folder: `../fetch`.
    pub path: String,
    /// What the app passes on to it whole, with the app's own rules.
    pub inherit: Vec<InterfacePattern>,
    /// What it may do under rules of its own.
    pub grants: DependencyGrants,
}

/// What the key of a dependency says that it provides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provides<'k> {
    /// A plain name: all that it exports.
    Everything,
    /// `namespace:package`: the package's interfaces, of any version, or of this one.
    Package {
        /// `namespace:package`
        name: &'k str,
        /// `1.2.0`
        version: Option<&'k str>,
    },
    /// `namespace:package/interface`: one interface, of any version, or of this one.
    Interface {
        /// `namespace:package/interface`
        name: &'k str,
        /// `1.2.0`
        version: Option<&'k str>,
    },
}

/// What a dependency may do under rules of its own: `[dependencies.KEY.grants]`. The app's own
/// rules hold for it too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DependencyGrants {
    /// Rules for sockets, names and outgoing HTTP, as the option `--net` has them.
    pub net: Vec<NetRule>,
    /// Directories of the app's that it sees.
    pub directories: Vec<DirectoryGrant>,
    /// Variables of the app's environment that it sees.
    pub env: Vec<String>,
    /// Whether it reads the app's standard input.
    pub stdin: bool,
    /// Whether it writes to the app's standard output.
    pub stdout: bool,
    /// Whether it writes to the app's standard error.
    pub stderr: bool,
}

/// A directory of the app's that a dependency sees: `/data:ro`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryGrant {
    /// The app's path for it, which is the dependency's too.
    pub guest: GuestPath,
    /// What it may do with the files; never more than the app may.
    pub access: Access,
}

/// Interfaces by name: `wasi:http/types`, `wasi:http` for all of a package, `wasi:*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfacePattern(String);

impl Dependency {
    /// What its key says that it provides.
    #[must_use]
    pub fn provides(&self) -> Provides<'_> {
        let (name, version) = match self.key.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (self.key.as_str(), None),
        };
        match (name.contains(':'), name.contains('/')) {
            (false, _) => Provides::Everything,
            (true, false) => Provides::Package { name, version },
            (true, true) => Provides::Interface { name, version },
        }
    }
}

impl Provides<'_> {
    /// Whether this export, `namespace:package/interface@version` or a plain name, is meant.
    #[must_use]
    pub fn includes(&self, export: &str) -> bool {
        let (interface, exported) = match export.split_once('@') {
            Some((interface, version)) => (interface, Some(version)),
            None => (export, None),
        };
        match self {
            Self::Everything => true,
            Self::Package { name, version } => {
                interface.split_once('/').map(|(package, _)| package) == Some(name)
                    && (version.is_none() || *version == exported)
            }
            Self::Interface { name, version } => {
                interface == *name && (version.is_none() || *version == exported)
            }
        }
    }
}

impl DependencyGrants {
    /// Whether nothing is given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl InterfacePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let word = |text: &str| {
            text == "*"
                || (!text.is_empty()
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
        };
        let Some((namespace, rest)) = text.split_once(':') else {
            return Err("interfaces are named like wasi:http or wasi:http/outgoing-handler");
        };
        if text.contains('@') {
            return Err("interfaces are passed on in all their versions; leave the version out");
        }
        let (package, interface) = rest.split_once('/').unwrap_or((rest, "*"));
        if namespace == "*" || !word(namespace) || !word(package) || !word(interface) {
            return Err("interfaces are named like wasi:http, wasi:http/types or wasi:*");
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether an interface, `namespace:package/interface` with or without a version, is meant.
    #[must_use]
    pub fn matches(&self, interface: &str) -> bool {
        let fits = |pattern: &str, name: &str| pattern == "*" || pattern == name;
        let name = interface
            .split_once('@')
            .map_or(interface, |(name, _)| name);
        let (package, interface) = name.split_once('/').unwrap_or((name, ""));
        let Some((namespace, package)) = package.split_once(':') else {
            return false;
        };
        let (pattern_package, pattern_interface) = self.0.split_once('/').unwrap_or((&self.0, "*"));
        let (pattern_namespace, pattern_package) = pattern_package
            .split_once(':')
            .unwrap_or((pattern_package, "*"));
        namespace == pattern_namespace
            && fits(pattern_package, package)
            && fits(pattern_interface, interface)
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl DirectoryGrant {
    /// Reads `/data:ro`; without an access, `ro`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (path, access) = match text.rsplit_once(':') {
            Some((path, "ro")) => (path, Access::ReadOnly),
            Some((path, "rw")) => (path, Access::ReadWrite),
            Some((_, word)) if !word.contains('/') => {
                let word = shown(word);
                return Err(format!("`{word}` is no access; write ro or rw"));
            }
            _ => (text, Access::ReadOnly),
        };
        let guest = GuestPath::new(path).map_err(|error| error.to_string())?;
        Ok(Self { guest, access })
    }
}

impl fmt::Display for DirectoryGrant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.guest, self.access.word())
    }
}

/// Where the path of a dependency stands in the text of a `holm.toml`, in bytes, for messages
/// about the file that it names.
#[must_use]
pub fn dependency_path_span(text: &str, key: &str) -> Option<core::ops::Range<usize>> {
    let document = DeTable::parse(text).ok()?;
    let dependencies = document
        .get_ref()
        .get("dependencies")?
        .get_ref()
        .as_table()?;
    let dependency = dependencies.get(key)?.get_ref().as_table()?;
    dependency.get("path").map(toml::Spanned::span)
}

/// `[dependencies]`, in the order of the file.
pub(super) fn read_dependencies(reader: &mut Reader<'_>, section: Section<'_>) -> Vec<Dependency> {
    let mut entries: Vec<_> = section.table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut dependencies = Vec::new();
    for (written, value) in entries {
        let name: &str = written.get_ref();
        if dependencies.len() == DEPENDENCIES_MAX {
            let message = format!("more than {DEPENDENCIES_MAX} dependencies");
            reader.problem(written.span(), message, "one too many", None);
            break;
        }
        if let Err(message) = check_key(name) {
            let help =
                "name the WIT package that it provides, such as [dependencies.\"example:fetch\"]";
            reader.problem(written.span(), message, "here", Some(help.to_owned()));
            continue;
        }
        let Some(table) = value.get_ref().as_table() else {
            let help = format!("write {} = {{ path = \"….wasm\" }}", key(name));
            let message = format!("`{}` is a table with a path", shown(name));
            reader.problem(value.span(), message, "not a table", Some(help));
            continue;
        };
        let entry = Section {
            name: "this dependency",
            table,
            span: (written.span().start, written.span().end),
        };
        dependencies.extend(read_dependency(reader, name, entry));
    }
    dependencies
}

fn check_key(key: &str) -> Result<(), &'static str> {
    let word = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_alphabetic())
            && !text.ends_with('-')
            && !text.contains("--")
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let (name, version) = key.split_once('@').unwrap_or((key, "0.0.0"));
    let (package, interface) = name.split_once('/').unwrap_or((name, "interface"));
    let (namespace, package) = match package.split_once(':') {
        Some(parts) => parts,
        // A plain name has nothing but the name.
        None if name == key && !name.contains('/') => ("plain", package),
        None => return Err("a version or an interface follows namespace:package"),
    };
    if key.len() > KEY_BYTES_MAX {
        return Err("the name of a dependency has at most 200 characters");
    }
    if !word(namespace) || !word(package) || !word(interface) {
        return Err(
            "a dependency is named by letters, digits and single -, like name, \
             namespace:package or namespace:package/interface",
        );
    }
    checks::version(version)
}

fn read_dependency(
    reader: &mut Reader<'_>,
    name: &str,
    section: Section<'_>,
) -> Option<Dependency> {
    let elsewhere = [
        ("file", "path = \"….wasm\""),
        ("program", "path = \"….wasm\""),
        ("grant", "grants = { … }"),
        ("needs", "grants = { … }: what the app lets it do"),
        ("net", "it in grants = { … }"),
        ("dir", "it in grants = { … }"),
        ("env", "it in grants = { … }"),
        ("version", "it in the name: \"namespace:package@1.2.0\""),
    ];
    reader.check_keys(section, &["path", "inherit", "grants"], &elsewhere);
    let path = reader.required(section, "path");
    let path = reader.checked(path, checks::path_beside);
    let inherit = reader
        .strings(section, "inherit")
        .into_iter()
        .filter_map(|pattern| reader.parsed(Some(pattern), InterfacePattern::new))
        .map(|pattern| pattern.value)
        .collect();
    let grants = match reader.section(section, "grants", "[dependencies.NAME.grants]") {
        Some(section) => read_grants(reader, section),
        None => DependencyGrants::default(),
    };
    Some(Dependency {
        key: name.to_owned(),
        path: path?,
        inherit,
        grants,
    })
}

fn read_grants(reader: &mut Reader<'_>, section: Section<'_>) -> DependencyGrants {
    let elsewhere = [
        (
            "http",
            "net = [\"connect:HOST:PORT\"]: the rules of HTTP too",
        ),
        ("stdout", "stdio = [\"stdout\"]"),
        ("stderr", "stdio = [\"stderr\"]"),
        ("stdin", "stdio = [\"stdin\"]"),
        ("mount", "dir = [\"/data:ro\"]"),
        ("clock", "nothing: clocks are the app's"),
        ("random", "nothing: randomness is the app's"),
    ];
    let section = Section {
        name: "these grants",
        ..section
    };
    reader.check_keys(section, &["net", "dir", "env", "stdio"], &elsewhere);
    let mut grants = DependencyGrants::default();
    for rule in reader.strings(section, "net") {
        let rule = reader.parsed(Some(rule), parse_net_rule);
        grants.net.extend(rule.map(|found| found.value));
    }
    for directory in reader.strings(section, "dir") {
        let directory = reader.parsed(Some(directory), DirectoryGrant::parse);
        grants
            .directories
            .extend(directory.map(|found| found.value));
    }
    for Found { value, span } in reader.strings(section, "env") {
        if check_variable_name(&value).is_err() {
            let message = format!("`{}` cannot be the name of a variable", shown(&value));
            reader.problem(span, message, "here", None);
        } else {
            grants.env.push(value);
        }
    }
    for Found { value, span } in reader.strings(section, "stdio") {
        match value.as_str() {
            "stdin" => grants.stdin = true,
            "stdout" => grants.stdout = true,
            "stderr" => grants.stderr = true,
            other => {
                let message = format!("`{}` is no standard stream", shown(other));
                let help = nearest(other, &["stdin", "stdout", "stderr"]).map_or_else(
                    || "stdin, stdout or stderr".to_owned(),
                    |nearest| format!("did you mean `{nearest}`?"),
                );
                reader.problem(span, message, "here", Some(help));
            }
        }
    }
    grants
}

pub(super) fn write_dependencies(out: &mut Lines, dependencies: &[Dependency]) {
    for dependency in dependencies {
        let name = key(&dependency.key);
        out.section(&format!("[dependencies.{name}]"));
        out.pair("path", &quoted(&dependency.path));
        if !dependency.inherit.is_empty() {
            let patterns = dependency.inherit.iter().map(|one| one.as_str().to_owned());
            out.pair("inherit", &quoted_list(patterns));
        }
        let grants = &dependency.grants;
        if grants.is_empty() {
            continue;
        }
        out.section(&format!("[dependencies.{name}.grants]"));
        let directories: Vec<String> = grants
            .directories
            .iter()
            .map(DirectoryGrant::to_string)
            .collect();
        let streams = [
            ("stdin", grants.stdin),
            ("stdout", grants.stdout),
            ("stderr", grants.stderr),
        ];
        let streams: Vec<String> = streams
            .iter()
            .filter(|(_, given)| *given)
            .map(|(name, _)| (*name).to_owned())
            .collect();
        let rules: Vec<String> = grants.net.iter().map(NetRule::to_string).collect();
        let lists = [
            ("net", &rules),
            ("dir", &directories),
            ("env", &grants.env),
            ("stdio", &streams),
        ];
        for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            out.pair(name, &quoted_list(list.iter().cloned()));
        }
    }
}

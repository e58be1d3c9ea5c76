//! The nearest thing that exists to an import that nobody provides, and what to do about it.

use super::provided::{self, Interface};

/// How alike names must be to be told as a slip of the pen.
const ALIKE: f64 = 0.6;

/// What to make of an import that nobody provides, to be appended to the sentence that says so.
pub(super) fn nearest(name: &str) -> String {
    let (path, version) = match name.rsplit_once('@') {
        Some((path, version)) => (path, Some(version)),
        None => (name, None),
    };
    let Some((package, interface)) = path.split_once('/') else {
        return advice_to_compose(name);
    };
    let all = provided::interfaces();
    if matches!(
        path,
        "wasi:cli/run" | "wasi:http/incoming-handler" | "wasi:http/handler"
    ) {
        return format!(
            "\n`{path}` is what programs export: another component provides it. \
             {DEPENDENCIES}"
        );
    }
    if path == "wasi:clocks/timezone" {
        return "\nIt is not stable yet: build the component without it".to_owned();
    }
    let same: Vec<&Interface> = all.iter().filter(|known| known.path() == path).collect();
    if !same.is_empty() {
        return other_version(path, version, &same);
    }
    let siblings: Vec<&Interface> = all
        .iter()
        .filter(|known| known.package == package)
        .collect();
    if !siblings.is_empty() {
        return sibling(package, interface, version, &siblings);
    }
    match package {
        "wasi:keyvalue" | "wasi:config" | "wasi:blobstore" | "wasi:messaging" | "wasi:logging"
        | "wasi:sql" | "wasi:nn" | "wasi:webgpu" | "wasi:tls" => {
            format!("\n`{package}` is a proposal, not part of WASI 0.2 or 0.3. {DEPENDENCIES}")
        }
        _ => match close_package(package, &all) {
            Some(close) => format!("\nThe nearest package is `{close}`"),
            None => advice_to_compose(name),
        },
    }
}

const DEPENDENCIES: &str = "Link the component with one that exports it: name that one under \
                            [dependencies] in a holm.toml, and run the folder";

fn advice_to_compose(name: &str) -> String {
    format!("\n`{name}` is not part of WASI. {DEPENDENCIES}")
}

fn other_version(path: &str, version: Option<&str>, same: &[&Interface]) -> String {
    let versions: Vec<&str> = same.iter().map(|known| known.version).collect();
    let versions = versions.join(" and ");
    let why = match version {
        None => "; the import names no version",
        // Releases before 0.2.0 differ from one another.
        Some(version) if version.contains("-rc") || version.contains("-draft") => {
            "; versions before a release do not go together with it"
        }
        Some(_) => "",
    };
    format!("\nHolm provides `{path}` {versions}{why}: build the component for that")
}

fn sibling(
    package: &str,
    interface: &str,
    version: Option<&str>,
    siblings: &[&Interface],
) -> String {
    let wanted = version.map(provided::release);
    let closeness = |known: &&Interface| {
        let bonus = f64::from(u8::from(Some(provided::release(known.version)) == wanted));
        // The right release wins among names that are alike.
        strsim::jaro_winkler(known.name, interface) + bonus / 100.0
    };
    let best = siblings
        .iter()
        .copied()
        .max_by(|a, b| closeness(a).total_cmp(&closeness(b)));
    let mut names: Vec<&str> = Vec::new();
    for known in siblings {
        if wanted.is_none_or(|wanted| provided::release(known.version) == wanted) {
            names.push(known.name);
        }
    }
    if names.is_empty() {
        names = siblings.iter().map(|known| known.name).collect();
        names.dedup();
    }
    match best {
        Some(best) if strsim::jaro_winkler(best.name, interface) > ALIKE => format!(
            "\nThe nearest is `{}`; `{package}` has: {}",
            best.full(),
            names.join(", ")
        ),
        _ => format!("\n`{package}` has: {}", names.join(", ")),
    }
}

fn close_package(package: &str, all: &[Interface]) -> Option<&'static str> {
    let wasi = package.strip_prefix("wasi:")?;
    let closeness = |known: &str| strsim::jaro_winkler(&known["wasi:".len()..], wasi);
    let best = all
        .iter()
        .map(|known| known.package)
        .max_by(|a, b| closeness(a).total_cmp(&closeness(b)))?;
    (closeness(best) > 0.8).then_some(best)
}

//! Rules about what is committed: the lock file, paths of one machine, large files.

use super::{Finding, Tree};

/// Packages that the locked dependency set may have. Raise it when a dependency is worth it,
/// and say in the commit which one and why.
const LOCK_PACKAGES_MAX: usize = 320;

const FILE_BYTES_MAX: u64 = 400 * 1024;

/// The one source that Cargo.lock names; anything else would tie the build to one machine.
const REGISTRY_SOURCE: &str = concat!(
    "source = \"registry+https://github.com/rust-lang/crates",
    ".io-index\""
);

/// Folders that exist on somebody's machine and not on the reader's. Taken apart, so that
/// this file does not break its own rule.
const MACHINE_FOLDERS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/fa", "rm/"),
    concat!("/Us", "ers/"),
];

/// Hosts of package registries: which one a build uses is the machine's own setting.
const REGISTRY_HOSTS: &[&str] = &[
    concat!("crates", ".io/"),
    concat!("npmjs", ".org"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("proxy.golang", ".org"),
    concat!("deb.debian", ".org"),
];

pub(super) fn lock_ceiling(tree: &Tree) -> Vec<Finding> {
    let Some(lock) = tree.file("Cargo.lock") else {
        return vec![Finding::new(
            "Cargo.lock",
            "it is missing",
            "commit it: everybody builds the same versions",
        )];
    };
    let packages = lock
        .text
        .lines()
        .filter(|line| *line == "[[package]]")
        .count();
    let mut findings = Vec::new();
    if packages > LOCK_PACKAGES_MAX {
        findings.push(Finding::new(
            "Cargo.lock",
            format!("{packages} packages, the ceiling is {LOCK_PACKAGES_MAX}"),
            "drop a dependency or one of its features (`cargo tree -i NAME` says who asks); if \
             it is worth it, raise LOCK_PACKAGES_MAX in xtask/src/tidy/contents.rs",
        ));
    }
    findings
}

pub(super) fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        let lock = file.path.ends_with(".lock");
        for (index, line) in file.text.lines().enumerate() {
            let place = || format!("{}:{}", file.path, index + 1);
            if lock {
                if line.starts_with("source = ") && line != REGISTRY_SOURCE {
                    findings.push(Finding::new(
                        place(),
                        format!("a package comes from elsewhere: {line}"),
                        "use a published version",
                    ));
                }
                continue;
            }
            if let Some(folder) = MACHINE_FOLDERS
                .iter()
                .find(|folder| starts_path(line, folder))
            {
                findings.push(Finding::new(
                    place(),
                    format!("`{folder}` is a path of one machine"),
                    "name it relative to the project, or take it from an option",
                ));
            }
            if let Some(host) = REGISTRY_HOSTS.iter().find(|host| line.contains(**host)) {
                findings.push(Finding::new(
                    place(),
                    format!("`{host}` is the address of a package registry"),
                    "name the package; where it comes from is the reader's setting",
                ));
            }
        }
    }
    findings
}

/// Whether `folder` stands in `line` at the start of a path and not in its middle.
fn starts_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        !line[..at]
            .chars()
            .next_back()
            .is_some_and(|before| before.is_alphanumeric() || "._-})]>$".contains(before))
    })
}

pub(super) fn large_files(tree: &Tree) -> Vec<Finding> {
    tree.files
        .iter()
        .filter(|file| file.size > FILE_BYTES_MAX)
        .map(|file| {
            Finding::new(
                &file.path,
                format!(
                    "{} KiB, the limit is {} KiB",
                    file.size / 1024,
                    FILE_BYTES_MAX / 1024
                ),
                "build or fetch it when it is needed; what is generated is not committed",
            )
        })
        .collect()
}

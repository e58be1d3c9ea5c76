//! Which crate may depend on which: tiers, the engine's crates, and the kernel's short list.

use super::{Finding, Tree};

/// Test-only dependencies that reach up a tier: crate, dependency, reason.
const UPWARD_DEV_DEPENDENCIES: &[(&str, &str, &str)] = &[];

/// The crate that carries Wasmtime; crates of its own tier do not know it.
const ENGINE: &str = "holm-engine";
const ENGINE_TIER: u64 = 3;

/// What belongs to Wasmtime.
const ENGINE_PREFIXES: &[&str] = &["wasmtime", "cranelift", "winch", "pulley", "wiggle"];

/// What crates of tier 1 may depend on: dependency, reason.
const KERNEL_DEPENDENCIES: &[(&str, &str)] = &[
    (
        "holm-abi",
        "ids, errno, rights and the system-call table: the kernel's own vocabulary",
    ),
    (
        "rand_chacha",
        "randomness from a seed in deterministic mode; a cipher is not written twice",
    ),
];

pub(super) fn tiers(tree: &Tree) -> Vec<Finding> {
    let members = &tree.workspace.members;
    let mut findings = Vec::new();
    for member in members {
        let Some(tier) = member.tier else {
            findings.push(Finding::new(
                format!("{}/Cargo.toml", member.folder),
                "the crate states no tier",
                "add `[package.metadata.holm]` with `tier = N`; ARCHITECTURE.md lists the tiers",
            ));
            continue;
        };
        for dependency in &member.dependencies {
            let Some(other) = members.iter().find(|other| other.name == dependency.name) else {
                continue;
            };
            let Some(lower) = other.tier else {
                continue;
            };
            let portable = other.portable || !member.portable || dependency.dev;
            if lower < tier && !portable {
                findings.push(Finding::new(
                    format!("{}/Cargo.toml", member.folder),
                    format!(
                        "{} runs on every host and depends on {}, which does not say so",
                        member.name, other.name
                    ),
                    "do without, or make the other one portable: `portable = true` in its \
                     `[package.metadata.holm]`",
                ));
            }
            let excepted = dependency.dev
                && UPWARD_DEV_DEPENDENCIES
                    .iter()
                    .any(|(from, to, _)| *from == member.name && *to == dependency.name);
            if lower >= tier && !excepted {
                findings.push(Finding::new(
                    format!("{}/Cargo.toml", member.folder),
                    format!(
                        "{} (tier {tier}) depends on {} (tier {lower})",
                        member.name, dependency.name
                    ),
                    "depend on lower tiers only: move what is needed down, or define a trait \
                     below and implement it above",
                ));
            }
        }
    }
    findings
}

pub(super) fn wasmtime(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in &tree.workspace.members {
        if member.name == ENGINE || member.tier.is_some_and(|tier| tier > ENGINE_TIER) {
            continue;
        }
        for dependency in &member.dependencies {
            if ENGINE_PREFIXES
                .iter()
                .any(|prefix| dependency.name.starts_with(prefix))
            {
                findings.push(Finding::new(
                    format!("{}/Cargo.toml", member.folder),
                    format!("{} depends on {}", member.name, dependency.name),
                    format!(
                        "what needs Wasmtime goes into {ENGINE} or above; everything else must \
                         run where another engine does"
                    ),
                ));
            }
        }
    }
    findings
}

pub(super) fn kernel_dependencies(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in &tree.workspace.members {
        let place = format!("{}/Cargo.toml", member.folder);
        for dependency in member.dependencies.iter().filter(|found| !found.dev) {
            let name = &dependency.name;
            match member.tier {
                Some(0) => findings.push(Finding::new(
                    &place,
                    format!("{} is of tier 0 and depends on {name}", member.name),
                    "tier 0 is plain data and depends on nothing: move the code up",
                )),
                Some(1) if !KERNEL_DEPENDENCIES.iter().any(|(known, _)| known == name) => {
                    findings.push(Finding::new(
                        &place,
                        format!("{} is of tier 1 and depends on {name}", member.name),
                        "do without it, or add it with its reason to KERNEL_DEPENDENCIES in \
                         xtask/src/tidy/layers.rs",
                    ));
                }
                _ => {}
            }
        }
    }
    findings
}

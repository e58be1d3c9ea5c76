//! `cargo xtask tidy`: the project's rules as checks, each saying what is wrong and how to mend it.

mod contents;
mod documents;
mod layers;
mod rust_code;
mod sources;
#[cfg(test)]
mod tests;

use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;
use crate::workspace::Workspace;

/// A rule of the project.
#[derive(Debug)]
struct Rule {
    /// Short name; ARCHITECTURE.md cites it as `tidy:NAME`.
    name: &'static str,
    /// What it asks, in a sentence.
    asks: &'static str,
    check: fn(&Tree) -> Vec<Finding>,
}

const RULES: &[Rule] = &[
    Rule {
        name: "tiers",
        asks: "a crate depends on strictly lower tiers only, a portable one on portable ones",
        check: layers::tiers,
    },
    Rule {
        name: "wasmtime",
        asks: "only the engine and the crates above it know Wasmtime",
        check: layers::wasmtime,
    },
    Rule {
        name: "kernel-dependencies",
        asks: "tier 0 depends on nothing, tier 1 on what is listed with a reason",
        check: layers::kernel_dependencies,
    },
    Rule {
        name: "portable",
        asks: "portable crates use no file, network, environment, clock, thread or process of std",
        check: sources::portable,
    },
    Rule {
        name: "portable-config",
        asks: "portable crates have a clippy.toml that forbids what only fails when it runs",
        check: sources::portable_config,
    },
    Rule {
        name: "tagline",
        asks: "every Rust file opens with a line `//! What it is.`",
        check: sources::tagline,
    },
    Rule {
        name: "mod-rs",
        asks: "a module is `foo.rs` beside `foo/`, never `mod.rs`",
        check: sources::mod_rs,
    },
    Rule {
        name: "file-length",
        asks: "no source file is longer than 1,000 lines",
        check: sources::file_length,
    },
    Rule {
        name: "unsafe-files",
        asks: "`unsafe` stands only in files named `*_unsafe.rs`",
        check: sources::unsafe_files,
    },
    Rule {
        name: "documents",
        asks: "the documents and licences that a reader looks for are there",
        check: documents::presence,
    },
    Rule {
        name: "links",
        asks: "relative links in Markdown lead somewhere",
        check: documents::links,
    },
    Rule {
        name: "invariants",
        asks: "every invariant in ARCHITECTURE.md names checks that exist",
        check: documents::invariants,
    },
    Rule {
        name: "lock-ceiling",
        asks: "Cargo.lock stays below its ceiling of packages",
        check: contents::lock_ceiling,
    },
    Rule {
        name: "machine-paths",
        asks: "no path of one machine and no package registry's address is committed",
        check: contents::machine_paths,
    },
    Rule {
        name: "large-files",
        asks: "no file is larger than 400 KiB",
        check: contents::large_files,
    },
];

/// Something that breaks a rule.
#[derive(Debug)]
struct Finding {
    /// File, file and line, or crate.
    place: String,
    /// What is wrong.
    problem: String,
    /// What to do.
    fix: String,
}

impl Finding {
    fn new(place: impl Into<String>, problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            problem: problem.into(),
            fix: fix.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: {}\n    fix: {}",
            self.place, self.problem, self.fix
        )
    }
}

/// What the rules look at.
#[derive(Debug)]
struct Tree {
    workspace: Workspace,
    files: Vec<File>,
}

/// A file of the project: tracked by git, or about to be.
#[derive(Debug)]
struct File {
    /// Path from the project's root, with `/`.
    path: String,
    /// Size in bytes.
    size: u64,
    executable: bool,
    /// Its text; empty when it is not UTF-8.
    text: String,
}

impl Tree {
    fn load() -> Result<Self> {
        let workspace = Workspace::load()?;
        let listing = command::read(
            Command::new("git")
                .args([
                    "ls-files",
                    "-z",
                    "--cached",
                    "--others",
                    "--exclude-standard",
                ])
                .current_dir(&workspace.root),
        )
        .context("tidy looks at the files that git knows: it needs a git checkout")?;
        let mut files = Vec::new();
        for path in listing.split('\0').filter(|path| !path.is_empty()) {
            // A file deleted but not yet committed is still listed.
            if let Ok(file) = File::load(&workspace.root, path) {
                files.push(file);
            }
        }
        Ok(Self { workspace, files })
    }

    fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Rust sources of the project itself: its crates, tools, tests, benchmarks and fuzz
    /// targets, and not the guests and fixtures, which are programs under test.
    fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| {
            let under_test =
                file.path.starts_with("guests/") || file.path.contains("/tests/fixtures/");
            file.path.ends_with(".rs") && !under_test
        })
    }
}

impl File {
    fn load(root: &Path, path: &str) -> Result<Self> {
        let full = root.join(path);
        let metadata = full.symlink_metadata()?;
        let text = if metadata.is_file() {
            String::from_utf8(std::fs::read(&full)?).unwrap_or_default()
        } else {
            String::new()
        };
        Ok(Self {
            path: path.to_owned(),
            size: metadata.len(),
            executable: metadata.permissions().mode() & 0o111 != 0,
            text,
        })
    }
}

/// Whether a rule of this name exists.
fn is_rule(name: &str) -> bool {
    RULES.iter().any(|rule| rule.name == name)
}

/// Checks all rules, or those named.
pub(crate) fn run(names: &[String]) -> Result<()> {
    if let Some(name) = names.iter().find(|name| !is_rule(name)) {
        let known: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
        bail!("there is no rule `{name}`; there are: {}", known.join(", "));
    }
    let tree = Tree::load()?;
    let mut findings = 0;
    for rule in RULES {
        if !names.is_empty() && !names.iter().any(|name| name == rule.name) {
            continue;
        }
        let found = (rule.check)(&tree);
        findings += found.len();
        if !found.is_empty() {
            eprintln!("\ntidy: {} ({})", rule.name, rule.asks);
        }
        for finding in found {
            eprintln!("  {finding}");
        }
    }
    if findings > 0 {
        bail!("tidy: {findings} finding(s)");
    }
    eprintln!("tidy: {} files follow the rules", tree.files.len());
    Ok(())
}

//! `cargo xtask lint`: everything that is checked without running the project.

use anyhow::{Result, bail};

use crate::cargo_deny;
use crate::command::{self, cargo};
use crate::docs;
use crate::tidy;
use crate::wasm_target;
use crate::workspace::Workspace;

/// One thing that is checked; ARCHITECTURE.md cites it as `lint:NAME`.
#[derive(Debug)]
struct Step {
    name: &'static str,
    run: fn() -> Result<()>,
}

const STEPS: &[Step] = &[
    Step {
        name: "tidy",
        run: || tidy::run(&[]),
    },
    Step {
        name: "format",
        run: format,
    },
    Step {
        name: "reference",
        run: || docs::run(&["--check".to_owned()]),
    },
    Step {
        name: "deny",
        run: cargo_deny::run,
    },
    Step {
        name: "clippy",
        run: clippy,
    },
    Step {
        name: "wasm32",
        run: wasm32,
    },
    Step {
        name: "doc",
        run: doc,
    },
];

/// Whether a step of this name exists.
pub(crate) fn is_step(name: &str) -> bool {
    STEPS.iter().any(|step| step.name == name)
}

/// Runs all steps, or those named; all of them even when one fails, to say everything at once.
pub(crate) fn run(names: &[String]) -> Result<()> {
    if let Some(name) = names.iter().find(|name| !is_step(name)) {
        let known: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        bail!("there is no step `{name}`; there are: {}", known.join(", "));
    }
    let mut failed = Vec::new();
    for step in STEPS {
        if !names.is_empty() && !names.iter().any(|name| name == step.name) {
            continue;
        }
        eprintln!("\n== lint: {}", step.name);
        if let Err(error) = (step.run)() {
            eprintln!("{error:#}");
            failed.push(step.name);
        }
    }
    if !failed.is_empty() {
        bail!("lint failed: {}", failed.join(", "));
    }
    eprintln!("\nlint: all is well");
    Ok(())
}

fn format() -> Result<()> {
    command::run(cargo().args(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<()> {
    command::run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]))
}

/// The portable crates build for a target without a host; their tiers or manifests say which.
fn wasm32() -> Result<()> {
    const TARGET: &str = "wasm32-unknown-unknown";
    wasm_target::ensure(TARGET)?;
    let workspace = Workspace::load()?;
    let mut command = cargo();
    command.args(["clippy", "--quiet", "--target", TARGET]);
    for member in workspace.portable() {
        command.args(["--package", &member.name]);
    }
    command::run(command.args(["--", "-D", "warnings"]))
}

/// Private items too: whoever changes a crate reads those. Nothing of this is published, so
/// public pages may link to them.
fn doc() -> Result<()> {
    command::run(
        cargo()
            .args(["doc", "--workspace", "--no-deps", "--quiet"])
            .arg("--document-private-items")
            .env(
                "RUSTDOCFLAGS",
                "-D warnings -A rustdoc::private_intra_doc_links",
            ),
    )
}

//! cargo-deny: licences, sources, duplicates, advisories, and who may depend on what.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{self, cargo};
use crate::workspace::Workspace;

/// The version that is installed where there is none.
const VERSION: &str = "0.20.2";

/// Set to make an advisory database that cannot be fetched a failure.
const REQUIRE_ADVISORIES: &str = "HOLM_REQUIRE_ADVISORIES";

/// Checks the locked dependencies against `deny.toml`.
///
/// Licences, sources and duplicates need no network. Advisories need their database: a
/// machine that cannot reach it says so, unless it must.
pub(crate) fn run() -> Result<()> {
    let tool = tool()?;
    let deny = |arguments: &[&str]| {
        let mut command = Command::new(&tool);
        command.arg("--all-features").args(arguments);
        command
    };
    command::run(&mut deny(&[
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]))?;
    if command::succeeds(&mut deny(&["fetch", "db"])) {
        return command::run(&mut deny(&["check", "advisories"]));
    }
    if std::env::var_os(REQUIRE_ADVISORIES).is_some() {
        bail!("the advisory database could not be fetched, and {REQUIRE_ADVISORIES} is set");
    }
    eprintln!(
        "notice: the advisory database could not be fetched, so known vulnerabilities were NOT \
         looked up on this machine (set {REQUIRE_ADVISORIES}=1 to make this a failure)"
    );
    Ok(())
}

/// The cargo-deny on the path, or one of this project's own, built when first needed.
fn tool() -> Result<PathBuf> {
    let installed = PathBuf::from("cargo-deny");
    if command::succeeds(Command::new(&installed).arg("--version")) {
        return Ok(installed);
    }
    let folder = Workspace::load()?.target.join("tools");
    let own = folder.join("bin/cargo-deny");
    if !own.is_file() {
        eprintln!("cargo-deny is not installed; building it once, for about three minutes");
        command::run(
            cargo()
                .args(["install", "cargo-deny", "--locked", "--quiet"])
                .args(["--version", VERSION])
                .arg("--root")
                .arg(&folder)
                .env("CARGO_TARGET_DIR", folder.join("build")),
        )
        .context("cargo-deny is needed, and could not be built")?;
        std::fs::remove_dir_all(folder.join("build"))?;
    }
    Ok(own)
}

//! Node and npm: what a package depends on, its tools and its scripts.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;

/// Oldest version that the tools of the package run in.
const NODE_MIN: u32 = 20;

/// Node, when it is there and new enough.
pub(super) fn node() -> Result<Command> {
    let how =
        format!("Node.js {NODE_MIN} or newer is needed; on Debian: apt-get install nodejs npm");
    if !command::succeeds(Command::new("node").arg("--version")) {
        bail!("there is no `node`. {how}");
    }
    let version = command::read(Command::new("node").arg("--version"))?;
    let major = version.trim().trim_start_matches('v').split('.').next();
    let major: u32 = major.unwrap_or_default().parse().unwrap_or_default();
    if major < NODE_MIN {
        bail!("`node` is {}. {how}", version.trim());
    }
    Ok(Command::new("node"))
}

/// Installs what the lock file says, unless that is what is there.
pub(super) fn install(package: &Path) -> Result<()> {
    node()?;
    let lock = package.join("package-lock.json");
    let wanted = fs::read(&lock).with_context(|| lock.display().to_string())?;
    let installed = package.join("node_modules/.installed-lock.json");
    if fs::read(&installed).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    command::run(
        npm(package)
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .arg("--loglevel=error"),
    )?;
    fs::write(&installed, wanted).with_context(|| installed.display().to_string())
}

/// Runs a tool that the package depends on.
pub(super) fn tool(package: &Path, name: &str, arguments: &[&str]) -> Result<()> {
    command::run(
        Command::new(package.join("node_modules/.bin").join(name))
            .args(arguments)
            .current_dir(package),
    )
}

/// Runs a script of the package's own.
pub(super) fn script(package: &Path, name: &str) -> Result<()> {
    command::run(npm(package).args(["run", "--silent", name]))
}

fn npm(package: &Path) -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(package);
    npm
}

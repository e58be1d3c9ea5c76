//! A bridge: the process that owns a browser, or a Node, and runs the suite's programs in it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{command, web};

/// The bridge, from the npm package's folder.
const SCRIPT: &str = "tests/conformance/bridge.js";

/// The hosts with these names, such as `chromium` or `all`, and with a transport when one is named.
pub(super) fn hosts(
    package: &Path,
    names: &[&String],
    transport: Option<&str>,
) -> Result<Vec<String>> {
    let mut list = bridge(package)?;
    list.arg("--list").args(names);
    if let Some(transport) = transport {
        list.args(["--transport", transport]);
    }
    let found: Vec<String> = command::read(&mut list)?
        .lines()
        .map(str::to_owned)
        .collect();
    if found.is_empty() {
        bail!(
            "no host fits: --transport is `shared` or `message`, and Node has messages from 26 on"
        );
    }
    Ok(found)
}

fn bridge(package: &Path) -> Result<Command> {
    let mut node = web::node()?;
    node.arg(package.join(SCRIPT));
    Ok(node)
}

/// A running bridge. It ends when its standard input does, and so with this process too.
#[derive(Debug)]
pub(super) struct Bridge {
    child: Child,
    socket: PathBuf,
}

impl Bridge {
    /// Starts one, and waits until its host is ready.
    pub(super) fn start(package: &Path, host: &str) -> Result<Bridge> {
        // Not in the target folder: a socket's path must be short.
        let socket = std::env::temp_dir().join(format!("holm-{host}-{}", std::process::id()));
        let _ = std::fs::remove_file(&socket);
        let mut child = bridge(package)?
            .arg(host)
            .arg(&socket)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the bridge")?;
        let output = child.stdout.take().context("the bridge's output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let bridge = Bridge { child, socket };
        if line.trim() != "ready" {
            bridge.stop()?;
            bail!("{host} did not start");
        }
        Ok(bridge)
    }

    /// Where it takes programs.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Ends it with its host; fails when something was wrong there, which it has said.
    pub(super) fn stop(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait()?;
        let _ = std::fs::remove_file(&self.socket);
        if !status.success() {
            bail!("something went wrong in the host ({status})");
        }
        Ok(())
    }
}

//! `cargo xtask web`: the npm package `@holm/web`, built, checked, tested and packed.

mod bench;
mod build;
mod generate;
mod kernel_suite;
mod npm;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{self, cargo};
use crate::guests;
use crate::workspace::Workspace;

const USAGE: &str = "usage: cargo xtask web COMMAND

  build                     the kernel as wasm, the package's scripts and its types, into web/dist
  check                     types, lints and formatting; and that what is generated is up to date
  test [OPTION...]          the cases of web/tests in browsers and in versions of Node
      --host NAME           chromium, firefox, node, node20, node22, node26, or one of them in full,
                            such as chromium-plain; may be repeated
      --file NAME           one file of cases; may be repeated
      --filter TEXT         cases whose name holds TEXT
      --verbose             a line for each case
      --no-build            with what was built before
  bench [OPTION...]         figures beside those of browser_wasi_shim and @wasmer/sdk
      --host NAME           as of `test`; unless given: chromium, firefox and node26
      --only ROW            start, calls, pipe, files, compute, python, kill, memory; may be repeated
      --rounds N            how often each contestant is measured
      --json FILE           every sample, too
      --no-build            with what was built before
  serve [--port N]          the terminal page, on this machine alone
  pack [--no-build]         the package as npm would publish it, tried in new projects as its README says
  generate                  web/src/generated, from the tables in Rust";

/// Where things are.
#[derive(Debug)]
struct Places {
    root: PathBuf,
    /// The npm package.
    web: PathBuf,
    /// Where cargo puts what it builds.
    target: PathBuf,
}

impl Places {
    fn load() -> Result<Self> {
        Ok(Self::of(&Workspace::load()?))
    }

    fn of(workspace: &Workspace) -> Self {
        Self {
            web: workspace.root.join("web"),
            root: workspace.root.clone(),
            target: workspace.target.clone(),
        }
    }

    /// The page with the terminal, a package of its own.
    fn terminal(&self) -> PathBuf {
        self.web.join("terminal")
    }
}

/// Runs one of the commands.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let Some((name, rest)) = arguments.split_first() else {
        bail!("{USAGE}");
    };
    let places = Places::load()?;
    match (name.as_str(), rest) {
        ("build", []) => build::package(&places),
        ("check", []) => check(&places),
        ("test", options) => test(&places, options),
        ("bench", options) => bench::run(&places, options),
        ("serve", options) => serve(&places, options),
        ("pack", options) => pack(&places, options),
        ("generate", []) => generate::write(&places.root),
        _ => bail!("{USAGE}"),
    }
}

/// The npm package's folder, with what others need of it built, or built before.
pub(crate) fn package(workspace: &Workspace, build: bool) -> Result<PathBuf> {
    let places = Places::of(workspace);
    if build {
        build::package(&places)?;
    }
    Ok(places.web)
}

/// Node, when it is there and new enough.
pub(crate) fn node() -> Result<Command> {
    npm::node()
}

/// All of it, though one part fails: everything is said at once.
fn check(places: &Places) -> Result<()> {
    npm::install(&places.web)?;
    let mut failed = Vec::new();
    let mut part = |name: &'static str, result: Result<()>| {
        if let Err(error) = result {
            eprintln!("{error:#}");
            failed.push(name);
        }
    };
    part("generated files", generate::check(&places.root));
    part("types", npm::tool(&places.web, "tsc", &["--project", "."]));
    part(
        "lints and formatting",
        npm::tool(&places.web, "biome", &["check", "."]),
    );
    if has_terminal(places) {
        npm::install(&places.terminal())?;
        let checked = build::types(places).and_then(|()| npm::script(&places.terminal(), "check"));
        part("terminal", checked);
    }
    if !failed.is_empty() {
        bail!("web check failed: {}", failed.join(", "));
    }
    Ok(())
}

fn test(places: &Places, options: &[String]) -> Result<()> {
    let (builds, passed_on): (Vec<&String>, Vec<&String>) =
        options.iter().partition(|option| *option == "--no-build");
    if builds.is_empty() {
        guests::run(&[])?;
        native(places)?;
        kernel_suite::prepare(places)?;
        build::package(places)?;
    }
    let all = passed_on.is_empty();
    command::run(
        npm::node()?
            .arg(places.web.join("tests/run.js"))
            .arg("--target")
            .arg(&places.target)
            .args(passed_on),
    )?;
    if all {
        node_tests(places)?;
    }
    if all && has_terminal(places) {
        terminal(places)?;
    }
    Ok(())
}

/// The tests of what only Node has: directories of the host.
fn node_tests(places: &Places) -> Result<()> {
    let folder = places.web.join("tests/node");
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".test.mjs") {
            files.push(path);
        }
    }
    files.sort();
    command::run(
        npm::node()?
            .arg("--test")
            .args(files)
            .current_dir(&places.web)
            .env("CARGO_TARGET_DIR", &places.target),
    )
}

/// The terminal page's own tests: its shell, and the page in Chromium.
fn terminal(places: &Places) -> Result<()> {
    npm::install(&places.terminal())?;
    npm::script(&places.terminal(), "build")?;
    npm::script(&places.terminal(), "test")?;
    npm::script(&places.terminal(), "test:page")
}

/// The native `holm`, which the hosts are compared with. Selected as `cargo xtask test` does:
/// with other features of shared dependencies the engine would be compiled again.
fn native(places: &Places) -> Result<()> {
    command::run(
        cargo()
            .args(["test", "--workspace", "--no-run", "--quiet"])
            .args(["--test", "end_to_end"])
            .current_dir(&places.root),
    )
}

fn serve(places: &Places, options: &[String]) -> Result<()> {
    build::package(places)?;
    if has_terminal(places) {
        npm::install(&places.terminal())?;
        npm::script(&places.terminal(), "build")?;
    }
    command::run(
        npm::node()?
            .arg(places.web.join("tools/serve.js"))
            .args(options),
    )
}

fn pack(places: &Places, options: &[String]) -> Result<()> {
    match options {
        [] => {
            guests::run(&["--only".into(), "rust".into()])?;
            build::package(places)?;
        }
        [option] if option == "--no-build" => {}
        _ => bail!("{USAGE}"),
    }
    command::run(
        npm::node()?
            .arg(places.web.join("tests/pack.js"))
            .arg("--target")
            .arg(&places.target),
    )
}

fn has_terminal(places: &Places) -> bool {
    Path::is_file(&places.terminal().join("package.json"))
}

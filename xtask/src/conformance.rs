//! `cargo xtask conformance`: runs the official WebAssembly/wasi-testsuite against Holm.
//!
//! The suite's own runner decides what passes; `tests/conformance` holds the adapter that tells it how to start Holm,
//! natively or through a bridge to a browser or Node, and the reviewed list of expected failures.

mod bridge;
mod results;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use self::bridge::Bridge;
use self::results::{Outcome, Verdict, count, differences, is_failure, outcomes, summary};
use crate::command::{self, cargo};
use crate::web;
use crate::workspace::Workspace;

const USAGE: &str = "usage: cargo xtask conformance --suite DIR [OPTION...]

  --suite DIR       a checkout of github.com/WebAssembly/wasi-testsuite, branch prod/testsuite-base
  --host NAME       native (the default), chromium, firefox, node, node20, node22, node26, one of them in full,
                    such as chromium-plain, or all; may be repeated
  --transport NAME  of browsers and Node only what uses shared or message
  --directories     Node uses directories of this machine in place, not copies in memory
  --filter TEXT     only the tests whose name holds TEXT
  --dev             with the development build of Holm instead of the release build
  --no-build        with what was built before
  --adapter FILE    another runtime's adapter, such as DIR/adapters/wasmtime.py, instead of Holm's";

/// The folders of tests end in these: WASI 0.1, which every host runs, and 0.3, which the native
/// one does.
const VERSIONS: [&str; 2] = ["wasm32-wasip1", "wasm32-wasip3"];

/// Holm as a command of this machine.
const NATIVE: &str = "native";

#[derive(Debug, Default)]
struct Options {
    suite: PathBuf,
    hosts: Vec<String>,
    transport: Option<String>,
    directories: bool,
    filter: Option<String>,
    dev: bool,
    no_build: bool,
    adapter: Option<PathBuf>,
}

/// What the runs of one command share.
#[derive(Debug)]
struct Suite<'a> {
    options: &'a Options,
    workspace: &'a Workspace,
    folders: Vec<PathBuf>,
    python: PathBuf,
    scratch: PathBuf,
}

/// Builds Holm, runs the suite, and fails unless every test did what was expected of it in every
/// host.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let options = parse(arguments)?;
    let workspace = Workspace::load()?;
    let scratch = workspace.target.join("conformance");
    fs::create_dir_all(&scratch).with_context(|| scratch.display().to_string())?;
    let suite = Suite {
        folders: test_folders(&options.suite)?,
        python: python(&options.suite, &scratch)?,
        options: &options,
        workspace: &workspace,
        scratch,
    };
    let mut done: Vec<(String, Vec<Outcome>)> = Vec::new();
    let mut broken = Vec::new();
    for host in hosts(&options, &workspace)? {
        let started = Instant::now();
        match suite.run_in(&host) {
            Ok(outcomes) => {
                print!("{}", summary(&host, &outcomes, started.elapsed()));
                done.push((host, outcomes));
            }
            Err(error) => {
                println!("{host:18} broken: {error:#}");
                broken.push(host);
            }
        }
    }
    print!("{}", differences(&done));
    if !broken.is_empty() {
        bail!("the suite did not run in {}", broken.join(", "));
    }
    if done
        .iter()
        .any(|(_, outcomes)| count(outcomes, |verdict| verdict != Verdict::Skipped) == 0)
    {
        bail!("no test ran");
    }
    let failed: usize = done
        .iter()
        .map(|(_, outcomes)| count(outcomes, is_failure))
        .sum();
    if failed > 0 {
        bail!(
            "{failed} tests did not do what is expected; the runner's reports are in {}",
            suite.scratch.display()
        );
    }
    Ok(())
}

/// The hosts that are asked for, in the order in which they run; builds what they need.
fn hosts(options: &Options, workspace: &Workspace) -> Result<Vec<String>> {
    let (native, others): (Vec<&String>, Vec<&String>) =
        options.hosts.iter().partition(|name| *name == NATIVE);
    let all = others.iter().any(|name| *name == "all");
    let mut hosts = Vec::new();
    if (options.transport.is_none() && all) || !native.is_empty() || others.is_empty() {
        hosts.push(NATIVE.to_owned());
    }
    if !others.is_empty() {
        let web = web::package(workspace, !options.no_build)?;
        let mut found = bridge::hosts(&web, &others, options.transport.as_deref())?;
        if options.directories {
            found.retain(|host| host.starts_with("node"));
        }
        hosts.append(&mut found);
    }
    Ok(hosts)
}

impl Suite<'_> {
    /// Runs the suite in a host.
    fn run_in(&self, host: &str) -> Result<Vec<Outcome>> {
        let home = self.workspace.root.join("tests/conformance");
        let scratch = self.scratch.join(host);
        fs::create_dir_all(&scratch).with_context(|| scratch.display().to_string())?;
        let results = scratch.join("results.json");
        let _ = fs::remove_file(&results);
        let mut runner = Command::new(&self.python);
        runner
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(home.join("run.py"))
            .arg(&self.options.suite)
            .arg("-t")
            .args(self.folders_of(host))
            .args(["--disable-colors", "--json-output-location"])
            .arg(&results)
            .arg("-e")
            .arg(home.join("expectations.toml"));
        if let Some(filter) = &self.options.filter {
            let skips = scratch.join("filter.toml");
            fs::write(&skips, all_but(filter, &self.folders)?)?;
            runner.arg(skips);
        }
        let mut bridge = None;
        match &self.options.adapter {
            Some(adapter) => runner.arg("-r").arg(adapter),
            None => runner.arg("-r").arg(home.join("holm.py")),
        };
        if host == NATIVE {
            if self.options.adapter.is_none() {
                runner.env("HOLM", self.native()?);
            }
        } else {
            let bridge = bridge.insert(Bridge::start(&self.workspace.root.join("web"), host)?);
            runner
                .env("HOLM_BRIDGE", bridge.socket())
                .env("HOLM_HOST", host)
                .env("HOLM_VERSION", env!("CARGO_PKG_VERSION"));
            if self.options.directories {
                runner.env("HOLM_DIRECTORIES", "1");
            }
        }
        // The runner's own report goes to a file: what is printed is a summary.
        let errors = scratch.join("runner-errors.log");
        runner
            .stdout(fs::File::create(scratch.join("runner.log"))?)
            .stderr(fs::File::create(&errors)?);
        let status = runner.status().context("cannot start Python")?;
        if let Some(bridge) = bridge {
            bridge.stop()?;
        }
        let Ok(text) = fs::read_to_string(&results) else {
            let errors = fs::read_to_string(errors).unwrap_or_default();
            bail!("the suite's runner failed ({status}) without results:\n{errors}");
        };
        outcomes(&serde_json::from_str(&text).context("the runner's results")?)
    }

    /// The folders whose tests a host runs. Another runtime's adapter says itself what it runs.
    fn folders_of(&self, host: &str) -> Vec<&PathBuf> {
        let runs = |folder: &&PathBuf| host == NATIVE || folder.ends_with(VERSIONS[0]);
        self.folders.iter().filter(runs).collect()
    }

    /// The native Holm.
    fn native(&self) -> Result<PathBuf> {
        let profile = if self.options.dev { "debug" } else { "release" };
        if !self.options.no_build {
            build(self.workspace, self.options.dev)?;
        }
        Ok(self.workspace.target.join(profile).join("holm"))
    }
}

fn parse(arguments: &[String]) -> Result<Options> {
    let mut options = Options::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || {
            rest.next()
                .with_context(|| format!("{argument}: a value is missing\n{USAGE}"))
        };
        match argument.as_str() {
            "--suite" => options.suite = PathBuf::from(value()?),
            "--host" => options.hosts.push(value()?.clone()),
            "--transport" => options.transport = Some(value()?.clone()),
            "--directories" => options.directories = true,
            "--no-build" => options.no_build = true,
            "--filter" => options.filter = Some(value()?.clone()),
            "--adapter" => options.adapter = Some(std::path::absolute(value()?)?),
            "--dev" => options.dev = true,
            other => bail!("unexpected `{other}`\n{USAGE}"),
        }
    }
    if options.suite.as_os_str().is_empty() {
        bail!("--suite: where is the suite?\n{USAGE}");
    }
    if options.adapter.is_some() && !options.hosts.is_empty() {
        bail!("--adapter: another runtime has no hosts of ours\n{USAGE}");
    }
    options.suite = std::path::absolute(&options.suite)?;
    Ok(options)
}

/// The folders with compiled tests. Each language of the suite has one for each version.
fn test_folders(suite: &Path) -> Result<Vec<PathBuf>> {
    let tests = suite.join("tests");
    let mut found = Vec::new();
    for entry in fs::read_dir(&tests)
        .with_context(|| format!("{} is not a checkout of the suite", suite.display()))?
    {
        let language = entry?.path().join("testsuite");
        let folders = VERSIONS.iter().map(|version| language.join(version));
        found.extend(folders.filter(|folder| folder.join("manifest.json").is_file()));
    }
    if found.is_empty() {
        bail!(
            "{} holds no compiled tests: they are in the branch prod/testsuite-base",
            tests.display()
        );
    }
    found.sort();
    Ok(found)
}

/// A Python that has what the runner needs: the system's own, or one in a virtual environment made for it.
fn python(suite: &Path, scratch: &Path) -> Result<PathBuf> {
    let version = "import sys; sys.exit(sys.version_info < (3, 11))";
    let python = ["python3", "python3.13", "python3.12", "python3.11"]
        .into_iter()
        .find(|name| command::succeeds(Command::new(name).args(["-c", version])))
        .context("the suite's runner needs Python 3.11 or newer, and there is none on the path")?;
    if command::succeeds(Command::new(python).args(["-c", "import colorama"])) {
        return Ok(python.into());
    }
    let environment = scratch.join("python");
    let own = environment.join("bin/python");
    if command::succeeds(Command::new(&own).args(["-c", "import colorama"])) {
        return Ok(own);
    }
    command::run(Command::new(python).args(["-m", "venv"]).arg(&environment))
        .context("on Debian, the package python3-venv is needed")?;
    command::run(
        Command::new(&own)
            .args(["-m", "pip", "install", "--quiet", "--requirement"])
            .arg(suite.join("test-runner/requirements.txt")),
    )?;
    Ok(own)
}

fn build(workspace: &Workspace, dev: bool) -> Result<()> {
    let mut build = cargo();
    build
        .args(["build", "--package", "holm-cli"])
        .current_dir(&workspace.root);
    if !dev {
        build.arg("--release");
    }
    command::run(&mut build)
}

/// Expectations that skip every test whose name does not hold `filter`: the runner has no filter of its own.
fn all_but(filter: &str, folders: &[PathBuf]) -> Result<String> {
    let mut text = String::from("version = 1\n");
    for folder in folders {
        let manifest = fs::read_to_string(folder.join("manifest.json"))?;
        let manifest: Value = serde_json::from_str(&manifest)?;
        // JSON's strings are TOML's too.
        writeln!(text, "[[suite]]\nname = {}", manifest["name"])?;
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            if path.extension().is_some_and(|found| found == "wasm") && !name.contains(filter) {
                writeln!(
                    text,
                    "[[suite.test]]\nname = {}\naction = \"skip\"",
                    Value::from(&*name)
                )?;
            }
        }
    }
    Ok(text)
}

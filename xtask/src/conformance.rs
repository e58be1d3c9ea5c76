//! `cargo xtask conformance`: runs the official WebAssembly/wasi-testsuite against Holm.
//!
//! The suite's own runner decides what passes; `tests/conformance` holds the adapter that tells it how to start Holm,
//! and the reviewed list of expected failures.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::{self, cargo};
use crate::workspace::Workspace;

const USAGE: &str =
    "usage: cargo xtask conformance --suite DIR [--filter TEXT] [--dev] [--adapter FILE]

  --suite    a checkout of github.com/WebAssembly/wasi-testsuite, branch prod/testsuite-base
  --filter   only the tests whose name holds TEXT
  --dev      with the development build of Holm instead of the release build
  --adapter  another runtime's adapter, such as DIR/adapters/wasmtime.py, instead of Holm's";

/// The folders of tests for WASI 0.1 end in this.
const VERSION: &str = "wasm32-wasip1";

#[derive(Debug, Default)]
struct Options {
    suite: PathBuf,
    filter: Option<String>,
    dev: bool,
    adapter: Option<PathBuf>,
}

/// A test of the suite, after its run.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    suite: String,
    name: String,
    verdict: Verdict,
    messages: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    FailedAsExpected,
    PassedUnexpectedly,
    Skipped,
}

/// Builds Holm, runs the suite, and fails unless every test did what was expected of it.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let options = parse(arguments)?;
    let workspace = Workspace::load()?;
    let tests = test_folders(&options.suite)?;
    let scratch = workspace.target.join("conformance");
    fs::create_dir_all(&scratch).with_context(|| scratch.display().to_string())?;
    let home = workspace.root.join("tests/conformance");

    let python = python(&options.suite, &scratch)?;
    let results = scratch.join("results.json");
    let _ = fs::remove_file(&results);
    let mut runner = Command::new(python);
    runner
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(home.join("run.py"))
        .arg(&options.suite)
        .arg("-t")
        .args(&tests)
        .args(["--disable-colors", "--json-output-location"])
        .arg(&results)
        .arg("-e")
        .arg(home.join("expectations.toml"));
    if let Some(filter) = &options.filter {
        let skips = scratch.join("filter.toml");
        fs::write(&skips, all_but(filter, &tests)?)?;
        runner.arg(skips);
    }
    match &options.adapter {
        Some(adapter) => runner.arg("-r").arg(adapter),
        None => runner
            .arg("-r")
            .arg(home.join("holm.py"))
            .env("HOLM", build(&workspace, options.dev)?),
    };
    // The runner's own report goes to a file: what is printed here is the summary below.
    let log = scratch.join("runner.log");
    runner
        .stdout(fs::File::create(&log)?)
        .stderr(fs::File::create(scratch.join("runner-errors.log"))?);
    let status = runner.status().context("cannot start Python")?;
    let Ok(text) = fs::read_to_string(&results) else {
        let errors = fs::read_to_string(scratch.join("runner-errors.log")).unwrap_or_default();
        bail!("the suite's runner failed ({status}) without results:\n{errors}");
    };
    let outcomes = outcomes(&serde_json::from_str(&text).context("the runner's results")?)?;
    print!("{}", summary(&outcomes));
    let ran = count(&outcomes, |verdict| verdict != Verdict::Skipped);
    if ran == 0 {
        bail!("no test ran");
    }
    let failed = count(&outcomes, is_failure);
    if failed > 0 {
        bail!(
            "{failed} of {ran} tests did not do what is expected; the runner's report is {}",
            log.display()
        );
    }
    Ok(())
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
            "--filter" => options.filter = Some(value()?.clone()),
            "--adapter" => options.adapter = Some(std::path::absolute(value()?)?),
            "--dev" => options.dev = true,
            other => bail!("unexpected `{other}`\n{USAGE}"),
        }
    }
    if options.suite.as_os_str().is_empty() {
        bail!("--suite: where is the suite?\n{USAGE}");
    }
    options.suite = std::path::absolute(&options.suite)?;
    Ok(options)
}

/// The folders with compiled tests for WASI 0.1. Each language of the suite has one.
fn test_folders(suite: &Path) -> Result<Vec<PathBuf>> {
    let tests = suite.join("tests");
    let mut found = Vec::new();
    for entry in fs::read_dir(&tests)
        .with_context(|| format!("{} is not a checkout of the suite", suite.display()))?
    {
        let folder = entry?.path().join("testsuite").join(VERSION);
        if folder.join("manifest.json").is_file() {
            found.push(folder);
        }
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

fn build(workspace: &Workspace, dev: bool) -> Result<PathBuf> {
    let mut build = cargo();
    build
        .args(["build", "--package", "holm-cli"])
        .current_dir(&workspace.root);
    if !dev {
        build.arg("--release");
    }
    command::run(&mut build)?;
    let profile = if dev { "debug" } else { "release" };
    Ok(workspace.target.join(profile).join("holm"))
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

/// Reads the runner's JSON report.
fn outcomes(report: &Value) -> Result<Vec<Outcome>> {
    let mut found = Vec::new();
    for suite in report["results"].as_array().context("no `results`")? {
        for test in suite["tests"].as_array().context("no `tests`")? {
            let verdict = match test["outcome"].as_str().context("no `outcome`")? {
                "pass" => Verdict::Passed,
                "fail" => Verdict::Failed,
                "xfail" => Verdict::FailedAsExpected,
                "xpass" => Verdict::PassedUnexpectedly,
                "skip" => Verdict::Skipped,
                other => bail!("the runner reports an outcome `{other}`, which is new"),
            };
            let messages = test["failures"].as_array().map(Vec::as_slice);
            found.push(Outcome {
                suite: suite["name"].as_str().unwrap_or_default().to_owned(),
                name: test["name"].as_str().unwrap_or_default().to_owned(),
                verdict,
                messages: messages
                    .unwrap_or_default()
                    .iter()
                    .filter_map(|message| message.as_str().map(str::to_owned))
                    .collect(),
            });
        }
    }
    Ok(found)
}

fn is_failure(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Failed | Verdict::PassedUnexpectedly)
}

fn count(outcomes: &[Outcome], wanted: impl Fn(Verdict) -> bool) -> usize {
    outcomes
        .iter()
        .filter(|outcome| wanted(outcome.verdict))
        .count()
}

/// The failures, what was expected or left out, and the totals alone on the last line.
fn summary(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        let Outcome { suite, name, .. } = outcome;
        match outcome.verdict {
            Verdict::Failed => {
                text += &format!("FAILED {name} ({suite})\n");
                for line in outcome.messages.iter().flat_map(|message| message.lines()) {
                    text += &format!("    {line}\n");
                }
            }
            Verdict::PassedUnexpectedly => {
                text += &format!(
                    "FAILED {name} ({suite})\n    passed, though expectations.toml says that it fails: remove the entry\n"
                );
            }
            Verdict::FailedAsExpected => {
                text += &format!("expected failure: {name} ({suite})\n");
            }
            Verdict::Passed | Verdict::Skipped => {}
        }
    }
    let skipped = count(outcomes, |verdict| verdict == Verdict::Skipped);
    if skipped > 0 {
        text += &format!("{skipped} skipped\n");
    }
    let passed = count(outcomes, |verdict| verdict == Verdict::Passed);
    let failed = count(outcomes, is_failure);
    text + &format!("{passed} passed, {failed} failed\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_report_is_summed_up_with_each_failure_named() {
        let report = json!({"results": [{"name": "C tests", "tests": [
            {"name": "good", "outcome": "pass", "failures": []},
            {"name": "bad", "outcome": "fail", "failures": ["expected 0, got 1\nstdout: x"]},
            {"name": "known", "outcome": "xfail", "failures": ["no"]},
            {"name": "fixed", "outcome": "xpass", "failures": []},
            {"name": "other", "outcome": "skip", "failures": []},
        ]}]});
        let outcomes = outcomes(&report).expect("a good report");
        assert_eq!(
            summary(&outcomes),
            "FAILED bad (C tests)\n    expected 0, got 1\n    stdout: x\n\
             expected failure: known (C tests)\n\
             FAILED fixed (C tests)\n    passed, though expectations.toml says that it fails: remove the entry\n\
             1 skipped\n1 passed, 2 failed\n"
        );
        assert_eq!(count(&outcomes, is_failure), 2);
    }

    #[test]
    fn an_outcome_that_is_new_is_an_error_and_not_a_pass() {
        let report = json!({"results": [{"name": "s", "tests": [
            {"name": "t", "outcome": "flaky", "failures": []}]}]});
        assert!(outcomes(&report).is_err());
    }
}

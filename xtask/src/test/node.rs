//! `cargo xtask test --host node`: the end-to-end tests, with the command in Node.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::{self, cargo};
use crate::workspace::Workspace;
use crate::{guests, web};

const USAGE: &str =
    "usage: cargo xtask test --host node [--node PROGRAM] [--no-build] [-- TEST-ARGUMENT...]";

/// Tests that the command in Node cannot pass, each with the reason.
const EXCEPTIONS: &str = "tests/node.json";

/// Runs them.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let mut node = "node".to_owned();
    let mut build = true;
    let mut rest = arguments.iter();
    let mut passed_on = Vec::new();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--node" => node.clone_from(rest.next().context(USAGE)?),
            "--no-build" => build = false,
            "--" => passed_on.extend(rest.by_ref()),
            _ => bail!("{USAGE}"),
        }
    }
    let workspace = Workspace::load()?;
    if build {
        guests::run(&[])?;
    }
    let script = web::package(&workspace, build)?.join("dist/cli.js");
    let version = version(&node)?;
    let text = fs::read_to_string(workspace.root.join(EXCEPTIONS)).context(EXCEPTIONS)?;
    let exceptions = exceptions(&text, version)?;
    let there = command::read(tests(&workspace).args(["--list", "--format", "terse"]))?;
    let there = there.lines().filter_map(|line| line.strip_suffix(": test"));
    let skipped = exceptions.skipped_of(&there.collect::<Vec<_>>())?;
    println!(
        "with {node}, version {version}, without {} tests of {EXCEPTIONS}",
        skipped.len()
    );
    let mut tests = tests(&workspace);
    tests
        .env("HOLM_COMMAND", format!("{node} {}", script.display()))
        .args(["--exact"])
        .args(passed_on);
    for name in skipped {
        tests.args(["--skip", name]);
    }
    command::run(&mut tests)
}

/// The end-to-end tests. Selected as `cargo xtask test` does: with other features of shared
/// dependencies the engine would be compiled again.
fn tests(workspace: &Workspace) -> Command {
    let mut command = cargo();
    command
        .args([
            "test",
            "--workspace",
            "--quiet",
            "--test",
            "end_to_end",
            "--",
        ])
        .current_dir(&workspace.root);
    command
}

/// The major version of Node.
fn version(node: &str) -> Result<u64> {
    let text = command::read(Command::new(node).arg("--version"))?;
    let major = text.trim().trim_start_matches('v').split('.').next();
    major
        .and_then(|major| major.parse().ok())
        .with_context(|| format!("`{node} --version` says {text:?}"))
}

/// The names in the list of exceptions: of tests, `a::b`, and of all that a module has, `a::*`.
#[derive(Debug, PartialEq, Eq)]
struct Exceptions {
    all: Vec<String>,
    /// Those that hold for this version of Node.
    skipped: Vec<String>,
}

impl Exceptions {
    /// The tests among `there` to leave out. A name that stands for none is an error.
    fn skipped_of<'a>(&self, there: &[&'a str]) -> Result<Vec<&'a str>> {
        let mut skipped = Vec::new();
        for name in &self.all {
            let mut found = there.iter().filter(|test| match name.strip_suffix('*') {
                Some(module) => test.starts_with(module),
                None => *test == name,
            });
            if self.skipped.contains(name) {
                let before = skipped.len();
                skipped.extend(found.copied());
                if skipped.len() > before {
                    continue;
                }
            } else if found.next().is_some() {
                continue;
            }
            bail!("{EXCEPTIONS}: there is no test {name}");
        }
        Ok(skipped)
    }
}

fn exceptions(text: &str, version: u64) -> Result<Exceptions> {
    let rows: Vec<Value> = serde_json::from_str(text).context(EXCEPTIONS)?;
    let mut found = Exceptions {
        all: Vec::new(),
        skipped: Vec::new(),
    };
    for row in &rows {
        let (Some(name), Some(_)) = (row["test"].as_str(), row["why"].as_str()) else {
            bail!("{EXCEPTIONS}: `test` and `why` are needed: {row}");
        };
        found.all.push(name.to_owned());
        if row["before"].as_u64().is_none_or(|before| version < before) {
            found.skipped.push(name.to_owned());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::exceptions;

    #[test]
    fn an_exception_may_end_with_a_version() {
        let text = r#"[
            {"test": "a::b", "why": "never"},
            {"test": "c::d", "why": "too old", "before": 25}
        ]"#;
        let both = exceptions(text, 24).expect("a list");
        assert_eq!(both.skipped, ["a::b", "c::d"]);
        let one = exceptions(text, 25).expect("a list");
        assert_eq!(one.skipped, ["a::b"]);
        assert_eq!(one.all.len(), 2);
        assert!(exceptions(r#"[{"test": "a::b"}]"#, 20).is_err());
    }

    #[test]
    fn an_exception_may_be_a_module() {
        let text = r#"[
            {"test": "a::*", "why": "never"},
            {"test": "c::d", "why": "too old", "before": 25}
        ]"#;
        let listed = exceptions(text, 25).expect("a list");
        let there = ["a::b", "a::c", "ab::c", "c::d"];
        let skipped = listed.skipped_of(&there).expect("all are there");
        assert_eq!(skipped, ["a::b", "a::c"]);
        for gone in [&there[2..], &there[..3]] {
            assert!(listed.skipped_of(gone).is_err(), "{gone:?}");
        }
    }
}

//! `cargo xtask test`: the one command that runs every test, from a fresh clone on.

mod node;

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::command::cargo;
use crate::guests;
use crate::sessions::{self, Surroundings};
use crate::workspace::Workspace;

/// Builds the guests, runs the tests of every crate, then the sessions in the documents.
///
/// Arguments are passed on to `cargo test`; with any, the sessions are left out. With
/// `--host node` the end-to-end tests alone are run, with the command in Node.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if let [host, name, rest @ ..] = arguments
        && host == "--host"
    {
        if name != "node" {
            bail!("`--host node` is the one other host whose command can be tested");
        }
        return node::run(rest);
    }
    let started = Instant::now();
    guests::run(&[])?;
    let mut totals = cargo_test(arguments)?;
    if arguments.is_empty() {
        totals.passed += run_sessions()?;
    }
    let verdict = if totals.failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {} passed; {} failed; {} ignored; 0 measured; {} filtered \
         out; finished in {:.2}s",
        totals.passed,
        totals.failed,
        totals.ignored,
        totals.filtered,
        started.elapsed().as_secs_f64()
    );
    if totals.failed > 0 {
        bail!("{} test(s) failed", totals.failed);
    }
    Ok(())
}

fn run_sessions() -> Result<usize> {
    let workspace = Workspace::load()?;
    // `target/debug/holm` is what `cargo test` built for the end-to-end tests. Built by itself
    // it would have other features of shared dependencies, and the engine be compiled again.
    let commands = sessions::run(&Surroundings {
        holm: workspace.target.join("debug/holm"),
        guests: workspace.target.join("guests"),
        scratch: workspace.target.join("sessions"),
        root: workspace.root,
    })?;
    println!("{commands} commands in the documents print what the documents say");
    Ok(commands)
}

/// Sums over the test programs of a run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Totals {
    passed: usize,
    failed: usize,
    ignored: usize,
    filtered: usize,
}

impl Totals {
    /// Adds a line of a test program, if it is its summary.
    fn add(&mut self, line: &str) {
        let Some(summary) = line.strip_prefix("test result: ") else {
            return;
        };
        let (_, counts) = summary.split_once(". ").unwrap_or_default();
        for part in counts.split("; ") {
            let Some((count, what)) = part.split_once(' ') else {
                continue;
            };
            let Ok(count) = count.parse::<usize>() else {
                continue;
            };
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                "filtered out" => self.filtered += count,
                _ => {}
            }
        }
    }
}

fn cargo_test(arguments: &[String]) -> Result<Totals> {
    let mut command = cargo();
    command
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(arguments)
        .stdout(Stdio::piped());
    eprintln!(
        "$ cargo test --workspace --no-fail-fast {}",
        arguments.join(" ")
    );
    let mut child = command.spawn().context("cannot start cargo")?;
    let output = child.stdout.take().context("cargo's output")?;
    let mut totals = Totals::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        totals.add(&line);
    }
    let status = child.wait()?;
    if !status.success() && totals.failed == 0 {
        bail!("`cargo test` failed ({status}) before or between tests");
    }
    Ok(totals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_test_programs_add_up() {
        let mut totals = Totals::default();
        for line in [
            "running 3 tests",
            "test a ... ok",
            "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 4 filtered out; \
             finished in 0.02s",
            "test result: FAILED. 1 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; \
             finished in 1.00s",
        ] {
            totals.add(line);
        }
        let expected = Totals {
            passed: 3,
            failed: 3,
            ignored: 1,
            filtered: 4,
        };
        assert_eq!(totals, expected);
    }
}

//! `cargo xtask fuzz`: coverage-guided fuzzing with the pinned, stable compiler.
//!
//! `cargo fuzz` wants a nightly compiler for its address sanitizer. What is fuzzed here is
//! safe Rust, where a sanitizer has nothing to find; coverage needs stable flags alone.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{self, cargo};
use crate::workspace::Workspace;

const SECONDS_DEFAULT: u32 = 20;

/// Coverage that libFuzzer reads, and the checks that a release build leaves out.
const RUSTFLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1";

/// Runs all targets, or those named, `--seconds N` each.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let mut seconds = SECONDS_DEFAULT;
    let mut wanted: Vec<&str> = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == "--seconds" {
            let value = arguments.next().context("--seconds needs a number")?;
            seconds = value.parse().context("--seconds needs a number")?;
        } else {
            wanted.push(argument);
        }
    }
    let workspace = Workspace::load()?;
    let folder = workspace.root.join("fuzz");
    let targets = targets(&folder)?;
    if let Some(name) = wanted
        .iter()
        .find(|name| !targets.iter().any(|known| known == *name))
    {
        bail!(
            "there is no fuzz target `{name}`; there are: {}",
            targets.join(", ")
        );
    }
    let host = host()?;
    command::run(
        cargo()
            .args(["build", "--release", "--bins", "--target", &host])
            .env("CARGO_TARGET_DIR", folder.join("target"))
            .env("RUSTFLAGS", RUSTFLAGS)
            .current_dir(&folder),
    )?;
    for target in &targets {
        if wanted.is_empty() || wanted.contains(&target.as_str()) {
            fuzz(&folder, &host, target, seconds)?;
        }
    }
    Ok(())
}

fn fuzz(folder: &Path, host: &str, target: &str, seconds: u32) -> Result<()> {
    let corpus = folder.join("corpus").join(target);
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(folder.join("artifacts"))?;
    let mut command = Command::new(
        folder
            .join("target")
            .join(host)
            .join("release")
            .join(target),
    );
    command
        .current_dir(folder)
        .arg(format!("corpus/{target}"))
        .arg(format!("-artifact_prefix=artifacts/{target}-"))
        .arg(format!("-max_total_time={seconds}"))
        // Findings and a last line of figures, not each new input.
        .args(["-verbosity=0", "-print_final_stats=1"])
        .args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
    // Seeds are committed; what fuzzing finds is kept apart, in `corpus`.
    if folder.join("seeds").join(target).is_dir() {
        command.arg(format!("seeds/{target}"));
    }
    // Without a sanitizer libFuzzer does not see through comparisons of byte strings: what an
    // input may contain is told to it.
    let dictionary = format!("dictionaries/{target}.dict");
    if folder.join(&dictionary).is_file() {
        command.arg(format!("-dict={dictionary}"));
    }
    command::run(&mut command).with_context(|| {
        format!(
            "fuzzing `{target}` found something: the input is in fuzz/artifacts; run the target \
             with that file as its argument to see it again"
        )
    })
}

fn targets(folder: &Path) -> Result<Vec<String>> {
    let sources = folder.join("fuzz_targets");
    let mut targets: Vec<String> = sources
        .read_dir()
        .with_context(|| format!("cannot read {}", sources.display()))?
        .flatten()
        .filter_map(|entry| {
            entry
                .file_name()
                .to_str()?
                .strip_suffix(".rs")
                .map(str::to_owned)
        })
        .collect();
    targets.sort();
    Ok(targets)
}

/// The triple of this machine. Naming it keeps coverage out of build scripts.
fn host() -> Result<String> {
    let version = command::read(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}

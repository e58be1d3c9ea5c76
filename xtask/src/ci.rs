//! `cargo xtask ci`: exactly what CI runs.

use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::{conformance, fuzz, guests, lint, test, web};

/// Seconds that CI gives to each fuzz target.
const FUZZ_SECONDS: &str = "15";

/// Where a checkout of the official suite lies, when no option says so.
const SUITE: &str = "HOLM_WASI_TESTSUITE";

/// Guests, lints, tests, the package for browsers and Node, a short fuzz of every target and, where a
/// suite is given, conformance.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let suite = match arguments {
        [] => std::env::var(SUITE).ok(),
        [option, folder] if option == "--suite" => Some(folder.clone()),
        _ => bail!("usage: cargo xtask ci [--suite DIR]"),
    };
    // First what can be missing on a machine: its absence shows at once.
    step("guests", || guests::run(&["--install".into()]))?;
    step("lint", || lint::run(&[]))?;
    step("test", || test::run(&[]))?;
    step("web check", || web::run(&["check".into()]))?;
    // Builds the package too, and fails when the kernel has become too large.
    step("web test", || web::run(&["test".into()]))?;
    step("web pack", || {
        web::run(&["pack".into(), "--no-build".into()])
    })?;
    step("fuzz", || {
        fuzz::run(&["--seconds".into(), FUZZ_SECONDS.into()])
    })?;
    match suite {
        Some(folder) => step("conformance", || {
            conformance::run(&["--suite".into(), folder])
        }),
        None => {
            eprintln!("ci: no conformance run: neither --suite nor {SUITE} names a checkout");
            Ok(())
        }
    }
}

fn step(name: &str, run: impl FnOnce() -> Result<()>) -> Result<()> {
    eprintln!("\n==== ci: {name}");
    let started = Instant::now();
    run().with_context(|| format!("ci: {name} failed"))?;
    eprintln!(
        "==== ci: {name} took {:.0} s",
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

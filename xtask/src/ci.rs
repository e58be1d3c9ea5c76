//! `cargo xtask ci`: exactly what CI runs.

use std::time::Instant;

use anyhow::{Context, Result};

use crate::{fuzz, lint, test};

/// Seconds that CI gives to each fuzz target.
const FUZZ_SECONDS: &str = "15";

/// Lints, tests, a short fuzz of every target and, where a suite is given, conformance.
pub(crate) fn run(_arguments: &[String]) -> Result<()> {
    step("lint", || lint::run(&[]))?;
    step("test", || test::run(&[]))?;
    step("fuzz", || {
        fuzz::run(&["--seconds".into(), FUZZ_SECONDS.into()])
    })
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

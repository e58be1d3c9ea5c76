//! The kernel's scenarios and simulator as wasm, and what the simulator comes to natively.

use std::fs;

use anyhow::{Context, Result};
use serde_json::json;

use super::Places;
use crate::command::{self, cargo};
use crate::wasm_target;

const TARGET: &str = "wasm32-unknown-unknown";

/// The simulator's runs that every host is held to: the first seed, how many, and the steps of each.
const FIRST: u32 = 1_000;
const SEEDS: u32 = 20;
const STEPS: u32 = 250;

/// Builds the module, and writes what it must answer to where `web/tests/run.js` looks.
pub(super) fn prepare(places: &Places) -> Result<()> {
    wasm_target::ensure(TARGET)?;
    command::run(
        cargo()
            .args(["build", "--quiet", "--package", "holm-host-web"])
            .args(["--example", "kernel_suite", "--target", TARGET])
            .current_dir(&places.root)
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS"),
    )?;
    let said = command::read(
        cargo()
            .args(["test", "--quiet", "--package", "holm-kernel"])
            .args(["--features", "testkit", "--test", "simulator"])
            .args(["--", "--nocapture"])
            .current_dir(&places.root)
            .env_remove("HOLM_SEED")
            .env("HOLM_FIRST_SEED", FIRST.to_string())
            .env("HOLM_SEEDS", SEEDS.to_string())
            .env("HOLM_STEPS", STEPS.to_string()),
    )?;
    let counts = said
        .lines()
        .find_map(|line| line.find("Counts {").map(|at| &line[at..]))
        .context("the simulator's test prints no counts")?;
    let folder = places.target.join("web");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let recorded = json!({"first": FIRST, "seeds": SEEDS, "steps": STEPS, "counts": counts});
    let file = folder.join("simulated.json");
    fs::write(&file, recorded.to_string()).with_context(|| file.display().to_string())
}

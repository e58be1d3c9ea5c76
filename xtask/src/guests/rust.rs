//! Guests in Rust: a cargo workspace of their own, built by cargo, copied when they changed.

use std::fs;

use anyhow::{Context, Result};

use super::{Places, Tally, files, stem};
use crate::command::{self, cargo};
use crate::wasm_target;

const TARGET: &str = "wasm32-wasip1";

/// Builds the binaries and the reactor. Cargo knows what is out of date.
pub(super) fn build(places: &Places) -> Result<Tally> {
    let wants_any = places.only.is_empty() || places.only.iter().any(|only| only == "rust");
    let folder = places.source.join("rust");
    let names = names(places)?;
    let wanted: Vec<&String> = names
        .iter()
        .filter(|name| places.wants("rust", name))
        .collect();
    if wanted.is_empty() && !wants_any {
        return Ok(Tally::default());
    }
    wasm_target::ensure(TARGET)?;
    let built = places.built.join("cargo");
    command::run(
        cargo()
            .args(["build", "--release", "--quiet", "--target", TARGET])
            .args(["--bins", "--examples"])
            .arg("--manifest-path")
            .arg(folder.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&built)
            // Flags meant for the host's programs must not change the guests.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS"),
    )?;
    let release = built.join(TARGET).join("release");
    let mut tally = Tally::default();
    for name in wanted {
        let binary = release.join(format!("{name}.wasm"));
        let example = release.join("examples").join(format!("{name}.wasm"));
        let from = if binary.exists() { binary } else { example };
        let output = places.output("rust", name)?;
        let bytes = fs::read(&from).with_context(|| from.display().to_string())?;
        if fs::read(&output).is_ok_and(|there| there == bytes) {
            tally.kept += 1;
        } else {
            fs::write(&output, bytes).with_context(|| output.display().to_string())?;
            tally.built += 1;
        }
    }
    Ok(tally)
}

/// A guest is `src/bin/NAME.rs`, `src/bin/NAME/main.rs` or `examples/NAME_unsafe.rs`.
fn names(places: &Places) -> Result<Vec<String>> {
    let folder = places.source.join("rust");
    let mut names: Vec<String> = files(&folder.join("src/bin"), "rs")?
        .iter()
        .map(|path| stem(path))
        .collect();
    for entry in fs::read_dir(folder.join("src/bin"))? {
        let path = entry?.path();
        if path.join("main.rs").is_file() {
            names.push(stem(&path));
        }
    }
    for path in files(&folder.join("examples"), "rs")? {
        names.push(stem(&path).trim_end_matches("_unsafe").to_owned());
    }
    names.sort();
    Ok(names)
}

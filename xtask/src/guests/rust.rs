//! Guests in Rust: cargo workspaces of their own, built by cargo, copied when they changed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Places, Tally, files, stem};
use crate::command::{self, cargo};
use crate::wasm_target;

const TARGET: &str = "wasm32-wasip1";
const COMPONENT_TARGET: &str = "wasm32-wasip2";

/// The programs of `guests/rust` that use std alone and are built as components too, as `rust-p2/NAME`.
const PORTABLE: [&str; 13] = [
    "args_env",
    "bench",
    "cat",
    "exit_code",
    "files",
    "flow",
    "hello",
    "many_writes",
    "memory_hog",
    "race",
    "stdio_echo",
    "terminal",
    "trap",
];

/// Builds the binaries and the reactor. Cargo knows what is out of date.
pub(super) fn build(places: &Places) -> Result<Tally> {
    let names = names(places)?;
    let wanted = wanted(places, "rust", &names);
    if wanted.is_empty() {
        return Ok(Tally::default());
    }
    compile(places, "rust", TARGET, &["--bins", "--examples"])?;
    copy(places, "rust", TARGET, &wanted)
}

/// Builds programs that need nothing but std a second time, as components of WASI 0.2.
pub(super) fn build_portable(places: &Places) -> Result<Tally> {
    let wanted = wanted(places, "rust-p2", &PORTABLE);
    if wanted.is_empty() {
        return Ok(Tally::default());
    }
    let mut selection = Vec::new();
    for name in PORTABLE {
        selection.extend(["--bin", name]);
    }
    compile(places, "rust", COMPONENT_TARGET, &selection)?;
    copy(places, "rust-p2", COMPONENT_TARGET, &wanted)
}

/// Builds the components that use the interfaces of WASI 0.2 and 0.3 themselves.
pub(super) fn build_components(places: &Places) -> Result<Tally> {
    let folder = places.source.join("component-rust");
    let mut names = stems(&folder.join("src/bin"))?;
    names.extend(stems(&folder.join("examples"))?);
    let newer = stems(&folder.join("p3/examples"))?;
    names.extend(
        newer
            .iter()
            .map(|name| format!("p3_{}", name.trim_end_matches("_unsafe"))),
    );
    let wanted = wanted(places, "component-rust", &names);
    if wanted.is_empty() {
        return Ok(Tally::default());
    }
    let selection = ["--workspace", "--locked", "--bins", "--examples"];
    compile(places, "component-rust", COMPONENT_TARGET, &selection)?;
    copy(places, "component-rust", COMPONENT_TARGET, &wanted)
}

fn stems(folder: &Path) -> Result<Vec<String>> {
    Ok(files(folder, "rs")?.iter().map(|path| stem(path)).collect())
}

fn wanted<'names>(
    places: &Places,
    language: &str,
    names: &'names [impl AsRef<str>],
) -> Vec<&'names str> {
    names
        .iter()
        .map(AsRef::as_ref)
        .filter(|name| places.wants(language, name))
        .collect()
}

/// Runs cargo in `guests/FOLDER`.
fn compile(places: &Places, folder: &str, target: &str, selection: &[&str]) -> Result<()> {
    cargo_build(places, &places.source.join(folder), target, selection)
}

fn cargo_build(places: &Places, folder: &Path, target: &str, selection: &[&str]) -> Result<()> {
    wasm_target::ensure(target)?;
    command::run(
        cargo()
            .args(["build", "--release", "--quiet", "--target", target])
            .args(selection)
            .arg("--manifest-path")
            .arg(folder.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(places.built.join("cargo"))
            // Flags meant for the host's programs must not change the guests.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS"),
    )
}

/// Builds a library elsewhere as a component, and answers where it is.
pub(super) fn library(places: &Places, folder: &Path, name: &str) -> Result<PathBuf> {
    cargo_build(places, folder, COMPONENT_TARGET, &["--locked"])?;
    let release = places.built.join("cargo").join(COMPONENT_TARGET);
    Ok(release.join("release").join(format!("{name}.wasm")))
}

/// Copies what cargo built and is not there yet.
fn copy(places: &Places, language: &str, target: &str, names: &[&str]) -> Result<Tally> {
    let release = places.built.join("cargo").join(target).join("release");
    let mut tally = Tally::default();
    for name in names {
        let binary = release.join(format!("{name}.wasm"));
        let example = release.join("examples").join(format!("{name}.wasm"));
        let from = if binary.exists() { binary } else { example };
        let output = places.output(language, name)?;
        keep(&from, &output, &mut tally)?;
    }
    Ok(tally)
}

/// Copies a program unless the same is there.
pub(super) fn keep(from: &Path, output: &Path, tally: &mut Tally) -> Result<()> {
    let bytes = fs::read(from).with_context(|| from.display().to_string())?;
    if fs::read(output).is_ok_and(|there| there == bytes) {
        tally.kept += 1;
    } else {
        fs::write(output, bytes).with_context(|| output.display().to_string())?;
        tally.built += 1;
    }
    Ok(())
}

/// A guest is `src/bin/NAME.rs`, `src/bin/NAME/main.rs` or `examples/NAME_unsafe.rs`.
fn names(places: &Places) -> Result<Vec<String>> {
    let folder = places.source.join("rust");
    let mut names = stems(&folder.join("src/bin"))?;
    for entry in fs::read_dir(folder.join("src/bin"))? {
        let path = entry?.path();
        if path.join("main.rs").is_file() {
            names.push(stem(&path));
        }
    }
    for name in stems(&folder.join("examples"))? {
        names.push(name.trim_end_matches("_unsafe").to_owned());
    }
    names.sort();
    Ok(names)
}

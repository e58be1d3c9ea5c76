//! `examples/polyglot`: components in five languages, laid out in `target/guests/polyglot` as apps.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::javascript::Engine;
use super::tools::Tools;
use super::{Missing, Places, Tally, clang, files, go, make_if_stale, partial_of};
use super::{javascript, python, rust};
use crate::command;

const LANGUAGE: &str = "polyglot";

/// The first thing that is missing for any of its languages.
pub(super) fn missing() -> Option<Missing> {
    javascript::missing()
        .or_else(python::missing)
        .or_else(go::missing)
        .or_else(clang::missing_cpp)
}

/// Builds the components, and puts the manifests beside them.
pub(super) fn build(places: &Places) -> Result<Tally> {
    let mut tally = Tally::default();
    if !places.wants(LANGUAGE, LANGUAGE) {
        return Ok(tally);
    }
    let folder = places.examples.join(LANGUAGE);
    let wit = folder.join("wit");
    let mut worlds = files(&wit, "wit")?;
    worlds.extend(files(&places.wit.join("deps"), "wit")?);
    fetch(places, &folder, &worlds, &mut tally).context("fetch, in Go")?;
    geometry(places, &folder, &worlds, &mut tally).context("geometry, in C++")?;
    report(places, &folder, &mut tally).context("report, in Rust")?;

    let output = app(places, &folder, "javascript")?;
    let source = folder.join("javascript/app.js");
    let lock = places.source.join("js/package-lock.json");
    let sources = [worlds.as_slice(), &[source.clone(), lock]].concat();
    make_if_stale("QuickJS", &output, &sources, &mut tally, || {
        let tools = javascript::install(places)?;
        let partial = partial_of(&output);
        javascript::componentize(
            &tools,
            Engine::Small,
            &source,
            &wit,
            "javascript-app",
            &partial,
        )
    })
    .context("the app in JavaScript")?;

    let output = app(places, &folder, "python")?;
    let source = folder.join("python/app.py");
    let requirements = places.source.join("python/requirements.txt");
    let sources = [worlds.as_slice(), &[source.clone(), requirements]].concat();
    make_if_stale("componentize-py", &output, &sources, &mut tally, || {
        let tools = python::install(places)?;
        let work = places.built.join("work/polyglot-python");
        python::componentize(
            &tools,
            &source,
            &work,
            &wit,
            "python-app",
            &partial_of(&output),
        )
    })
    .context("the app in Python")?;
    Ok(tally)
}

/// Where an app's program goes; its manifest is put there.
fn app(places: &Places, folder: &Path, name: &str) -> Result<PathBuf> {
    let output = places.output(&format!("{LANGUAGE}/{name}"), "app")?;
    let manifest = folder.join(name).join("holm.toml");
    fs::copy(&manifest, output.with_file_name("holm.toml"))
        .with_context(|| manifest.display().to_string())?;
    Ok(output)
}

/// Go: stock Go makes a reactor for WASI 0.1 with the exports of the bindings, which is wrapped.
fn fetch(places: &Places, folder: &Path, worlds: &[PathBuf], tally: &mut Tally) -> Result<()> {
    let source = folder.join("go");
    let package = "export_example_polyglot_fetch";
    let output = places.output(LANGUAGE, "fetch")?;
    let mut sources = worlds.to_vec();
    sources.extend(files(&source.join(package), "go")?);
    sources.push(source.join("go.mod"));
    sources.push(places.source.join("tools/Cargo.lock"));
    make_if_stale("Go", &output, &sources, tally, || {
        let tools = Tools::build(places)?;
        let work = places.built.join("work/polyglot-go");
        let wit = folder.join("wit");
        tools.bindings("go", &wit, "fetcher", &work)?;
        tools.go_runtime(&work)?;
        fs::create_dir_all(work.join(package))?;
        for file in files(&source.join(package), "go")? {
            let name = file.file_name().context("a file has a name")?;
            fs::copy(&file, work.join(package).join(name))?;
        }
        fs::copy(source.join("go.mod"), work.join("go.mod"))?;
        let module = work.join("fetch.wasm");
        command::run(
            Command::new("go")
                .args(["build", "-trimpath", "-buildmode=c-shared"])
                // The bindings' runtime reaches into Go's for memory that the host fills.
                .arg("-ldflags=-s -w -checklinkname=0")
                .arg("-o")
                .arg(&module)
                .arg(".")
                .env("GOTOOLCHAIN", "local")
                .env("GOFLAGS", "-mod=mod")
                .env("GOOS", "wasip1")
                .env("GOARCH", "wasm")
                .current_dir(&work),
        )?;
        tools.wrap(&wit, "fetcher", &module, &partial_of(&output))
    })
}

/// C++ over bindings for C: a reactor for WASI 0.1, which is wrapped.
fn geometry(places: &Places, folder: &Path, worlds: &[PathBuf], tally: &mut Tally) -> Result<()> {
    let source = folder.join("cpp/geometry.cpp");
    let output = places.output(LANGUAGE, "geometry")?;
    let mut sources = worlds.to_vec();
    sources.push(source.clone());
    sources.push(places.source.join("tools/Cargo.lock"));
    make_if_stale("C++", &output, &sources, tally, || {
        let tools = Tools::build(places)?;
        let work = places.built.join("work/polyglot-cpp");
        let wit = folder.join("wit");
        tools.bindings("c", &wit, "geometer", &work)?;
        clang::reactor(&source, &work, "geometer")?;
        let module = work.join("geometer.wasm");
        tools.wrap(&wit, "geometer", &module, &partial_of(&output))
    })
}

/// Rust: cargo makes a component by itself.
fn report(places: &Places, folder: &Path, tally: &mut Tally) -> Result<()> {
    let output = places.output(&format!("{LANGUAGE}/report"), "report")?;
    let manifest = folder.join("rust/holm.toml");
    fs::copy(&manifest, output.with_file_name("holm.toml"))
        .with_context(|| manifest.display().to_string())?;
    let built = rust::library(places, &folder.join("rust"), "polyglot_report")?;
    rust::keep(&built, &output, tally)
}

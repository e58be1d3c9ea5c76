//! Guests in Go: one folder each, built by the stock compiler for `wasip1`.

use std::fs;
use std::process::Command;

use anyhow::Result;

use super::{Missing, Places, Tally, build_if_stale, files, partial_of, stem};
use crate::command;

/// The first release with `go:wasmexport`.
const GO_MINOR_MIN: u32 = 24;

/// Go, unless it is here and new enough.
pub(super) fn missing() -> Option<Missing> {
    let version = command::succeeds(Command::new("go").arg("version"))
        .then(|| {
            command::read(
                Command::new("go")
                    .args(["env", "GOVERSION"])
                    .env("GOTOOLCHAIN", "local"),
            )
            .ok()
        })
        .flatten();
    let minor = version
        .as_deref()
        .and_then(|text| text.trim().strip_prefix("go1."))
        .and_then(|text| text.split(['.', ' ', 'r', 'b']).next())
        .and_then(|text| text.parse::<u32>().ok());
    if minor.is_some_and(|minor| minor >= GO_MINOR_MIN) {
        return None;
    }
    Some(Missing {
        what: format!("Go 1.{GO_MINOR_MIN} or newer"),
        how: "https://go.dev/dl has it; on Debian 13, golang-1.26-go comes from backports."
            .to_owned(),
        packages: &[],
    })
}

/// Builds each folder below `guests/go` that holds a `main.go`.
pub(super) fn build(places: &Places) -> Result<Tally> {
    let folder = places.source.join("go");
    let mut tally = Tally::default();
    let mut programs = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.join("main.go").is_file() {
            programs.push(path);
        }
    }
    programs.sort();
    for program in programs {
        let name = stem(&program);
        if !places.wants("go", &name) {
            continue;
        }
        let output = places.output("go", &name)?;
        let mut command = Command::new("go");
        command
            .args(["build", "-trimpath", "-ldflags=-s -w"])
            .args((name == "reactor").then_some("-buildmode=c-shared"))
            .arg("-o")
            .arg(partial_of(&output))
            .arg(format!("./{name}"))
            .env("GOTOOLCHAIN", "local")
            .env("GOOS", "wasip1")
            .env("GOARCH", "wasm")
            .current_dir(&folder);
        let mut sources = files(&program, "go")?;
        sources.push(folder.join("go.mod"));
        build_if_stale(&mut command, &output, &sources, &mut tally)?;
    }
    Ok(tally)
}

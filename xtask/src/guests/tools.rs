//! `guests/tools`: bindings for Go and C, and core modules wrapped as components.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Places;
use crate::command::{self, cargo};

/// The program, built.
#[derive(Debug)]
pub(super) struct Tools {
    program: PathBuf,
    manifest: PathBuf,
}

impl Tools {
    /// Builds it. Cargo knows when that takes no time.
    pub(super) fn build(places: &Places) -> Result<Tools> {
        let manifest = places.source.join("tools/Cargo.toml");
        let target = places.tools.join("guest-tools");
        command::run(
            cargo()
                .args(["build", "--quiet", "--locked", "--manifest-path"])
                .arg(&manifest)
                .arg("--target-dir")
                .arg(&target)
                .env_remove("RUSTFLAGS")
                .env_remove("CARGO_ENCODED_RUSTFLAGS"),
        )?;
        Ok(Tools {
            program: target.join("debug/holm-guest-tools"),
            manifest,
        })
    }

    /// Writes the bindings of a world for a language, `go` or `c`, into a folder.
    pub(super) fn bindings(
        &self,
        language: &str,
        wit: &Path,
        world: &str,
        folder: &Path,
    ) -> Result<()> {
        command::run(
            Command::new(&self.program)
                .args(["bindings", language])
                .arg(wit)
                .arg(world)
                .arg(folder),
        )
    }

    /// Wraps a reactor for WASI 0.1 as a component.
    pub(super) fn wrap(
        &self,
        wit: &Path,
        world: &str,
        module: &Path,
        component: &Path,
    ) -> Result<()> {
        command::run(
            Command::new(&self.program)
                .arg("component")
                .arg(wit)
                .arg(world)
                .arg(module)
                .arg(component),
        )
    }

    /// Puts the Go package that the bindings import into `folder/pkg`.
    ///
    /// The crate of the bindings carries it. What only asynchronous functions use stays away: it needs a Go of its own.
    pub(super) fn go_runtime(&self, folder: &Path) -> Result<()> {
        let listed = command::read(
            cargo()
                .args([
                    "metadata",
                    "--format-version=1",
                    "--locked",
                    "--manifest-path",
                ])
                .arg(&self.manifest),
        )?;
        let metadata: serde_json::Value = serde_json::from_str(&listed)?;
        let manifest = metadata["packages"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|package| package["name"] == "wit-bindgen-go")
            .and_then(|package| package["manifest_path"].as_str())
            .context("cargo metadata names no wit-bindgen-go")?;
        let from = Path::new(manifest).with_file_name("src").join("pkg/wit");
        let to = folder.join("pkg/wit");
        for (part, files) in [
            ("runtime", ["runtime.go", "empty.s"].as_slice()),
            ("types", &["option.go", "result.go", "tuple.go", "unit.go"]),
        ] {
            fs::create_dir_all(to.join(part))?;
            for file in files {
                let file = Path::new(part).join(file);
                fs::copy(from.join(&file), to.join(&file))
                    .with_context(|| from.join(&file).display().to_string())?;
            }
        }
        let module = "module go.bytecodealliance.org/pkg\n\ngo 1.24\n";
        Ok(fs::write(folder.join("pkg/go.mod"), module)?)
    }
}

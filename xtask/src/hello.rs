//! `cargo xtask hello`: builds Holm and a Rust program for wasm, and runs the one in the other.

use anyhow::{Context, Result};

use crate::command::{self, cargo};
use crate::wasm_target;
use crate::workspace::Workspace;

const TARGET: &str = "wasm32-wasip1";

/// Builds and runs. Arguments go to the program.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let workspace = Workspace::load()?;
    wasm_target::ensure(TARGET)?;
    command::run(
        cargo()
            .args(["build", "--release", "--package", "holm-cli"])
            .current_dir(&workspace.root),
    )?;
    let folder = workspace.target.join("hello");
    command::run(
        cargo()
            .args(["build", "--release", "--target", TARGET, "--bin", "hello"])
            .args(["--manifest-path", "guests/rust/Cargo.toml"])
            .env("CARGO_TARGET_DIR", &folder)
            .current_dir(&workspace.root),
    )?;
    let program = workspace.target.join("hello.wasm");
    std::fs::copy(folder.join(TARGET).join("release/hello.wasm"), &program)
        .context("the program was built, but is not where it should be")?;
    let shown = |path: &std::path::Path| {
        path.strip_prefix(&workspace.root)
            .unwrap_or(path)
            .to_owned()
    };
    command::run(
        std::process::Command::new(
            workspace
                .root
                .join(shown(&workspace.target))
                .join("release/holm"),
        )
        .arg("run")
        .arg(shown(&program))
        .args(arguments)
        .current_dir(&workspace.root),
    )?;
    eprintln!(
        "\nThat was `{} run {}`.\nTo have `holm` on your path: cargo install --path crates/cli",
        shown(&workspace.target).join("release/holm").display(),
        shown(&program).display()
    );
    Ok(())
}

//! `cargo xtask web build`: the kernel as wasm, the scripts around it and their types.

use std::fs;

use anyhow::{Context, Result};

use super::{Places, npm};
use crate::command::{self, cargo};
use crate::wasm_target;

const TARGET: &str = "wasm32-unknown-unknown";

/// KiB that the kernel may have, compressed with Brotli: what a page's first visit downloads.
const KERNEL_KIB_MAX: &str = "1024";

/// Builds everything into `web/dist`.
pub(super) fn package(places: &Places) -> Result<()> {
    npm::install(&places.web)?;
    kernel(places)?;
    command::run(npm::node()?.arg("tools/build.js").current_dir(&places.web))?;
    npm::tool(
        &places.web,
        "tsc",
        &[
            "--project",
            ".",
            "--noEmit",
            "false",
            "--emitDeclarationOnly",
        ],
    )
}

fn kernel(places: &Places) -> Result<()> {
    wasm_target::ensure(TARGET)?;
    command::run(
        cargo()
            .args(["build", "--package", "holm-host-web", "--quiet"])
            .args(["--target", TARGET, "--profile", "web"])
            .current_dir(&places.root)
            // Flags meant for the host's programs must not change the module.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS"),
    )?;
    let built = places.target.join(TARGET).join("web/holm_host_web.wasm");
    let dist = places.web.join("dist");
    fs::create_dir_all(&dist).with_context(|| dist.display().to_string())?;
    let module = dist.join("holm.wasm");
    let bytes = fs::read(&built).with_context(|| built.display().to_string())?;
    // Left alone when it is the same: whoever serves or watches it sees no change.
    if !fs::read(&module).is_ok_and(|there| there == bytes) {
        fs::write(&module, bytes).with_context(|| module.display().to_string())?;
    }
    command::run(
        npm::node()?
            .arg(places.web.join("tools/size.js"))
            .arg(&module)
            .arg(KERNEL_KIB_MAX),
    )
}

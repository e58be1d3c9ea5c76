//! `cargo xtask web build`: the kernel as wasm, the scripts around it and their types.

use std::fs;

use anyhow::{Context, Result};

use super::{Places, npm};
use crate::command::{self, cargo};
use crate::wasm_target;

const TARGET: &str = "wasm32-unknown-unknown";

/// The modules: crate, library, file of the package, and KiB that it may have with Brotli. The first is
/// what a page's first visit downloads; the second runs in Node alone.
const MODULES: [(&str, &str, &str, &str); 2] = [
    ("holm-host-web", "holm_host_web", "holm.wasm", "1024"),
    ("holm-host-node", "holm_host_node", "holm-node.wasm", "2048"),
];

/// Builds everything into `web/dist`.
pub(super) fn package(places: &Places) -> Result<()> {
    npm::install(&places.web)?;
    modules(places)?;
    command::run(npm::node()?.arg("tools/build.js").current_dir(&places.web))?;
    types(places)
}

/// Writes the package's types, which those who use it are checked against.
pub(super) fn types(places: &Places) -> Result<()> {
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

fn modules(places: &Places) -> Result<()> {
    wasm_target::ensure(TARGET)?;
    let dist = places.web.join("dist");
    fs::create_dir_all(&dist).with_context(|| dist.display().to_string())?;
    for (package, library, file, limit) in MODULES {
        // One by one: together they would get each other's features of what they share.
        command::run(
            cargo()
                .args(["build", "--quiet", "--package", package])
                .args(["--target", TARGET, "--profile", "web"])
                .current_dir(&places.root)
                // Flags meant for the host's programs must not change the module.
                .env_remove("RUSTFLAGS")
                .env_remove("CARGO_ENCODED_RUSTFLAGS"),
        )?;
        let built = places.target.join(TARGET).join("web").join(library);
        let built = built.with_extension("wasm");
        let module = dist.join(file);
        let bytes = fs::read(&built).with_context(|| built.display().to_string())?;
        // Left alone when it is the same: whoever serves or watches it sees no change.
        if !fs::read(&module).is_ok_and(|there| there == bytes) {
            fs::write(&module, bytes).with_context(|| module.display().to_string())?;
        }
        command::run(
            npm::node()?
                .arg(places.web.join("tools/size.js"))
                .arg(&module)
                .arg(limit),
        )?;
    }
    Ok(())
}

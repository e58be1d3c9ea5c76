//! The wasm targets of the Rust toolchain: used when they are there, asked of rustup when not.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::command;

/// Makes sure that programs can be built for `target`.
pub(crate) fn ensure(target: &str) -> Result<()> {
    if is_installed(target)? {
        return Ok(());
    }
    eprintln!("the Rust target {target} is not installed; asking rustup for it");
    let added = command::run(Command::new("rustup").args(["target", "add", target]));
    if let Err(error) = added {
        bail!(
            "{error:#}\nHolm's Rust guests need the standard library for {target}.\n\
             With rustup and a network, `rustup target add {target}` installs it. Without them, \
             install it where `rustc --print target-libdir --target {target}` says."
        );
    }
    Ok(())
}

fn is_installed(target: &str) -> Result<bool> {
    let folder = command::read(Command::new("rustc").args([
        "--print",
        "target-libdir",
        "--target",
        target,
    ]))?;
    let Ok(entries) = Path::new(folder.trim()).read_dir() else {
        return Ok(false);
    };
    Ok(entries
        .flatten()
        .any(|entry| entry.file_name().as_encoded_bytes().starts_with(b"libstd-")))
}

//! Bindings of a WIT world for Go and C, and core modules wrapped as components.
//!
//! `bindings go|c WIT WORLD FOLDER` writes sources; `component WIT WORLD MODULE COMPONENT` wraps a module for WASI 0.1
//! that is a reactor. `cargo xtask guests` runs it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_bindgen_core::{Files, WorldGenerator};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

const USAGE: &str = "usage: holm-guest-tools bindings go|c WIT WORLD FOLDER
       holm-guest-tools component WIT WORLD MODULE COMPONENT";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["bindings", language, wit, world, folder] => {
            bindings(language, wit.as_ref(), world, folder.as_ref())
        }
        ["component", wit, world, module, component] => {
            wrap(wit.as_ref(), world, module.as_ref(), component.as_ref())
        }
        _ => bail!("{USAGE}"),
    }
}

/// Reads a folder of WIT, its `deps` included, and picks a world.
fn read(wit: &Path, world: &str) -> Result<(Resolve, WorldId)> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve
        .push_path(wit)
        .with_context(|| wit.display().to_string())?;
    let world = resolve.select_world(&[package], Some(world))?;
    Ok((resolve, world))
}

fn bindings(language: &str, wit: &Path, world: &str, folder: &Path) -> Result<()> {
    let (mut resolve, world) = read(wit, world)?;
    let mut generator: Box<dyn WorldGenerator> = match language {
        "go" => wit_bindgen_go::Opts::default().build(),
        "c" => wit_bindgen_c::Opts::default().build(),
        other => bail!("bindings for {other}?\n{USAGE}"),
    };
    let mut files = Files::default();
    generator.generate(&mut resolve, world, &mut files)?;
    for (name, contents) in files.iter() {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        }
        // What is the same keeps its time, so that nothing is built again for it.
        if fs::read(&path).is_ok_and(|there| there == contents) {
            continue;
        }
        fs::write(&path, contents).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn wrap(wit: &Path, world: &str, module: &Path, component: &Path) -> Result<()> {
    let (resolve, world) = read(wit, world)?;
    let mut bytes = fs::read(module).with_context(|| module.display().to_string())?;
    embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8, true)?;
    let encoded = ComponentEncoder::default()
        .validate(true)
        .module(&bytes)?
        .adapter(
            WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
            WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
        )?
        .encode()
        .with_context(|| format!("{} as a component", module.display()))?;
    fs::write(component, encoded).with_context(|| component.display().to_string())
}

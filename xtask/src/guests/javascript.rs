//! Guests in JavaScript: components made by jco and ComponentizeJS, which npm brings.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Missing, Places, Tally, files, make_if_stale, partial_of, stem};
use crate::command;

const NODE_MAJOR_MIN: u32 = 20;

/// Node.js with npm, unless it is here and new enough.
pub(super) fn missing() -> Option<Missing> {
    let version = command::succeeds(Command::new("npm").arg("--version"))
        .then(|| command::read(Command::new("node").arg("--version")).ok())
        .flatten();
    let major = version
        .as_deref()
        .and_then(|text| text.trim().strip_prefix('v'))
        .and_then(|text| text.split('.').next())
        .and_then(|text| text.parse::<u32>().ok());
    if major.is_some_and(|major| major >= NODE_MAJOR_MIN) {
        return None;
    }
    Some(Missing {
        what: format!("Node.js {NODE_MAJOR_MIN} or newer, with npm"),
        how: "On Debian 13: apt-get install nodejs npm.".to_owned(),
        packages: &["nodejs", "npm"],
    })
}

/// Installs what `guests/js/package-lock.json` names, and answers the folder that it is in.
pub(super) fn install(places: &Places) -> Result<PathBuf> {
    let source = places.source.join("js");
    let folder = places.tools.join("js");
    fs::create_dir_all(&folder)?;
    let lock = fs::read(source.join("package-lock.json"))?;
    let record = folder.join("installed");
    if fs::read(&record).is_ok_and(|installed| installed == lock) {
        return Ok(folder);
    }
    for name in ["package.json", "package-lock.json"] {
        fs::copy(source.join(name), folder.join(name)).with_context(|| name.to_owned())?;
    }
    // Not `npm ci`: it wants binaries for every platform in the lock file, those that were never published too.
    command::run(
        Command::new("npm")
            .args(["install", "--silent", "--no-audit", "--no-fund"])
            .current_dir(&folder),
    )?;
    fs::write(record, lock)?;
    Ok(folder)
}

/// How a program is made into a component.
#[derive(Debug, Clone, Copy)]
pub(super) enum Engine {
    /// QuickJS: small, and imports what the program imports.
    Small,
    /// StarlingMonkey: the web's interfaces too, such as `fetch`.
    Whole,
}

/// Makes a component out of one file.
pub(super) fn componentize(
    tools: &Path,
    engine: Engine,
    source: &Path,
    wit: &Path,
    world: &str,
    output: &Path,
) -> Result<()> {
    let mut node = Command::new("node");
    match engine {
        Engine::Small => node
            .arg("node_modules/@bytecodealliance/jco/dist/jco.js")
            .args(["componentize", "--backend", "qjs", "-n", world, "--wit"])
            .arg(wit)
            .arg("-o")
            .arg(output)
            .arg(source),
        Engine::Whole => node
            .arg("componentize.mjs")
            .arg(source)
            .arg(wit)
            .arg(world)
            .arg(output),
    };
    command::run(node.current_dir(tools))
}

/// Builds each file of `guests/js`, whose world is of the same name in `guests/js/wit`.
pub(super) fn build(places: &Places) -> Result<Tally> {
    let folder = places.source.join("js");
    let mut tally = Tally::default();
    for source in files(&folder, "js")? {
        let name = stem(&source);
        if !places.wants("js", &name) {
            continue;
        }
        let output = places.output("js", &name)?;
        let wit = folder.join("wit");
        let script = folder.join("componentize.mjs");
        let mut sources = files(&wit, "wit")?;
        sources.extend(files(&wit.join("deps"), "wit")?);
        sources.extend([
            source.clone(),
            folder.join("package-lock.json"),
            script.clone(),
        ]);
        make_if_stale("StarlingMonkey", &output, &sources, &mut tally, || {
            let tools = install(places)?;
            fs::copy(&script, tools.join("componentize.mjs"))?;
            let world = name.replace('_', "-");
            componentize(
                &tools,
                Engine::Whole,
                &source,
                &wit,
                &world,
                &partial_of(&output),
            )
        })?;
    }
    Ok(tally)
}

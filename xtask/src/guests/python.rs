//! Guests in Python: components made by componentize-py, which pip brings.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{Missing, Places, Tally, files, make_if_stale, partial_of, stem};
use crate::command;

/// Python with pip, unless it is here.
pub(super) fn missing() -> Option<Missing> {
    if command::succeeds(Command::new("python3").args(["-m", "pip", "--version"])) {
        return None;
    }
    Some(Missing {
        what: "Python 3.10 or newer, with pip".to_owned(),
        how: "On Debian: apt-get install python3 python3-pip.".to_owned(),
        packages: &["python3", "python3-pip"],
    })
}

/// Installs what `guests/python/requirements.txt` names, and answers the folder that it is in.
pub(super) fn install(places: &Places) -> Result<PathBuf> {
    let requirements = places.source.join("python/requirements.txt");
    let folder = places.tools.join("python");
    let wanted = fs::read(&requirements)?;
    let record = folder.join("installed");
    if fs::read(&record).is_ok_and(|installed| installed == wanted) {
        return Ok(folder);
    }
    fs::create_dir_all(&folder)?;
    command::run(
        Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--upgrade", "--target"])
            .arg(&folder)
            .arg("--requirement")
            .arg(&requirements),
    )?;
    fs::write(record, wanted)?;
    Ok(folder)
}

/// Makes a component out of a module, which is copied to `work`: Python leaves compiled code beside what it reads.
pub(super) fn componentize(
    tools: &Path,
    source: &Path,
    work: &Path,
    wit: &Path,
    world: &str,
    output: &Path,
) -> Result<()> {
    fs::create_dir_all(work)?;
    let name = stem(source);
    fs::copy(source, work.join(format!("{name}.py")))?;
    command::run(
        Command::new("python3")
            .arg(tools.join("bin/componentize-py"))
            .arg("-d")
            .arg(wit)
            .args(["-w", world, "componentize"])
            .arg("-p")
            .arg(work)
            .arg(name)
            .arg("-o")
            .arg(output)
            .env("PYTHONPATH", tools),
    )
}

/// Builds each file of `guests/python`, whose world is of the same name in `guests/python/wit`.
pub(super) fn build(places: &Places) -> Result<Tally> {
    let folder = places.source.join("python");
    let mut tally = Tally::default();
    for source in files(&folder, "py")? {
        let name = stem(&source);
        if !places.wants("python", &name) {
            continue;
        }
        let output = places.output("python", &name)?;
        let wit = folder.join("wit");
        let mut sources = files(&wit, "wit")?;
        sources.extend(files(&places.wit.join("deps"), "wit")?);
        sources.extend([source.clone(), folder.join("requirements.txt")]);
        make_if_stale("componentize-py", &output, &sources, &mut tally, || {
            let tools = install(places)?;
            let work = places.built.join("work/python").join(&name);
            componentize(
                &tools,
                &source,
                &work,
                &wit,
                &name.replace('_', "-"),
                &partial_of(&output),
            )
        })?;
    }
    Ok(tally)
}

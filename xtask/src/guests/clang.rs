//! Guests in C and C++: one file each, compiled by clang for `wasm32-wasi`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Missing, Places, Tally, build_if_stale, files, partial_of, stem};
use crate::command;

const PACKAGES: &[&str] = &[
    "clang-19",
    "lld-19",
    "libc++-19-dev-wasm32",
    "libclang-rt-19-dev-wasm32",
    "wasi-libc",
];

const HOW: &str = "On Debian: apt-get install --no-install-recommends clang-19 lld-19 \
                   libc++-19-dev-wasm32 libclang-rt-19-dev-wasm32 wasi-libc (or: cargo xtask guests \
                   --install).\nElsewhere: unpack the wasi-sdk and set WASI_SDK_PATH to its folder.";

/// A compiler and the libraries that it compiles against.
#[derive(Debug)]
struct Toolchain {
    c: PathBuf,
    cpp: PathBuf,
    sysroot: PathBuf,
}

/// The wasi-sdk that WASI_SDK_PATH names, or Debian's clang with its libraries in `/usr`.
fn find() -> Option<Toolchain> {
    if let Some(folder) = std::env::var_os("WASI_SDK_PATH").map(PathBuf::from) {
        return Some(Toolchain {
            c: folder.join("bin/clang"),
            cpp: folder.join("bin/clang++"),
            sysroot: folder.join("share/wasi-sysroot"),
        });
    }
    ["-19", "-20", "-21", "-18", ""].iter().find_map(|suffix| {
        let linker = Command::new(format!("wasm-ld{suffix}"))
            .arg("--version")
            .output();
        let toolchain = Toolchain {
            c: format!("clang{suffix}").into(),
            cpp: format!("clang++{suffix}").into(),
            sysroot: "/usr".into(),
        };
        let works =
            linker.is_ok() && command::succeeds(Command::new(&toolchain.c).arg("--version"));
        works.then_some(toolchain)
    })
}

fn missing(header: &str, what: &str) -> Option<Missing> {
    let headers = find().map(|toolchain| toolchain.sysroot.join("include").join("wasm32-wasi"));
    if headers.is_some_and(|folder| folder.join(header).is_file()) {
        return None;
    }
    Some(Missing {
        what: what.to_owned(),
        how: HOW.to_owned(),
        packages: PACKAGES,
    })
}

/// What is missing for C.
pub(super) fn missing_c() -> Option<Missing> {
    missing("stdio.h", "clang with wasi-libc")
}

/// What is missing for C++.
pub(super) fn missing_cpp() -> Option<Missing> {
    missing("c++/v1/vector", "clang++ with libc++ for wasm")
}

/// Builds the guests in C.
pub(super) fn build_c(places: &Places) -> Result<Tally> {
    let toolchain = find().context("no clang")?;
    build(places, "c", &toolchain.c, &toolchain.sysroot, &["-std=c17"])
}

/// Builds the guests in C++.
pub(super) fn build_cpp(places: &Places) -> Result<Tally> {
    let toolchain = find().context("no clang")?;
    let options = ["-std=c++20", "-fno-exceptions"];
    build(places, "cpp", &toolchain.cpp, &toolchain.sysroot, &options)
}

fn build(
    places: &Places,
    language: &str,
    compiler: &Path,
    sysroot: &Path,
    options: &[&str],
) -> Result<Tally> {
    let folder = places.source.join(language);
    let headers = files(&folder, "h")?;
    let mut tally = Tally::default();
    for source in files(&folder, language)? {
        let name = stem(&source);
        if !places.wants(language, &name) {
            continue;
        }
        let output = places.output(language, &name)?;
        let mut command = Command::new(compiler);
        command
            .args(["--target=wasm32-wasi", "-O2", "-Wall", "-Wextra", "-Werror"])
            .arg(format!("--sysroot={}", sysroot.display()))
            .args(options)
            .args(special(language, &name))
            .arg(stem(&source) + "." + language)
            .arg("-o")
            .arg(partial_of(&output))
            .current_dir(&folder);
        let mut sources = headers.clone();
        sources.push(source);
        build_if_stale(&mut command, &output, &sources, &mut tally)?;
    }
    Ok(tally)
}

/// Compiles a file of C++ with the bindings NAME.c that lie in `work`, into the reactor NAME.wasm there.
pub(super) fn reactor(source: &Path, work: &Path, name: &str) -> Result<()> {
    let toolchain = find().context("no clang")?;
    let sysroot = format!("--sysroot={}", toolchain.sysroot.display());
    let usual = ["--target=wasm32-wasi", "-O2", sysroot.as_str()];
    command::run(
        Command::new(&toolchain.c)
            .args(usual)
            .args(["-c", &format!("{name}.c"), "-o", &format!("{name}.o")])
            .current_dir(work),
    )?;
    command::run(
        Command::new(&toolchain.cpp)
            .args(usual)
            .args([
                "-Wall",
                "-Wextra",
                "-Werror",
                "-std=c++20",
                "-fno-exceptions",
            ])
            .args(["-mexec-model=reactor", "-I."])
            .arg(source)
            .args([format!("{name}.o"), format!("{name}_component_type.o")])
            .args(["-o", &format!("{name}.wasm")])
            .current_dir(work),
    )
}

/// Options that one guest needs.
fn special(language: &str, name: &str) -> &'static [&'static str] {
    match (language, name) {
        ("c", "imported_memory") => &["-Wl,--import-memory"],
        // Traces of its traps show source lines. From -O1 on, clang runs an installed wasm-opt,
        // which drops names and leaves line numbers that fit no more.
        ("c", "traps") => &["-g", "-O0"],
        ("c", _) => &["-D_GNU_SOURCE"],
        _ => &[],
    }
}

//! `cargo xtask guests`: builds the test guests into `target/guests/LANGUAGE/NAME.wasm`.

mod clang;
mod go;
mod javascript;
mod polyglot;
mod programs;
mod python;
mod rust;
mod tools;
mod wat;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::command;
use crate::workspace::Workspace;

const USAGE: &str = "usage: cargo xtask guests [--only LANGUAGE|NAME]... [--install] [--skip-missing] [--programs]

  --only          build only the guests of a language (rust, rust-p2,
                  component-rust, c, cpp, go, wat, js, python, polyglot), or of a name
  --install       on Debian, as root: install what is missing with apt-get
  --skip-missing  leave out the languages whose tools are missing, instead of failing
  --programs      download CPython and clang for wasm (npm, 40 MB) into target/programs, and build nothing";

/// What was asked for.
#[derive(Debug, Default)]
struct Options {
    only: Vec<String>,
    install: bool,
    skip_missing: bool,
    programs: bool,
}

/// Where guests come from and go to.
#[derive(Debug)]
struct Places {
    /// The workspace's `guests` folder.
    source: PathBuf,
    /// `target/guests`.
    built: PathBuf,
    /// `target/tools`, for compilers that come as packages.
    tools: PathBuf,
    /// The workspace's `wit/0.2`.
    wit: PathBuf,
    /// The workspace's `examples`.
    examples: PathBuf,
    only: Vec<String>,
}

/// A tool that is not there, and how to get it.
#[derive(Debug)]
struct Missing {
    what: String,
    how: String,
    /// The Debian packages that bring it.
    packages: &'static [&'static str],
}

/// Builds one language's guests, and says how many were built and how many were there.
type Builder = fn(&Places) -> Result<Tally>;
/// Whether a language's tools are there.
type Probe = fn() -> Option<Missing>;

const LANGUAGES: [(&str, Probe, Builder); 10] = [
    ("rust", || None, rust::build),
    ("rust-p2", || None, rust::build_portable),
    ("component-rust", || None, rust::build_components),
    ("c", clang::missing_c, clang::build_c),
    ("cpp", clang::missing_cpp, clang::build_cpp),
    ("go", go::missing, go::build),
    ("wat", || None, wat::build),
    ("js", javascript::missing, javascript::build),
    ("python", python::missing, python::build),
    ("polyglot", polyglot::missing, polyglot::build),
];

/// How many guests were built, and how many were up to date.
#[derive(Debug, Default)]
struct Tally {
    built: usize,
    kept: usize,
}

/// Builds the guests that are out of date.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let options = parse(arguments)?;
    let workspace = Workspace::load()?;
    if options.programs {
        return programs::fetch(&workspace.target.join("programs"));
    }
    let places = Places {
        source: workspace.root.join("guests"),
        built: workspace.target.join("guests"),
        tools: workspace.target.join("tools"),
        wit: workspace.root.join("wit/0.2"),
        examples: workspace.root.join("examples"),
        only: options.only.clone(),
    };
    let mut found = 0;
    for (language, missing, build) in LANGUAGES {
        if !places.wants_language(language) {
            continue;
        }
        if let Some(missing) = still_missing(missing, options.install)? {
            if options.skip_missing {
                eprintln!("guests: {language} left out: there is no {}", missing.what);
                continue;
            }
            bail!(
                "the guests in {language} need {}, which is not here.\n{}\nOr leave them out: \
                 cargo xtask guests --skip-missing",
                missing.what,
                missing.how
            );
        }
        let tally = build(&places).with_context(|| format!("the guests in {language}"))?;
        found += tally.built + tally.kept;
        if tally.built > 0 || tally.kept > 0 {
            eprintln!(
                "guests: {language}: {} built, {} up to date",
                tally.built, tally.kept
            );
        }
    }
    if found == 0 && !options.only.is_empty() {
        bail!("no guest is called {}", options.only.join(" or "));
    }
    Ok(())
}

fn parse(arguments: &[String]) -> Result<Options> {
    let mut options = Options::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--only" => match rest.next() {
                Some(name) => options.only.push(name.clone()),
                None => bail!("--only: which language or guest?\n{USAGE}"),
            },
            "--install" => options.install = true,
            "--skip-missing" => options.skip_missing = true,
            "--programs" => options.programs = true,
            other => bail!("unexpected `{other}`\n{USAGE}"),
        }
    }
    Ok(options)
}

/// Looks for a language's tools, installing them where that was asked for and can be done.
fn still_missing(probe: Probe, install: bool) -> Result<Option<Missing>> {
    let Some(missing) = probe() else {
        return Ok(None);
    };
    if !install || missing.packages.is_empty() {
        return Ok(Some(missing));
    }
    if !command::succeeds(Command::new("apt-get").arg("--version")) {
        bail!(
            "--install works with apt-get, which is not here; {}",
            missing.how
        );
    }
    command::run(Command::new("apt-get").args(["update", "--quiet"]))?;
    command::run(
        Command::new("apt-get")
            .args(["install", "--yes", "--no-install-recommends"])
            .args(missing.packages)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )?;
    Ok(probe())
}

impl Places {
    fn wants_language(&self, language: &str) -> bool {
        // A name that is no language may be a guest in any of them.
        self.only.is_empty()
            || self
                .only
                .iter()
                .any(|only| only == language || !LANGUAGES.iter().any(|(known, ..)| known == only))
    }

    fn wants(&self, language: &str, name: &str) -> bool {
        self.only.is_empty()
            || self
                .only
                .iter()
                .any(|only| only == language || only == name)
    }

    /// Where a guest goes; its folder is made.
    fn output(&self, language: &str, name: &str) -> Result<PathBuf> {
        let folder = self.built.join(language);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(folder.join(format!("{name}.wasm")))
    }
}

/// Runs a compiler when its output is older than a source, or was made by another command.
///
/// The command must write to `partial_of(output)`: an interrupted build leaves no guest that looks finished.
fn build_if_stale(
    command: &mut Command,
    output: &Path,
    sources: &[PathBuf],
    tally: &mut Tally,
) -> Result<()> {
    let line = format!("{command:?}");
    make_if_stale(&line, output, sources, tally, || command::run(command))
}

/// Makes a guest when it is older than a source, or was made another way than `how` says.
///
/// What makes it must write to `partial_of(output)`.
fn make_if_stale(
    how: &str,
    output: &Path,
    sources: &[PathBuf],
    tally: &mut Tally,
    make: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let record = output.with_extension("command");
    let same_way = fs::read_to_string(&record).is_ok_and(|recorded| recorded == how);
    if same_way && is_newer(output, sources)? {
        tally.kept += 1;
        return Ok(());
    }
    let partial = partial_of(output);
    let folder = partial.parent().context("a guest lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    make()?;
    fs::rename(&partial, output).with_context(|| format!("{} was not made", output.display()))?;
    // Another guest may still be in it.
    let _ = fs::remove_dir(folder);
    fs::write(&record, how)?;
    tally.built += 1;
    Ok(())
}

/// Where a guest is while it is being made. Its file is called as it will be, since linkers write
/// that name into it, and engines show it before those of functions.
fn partial_of(output: &Path) -> PathBuf {
    let folder = output.with_file_name("partial");
    match output.file_name() {
        Some(name) => folder.join(name),
        None => folder,
    }
}

fn is_newer(output: &Path, sources: &[PathBuf]) -> Result<bool> {
    let Ok(made) = modified(output) else {
        return Ok(false);
    };
    for source in sources {
        if modified(source)? > made {
            return Ok(false);
        }
    }
    Ok(true)
}

fn modified(path: &Path) -> Result<SystemTime> {
    let modified = fs::metadata(path).and_then(|meta| meta.modified());
    modified.with_context(|| path.display().to_string())
}

/// The files with an extension in a folder, sorted.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A file's name without its extension.
fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

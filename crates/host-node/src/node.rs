//! Node as the command line sees it: the script around this module answers.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use holm_command_line::host::{FileKind, Host, Output, ProgramChoice};
use holm_command_line::{CommandError, problems, system_error};
use holm_diagnose::refusal::component_imports;
use holm_package::program::{self, PROGRAM_BYTES_MAX};
use serde::{Deserialize, Serialize};

use crate::exports_unsafe::take_input;
use crate::imports_unsafe;

/// Bytes of a program that tell what it is.
const HEAD_BYTES: u64 = 512;

/// What the script is asked; see `web/src/cli/host.ts`.
#[derive(Debug, Serialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
enum Question<'a> {
    CanAsk,
    ReadLine { most: usize },
    Variable { name: &'a str },
    IsMacos,
    Look { path: &'a Path },
    Read { path: &'a Path, most: u64 },
    Write { path: &'a Path },
    WriteWhole { path: &'a Path },
    Canonical { path: &'a Path },
    Absolute { path: &'a Path },
}

/// An error of the system.
#[derive(Debug, Deserialize)]
struct Failure {
    name: String,
    number: i32,
}

/// What a path leads to.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Found {
    Directory,
    File(u64),
    Other,
}

/// The program that was found.
static PROGRAM: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Node, with the script that speaks for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node;

fn ask(question: &Question<'_>, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let question = serde_json::to_vec(question)?;
    let answered = imports_unsafe::ask(&question, bytes);
    let answer = take_input();
    if answered {
        return Ok(answer);
    }
    let failure: Failure = serde_json::from_slice(&answer)?;
    Err(system_error(&failure.name, failure.number))
}

fn ask_for<T: for<'a> Deserialize<'a>>(question: &Question<'_>) -> io::Result<T> {
    Ok(serde_json::from_slice(&ask(question, &[])?)?)
}

impl Host for Node {
    fn say(&self, output: Output, text: &str) {
        let output = match output {
            Output::Out => 1,
            Output::Error => 2,
        };
        imports_unsafe::say(output, text);
    }

    fn can_ask(&self) -> bool {
        ask_for(&Question::CanAsk).unwrap_or(false)
    }

    fn read_line(&self, bytes_max: usize) -> io::Result<String> {
        ask_for(&Question::ReadLine { most: bytes_max })
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        let value: Option<String> = ask_for(&Question::Variable { name }).ok()?;
        value.map(OsString::from)
    }

    fn is_macos(&self) -> bool {
        ask_for(&Question::IsMacos).unwrap_or(false)
    }

    fn look(&self, path: &Path) -> io::Result<FileKind> {
        Ok(match ask_for(&Question::Look { path })? {
            Found::Directory => FileKind::Directory,
            Found::File(size) => FileKind::File(size),
            Found::Other => FileKind::Other,
        })
    }

    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        let most = bytes_max;
        ask(&Question::Read { path, most }, &[])
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        ask(&Question::Write { path }, bytes).map(drop)
    }

    fn write_whole(&self, path: &Path, text: &str) -> io::Result<()> {
        ask(&Question::WriteWhole { path }, text.as_bytes()).map(drop)
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        ask_for(&Question::Canonical { path })
    }

    fn absolute(&self, path: &Path) -> io::Result<PathBuf> {
        ask_for(&Question::Absolute { path })
    }

    fn open_program(&self, choice: &ProgramChoice) -> Result<(), CommandError> {
        let path = &choice.path;
        if choice.linked_from.is_some() {
            return Err(problems::not_runnable(format_args!(
                "{} has dependencies, and only core modules run here so far",
                path.display()
            )));
        }
        problems::find_program(path, self)?;
        let head = self.read(path, HEAD_BYTES).map_err(|error| {
            problems::no_program(&program::ProgramError::unreadable(path.clone(), error))
        })?;
        let name = path.display().to_string();
        match program::kind(&name, &head).map_err(|error| problems::no_program(&error))? {
            program::ProgramKind::Module => {}
            program::ProgramKind::Component => {
                let whole = self.read(path, PROGRAM_BYTES_MAX).unwrap_or_default();
                return Err(problems::not_runnable(format_args!(
                    "{name} is a component, and only core modules run here so far; it is a \
                     component that imports {}",
                    component_imports(&whole)
                )));
            }
        }
        let mut opened = PROGRAM.lock().unwrap_or_else(PoisonError::into_inner);
        *opened = Some(path.clone());
        Ok(())
    }

    fn program_digest(&self) -> Result<String, CommandError> {
        let opened = PROGRAM.lock().unwrap_or_else(PoisonError::into_inner);
        let path = opened.clone().unwrap_or_default();
        let bytes = self.read(&path, PROGRAM_BYTES_MAX).map_err(|error| {
            problems::no_program(&program::ProgramError::unreadable(path, error))
        })?;
        Ok(blake3::hash(&bytes).to_hex().to_string())
    }
}

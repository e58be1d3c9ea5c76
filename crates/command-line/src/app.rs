//! Apps: folders with a `holm.toml`.

use std::io;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use holm_explain::exit;
use holm_package::manifest::{MANIFEST_BYTES_MAX, Manifest, ManifestError};

use crate::error::CommandError;
use crate::host::{FileKind, Host};

/// The file that makes a folder an app.
const MANIFEST: &str = "holm.toml";

/// An app, as it lies on the disk.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) folder: PathBuf,
    pub(crate) manifest: Manifest,
}

impl App {
    /// The app in a folder; `None` when `path` is no folder.
    pub(crate) fn open(path: &Path, host: &dyn Host) -> Result<Option<App>, CommandError> {
        if !matches!(host.look(path), Ok(FileKind::Directory)) {
            return Ok(None);
        }
        let file = path.join(MANIFEST);
        let size = match host.look(&file) {
            Ok(FileKind::File(size)) => size,
            // A pipe or a device may never answer, or never end.
            Ok(FileKind::Directory | FileKind::Other) => {
                return Err(CommandError::new(
                    exit::NOT_RUNNABLE,
                    format_args!("{} is not a regular file", file.display()),
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(CommandError::new(
                    exit::NOT_RUNNABLE,
                    format_args!("{} is a directory without a {MANIFEST}", path.display()),
                )
                .hint("name the .wasm file in it, or write a holm.toml (`holm run --learn holm.toml FILE` does)"));
            }
            Err(error) => {
                return Err(CommandError::failed(format_args!(
                    "{}: {error}",
                    file.display()
                )));
            }
        };
        if size > MANIFEST_BYTES_MAX as u64 {
            return Err(CommandError::new(
                exit::NOT_RUNNABLE,
                format_args!(
                    "{} is larger than 1 MiB: it cannot be a manifest",
                    file.display()
                ),
            ));
        }
        let bytes = host
            .read(&file, MANIFEST_BYTES_MAX as u64 + 1)
            .map_err(|error| CommandError::failed(format_args!("{}: {error}", file.display())))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            CommandError::new(
                exit::NOT_RUNNABLE,
                format_args!(
                    "{} is not text in UTF-8: byte {} is wrong",
                    file.display(),
                    error.utf8_error().valid_up_to()
                ),
            )
        })?;
        let manifest = Manifest::parse(&text).map_err(|error| {
            CommandError::rendered(exit::NOT_RUNNABLE, render(&file, &text, &error))
        })?;
        Ok(Some(App {
            folder: path.to_owned(),
            manifest,
        }))
    }

    /// The program's file.
    pub(crate) fn program(&self) -> PathBuf {
        self.folder.join(&self.manifest.app.program)
    }
}

/// Every problem of a manifest, with the lines it is on.
pub(crate) fn render(file: &Path, text: &str, error: &ManifestError) -> String {
    let name = file.display().to_string();
    let mut report = String::new();
    for problem in error.problems() {
        let span = problem.span.clone();
        let mut group = Level::ERROR
            .primary_title(problem.message.as_str())
            .element(
                Snippet::source(text)
                    .path(&name)
                    .annotation(AnnotationKind::Primary.span(span)),
            );
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        report.push_str(&Renderer::plain().render(&[group]));
        report.push('\n');
    }
    report
}

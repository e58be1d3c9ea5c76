//! `holm compose`: an app and its dependencies linked to one component.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use holm_command_line::explain::exit;
use holm_command_line::explain::text::{shown, shown_lines};
use holm_command_line::options::ComposeOptions;
use holm_command_line::{CommandError, problems};
use holm_compose::record::Record;
use holm_compose::{App, ComposeError};
use holm_os::package::manifest::InterfacePattern;

pub(crate) fn run(options: &ComposeOptions) -> Result<u8, CommandError> {
    let from_host = options.from_host.iter().map(|text| {
        InterfacePattern::new(text).map_err(|error| {
            CommandError::usage(format_args!("--from-host {}: {error}", shown(text)))
        })
    });
    let from_host = from_host.collect::<Result<Vec<_>, _>>()?;
    let app = App::read(&options.app).map_err(|error| not_composed(&error))?;
    let composition = app
        .link_for(&from_host)
        .map_err(|error| not_composed(&error))?;
    for warning in &composition.warnings {
        note!("holm: warning: {}", shown(warning));
    }
    if options.json {
        let json =
            serde_json::to_string_pretty(&composition.record).map_err(CommandError::failed)?;
        show!("{json}");
    } else {
        show!("{}", composition.record.to_string().trim_end());
    }
    let Some(output) = &options.output else {
        return Ok(0);
    };
    let name = shown(&output.display().to_string());
    check_not_a_part(&options.app, &composition.record, output)?;
    write(output, &composition.bytes)
        .map_err(|error| CommandError::failed(format_args!("{name}: {error}")))?;
    let size = composition.bytes.len();
    let host = if composition.record.is_portable() {
        "runs on any host of components"
    } else {
        "runs under holm alone, which knows rules of dependencies"
    };
    note!("holm: wrote {name}, {size} bytes: {host}");
    Ok(0)
}

/// Why an app was not linked, as its user reads it.
pub(crate) fn not_composed(error: &ComposeError) -> CommandError {
    if let ComposeError::Manifest { path, text, error } = error {
        return problems::no_manifest(path, text, error);
    }
    let text = error.to_string();
    let mut parts = text.split("\n  help: ");
    let message = shown_lines(parts.next().unwrap_or_default());
    let failure = CommandError::new(exit::NOT_RUNNABLE, message);
    parts.fold(failure, |failure, help| failure.hint(shown_lines(help)))
}

/// Refuses to write over what was linked.
fn check_not_a_part(folder: &Path, record: &Record, output: &Path) -> Result<(), CommandError> {
    let Ok(target) = fs::canonicalize(output) else {
        return Ok(());
    };
    for part in &record.parts {
        if fs::canonicalize(folder.join(&part.path)).is_ok_and(|file| file == target) {
            let name = shown(&output.display().to_string());
            let message = format_args!("{name} is one of the components that are linked");
            return Err(CommandError::usage(message).hint("write to another file"));
        }
    }
    Ok(())
}

/// Writes the whole file or nothing.
fn write(output: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = output.parent().filter(|path| !path.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    readable_by_all(file.path())?;
    file.persist(output).map_err(|error| error.error)?;
    Ok(())
}

/// Temporary files are their owner's alone; what is written here is like any other file.
fn readable_by_all(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o644))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

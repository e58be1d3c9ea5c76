//! Asking for what an app needs, and remembering the answers.

use std::fs::{self, File};
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use holm_os::package::grant::{
    Capability, Grant, Grants, Lock, Memory, Missing, MissingReason, REMEMBERED_BYTES_MAX,
    RememberedGrant, RememberedGrants,
};
use holm_os::package::manifest::Manifest;

use crate::error::{CommandError, shown};
use crate::options::{GrantsCommand, GrantsOptions};
use crate::{exit, grants, paths};

/// What an app that needs more than was granted gets: what is remembered, or what the
/// person answers now. Without a terminal nobody is asked, and the app does not run.
pub(crate) fn settle(
    manifest: &Manifest,
    folder: &Path,
    digest: impl Fn() -> Result<String, CommandError>,
    given: &mut Grants,
    grant_needs: bool,
) -> Result<Lock, CommandError> {
    let lock = grants::lock(Some(manifest), given)?;
    if lock.missing.is_empty() {
        return Ok(lock);
    }
    if grant_needs {
        allow_missing(&lock, folder, given);
        return complete(grants::lock(Some(manifest), given)?, manifest, folder);
    }
    let digest = digest()?;
    let needs = manifest.needs_digest();
    let mut store = Store::open();
    let changed = match store.answers.recall(&manifest.app.name, &digest, &needs) {
        Memory::Answered(answers) => {
            answers.apply(given);
            return complete(grants::lock(Some(manifest), given)?, manifest, folder);
        }
        Memory::ProgramChanged(_) => Some("the program is not the one that you answered for"),
        Memory::NeedsChanged(_) => Some("it asks for other things than you answered for"),
        Memory::Unknown => None,
    };
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return complete(lock, manifest, folder);
    }
    let answer = ask(manifest, folder, &lock, changed)?;
    if answer == Answer::No {
        return Err(CommandError::new(
            exit::NOT_GRANTED,
            "nothing was granted, nothing was run",
        ));
    }
    let before = given.allowed().len();
    // What is remembered holds wherever the person is the next time.
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    allow_missing(&lock, &folder, given);
    if answer == Answer::Always {
        let entry = RememberedGrant {
            name: manifest.app.name.clone(),
            program: digest,
            needs,
            allow: given.allowed()[before..].to_vec(),
            deny: Vec::new(),
        };
        store.remember(entry)?;
    }
    complete(grants::lock(Some(manifest), given)?, manifest, &folder)
}

/// Grants whatever is missing.
fn allow_missing(lock: &Lock, folder: &Path, given: &mut Grants) {
    for missing in &lock.missing {
        given.allow_unless_answered(wanted(missing, folder));
    }
}

/// What would satisfy a need. A directory that the author suggests counts from the app's
/// folder.
fn wanted(missing: &Missing, folder: &Path) -> Grant {
    let capability = &missing.need.capability;
    let suggested = match capability {
        Capability::Directory {
            host: Some(host), ..
        } => {
            let host = folder.join(host.strip_prefix("./").unwrap_or(host));
            Some(host.to_string_lossy().into_owned())
        }
        _ => None,
    };
    capability.grant(suggested.as_deref())
}

/// The lock, unless something is missing that the app cannot do without: then every such
/// need with the option that grants it.
fn complete(lock: Lock, manifest: &Manifest, folder: &Path) -> Result<Lock, CommandError> {
    let refusals: Vec<String> = lock
        .refusals()
        .map(|missing| match missing.reason {
            MissingReason::NotGranted => {
                let option = wanted(missing, folder).to_option();
                shown(&format!("{}: grant it with {option}", missing.need))
            }
            _ => shown(&missing.to_string()),
        })
        .collect();
    if refusals.is_empty() {
        return Ok(lock);
    }
    let mut error = CommandError::new(
        exit::NOT_GRANTED,
        format_args!("{} needs what was not granted:", manifest.app.name),
    );
    for refusal in refusals {
        error = error.hint(refusal);
    }
    Err(error.hint("or --grant-needs to grant all of it"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Once,
    Always,
    No,
}

fn ask(
    manifest: &Manifest,
    folder: &Path,
    lock: &Lock,
    changed: Option<&str>,
) -> Result<Answer, CommandError> {
    note!("{} wants to:", manifest.app.name);
    for missing in &lock.missing {
        let optional = if missing.need.optional {
            " (optional)"
        } else {
            ""
        };
        note!(
            "  - {}{optional}",
            shown(&wanted(missing, folder).to_string())
        );
        if let Some(why) = &missing.need.why {
            note!("      \"{}\"", shown(why));
        }
    }
    if let Some(changed) = changed {
        note!("You are asked again: {changed}.");
    }
    let failed = |error: io::Error| CommandError::failed(format_args!("the terminal: {error}"));
    for _ in 0..3 {
        note_part!("Allow? [y] for this run, [a] always, [n] no: ");
        io::stderr().flush().map_err(failed)?;
        let mut line = String::new();
        // The terminal's line editing bounds a line at 4096 bytes; so does this.
        io::stdin()
            .lock()
            .take(4096)
            .read_line(&mut line)
            .map_err(failed)?;
        match line.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => return Ok(Answer::Once),
            "a" | "always" => return Ok(Answer::Always),
            "n" | "no" | "" => return Ok(Answer::No),
            _ => note!("Please answer y, a or n."),
        }
    }
    Ok(Answer::No)
}

/// The file of remembered answers.
struct Store {
    path: Option<PathBuf>,
    answers: RememberedGrants,
}

impl Store {
    /// Reads the file. One that is damaged is left as it is: nothing of it counts, and
    /// nothing is added to it.
    fn open() -> Store {
        let Some(path) = paths::state().map(|folder| folder.join("grants.toml")) else {
            return Store {
                path: None,
                answers: RememberedGrants::default(),
            };
        };
        let answers = match read_bounded(&path) {
            Ok(None) => Ok(RememberedGrants::default()),
            Ok(Some(text)) => RememberedGrants::parse(&text).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match answers {
            Ok(answers) => Store {
                path: Some(path),
                answers,
            },
            Err(error) => {
                note!(
                    "holm: remembered answers are not used: {}: {error}",
                    path.display()
                );
                Store {
                    path: None,
                    answers: RememberedGrants::default(),
                }
            }
        }
    }

    fn remember(&mut self, entry: RememberedGrant) -> Result<(), CommandError> {
        self.answers.remember(entry).map_err(CommandError::failed)?;
        self.save()
    }

    fn save(&self) -> Result<(), CommandError> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        write_atomically(path, &self.answers.to_toml()).map_err(|error| {
            CommandError::failed(format_args!(
                "the answer cannot be kept: {}: {error}",
                path.display()
            ))
        })
    }
}

fn read_bounded(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut text = String::new();
    file.take(REMEMBERED_BYTES_MAX as u64 + 1)
        .read_to_string(&mut text)?;
    Ok(Some(text))
}

/// Writes a file for this user alone, whole or not at all.
pub(crate) fn write_atomically(path: &Path, text: &str) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// `holm grants`.
pub(crate) fn manage(options: &GrantsOptions) -> Result<u8, CommandError> {
    let mut store = Store::open();
    match &options.command {
        GrantsCommand::Ls => {
            for entry in store.answers.entries() {
                let digest = entry.program.get(..12).unwrap_or(&entry.program);
                show!("{} ({digest})", entry.name);
                for grant in &entry.allow {
                    show!("  {}", shown(&grant.to_option()));
                }
                for grant in &entry.deny {
                    show!("  never {}", shown(&grant.to_option()));
                }
            }
        }
        GrantsCommand::Forget { app } => {
            let forgotten = store.answers.forget(app);
            if forgotten == 0 {
                return Err(CommandError::failed(format_args!(
                    "nothing is remembered of an app named {app:?}"
                ))
                .hint("`holm grants ls` lists what is"));
            }
            store.save()?;
            show!("forgot {forgotten} answer(s) for {app}");
        }
    }
    Ok(0)
}

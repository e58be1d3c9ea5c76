//! Asking for what an app needs.

use std::io;
use std::path::Path;

use holm_explain::exit;
use holm_explain::text::shown;
use holm_package::grant::{
    Capability, Grant, Grants, Lock, Memory, Missing, MissingReason, RememberedGrant,
};
use holm_package::manifest::Manifest;

use crate::answers::Answers;
use crate::error::CommandError;
use crate::grants;
use crate::host::Host;

/// What an app that needs more than was granted gets: what is remembered, or what the
/// person answers now. Without a terminal nobody is asked, and the app does not run.
pub(crate) fn settle(
    manifest: &Manifest,
    folder: &Path,
    given: &mut Grants,
    grant_needs: bool,
    host: &dyn Host,
) -> Result<Lock, CommandError> {
    let lock = grants::lock(Some(manifest), given)?;
    if lock.missing.is_empty() {
        return Ok(lock);
    }
    if grant_needs {
        allow_missing(&lock, folder, given);
        return complete(grants::lock(Some(manifest), given)?, manifest, folder);
    }
    let digest = host.program_digest()?;
    let needs = manifest.needs_digest();
    let mut answers = Answers::open(host);
    let changed = match answers.recall(&manifest.app.name, &digest, &needs) {
        Memory::Answered(answer) => {
            answer.apply(given);
            return complete(grants::lock(Some(manifest), given)?, manifest, folder);
        }
        Memory::ProgramChanged(_) => Some("the program is not the one that you answered for"),
        Memory::NeedsChanged(_) => Some("it asks for other things than you answered for"),
        Memory::Unknown => None,
    };
    if !host.can_ask() {
        return complete(lock, manifest, folder);
    }
    let answer = ask(manifest, folder, &lock, changed, host)?;
    if answer == Answer::No {
        return Err(CommandError::new(
            exit::NOT_GRANTED,
            "nothing was granted, nothing was run",
        ));
    }
    let before = given.allowed().len();
    // What is remembered holds wherever the person is the next time.
    let folder = host.absolute(folder).unwrap_or_else(|_| folder.to_owned());
    allow_missing(&lock, &folder, given);
    if answer == Answer::Always {
        let entry = RememberedGrant {
            name: manifest.app.name.clone(),
            program: digest,
            needs,
            allow: given.allowed()[before..].to_vec(),
            deny: Vec::new(),
        };
        answers.remember(entry, host)?;
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
    host: &dyn Host,
) -> Result<Answer, CommandError> {
    note!(host, "{} wants to:", manifest.app.name);
    for missing in &lock.missing {
        let optional = if missing.need.optional {
            " (optional)"
        } else {
            ""
        };
        note!(
            host,
            "  - {}{optional}",
            shown(&wanted(missing, folder).to_string())
        );
        if let Some(why) = &missing.need.why {
            note!(host, "      \"{}\"", shown(why));
        }
    }
    if let Some(changed) = changed {
        note!(host, "You are asked again: {changed}.");
    }
    let failed = |error: io::Error| CommandError::failed(format_args!("the terminal: {error}"));
    for _ in 0..3 {
        note_part!(host, "Allow? [y] for this run, [a] always, [n] no: ");
        // The terminal's line editing bounds a line at 4096 bytes; so does this.
        let line = host.read_line(4096).map_err(failed)?;
        match line.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => return Ok(Answer::Once),
            "a" | "always" => return Ok(Answer::Always),
            "n" | "no" | "" => return Ok(Answer::No),
            _ => note!(host, "Please answer y, a or n."),
        }
    }
    Ok(Answer::No)
}

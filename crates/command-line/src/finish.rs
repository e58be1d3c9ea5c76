//! What is said and written once a program has ended.

use std::path::Path;

use holm_explain::learn::Learned;
use holm_explain::refusals;
use holm_package::manifest::Manifest;

use crate::error::CommandError;
use crate::host::Host;
use crate::places::FromFolder;
use crate::plan::Plan;

/// A run that is over, as far as it is to be told. The texts are those of `holm_explain`,
/// made where the kernel is; with the feature `serde` they come from there as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(default))]
pub struct Ended {
    /// The exit code of how it ended: `explain::exit::of`.
    pub exit_code: u8,
    /// The trap, when there was one: `explain::trap::render`.
    pub trap: Option<String>,
    /// The core dump, when one was asked for and could be made.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub core_dump: Option<Vec<u8>>,
    /// What an invoked function returned, as text.
    pub results: Vec<String>,
    /// Why a limit ended it: `explain::exit::note`.
    pub note: Option<String>,
    /// What was refused: all of `explain::refusals::explain`. Needed unless [`Watch::quiet`].
    ///
    /// [`Watch::quiet`]: crate::Watch::quiet
    pub refusals: Vec<String>,
    /// What was used: `explain::stats::lines`. Needed with [`Watch::stats`].
    ///
    /// [`Watch::stats`]: crate::Watch::stats
    pub stats: Vec<String>,
    /// What a learner saw. Needed with [`Watch::learn`].
    ///
    /// [`Watch::learn`]: crate::Watch::learn
    pub learned: Option<Learned>,
}

/// Says and writes what is to be said and written once the program has ended; answers the
/// exit code of `holm`.
pub fn finish(plan: &Plan, ended: &Ended, host: &dyn Host) -> u8 {
    match tell(plan, ended, host) {
        Ok(()) => ended.exit_code,
        Err(error) => error.tell(host),
    }
}

fn tell(plan: &Plan, ended: &Ended, host: &dyn Host) -> Result<(), CommandError> {
    if let Some(trap) = &ended.trap {
        note_part!(host, "{trap}");
        if let (Some(path), Some(dump)) = (&plan.watch.core_dump, &ended.core_dump) {
            write_core_dump(path, dump, host)?;
        }
    }
    for line in &ended.results {
        show!(host, "{line}");
    }
    if !plan.watch.quiet {
        if let Some(note) = &ended.note {
            note!(host, "holm: {note}");
        }
        for sentence in refusals::shortened(ended.refusals.clone()) {
            note!(host, "holm: {sentence}");
        }
    }
    if plan.watch.stats {
        for line in &ended.stats {
            note!(host, "{line}");
        }
    }
    if let (Some(path), Some(learned)) = (&plan.watch.learn, &ended.learned) {
        write_learned(path, learned, plan, host)?;
    }
    Ok(())
}

fn write_core_dump(path: &Path, dump: &[u8], host: &dyn Host) -> Result<(), CommandError> {
    host.write(path, dump).map_err(|error| {
        CommandError::failed(format_args!(
            "the core dump cannot be written to {}: {error}",
            path.display()
        ))
    })?;
    note!(host, "holm: core dump written to {}", path.display());
    Ok(())
}

/// Writes the smallest `holm.toml` under which the run would have gone the same way.
fn write_learned(
    file: &Path,
    learned: &Learned,
    plan: &Plan,
    host: &dyn Host,
) -> Result<(), CommandError> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let places = FromFolder {
        folder: folder.unwrap_or(Path::new(".")),
        host,
    };
    let manifest = match &plan.origin.app {
        // An app's program stays where it is.
        Some(app) => Manifest {
            app: app.manifest.app.clone(),
            dependencies: app.manifest.dependencies.clone(),
            ..Manifest::of_program(&app.manifest.app.name, "")
        },
        None => {
            let name = plan.program.file_stem().map_or_else(
                || "app".to_owned(),
                |stem| stem.to_string_lossy().into_owned(),
            );
            Manifest::of_program(&name, &places.inside(&plan.program))
        }
    };
    let manifest = learned.manifest(manifest, &plan.origin.lock, &places);
    host.write_whole(file, &manifest.to_toml())
        .map_err(|error| {
            CommandError::failed(format_args!(
                "the needs cannot be written to {}: {error}",
                file.display()
            ))
        })?;
    note!(
        host,
        "holm: what the program used is written to {}",
        file.display()
    );
    if learned.refused > 0 {
        note!(
            host,
            "holm: {} thing(s) were refused and are not in it; grant them and learn again",
            learned.refused
        );
    }
    Ok(())
}

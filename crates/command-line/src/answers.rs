//! Remembered answers: their file, and `holm grants`.

use std::io;
use std::path::{Path, PathBuf};

use holm_explain::text::shown;
use holm_package::grant::{Memory, REMEMBERED_BYTES_MAX, RememberedGrant, RememberedGrants};

use crate::error::CommandError;
use crate::folders;
use crate::host::Host;
use crate::options::{GrantsCommand, GrantsOptions};

/// The file of remembered answers.
#[derive(Debug)]
pub(crate) struct Answers {
    /// `None` when they are not kept.
    path: Option<PathBuf>,
    remembered: RememberedGrants,
}

impl Answers {
    /// Reads the file. One that is damaged is left as it is: nothing of it counts, and
    /// nothing is added to it.
    pub(crate) fn open(host: &dyn Host) -> Answers {
        let nothing = Answers {
            path: None,
            remembered: RememberedGrants::default(),
        };
        let Some(path) = folders::state(host).map(|folder| folder.join("grants.toml")) else {
            return nothing;
        };
        let remembered = match read(&path, host) {
            Ok(None) => Ok(RememberedGrants::default()),
            Ok(Some(text)) => RememberedGrants::parse(&text).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match remembered {
            Ok(remembered) => Answers {
                path: Some(path),
                remembered,
            },
            Err(error) => {
                note!(
                    host,
                    "holm: remembered answers are not used: {}: {error}",
                    path.display()
                );
                nothing
            }
        }
    }

    /// What is remembered of an app.
    pub(crate) fn recall(&self, name: &str, program: &str, needs: &str) -> Memory<'_> {
        self.remembered.recall(name, program, needs)
    }

    /// Keeps an answer, for this run and those to come.
    pub(crate) fn remember(
        &mut self,
        entry: RememberedGrant,
        host: &dyn Host,
    ) -> Result<(), CommandError> {
        self.remembered
            .remember(entry)
            .map_err(CommandError::failed)?;
        self.save(host)
    }

    fn save(&self, host: &dyn Host) -> Result<(), CommandError> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        host.write_whole(path, &self.remembered.to_toml())
            .map_err(|error| {
                CommandError::failed(format_args!(
                    "the answer cannot be kept: {}: {error}",
                    path.display()
                ))
            })
    }
}

fn read(path: &Path, host: &dyn Host) -> io::Result<Option<String>> {
    let bytes = match host.read(path, REMEMBERED_BYTES_MAX as u64 + 1) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes?,
    };
    let not_text = |_| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "stream did not contain valid UTF-8",
        )
    };
    String::from_utf8(bytes).map(Some).map_err(not_text)
}

/// `holm grants`.
pub(crate) fn manage(options: &GrantsOptions, host: &dyn Host) -> Result<u8, CommandError> {
    let mut answers = Answers::open(host);
    match &options.command {
        GrantsCommand::Ls => {
            for entry in answers.remembered.entries() {
                let digest = entry.program.get(..12).unwrap_or(&entry.program);
                show!(host, "{} ({digest})", entry.name);
                for grant in &entry.allow {
                    show!(host, "  {}", shown(&grant.to_option()));
                }
                for grant in &entry.deny {
                    show!(host, "  never {}", shown(&grant.to_option()));
                }
            }
        }
        GrantsCommand::Forget { app } => {
            let forgotten = answers.remembered.forget(app);
            if forgotten == 0 {
                return Err(CommandError::failed(format_args!(
                    "nothing is remembered of an app named {app:?}"
                ))
                .hint("`holm grants ls` lists what is"));
            }
            answers.save(host)?;
            show!(host, "forgot {forgotten} answer(s) for {app}");
        }
    }
    Ok(0)
}

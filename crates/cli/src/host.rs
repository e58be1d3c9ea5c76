//! This machine, as the command line sees it: its files, its environment, its terminal.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use holm_command_line::CommandError;
use holm_command_line::host::{FileKind, Host, Output, ProgramChoice};
use holm_os::engine::{PoolBounds, Program};
use holm_os::{System, SystemOptions};

use crate::{cache, output, run};

/// This machine.
#[derive(Debug, Default)]
pub(crate) struct NativeHost {
    /// What is about to run: made early, because a program that cannot be run is said before
    /// anybody is asked for anything.
    ready: RefCell<Option<Ready>>,
    /// How the engine is to be made for a service; `None` for a program that is run once.
    pub(crate) serves: Cell<Option<Serves>>,
}

/// What a service needs of its engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Serves {
    /// Requests at a time.
    pub(crate) requests: u32,
    /// Whether each has a limit of time.
    pub(crate) timed: bool,
}

/// A program, and the system to run it in.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) system: System,
    pub(crate) program: Program,
}

const OPENED_BEFORE: &str = "invariant: a program is opened before it is asked for";

impl NativeHost {
    /// The program that was opened, to be run.
    pub(crate) fn ready(&self) -> Ready {
        self.ready.take().expect(OPENED_BEFORE)
    }
}

impl Host for NativeHost {
    fn say(&self, output: Output, text: &str) {
        match output {
            Output::Out => output::on_stdout(format_args!("{text}")),
            Output::Error => output::on_stderr(format_args!("{text}")),
        }
    }

    fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    fn read_line(&self, bytes_max: usize) -> io::Result<String> {
        let mut line = String::new();
        io::stdin()
            .lock()
            .take(bytes_max as u64)
            .read_line(&mut line)?;
        Ok(line)
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn is_macos(&self) -> bool {
        cfg!(target_os = "macos")
    }

    fn look(&self, path: &Path) -> io::Result<FileKind> {
        let metadata = fs::metadata(path)?;
        Ok(if metadata.is_dir() {
            FileKind::Directory
        } else if metadata.is_file() {
            FileKind::File(metadata.len())
        } else {
            FileKind::Other
        })
    }

    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(bytes_max).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::write(path, bytes)
    }

    fn write_whole(&self, path: &Path, text: &str) -> io::Result<()> {
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

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        path.canonicalize()
    }

    fn absolute(&self, path: &Path) -> io::Result<PathBuf> {
        std::path::absolute(path)
    }

    fn open_program(&self, choice: &ProgramChoice) -> Result<(), CommandError> {
        let mut engine = cache::engine_config(self, choice.cache, choice.core_dump);
        if let Some(serves) = self.serves.get() {
            engine.interruptible = serves.timed;
            engine.pool = Some(PoolBounds {
                instances: serves.requests,
                ..PoolBounds::default()
            });
        }
        let system = System::new(SystemOptions {
            engine,
            seed: choice.seed,
            ..SystemOptions::default()
        })
        .map_err(CommandError::failed)?;
        let program = match &choice.linked_from {
            None => system.open(&choice.path),
            Some(folder) => {
                let linked = holm_compose::compose(folder).map_err(CommandError::failed)?;
                system.program_from_bytes(&choice.path.display().to_string(), linked.bytes)
            }
        };
        let program = program.map_err(|error| run::not_runnable(&error))?;
        self.ready.replace(Some(Ready { system, program }));
        Ok(())
    }

    fn program_digest(&self) -> Result<String, CommandError> {
        let ready = self.ready.borrow();
        let ready = ready.as_ref().expect(OPENED_BEFORE);
        let digest = ready.program.digest();
        digest
            .map(|digest| digest.to_string())
            .map_err(|error| run::not_runnable(&error))
    }
}

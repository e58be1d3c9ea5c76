//! What the command line needs of its host, and nothing else of the world.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::CommandError;

/// A standard stream that text goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Out,
    /// Standard error.
    Error,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A directory.
    Directory,
    /// A regular file of so many bytes.
    File(u64),
    /// A pipe, a device, a socket.
    Other,
}

/// Which program is to be run, and how it is to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramChoice {
    /// Its file.
    pub path: PathBuf,
    /// The app's folder, when the file is to be linked with the dependencies of its `holm.toml`.
    pub linked_from: Option<PathBuf>,
    /// Whether compiled code is kept.
    pub cache: bool,
    /// Whether a core dump is wanted, should it trap.
    pub core_dump: bool,
    /// With a seed, the system around it is deterministic.
    pub seed: Option<u64>,
}

/// A host, as the command line sees it. Errors carry the words of the host's system
/// ([`io::Error`] is made of any text); their kind counts where it says so.
pub trait Host {
    /// Puts text on a standard stream. A reader who went away is no error: nobody is left to
    /// be told.
    fn say(&self, output: Output, text: &str);

    /// Whether a person can be asked: standard input and standard error are a terminal.
    fn can_ask(&self) -> bool;

    /// A line that the person types, with its end if there is one, at most `bytes_max` bytes.
    ///
    /// # Errors
    ///
    /// What the terminal says.
    fn read_line(&self, bytes_max: usize) -> io::Result<String>;

    /// A variable of the person's environment.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// Whether the system is macOS, whose folders have names of their own.
    fn is_macos(&self) -> bool;

    /// What `path` leads to, links followed.
    ///
    /// # Errors
    ///
    /// What the system says; [`io::ErrorKind::NotFound`] when there is nothing.
    fn look(&self, path: &Path) -> io::Result<FileKind>;

    /// The first `bytes_max` bytes of a file.
    ///
    /// # Errors
    ///
    /// As [`Host::look`].
    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>>;

    /// Writes a file for whoever may read it.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Writes a file for this user alone, whole or not at all, and the folders above it.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn write_whole(&self, path: &Path, text: &str) -> io::Result<()>;

    /// The absolute path without links; the file must be there.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn canonical(&self, path: &Path) -> io::Result<PathBuf>;

    /// The absolute path, whether or not there is such a file.
    ///
    /// # Errors
    ///
    /// What the system says, when it does not know where it is.
    fn absolute(&self, path: &Path) -> io::Result<PathBuf>;

    /// Looks for the program that is to be run, and keeps it for the run.
    ///
    /// # Errors
    ///
    /// Why it cannot be run, as far as that is known without reading it.
    fn open_program(&self, choice: &ProgramChoice) -> Result<(), CommandError>;

    /// The digest of the program that was opened: BLAKE3 of its bytes, in hexadecimal.
    ///
    /// # Errors
    ///
    /// Why it cannot be read.
    fn program_digest(&self) -> Result<String, CommandError>;
}

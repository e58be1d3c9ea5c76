//! A program: a Wasm file that is read only when its bytes are needed.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use holm_package::program::{self, ProgramError, check_size};

use crate::digest::Digest;
use crate::identity::StatIdentity;
use crate::load_error::{LoadError, form_of, wat_error};
use crate::settings::Form;

/// A program, before it is compiled.
///
/// A program made by [`Program::open`] has only been looked at with `stat`: when its compiled
/// code is in the cache, its bytes are never read. The text format (`.wat`) is accepted too.
#[derive(Clone, Debug)]
pub struct Program {
    name: String,
    path: Option<PathBuf>,
    /// The file as it was when opened.
    identity: Option<StatIdentity>,
    /// Whether a change after opening is sure to change the identity.
    settled: bool,
    maximum_bytes: u64,
    content: OnceLock<Arc<Content>>,
    digest: OnceLock<Digest>,
    form: OnceLock<Form>,
}

#[derive(Debug)]
struct Content {
    /// The file's bytes.
    source: Vec<u8>,
    /// The binary that the text format was turned into.
    converted: Option<Vec<u8>>,
}

impl Program {
    /// Looks at the file `path` without reading it.
    ///
    /// # Errors
    ///
    /// [`ProgramError`] in [`LoadError::File`].
    pub fn open(path: &Path, maximum_bytes: u64) -> Result<Program, LoadError> {
        let metadata = fs::metadata(path).map_err(|error| unreadable(path, error))?;
        if metadata.is_dir() {
            let path = path.to_owned();
            return Err(ProgramError::IsDirectory { path }.into());
        }
        if !metadata.is_file() {
            let path = path.to_owned();
            return Err(ProgramError::NotAFile { path }.into());
        }
        let name = path.display().to_string();
        check_size(&name, metadata.len(), maximum_bytes)?;
        let identity = StatIdentity::of(&metadata);
        Ok(Program {
            name,
            path: Some(path.to_owned()),
            identity: Some(identity),
            settled: identity.is_settled(SystemTime::now()),
            maximum_bytes,
            content: OnceLock::new(),
            digest: OnceLock::new(),
            form: OnceLock::new(),
        })
    }

    /// A program from bytes that came from somewhere else: standard input, a package.
    ///
    /// # Errors
    ///
    /// As [`Program::bytes`].
    pub fn from_bytes(
        name: &str,
        source: Vec<u8>,
        maximum_bytes: u64,
    ) -> Result<Program, LoadError> {
        let size = u64::try_from(source.len()).unwrap_or(u64::MAX);
        check_size(name, size, maximum_bytes)?;
        let program = Program {
            name: name.to_owned(),
            path: None,
            identity: None,
            settled: false,
            maximum_bytes,
            content: OnceLock::new(),
            digest: OnceLock::new(),
            form: OnceLock::new(),
        };
        let content = Content::new(name, source)?;
        program.content.get_or_init(|| Arc::new(content));
        program.bytes()?;
        Ok(program)
    }

    /// The path, or the name it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path, when it is a file.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The program's size in bytes.
    pub fn size(&self) -> u64 {
        match (&self.identity, self.content.get()) {
            (Some(identity), _) => identity.size,
            (None, Some(content)) => u64::try_from(content.source.len()).unwrap_or(u64::MAX),
            (None, None) => 0,
        }
    }

    /// The file's identity when it was opened; none for a program from bytes.
    pub fn identity(&self) -> Option<&StatIdentity> {
        self.identity.as_ref()
    }

    /// The bytes in the binary format, read from the file at the first call.
    ///
    /// # Errors
    ///
    /// [`LoadError`] when the file cannot be read, has changed since it was opened, or is plainly
    /// neither a module nor a component. That it is not malformed further on is not checked here.
    pub fn bytes(&self) -> Result<&[u8], LoadError> {
        let content = self.content()?;
        Ok(content.converted.as_deref().unwrap_or(&content.source))
    }

    /// What it is, from its outer structure.
    ///
    /// # Errors
    ///
    /// As [`Program::bytes`].
    pub fn form(&self) -> Result<Form, LoadError> {
        if let Some(form) = self.form.get() {
            return Ok(*form);
        }
        let form = form_of(&self.name, self.bytes()?)?;
        Ok(*self.form.get_or_init(|| form))
    }

    /// The bytes as they are in the file: the text, where that is the format.
    ///
    /// # Errors
    ///
    /// As [`Program::bytes`].
    pub fn source(&self) -> Result<&[u8], LoadError> {
        Ok(&self.content()?.source)
    }

    /// The digest of [`Program::source`].
    ///
    /// # Errors
    ///
    /// As [`Program::bytes`].
    pub fn digest(&self) -> Result<Digest, LoadError> {
        if let Some(digest) = self.digest.get() {
            return Ok(*digest);
        }
        let source = self.source()?;
        Ok(*self.digest.get_or_init(|| Digest::of(source)))
    }

    /// Tells the program its digest, which a trusted record holds.
    pub(crate) fn know_digest(&self, digest: Digest) {
        self.digest.get_or_init(|| digest);
    }

    /// The identity under which the content may be remembered: none when a change of the content
    /// might not show in it.
    pub(crate) fn lasting_identity(&self) -> Option<&StatIdentity> {
        self.identity.as_ref().filter(|_| self.settled)
    }

    fn content(&self) -> Result<&Content, LoadError> {
        if let Some(content) = self.content.get() {
            return Ok(content);
        }
        let content = Content::new(&self.name, self.read()?)?;
        if let Some(expected) = self.digest.get()
            && *expected != Digest::of(&content.source)
        {
            return Err(LoadError::Changed {
                name: self.name.clone(),
            });
        }
        Ok(self.content.get_or_init(|| Arc::new(content)))
    }

    fn read(&self) -> Result<Vec<u8>, LoadError> {
        let path = self.path.as_deref().unwrap_or(Path::new(&self.name));
        let changed = || LoadError::Changed {
            name: self.name.clone(),
        };
        let read = || -> io::Result<(Vec<u8>, bool)> {
            let mut file = File::open(path)?;
            let same = |file: &File| -> io::Result<bool> {
                Ok(self.identity == Some(StatIdentity::of(&file.metadata()?)))
            };
            if !same(&file)? {
                return Ok((Vec::new(), false));
            }
            // The size is bounded: `open` checked it, and `same` that it still holds.
            let mut source = Vec::new();
            source.reserve_exact(usize::try_from(self.size()).unwrap_or(0));
            let limit = self.maximum_bytes.saturating_add(1);
            (&mut file).take(limit).read_to_end(&mut source)?;
            Ok((source, same(&file)?))
        };
        match read() {
            Ok((source, true)) => Ok(source),
            Ok((_, false)) => Err(changed()),
            Err(error) => Err(unreadable(path, error)),
        }
    }
}

impl Content {
    fn new(name: &str, source: Vec<u8>) -> Result<Content, LoadError> {
        let converted = if is_text_format(&source) {
            let text = wat::parse_bytes(&source).map_err(|error| wat_error(name, &error))?;
            Some(text.into_owned())
        } else {
            None
        };
        program::kind(name, converted.as_deref().unwrap_or(&source))?;
        Ok(Content { source, converted })
    }
}

/// Whether the first thing after blanks and comments is `(module` or `(component`.
fn is_text_format(source: &[u8]) -> bool {
    let mut rest = source.strip_prefix(b"\xef\xbb\xbf").unwrap_or(source);
    loop {
        rest = rest.trim_ascii_start();
        if let Some(comment) = rest.strip_prefix(b";;") {
            let end = comment.iter().position(|byte| *byte == b'\n');
            rest = end.map_or(&[][..], |end| &comment[end..]);
        } else if rest.starts_with(b"(;") {
            let end = rest.windows(2).position(|pair| pair == b";)");
            rest = end.map_or(&[][..], |end| &rest[end + 2..]);
        } else {
            break;
        }
    }
    let Some(inside) = rest.strip_prefix(b"(") else {
        return false;
    };
    let inside = inside.trim_ascii_start();
    inside.starts_with(b"module") || inside.starts_with(b"component")
}

fn unreadable(path: &Path, source: io::Error) -> LoadError {
    ProgramError::unreadable(path.to_owned(), source).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_format_is_recognised_after_comments() {
        assert!(is_text_format(b"(module)"));
        assert!(is_text_format(b" \n;; hello\n(; more ;) ( module $x )"));
        assert!(is_text_format(b"(component)"));
        assert!(!is_text_format(b"(define (f x) x)"));
        assert!(!is_text_format(b";; only a comment"));
        assert!(!is_text_format(b"(; never closed"));
        assert!(!is_text_format(b"\0asm"));
        assert!(!is_text_format(b""));
    }

    #[test]
    fn a_program_that_changed_after_opening_is_not_read() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.wat");
        fs::write(&path, "(module)").expect("write");
        let program = Program::open(&path, 100).expect("open");
        fs::write(&path, "(module (func))").expect("write");
        assert!(matches!(program.bytes(), Err(LoadError::Changed { .. })));
    }

    #[test]
    fn a_program_whose_digest_is_known_must_have_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.wat");
        fs::write(&path, "(module)").expect("write");
        let program = Program::open(&path, 100).expect("open");
        program.know_digest(Digest::of(b"something else"));
        assert!(matches!(program.bytes(), Err(LoadError::Changed { .. })));
    }
}

//! An app as it lies on the disk: its program, its dependencies and theirs, as bytes.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holm_package::manifest::{
    Dependency, MANIFEST_BYTES_MAX, MANIFEST_NAME, Manifest, dependency_path_span,
};
use holm_package::program::PROGRAM_BYTES_MAX;

use crate::error::{ComposeError, Place};
use crate::naming;

/// The most components in one composition.
pub const PARTS_MAX: usize = 256;
/// The most bytes of all components together.
pub const BYTES_MAX: u64 = 1 << 30;
/// How deep dependencies may have dependencies.
pub const DEPTH_MAX: usize = 16;

/// What changes what is linked from the same files.
const LINKER_VERSION: &str = concat!("holm compose 1, ", env!("CARGO_PKG_VERSION"));

/// An app with all that it is linked from, read but not linked.
#[derive(Debug)]
pub struct App {
    /// Its program first, then the dependencies in the order of the `holm.toml` files.
    pub(crate) parts: Vec<Part>,
}

/// A component of an app.
#[derive(Debug)]
pub(crate) struct Part {
    /// What it is called in the composition, like no other.
    pub(crate) label: String,
    /// Its file, as the person names it.
    pub(crate) path: PathBuf,
    /// The same, relative to the app's folder.
    pub(crate) relative: String,
    pub(crate) bytes: Arc<[u8]>,
    /// Where its file is named.
    pub(crate) place: Place,
    /// The part whose `holm.toml` names it, and how; `None` for the app's program.
    pub(crate) named: Option<(usize, Dependency)>,
    /// The parts that its own `holm.toml` names.
    pub(crate) children: Vec<usize>,
}

impl Part {
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }
}

impl App {
    /// Reads an app's folder: its `holm.toml`, its program and its dependencies.
    ///
    /// # Errors
    ///
    /// [`ComposeError`] when a file is missing, too large or no manifest, and when folders name
    /// each other in a circle.
    pub fn read(folder: &Path) -> Result<Self, ComposeError> {
        let mut reader = AppReader {
            parts: Vec::new(),
            labels: Vec::new(),
            bytes: 0,
            root: folder.to_owned(),
            open: Vec::new(),
        };
        reader.folder(folder, None)?;
        Ok(Self {
            parts: reader.parts,
        })
    }

    /// A digest of all that decides what is linked, in hexadecimal: the same digest, the same
    /// component.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut add = |bytes: &[u8]| {
            hasher.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(bytes);
        };
        add(LINKER_VERSION.as_bytes());
        for part in &self.parts {
            add(part.label.as_bytes());
            add(part.relative.as_bytes());
            add(blake3::hash(&part.bytes).as_bytes());
            if let Some((parent, dependency)) = &part.named {
                add(parent.to_string().as_bytes());
                let mut manifest = Manifest::of_program("part", "part.wasm");
                manifest.dependencies.push(dependency.clone());
                add(manifest.to_toml().as_bytes());
            }
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Whether there is anything to link.
    #[must_use]
    pub fn has_dependencies(&self) -> bool {
        self.parts.len() > 1
    }
}

struct AppReader {
    parts: Vec<Part>,
    labels: Vec<String>,
    bytes: u64,
    /// The app's folder.
    root: PathBuf,
    /// The folders whose dependencies are being read: canonical, and as named.
    open: Vec<(PathBuf, PathBuf)>,
}

impl AppReader {
    /// Reads a folder with a `holm.toml`; answers its program's part.
    fn folder(
        &mut self,
        folder: &Path,
        named: Option<(usize, Dependency, Place)>,
    ) -> Result<usize, ComposeError> {
        let canonical = fs::canonicalize(folder).map_err(|source| ComposeError::Unreadable {
            path: folder.to_owned(),
            source,
        })?;
        if let Some(first) = self.open.iter().position(|(open, _)| *open == canonical) {
            let path = self.open[first..].iter().map(|(_, named)| named);
            let path = path.chain([&self.open[first].1]);
            let path = path.map(|named| named.display().to_string()).collect();
            return Err(ComposeError::Cycle { path });
        }
        if self.open.len() >= DEPTH_MAX {
            let message = format!("dependencies are nested more than {DEPTH_MAX} deep");
            return Err(ComposeError::TooMuch(message));
        }
        self.open.push((canonical, folder.to_owned()));
        let (file, text) = read_manifest(folder)?;
        let manifest = Manifest::parse(&text).map_err(|error| ComposeError::Manifest {
            path: file.clone(),
            text: text.clone(),
            error,
        })?;
        let span = text.find(&manifest.app.program);
        let span = span.map(|start| start..start + manifest.app.program.len());
        let place = Place::new(&file, &text, span);
        let (label, named) = match named {
            Some((parent, dependency, _)) => {
                (self.label(&dependency.key), Some((parent, dependency)))
            }
            None => (self.label(&manifest.app.name), None),
        };
        let program = folder.join(&manifest.app.program);
        let part = self.file(label, program, place, named)?;
        for dependency in manifest.dependencies {
            let span = dependency_path_span(&text, &dependency.key);
            let place = Place::new(&file, &text, span);
            let path = folder.join(&dependency.path);
            let child = if path.is_dir() {
                if !path.join(MANIFEST_NAME).exists() {
                    let message = format!("{} is a folder without a holm.toml", path.display());
                    let help = Some("name the component's file in it".to_owned());
                    return Err(ComposeError::File {
                        place,
                        message,
                        help,
                    });
                }
                self.folder(&path, Some((part, dependency, place)))?
            } else {
                let label = self.label(&dependency.key);
                self.file(label, path, place, Some((part, dependency)))?
            };
            self.parts[part].children.push(child);
        }
        self.open.pop();
        Ok(part)
    }

    fn label(&mut self, key: &str) -> String {
        let label = naming::label(key, &self.labels);
        self.labels.push(label.clone());
        label
    }

    fn file(
        &mut self,
        label: String,
        path: PathBuf,
        place: Place,
        named: Option<(usize, Dependency)>,
    ) -> Result<usize, ComposeError> {
        if self.parts.len() == PARTS_MAX {
            let message = format!("more than {PARTS_MAX} components");
            return Err(ComposeError::TooMuch(message));
        }
        let bytes = read_file(&path, PROGRAM_BYTES_MAX).map_err(|error| {
            let shown = path.display();
            let message = match error.kind() {
                io::ErrorKind::NotFound => format!("there is no file {shown}"),
                _ => format!("{shown}: {error}"),
            };
            ComposeError::File {
                place: place.clone(),
                message,
                help: near_file(&path),
            }
        })?;
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.bytes > BYTES_MAX {
            let message = format!("the components are larger than {BYTES_MAX} bytes together");
            return Err(ComposeError::TooMuch(message));
        }
        let relative = path.strip_prefix(&self.root).unwrap_or(&path);
        self.parts.push(Part {
            label,
            relative: relative.to_string_lossy().into_owned(),
            path,
            bytes: bytes.into(),
            place,
            named,
            children: Vec::new(),
        });
        Ok(self.parts.len() - 1)
    }
}

fn read_manifest(folder: &Path) -> Result<(PathBuf, String), ComposeError> {
    let path = folder.join(MANIFEST_NAME);
    let most = u64::try_from(MANIFEST_BYTES_MAX).unwrap_or(u64::MAX);
    let text = read_file(&path, most).and_then(|bytes| {
        String::from_utf8(bytes)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8"))
    });
    match text {
        Ok(text) => Ok((path, text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ComposeError::NoManifest {
            path: folder.to_owned(),
        }),
        Err(source) => Err(ComposeError::Unreadable { path, source }),
    }
}

/// Reads a regular file of at most this many bytes: a pipe or a device may never end.
fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        let message = "it is not a regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut bytes = Vec::new();
    let limit = most.saturating_add(1);
    fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
        let message = format!("it is larger than {most} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// A file of a similar name in the same folder.
fn near_file(path: &Path) -> Option<String> {
    const FILES_MAX: usize = 1000;
    let name = path.file_name()?.to_str()?;
    let files = fs::read_dir(path.parent()?).ok()?.take(FILES_MAX);
    let names = files.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let nearest = nearest(name, names)?;
    Some(format!("there is a {nearest}; did you mean that?"))
}

/// The candidate that is most like `name`, if any is.
pub(crate) fn nearest(name: &str, candidates: impl IntoIterator<Item = String>) -> Option<String> {
    let scored = candidates
        .into_iter()
        .filter(|candidate| candidate.len() < 200 && candidate != name)
        .map(|candidate| (strsim::jaro_winkler(name, &candidate), candidate));
    let (score, candidate) = scored.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (score >= 0.85).then_some(candidate)
}

//! Keeping the cache small: listing, cleaning, and evicting the least recently used.
//!
//! An insertion appends eight bytes, its size, to `pending`. Only when these say that an eighth
//! of the limit (or many entries) came in since the last sweep are the folders read, and code is
//! then evicted down to seven eighths: so the limit holds, and a warm run never reads a folder.

use std::collections::HashMap;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Cache, CacheError, failed};
use crate::digest::Digest;
use crate::settings::CodeKind;

/// Insertions between two sweeps, at most.
const MAXIMUM_PENDING: usize = 256;
/// Index records kept, at most.
const MAXIMUM_RECORDS: usize = 8192;
/// A program that was not run for this long loses its index record.
const RECORD_LASTS: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long a failure of the optimiser is remembered.
pub(super) const FAILURE_LASTS: Duration = Duration::from_secs(7 * 24 * 3600);
/// A temporary file this old belongs to a process that died.
const TEMPORARY_LASTS: Duration = Duration::from_secs(3600);

/// One artifact in the cache.
#[derive(Debug, Clone, serde::Serialize)]
pub struct CacheEntry {
    /// The program's digest; none for a file that this cache did not make (it is never loaded).
    pub digest: Option<Digest>,
    /// The program's name, as last seen.
    pub name: String,
    /// Which compiler made it, and so its tier.
    pub kind: Option<CodeKind>,
    /// The program's size in bytes.
    pub program_bytes: u64,
    /// The artifact's size in bytes.
    pub size: u64,
    /// Seconds since the epoch, to within an hour.
    pub last_used: u64,
}

/// What [`Cache::clean`] removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Cleaned {
    /// Artifacts.
    pub entries: usize,
    /// Their size in bytes.
    pub bytes: u64,
}

/// An artifact's file.
#[derive(Debug)]
struct CodeFile {
    name: String,
    path: PathBuf,
    size: u64,
    last_used: SystemTime,
    /// As the newest record has it.
    program_name: Option<String>,
}

/// How long ago the file was modified.
pub(super) fn age(metadata: &Metadata) -> Duration {
    let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
    SystemTime::now()
        .duration_since(modified)
        .unwrap_or_default()
}

impl Cache {
    /// What is in the cache, most recently used first.
    ///
    /// # Errors
    ///
    /// [`CacheError::Io`] when the cache's folders cannot be read.
    pub fn ls(&self) -> Result<Vec<CacheEntry>, CacheError> {
        let mut entries: Vec<CacheEntry> = self
            .code_files()?
            .into_iter()
            .map(|file| self.entry(file))
            .collect();
        entries.sort_by(|a, b| b.last_used.cmp(&a.last_used).then(a.name.cmp(&b.name)));
        Ok(entries)
    }

    /// Removes everything but the secret.
    ///
    /// Programs that run keep running: their code stays mapped.
    ///
    /// # Errors
    ///
    /// [`CacheError::Io`] when something cannot be removed.
    pub fn clean(&self) -> Result<Cleaned, CacheError> {
        let mut cleaned = Cleaned::default();
        for (path, metadata) in self.files("code")? {
            remove(&path)?;
            cleaned.entries += 1;
            cleaned.bytes += metadata.len();
        }
        for folder in ["programs", "failed", "temporary"] {
            for (path, _) in self.files(folder)? {
                remove(&path)?;
            }
        }
        remove(&self.root.join("pending"))?;
        Ok(cleaned)
    }

    /// An artifact must leave room for the eighth that may come in between two sweeps.
    pub(super) fn check_fits(&self, size: u64) -> Result<(), CacheError> {
        let limit = self.maximum_bytes;
        if size > limit - limit / 4 {
            return Err(CacheError::DoesNotFit { size, limit });
        }
        // A large one makes its room before it comes.
        if size > limit / 8 {
            self.sweep(limit - limit / 8 - size);
        }
        Ok(())
    }

    /// Notes that `size` bytes came in, and sweeps when it is time.
    pub(super) fn note_insertion(&self, size: u64) {
        let path = self.root.join("pending");
        // What is not noted here is seen by the next sweep all the same.
        let noted = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| {
                file.write_all(&size.to_le_bytes())?;
                let mut sizes = Vec::new();
                let mut reader = File::open(&path)?;
                reader.read_to_end(&mut sizes)?;
                Ok(sizes)
            });
        let Ok(sizes) = noted else {
            return;
        };
        let (sizes, _) = sizes.as_chunks::<8>();
        let total = sizes.iter().fold(0_u64, |sum, size| {
            sum.saturating_add(u64::from_le_bytes(*size))
        });
        if total > self.maximum_bytes / 8 || sizes.len() > MAXIMUM_PENDING {
            let _ = fs::remove_file(&path);
            self.sweep(self.maximum_bytes - self.maximum_bytes / 8);
        }
    }

    /// Evicts code until at most `allowed` bytes are left, and removes what is stale.
    fn sweep(&self, allowed: u64) {
        let Ok(mut files) = self.code_files() else {
            return;
        };
        files.sort_by_key(|file| file.last_used);
        let mut total: u64 = files.iter().map(|file| file.size).sum();
        for file in files {
            if total <= allowed {
                break;
            }
            if fs::remove_file(&file.path).is_ok() {
                total -= file.size;
            }
        }
        self.sweep_records();
        self.remove_older("failed", FAILURE_LASTS);
        self.remove_older("temporary", TEMPORARY_LASTS);
    }

    fn sweep_records(&self) {
        let Ok(mut records) = self.files("programs") else {
            return;
        };
        records.sort_by_key(|(_, metadata)| age(metadata));
        for (index, (path, metadata)) in records.iter().enumerate() {
            if index >= MAXIMUM_RECORDS || age(metadata) > RECORD_LASTS {
                let _ = fs::remove_file(path);
            }
        }
    }

    fn remove_older(&self, folder: &str, limit: Duration) {
        for (path, metadata) in self.files(folder).unwrap_or_default() {
            if age(&metadata) > limit {
                let _ = fs::remove_file(path);
            }
        }
    }

    /// The artifacts; each was last used when it was made or when a record of it was last touched.
    fn code_files(&self) -> Result<Vec<CodeFile>, CacheError> {
        let mut used: HashMap<u64, (SystemTime, String)> = HashMap::new();
        for (path, metadata) in self.files("programs")? {
            let Ok(file) = File::open(&path) else {
                continue;
            };
            if let Some((record, _)) = self.read_record(&file, None) {
                let touched = metadata.modified().unwrap_or(UNIX_EPOCH);
                let newest = used
                    .entry(record.artifact.inode)
                    .or_insert((touched, String::new()));
                if touched >= newest.0 {
                    *newest = (touched, record.name);
                }
            }
        }
        let files = self.files("code")?.into_iter().map(|(path, metadata)| {
            let made = metadata.modified().unwrap_or(UNIX_EPOCH);
            let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
            let record = used.remove(&inode);
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            CodeFile {
                name: name.unwrap_or_default(),
                size: metadata.len(),
                last_used: record
                    .as_ref()
                    .map_or(made, |(touched, _)| made.max(*touched)),
                program_name: record.map(|(_, name)| name),
                path,
            }
        });
        Ok(files.collect())
    }

    fn entry(&self, file: CodeFile) -> CacheEntry {
        let trailer = File::open(&file.path)
            .ok()
            .and_then(|mut open| self.read_trailer(&mut open, file.size));
        let last_used = file.last_used.duration_since(UNIX_EPOCH);
        let mut entry = CacheEntry {
            digest: None,
            name: file.name,
            kind: None,
            program_bytes: 0,
            size: file.size,
            last_used: last_used.map_or(0, |since| since.as_secs()),
        };
        if let Some(trailer) = trailer {
            entry.digest = Some(trailer.description.digest);
            entry.name = file.program_name.unwrap_or(trailer.description.name);
            entry.kind = Some(trailer.description.kind);
            entry.program_bytes = trailer.description.program_bytes;
        }
        entry
    }

    /// The regular files of a folder; none when it is not there yet.
    fn files(&self, folder: &str) -> Result<Vec<(PathBuf, Metadata)>, CacheError> {
        let path = self.root.join(folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(failed("list", &path, source)),
        };
        // Files vanish while others clean: that is no error.
        let files = entries.flatten().filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            metadata.is_file().then(|| (entry.path(), metadata))
        });
        Ok(files.collect())
    }
}

fn remove(path: &Path) -> Result<(), CacheError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(failed("remove", path, source))
        }
        _ => Ok(()),
    }
}

//! The cache of compiled code on disk.
//!
//! ```text
//! <root>/               0700, owned by this user, or it is not used
//!   secret              32 random bytes, 0600: keys every digest below
//!   code/<key>.<kind>   an artifact and its trailer, see artifact.rs
//!   programs/<hash>     which artifact a program's file maps to, see record.rs
//!   failed/<key>        the optimiser gave up on this program; empty
//!   locks/<key>         held by the process that optimises it
//!   pending             eight bytes per insertion since the last sweep, see sweep.rs
//!   temporary/          files being written; renamed into place
//! ```
//!
//! **What is trusted.** Loading an artifact runs it, so nothing is loaded whose keyed digest does
//! not match: a bit flip, a file from another cache, version or setting, a truncated copy are all
//! passed over as if they were not there. The full check reads the artifact. A warm start avoids
//! that: an index record, itself authenticated, says which identity (inode, size, times) the
//! artifact had when it was last checked.
//!
//! **Concurrency.** Files are written under a temporary name and renamed; nobody ever writes to a
//! file under its final name, and an artifact that is unlinked while mapped stays valid. No lock
//! is held while compiling, but for the optimiser's, which is per program and never waited for.

mod artifact;
mod lock;
mod record;
mod sweep;
mod wire;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) use artifact::{ArtifactKey, Description};
pub(crate) use record::Record;
pub use sweep::{CacheEntry, Cleaned};

/// 2 GiB.
const DEFAULT_MAXIMUM_BYTES: u64 = 2 << 30;

/// Where the cache is and how large it may grow.
#[derive(Debug, Clone)]
pub struct CacheConfig {
    /// The cache's folder, made when it does not exist. By convention `$HOLM_CACHE_DIR`, else
    /// `$XDG_CACHE_HOME/holm`, else `~/.cache/holm` (`~/Library/Caches/holm` on macOS).
    pub root: PathBuf,
    /// Total size of the compiled code in bytes; the least recently used goes first.
    pub maximum_bytes: u64,
}

impl CacheConfig {
    /// A cache at `root` of at most 2 GiB.
    pub fn new(root: PathBuf) -> CacheConfig {
        CacheConfig {
            root,
            maximum_bytes: DEFAULT_MAXIMUM_BYTES,
        }
    }
}

/// Why the cache cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// Somebody else could have put code there.
    #[error(
        "the cache folder {} belongs to user {owner}, not to you (user {user}); set HOLM_CACHE_DIR \
         to a folder of your own",
        path.display()
    )]
    ForeignOwner {
        path: PathBuf,
        owner: u32,
        user: u32,
    },
    /// Others can read or write the folder.
    #[error(
        "the cache folder {} is open to other users (mode {mode:03o}); run: chmod 700 {}",
        path.display(), path.display()
    )]
    OpenToOthers { path: PathBuf, mode: u32 },
    /// The path is taken by a file.
    #[error("the cache folder {} is not a folder", path.display())]
    NotAFolder { path: PathBuf },
    /// Reading or writing failed.
    #[error("cannot {action} {} in the cache", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// The artifact alone is larger than the cache may be.
    #[error("compiled code of {size} bytes does not fit into a cache of {limit} bytes")]
    DoesNotFit { size: u64, limit: u64 },
}

/// An open cache.
#[derive(Debug)]
pub struct Cache {
    root: PathBuf,
    maximum_bytes: u64,
    secret: Secret,
}

/// Keys the cache's digests.
#[derive(Clone)]
struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

impl Secret {
    /// A keyed hasher for one purpose, so that one kind of file cannot stand for another.
    fn hasher(&self, purpose: &[u8; 8]) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(purpose);
        hasher
    }
}

impl Cache {
    /// Opens the cache, making its folder at first use.
    ///
    /// # Errors
    ///
    /// [`CacheError`] when the folder cannot be made, or is not this user's alone.
    pub fn open(config: &CacheConfig) -> Result<Cache, CacheError> {
        let root = config.root.clone();
        match fs::metadata(&root) {
            Ok(metadata) => check_private(&root, &metadata)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => create_root(&root)?,
            Err(source) => return Err(failed("look at", &root, source)),
        }
        let secret = match read_secret(&root)? {
            Some(secret) => secret,
            None => create_secret(&root)?,
        };
        Ok(Cache {
            root,
            maximum_bytes: config.maximum_bytes,
            secret,
        })
    }

    /// The cache's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn path(&self, folder: &str, name: &str) -> PathBuf {
        let mut path = PathBuf::with_capacity(self.root.as_os_str().len() + 96);
        path.push(&self.root);
        path.push(folder);
        path.push(name);
        path
    }

    /// Marks that the optimiser failed on this program, so that it is not tried again and again.
    pub(crate) fn mark_failed(&self, key: &ArtifactKey) {
        // Only saves work: a marker that cannot be written costs another attempt.
        let _ = self.write("failed", &key.name(), &[&[]]);
    }

    /// Whether the optimiser failed on this program in the last week.
    pub(crate) fn has_failed(&self, key: &ArtifactKey) -> bool {
        fs::metadata(self.path("failed", &key.name()))
            .is_ok_and(|metadata| sweep::age(&metadata) < sweep::FAILURE_LASTS)
    }

    /// Writes a file under a temporary name and renames it to `folder/name`; the file is open for
    /// reading.
    fn write(&self, folder: &str, name: &str, parts: &[&[u8]]) -> Result<File, CacheError> {
        let path = self.path(folder, name);
        let temporary = self.path("temporary", &temporary_name());
        let result = self
            .create(&temporary)
            .and_then(|mut file| {
                parts.iter().try_for_each(|part| file.write_all(part))?;
                Ok(file)
            })
            .and_then(|file| {
                self.with_folder(folder, || fs::rename(&temporary, &path))?;
                Ok(file)
            });
        result.map_err(|source| {
            // The file may not exist; the sweep removes what stays.
            let _ = fs::remove_file(&temporary);
            failed("write", &path, source)
        })
    }

    fn create(&self, temporary: &Path) -> io::Result<File> {
        self.with_folder("temporary", || {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(temporary)
        })
    }

    /// Runs `action`, and once more after making `folder` when it was missing.
    fn with_folder<T>(
        &self,
        folder: &str,
        mut action: impl FnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        match action() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(self.root.join(folder))?;
                action()
            }
            result => result,
        }
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> CacheError {
    CacheError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

fn check_private(path: &Path, metadata: &fs::Metadata) -> Result<(), CacheError> {
    let path = path.to_owned();
    if !metadata.is_dir() {
        return Err(CacheError::NotAFolder { path });
    }
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user {
        return Err(CacheError::ForeignOwner {
            path,
            owner: metadata.uid(),
            user,
        });
    }
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(CacheError::OpenToOthers { path, mode });
    }
    Ok(())
}

fn create_root(root: &Path) -> Result<(), CacheError> {
    let create = || -> io::Result<()> {
        if let Some(parent) = root.parent() {
            fs::create_dir_all(parent)?;
        }
        match DirBuilder::new().mode(0o700).create(root) {
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
    };
    create().map_err(|source| failed("make", root, source))?;
    let metadata = fs::metadata(root).map_err(|source| failed("look at", root, source))?;
    check_private(root, &metadata)
}

/// The secret, or none when there is none yet, or only one that cannot have been kept secret.
fn read_secret(root: &Path) -> Result<Option<Secret>, CacheError> {
    let path = root.join("secret");
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed("read", &path, source)),
    };
    let mut read = || -> io::Result<Option<Secret>> {
        let metadata = file.metadata()?;
        if metadata.mode() & 0o077 != 0 || metadata.len() != 32 {
            return Ok(None);
        }
        let mut secret = [0; 32];
        file.read_exact(&mut secret)?;
        Ok(Some(Secret(secret)))
    };
    read().map_err(|source| failed("read", &path, source))
}

/// Makes the secret, unless another process does so first.
///
/// An unusable secret is replaced: whatever it authenticated is then foreign and swept in time.
fn create_secret(root: &Path) -> Result<Secret, CacheError> {
    let path = root.join("secret");
    let temporary = root.join(temporary_name());
    let create = || -> io::Result<()> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(&secret)?;
        if path.exists() {
            return fs::rename(&temporary, &path);
        }
        // A link, unlike a rename, does not replace what another process just made.
        let linked = fs::hard_link(&temporary, &path);
        fs::remove_file(&temporary)?;
        match linked {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
    };
    create().map_err(|source| {
        let _ = fs::remove_file(&temporary);
        failed("write", &path, source)
    })?;
    read_secret(root)?.ok_or_else(|| {
        let source = io::Error::other("it does not stay private");
        failed("write", &path, source)
    })
}

/// A name that no other process or thread uses.
fn temporary_name() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut random = [0; 8];
    // Without randomness the process id and the counter still tell names apart on one machine.
    let _ = getrandom::fill(&mut random);
    let process = std::process::id();
    format!("{process}-{count}-{:016x}", u64::from_le_bytes(random))
}

#[cfg(test)]
mod tests;

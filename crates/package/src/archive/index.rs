//! Collecting entries into a list that keeps its promises.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::entry_name::{checked, shown};
use super::error::ArchiveError;
use super::{ArchiveEntry, ArchiveLimits, EntryKind};

/// What is known of an entry apart from its path.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) kind: EntryKind,
    pub(super) mtime_nanoseconds: u64,
    pub(super) executable: bool,
}

/// What a path that is there already means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// The last one holds.
    Replaces,
    /// It is refused.
    Refused,
}

/// The entries found so far, by path, and what they add up to.
#[derive(Debug)]
pub(super) struct IndexBuilder {
    limits: ArchiveLimits,
    entries: BTreeMap<Box<str>, Found>,
    seen: usize,
    skipped: usize,
    path_bytes: u64,
    unpacked_bytes: u64,
}

impl IndexBuilder {
    pub(super) fn new(limits: &ArchiveLimits) -> Self {
        Self {
            limits: limits.clone(),
            entries: BTreeMap::new(),
            seen: 0,
            skipped: 0,
            path_bytes: 0,
            unpacked_bytes: 0,
        }
    }

    pub(super) fn skipped(&self) -> usize {
        self.skipped
    }

    /// Leaves an entry out: a device, a socket or a pipe. Its name is checked all the same.
    pub(super) fn skip(&mut self, raw_path: &[u8]) -> Result<(), ArchiveError> {
        checked(raw_path)?;
        self.skipped += 1;
        self.count(0)
    }

    /// Adds an entry under its path as written.
    pub(super) fn add(
        &mut self,
        raw_path: &[u8],
        found: Found,
        again: Again,
    ) -> Result<(), ArchiveError> {
        let Some(path) = checked(raw_path)? else {
            // `./` as a directory is the root, which is always there.
            return match found.kind {
                EntryKind::Directory => self.count(0),
                _ => Err(ArchiveError::Damaged {
                    entry: Some(shown(raw_path)),
                    what: "the root of the archive is not a directory".to_owned(),
                }),
            };
        };
        let target_bytes = match &found.kind {
            EntryKind::Symlink { target } => target.len(),
            _ => 0,
        };
        self.count(path.len() + target_bytes)?;
        match self.entries.entry(path.into()) {
            Entry::Vacant(vacant) => {
                vacant.insert(found);
            }
            Entry::Occupied(mut occupied) if again == Again::Replaces => {
                occupied.insert(found);
            }
            Entry::Occupied(occupied) => {
                return Err(ArchiveError::Duplicate {
                    entry: shown(occupied.key().as_bytes()),
                });
            }
        }
        Ok(())
    }

    /// Counts the unpacked bytes of a file.
    pub(super) fn add_unpacked(&mut self, raw_path: &[u8], size: u64) -> Result<(), ArchiveError> {
        let limit = self.limits.unpacked_bytes;
        match self.unpacked_bytes.checked_add(size) {
            Some(total) if total <= limit => {
                self.unpacked_bytes = total;
                Ok(())
            }
            _ => Err(ArchiveError::TooLarge {
                entry: Some(shown(raw_path)),
                limit,
            }),
        }
    }

    /// Bytes of all files counted so far.
    pub(super) fn unpacked_bytes(&self) -> u64 {
        self.unpacked_bytes
    }

    /// What a hard link links to: a file or a symbolic link that came before it.
    pub(super) fn linked(&self, raw_path: &[u8], target: &[u8]) -> Result<Found, ArchiveError> {
        let bad = |what| ArchiveError::BadLink {
            entry: shown(raw_path),
            target: shown(target),
            what,
        };
        let path = match checked(target) {
            Ok(path) => path,
            Err(ArchiveError::UnsafeName { .. }) => return Err(bad("which is outside it")),
            Err(error) => return Err(error),
        };
        match path.and_then(|path| self.entries.get(path.as_str())) {
            None => Err(bad("which is not in it, or only later")),
            Some(found) if found.kind == EntryKind::Directory => Err(bad("which is a directory")),
            Some(found) => Ok(found.clone()),
        }
    }

    fn count(&mut self, path_bytes: usize) -> Result<(), ArchiveError> {
        let limit = self.limits.entries;
        self.seen += 1;
        if self.seen > limit {
            return Err(ArchiveError::TooManyEntries { limit });
        }
        self.path_bytes = self
            .path_bytes
            .saturating_add(u64::try_from(path_bytes).unwrap_or(u64::MAX));
        let limit = self.limits.path_bytes;
        if self.path_bytes > limit {
            return Err(ArchiveError::TooManyPathBytes { limit });
        }
        Ok(())
    }

    /// Checks what each entry is in, adds the directories that are only implied, and lists
    /// the entries in the order of their paths, in which a directory is before its contents.
    pub(super) fn finish(mut self) -> Result<Vec<ArchiveEntry>, ArchiveError> {
        let mut implied: BTreeMap<Box<str>, Found> = BTreeMap::new();
        let entries = core::mem::take(&mut self.entries);
        for path in entries.keys() {
            let mut child: &str = path;
            while let Some((parent, _)) = child.rsplit_once('/') {
                match entries.get(parent).map(|found| &found.kind) {
                    // Its own parents are looked at in its own turn.
                    Some(EntryKind::Directory) => break,
                    Some(kind) => return Err(not_in_directory(path, parent, kind)),
                    None if implied.contains_key(parent) => break,
                    None => {
                        self.count(parent.len())?;
                        let directory = Found {
                            kind: EntryKind::Directory,
                            mtime_nanoseconds: 0,
                            executable: true,
                        };
                        implied.insert(parent.into(), directory);
                    }
                }
                child = parent;
            }
        }
        let mut all = entries;
        all.append(&mut implied);
        let listed = all.into_iter().map(|(path, found)| ArchiveEntry {
            path,
            kind: found.kind,
            mtime_nanoseconds: found.mtime_nanoseconds,
            executable: found.executable,
        });
        Ok(listed.collect())
    }
}

fn not_in_directory(path: &str, parent: &str, kind: &EntryKind) -> ArchiveError {
    ArchiveError::NotInDirectory {
        entry: shown(path.as_bytes()),
        parent: shown(parent.as_bytes()),
        what: match kind {
            EntryKind::Symlink { .. } => "a symbolic link",
            _ => "a file",
        },
    }
}

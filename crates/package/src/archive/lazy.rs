//! Listing an archive from ranges of its bytes: which range is needed next, and what it says.
//!
//! Of a zip, the directory at its end is read; of a tar, one header after the other, without
//! what is between them; compressed tars cannot be read but whole. The list that comes out is
//! the one that [`Archive::open`] makes of all the bytes, and the same is refused, except for
//! what only the files themselves tell: headers of a zip's entries that contradict its
//! directory, and checksums. Those are compared when a file is first read.

use super::entry_name::shown;
use super::error::ArchiveError;
use super::index::{Again, Found, IndexBuilder};
use super::tar_index::{TarWalker, Walked};
use super::unpack::{Budget, budget, detect};
use super::zip_index::{
    self, Directory, DirectoryEntry, END64_BYTES, ENTRY_BYTES, End, LOCAL_BYTES, Local, Role,
    TAIL_BYTES, Target, contradicts, misplaced,
};
use super::{Archive, ArchiveEntry, ArchiveFormat, ArchiveLimits, DataRef, EntryKind};

/// The largest compressed tar that is taken into memory whole.
const WHOLE_BYTES_MAX: u64 = 1 << 30;
/// Bytes of a compressed tar that are asked for at a time.
const WHOLE_STEP: usize = 1 << 20;
/// Enough to tell formats apart.
const START_BYTES: u64 = 512;
/// The most packed bytes of a link's target, which is 4,096 bytes long at most.
const PACKED_TARGET_MAX: u64 = 64 << 10;

/// Bytes that an indexer cannot go on without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The first byte.
    pub offset: u64,
    /// How many at least. 0 only for an archive of no bytes.
    pub length: usize,
}

/// Lists an archive whose bytes are handed to it as it asks for them.
#[derive(Debug)]
pub struct LazyIndexer {
    length: u64,
    limits: ArchiveLimits,
    builder: IndexBuilder,
    need: Option<Need>,
    phase: Phase,
    places: Vec<Place>,
}

#[derive(Debug)]
enum Phase {
    Start,
    ZipTail,
    ZipRecord64(u64),
    ZipDirectory {
        directory: Directory,
        position: u64,
        count: u64,
        links: Vec<Link>,
    },
    /// The targets of these links are left to read, the last one first.
    ZipLinks(Vec<Link>),
    Tar(TarWalker),
    /// All of a compressed tar, as far as it came.
    Whole(Vec<u8>),
}

/// A symbolic link of a zip, whose target is not read yet.
#[derive(Debug)]
struct Link {
    place: usize,
    found: Found,
}

/// Where an entry of a zip is.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) header: u64,
    /// No byte of the entry is at or after this.
    pub(super) limit: u64,
    pub(super) name: Box<[u8]>,
    pub(super) method: u16,
    pub(super) flags: u16,
    pub(super) packed: u64,
    pub(super) size: u64,
    pub(super) crc32: u32,
    pub(super) stored: bool,
}

impl Place {
    /// The least that must be read to find the data.
    pub(super) fn header_bytes(&self) -> usize {
        LOCAL_BYTES + self.name.len()
    }

    /// Where the data starts, by the entry's own header, which must agree.
    pub(super) fn data(&self, header: &[u8]) -> Result<u64, ArchiveError> {
        let local = Local::read(header, &self.name, self.method, self.flags);
        let local = local.ok_or_else(|| misplaced(&self.name))?;
        let length = u64::try_from(local.length).unwrap_or(u64::MAX);
        let data = self.header.checked_add(length);
        let fits = |data: &u64| {
            let end = data.checked_add(self.packed);
            end.is_some_and(|end| end <= self.limit)
        };
        let data = data.filter(fits).ok_or_else(|| misplaced(&self.name))?;
        match local.agrees {
            true => Ok(data),
            false => Err(contradicts(&self.name)),
        }
    }

    fn target(&self) -> Target<'_> {
        Target {
            name: &self.name,
            stored: self.stored,
            size: self.size,
            crc32: self.crc32,
        }
    }
}

/// A list of entries, and where their bytes are.
pub(super) enum Listed {
    /// All bytes were needed, and are here.
    Whole(Archive),
    /// The bytes are where they were.
    Ranges {
        format: ArchiveFormat,
        entries: Vec<ArchiveEntry>,
        skipped: usize,
        places: Vec<Place>,
    },
}

impl LazyIndexer {
    /// Begins to list an archive of `length` bytes.
    #[must_use]
    pub fn new(length: u64, limits: &ArchiveLimits) -> Self {
        let start = length.min(START_BYTES);
        Self {
            length,
            limits: limits.clone(),
            builder: IndexBuilder::new(limits),
            need: Some(Need {
                offset: 0,
                length: usize::try_from(start).unwrap_or(0),
            }),
            phase: Phase::Start,
            places: Vec::new(),
        }
    }

    /// What it needs next; nothing when it is done.
    #[must_use]
    pub fn need(&self) -> Option<Need> {
        self.need
    }

    /// Takes the bytes from [`Need::offset`] on: those that are needed, and as many of those
    /// that follow as are at hand, which saves asking again.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`], naming the entry that is at fault; then it is over.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        let Some(need) = self.need else {
            return Ok(());
        };
        if bytes.len() < need.length {
            return Err(ArchiveError::Truncated { after: None });
        }
        self.need = self.advance(bytes, need.offset)?;
        Ok(())
    }

    /// The list, when nothing is needed any more.
    pub(super) fn finish(self) -> Result<Listed, ArchiveError> {
        let format = match self.phase {
            Phase::Whole(bytes) => {
                return Archive::open(bytes, &self.limits).map(Listed::Whole);
            }
            Phase::Tar(_) => ArchiveFormat::Tar,
            _ => ArchiveFormat::Zip,
        };
        let skipped = self.builder.skipped();
        Ok(Listed::Ranges {
            format,
            entries: self.builder.finish()?,
            skipped,
            places: self.places,
        })
    }

    /// Goes on with the bytes from `start` on.
    fn advance(&mut self, bytes: &[u8], start: u64) -> Result<Option<Need>, ArchiveError> {
        loop {
            let phase = match &mut self.phase {
                Phase::Start => match self.start(bytes)? {
                    Phase::ZipTail => {
                        self.phase = Phase::ZipTail;
                        let tail = self
                            .length
                            .min(u64::try_from(TAIL_BYTES).unwrap_or(u64::MAX));
                        return Ok(Some(Need {
                            offset: self.length - tail,
                            length: usize::try_from(tail).unwrap_or(TAIL_BYTES),
                        }));
                    }
                    other => other,
                },
                Phase::ZipTail => match zip_index::read_tail(bytes, start)? {
                    End::Directory(directory) => in_directory(directory),
                    End::Record64 { record } => {
                        self.phase = Phase::ZipRecord64(record);
                        return Ok(Some(Need {
                            offset: record,
                            length: END64_BYTES,
                        }));
                    }
                },
                Phase::ZipRecord64(record) => in_directory(zip_index::read_end64(bytes, *record)?),
                Phase::ZipDirectory { .. } => match self.directory(bytes, start)? {
                    Some(need) => return Ok(Some(need)),
                    None => self.end_of_directory()?,
                },
                Phase::ZipLinks(_) => return self.links(bytes, start),
                Phase::Tar(walker) => {
                    let walked = walker.walk(bytes, start, self.length, &mut self.builder)?;
                    return Ok(match walked {
                        Walked::Done => None,
                        Walked::Needs { offset, length } => Some(Need { offset, length }),
                    });
                }
                Phase::Whole(all) => {
                    all.try_reserve(bytes.len())
                        .map_err(|_| ArchiveError::OutOfMemory { entry: None })?;
                    all.extend_from_slice(bytes);
                    let offset = u64::try_from(all.len()).unwrap_or(u64::MAX);
                    let left = usize::try_from(self.length.saturating_sub(offset));
                    return Ok(match left.unwrap_or(usize::MAX).min(WHOLE_STEP) {
                        0 => None,
                        length => Some(Need { offset, length }),
                    });
                }
            };
            self.phase = phase;
        }
    }

    fn start(&self, bytes: &[u8]) -> Result<Phase, ArchiveError> {
        Ok(match detect(bytes)? {
            ArchiveFormat::Zip => Phase::ZipTail,
            ArchiveFormat::Tar => Phase::Tar(TarWalker::default()),
            _ if self.length > WHOLE_BYTES_MAX => {
                return Err(ArchiveError::TooLarge {
                    entry: None,
                    limit: WHOLE_BYTES_MAX,
                });
            }
            ArchiveFormat::TarGzip | ArchiveFormat::TarZstd => Phase::Whole(Vec::new()),
        })
    }

    fn budget(&self) -> Budget {
        budget(self.length, &self.limits)
    }

    /// Reads entries of the directory as far as they are among `bytes`; `None` at its end.
    fn directory(&mut self, bytes: &[u8], start: u64) -> Result<Option<Need>, ArchiveError> {
        let budget = self.budget();
        let Phase::ZipDirectory {
            directory,
            position,
            count,
            links,
        } = &mut self.phase
        else {
            return Ok(None);
        };
        while *position < directory.end {
            let left = usize::try_from(directory.end - *position).unwrap_or(usize::MAX);
            let at = position.checked_sub(start);
            let at = at.and_then(|at| usize::try_from(at).ok());
            let rest = at.and_then(|at| bytes.get(at..)).unwrap_or_default();
            let needed = match rest.len() < ENTRY_BYTES {
                true => ENTRY_BYTES,
                false => zip_index::entry_length(rest),
            };
            // What is longer than the directory is malformed, which reading it says.
            let needed = needed.min(left);
            let Some(window) = rest.get(..needed) else {
                return Ok(Some(Need {
                    offset: *position,
                    length: needed,
                }));
            };
            *count += 1;
            zip_index::check_count(*count, directory)?;
            let (entry, next) = DirectoryEntry::read(window, 0, window.len())?;
            *position += u64::try_from(next).unwrap_or(u64::MAX);
            let place = place_of(&entry, directory)?;
            let found = |kind| entry.found(kind);
            match entry.role(&mut self.builder, budget)? {
                Role::Directory => {
                    let found = found(EntryKind::Directory);
                    self.builder.add(entry.name, found, Again::Refused)?;
                }
                Role::Other => self.builder.skip(entry.name)?,
                Role::Link => {
                    entry.target().check()?;
                    links.push(Link {
                        place: self.places.len(),
                        found: found(EntryKind::Directory),
                    });
                }
                Role::File => {
                    let data = DataRef::Placed {
                        place: u32::try_from(self.places.len()).unwrap_or(u32::MAX),
                    };
                    let size = entry.size;
                    let found = found(EntryKind::File { size, data });
                    self.builder.add(entry.name, found, Again::Refused)?;
                }
            }
            self.places.push(place);
        }
        zip_index::check_all(*count, directory)?;
        Ok(None)
    }

    /// Refuses entries that share bytes, as far as the directory tells, and says to each where
    /// the one after it starts.
    fn end_of_directory(&mut self) -> Result<Phase, ArchiveError> {
        let Phase::ZipDirectory { links, .. } = &mut self.phase else {
            return Ok(Phase::ZipLinks(Vec::new()));
        };
        let mut links = core::mem::take(links);
        let mut order: Vec<usize> = (0..self.places.len()).collect();
        order.sort_by_key(|at| (self.places[*at].header, self.places[*at].packed));
        for pair in order.windows(2) {
            let &[first, second] = pair else { continue };
            let after = self.places[second].header;
            let place = &mut self.places[first];
            let header = u64::try_from(place.header_bytes()).unwrap_or(u64::MAX);
            if place
                .header
                .saturating_add(header)
                .saturating_add(place.packed)
                > after
            {
                return Err(ArchiveError::Overlap {
                    entry: shown(&self.places[second].name),
                    other: shown(&self.places[first].name),
                });
            }
            place.limit = after;
        }
        links.sort_by_key(|link| core::cmp::Reverse(self.places[link.place].header));
        Ok(Phase::ZipLinks(links))
    }

    /// Reads the targets of links as far as they are among `bytes`.
    fn links(&mut self, bytes: &[u8], start: u64) -> Result<Option<Need>, ArchiveError> {
        let Phase::ZipLinks(links) = &mut self.phase else {
            return Ok(None);
        };
        while let Some(link) = links.last() {
            let place = &self.places[link.place];
            let at = place.header.checked_sub(start);
            let at = at.and_then(|at| usize::try_from(at).ok());
            let rest = at.and_then(|at| bytes.get(at..)).unwrap_or_default();
            let header = place.header_bytes();
            if place.packed > PACKED_TARGET_MAX {
                let what = "its size cannot be what it declares";
                return Err(zip_index::damaged_entry(&place.name, what));
            }
            let needs = |length| {
                Ok(Some(Need {
                    offset: place.header,
                    length,
                }))
            };
            if rest.len() < header {
                return needs(header);
            }
            let data = place.data(rest)? - place.header;
            let data = usize::try_from(data).map_err(|_| misplaced(&place.name))?;
            let packed = usize::try_from(place.packed).map_err(|_| misplaced(&place.name))?;
            let Some(packed) = rest.get(data..data + packed) else {
                return needs(data + packed);
            };
            let target = place.target().read(packed)?;
            let found = Found {
                kind: EntryKind::Symlink { target },
                ..link.found.clone()
            };
            self.builder.add(&place.name, found, Again::Refused)?;
            links.pop();
        }
        Ok(None)
    }
}

fn in_directory(directory: Directory) -> Phase {
    Phase::ZipDirectory {
        position: directory.start,
        directory,
        count: 0,
        links: Vec::new(),
    }
}

/// Where an entry is, by the directory alone.
fn place_of(entry: &DirectoryEntry<'_>, directory: &Directory) -> Result<Place, ArchiveError> {
    let place = Place {
        header: entry.local,
        limit: directory.start,
        name: entry.name.into(),
        method: entry.method,
        flags: entry.flags,
        packed: entry.packed,
        size: entry.size,
        crc32: entry.crc32,
        stored: entry.is_stored(),
    };
    let header = u64::try_from(place.header_bytes()).unwrap_or(u64::MAX);
    let end = place.header.checked_add(header);
    match end.and_then(|end| end.checked_add(place.packed)) {
        Some(end) if end <= place.limit => Ok(place),
        _ => Err(misplaced(&place.name)),
    }
}

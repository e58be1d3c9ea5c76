//! Archives that stay where they are: listed and read by range.
//!
//! [`ArchiveOpening`] lists an archive behind a [`RangeCache`]; [`LazyArchive::image`] is its
//! file system, whose reads may wait. What lies in the archive as it is (tar, stored in a zip) is read in place.
//! What is compressed is unpacked whole when it is first read, in step with the bytes that
//! come, and compared with its checksum before a byte of it is handed out; as much is kept as
//! [`KEPT_BYTES`], the least recently read thrown out first. A stored file of a zip is read in
//! place without a look at its checksum, unless it is small ([`CHECKED_BYTES`]).

use core::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker, ready};

use holm_kernel::abi::Errno;
use holm_kernel::vfs::imagefs::{Blob, ImageBuilder, ImageError, ImageFs};
use holm_kernel::vfs::ranges::RangeCache;
use thiserror::Error;

use super::entry_name::shown;
use super::error::ArchiveError;
use super::lazy::{LazyIndexer, Listed, Place};
use super::unpacker::Unpacker;
use super::{Archive, ArchiveEntry, ArchiveFormat, ArchiveLimits, DataRef, EntryKind, FileBytes};

/// Bytes of unpacked files that are kept, but for a single one that is larger.
pub const KEPT_BYTES: u64 = 64 << 20;
/// The largest file that is unpacked; reading a larger one is `EFBIG`.
pub const UNPACKED_BYTES_MAX: u64 = 512 << 20;
/// The largest stored file that is read whole, to compare its checksum.
pub const CHECKED_BYTES: u64 = 256 << 10;

/// Bytes that are read at a time.
const STEP_BYTES: usize = 64 << 10;
/// Bytes that are gathered for the list beyond what it needs.
const WINDOW_BYTES: usize = 256 << 10;

/// Why an archive cannot be opened by range.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpeningError {
    /// It is damaged, hostile, or of an unknown kind.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Its bytes cannot be had.
    #[error("the archive cannot be fetched: {0}")]
    Source(String),
}

/// An archive that is being opened.
#[derive(Debug)]
pub struct ArchiveOpening {
    cache: RangeCache,
    indexer: Option<LazyIndexer>,
    buffer: Vec<u8>,
    filled: usize,
}

impl ArchiveOpening {
    /// Begins to open the archive behind `cache`.
    #[must_use]
    pub fn new(cache: RangeCache, limits: &ArchiveLimits) -> Self {
        let indexer = Some(LazyIndexer::new(cache.length(), limits));
        Self {
            cache,
            indexer,
            buffer: Vec::new(),
            filled: 0,
        }
    }

    /// Goes on until bytes are missing; `Pending` registers the waker. To be called until it
    /// is ready, and then no more.
    pub fn poll(&mut self, waker: &Waker) -> Poll<Result<LazyArchive, OpeningError>> {
        loop {
            let need = self.indexer.as_ref().and_then(LazyIndexer::need);
            let Some(need) = need else {
                let listed = match self.indexer.take() {
                    Some(indexer) => indexer.finish()?,
                    None => return Poll::Ready(Err(OpeningError::Source("it is open".to_owned()))),
                };
                return Poll::Ready(Ok(LazyArchive::new(listed, self.cache.clone())));
            };
            self.buffer.resize(need.length.max(WINDOW_BYTES), 0);
            while self.filled < need.length {
                let offset = need.offset + u64::try_from(self.filled).unwrap_or(u64::MAX);
                let rest = &mut self.buffer[self.filled..];
                match ready!(self.cache.poll_read(offset, rest, waker)) {
                    Ok(0) => {
                        return Poll::Ready(Err(ArchiveError::Truncated { after: None }.into()));
                    }
                    Ok(read) => self.filled += read,
                    Err(errno) => {
                        let problem = self.cache.problem();
                        let problem = problem.unwrap_or_else(|| errno.to_string());
                        return Poll::Ready(Err(OpeningError::Source(problem)));
                    }
                }
            }
            let filled = core::mem::take(&mut self.filled);
            if let Some(indexer) = &mut self.indexer {
                indexer.feed(&self.buffer[..filled])?;
            }
        }
    }
}

/// An archive whose files are read by range; clones are one archive.
#[derive(Clone)]
pub struct LazyArchive(Arc<Shared>);

struct Shared {
    format: ArchiveFormat,
    skipped: usize,
    content: Content,
    kept: Mutex<Kept>,
    problem: Mutex<Option<String>>,
}

enum Content {
    /// A compressed tar, unpacked.
    Whole(Archive),
    Ranges {
        cache: RangeCache,
        entries: Vec<ArchiveEntry>,
        places: Vec<Place>,
        /// Where the data of each place starts, once its header was read.
        starts: Vec<OnceLock<u64>>,
    },
}

impl fmt::Debug for LazyArchive {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LazyArchive")
            .field("format", &self.0.format)
            .field("entries", &self.entries().len())
            .finish_non_exhaustive()
    }
}

impl LazyArchive {
    fn new(listed: Listed, cache: RangeCache) -> Self {
        let (format, skipped, content) = match listed {
            Listed::Whole(archive) => {
                let (format, skipped) = (archive.format(), archive.skipped());
                (format, skipped, Content::Whole(archive))
            }
            Listed::Ranges {
                format,
                entries,
                skipped,
                places,
            } => {
                let starts = places.iter().map(|_| OnceLock::new()).collect();
                let content = Content::Ranges {
                    cache,
                    entries,
                    places,
                    starts,
                };
                (format, skipped, content)
            }
        };
        Self(Arc::new(Shared {
            format,
            skipped,
            content,
            kept: Mutex::default(),
            problem: Mutex::default(),
        }))
    }

    /// The format that was found.
    #[must_use]
    pub fn format(&self) -> ArchiveFormat {
        self.0.format
    }

    /// The entries, sorted by path, each directory before what is in it.
    #[must_use]
    pub fn entries(&self) -> &[ArchiveEntry] {
        match &self.0.content {
            Content::Whole(archive) => archive.entries(),
            Content::Ranges { entries, .. } => entries,
        }
    }

    /// How many devices, sockets and pipes were left out.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.0.skipped
    }

    /// What went wrong last, in words for whoever mounted it: a file that is damaged, a source
    /// that fails or changed.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let own = lock(&self.0.problem).clone();
        own.or_else(|| match &self.0.content {
            Content::Whole(_) => None,
            Content::Ranges { cache, .. } => cache.problem(),
        })
    }

    /// Bytes of unpacked files that are held now.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        lock(&self.0.kept).bytes()
    }

    /// Reads the file at a position of [`LazyArchive::entries`]; 0 is its end. `Pending`
    /// registers the waker. `EIO` when the bytes cannot be had or are not what they should
    /// be, which [`LazyArchive::problem`] then explains; `EFBIG` for a compressed file over
    /// [`UNPACKED_BYTES_MAX`]; `EISDIR` for what is no file.
    pub fn poll_read_at(
        &self,
        position: usize,
        offset: u64,
        buffer: &mut [u8],
        waker: &Waker,
    ) -> Poll<Result<usize, Errno>> {
        let kind = self.entries().get(position).map(|entry| &entry.kind);
        let Some(EntryKind::File { size, data }) = kind else {
            return Poll::Ready(Err(Errno::IsDirectory));
        };
        let left = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let buffer = &mut buffer[..length];
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        match (&self.0.content, *data) {
            (Content::Whole(archive), _) => {
                let bytes = archive.read(position).map_err(|error| self.failed(&error));
                Poll::Ready(bytes.map(|bytes: FileBytes| copy(&bytes, offset, buffer)))
            }
            (Content::Ranges { cache, .. }, DataRef::Placed { place }) => {
                self.read_placed(cache, place, offset, buffer, waker)
            }
            (
                Content::Ranges { cache, .. },
                DataRef::Range { offset: start, .. }
                | DataRef::Stored { offset: start, .. }
                | DataRef::Deflated { offset: start, .. },
            ) => cache.poll_read(start.saturating_add(offset), buffer, waker),
        }
    }

    /// The archive as a read-only file system.
    ///
    /// # Errors
    ///
    /// [`ImageError::TooMany`]; nothing else comes out of a checked list.
    pub fn image(&self) -> Result<Arc<ImageFs>, ImageError> {
        let mut builder = ImageBuilder::new();
        for (position, entry) in self.entries().iter().enumerate() {
            let path = entry.path();
            match &entry.kind {
                EntryKind::Directory => builder.add_directory(path)?,
                EntryKind::Symlink { target } => builder.add_symlink(path, target)?,
                EntryKind::File { size, .. } => {
                    let file = LazyFile {
                        archive: self.clone(),
                        position,
                        size: *size,
                    };
                    let modified_ns = entry.mtime_nanoseconds;
                    builder.add_file(path, Arc::new(file), modified_ns, entry.executable)?;
                }
            }
        }
        builder.build()
    }

    fn failed(&self, error: &ArchiveError) -> Errno {
        *lock(&self.0.problem) = Some(error.to_string());
        match error {
            ArchiveError::OutOfMemory { .. } => Errno::NoMemory,
            _ => Errno::Io,
        }
    }

    fn read_placed(
        &self,
        cache: &RangeCache,
        place: u32,
        offset: u64,
        buffer: &mut [u8],
        waker: &Waker,
    ) -> Poll<Result<usize, Errno>> {
        let Content::Ranges { places, starts, .. } = &self.0.content else {
            return Poll::Ready(Err(Errno::Io));
        };
        let at = usize::try_from(place).unwrap_or(usize::MAX);
        let (Some(place), Some(start)) = (places.get(at), starts.get(at)) else {
            return Poll::Ready(Err(Errno::Io));
        };
        let start = match start.get() {
            Some(start) => *start,
            None => {
                let found = ready!(read_header(cache, place, waker))?;
                let found = found.map_err(|error| self.failed(&error))?;
                *start.get_or_init(|| found)
            }
        };
        if place.stored && place.size > CHECKED_BYTES {
            return cache.poll_read(start.saturating_add(offset), buffer, waker);
        }
        if place.size > UNPACKED_BYTES_MAX {
            let (name, size) = (shown(&place.name), place.size);
            *lock(&self.0.problem) = Some(format!(
                "`{name}` unpacks to {size} bytes; files of up to {UNPACKED_BYTES_MAX} bytes are \
                 read from a compressed archive that is not there whole"
            ));
            return Poll::Ready(Err(Errno::FileTooBig));
        }
        let file = lock(&self.0.kept).touch(at, place);
        let mut file = lock(&file);
        let unpacked = match ready!(file.unpack(cache, place, start, waker))? {
            Ok(unpacked) => unpacked,
            Err(error) => {
                drop(file);
                lock(&self.0.kept).remove(at);
                return Poll::Ready(Err(self.failed(&error)));
            }
        };
        let read = copy(unpacked, offset, buffer);
        drop(file);
        lock(&self.0.kept).finished(at);
        Poll::Ready(Ok(read))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn copy(bytes: &[u8], offset: u64, buffer: &mut [u8]) -> usize {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let rest = bytes.get(start..).unwrap_or_default();
    let length = rest.len().min(buffer.len());
    buffer[..length].copy_from_slice(&rest[..length]);
    length
}

/// Where an entry's data starts, when its header is there.
fn read_header(
    cache: &RangeCache,
    place: &Place,
    waker: &Waker,
) -> Poll<Result<Result<u64, ArchiveError>, Errno>> {
    let mut header = vec![0; place.header_bytes()];
    let mut filled = 0;
    while filled < header.len() {
        let offset = place.header + u64::try_from(filled).unwrap_or(u64::MAX);
        match ready!(cache.poll_read(offset, &mut header[filled..], waker))? {
            0 => break,
            read => filled += read,
        }
    }
    Poll::Ready(Ok(place.data(&header[..filled])))
}

/// A file of the archive, for the file system.
#[derive(Debug)]
struct LazyFile {
    archive: LazyArchive,
    position: usize,
    size: u64,
}

impl Blob for LazyFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        match self.poll_read_at(offset, buffer, Waker::noop()) {
            Poll::Ready(read) => read,
            Poll::Pending => Err(Errno::Again),
        }
    }

    fn poll_read_at(
        &self,
        offset: u64,
        buffer: &mut [u8],
        waker: &Waker,
    ) -> Poll<Result<usize, Errno>> {
        self.archive
            .poll_read_at(self.position, offset, buffer, waker)
    }

    fn may_wait(&self) -> bool {
        matches!(self.archive.0.content, Content::Ranges { .. })
    }
}

/// Files that are unpacked, and such as are being unpacked; the one that was asked for last at
/// the end.
#[derive(Default)]
struct Kept {
    files: Vec<KeptFile>,
}

struct KeptFile {
    place: usize,
    size: u64,
    is_finished: bool,
    file: Arc<Mutex<UnpackedFile>>,
}

impl Kept {
    fn bytes(&self) -> u64 {
        self.files.iter().map(|kept| kept.size).sum()
    }

    /// The file of a place, begun if it is not there. Makes room by throwing out the finished;
    /// those under way only when they take more than the largest file may, for they would
    /// begin again: some may belong to who never asks again.
    fn touch(&mut self, at: usize, place: &Place) -> Arc<Mutex<UnpackedFile>> {
        let found = self.files.iter().position(|kept| kept.place == at);
        let kept = match found {
            Some(found) => self.files.remove(found),
            None => {
                self.make_room(place.size, KEPT_BYTES, true);
                self.make_room(place.size, UNPACKED_BYTES_MAX, false);
                KeptFile {
                    place: at,
                    size: place.size,
                    is_finished: false,
                    file: Arc::default(),
                }
            }
        };
        let file = Arc::clone(&kept.file);
        self.files.push(kept);
        file
    }

    fn make_room(&mut self, size: u64, most: u64, finished: bool) {
        while self.bytes().saturating_add(size) > most {
            let oldest = self
                .files
                .iter()
                .position(|kept| kept.is_finished || !finished);
            match oldest {
                Some(oldest) => drop(self.files.remove(oldest)),
                None => return,
            }
        }
    }

    fn finished(&mut self, at: usize) {
        let kept = self.files.iter_mut().find(|kept| kept.place == at);
        if let Some(kept) = kept {
            kept.is_finished = true;
        }
    }

    fn remove(&mut self, at: usize) {
        self.files.retain(|kept| kept.place != at);
    }
}

/// A file, as far as it is unpacked.
#[derive(Default)]
struct UnpackedFile {
    consumed: u64,
    unpacker: Unpacker,
    is_whole: bool,
}

impl UnpackedFile {
    /// Unpacks what has come; all of it when everything has.
    fn unpack(
        &mut self,
        cache: &RangeCache,
        place: &Place,
        start: u64,
        waker: &Waker,
    ) -> Poll<Result<Result<&[u8], ArchiveError>, Errno>> {
        let mut buffer = Vec::new();
        while !self.is_whole {
            let left = place.packed.saturating_sub(self.consumed);
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(STEP_BYTES);
            buffer.resize(step, 0);
            let read = match step {
                0 => 0,
                _ => {
                    let offset = start.saturating_add(self.consumed);
                    ready!(cache.poll_read(offset, &mut buffer, waker))?
                }
            };
            self.consumed += u64::try_from(read).unwrap_or(u64::MAX);
            let pushed = match read {
                0 => self.unpacker.finish(place.size, place.crc32),
                _ => self
                    .unpacker
                    .push(&buffer[..read], place.stored, place.size),
            };
            match pushed {
                Ok(()) => self.is_whole = read == 0,
                Err(error) => return Poll::Ready(Ok(Err(error.of(&place.name, place.size)))),
            }
        }
        Poll::Ready(Ok(Ok(self.unpacker.bytes())))
    }
}

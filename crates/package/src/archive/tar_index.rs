//! Reading the headers of a tar: ustar, GNU and PAX.
//!
//! The walk from header to header is ours and `tar` decodes the fields: every length is then
//! compared with the bytes that are there before anything is read or allocated.

use tar::{EntryType, Header, PaxExtensions};

use super::entry_name::{PATH_BYTES_MAX, checked_target, shown};
use super::error::ArchiveError;
use super::index::{Again, Found, IndexBuilder};
use super::{DataRef, EntryKind};

const BLOCK_BYTES: usize = 512;
const BLOCK_LENGTH: u64 = 512;

/// The longest PAX header of one entry, in bytes. Real ones hold a name and a few times.
const PAX_BYTES_MAX: usize = 1 << 20;

/// Lists the entries of a tar. Its end mark is required: without it, a tar cut off between two
/// entries would look whole.
pub(super) fn index(bytes: &[u8], builder: &mut IndexBuilder) -> Result<(), ArchiveError> {
    let total = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mut walker = TarWalker::default();
    match walker.walk(bytes, 0, total, builder)? {
        Walked::Done => Ok(()),
        // Nothing can be missing of all there is but what was cut off.
        Walked::Needs { .. } => Err(ArchiveError::Truncated { after: walker.last }),
    }
}

/// How far a walk got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walked {
    /// To the end mark.
    Done,
    /// To a header that is not in the window, wholly or with the names that follow it.
    Needs { offset: u64, length: usize },
}

/// A walk from header to header, through all of a tar or a window after the other.
#[derive(Debug, Default)]
pub(super) struct TarWalker {
    position: u64,
    extensions: Extensions,
    last: Option<String>,
}

impl TarWalker {
    /// Walks on through `window`, the bytes from `start` on of a tar of `total` bytes.
    pub(super) fn walk(
        &mut self,
        window: &[u8],
        start: u64,
        total: u64,
        builder: &mut IndexBuilder,
    ) -> Result<Walked, ArchiveError> {
        loop {
            let truncated = || ArchiveError::Truncated {
                after: self.last.clone(),
            };
            let needs = |length| {
                Ok(Walked::Needs {
                    offset: self.position,
                    length,
                })
            };
            let end = self.position.checked_add(BLOCK_LENGTH);
            let end = end.filter(|end| *end <= total).ok_or_else(truncated)?;
            let from = self.position.checked_sub(start);
            let from = from.and_then(|from| usize::try_from(from).ok());
            let Some(rest) = from.and_then(|from| window.get(from..)) else {
                return needs(BLOCK_BYTES);
            };
            let Some((block, rest)) = rest.split_at_checked(BLOCK_BYTES) else {
                return needs(BLOCK_BYTES);
            };
            if block.iter().all(|byte| *byte == 0) {
                return match self.extensions.any() {
                    false => Ok(Walked::Done),
                    true => {
                        let what = "its last entry has a name and no content";
                        Err(damaged(self.last.take(), what))
                    }
                };
            }
            let header = Header::from_byte_slice(block);
            check_header(header, self.last.as_ref())?;
            let entry_type = header.entry_type();
            let size = match self.extensions.size()? {
                Some(size) if !is_extension(entry_type) => size,
                _ => header
                    .entry_size()
                    .map_err(|_| damaged(self.last.clone(), "a size is not a number"))?,
            };
            let data_end = end.checked_add(size).filter(|end| *end <= total);
            let data_end = data_end.ok_or_else(truncated)?;
            let next = data_end.checked_next_multiple_of(BLOCK_LENGTH);
            let next = next.ok_or_else(truncated)?;
            if is_extension(entry_type) {
                let used = extension_bytes(entry_type, size);
                let used = used.map_err(|what| damaged(self.last.clone(), what))?;
                let Some(data) = rest.get(..used) else {
                    return needs(BLOCK_BYTES + used);
                };
                self.extensions.take(entry_type, data, self.last.as_ref())?;
            } else {
                let entry = Entry {
                    header,
                    offset: end,
                    size,
                    extensions: core::mem::take(&mut self.extensions),
                };
                let path = entry.path();
                self.last = Some(shown(&path));
                entry.add(&path, builder)?;
            }
            self.position = next;
        }
    }
}

/// How many bytes of an extension of `size` bytes are looked at.
fn extension_bytes(entry_type: EntryType, size: u64) -> Result<usize, &'static str> {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if entry_type.is_pax_local_extensions() {
        if size > PAX_BYTES_MAX {
            return Err("the PAX header of the entry after it is over a mebibyte long");
        }
        Ok(size)
    } else if entry_type.is_gnu_longname() || entry_type.is_gnu_longlink() {
        // One byte more than fits is enough to be refused by the check of names.
        Ok(size.min(PATH_BYTES_MAX + 1))
    } else {
        // Global records and labels say nothing that is used here: comments, mostly.
        Ok(0)
    }
}

fn damaged(entry: Option<String>, what: &str) -> ArchiveError {
    ArchiveError::Damaged {
        entry,
        what: what.to_owned(),
    }
}

/// Whether a block is a header at all.
pub(super) fn is_header(block: &[u8]) -> bool {
    block.len() == BLOCK_BYTES && checksum_holds(Header::from_byte_slice(block))
}

fn checksum_holds(header: &Header) -> bool {
    // The checksum's own eight bytes count as spaces.
    let bytes = header.as_bytes();
    let others = bytes[..148].iter().chain(&bytes[156..]);
    let sum = others.fold(8 * 32, |sum: u32, byte| sum + u32::from(*byte));
    header.cksum().is_ok_and(|written| written == sum)
}

fn check_header(header: &Header, last: Option<&String>) -> Result<(), ArchiveError> {
    if checksum_holds(header) {
        Ok(())
    } else {
        let what = "the checksum of the entry after it is wrong";
        let first = "the checksum of its first entry is wrong";
        let what = if last.is_some() { what } else { first };
        Err(damaged(last.cloned(), what))
    }
}

/// Whether a header describes the next entry, or the archive, rather than being an entry.
fn is_extension(entry_type: EntryType) -> bool {
    entry_type.is_gnu_longname()
        || entry_type.is_gnu_longlink()
        || entry_type.is_pax_local_extensions()
        || entry_type.is_pax_global_extensions()
        || entry_type.as_byte() == VOLUME_LABEL
}

/// GNU's label of a volume, which names no file.
const VOLUME_LABEL: u8 = b'V';

/// What the headers before an entry say of it.
#[derive(Debug, Default)]
struct Extensions {
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    pax: Option<Pax>,
}

/// The PAX records that matter here.
#[derive(Debug, Default)]
struct Pax {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<Vec<u8>>,
    mtime: Option<Vec<u8>>,
    sparse: bool,
}

impl Extensions {
    fn any(&self) -> bool {
        self.long_name.is_some() || self.long_link.is_some() || self.pax.is_some()
    }

    fn take(
        &mut self,
        entry_type: EntryType,
        data: &[u8],
        last: Option<&String>,
    ) -> Result<(), ArchiveError> {
        let twice = || damaged(last.cloned(), "the entry after it has two long names");
        if entry_type.is_gnu_longname() || entry_type.is_gnu_longlink() {
            let name = data.split(|byte| *byte == 0).next().unwrap_or_default();
            let name = name.to_vec();
            let place = match entry_type.is_gnu_longname() {
                true => &mut self.long_name,
                false => &mut self.long_link,
            };
            return match place.replace(name) {
                None => Ok(()),
                Some(_) => Err(twice()),
            };
        }
        if entry_type.is_pax_local_extensions() {
            let records = Pax::read(data).map_err(|what| damaged(last.cloned(), what))?;
            return match self.pax.replace(records) {
                None => Ok(()),
                Some(_) => Err(twice()),
            };
        }
        Ok(())
    }

    fn size(&self) -> Result<Option<u64>, ArchiveError> {
        let Some(written) = self.pax.as_ref().and_then(|pax| pax.size.as_ref()) else {
            return Ok(None);
        };
        let digits = core::str::from_utf8(written).ok();
        let size = digits.and_then(|digits| digits.parse::<u64>().ok());
        match size {
            Some(size) => Ok(Some(size)),
            None => Err(damaged(None, "a PAX size is not a number")),
        }
    }
}

impl Pax {
    fn read(data: &[u8]) -> Result<Self, &'static str> {
        let mut pax = Self::default();
        for record in PaxExtensions::new(data) {
            let record = record.map_err(|_| "the PAX header of the entry after it is malformed")?;
            let value = || Some(record.value_bytes().to_vec());
            match record.key_bytes() {
                b"path" => pax.path = value(),
                b"linkpath" => pax.link = value(),
                b"size" => pax.size = value(),
                b"mtime" => pax.mtime = value(),
                key if key.starts_with(b"GNU.sparse.") => pax.sparse = true,
                _ => {}
            }
        }
        Ok(pax)
    }
}

/// One entry with all that is said of it.
struct Entry<'b> {
    header: &'b Header,
    offset: u64,
    size: u64,
    extensions: Extensions,
}

impl Entry<'_> {
    fn path(&self) -> Vec<u8> {
        let pax = self
            .extensions
            .pax
            .as_ref()
            .and_then(|pax| pax.path.clone());
        let long = self.extensions.long_name.clone();
        pax.or(long)
            .unwrap_or_else(|| self.header.path_bytes().into_owned())
    }

    fn link(&self) -> Vec<u8> {
        let pax = self
            .extensions
            .pax
            .as_ref()
            .and_then(|pax| pax.link.clone());
        let long = self.extensions.long_link.clone();
        pax.or(long).unwrap_or_else(|| {
            let link = self.header.link_name_bytes();
            link.map(|link| link.into_owned()).unwrap_or_default()
        })
    }

    fn add(&self, path: &[u8], builder: &mut IndexBuilder) -> Result<(), ArchiveError> {
        let entry_type = self.header.entry_type();
        let unsupported = |what| ArchiveError::Unsupported {
            entry: shown(path),
            what,
        };
        let is_sparse = self.extensions.pax.as_ref().is_some_and(|pax| pax.sparse);
        if is_sparse || entry_type.is_gnu_sparse() {
            return Err(unsupported("a sparse file"));
        }
        let is_file = entry_type.is_file() || entry_type.is_contiguous();
        if is_file && !path.ends_with(b"/") {
            return self.add_file(path, builder);
        }
        if self.size > 0 {
            // Readers disagree on whether the bytes are there, and so on what comes next.
            let what = "an entry that is not a file has content";
            return Err(damaged(Some(shown(path)), what));
        }
        let kind = match entry_type {
            // Before ustar a directory was a file whose name ends in a slash.
            _ if is_file => EntryKind::Directory,
            EntryType::Directory => EntryKind::Directory,
            EntryType::Symlink => EntryKind::Symlink {
                target: checked_target(path, &self.link())?,
            },
            EntryType::Link => {
                let linked = builder.linked(path, &self.link())?;
                return builder.add(path, linked, Again::Replaces);
            }
            EntryType::Char | EntryType::Block | EntryType::Fifo => return builder.skip(path),
            _ => return Err(unsupported("an entry of an unknown type")),
        };
        builder.add(path, self.found(kind), Again::Replaces)
    }

    fn add_file(&self, path: &[u8], builder: &mut IndexBuilder) -> Result<(), ArchiveError> {
        builder.add_unpacked(path, self.size)?;
        let kind = EntryKind::File {
            size: self.size,
            data: DataRef::Range {
                offset: self.offset,
                length: self.size,
            },
        };
        builder.add(path, self.found(kind), Again::Replaces)
    }

    fn found(&self, kind: EntryKind) -> Found {
        let pax = self.extensions.pax.as_ref();
        let precise = pax
            .and_then(|pax| pax.mtime.as_deref())
            .and_then(nanoseconds);
        // A time or a mode that cannot be read harms nobody: the file is there all the same.
        let seconds = self.header.mtime().unwrap_or(0);
        Found {
            kind,
            mtime_nanoseconds: precise.unwrap_or_else(|| seconds.saturating_mul(1_000_000_000)),
            executable: self.header.mode().unwrap_or(0) & 0o111 != 0,
        }
    }
}

/// Reads a PAX time, `1700000000.25`. A time before 1970 is 0.
fn nanoseconds(written: &[u8]) -> Option<u64> {
    let text = core::str::from_utf8(written).ok()?;
    if text.starts_with('-') {
        return Some(0);
    }
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    let seconds: u64 = seconds.parse().ok()?;
    let nanoseconds: u64 = digits.parse().ok()?;
    Some(
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(nanoseconds),
    )
}

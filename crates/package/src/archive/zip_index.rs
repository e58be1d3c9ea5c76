//! Reading the directory of a zip.
//!
//! Ours rather than a crate's: what makes a zip hostile (entries that share bytes, two entries
//! of one name, a local header that contradicts the directory, sizes that cannot be) is what
//! general readers hide behind a map of names.

use super::entry_name::{PATH_BYTES_MAX, checked_target, shown};
use super::error::ArchiveError;
use super::index::{Again, Found, IndexBuilder};
use super::unpack::{Budget, budget, check_crc, inflate};
use super::{ArchiveLimits, DataRef, EntryKind};

const END_SIGNATURE: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const END64_SIGNATURE: &[u8] = b"PK\x06\x06";
pub(super) const END64_BYTES: usize = 56;
const LOCATOR64_SIGNATURE: &[u8] = b"PK\x06\x07";
const LOCATOR64_BYTES: usize = 20;
const ENTRY_SIGNATURE: &[u8] = b"PK\x01\x02";
pub(super) const ENTRY_BYTES: usize = 46;
const LOCAL_SIGNATURE: &[u8] = b"PK\x03\x04";
pub(super) const LOCAL_BYTES: usize = 30;

/// Flags of encryption: of the content, strong, and of the directory.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// Deflate never makes more than this of one byte; a declared size beyond it is a lie.
const DEFLATE_RATIO_MAX: u64 = 1032;

/// The system that made an entry, whose attributes are then a Unix mode.
const UNIX: u8 = 3;
const MACOS: u8 = 19;

/// The longest end of a zip: a comment, the end record, the place of the one of a zip64.
pub(super) const TAIL_BYTES: usize = u16::MAX as usize + END_BYTES + LOCATOR64_BYTES;

/// Lists the entries of a zip.
pub(super) fn index(
    bytes: &[u8],
    builder: &mut IndexBuilder,
    limits: &ArchiveLimits,
) -> Result<(), ArchiveError> {
    let directory = match read_tail(bytes, 0)? {
        End::Directory(directory) => directory,
        End::Record64 { record } => {
            let at = usize::try_from(record).unwrap_or(usize::MAX);
            read_end64(bytes.get(at..).unwrap_or_default(), record)?
        }
    };
    let misplaced = |_| damaged("its directory is not where it says");
    let start = usize::try_from(directory.start).map_err(misplaced)?;
    let end = usize::try_from(directory.end).map_err(misplaced)?;
    let budget = budget(u64::try_from(bytes.len()).unwrap_or(u64::MAX), limits);
    let mut extents: Vec<Extent> = Vec::new();
    let mut position = start;
    let mut count: u64 = 0;
    while position < end {
        count += 1;
        check_count(count, &directory)?;
        let (entry, next) = DirectoryEntry::read(bytes, position, end)?;
        position = next;
        let extent = entry.locate(bytes, start)?;
        let data = (extent.data, extent.end);
        entry.add(bytes, data, builder, budget)?;
        extents.push(extent);
    }
    check_all(count, &directory)?;
    check_overlaps(bytes, extents)
}

pub(super) fn check_count(count: u64, directory: &Directory) -> Result<(), ArchiveError> {
    if count > directory.entries {
        return Err(damaged("its directory holds more entries than it says"));
    }
    Ok(())
}

pub(super) fn check_all(count: u64, directory: &Directory) -> Result<(), ArchiveError> {
    if count != directory.entries {
        return Err(damaged("its directory holds fewer entries than it says"));
    }
    Ok(())
}

pub(super) fn damaged(what: &str) -> ArchiveError {
    ArchiveError::Damaged {
        entry: None,
        what: what.to_owned(),
    }
}

pub(super) fn damaged_entry(name: &[u8], what: &str) -> ArchiveError {
    ArchiveError::Damaged {
        entry: Some(shown(name)),
        what: what.to_owned(),
    }
}

fn u16_at(bytes: &[u8], position: usize) -> Option<u16> {
    let field = bytes.get(position..)?.first_chunk()?;
    Some(u16::from_le_bytes(*field))
}

fn u32_at(bytes: &[u8], position: usize) -> Option<u32> {
    let field = bytes.get(position..)?.first_chunk()?;
    Some(u32::from_le_bytes(*field))
}

fn u64_at(bytes: &[u8], position: usize) -> Option<u64> {
    let field = bytes.get(position..)?.first_chunk()?;
    Some(u64::from_le_bytes(*field))
}

/// Where the directory is and how many entries it says it has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Directory {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) entries: u64,
}

impl Directory {
    /// A directory that ends at `limit` at the latest.
    fn within(start: u64, size: u64, entries: u64, limit: u64) -> Result<Self, ArchiveError> {
        match start.checked_add(size) {
            Some(end) if end <= limit => Ok(Self {
                start,
                end,
                entries,
            }),
            _ => Err(damaged("its directory is not where it says")),
        }
    }
}

/// What the end of a zip leads to.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// The directory.
    Directory(Directory),
    /// The end record of a zip64, of [`END64_BYTES`], to be read by [`read_end64`].
    Record64 { record: u64 },
}

/// Reads the end of a zip: its bytes from `start` on, all or at least [`TAIL_BYTES`].
pub(super) fn read_tail(bytes: &[u8], start: u64) -> Result<End, ArchiveError> {
    let truncated = ArchiveError::Truncated { after: None };
    let end_record = find_end(bytes).ok_or(truncated)?;
    let at = |position: usize| start.saturating_add(u64::try_from(position).unwrap_or(u64::MAX));
    let disks = u32_at(bytes, end_record + 4).unwrap_or(u32::MAX);
    let entries_here = u16_at(bytes, end_record + 8);
    let entries = u16_at(bytes, end_record + 10);
    let size = u32_at(bytes, end_record + 12);
    let offset = u32_at(bytes, end_record + 16);
    let (Some(here), Some(entries), Some(size), Some(offset)) =
        (entries_here, entries, size, offset)
    else {
        return Err(damaged("its end record is cut off"));
    };
    let locator = end_record.checked_sub(LOCATOR64_BYTES);
    let locator = locator.filter(|at| bytes[*at..].starts_with(LOCATOR64_SIGNATURE));
    let Some(locator) = locator else {
        if disks != 0 || here != entries {
            return Err(damaged("it is one part of several"));
        }
        let (offset, size) = (u64::from(offset), u64::from(size));
        let directory = Directory::within(offset, size, u64::from(entries), at(end_record))?;
        return Ok(End::Directory(directory));
    };
    let record = u64_at(bytes, locator + 8);
    let fits = |record: &u64| {
        let end = record.checked_add(u64::try_from(END64_BYTES).unwrap_or(u64::MAX));
        end.is_some_and(|end| end <= at(locator))
    };
    match record.filter(fits) {
        Some(record) => Ok(End::Record64 { record }),
        None => Err(malformed64()),
    }
}

fn malformed64() -> ArchiveError {
    damaged("its zip64 end record is malformed")
}

/// The end record: the last one whose comment reaches exactly to the end of the file.
fn find_end(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(END_BYTES)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    (first..=last).rev().find(|position| {
        bytes[*position..].starts_with(END_SIGNATURE)
            && u16_at(bytes, position + 20)
                .is_some_and(|comment| position + END_BYTES + usize::from(comment) == bytes.len())
    })
}

/// Reads the end record of a zip64, which is at `record`.
pub(super) fn read_end64(bytes: &[u8], record: u64) -> Result<Directory, ArchiveError> {
    if !bytes.starts_with(END64_SIGNATURE) {
        return Err(malformed64());
    }
    let field = |offset: usize| u64_at(bytes, offset).ok_or_else(malformed64);
    // The numbers of this disk and of the directory's, side by side.
    if field(16)? != 0 || field(24)? != field(32)? {
        return Err(damaged("it is one part of several"));
    }
    Directory::within(field(48)?, field(40)?, field(32)?, record)
}

/// One entry as the directory has it.
pub(super) struct DirectoryEntry<'b> {
    pub(super) name: &'b [u8],
    made_by: u8,
    pub(super) flags: u16,
    pub(super) method: u16,
    dos_time: u16,
    dos_date: u16,
    unix_seconds: Option<i32>,
    pub(super) crc32: u32,
    pub(super) packed: u64,
    pub(super) size: u64,
    attributes: u32,
    pub(super) local: u64,
}

/// The bytes that an entry takes: its local header, its name, its data.
struct Extent {
    start: usize,
    data: usize,
    end: usize,
}

/// The length of the entry at the start of `bytes`, as far as it can be told.
pub(super) fn entry_length(bytes: &[u8]) -> usize {
    let variable = [28, 30, 32].map(|at| usize::from(u16_at(bytes, at).unwrap_or(0)));
    ENTRY_BYTES + variable.iter().sum::<usize>()
}

/// What an entry's own header says.
pub(super) struct Local {
    /// Bytes from its start to the data.
    pub(super) length: usize,
    /// Whether it says what the directory says.
    pub(super) agrees: bool,
}

impl Local {
    /// Reads the header at the start of `bytes`, which hold the entry's name too if that is
    /// `name`. `None` when there is no header.
    pub(super) fn read(bytes: &[u8], name: &[u8], method: u16, flags: u16) -> Option<Self> {
        let fixed = bytes.get(..LOCAL_BYTES)?;
        if !fixed.starts_with(LOCAL_SIGNATURE) {
            return None;
        }
        let name_end = LOCAL_BYTES + usize::from(u16_at(fixed, 26)?);
        let same_name = bytes.get(LOCAL_BYTES..name_end) == Some(name);
        let same_method = u16_at(fixed, 8)? == method;
        Some(Self {
            length: name_end + usize::from(u16_at(fixed, 28)?),
            agrees: same_name && same_method && (u16_at(fixed, 6)? ^ flags) & ENCRYPTED == 0,
        })
    }
}

pub(super) fn misplaced(name: &[u8]) -> ArchiveError {
    damaged_entry(name, "its data is not where the directory says")
}

pub(super) fn contradicts(name: &[u8]) -> ArchiveError {
    damaged_entry(name, "its own header contradicts the directory")
}

/// What an entry turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Directory,
    File,
    Link,
    /// A device, a socket or a pipe.
    Other,
}

impl<'b> DirectoryEntry<'b> {
    /// Reads the entry at `position`; also says where the next one is.
    pub(super) fn read(
        bytes: &'b [u8],
        position: usize,
        end: usize,
    ) -> Result<(Self, usize), ArchiveError> {
        let malformed = || damaged("its directory is malformed");
        let fixed_end = position
            .checked_add(ENTRY_BYTES)
            .filter(|fixed| *fixed <= end)
            .ok_or_else(malformed)?;
        let fixed = &bytes[position..fixed_end];
        if !fixed.starts_with(ENTRY_SIGNATURE) {
            return Err(malformed());
        }
        let short = |offset: usize| u16_at(fixed, offset).ok_or_else(malformed);
        let long = |offset: usize| u32_at(fixed, offset).ok_or_else(malformed);
        let name_end = fixed_end + usize::from(short(28)?);
        let extra_end = name_end + usize::from(short(30)?);
        let next = extra_end + usize::from(short(32)?);
        if next > end {
            return Err(malformed());
        }
        let mut entry = Self {
            name: &bytes[fixed_end..name_end],
            made_by: fixed[5],
            flags: short(8)?,
            method: short(10)?,
            dos_time: short(12)?,
            dos_date: short(14)?,
            unix_seconds: None,
            crc32: long(16)?,
            packed: u64::from(long(20)?),
            size: u64::from(long(24)?),
            attributes: long(38)?,
            local: u64::from(long(42)?),
        };
        entry.read_extra(&bytes[name_end..extra_end])?;
        Ok((entry, next))
    }

    /// Reads the extra fields that matter: the sizes of zip64, and the time.
    fn read_extra(&mut self, mut extra: &[u8]) -> Result<(), ArchiveError> {
        const ZIP64: u16 = 0x0001;
        const TIMESTAMP: u16 = 0x5455;
        const SATURATED: u64 = u32::MAX as u64;
        let mut zip64_seen = false;
        while let (Some(id), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
            let end = 4 + usize::from(length);
            let Some(field) = extra.get(4..end) else {
                // Padding that is no field, as some tools leave it.
                break;
            };
            if id == ZIP64 && !zip64_seen {
                zip64_seen = true;
                let mut position = 0;
                for value in [&mut self.size, &mut self.packed, &mut self.local] {
                    if *value == SATURATED {
                        let wide = u64_at(field, position);
                        *value = wide.ok_or_else(|| {
                            damaged_entry(self.name, "its zip64 sizes are missing")
                        })?;
                        position += 8;
                    }
                }
            } else if id == TIMESTAMP && field.first().is_some_and(|flags| flags & 1 != 0) {
                self.unix_seconds = u32_at(field, 1).map(u32::cast_signed);
            }
            extra = &extra[end..];
        }
        Ok(())
    }

    /// Finds the entry's data behind its local header, which must agree with the directory.
    fn locate(&self, bytes: &[u8], directory: usize) -> Result<Extent, ArchiveError> {
        let start = usize::try_from(self.local).ok();
        let header = start.and_then(|start| bytes[..directory].get(start..));
        let local =
            header.and_then(|header| Local::read(header, self.name, self.method, self.flags));
        let (Some(start), Some(local)) = (start, local) else {
            return Err(misplaced(self.name));
        };
        let data = start + local.length;
        let packed = usize::try_from(self.packed).ok();
        let end = packed
            .and_then(|packed| data.checked_add(packed))
            .filter(|end| *end <= directory)
            .ok_or_else(|| misplaced(self.name))?;
        if !local.agrees {
            return Err(contradicts(self.name));
        }
        Ok(Extent { start, data, end })
    }

    /// What it is, refused where it cannot be that; the bytes of a file are counted.
    pub(super) fn role(
        &self,
        builder: &mut IndexBuilder,
        budget: Budget,
    ) -> Result<Role, ArchiveError> {
        self.check_supported()?;
        let kind_bits = self.mode().map_or(0, |mode| mode & 0o170_000);
        if self.name.ends_with(b"/") || kind_bits == 0o040_000 {
            if self.size > 0 {
                return Err(damaged_entry(self.name, "a directory has content"));
            }
            return Ok(Role::Directory);
        }
        builder.add_unpacked(self.name, self.size)?;
        if builder.unpacked_bytes() > budget.bytes {
            return Err(budget.exceeded(Some(shown(self.name))));
        }
        Ok(match kind_bits {
            0o120_000 => Role::Link,
            0 | 0o100_000 => Role::File,
            _ => Role::Other,
        })
    }

    fn add(
        &self,
        bytes: &[u8],
        (start, end): (usize, usize),
        builder: &mut IndexBuilder,
        budget: Budget,
    ) -> Result<(), ArchiveError> {
        let offset = u64::try_from(start).unwrap_or(u64::MAX);
        let length = self.packed;
        let crc32 = self.crc32;
        let kind = match self.role(builder, budget)? {
            Role::Directory => EntryKind::Directory,
            Role::Other => return builder.skip(self.name),
            Role::Link => EntryKind::Symlink {
                target: self.target().read(&bytes[start..end])?,
            },
            Role::File => EntryKind::File {
                size: self.size,
                data: match self.is_stored() {
                    true => DataRef::Stored {
                        offset,
                        length,
                        crc32,
                    },
                    false => DataRef::Deflated {
                        offset,
                        length,
                        crc32,
                    },
                },
            },
        };
        builder.add(self.name, self.found(kind), Again::Refused)
    }

    pub(super) fn is_stored(&self) -> bool {
        self.method == STORED
    }

    /// How the target of a link is read.
    pub(super) fn target(&self) -> Target<'b> {
        Target {
            name: self.name,
            stored: self.is_stored(),
            size: self.size,
            crc32: self.crc32,
        }
    }

    /// Refuses what is not read, and sizes that cannot be.
    fn check_supported(&self) -> Result<(), ArchiveError> {
        let unsupported = |what| ArchiveError::Unsupported {
            entry: shown(self.name),
            what,
        };
        if self.flags & ENCRYPTED != 0 {
            return Err(unsupported("encrypted"));
        }
        let possible = match self.method {
            STORED => self.size == self.packed,
            DEFLATED => self.size <= self.packed.saturating_mul(DEFLATE_RATIO_MAX),
            _ => return Err(unsupported("compressed by a method other than deflate")),
        };
        if possible {
            Ok(())
        } else {
            let what = "its size cannot be what it declares";
            Err(damaged_entry(self.name, what))
        }
    }

    fn mode(&self) -> Option<u32> {
        matches!(self.made_by, UNIX | MACOS).then_some(self.attributes >> 16)
    }

    pub(super) fn found(&self, kind: EntryKind) -> Found {
        let seconds = match self.unix_seconds {
            Some(seconds) => u64::try_from(seconds).unwrap_or(0),
            None => dos_seconds(self.dos_date, self.dos_time),
        };
        Found {
            kind,
            mtime_nanoseconds: seconds.saturating_mul(1_000_000_000),
            executable: self.mode().is_some_and(|mode| mode & 0o111 != 0),
        }
    }
}

/// The target of a symbolic link, which is the content of its entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'n> {
    pub(super) name: &'n [u8],
    pub(super) stored: bool,
    pub(super) size: u64,
    pub(super) crc32: u32,
}

impl Target<'_> {
    /// Refuses one that is too long, before anything is read of it.
    pub(super) fn check(&self) -> Result<(), ArchiveError> {
        let too_long = usize::try_from(self.size).map_or(true, |size| size > PATH_BYTES_MAX);
        if too_long {
            return Err(ArchiveError::BadLink {
                entry: shown(self.name),
                target: "…".to_owned(),
                what: "which is over 4096 bytes long",
            });
        }
        Ok(())
    }

    pub(super) fn read(&self, packed: &[u8]) -> Result<Box<str>, ArchiveError> {
        self.check()?;
        let name = String::from_utf8_lossy(self.name);
        if self.stored {
            check_crc(&name, packed, self.crc32)?;
            return checked_target(self.name, packed);
        }
        let target = inflate(&name, packed, self.size, self.crc32)?;
        checked_target(self.name, &target)
    }
}

/// Seconds since 1970 of an MS-DOS date and time, which have no zone and are taken for UTC. A
/// date that does not exist is 0.
fn dos_seconds(date: u16, time: u16) -> u64 {
    let (year, month, day) = (1980 + u64::from(date >> 9), date >> 5 & 15, date & 31);
    if !(1..=12).contains(&month) || day == 0 {
        return 0;
    }
    // Days from 1970-01-01 with the year starting in March, so that a leap day is its last.
    let (month, day) = (u64::from(month), u64::from(day));
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let shifted_month = (month + 9) % 12;
    let leap_days = shifted_year / 4 - shifted_year / 100 + shifted_year / 400;
    let days = shifted_year * 365 + leap_days + (shifted_month * 153 + 2) / 5 + day - 1 - 719_468;
    let time = u64::from(time);
    days * 86_400 + (time >> 11) * 3600 + (time >> 5 & 63) * 60 + (time & 31) * 2
}

/// Refuses entries that share bytes: no packer makes them, and they multiply what a file
/// unpacks to.
fn check_overlaps(bytes: &[u8], mut extents: Vec<Extent>) -> Result<(), ArchiveError> {
    extents.sort_by_key(|extent| (extent.start, extent.end));
    let name = |extent: &Extent| {
        let start = extent.start + LOCAL_BYTES;
        let length = usize::from(u16_at(bytes, extent.start + 26).unwrap_or(0));
        shown(bytes.get(start..start + length).unwrap_or_default())
    };
    for pair in extents.windows(2) {
        if let [first, second] = pair
            && second.start < first.end
        {
            return Err(ArchiveError::Overlap {
                entry: name(second),
                other: name(first),
            });
        }
    }
    Ok(())
}

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
const END64_BYTES: usize = 56;
const LOCATOR64_SIGNATURE: &[u8] = b"PK\x06\x07";
const LOCATOR64_BYTES: usize = 20;
const ENTRY_SIGNATURE: &[u8] = b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;
const LOCAL_SIGNATURE: &[u8] = b"PK\x03\x04";
const LOCAL_BYTES: usize = 30;

/// Flags of encryption: of the content, strong, and of the directory.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// Deflate never makes more than this of one byte; a declared size beyond it is a lie.
const DEFLATE_RATIO_MAX: u64 = 1032;

/// The system that made an entry, whose attributes are then a Unix mode.
const UNIX: u8 = 3;
const MACOS: u8 = 19;

/// Lists the entries of a zip.
pub(super) fn index(
    bytes: &[u8],
    builder: &mut IndexBuilder<'_>,
    limits: &ArchiveLimits,
) -> Result<(), ArchiveError> {
    let directory = find_directory(bytes)?;
    let budget = budget(u64::try_from(bytes.len()).unwrap_or(u64::MAX), limits);
    let mut extents: Vec<Extent> = Vec::new();
    let mut position = directory.start;
    let mut count: u64 = 0;
    while position < directory.end {
        count += 1;
        if count > directory.entries {
            return Err(damaged("its directory holds more entries than it says"));
        }
        let (entry, next) = DirectoryEntry::read(bytes, position, directory.end)?;
        position = next;
        let extent = entry.locate(bytes, directory.start)?;
        let data = (extent.data, extent.end);
        entry.add(bytes, data, builder, budget)?;
        extents.push(extent);
    }
    if count != directory.entries {
        return Err(damaged("its directory holds fewer entries than it says"));
    }
    check_overlaps(bytes, extents)
}

fn damaged(what: &str) -> ArchiveError {
    ArchiveError::Damaged {
        entry: None,
        what: what.to_owned(),
    }
}

fn damaged_entry(name: &[u8], what: &str) -> ArchiveError {
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
struct Directory {
    start: usize,
    end: usize,
    entries: u64,
}

fn find_directory(bytes: &[u8]) -> Result<Directory, ArchiveError> {
    let truncated = ArchiveError::Truncated { after: None };
    let end_record = find_end(bytes).ok_or(truncated)?;
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
    let (start, size, entries, limit) = match locator {
        Some(locator) => read_end64(bytes, locator)?,
        None if disks != 0 || here != entries => {
            return Err(damaged("it is one part of several"));
        }
        None => (
            u64::from(offset),
            u64::from(size),
            u64::from(entries),
            end_record,
        ),
    };
    let start = usize::try_from(start).ok();
    let size = usize::try_from(size).ok();
    let end = start
        .zip(size)
        .and_then(|(start, size)| start.checked_add(size));
    match start.zip(end) {
        Some((start, end)) if end <= limit => Ok(Directory {
            start,
            end,
            entries,
        }),
        _ => Err(damaged("its directory is not where it says")),
    }
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

/// The directory's offset, size and entries from the record of a zip64, and where that is.
fn read_end64(bytes: &[u8], locator: usize) -> Result<(u64, u64, u64, usize), ArchiveError> {
    let malformed = || damaged("its zip64 end record is malformed");
    let record = u64_at(bytes, locator + 8).ok_or_else(malformed)?;
    let record = usize::try_from(record).map_err(|_| malformed())?;
    let fits = record
        .checked_add(END64_BYTES)
        .is_some_and(|end| end <= locator);
    if !fits || !bytes[record..].starts_with(END64_SIGNATURE) {
        return Err(malformed());
    }
    let field = |offset: usize| u64_at(bytes, record + offset).ok_or_else(malformed);
    // The numbers of this disk and of the directory's, side by side.
    if field(16)? != 0 || field(24)? != field(32)? {
        return Err(damaged("it is one part of several"));
    }
    Ok((field(48)?, field(40)?, field(32)?, record))
}

/// One entry as the directory has it.
struct DirectoryEntry<'b> {
    name: &'b [u8],
    made_by: u8,
    flags: u16,
    method: u16,
    dos_time: u16,
    dos_date: u16,
    unix_seconds: Option<i32>,
    crc32: u32,
    packed: u64,
    size: u64,
    attributes: u32,
    local: u64,
}

/// The bytes that an entry takes: its local header, its name, its data.
struct Extent {
    start: usize,
    data: usize,
    end: usize,
}

impl<'b> DirectoryEntry<'b> {
    /// Reads the entry at `position`; also says where the next one is.
    fn read(bytes: &'b [u8], position: usize, end: usize) -> Result<(Self, usize), ArchiveError> {
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
        let misplaced = || damaged_entry(self.name, "its data is not where the directory says");
        let start = usize::try_from(self.local).map_err(|_| misplaced())?;
        let fixed_end = start
            .checked_add(LOCAL_BYTES)
            .filter(|fixed| *fixed <= directory)
            .ok_or_else(misplaced)?;
        let fixed = &bytes[start..fixed_end];
        if !fixed.starts_with(LOCAL_SIGNATURE) {
            return Err(misplaced());
        }
        let short = |offset: usize| u16_at(fixed, offset).ok_or_else(misplaced);
        let name_end = fixed_end + usize::from(short(26)?);
        let data = name_end + usize::from(short(28)?);
        let packed = usize::try_from(self.packed).map_err(|_| misplaced())?;
        let end = data
            .checked_add(packed)
            .filter(|end| *end <= directory)
            .ok_or_else(misplaced)?;
        let same_name = bytes.get(fixed_end..name_end) == Some(self.name);
        let same_method = short(8)? == self.method;
        if !same_name || !same_method || (short(6)? ^ self.flags) & ENCRYPTED != 0 {
            let what = "its own header contradicts the directory";
            return Err(damaged_entry(self.name, what));
        }
        Ok(Extent { start, data, end })
    }

    fn add(
        &self,
        bytes: &[u8],
        (start, end): (usize, usize),
        builder: &mut IndexBuilder<'_>,
        budget: Budget,
    ) -> Result<(), ArchiveError> {
        self.check_supported()?;
        let kind_bits = self.mode().map_or(0, |mode| mode & 0o170_000);
        let is_directory = self.name.ends_with(b"/") || kind_bits == 0o040_000;
        if is_directory {
            if self.size > 0 {
                return Err(damaged_entry(self.name, "a directory has content"));
            }
            return builder.add(self.name, self.found(EntryKind::Directory), Again::Refused);
        }
        builder.add_unpacked(self.name, self.size)?;
        if builder.unpacked_bytes() > budget.bytes {
            return Err(budget.exceeded(Some(shown(self.name))));
        }
        let offset = u64::try_from(start).unwrap_or(u64::MAX);
        let length = self.packed;
        let crc32 = self.crc32;
        let kind = match kind_bits {
            0o120_000 => EntryKind::Symlink {
                target: self.read_target(&bytes[start..end])?,
            },
            0 | 0o100_000 => EntryKind::File {
                size: self.size,
                data: match self.method {
                    STORED => DataRef::Stored {
                        offset,
                        length,
                        crc32,
                    },
                    _ => DataRef::Deflated {
                        offset,
                        length,
                        crc32,
                    },
                },
            },
            _ => return builder.skip(self.name),
        };
        builder.add(self.name, self.found(kind), Again::Refused)
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

    fn read_target(&self, packed: &[u8]) -> Result<Box<str>, ArchiveError> {
        let too_long = usize::try_from(self.size).map_or(true, |size| size > PATH_BYTES_MAX);
        if too_long {
            return Err(ArchiveError::BadLink {
                entry: shown(self.name),
                target: "…".to_owned(),
                what: "which is over 4096 bytes long",
            });
        }
        let name = String::from_utf8_lossy(self.name);
        if self.method == STORED {
            check_crc(&name, packed, self.crc32)?;
            return checked_target(self.name, packed);
        }
        let target = inflate(&name, packed, self.size, self.crc32)?;
        checked_target(self.name, &target)
    }

    fn mode(&self) -> Option<u32> {
        matches!(self.made_by, UNIX | MACOS).then_some(self.attributes >> 16)
    }

    fn found(&self, kind: EntryKind) -> Found {
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

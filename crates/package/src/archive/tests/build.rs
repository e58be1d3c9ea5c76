//! Archives made byte by byte, so that each of their fields can lie.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use tar::{EntryType, Header};

/// One entry of a tar, padded, under a name of at most 100 bytes that nothing checks.
pub(super) fn tar_entry(name: &[u8], kind: u8, link: &[u8], content: &[u8]) -> Vec<u8> {
    let size = u64::try_from(content.len()).expect("fits");
    tar_entry_sized(name, kind, link, content, size)
}

/// The same with a size of its own.
pub(super) fn tar_entry_sized(
    name: &[u8],
    kind: u8,
    link: &[u8],
    content: &[u8],
    size: u64,
) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::new(kind));
    header.set_mode(0o644);
    header.set_mtime(1_700_000_000);
    header.set_size(size);
    let old = header.as_old_mut();
    old.name[..name.len()].copy_from_slice(name);
    old.linkname[..link.len()].copy_from_slice(link);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// Entries with the end mark of a tar.
pub(super) fn tar_of(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// A PAX header for the next entry.
pub(super) fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut content = String::new();
    for (key, value) in records {
        // A record's length counts its own digits.
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length != rest + length.to_string().len() {
            length += 1;
        }
        content.push_str(&format!("{length} {key}={value}\n"));
    }
    tar_entry(b"PaxHeaders/x", b'x', b"", content.as_bytes())
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

pub(super) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

pub(super) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// One entry of a zip with every field that matters.
#[derive(Clone)]
pub(super) struct ZipEntry {
    pub(super) name: Vec<u8>,
    pub(super) local_name: Vec<u8>,
    pub(super) packed: Vec<u8>,
    pub(super) size: u32,
    pub(super) crc32: u32,
    pub(super) method: u16,
    pub(super) flags: u16,
    pub(super) mode: u32,
    pub(super) extra: Vec<u8>,
    /// Points the directory at the local header of the first entry.
    pub(super) shares_first: bool,
}

impl ZipEntry {
    pub(super) fn stored(name: &str, content: &[u8]) -> Self {
        Self {
            name: name.into(),
            local_name: name.into(),
            packed: content.to_vec(),
            size: u32::try_from(content.len()).expect("fits"),
            crc32: crc32(content),
            method: 0,
            flags: 0,
            mode: 0o100_644,
            extra: Vec::new(),
            shares_first: false,
        }
    }

    pub(super) fn deflated(name: &str, content: &[u8]) -> Self {
        Self {
            packed: deflate(content),
            method: 8,
            ..Self::stored(name, content)
        }
    }
}

/// 2024-02-29 12:34:56 in MS-DOS notation.
const DOS_DATE: u16 = (44 << 9) | (2 << 5) | 29;
const DOS_TIME: u16 = (12 << 11) | (34 << 5) | 28;

pub(super) fn zip_of(entries: &[ZipEntry]) -> Vec<u8> {
    let short = |length: usize| u16::try_from(length).expect("fits").to_le_bytes();
    let long = |length: usize| u32::try_from(length).expect("fits").to_le_bytes();
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let local = if entry.shares_first { 0 } else { bytes.len() };
        let mut common = Vec::new();
        common.extend_from_slice(&entry.flags.to_le_bytes());
        common.extend_from_slice(&entry.method.to_le_bytes());
        common.extend_from_slice(&DOS_TIME.to_le_bytes());
        common.extend_from_slice(&DOS_DATE.to_le_bytes());
        common.extend_from_slice(&entry.crc32.to_le_bytes());
        common.extend_from_slice(&long(entry.packed.len()));
        common.extend_from_slice(&entry.size.to_le_bytes());
        if !entry.shares_first {
            bytes.extend_from_slice(b"PK\x03\x04\x14\0");
            bytes.extend_from_slice(&common);
            bytes.extend_from_slice(&short(entry.local_name.len()));
            bytes.extend_from_slice(&short(0));
            bytes.extend_from_slice(&entry.local_name);
            bytes.extend_from_slice(&entry.packed);
        }
        directory.extend_from_slice(b"PK\x01\x02\x14\x03\x14\0");
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&short(entry.name.len()));
        directory.extend_from_slice(&short(entry.extra.len()));
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&(entry.mode << 16).to_le_bytes());
        directory.extend_from_slice(&long(local));
        directory.extend_from_slice(&entry.name);
        directory.extend_from_slice(&entry.extra);
    }
    let start = bytes.len();
    bytes.extend_from_slice(&directory);
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    bytes.extend_from_slice(&short(entries.len()));
    bytes.extend_from_slice(&short(entries.len()));
    bytes.extend_from_slice(&long(directory.len()));
    bytes.extend_from_slice(&long(start));
    bytes.extend_from_slice(&short(0));
    bytes
}

/// The same with a zip64 end record in place of the counts.
pub(super) fn zip64_of(entries: &[ZipEntry]) -> Vec<u8> {
    let mut bytes = zip_of(entries);
    let end = bytes.split_off(bytes.len() - 22);
    let field = |position: usize| {
        let field: [u8; 4] = end[position..position + 4].try_into().expect("four bytes");
        u64::from(u32::from_le_bytes(field)).to_le_bytes()
    };
    let count = u64::try_from(entries.len()).expect("fits").to_le_bytes();
    let record = u64::try_from(bytes.len()).expect("fits").to_le_bytes();
    bytes.extend_from_slice(b"PK\x06\x06");
    bytes.extend_from_slice(&44u64.to_le_bytes());
    bytes.extend_from_slice(&[45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(&count);
    bytes.extend_from_slice(&count);
    bytes.extend_from_slice(&field(12));
    bytes.extend_from_slice(&field(16));
    bytes.extend_from_slice(b"PK\x06\x07\0\0\0\0");
    bytes.extend_from_slice(&record);
    bytes.extend_from_slice(&1u32.to_le_bytes());
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    bytes.extend_from_slice(&[0xff; 12]);
    bytes.extend_from_slice(&[0, 0]);
    bytes
}

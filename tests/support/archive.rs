//! Archives made in the tests, honest ones and hostile ones.

use std::io::Write as _;

use flate2::{Compression, Crc, write::GzEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// An entry: its path, and its content or where it leads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry<'a> {
    Directory(&'a str),
    File(&'a str, &'a [u8]),
    Symlink(&'a str, &'a str),
    HardLink(&'a str, &'a str),
}

/// A small tree: a file, a directory, a file in it, a link.
pub(crate) const TREE: &[Entry<'_>] = &[
    Entry::Directory("sub/"),
    Entry::File("hello.txt", b"hello from an archive\n"),
    Entry::File("sub/deep.txt", b"deep\n"),
    Entry::Symlink("link.txt", "sub/deep.txt"),
];

/// A tar file; paths are taken as they are, however bad.
pub(crate) fn tar(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        let (kind, path, content, target) = match *entry {
            Entry::Directory(path) => (tar::EntryType::Directory, path, &b""[..], ""),
            Entry::File(path, content) => (tar::EntryType::Regular, path, content, ""),
            Entry::Symlink(path, target) => (tar::EntryType::Symlink, path, &b""[..], target),
            Entry::HardLink(path, target) => (tar::EntryType::Link, path, &b""[..], target),
        };
        let mut header = tar::Header::new_gnu();
        // Not through `set_path`, which refuses what this is to be refused for.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content).expect("a tar entry");
    }
    builder.into_inner().expect("a tar file")
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("gzip");
    encoder.finish().expect("gzip")
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

/// A zip file whose entries are stored as they are.
pub(crate) fn zip(entries: &[Entry<'_>]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let (path, content, mode) = match *entry {
            Entry::Directory(path) => (path, &b""[..], 0o040_755_u32),
            Entry::File(path, content) => (path, content, 0o100_644),
            Entry::Symlink(path, target) => (path, target.as_bytes(), 0o120_777),
            Entry::HardLink(..) => panic!("zip has no hard links"),
        };
        let offset = length(&file);
        let mut common = Vec::new();
        // Version 2.0, no flags, stored, 1 January 1980.
        for word in [20_u16, 0, 0, 0, 0x21] {
            common.extend(word.to_le_bytes());
        }
        let mut crc = Crc::new();
        crc.update(content);
        common.extend(crc.sum().to_le_bytes());
        common.extend(length(content).to_le_bytes());
        common.extend(length(content).to_le_bytes());
        common.extend(
            u16::try_from(path.len())
                .expect("a short path")
                .to_le_bytes(),
        );
        common.extend([0; 2]);
        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend(path.as_bytes());
        file.extend(content);
        // Made on Unix, so that the upper half of the attributes is a mode.
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(&common);
        directory.extend([0; 6]);
        directory.extend((mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(path.as_bytes());
    }
    let (start, size) = (length(&file), length(&directory));
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    let count = u16::try_from(entries.len()).expect("few entries");
    file.extend(count.to_le_bytes());
    file.extend(count.to_le_bytes());
    file.extend(size.to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0; 2]);
    file
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a small archive")
}

//! Records of the tree: what a file system is made of.
//!
//! | kind | key | value |
//! |---|---|---|
//! | orphan | inode 0, the inode's number | the size to cut the file to, if it keeps names |
//! | inode | the inode | type, links, size, times, parent, positions, entries |
//! | link text | the inode, a piece's number | up to 1,024 bytes of a symbolic link's text |
//! | name | the directory, 48 bits of the name's hash and a number | inode, position, type, name |
//! | order | the directory, a position | inode, type, name |
//! | data | the file, a chunk's number | 16 blocks of 4,096 bytes, with their checksums |
//!
//! A key is the inode's number (64 bits), the kind (8) and the rest (56).

use std::borrow::Cow;

use holm_abi::{FileType, NAME_MAX};

use crate::checksum::xxh64;
use crate::error::{DiskError, Result};
use crate::layout::{u32_at, u64_at};
use crate::node::Key;

/// The root directory.
pub(crate) const ROOT: u64 = 1;
/// Blocks in a chunk.
pub(crate) const CHUNK_BLOCKS: usize = 16;
/// Largest rest of a key.
pub(crate) const REST_MAX: u64 = (1 << 56) - 1;
/// Above all numbers of inodes, positions, links and entries: counting on never overflows.
pub(crate) const NUMBERS_END: u64 = 1 << 55;
/// Names of one hash that a directory can hold.
pub(crate) const SAME_HASH_MAX: u64 = 256;

const ORPHAN: u8 = 1;
const INODE: u8 = 2;
const LINK: u8 = 3;
const NAME: u8 = 4;
const ORDER: u8 = 5;
const DATA: u8 = 6;

fn key(inode: u64, kind: u8, rest: u64) -> Key {
    (Key::from(inode) << 64) | (Key::from(kind) << 56) | Key::from(rest & REST_MAX)
}

/// What a key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Orphan(u64),
    Inode(u64),
    Link(u64, u64),
    Name(u64, u64),
    Order(u64, u64),
    Data(u64, u64),
}

impl Kind {
    /// `None` for a key that this version does not write.
    pub(crate) fn of(key: Key) -> Option<Kind> {
        let low = u64::try_from(key & Key::from(u64::MAX)).ok()?;
        let inode = u64::try_from(key >> 64).ok()?;
        let rest = low & REST_MAX;
        let kind = u8::try_from(low >> 56).ok()?;
        Some(match kind {
            ORPHAN if inode == 0 => Kind::Orphan(rest),
            _ if inode == 0 => return None,
            INODE if rest == 0 => Kind::Inode(inode),
            LINK => Kind::Link(inode, rest),
            NAME => Kind::Name(inode, rest),
            ORDER => Kind::Order(inode, rest),
            DATA => Kind::Data(inode, rest),
            _ => return None,
        })
    }
}

pub(crate) fn orphan_key(inode: u64) -> Key {
    key(0, ORPHAN, inode)
}

pub(crate) fn orphan_keys() -> (Key, Key) {
    (key(0, ORPHAN, 0), key(0, ORPHAN, REST_MAX))
}

pub(crate) fn inode_key(inode: u64) -> Key {
    key(inode, INODE, 0)
}

pub(crate) fn link_key(inode: u64, piece: u64) -> Key {
    key(inode, LINK, piece)
}

pub(crate) fn link_keys(inode: u64) -> (Key, Key) {
    (key(inode, LINK, 0), key(inode, LINK, REST_MAX))
}

/// The keys that `name` may have in a directory.
pub(crate) fn name_keys(directory: u64, name: &str) -> (Key, Key) {
    let hash = xxh64(name.as_bytes(), directory) >> 16;
    let first = key(directory, NAME, hash * SAME_HASH_MAX);
    (first, first + Key::from(SAME_HASH_MAX - 1))
}

pub(crate) fn order_key(directory: u64, position: u64) -> Key {
    key(directory, ORDER, position)
}

/// Keys of the entries after a position.
pub(crate) fn order_keys(directory: u64, after: u64) -> (Key, Key) {
    let first = after.saturating_add(1).min(REST_MAX);
    (
        key(directory, ORDER, first),
        key(directory, ORDER, REST_MAX),
    )
}

pub(crate) fn data_key(inode: u64, chunk: u64) -> Key {
    key(inode, DATA, chunk)
}

/// Keys of the chunks from `chunk` on.
pub(crate) fn data_keys(inode: u64, chunk: u64) -> (Key, Key) {
    (key(inode, DATA, chunk), key(inode, DATA, REST_MAX))
}

/// Everything of one inode.
pub(crate) fn all_keys(inode: u64) -> (Key, Key) {
    (
        key(inode, 0, 0),
        (Key::from(inode) << 64) | Key::from(u64::MAX),
    )
}

fn type_number(file_type: FileType) -> u8 {
    match file_type {
        FileType::Directory => 1,
        FileType::SymbolicLink => 2,
        _ => 0,
    }
}

fn type_of(number: u8) -> Option<FileType> {
    Some(match number {
        0 => FileType::RegularFile,
        1 => FileType::Directory,
        2 => FileType::SymbolicLink,
        _ => return None,
    })
}

/// What is known of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inode {
    pub(crate) file_type: FileType,
    /// Names that lead here; of a directory, 2 and its directories, or 0 when it is removed.
    pub(crate) links: u64,
    /// Bytes of a file or of a link's text.
    pub(crate) size: u64,
    pub(crate) accessed_ns: u64,
    pub(crate) modified_ns: u64,
    pub(crate) changed_ns: u64,
    /// Of a directory: where it hangs. The root hangs in itself.
    pub(crate) parent: u64,
    /// Of a directory: the position given last. None is given twice, so that a listing goes
    /// on where it was, whatever came and went.
    pub(crate) last_position: u64,
    /// Of a directory: its entries.
    pub(crate) entries: u64,
}

/// Size of an inode's record.
const INODE_BYTES: usize = 72;

impl Inode {
    /// A new one, with one name.
    pub(crate) fn new(file_type: FileType, parent: u64, now: u64) -> Inode {
        let directory = file_type == FileType::Directory;
        Inode {
            file_type,
            links: if directory { 2 } else { 1 },
            size: 0,
            accessed_ns: now,
            modified_ns: now,
            changed_ns: now,
            parent: if directory { parent } else { 0 },
            last_position: 0,
            entries: 0,
        }
    }

    pub(crate) fn encode(&self) -> [u8; INODE_BYTES] {
        let fields = [
            u64::from(type_number(self.file_type)),
            self.links,
            self.size,
            self.accessed_ns,
            self.modified_ns,
            self.changed_ns,
            self.parent,
            self.last_position,
            self.entries,
        ];
        let mut value = [0; INODE_BYTES];
        for (place, field) in value.chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        value
    }

    pub(crate) fn decode(value: &[u8]) -> Result<Inode> {
        let file_type = value.first().copied().and_then(type_of);
        match file_type {
            Some(file_type)
                if value.len() == INODE_BYTES
                    && u64_at(value, 16) <= i64::MAX.unsigned_abs()
                    && [8, 48, 56, 64]
                        .iter()
                        .all(|at| u64_at(value, *at) < NUMBERS_END) =>
            {
                Ok(Inode {
                    file_type,
                    links: u64_at(value, 8),
                    size: u64_at(value, 16),
                    accessed_ns: u64_at(value, 24),
                    modified_ns: u64_at(value, 32),
                    changed_ns: u64_at(value, 40),
                    parent: u64_at(value, 48),
                    last_position: u64_at(value, 56),
                    entries: u64_at(value, 64),
                })
            }
            _ => Err(DiskError::damaged("an inode makes no sense")),
        }
    }
}

/// A name in a directory, as either of its records tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) inode: u64,
    pub(crate) file_type: FileType,
    pub(crate) position: u64,
    pub(crate) name: Cow<'a, str>,
}

impl Entry<'_> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(17 + self.name.len());
        value.extend_from_slice(&self.inode.to_le_bytes());
        value.extend_from_slice(&self.position.to_le_bytes());
        value.push(type_number(self.file_type));
        value.extend_from_slice(self.name.as_bytes());
        value
    }

    /// Checks everything that those who use it rely on, the name's form above all.
    pub(crate) fn decode(value: &[u8]) -> Result<Entry<'_>> {
        let name = value.get(17..).and_then(|name| str::from_utf8(name).ok());
        let file_type = value.get(16).copied().and_then(type_of);
        match (name, file_type) {
            (Some(name), Some(file_type)) if is_name(name) => Ok(Entry {
                inode: u64_at(value, 0),
                file_type,
                position: u64_at(value, 8),
                name: Cow::Borrowed(name),
            }),
            _ => Err(DiskError::damaged("an entry of a directory makes no sense")),
        }
    }

    pub(crate) fn into_owned(self) -> Entry<'static> {
        Entry {
            name: Cow::Owned(self.name.into_owned()),
            inode: self.inode,
            file_type: self.file_type,
            position: self.position,
        }
    }
}

/// Whether it can be a name in a directory.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name != "."
        && name != ".."
        && name.len() <= NAME_MAX
        && !name.contains(['/', '\0'])
}

/// Where a chunk's blocks are; 0 is a hole. With each the lower half of its XXH64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) block: [u32; CHUNK_BLOCKS],
    pub(crate) checksum: [u32; CHUNK_BLOCKS],
}

/// Size of a chunk's record.
const EXTENT_BYTES: usize = 8 * CHUNK_BLOCKS;

impl Extent {
    pub(crate) fn encode(&self) -> [u8; EXTENT_BYTES] {
        let mut value = [0; EXTENT_BYTES];
        let numbers = self.block.iter().zip(&self.checksum);
        for (place, (block, checksum)) in value.chunks_exact_mut(8).zip(numbers) {
            place[..4].copy_from_slice(&block.to_le_bytes());
            place[4..].copy_from_slice(&checksum.to_le_bytes());
        }
        value
    }

    pub(crate) fn decode(value: &[u8]) -> Result<Extent> {
        if value.len() != EXTENT_BYTES {
            return Err(DiskError::damaged("a chunk's record makes no sense"));
        }
        let mut extent = Extent::default();
        for at in 0..CHUNK_BLOCKS {
            extent.block[at] = u32_at(value, at * 8);
            extent.checksum[at] = u32_at(value, at * 8 + 4);
        }
        Ok(extent)
    }

    /// The blocks in use.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = u32> + '_ {
        self.block.iter().copied().filter(|block| *block != 0)
    }
}

/// The blocks that a record leads to, if it does.
pub(crate) fn blocks_of(key: Key, value: &[u8]) -> Result<Option<Extent>> {
    match Kind::of(key) {
        Some(Kind::Data(..)) => Extent::decode(value).map(Some),
        _ => Ok(None),
    }
}

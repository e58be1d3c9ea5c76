//! Where things are in an image: the header, the two commit records, and blocks.
//!
//! | block | what it holds |
//! |---|---|
//! | 0 | the header: what this is, which version, whose, how large it may get |
//! | 1, 2 | commit records, written in turn: the root of the tree and the state of the counters |
//! | 3.. | nodes of the tree and blocks of data, wherever there was room |
//!
//! Numbers are little-endian. A block of data or a node is never written where something
//! committed is: a commit writes to free blocks, flushes, writes the older of the two records,
//! and flushes again. Whatever stops it, one of the records leads to a whole tree.

use crate::checksum::xxh64;
use crate::error::{DiskError, Result};

/// Size of a block in bytes.
pub(crate) const BLOCK: usize = 4096;
/// The same, for offsets.
pub(crate) const BLOCK_BYTES: u64 = BLOCK as u64;
/// First block that is handed out.
pub(crate) const FIRST_BLOCK: u32 = 3;
/// The first bytes of an image.
pub(crate) const MAGIC: [u8; 16] = *b"Holm disk image\n";
/// The format's version.
pub(crate) const VERSION: u32 = 1;
/// Features that a reader must know; none yet.
pub(crate) const FEATURES: u64 = 0;
/// Features that a writer must know; none yet.
pub(crate) const WRITE_FEATURES: u64 = 0;
/// Longest label in bytes.
pub const LABEL_MAX: usize = 64;
/// Smallest disk in bytes.
pub const SIZE_MIN: u64 = 1 << 20;
/// Largest disk in bytes: blocks are numbered with 32 bits.
pub const SIZE_MAX: u64 = 1 << 43;

const HEADER_BYTES: usize = 256;
const RECORD_MAGIC: [u8; 8] = *b"HolmRoot";
const RECORD_HEADER_AT: usize = 256;
const CHECKSUM_AT: usize = BLOCK - 8;

/// One block.
pub(crate) type Block = [u8; BLOCK];

/// What a disk is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) version: u32,
    pub(crate) features: u64,
    pub(crate) write_features: u64,
    pub(crate) id: [u8; 16],
    pub(crate) size_limit: u64,
    pub(crate) created_ns: u64,
    pub(crate) label: String,
}

/// A commit: everything that was true when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) generation: u64,
    pub(crate) root: u32,
    pub(crate) root_level: u8,
    pub(crate) root_checksum: u64,
    pub(crate) next_inode: u64,
}

/// Bytes `at..at + N` of a block.
pub(crate) fn field<const N: usize>(block: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    if let Some(bytes) = block.get(at..at + N) {
        field.copy_from_slice(bytes);
    }
    field
}

pub(crate) fn u16_at(block: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(field(block, at))
}

pub(crate) fn u32_at(block: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(field(block, at))
}

pub(crate) fn u64_at(block: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(field(block, at))
}

pub(crate) fn put(block: &mut [u8], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

/// An empty block.
pub(crate) fn empty() -> Box<Block> {
    Box::new([0; BLOCK])
}

fn seal(block: &mut Block) {
    let checksum = xxh64(&block[..CHECKSUM_AT], 0);
    put(block, CHECKSUM_AT, &checksum.to_le_bytes());
}

fn is_sealed(block: &Block) -> bool {
    u64_at(block, CHECKSUM_AT) == xxh64(&block[..CHECKSUM_AT], 0)
}

impl Header {
    fn fields(&self) -> [u8; HEADER_BYTES] {
        let mut fields = [0; HEADER_BYTES];
        put(&mut fields, 0, &MAGIC);
        put(&mut fields, 16, &self.version.to_le_bytes());
        put(&mut fields, 20, &4096_u32.to_le_bytes());
        put(&mut fields, 24, &self.features.to_le_bytes());
        put(&mut fields, 32, &self.write_features.to_le_bytes());
        put(&mut fields, 40, &self.id);
        put(&mut fields, 56, &self.size_limit.to_le_bytes());
        put(&mut fields, 64, &self.created_ns.to_le_bytes());
        fields[72] = u8::try_from(self.label.len()).expect("invariant: checked at creation");
        put(&mut fields, 73, self.label.as_bytes());
        fields
    }

    fn parse(fields: &[u8]) -> Result<Header> {
        let version = u32_at(fields, 16);
        let features = u64_at(fields, 24);
        if version != VERSION || features & !FEATURES != 0 {
            return Err(DiskError::TooNew {
                version,
                features,
                known: VERSION,
                known_features: FEATURES,
            });
        }
        let size_limit = u64_at(fields, 56);
        let length = usize::from(fields[72]);
        let label = fields.get(73..73 + length).unwrap_or_default();
        let label = std::str::from_utf8(label).ok();
        match label {
            Some(label)
                if u32_at(fields, 20) == 4096
                    && length <= LABEL_MAX
                    && (SIZE_MIN..=SIZE_MAX).contains(&size_limit) =>
            {
                Ok(Header {
                    version,
                    features,
                    write_features: u64_at(fields, 32),
                    id: field(fields, 40),
                    size_limit,
                    created_ns: u64_at(fields, 64),
                    label: label.to_owned(),
                })
            }
            _ => Err(DiskError::damaged("its header makes no sense")),
        }
    }

    pub(crate) fn encode(&self) -> Box<Block> {
        let mut block = empty();
        put(&mut *block, 0, &self.fields());
        seal(&mut block);
        block
    }

    /// The header in block 0: `Damaged` when its checksum is wrong.
    pub(crate) fn decode(block: &Block) -> Result<Header> {
        if block[..16] != MAGIC {
            return Err(DiskError::NotADisk);
        }
        if !is_sealed(block) {
            return Err(DiskError::damaged("its header has a wrong checksum"));
        }
        Header::parse(&block[..HEADER_BYTES])
    }

    /// Blocks that the disk may have.
    pub(crate) fn blocks_max(&self) -> u32 {
        u32::try_from(self.size_limit / BLOCK_BYTES).unwrap_or(u32::MAX)
    }
}

impl Commit {
    /// Block of the record for this generation.
    pub(crate) fn place(generation: u64) -> u32 {
        if generation.is_multiple_of(2) { 1 } else { 2 }
    }

    /// The record, with a copy of the header: block 0 is written once, and can be mended.
    pub(crate) fn encode(&self, header: &Header) -> Box<Block> {
        let mut block = empty();
        put(&mut *block, 0, &RECORD_MAGIC);
        put(&mut *block, 8, &self.generation.to_le_bytes());
        put(&mut *block, 16, &self.root.to_le_bytes());
        block[20] = self.root_level;
        put(&mut *block, 24, &self.root_checksum.to_le_bytes());
        put(&mut *block, 32, &self.next_inode.to_le_bytes());
        put(&mut *block, RECORD_HEADER_AT, &header.fields());
        seal(&mut block);
        block
    }

    /// The record and the header in it; `None` when it was never written, or not whole.
    pub(crate) fn decode(block: &Block) -> Option<(Commit, Result<Header>)> {
        if block[..8] != RECORD_MAGIC || !is_sealed(block) {
            return None;
        }
        let header = &block[RECORD_HEADER_AT..RECORD_HEADER_AT + HEADER_BYTES];
        if header[..16] != MAGIC {
            return None;
        }
        let commit = Commit {
            generation: u64_at(block, 8),
            root: u32_at(block, 16),
            root_level: block[20],
            root_checksum: u64_at(block, 24),
            next_inode: u64_at(block, 32),
        };
        Some((commit, Header::parse(header)))
    }
}

/// Offset of a block in bytes.
pub(crate) fn offset_of(block: u32) -> u64 {
    u64::from(block) * BLOCK_BYTES
}

/// A block's number as an index.
pub(crate) fn index(block: u32) -> usize {
    usize::try_from(block).expect("invariant: usize has at least 32 bits")
}

/// A length in memory as sizes and offsets count.
pub(crate) fn bytes(length: usize) -> u64 {
    u64::try_from(length).expect("invariant: no memory is larger than 2^64 bytes")
}

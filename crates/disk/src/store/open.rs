//! Creating and opening: the header, the newest commit that is whole, and what it leads to.

use std::collections::HashMap;
use std::sync::Arc;

use super::nodes::Cache;
use super::{OpenMode, Store};
use crate::allocator::Allocator;
use crate::device::{BlockDevice, DeviceError};
use crate::error::{DiskError, Result};
use crate::layout::{
    BLOCK, BLOCK_BYTES, Block, Commit, FIRST_BLOCK, Header, MAGIC, SIZE_MAX, WRITE_FEATURES, empty,
    offset_of,
};
use crate::node::{Child, Key, LEVELS_MAX, Node};
use crate::record;

/// What was mended at opening, in words; nothing, as a rule.
pub(crate) type Recovery = Vec<String>;

/// Blocks that the device has room for at first (256 KiB).
const FIRST_LENGTH: u32 = 64;

impl Store {
    /// Writes an empty disk to an empty device.
    pub(crate) fn create(
        device: Arc<dyn BlockDevice>,
        header: Header,
        records: &[(Key, Vec<u8>)],
        next_inode: u64,
    ) -> Result<Store> {
        let length = device.len().map_err(DiskError::device("read"))?;
        if length != 0 {
            return Err(DiskError::NotEmpty { length });
        }
        device
            .set_len(offset_of(FIRST_LENGTH))
            .map_err(DiskError::device("extended"))?;
        let blocks = Allocator::new(FIRST_LENGTH, header.blocks_max());
        let mut store = Store::new(device, header, OpenMode::ReadWrite, blocks);
        store.next_inode = next_inode;
        store.root = store.add_node(Node::Leaf(Vec::new()))?;
        for (key, value) in records {
            store.put(*key, value)?;
        }
        let block = store.header.encode();
        store.write_blocks(0, &*block)?;
        store.commit()?;
        Ok(store)
    }

    fn new(
        device: Arc<dyn BlockDevice>,
        header: Header,
        mode: OpenMode,
        blocks: Allocator,
    ) -> Store {
        Store {
            device,
            header,
            mode,
            blocks,
            root: 0,
            root_level: 0,
            root_checksum: 0,
            dirty: HashMap::new(),
            clean: Cache::default(),
            generation: 0,
            next_inode: 0,
            stopped: None,
            problem: None,
        }
    }

    /// Opens the newest commit that is whole: one whose record is not, a crash has cut short. To
    /// be read, the one before will do when the tree of the newest is damaged.
    pub(crate) fn open(device: &Arc<dyn BlockDevice>, mode: OpenMode) -> Result<(Store, Recovery)> {
        let mut recovery = Recovery::new();
        let (header, mended, mut commits) = read_head(&**device)?;
        if mended {
            recovery.push("the header was damaged, and taken from its copy".to_owned());
        }
        if mode == OpenMode::ReadWrite && header.write_features & !WRITE_FEATURES != 0 {
            return Err(DiskError::TooNew {
                version: header.version,
                features: header.write_features,
                known: header.version,
                known_features: WRITE_FEATURES,
            });
        }
        let length = device.len().map_err(DiskError::device("read"))? / BLOCK_BYTES;
        let length = u32::try_from(length)
            .unwrap_or(u32::MAX)
            .min(header.blocks_max());
        commits.sort_by_key(|commit| std::cmp::Reverse(commit.generation));
        let mut first_error = None;
        for commit in &commits {
            let blocks = Allocator::new(length, header.blocks_max());
            let mut store = Store::new(Arc::clone(device), header.clone(), mode, blocks);
            match store.adopt(commit) {
                Ok(()) => {
                    if let Some(error) = &first_error {
                        let what = in_words(error);
                        // Going on from there would overwrite what could still be saved.
                        if mode == OpenMode::ReadWrite {
                            return Err(DiskError::damaged(format!(
                                "{what}; opened to be read only, it is as one commit before"
                            )));
                        }
                        recovery.push(format!(
                            "the last commit is damaged ({what}): this is the one before"
                        ));
                    }
                    if mended && mode == OpenMode::ReadWrite {
                        let block = store.header.encode();
                        store.write_blocks(0, &*block)?;
                    }
                    store.problem = None;
                    return Ok((store, recovery));
                }
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error
            .unwrap_or_else(|| DiskError::damaged("neither of its two commit records is whole")))
    }

    /// Takes on what was committed, and finds out which blocks it uses.
    fn adopt(&mut self, commit: &Commit) -> Result<()> {
        if commit.root_level > LEVELS_MAX || commit.next_inode >= record::NUMBERS_END {
            return Err(DiskError::damaged("its last commit makes no sense"));
        }
        self.root = commit.root;
        self.root_level = commit.root_level;
        self.root_checksum = commit.root_checksum;
        self.generation = commit.generation;
        self.next_inode = commit.next_inode;
        let root = self.root_child();
        self.adopt_node(root, commit.root_level, (0, None), true)
    }

    fn adopt_node(
        &mut self,
        child: Child,
        level: u8,
        (from, to): (Key, Option<Key>),
        is_root: bool,
    ) -> Result<()> {
        self.adopt_block(child.block)?;
        let node = Arc::new(self.load(child, level)?);
        self.clean.insert(child.block, Arc::clone(&node));
        let inside = |key: Key| key >= from && to.is_none_or(|to| key < to);
        match &*node {
            Node::Leaf(records) => {
                if records.is_empty() && !is_root {
                    return Err(DiskError::damaged("a leaf of its tree is empty"));
                }
                for record in records {
                    if !inside(record.key) {
                        return Err(DiskError::damaged("a record is in the wrong place"));
                    }
                    if let Some(extent) = record::blocks_of(record.key, &record.value)? {
                        for block in extent.blocks() {
                            self.adopt_block(block)?;
                        }
                    }
                }
            }
            Node::Inner(children) => {
                for (place, below) in children.iter().enumerate() {
                    let first = if place == 0 { from } else { below.key };
                    let end = children.get(place + 1).map(|next| next.key).or(to);
                    if place > 0 && !inside(below.key) {
                        return Err(DiskError::damaged("a node is in the wrong place"));
                    }
                    self.adopt_node(*below, level - 1, (first, end), false)?;
                }
            }
        }
        Ok(())
    }

    fn adopt_block(&mut self, block: u32) -> Result<()> {
        if self.blocks.mark(block) {
            Ok(())
        } else if block >= self.blocks.length() {
            Err(DiskError::damaged(format!(
                "it was cut short: block {block} is in use, and the image ends after {} blocks",
                self.blocks.length()
            )))
        } else {
            Err(DiskError::damaged(format!("block {block} is used twice")))
        }
    }
}

fn in_words(error: &DiskError) -> String {
    match error {
        DiskError::Damaged(what) => what.clone(),
        error => error.to_string(),
    }
}

fn read_block(device: &dyn BlockDevice, block: u32) -> Result<Option<Box<Block>>> {
    let mut buffer = empty();
    match device.read_at(offset_of(block), &mut *buffer) {
        Ok(()) => Ok(Some(buffer)),
        Err(DeviceError::BeyondEnd { .. }) => Ok(None),
        Err(error) => Err(DiskError::device("read")(error)),
    }
}

/// The header, whether it is a copy's, and the commit records that are whole.
fn read_head(device: &dyn BlockDevice) -> Result<(Header, bool, Vec<Commit>)> {
    let length = device.len().map_err(DiskError::device("read"))?;
    if length == 0 {
        return Err(DiskError::Empty);
    }
    let first = match read_block(device, 0)? {
        Some(first) => first,
        None => return Err(short(device, length)),
    };
    let header = Header::decode(&first);
    if let Err(DiskError::TooNew { .. }) = header {
        return Err(header.err().unwrap_or(DiskError::NotADisk));
    }
    let mut commits = Vec::new();
    let mut copy = None;
    for block in 1..FIRST_BLOCK {
        let record = read_block(device, block)?;
        let Some((commit, of)) = record.and_then(|record| Commit::decode(&record)) else {
            continue;
        };
        match (&header, of) {
            (Ok(header), Ok(of)) if header.id != of.id => continue,
            (_, Ok(of)) => copy = Some(of),
            (_, Err(error)) => return Err(error),
        }
        commits.push(commit);
    }
    match (header, copy) {
        (Ok(header), _) => Ok((header, false, commits)),
        (Err(_), Some(copy)) => Ok((copy, true, commits)),
        (Err(error), None) => Err(error),
    }
}

/// Less than a block: what is it?
fn short(device: &dyn BlockDevice, length: u64) -> DiskError {
    let mut start = [0; MAGIC.len()];
    let is_one = device.read_at(0, &mut start).is_ok() && start == MAGIC;
    if is_one {
        DiskError::damaged(format!("it was cut short, to {length} bytes"))
    } else {
        DiskError::NotADisk
    }
}

const _: () = assert!(
    SIZE_MAX / BLOCK_BYTES <= 1 << 31,
    "block numbers fit 32 bits"
);
const _: () = assert!(BLOCK.is_multiple_of(512), "blocks are sectors");

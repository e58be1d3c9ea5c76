//! Nodes of the tree: sorted records in a leaf, sorted children elsewhere.

use crate::error::{DiskError, Result};
use crate::layout::{BLOCK, Block, empty, field, put, u16_at, u32_at, u64_at};

/// What records are sorted by.
pub(crate) type Key = u128;

/// Longest value of a record in bytes: several of them fit a leaf, so that halves of a leaf
/// that has become too large always fit theirs.
pub(crate) const VALUE_MAX: usize = 1024;
/// Most levels of inner nodes: enough for 2^32 blocks even when every node is nearly empty.
pub(crate) const LEVELS_MAX: u8 = 12;

const HEAD: usize = 8;
const ROOM: usize = BLOCK - HEAD;
const RECORD_HEAD: usize = 18;
const CHILD: usize = 28;

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) key: Key,
    pub(crate) value: Box<[u8]>,
}

/// Where a node of the level below is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Child {
    /// No record below is before it.
    pub(crate) key: Key,
    pub(crate) block: u32,
    /// Of the block; meaningless while the child is only in memory.
    pub(crate) checksum: u64,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Leaf(Vec<Record>),
    Inner(Vec<Child>),
}

impl Node {
    /// Bytes that the entries take.
    pub(crate) fn size(&self) -> usize {
        match self {
            Node::Leaf(records) => records
                .iter()
                .map(|record| RECORD_HEAD + record.value.len())
                .sum(),
            Node::Inner(children) => children.len() * CHILD,
        }
    }

    /// Whether the entries no longer fit a block.
    pub(crate) fn is_too_large(&self) -> bool {
        self.size() > ROOM
    }

    /// Whether so little is left that it should join a neighbour.
    pub(crate) fn is_small(&self) -> bool {
        self.size() < ROOM / 4
    }

    /// Whether the two fit one node, with some room to spare.
    pub(crate) fn fits_with(&self, other: &Node) -> bool {
        self.size() + other.size() <= ROOM / 4 * 3
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Node::Leaf(records) => records.is_empty(),
            Node::Inner(children) => children.is_empty(),
        }
    }

    /// The first key; `None` when there is nothing.
    pub(crate) fn first_key(&self) -> Option<Key> {
        match self {
            Node::Leaf(records) => records.first().map(|record| record.key),
            Node::Inner(children) => children.first().map(|child| child.key),
        }
    }

    /// Cuts the node in two of about the same size and answers the second. An append at the
    /// end leaves the first nearly full: files and directories mostly grow at their end.
    pub(crate) fn split(&mut self, at_end: bool) -> Node {
        let goal = if at_end {
            ROOM / 10 * 9
        } else {
            self.size() / 2
        };
        match self {
            Node::Leaf(records) => {
                let mut size = 0;
                let place = records.iter().position(|record| {
                    size += RECORD_HEAD + record.value.len();
                    size > goal
                });
                let last = records.len().saturating_sub(1).max(1);
                Node::Leaf(records.split_off(place.unwrap_or(last).clamp(1, last)))
            }
            Node::Inner(children) => {
                let last = children.len().saturating_sub(1).max(1);
                Node::Inner(children.split_off((goal / CHILD).clamp(1, last)))
            }
        }
    }

    /// Takes all entries of `after`, which follow its own.
    pub(crate) fn append(&mut self, after: Node) {
        match (self, after) {
            (Node::Leaf(records), Node::Leaf(more)) => records.extend(more),
            (Node::Inner(children), Node::Inner(more)) => children.extend(more),
            _ => {}
        }
    }

    pub(crate) fn encode(&self, level: u8) -> Box<Block> {
        let mut block = empty();
        block[0] = level;
        let mut at = HEAD;
        let count = match self {
            Node::Leaf(records) => {
                for record in records {
                    let length = u16::try_from(record.value.len());
                    let length = length.expect("invariant: values are short");
                    put(&mut *block, at, &record.key.to_le_bytes());
                    put(&mut *block, at + 16, &length.to_le_bytes());
                    put(&mut *block, at + RECORD_HEAD, &record.value);
                    at += RECORD_HEAD + record.value.len();
                }
                records.len()
            }
            Node::Inner(children) => {
                for child in children {
                    put(&mut *block, at, &child.key.to_le_bytes());
                    put(&mut *block, at + 16, &child.block.to_le_bytes());
                    put(&mut *block, at + 20, &child.checksum.to_le_bytes());
                    at += CHILD;
                }
                children.len()
            }
        };
        let count = u16::try_from(count).expect("invariant: a block holds fewer");
        put(&mut *block, 2, &count.to_le_bytes());
        block
    }

    /// The node in a block, which should be of this level. Keys must rise.
    pub(crate) fn decode(block: &Block, level: u8) -> Result<Node> {
        let bad = |what: &str| Err(DiskError::damaged(format!("a node of its tree {what}")));
        if block[0] != level {
            return bad("is of the wrong level");
        }
        let count = usize::from(u16_at(block, 2));
        let mut last: Option<Key> = None;
        let mut rises = |key: Key| last.replace(key).is_none_or(|last| last < key);
        if level == 0 {
            let mut records = Vec::with_capacity(count.min(ROOM / RECORD_HEAD));
            let mut at = HEAD;
            for _ in 0..count {
                let key = Key::from_le_bytes(field(block, at));
                let length = usize::from(u16_at(block, at + 16));
                let value = at + RECORD_HEAD;
                let Some(bytes) = block.get(value..value + length) else {
                    return bad("is longer than a block");
                };
                if length > VALUE_MAX || !rises(key) {
                    return bad("is out of order");
                }
                records.push(Record {
                    key,
                    value: bytes.into(),
                });
                at = value + length;
            }
            return Ok(Node::Leaf(records));
        }
        if count == 0 || count > ROOM / CHILD {
            return bad("has an impossible number of children");
        }
        let mut children = Vec::with_capacity(count);
        for number in 0..count {
            let at = HEAD + number * CHILD;
            let child = Child {
                key: Key::from_le_bytes(field(block, at)),
                block: u32_at(block, at + 16),
                checksum: u64_at(block, at + 20),
            };
            if !rises(child.key) {
                return bad("is out of order");
            }
            children.push(child);
        }
        Ok(Node::Inner(children))
    }
}

//! Nodes in memory: the changed ones, and a bounded number of the others.

use std::collections::HashMap;
use std::sync::Arc;

use super::Store;
use crate::checksum::xxh64;
use crate::error::{DiskError, Result};
use crate::layout::empty;
use crate::node::{Child, Node};

/// Nodes in each of the two halves of the cache: 4 MiB together, about.
const HALF: usize = 512;

/// Unchanged nodes: when the young half is full it becomes the old one, and what was in the
/// old one and was not asked for since is forgotten.
#[derive(Debug, Default)]
pub(super) struct Cache {
    young: HashMap<u32, Arc<Node>>,
    old: HashMap<u32, Arc<Node>>,
}

impl Cache {
    fn get(&mut self, block: u32) -> Option<Arc<Node>> {
        if let Some(node) = self.young.get(&block) {
            return Some(Arc::clone(node));
        }
        let node = self.old.remove(&block)?;
        self.insert(block, Arc::clone(&node));
        Some(node)
    }

    pub(super) fn insert(&mut self, block: u32, node: Arc<Node>) {
        if self.young.len() >= HALF {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(block, node);
    }

    pub(super) fn remove(&mut self, block: u32) -> Option<Arc<Node>> {
        let young = self.young.remove(&block);
        let old = self.old.remove(&block);
        young.or(old)
    }
}

/// A node to look into: a changed one in its place, or an unchanged one.
pub(super) enum Seen<'a> {
    Dirty(&'a Node),
    Clean(Arc<Node>),
}

impl std::ops::Deref for Seen<'_> {
    type Target = Node;

    fn deref(&self) -> &Node {
        match self {
            Seen::Dirty(node) => node,
            Seen::Clean(node) => node,
        }
    }
}

impl Store {
    pub(super) fn root_child(&self) -> Child {
        Child {
            key: 0,
            block: self.root,
            checksum: self.root_checksum,
        }
    }

    /// Reads a node from the device.
    pub(super) fn load(&mut self, child: Child, level: u8) -> Result<Node> {
        let mut block = empty();
        self.read_blocks(child.block, &mut *block)?;
        let node = if xxh64(&*block, 0) == child.checksum {
            Node::decode(&block, level)
        } else {
            Err(DiskError::damaged(format!(
                "block {} has a wrong checksum",
                child.block
            )))
        };
        self.note(node)
    }

    /// The node at `child`, of this level.
    pub(super) fn see(&mut self, child: Child, level: u8) -> Result<Seen<'_>> {
        if self.dirty.contains_key(&child.block) {
            return Ok(Seen::Dirty(&self.dirty[&child.block]));
        }
        if let Some(node) = self.clean.get(child.block) {
            return Ok(Seen::Clean(node));
        }
        let node = Arc::new(self.load(child, level)?);
        self.clean.insert(child.block, Arc::clone(&node));
        Ok(Seen::Clean(node))
    }

    /// Lets the node at `child` be changed: copies it to a block of its own, which it answers.
    /// The caller changes what leads there.
    pub(super) fn shadow(&mut self, child: Child, level: u8) -> Result<u32> {
        if self.dirty.contains_key(&child.block) {
            return Ok(child.block);
        }
        let node = match self.clean.get(child.block) {
            Some(node) => node,
            None => Arc::new(self.load(child, level)?),
        };
        let (block, _) = self.take(1)?;
        self.clean.remove(child.block);
        let node = Arc::try_unwrap(node).unwrap_or_else(|node| (*node).clone());
        self.dirty.insert(block, node);
        self.blocks.free(child.block);
        Ok(block)
    }

    pub(super) fn is_dirty(&self, block: u32) -> bool {
        self.dirty.contains_key(&block)
    }

    /// A changed node.
    pub(super) fn dirty_node(&mut self, block: u32) -> Result<&mut Node> {
        self.dirty
            .get_mut(&block)
            .ok_or_else(|| DiskError::damaged("a node was to be changed before it was copied"))
    }

    /// A new node with a block of its own.
    pub(super) fn add_node(&mut self, node: Node) -> Result<u32> {
        let (block, _) = self.take(1)?;
        self.dirty.insert(block, node);
        Ok(block)
    }

    /// Forgets a node and gives its block back.
    pub(super) fn drop_node(&mut self, block: u32) -> Option<Node> {
        let dirty = self.dirty.remove(&block);
        let clean = self.clean.remove(block);
        self.blocks.free(block);
        dirty.or_else(|| clean.map(|node| (*node).clone()))
    }
}

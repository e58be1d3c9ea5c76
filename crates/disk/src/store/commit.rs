//! Committing: everything changed, or nothing.

use std::sync::Arc;

use super::Store;
use crate::checksum::xxh64;
use crate::error::{DiskError, Result};
use crate::layout::{Commit, offset_of};
use crate::node::Node;

impl Store {
    /// Whether there is something to commit.
    pub(crate) fn is_changed(&self) -> bool {
        !self.dirty.is_empty() || self.blocks.pending() > 0
    }

    /// Puts all changes of the tree on stable storage. When writing a node fails, everything
    /// is as before and can be tried again; when a flush fails it is not known what is
    /// stored, and nothing more is written.
    pub(crate) fn commit(&mut self) -> Result<()> {
        self.check_writable()?;
        if !self.is_changed() {
            return Ok(());
        }
        let (root, level) = (self.root, self.root_level);
        if self.dirty.contains_key(&root) {
            self.root_checksum = self.write_node(root, level)?;
        }
        self.flush()?;
        let commit = Commit {
            generation: self.generation + 1,
            root,
            root_level: level,
            root_checksum: self.root_checksum,
            next_inode: self.next_inode,
        };
        let place = Commit::place(commit.generation);
        let record = commit.encode(&self.header);
        let written = self.device.write_at(offset_of(place), &*record);
        if let Err(error) = written.map_err(DiskError::device("written")) {
            self.stop(&error);
            return self.note(Err(error));
        }
        self.flush()?;
        self.generation = commit.generation;
        self.blocks.committed();
        for (block, node) in std::mem::take(&mut self.dirty) {
            self.clean.insert(block, Arc::new(node));
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        let flushed = self.device.flush().map_err(DiskError::device("flushed"));
        if let Err(error) = &flushed {
            self.stop(error);
        }
        self.note(flushed)
    }

    /// Writes a changed node, those below it first; answers its checksum.
    fn write_node(&mut self, block: u32, level: u8) -> Result<u64> {
        if let Some(Node::Inner(children)) = self.dirty.get(&block) {
            let changed: Vec<(usize, u32)> = children
                .iter()
                .enumerate()
                .filter(|(_, child)| self.dirty.contains_key(&child.block))
                .map(|(place, child)| (place, child.block))
                .collect();
            for (place, below) in changed {
                let checksum = self.write_node(below, level - 1)?;
                if let Some(Node::Inner(children)) = self.dirty.get_mut(&block) {
                    children[place].checksum = checksum;
                }
            }
        }
        let encoded = self.dirty_node(block)?.encode(level);
        self.write_blocks(block, &*encoded)?;
        Ok(xxh64(&*encoded, 0))
    }
}

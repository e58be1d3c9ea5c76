//! Finding, putting and removing records.

use std::collections::HashSet;
use std::ops::ControlFlow;

use super::{Room, Store};
use crate::error::{DiskError, Result};
use crate::node::{Child, Key, LEVELS_MAX, Node, Record};

/// The inner nodes on the way to a leaf, each with the place of the child taken, and the leaf.
struct Way {
    inner: Vec<(u32, usize)>,
    leaf: u32,
}

/// Place of the child below which `key` is, if it is anywhere.
fn place_of(children: &[Child], key: Key) -> usize {
    children
        .partition_point(|child| child.key <= key)
        .saturating_sub(1)
}

fn not_as_expected() -> DiskError {
    DiskError::damaged("a node of its tree is of the wrong kind")
}

impl Store {
    /// Calls `visit` with the records from `from` to `to` in order, until it breaks.
    pub(crate) fn scan(
        &mut self,
        from: Key,
        to: Key,
        visit: &mut dyn FnMut(Key, &[u8]) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut from = from;
        loop {
            // Where the leaf after this one starts.
            let mut next = None;
            let mut child = self.root_child();
            for level in (1..=self.root_level).rev() {
                let node = self.see(child, level)?;
                let Node::Inner(children) = &*node else {
                    return Err(not_as_expected());
                };
                let place = place_of(children, from);
                if let Some(after) = children.get(place + 1) {
                    next = Some(after.key);
                }
                child = *children.get(place).ok_or_else(not_as_expected)?;
            }
            let node = self.see(child, 0)?;
            let Node::Leaf(records) = &*node else {
                return Err(not_as_expected());
            };
            let start = records.partition_point(|record| record.key < from);
            for record in &records[start..] {
                if record.key > to || visit(record.key, &record.value).is_break() {
                    return Ok(());
                }
            }
            match next {
                Some(next) if next <= to => from = next,
                _ => return Ok(()),
            }
        }
    }

    /// What `look` makes of the record `key`; `None` when there is none.
    pub(crate) fn get<T>(&mut self, key: Key, look: impl FnOnce(&[u8]) -> T) -> Result<Option<T>> {
        let mut child = self.root_child();
        for level in (1..=self.root_level).rev() {
            let node = self.see(child, level)?;
            let Node::Inner(children) = &*node else {
                return Err(not_as_expected());
            };
            child = *children
                .get(place_of(children, key))
                .ok_or_else(not_as_expected)?;
        }
        let node = self.see(child, 0)?;
        let Node::Leaf(records) = &*node else {
            return Err(not_as_expected());
        };
        let found = records.binary_search_by_key(&key, |record| record.key);
        Ok(found.ok().map(|place| look(&records[place].value)))
    }

    /// Copies the nodes on the way to `key`, so that changing what is there needs no reading.
    fn shadow_way(&mut self, key: Key) -> Result<Way> {
        let mut inner = Vec::with_capacity(usize::from(self.root_level));
        let mut block = self.shadow(self.root_child(), self.root_level)?;
        self.root = block;
        for level in (0..self.root_level).rev() {
            let Node::Inner(children) = self.dirty_node(block)? else {
                return Err(not_as_expected());
            };
            let place = place_of(children, key);
            let child = *children.get(place).ok_or_else(not_as_expected)?;
            let below = self.shadow(child, level)?;
            if let Node::Inner(children) = self.dirty_node(block)? {
                children[place].block = below;
            }
            inner.push((block, place));
            block = below;
        }
        Ok(Way { inner, leaf: block })
    }

    /// Blocks that changing one record may take beyond those of copies: for splits.
    fn splits(&self) -> u32 {
        u32::from(self.root_level) + 2
    }

    /// Nodes on the ways to all of `keys` together, those changed already counted or not.
    fn nodes_on_ways(&mut self, keys: &[Key], with_dirty: bool) -> Result<u32> {
        let mut blocks = HashSet::new();
        for key in keys {
            let mut child = self.root_child();
            for level in (0..=self.root_level).rev() {
                if with_dirty || !self.is_dirty(child.block) {
                    blocks.insert(child.block);
                }
                if level > 0 {
                    let node = self.see(child, level)?;
                    let Node::Inner(children) = &*node else {
                        return Err(not_as_expected());
                    };
                    let below = children.get(place_of(children, *key));
                    child = *below.ok_or_else(not_as_expected)?;
                }
            }
        }
        Ok(u32::try_from(blocks.len()).unwrap_or(u32::MAX))
    }

    /// Blocks that changes of so many records may take for splits. What removes something
    /// puts one new record at most: a mark.
    fn wanted_for_splits(&self, records: usize, room: Room) -> u32 {
        let records = match room {
            Room::Grow => u32::try_from(records).unwrap_or(u32::MAX),
            Room::Shrink => 2,
        };
        records.saturating_mul(self.splits())
    }

    /// Makes sure that changes of the records `keys` cannot fail: reads and copies what leads
    /// to them, with room for `extra` blocks beside.
    pub(crate) fn prepare(&mut self, keys: &[Key], extra: u32, room: Room) -> Result<()> {
        let splits = self.wanted_for_splits(keys.len(), room);
        let extra = extra.saturating_add(splits);
        let records = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        // As if nothing on the ways were shared or changed: quick, and mostly good enough.
        let most = records.saturating_mul(self.splits()).saturating_add(extra);
        if self.need(most, room).is_err() {
            let nodes = self.nodes_on_ways(keys, false)?;
            self.need(nodes.saturating_add(extra), room)?;
        }
        for key in keys {
            self.shadow_way(*key)?;
        }
        Ok(())
    }

    /// Whether a commit would make the room that [`Store::prepare`] has not found.
    pub(crate) fn commit_helps(&mut self, keys: &[Key], extra: u32, room: Room) -> Result<bool> {
        let wanted = self
            .nodes_on_ways(keys, true)?
            .saturating_add(extra)
            .saturating_add(self.wanted_for_splits(keys.len(), room))
            .saturating_add(room.kept());
        let pending = self.blocks.pending();
        let after = self.blocks.available().saturating_add(pending);
        Ok(pending > 0 && wanted <= after)
    }

    /// Puts a record in, in the place of one with the same key.
    pub(crate) fn put(&mut self, key: Key, value: &[u8]) -> Result<()> {
        let way = self.shadow_way(key)?;
        self.need(self.splits(), Room::Shrink)?;
        let Node::Leaf(records) = self.dirty_node(way.leaf)? else {
            return Err(not_as_expected());
        };
        let value = Box::from(value);
        let mut at_end = false;
        match records.binary_search_by_key(&key, |record| record.key) {
            Ok(place) => records[place].value = value,
            Err(place) => {
                at_end = place == records.len();
                records.insert(place, Record { key, value });
            }
        }
        self.split_up(&way, at_end)
    }

    /// Splits what has become too large, from the leaf up.
    fn split_up(&mut self, way: &Way, at_end: bool) -> Result<()> {
        let mut block = way.leaf;
        let mut above = way.inner.iter().rev();
        loop {
            let node = self.dirty_node(block)?;
            if !node.is_too_large() {
                return Ok(());
            }
            let second = node.split(at_end);
            let child = Child {
                key: second.first_key().unwrap_or_default(),
                block: self.add_node(second)?,
                checksum: 0,
            };
            if let Some((parent, place)) = above.next() {
                if let Node::Inner(children) = self.dirty_node(*parent)? {
                    children.insert(place + 1, child);
                }
                block = *parent;
            } else {
                if self.root_level >= LEVELS_MAX {
                    return Err(DiskError::Full);
                }
                let first = Child {
                    key: 0,
                    block,
                    checksum: 0,
                };
                self.root = self.add_node(Node::Inner(vec![first, child]))?;
                self.root_level += 1;
                return Ok(());
            }
        }
    }

    /// Changes the value of a record in place, keeping its length; false when there is none.
    pub(crate) fn update(&mut self, key: Key, value: &[u8]) -> Result<bool> {
        let way = self.shadow_way(key)?;
        let Node::Leaf(records) = self.dirty_node(way.leaf)? else {
            return Err(not_as_expected());
        };
        match records.binary_search_by_key(&key, |record| record.key) {
            Ok(place) if records[place].value.len() == value.len() => {
                records[place].value.copy_from_slice(value);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Removes a record; false when there is none.
    pub(crate) fn remove(&mut self, key: Key) -> Result<bool> {
        let way = self.shadow_way(key)?;
        let Node::Leaf(records) = self.dirty_node(way.leaf)? else {
            return Err(not_as_expected());
        };
        let Ok(place) = records.binary_search_by_key(&key, |record| record.key) else {
            return Ok(false);
        };
        records.remove(place);
        self.join_up(&way)?;
        Ok(true)
    }

    /// Joins what has become small with a neighbour, from the leaf up.
    fn join_up(&mut self, way: &Way) -> Result<()> {
        let mut block = way.leaf;
        for (level, (parent, place)) in (0..).zip(way.inner.iter().rev()) {
            let node = self.dirty_node(block)?;
            if node.is_empty() {
                self.drop_node(block);
                if let Node::Inner(children) = self.dirty_node(*parent)? {
                    children.remove(*place);
                }
            } else if !node.is_small() || !self.join(*parent, *place, level)? {
                break;
            }
            block = *parent;
        }
        self.lower_root()
    }

    /// Joins a child with the one after it, or the one before it, if both fit one node.
    fn join(&mut self, parent: u32, place: usize, level: u8) -> Result<bool> {
        let Node::Inner(children) = self.dirty_node(parent)? else {
            return Err(not_as_expected());
        };
        let own = children[place];
        let neighbours = [Some(place + 1), place.checked_sub(1)];
        let neighbours = neighbours.map(|at| at.and_then(|at| Some((at, *children.get(at)?))));
        for (at, other) in neighbours.into_iter().flatten() {
            let Ok(neighbour) = self.see(other, level) else {
                // Unreadable: joining is a nicety, and the change itself is made.
                continue;
            };
            let neighbour = neighbour.clone();
            let node = self.dirty_node(own.block)?;
            if !node.fits_with(&neighbour) {
                continue;
            }
            if at > place {
                node.append(neighbour);
            } else {
                let mut all = neighbour;
                all.append(std::mem::replace(node, Node::Leaf(Vec::new())));
                *node = all;
            }
            self.drop_node(other.block);
            if let Node::Inner(children) = self.dirty_node(parent)? {
                children[place].key = own.key.min(other.key);
                children.remove(at);
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// A root with one child is not needed, one without children is an empty leaf.
    fn lower_root(&mut self) -> Result<()> {
        while self.root_level > 0 {
            let root = self.root;
            let Node::Inner(children) = self.dirty_node(root)? else {
                return Err(not_as_expected());
            };
            match children.as_slice() {
                [] => {
                    *self.dirty_node(root)? = Node::Leaf(Vec::new());
                    self.root_level = 0;
                }
                [only] => {
                    let only = *only;
                    self.drop_node(root);
                    self.root = only.block;
                    self.root_checksum = only.checksum;
                    self.root_level -= 1;
                }
                _ => break,
            }
        }
        Ok(())
    }
}

//! Directories: finding, creating, removing and listing entries.

use std::borrow::Cow;
use std::ops::ControlFlow;

use holm_abi::{Errno, FileType, PATH_MAX};

use super::{Refusal, Room, Volume};
use crate::error::{DiskError, Result};
use crate::layout::bytes;
use crate::node::{Key, VALUE_MAX};
use crate::record::{
    Entry, Inode, ROOT, inode_key, link_key, name_keys, order_key, order_keys, orphan_key,
};

/// Entries copied out of the lock at a time while listing.
const LISTING_BATCH: usize = 64;

/// Result of what a guest asks for.
pub(super) type Asked<T> = std::result::Result<T, Refusal>;

impl Volume {
    /// The entry `name`, with the key of its record.
    pub(super) fn find(
        &mut self,
        directory: u64,
        name: &str,
    ) -> Result<Option<(Key, Entry<'static>)>> {
        let (from, to) = name_keys(directory, name);
        let mut found = Ok(None);
        self.store.scan(from, to, &mut |key, value| {
            match Entry::decode(value) {
                Ok(entry) if entry.name == name => found = Ok(Some((key, entry.into_owned()))),
                Ok(_) => return ControlFlow::Continue(()),
                Err(error) => found = Err(error),
            }
            ControlFlow::Break(())
        })?;
        self.store.note(found)
    }

    /// The entry `name`: `ENOENT` when there is none.
    pub(crate) fn entry(&mut self, directory: u64, name: &str) -> Asked<Entry<'static>> {
        let found = self.find(directory, name)?;
        found.map(|(_, entry)| entry).ok_or(Errno::NoEntry.into())
    }

    /// A key that the new entry `name` can have.
    pub(super) fn free_key(&mut self, directory: u64, name: &str) -> Asked<Key> {
        let (mut free, to) = name_keys(directory, name);
        self.store.scan(free, to, &mut |key, _| {
            if key == free {
                free += 1;
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        if free > to {
            return Err(Errno::NoSpace.into());
        }
        Ok(free)
    }

    /// Checks that `name` can be created here; answers its key and the directory's inode.
    pub(super) fn check_free(&mut self, directory: u64, name: &str) -> Asked<(Key, Inode)> {
        let inode = self.inode(directory)?;
        if inode.links == 0 {
            return Err(Errno::NoEntry.into());
        }
        if self.find(directory, name)?.is_some() {
            return Err(Errno::Exist.into());
        }
        Ok((self.free_key(directory, name)?, inode))
    }

    /// Puts both records of an entry.
    pub(super) fn put_entry(&mut self, directory: u64, key: Key, entry: &Entry<'_>) -> Result<()> {
        let value = entry.encode();
        self.store.put(key, &value)?;
        self.store.put(order_key(directory, entry.position), &value)
    }

    /// Adds an entry whose records and directory are prepared.
    pub(super) fn add_entry(
        &mut self,
        directory: u64,
        key: Key,
        (name, number, file_type): (&str, u64, FileType),
        now: u64,
    ) -> Result<()> {
        let mut inode = self.inode(directory)?;
        inode.last_position += 1;
        inode.entries += 1;
        inode.modified_ns = now;
        inode.changed_ns = now;
        let entry = Entry {
            inode: number,
            file_type,
            position: inode.last_position,
            name: Cow::Borrowed(name),
        };
        self.put_entry(directory, key, &entry)?;
        self.set_inode(directory, inode)
    }

    /// Takes an entry away whose records and directory are prepared.
    pub(super) fn take_entry(
        &mut self,
        directory: u64,
        key: Key,
        entry: &Entry<'_>,
        now: u64,
    ) -> Result<()> {
        self.store.remove(key)?;
        self.store.remove(order_key(directory, entry.position))?;
        let mut inode = self.inode(directory)?;
        inode.entries = inode.entries.saturating_sub(1);
        inode.modified_ns = now;
        inode.changed_ns = now;
        self.set_inode(directory, inode)
    }

    /// Creates `name` as something new: its number.
    pub(crate) fn create(
        &mut self,
        directory: u64,
        name: &str,
        file_type: FileType,
        text: &str,
    ) -> Asked<u64> {
        self.begin()?;
        let (key, above) = self.check_free(directory, name)?;
        let number = self.store.next_inode;
        let now = self.now();
        let mut inode = Inode::new(file_type, directory, now);
        inode.size = bytes(text.len());
        let pieces: Vec<(Key, &[u8])> = (0..)
            .zip(text.as_bytes().chunks(VALUE_MAX))
            .map(|(piece, part)| (link_key(number, piece), part))
            .collect();
        let mut keys = vec![
            key,
            order_key(directory, above.last_position + 1),
            inode_key(directory),
            inode_key(number),
        ];
        keys.extend(pieces.iter().map(|(key, _)| *key));
        self.prepare(&keys, 0, Room::Grow)?;
        self.change(|volume| {
            volume.store.next_inode += 1;
            volume.store.put(inode_key(number), &inode.encode())?;
            for (key, part) in pieces {
                volume.store.put(key, part)?;
            }
            volume.add_entry(directory, key, (name, number, file_type), now)?;
            if file_type == FileType::Directory {
                let mut above = volume.inode(directory)?;
                above.links += 1;
                volume.set_inode(directory, above)?;
            }
            Ok(())
        })?;
        Ok(number)
    }

    pub(crate) fn symlink(&mut self, directory: u64, name: &str, target: &str) -> Asked<()> {
        if target.is_empty() {
            return Err(Errno::NoEntry.into());
        }
        if target.len() > PATH_MAX {
            return Err(Errno::NameTooLong.into());
        }
        self.create(directory, name, FileType::SymbolicLink, target)
            .map(drop)
    }

    /// Makes `new_name` another name of `name`.
    pub(crate) fn link(&mut self, from: u64, name: &str, to: u64, new_name: &str) -> Asked<()> {
        self.begin()?;
        let entry = self.entry(from, name)?;
        let (key, above) = self.check_free(to, new_name)?;
        if entry.file_type == FileType::Directory {
            return Err(Errno::NotPermitted.into());
        }
        let number = entry.inode;
        self.inode(number)?;
        let position = order_key(to, above.last_position + 1);
        let keys = [key, position, inode_key(to), inode_key(number)];
        self.prepare(&keys, 0, Room::Grow)?;
        let now = self.now();
        self.change(|volume| {
            let mut inode = volume.inode(number)?;
            inode.links += 1;
            inode.changed_ns = now;
            volume.set_inode(number, inode)?;
            volume.add_entry(to, key, (new_name, number, inode.file_type), now)
        })?;
        Ok(())
    }

    /// Unlinks what is not a directory.
    pub(crate) fn unlink(&mut self, directory: u64, name: &str) -> Asked<()> {
        self.begin()?;
        let (key, entry) = self.find(directory, name)?.ok_or(Errno::NoEntry)?;
        if entry.file_type == FileType::Directory {
            return Err(Errno::IsDirectory.into());
        }
        self.remove(directory, key, &entry)
    }

    /// Removes an empty directory.
    pub(crate) fn remove_directory(&mut self, directory: u64, name: &str) -> Asked<()> {
        self.begin()?;
        let (key, entry) = self.find(directory, name)?.ok_or(Errno::NoEntry)?;
        if entry.file_type != FileType::Directory {
            return Err(Errno::NotDirectory.into());
        }
        if self.inode(entry.inode)?.entries > 0 {
            return Err(Errno::NotEmpty.into());
        }
        self.remove(directory, key, &entry)
    }

    fn remove(&mut self, directory: u64, key: Key, entry: &Entry<'_>) -> Asked<()> {
        let number = entry.inode;
        self.inode(number)?;
        let keys = [
            key,
            order_key(directory, entry.position),
            inode_key(directory),
            inode_key(number),
            orphan_key(number),
        ];
        self.prepare(&keys, 0, Room::Shrink)?;
        let now = self.now();
        self.change(|volume| {
            volume.take_entry(directory, key, entry, now)?;
            if entry.file_type == FileType::Directory {
                let mut above = volume.inode(directory)?;
                above.links = above.links.saturating_sub(1);
                volume.set_inode(directory, above)?;
            }
            volume.drop_name(number, now)
        })?;
        self.purge_unused(number);
        Ok(())
    }

    /// One name less. The last one leaves a mark, so that what is only open is removed when
    /// it is closed, or when the disk is opened next.
    pub(super) fn drop_name(&mut self, number: u64, now: u64) -> Result<()> {
        let mut inode = self.inode(number)?;
        inode.links = match inode.file_type {
            FileType::Directory => 0,
            _ => inode.links.saturating_sub(1),
        };
        inode.changed_ns = now;
        self.set_inode(number, inode)?;
        if inode.links == 0 {
            self.store.put(orphan_key(number), &[])?;
        }
        Ok(())
    }

    /// Removes what has lost its last name and is not open.
    pub(super) fn purge_unused(&mut self, number: u64) {
        let unused = self
            .inodes
            .get(&number)
            .is_some_and(|held| held.inode.links == 0 && held.handles == 0);
        if unused {
            // Should it fail, it is tried again when the disk is opened next.
            let _ = self.purge(number);
        }
    }

    /// Entries after a position, a few at a time.
    pub(crate) fn list(&mut self, directory: u64, after: u64) -> Result<Vec<Entry<'static>>> {
        let (from, to) = order_keys(directory, after);
        let mut batch = Vec::new();
        if after >= crate::record::REST_MAX {
            return Ok(batch);
        }
        let mut bad = None;
        self.store.scan(from, to, &mut |_, value| {
            match Entry::decode(value) {
                Ok(entry) => batch.push(entry.into_owned()),
                Err(error) => bad = Some(error),
            }
            if batch.len() == LISTING_BATCH || bad.is_some() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        match bad {
            Some(error) => self.store.note(Err(error)),
            None => Ok(batch),
        }
    }

    /// Whether `below` is `above` or inside it.
    pub(super) fn is_within(&mut self, below: u64, above: u64) -> Result<bool> {
        let mut current = below;
        // A damaged image may go round in circles; a block holds fewer than 64 inodes.
        for _ in 0..u64::from(self.store.blocks.taken()) * 64 {
            if current == above {
                return Ok(true);
            }
            let parent = self.inode(current)?.parent;
            if current == ROOT || parent == current {
                return Ok(false);
            }
            current = parent;
        }
        self.store
            .note(Err(DiskError::damaged("directories contain each other")))
    }
}

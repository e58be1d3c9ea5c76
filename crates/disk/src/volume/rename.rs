//! Renaming, as `rename(2)`.

use holm_abi::{Errno, FileType};

use super::directories::Asked;
use super::{Room, Volume};
use crate::node::Key;
use crate::record::{Entry, inode_key, order_key, orphan_key};

impl Volume {
    pub(crate) fn rename(&mut self, from: u64, name: &str, to: u64, new_name: &str) -> Asked<()> {
        self.begin()?;
        let (key, moved) = self.find(from, name)?.ok_or(Errno::NoEntry)?;
        let above = self.inode(to)?;
        if above.links == 0 {
            return Err(Errno::NoEntry.into());
        }
        let is_directory = moved.file_type == FileType::Directory;
        if is_directory && self.is_within(to, moved.inode)? {
            return Err(Errno::Invalid.into());
        }
        let replaced = self.find(to, new_name)?;
        if let Some((_, replaced)) = &replaced {
            if replaced.inode == moved.inode {
                return Ok(());
            }
            self.check_replaced(is_directory, replaced)?;
        }
        let new_key = match &replaced {
            Some((key, _)) => *key,
            None => self.free_key(to, new_name)?,
        };
        let position = replaced
            .as_ref()
            .map_or(above.last_position + 1, |(_, replaced)| replaced.position);
        let mut keys = vec![
            key,
            order_key(from, moved.position),
            inode_key(from),
            inode_key(moved.inode),
            new_key,
            order_key(to, position),
            inode_key(to),
        ];
        if let Some((_, replaced)) = &replaced {
            keys.extend([inode_key(replaced.inode), orphan_key(replaced.inode)]);
        }
        self.inode(moved.inode)?;
        self.prepare(&keys, 0, Room::Grow)?;
        let now = self.now();
        let gone = replaced.map(|(_, replaced)| replaced);
        self.change(|volume| {
            volume.take_entry(from, key, &moved, now)?;
            volume.arrive(to, new_key, new_name, &moved, gone.as_ref(), now)?;
            if is_directory && from != to {
                let mut left = volume.inode(from)?;
                left.links = left.links.saturating_sub(1);
                volume.set_inode(from, left)?;
                let mut entered = volume.inode(to)?;
                entered.links += 1;
                volume.set_inode(to, entered)?;
            }
            let mut inode = volume.inode(moved.inode)?;
            inode.changed_ns = now;
            if is_directory {
                inode.parent = to;
            }
            volume.set_inode(moved.inode, inode)
        })?;
        if let Some(gone) = gone {
            self.purge_unused(gone.inode);
        }
        Ok(())
    }

    /// Whether what is there may be replaced.
    fn check_replaced(&mut self, by_directory: bool, replaced: &Entry<'_>) -> Asked<()> {
        let inode = self.inode(replaced.inode)?;
        match (by_directory, replaced.file_type) {
            (true, FileType::Directory) if inode.entries > 0 => Err(Errno::NotEmpty.into()),
            (false, FileType::Directory) => Err(Errno::IsDirectory.into()),
            (true, FileType::Directory) | (false, _) => Ok(()),
            (true, _) => Err(Errno::NotDirectory.into()),
        }
    }

    /// Puts what moves under its new name, in the place of what was there.
    fn arrive(
        &mut self,
        to: u64,
        key: Key,
        name: &str,
        moved: &Entry<'_>,
        gone: Option<&Entry<'_>>,
        now: u64,
    ) -> crate::error::Result<()> {
        let Some(gone) = gone else {
            return self.add_entry(to, key, (name, moved.inode, moved.file_type), now);
        };
        let entry = Entry {
            inode: moved.inode,
            file_type: moved.file_type,
            position: gone.position,
            name: gone.name.clone(),
        };
        self.put_entry(to, key, &entry)?;
        let mut above = self.inode(to)?;
        above.modified_ns = now;
        above.changed_ns = now;
        if gone.file_type == FileType::Directory {
            above.links = above.links.saturating_sub(1);
        }
        self.set_inode(to, above)?;
        self.drop_name(gone.inode, now)
    }
}

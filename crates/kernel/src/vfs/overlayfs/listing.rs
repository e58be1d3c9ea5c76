//! Listing both layers as one, each name once.
//!
//! What the lower layer shows comes first, at the lower layer's positions, whichever layer
//! it comes from by now; then what only the upper layer has. A name keeps its place as long
//! as it exists, also when it is copied up or replaced meanwhile.

use std::ops::ControlFlow;

use holm_abi::{Errno, FileType};

use super::directory::OverlayDirectory;
use super::lower_inode;
use crate::vfs::node::{DirEntry, Result};

/// Set in the positions of what only the upper layer has.
const IN_UPPER: u64 = 1 << 63;

impl OverlayDirectory {
    pub(super) fn list(
        &self,
        cursor: u64,
        visit: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        let (lower, upper) = {
            let state = self.state();
            if state.removed {
                return Ok(());
            }
            (state.lower.clone(), state.upper.clone())
        };
        let mut walk = Walk {
            directory: self,
            visit,
            end: None,
        };
        if cursor & IN_UPPER == 0
            && let Some(lower) = lower
        {
            lower.read_dir(cursor, &mut |entry| walk.lower_entry(entry))?;
        }
        if walk.end.is_none()
            && let Some(upper) = upper
        {
            let cursor = if cursor & IN_UPPER == 0 {
                0
            } else {
                cursor & !IN_UPPER
            };
            upper.read_dir(cursor, &mut |entry| walk.upper_entry(entry))?;
        }
        walk.end.unwrap_or(Ok(()))
    }

    /// Whether there is any entry.
    pub(super) fn is_empty(&self) -> Result<bool> {
        let mut empty = true;
        self.list(0, &mut |_| {
            empty = false;
            ControlFlow::Break(())
        })?;
        Ok(empty)
    }

    /// Inode and type of an entry that the lower layer shows.
    fn describe_lower(&self, entry: &DirEntry<'_>) -> Option<(u64, FileType)> {
        let state = self.state();
        if state.hidden.contains(entry.name) {
            return None;
        }
        if let Some(child) = state.child(entry.name) {
            return Some((child.inode(), FileType::Directory));
        }
        let upper = state.upper.as_ref()?.stat_at(entry.name).ok()?;
        let merged = (upper.file_type, entry.file_type) == (FileType::Directory, upper.file_type);
        Some(if merged {
            (lower_inode(entry.inode), FileType::Directory)
        } else {
            (self.shared().upper_inode(upper.inode), upper.file_type)
        })
    }

    fn is_hidden(&self, name: &str) -> bool {
        self.state().hidden.contains(name)
    }

    /// Inode of an entry of the upper layer, unless the lower layer's turn has listed it.
    fn describe_upper(&self, entry: &DirEntry<'_>) -> Result<Option<u64>> {
        let state = self.state();
        if state.shown_lower(entry.name)?.is_some() {
            return Ok(None);
        }
        Ok(Some(match state.child(entry.name) {
            Some(child) => child.inode(),
            None => self.shared().upper_inode(entry.inode),
        }))
    }
}

/// A listing under way.
struct Walk<'a> {
    directory: &'a OverlayDirectory,
    visit: &'a mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>,
    /// Set when the listing ends before the last entry: asked to, or by an error.
    end: Option<Result<()>>,
}

impl Walk<'_> {
    fn lower_entry(&mut self, entry: DirEntry<'_>) -> ControlFlow<()> {
        if self.directory.is_hidden(entry.name) {
            return ControlFlow::Continue(());
        }
        let (inode, file_type) = self
            .directory
            .describe_lower(&entry)
            .unwrap_or((lower_inode(entry.inode), entry.file_type));
        if entry.next & IN_UPPER != 0 {
            return self.fail(Errno::Overflow);
        }
        self.pass(DirEntry {
            inode,
            file_type,
            ..entry
        })
    }

    fn upper_entry(&mut self, entry: DirEntry<'_>) -> ControlFlow<()> {
        match self.directory.describe_upper(&entry) {
            Ok(None) => ControlFlow::Continue(()),
            Ok(Some(_)) if entry.next & IN_UPPER != 0 => self.fail(Errno::Overflow),
            Ok(Some(inode)) => self.pass(DirEntry {
                inode,
                next: entry.next | IN_UPPER,
                ..entry
            }),
            Err(errno) => self.fail(errno),
        }
    }

    fn pass(&mut self, entry: DirEntry<'_>) -> ControlFlow<()> {
        let flow = (self.visit)(entry);
        if flow.is_break() {
            self.end = Some(Ok(()));
        }
        flow
    }

    fn fail(&mut self, errno: Errno) -> ControlFlow<()> {
        self.end = Some(Err(errno));
        ControlFlow::Break(())
    }
}

//! What an overlay directory knows of itself and of its entries.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};

use holm_abi::{Errno, FileType, Stat};

use super::directory::OverlayDirectory;
use super::file::OverlayFile;
use crate::vfs::node::{Directory, Result};

/// Entries in `children` before those that nobody holds any more are swept out.
const SWEEP_MIN: usize = 64;

/// The changing part of an overlay directory.
#[derive(Default)]
pub(super) struct State {
    pub(super) lower: Option<Arc<dyn Directory>>,
    pub(super) upper: Option<Arc<dyn Directory>>,
    /// Names of the lower layer that were removed. They stay here when the name is taken
    /// again: what is in the upper layer shows anyway, and nothing of the lower may.
    pub(super) hidden: HashSet<Arc<str>>,
    children: HashMap<Arc<str>, Child>,
    sweep_at: usize,
    /// Lower files that are open for reading, to be switched over when they are copied up.
    pub(super) open_files: HashMap<Arc<str>, Weak<OverlayFile>>,
    pub(super) sweep_files_at: usize,
    /// Time of the last change, when only `hidden` could note it.
    pub(super) touched_ns: Option<u64>,
    pub(super) removed: bool,
}

/// A directory below, by name.
enum Child {
    /// It has state of its own (an upper layer, hidden names) and stays.
    Kept(Arc<OverlayDirectory>),
    /// It only mirrors the lower layer; it goes with its last user.
    Passing(Weak<OverlayDirectory>),
}

/// What a name leads to, in which layer.
pub(super) enum Entry {
    /// A directory, merged or not.
    Directory(Arc<OverlayDirectory>),
    /// Something else in the upper layer, with that layer's directory and stat.
    Upper(Arc<dyn Directory>, Stat),
    /// Something else in the lower layer.
    Lower(Arc<dyn Directory>, Stat),
}

/// As [`Entry`], before a directory has its node.
pub(super) enum Found {
    Entry(Entry),
    NewDirectory,
}

impl State {
    pub(super) fn new(
        lower: Option<Arc<dyn Directory>>,
        upper: Option<Arc<dyn Directory>>,
    ) -> State {
        State {
            lower,
            upper,
            ..State::default()
        }
    }

    /// Finds `name` in the layers.
    pub(super) fn find(&self, name: &str) -> Result<Found> {
        if self.removed {
            return Err(Errno::NoEntry);
        }
        if let Some(child) = self.child(name) {
            return Ok(Found::Entry(Entry::Directory(child)));
        }
        if let Some(upper) = &self.upper
            && let Some(stat) = present(upper.stat_at(name))?
        {
            return Ok(if stat.file_type == FileType::Directory {
                Found::NewDirectory
            } else {
                Found::Entry(Entry::Upper(Arc::clone(upper), stat))
            });
        }
        match self.shown_lower(name)? {
            Some((_, stat)) if stat.file_type == FileType::Directory => Ok(Found::NewDirectory),
            Some((lower, stat)) => Ok(Found::Entry(Entry::Lower(Arc::clone(lower), stat))),
            None => Err(Errno::NoEntry),
        }
    }

    /// What the lower layer has under `name`, unless it is hidden. Whether the upper layer
    /// covers it is not asked.
    pub(super) fn shown_lower(&self, name: &str) -> Result<Option<(&Arc<dyn Directory>, Stat)>> {
        match &self.lower {
            Some(lower) if !self.hidden.contains(name) => {
                let stat = present(lower.stat_at(name))?;
                Ok(stat.map(|stat| (lower, stat)))
            }
            _ => Ok(None),
        }
    }

    /// The node of the directory `name`, when it has one.
    pub(super) fn child(&self, name: &str) -> Option<Arc<OverlayDirectory>> {
        match self.children.get(name)? {
            Child::Kept(child) => Some(Arc::clone(child)),
            Child::Passing(child) => child.upgrade(),
        }
    }

    /// Remembers the node of a directory as long as the node lives.
    pub(super) fn mention_child(&mut self, name: &str, child: &Arc<OverlayDirectory>) {
        if self.children.len() >= self.sweep_at.max(SWEEP_MIN) {
            self.children.retain(|_, child| match child {
                Child::Kept(_) => true,
                Child::Passing(child) => child.strong_count() > 0,
            });
            self.sweep_at = self.children.len() * 2;
        }
        self.children
            .insert(name.into(), Child::Passing(Arc::downgrade(child)));
    }

    /// Remembers the node of a directory as long as this directory lives.
    pub(super) fn keep_child(&mut self, name: &str, child: Arc<OverlayDirectory>) {
        self.children.insert(name.into(), Child::Kept(child));
    }

    /// Forgets the node of a directory that is not here any more.
    pub(super) fn drop_child(&mut self, name: &str) {
        self.children.remove(name);
    }

    /// Hides `name` of the lower layer for good.
    pub(super) fn hide(&mut self, name: &str) {
        self.hidden.insert(name.into());
        self.forget_open(name);
    }

    /// Cuts the open file `name` off: what is at the name now is another file.
    pub(super) fn forget_open(&mut self, name: &str) {
        if let Some(file) = self.open_files.remove(name)
            && let Some(file) = file.upgrade()
        {
            file.set_unlinked();
        }
    }

    /// The nodes that would be dropped with this one.
    pub(super) fn take_kept(&mut self) -> Vec<Arc<OverlayDirectory>> {
        std::mem::take(&mut self.children)
            .into_values()
            .filter_map(|child| match child {
                Child::Kept(child) => Some(child),
                Child::Passing(_) => None,
            })
            .collect()
    }
}

/// Tells "there is none" from the other errors.
pub(super) fn present<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NoEntry) => Ok(None),
        Err(errno) => Err(errno),
    }
}

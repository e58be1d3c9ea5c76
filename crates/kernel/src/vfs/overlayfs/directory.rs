//! A directory of an overlay: one node for the layers that are merged under one name.

use std::any::Any;
use std::ops::ControlFlow;
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak,
};
use std::task::{Poll, Waker};

use holm_abi::{Errno, FileType, SetTimes, Stat};

use super::copy_up::Data;
use super::file::OverlayFile;
use super::state::{Entry, Found, State, present};
use super::{Shared, lower_inode};
use crate::vfs::node::{DirEntry, Directory, Lookup, OpenOptions, Opened, Result};

/// A directory.
pub(super) struct OverlayDirectory {
    shared: Arc<Shared>,
    this: Weak<OverlayDirectory>,
    inode: u64,
    place: Mutex<Place>,
    state: RwLock<State>,
}

/// Where a directory hangs.
struct Place {
    /// Keeps the parent alive, until the parent keeps this one.
    holding: Option<Arc<OverlayDirectory>>,
    parent: Weak<OverlayDirectory>,
    name: Arc<str>,
}

impl std::fmt::Debug for OverlayDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OverlayDirectory")
            .field("inode", &self.inode)
            .finish_non_exhaustive()
    }
}

impl OverlayDirectory {
    pub(super) fn root(
        shared: Arc<Shared>,
        lower: Arc<dyn Directory>,
        upper: Arc<dyn Directory>,
    ) -> Arc<OverlayDirectory> {
        let inode = lower.stat().map_or(0, |stat| lower_inode(stat.inode));
        let place = Place {
            holding: None,
            parent: Weak::new(),
            name: "".into(),
        };
        Self::node(shared, inode, place, Some(lower), Some(upper))
    }

    fn node(
        shared: Arc<Shared>,
        inode: u64,
        place: Place,
        lower: Option<Arc<dyn Directory>>,
        upper: Option<Arc<dyn Directory>>,
    ) -> Arc<OverlayDirectory> {
        Arc::new_cyclic(|this| OverlayDirectory {
            shared,
            this: this.clone(),
            inode,
            place: Mutex::new(place),
            state: RwLock::new(State::new(lower, upper)),
        })
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(super) fn inode(&self) -> u64 {
        self.inode
    }

    pub(super) fn this(&self) -> Option<Arc<OverlayDirectory>> {
        self.this.upgrade()
    }

    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(&self.place().name)
    }

    pub(super) fn parent(&self) -> Option<Arc<OverlayDirectory>> {
        self.place().parent.upgrade()
    }

    pub(super) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the parent keep this node, and so on upwards: it has state of its own now.
    pub(super) fn keep(self: &Arc<Self>) {
        let mut current = Arc::clone(self);
        loop {
            let (parent, name) = {
                let mut place = current.place();
                let Some(parent) = place.holding.take() else {
                    return;
                };
                (parent, Arc::clone(&place.name))
            };
            parent.state_mut().keep_child(&name, current);
            current = parent;
        }
    }

    pub(super) fn metadata(&self) -> Result<Stat> {
        let (lower, upper, touched_ns, removed) = {
            let state = self.state();
            let (lower, upper) = (state.lower.clone(), state.upper.clone());
            (lower, upper, state.touched_ns, state.removed)
        };
        let layer = upper.as_ref().or(lower.as_ref()).ok_or(Errno::NoEntry)?;
        let mut stat = layer.stat()?;
        stat.inode = self.inode;
        if removed {
            stat.links = 0;
        } else if lower.is_some() && upper.is_some() {
            stat.links = 1;
        }
        if let (None, Some(touched_ns)) = (upper, touched_ns) {
            stat.modified_ns = touched_ns;
            stat.changed_ns = touched_ns;
        }
        Ok(stat)
    }

    /// Finds what `name` leads to.
    pub(super) fn find(&self, name: &str) -> Result<Entry> {
        if let Found::Entry(entry) = self.state().find(name)? {
            return Ok(entry);
        }
        let mut state = self.state_mut();
        match state.find(name)? {
            Found::Entry(entry) => Ok(entry),
            Found::NewDirectory => self.new_child(&mut state, name).map(Entry::Directory),
        }
    }

    /// Makes the node of a directory that was not met before.
    fn new_child(&self, state: &mut State, name: &str) -> Result<Arc<OverlayDirectory>> {
        let upper = match &state.upper {
            Some(upper) => as_directory(upper.lookup(name))?,
            None => None,
        };
        let lower = match state.shown_lower(name)? {
            Some((lower, _)) => as_directory(lower.lookup(name))?,
            None => None,
        };
        let inode = match (&lower, &upper) {
            (Some(lower), _) => lower_inode(lower.stat()?.inode),
            (None, Some(upper)) => self.shared.upper_inode(upper.stat()?.inode),
            (None, None) => return Err(Errno::NoEntry),
        };
        let kept = upper.is_some();
        let place = Place {
            holding: if kept { None } else { self.this() },
            parent: self.this.clone(),
            name: name.into(),
        };
        let child = Self::node(Arc::clone(&self.shared), inode, place, lower, upper);
        if kept {
            state.keep_child(name, Arc::clone(&child));
        } else {
            state.mention_child(name, &child);
        }
        Ok(child)
    }

    /// The directory of this same overlay behind the trait object.
    fn same_fs<'a>(&self, other: &'a dyn Directory) -> Result<&'a OverlayDirectory> {
        let other: &dyn Any = other;
        other
            .downcast_ref::<OverlayDirectory>()
            .filter(|other| Arc::ptr_eq(&self.shared, &other.shared))
            .ok_or(Errno::CrossDevice)
    }

    /// `EEXIST` when there is such a name, `ENOENT` when nothing can be created here.
    fn check_free(&self, name: &str) -> Result<()> {
        if self.state().removed {
            return Err(Errno::NoEntry);
        }
        match present(self.find(name))? {
            Some(_) => Err(Errno::Exist),
            None => Ok(()),
        }
    }

    /// Whether this is `ancestor` or below it. The caller holds `Shared::changes`.
    fn is_within(&self, ancestor: &Arc<OverlayDirectory>) -> bool {
        let mut current = self.this();
        while let Some(directory) = current {
            if Arc::ptr_eq(&directory, ancestor) {
                return true;
            }
            current = directory.parent();
        }
        false
    }

    fn set_removed(&self) {
        let mut state = self.state_mut();
        state.removed = true;
        state.open_files.clear();
        state.hidden.clear();
    }

    /// Opens a file of the upper layer.
    fn open_upper(
        &self,
        upper: &Arc<dyn Directory>,
        name: &str,
        options: OpenOptions,
    ) -> Result<Opened> {
        match upper.open_at(name, options)? {
            Opened::File(file) => {
                let inode = self.shared.upper_inode(file.stat()?.inode);
                Ok(Opened::File(Arc::new(OverlayFile::in_upper(file, inode))))
            }
            // A directory has taken the name since we looked.
            Opened::Directory(_) => self.open_at(name, options),
            other => Ok(other),
        }
    }

    /// Opens a file of the lower layer that will not be written.
    fn open_lower(&self, name: &str, options: OpenOptions) -> Result<Opened> {
        let mut state = self.state_mut();
        let Found::Entry(Entry::Lower(lower, _)) = state.find(name)? else {
            drop(state);
            return self.open_at(name, options);
        };
        if let Some(open) = state.open_files.get(name).and_then(Weak::upgrade) {
            return Ok(Opened::File(open));
        }
        let opened = lower.open_at(name, options)?;
        let (Opened::File(file), Some(this)) = (&opened, self.this()) else {
            return Ok(opened);
        };
        let name: Arc<str> = name.into();
        let file = OverlayFile::in_lower(Arc::clone(file), this, Arc::clone(&name));
        let file = Arc::new(file);
        if state.open_files.len() >= state.sweep_files_at {
            state.open_files.retain(|_, open| open.strong_count() > 0);
            state.sweep_files_at = (state.open_files.len() * 2).max(64);
        }
        state.open_files.insert(name, Arc::downgrade(&file));
        Ok(Opened::File(file))
    }

    fn create_file(&self, name: &str, options: OpenOptions) -> Result<Opened> {
        let changes = self.shared.lock_changes();
        match self.check_free(name) {
            // Somebody else was faster: their file is as good, unless ours must be new.
            Err(Errno::Exist) if !options.exclusive => {
                drop(changes);
                return self.open_at(name, options);
            }
            free => free?,
        }
        let exclusive = OpenOptions {
            exclusive: true,
            ..options
        };
        self.open_upper(&self.ensure_upper()?, name, exclusive)
    }
}

/// The directory that a lookup found; something else, or nothing, is none.
fn as_directory(found: Result<Lookup>) -> Result<Option<Arc<dyn Directory>>> {
    Ok(match present(found)? {
        Some(Lookup::Directory(directory)) => Some(directory),
        _ => None,
    })
}

impl Directory for OverlayDirectory {
    fn stat(&self) -> Result<Stat> {
        self.metadata()
    }

    fn set_times(&self, times: SetTimes) -> Result<()> {
        let _changes = self.shared.lock_changes();
        self.ensure_upper()?.set_times(self.shared.resolve(times))
    }

    fn sync(&self, data_only: bool) -> Result<()> {
        let upper = self.state().upper.clone();
        upper.map_or(Ok(()), |upper| upper.sync(data_only))
    }

    fn lookup(&self, name: &str) -> Result<Lookup> {
        match self.find(name)? {
            Entry::Directory(child) => Ok(Lookup::Directory(child)),
            Entry::Upper(layer, stat) | Entry::Lower(layer, stat) => {
                if stat.file_type == FileType::SymbolicLink {
                    layer.read_link_at(name).map(Lookup::Symlink)
                } else {
                    Ok(Lookup::Other)
                }
            }
        }
    }

    fn stat_at(&self, name: &str) -> Result<Stat> {
        Ok(match self.find(name)? {
            Entry::Directory(child) => child.metadata()?,
            Entry::Upper(_, stat) => Stat {
                inode: self.shared.upper_inode(stat.inode),
                ..stat
            },
            Entry::Lower(_, stat) => Stat {
                inode: lower_inode(stat.inode),
                ..stat
            },
        })
    }

    fn open_at(&self, name: &str, options: OpenOptions) -> Result<Opened> {
        if options.create && options.directory {
            return Err(Errno::Invalid);
        }
        let found = match present(self.find(name))? {
            Some(_) if options.create && options.exclusive => return Err(Errno::Exist),
            Some(found) => found,
            None if options.create => return self.create_file(name, options),
            None => return Err(Errno::NoEntry),
        };
        let writes = options.write || options.truncate;
        let existing = OpenOptions {
            create: false,
            ..options
        };
        match found {
            Entry::Directory(_) if writes || options.create => Err(Errno::IsDirectory),
            Entry::Directory(child) => Ok(Opened::Directory(child)),
            Entry::Upper(layer, stat) | Entry::Lower(layer, stat)
                if stat.file_type == FileType::SymbolicLink =>
            {
                layer.read_link_at(name).map(Opened::Symlink)
            }
            _ if options.directory => Err(Errno::NotDirectory),
            Entry::Upper(upper, _) => self.open_upper(&upper, name, existing),
            Entry::Lower(lower, stat) if stat.file_type != FileType::RegularFile => {
                lower.open_at(name, existing)
            }
            Entry::Lower(..) if writes => {
                let upper = {
                    let _changes = self.shared.lock_changes();
                    let data = match options.truncate {
                        true => Data::Nothing,
                        false => Data::Lower,
                    };
                    self.copy_up(name, data)?
                };
                self.open_upper(&upper, name, existing)
            }
            Entry::Lower(..) => self.open_lower(name, existing),
        }
    }

    fn read_dir(
        &self,
        cursor: u64,
        visit: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        self.list(cursor, visit)
    }

    fn read_link_at(&self, name: &str) -> Result<String> {
        match self.find(name)? {
            Entry::Directory(_) => Err(Errno::Invalid),
            Entry::Upper(layer, _) | Entry::Lower(layer, _) => layer.read_link_at(name),
        }
    }

    fn set_times_at(&self, name: &str, times: SetTimes) -> Result<()> {
        let times = self.shared.resolve(times);
        match self.find(name)? {
            Entry::Directory(child) => child.set_times(times),
            Entry::Upper(upper, _) => upper.set_times_at(name, times),
            Entry::Lower(..) => {
                let _changes = self.shared.lock_changes();
                self.copy_up(name, Data::Lower)?.set_times_at(name, times)
            }
        }
    }

    fn create_directory_at(&self, name: &str) -> Result<()> {
        let _changes = self.shared.lock_changes();
        self.check_free(name)?;
        self.ensure_upper()?.create_directory_at(name)
    }

    fn remove_directory_at(&self, name: &str) -> Result<()> {
        let _changes = self.shared.lock_changes();
        let Entry::Directory(child) = self.find(name)? else {
            return Err(Errno::NotDirectory);
        };
        if !child.is_empty()? {
            return Err(Errno::NotEmpty);
        }
        let covers = self.state().shown_lower(name)?.is_some();
        if covers {
            self.prepare_to_hide()?;
        }
        let in_upper = child.state().upper.is_some();
        {
            let mut state = self.state_mut();
            if in_upper && let Some(upper) = &state.upper {
                upper.remove_directory_at(name)?;
            }
            if covers {
                state.hide(name);
            }
            state.drop_child(name);
        }
        child.set_removed();
        if in_upper { Ok(()) } else { self.touch() }
    }

    fn unlink_at(&self, name: &str) -> Result<()> {
        let _changes = self.shared.lock_changes();
        let found = self.find(name)?;
        if let Entry::Directory(_) = found {
            return Err(Errno::IsDirectory);
        }
        let covers = self.state().shown_lower(name)?.is_some();
        if covers {
            self.prepare_to_hide()?;
        }
        let mut state = self.state_mut();
        if let Entry::Upper(upper, stat) = &found {
            upper.unlink_at(name)?;
            self.shared.forget_origin(stat);
        }
        if covers {
            state.hide(name);
        }
        drop(state);
        match found {
            Entry::Lower(..) => self.touch(),
            _ => Ok(()),
        }
    }

    fn symlink_at(&self, name: &str, target: &str) -> Result<()> {
        let _changes = self.shared.lock_changes();
        self.check_free(name)?;
        self.ensure_upper()?.symlink_at(name, target)
    }

    fn link_at(&self, name: &str, to: &dyn Directory, new_name: &str) -> Result<()> {
        let to = self.same_fs(to)?;
        let _changes = self.shared.lock_changes();
        let found = self.find(name)?;
        to.check_free(new_name)?;
        let from_upper = match found {
            Entry::Directory(_) => return Err(Errno::NotPermitted),
            Entry::Upper(upper, _) => upper,
            Entry::Lower(..) => self.copy_up(name, Data::Lower)?,
        };
        let to_upper = to.ensure_upper()?;
        from_upper.link_at(name, &*to_upper, new_name)
    }

    fn rename_at(&self, name: &str, to: &dyn Directory, new_name: &str) -> Result<()> {
        let to = self.same_fs(to)?;
        let _changes = self.shared.lock_changes();
        let source = self.find(name)?;
        if to.state().removed {
            return Err(Errno::NoEntry);
        }
        if let Entry::Directory(moved) = &source
            && to.is_within(moved)
        {
            return Err(Errno::Invalid);
        }
        let target = present(to.find(new_name))?;
        if let Some(target) = &target {
            if self.is_same(&source, target) {
                return Ok(());
            }
            check_replace(&source, target)?;
        }
        self.rename_found(name, &source, to, new_name, target.as_ref())
    }

    fn may_wait(&self) -> bool {
        self.shared.lower_may_wait
    }

    fn prepare_change_at(&self, name: &str, waker: &Waker) -> Poll<Result<()>> {
        if !self.shared.lower_may_wait {
            return Poll::Ready(Ok(()));
        }
        self.stage(name, waker)
    }
}

/// Whether `source` may take the place of `target`.
fn check_replace(source: &Entry, target: &Entry) -> Result<()> {
    match (source, target) {
        (Entry::Directory(_), Entry::Directory(replaced)) => {
            if replaced.is_empty()? {
                Ok(())
            } else {
                Err(Errno::NotEmpty)
            }
        }
        (Entry::Directory(_), _) => Err(Errno::NotDirectory),
        (_, Entry::Directory(_)) => Err(Errno::IsDirectory),
        _ => Ok(()),
    }
}

impl OverlayDirectory {
    /// Whether two names lead to one file.
    fn is_same(&self, one: &Entry, other: &Entry) -> bool {
        match (one, other) {
            (Entry::Directory(one), Entry::Directory(other)) => Arc::ptr_eq(one, other),
            (Entry::Upper(_, one), Entry::Upper(_, other))
            | (Entry::Lower(_, one), Entry::Lower(_, other)) => one.inode == other.inode,
            _ => false,
        }
    }

    /// Renames what may be renamed. The caller holds `Shared::changes`.
    fn rename_found(
        &self,
        name: &str,
        source: &Entry,
        to: &OverlayDirectory,
        new_name: &str,
        target: Option<&Entry>,
    ) -> Result<()> {
        let from_upper = match source {
            Entry::Directory(moved) => {
                moved.ensure_upper()?;
                self.ensure_upper()?
            }
            Entry::Upper(upper, _) => Arc::clone(upper),
            Entry::Lower(..) => self.copy_up(name, Data::Lower)?,
        };
        let to_upper = to.ensure_upper()?;
        let covers = self.state().shown_lower(name)?.is_some();
        // Both locked, so that nobody sees the file in neither or in both places.
        let mut from_state = self.state_mut();
        let mut to_state = (!std::ptr::eq(self, to)).then(|| to.state_mut());
        from_upper.rename_at(name, &*to_upper, new_name)?;
        if covers {
            from_state.hide(name);
        }
        from_state.drop_child(name);
        let to_state = to_state.as_deref_mut().unwrap_or(&mut from_state);
        to_state.forget_open(new_name);
        to_state.drop_child(new_name);
        if let Entry::Directory(moved) = source {
            to_state.keep_child(new_name, Arc::clone(moved));
            let mut place = moved.place();
            place.parent = to.this.clone();
            place.name = new_name.into();
        }
        match target {
            Some(Entry::Upper(_, stat)) => self.shared.forget_origin(stat),
            Some(Entry::Directory(replaced)) => {
                let replaced = Arc::clone(replaced);
                // The last lock of the two is gone before another directory's is taken.
                drop(from_state);
                replaced.set_removed();
            }
            _ => {}
        }
        Ok(())
    }
}

impl Drop for OverlayDirectory {
    /// Takes what hangs on this node apart one by one: recursion would let deep trees
    /// overflow the host's stack.
    fn drop(&mut self) {
        let mut pending = self.take_held();
        while let Some(directory) = pending.pop() {
            if let Some(mut directory) = Arc::into_inner(directory) {
                pending.append(&mut directory.take_held());
            }
        }
    }
}

impl OverlayDirectory {
    fn take_held(&mut self) -> Vec<Arc<OverlayDirectory>> {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut held = state.take_kept();
        let place = self.place.get_mut().unwrap_or_else(PoisonError::into_inner);
        held.extend(place.holding.take());
        held
    }
}

//! A directory in memory: names in a hash table, listed in the order of their creation.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use holm_abi::{Errno, FileType, PATH_MAX, SetTimes, Stat};

use super::file::MemoryFile;
use super::ledger::{length, name_bytes};
use super::symlink::Symlink;
use super::{Node, Shared, Times};
use crate::vfs::node::{DirEntry, Directory, Lookup, OpenOptions, Opened, Result};

/// Size that a directory reports, in bytes: what most file systems say of a small one.
const DIRECTORY_SIZE: u64 = 4096;
/// Entries copied out of the lock at a time while listing.
const LISTING_BATCH: usize = 64;

/// A directory.
pub(super) struct MemoryDirectory {
    shared: Arc<Shared>,
    inode: u64,
    this: Weak<MemoryDirectory>,
    /// Where it hangs; nothing for the root.
    parent: Mutex<Weak<MemoryDirectory>>,
    /// Whether the quota pays for it: not for the root.
    charged: bool,
    state: RwLock<State>,
}

struct State {
    names: HashMap<Arc<str>, Slot>,
    /// The names by position; a position is never given twice in one directory, so that a
    /// listing goes on where it was, whatever came and went.
    order: BTreeMap<u64, Arc<str>>,
    last_position: u64,
    directories: u64,
    removed: bool,
    times: Times,
}

struct Slot {
    position: u64,
    node: Node,
}

impl State {
    fn node(&self, name: &str) -> Result<&Node> {
        self.names
            .get(name)
            .map(|slot| &slot.node)
            .ok_or(Errno::NoEntry)
    }

    /// Checks that `name` can be created here.
    fn check_free(&self, name: &str) -> Result<()> {
        if self.removed {
            Err(Errno::NoEntry)
        } else if self.names.contains_key(name) {
            Err(Errno::Exist)
        } else {
            Ok(())
        }
    }

    /// Puts `node` under `name`, in the place of what is there now, which it answers.
    fn put(&mut self, name: &str, node: Node, now: u64) -> Option<Node> {
        self.times.modify(now);
        self.directories += u64::from(matches!(node, Node::Directory(_)));
        if let Some(slot) = self.names.get_mut(name) {
            self.directories -= u64::from(matches!(slot.node, Node::Directory(_)));
            return Some(std::mem::replace(&mut slot.node, node));
        }
        self.last_position += 1;
        let position = self.last_position;
        let name: Arc<str> = name.into();
        self.order.insert(position, Arc::clone(&name));
        self.names.insert(name, Slot { position, node });
        None
    }

    /// Takes `name` away.
    fn take(&mut self, name: &str, now: u64) -> Option<Node> {
        let slot = self.names.remove(name)?;
        self.order.remove(&slot.position);
        self.times.modify(now);
        self.directories -= u64::from(matches!(slot.node, Node::Directory(_)));
        Some(slot.node)
    }
}

impl std::fmt::Debug for MemoryDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryDirectory")
            .field("inode", &self.inode)
            .finish_non_exhaustive()
    }
}

impl MemoryDirectory {
    pub(super) fn root(shared: &Arc<Shared>) -> Arc<MemoryDirectory> {
        Self::create(shared, Weak::new(), false, shared.now())
    }

    fn create(
        shared: &Arc<Shared>,
        parent: Weak<MemoryDirectory>,
        charged: bool,
        now: u64,
    ) -> Arc<MemoryDirectory> {
        Arc::new_cyclic(|this| MemoryDirectory {
            shared: Arc::clone(shared),
            inode: shared.next_inode(),
            this: this.clone(),
            parent: Mutex::new(parent),
            charged,
            state: RwLock::new(State {
                names: HashMap::new(),
                order: BTreeMap::new(),
                last_position: 0,
                directories: 0,
                removed: false,
                times: Times::at(now),
            }),
        })
    }

    pub(super) fn inode(&self) -> u64 {
        self.inode
    }

    pub(super) fn metadata(&self) -> Stat {
        let state = self.state();
        Stat {
            device: 0,
            inode: self.inode,
            file_type: FileType::Directory,
            links: if state.removed {
                0
            } else {
                2 + state.directories
            },
            size: DIRECTORY_SIZE,
            accessed_ns: state.times.accessed,
            modified_ns: state.times.modified,
            changed_ns: state.times.changed,
        }
    }

    pub(super) fn change_times(&self, times: SetTimes) {
        let now = self.shared.now();
        self.state_mut().times.set(times, now);
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, name: &str) -> Result<Node> {
        self.state().node(name).cloned()
    }

    /// The directory of this same file system behind the trait object.
    fn same_fs<'a>(&self, other: &'a dyn Directory) -> Result<&'a MemoryDirectory> {
        let other: &dyn Any = other;
        other
            .downcast_ref::<MemoryDirectory>()
            .filter(|other| Arc::ptr_eq(&self.shared, &other.shared))
            .ok_or(Errno::CrossDevice)
    }

    /// Creates `name`, whose inode costs `bytes` beside the usual.
    fn create_node(&self, name: &str, bytes: u64, make: impl FnOnce(u64) -> Node) -> Result<Node> {
        let now = self.shared.now();
        let mut state = self.state_mut();
        state.check_free(name)?;
        let ledger = &self.shared.ledger;
        ledger.charge(name_bytes(name))?;
        if let Err(errno) = ledger.charge_inode(bytes) {
            ledger.release(name_bytes(name));
            return Err(errno);
        }
        let node = make(now);
        state.put(name, node.clone(), now);
        Ok(node)
    }

    /// Whether this is `ancestor` or below it. The caller holds `Shared::moves`.
    fn is_within(&self, ancestor: &Arc<MemoryDirectory>) -> bool {
        let mut current = self.this.upgrade();
        while let Some(directory) = current {
            if Arc::ptr_eq(&directory, ancestor) {
                return true;
            }
            current = directory.parent().upgrade();
        }
        false
    }

    fn parent(&self) -> Weak<MemoryDirectory> {
        self.parent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_parent(&self, parent: Weak<MemoryDirectory>) {
        *self.parent.lock().unwrap_or_else(PoisonError::into_inner) = parent;
    }

    /// Takes all entries out and gives their names' charge back.
    fn take_children(&mut self) -> Vec<Node> {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let names = std::mem::take(&mut state.names);
        self.shared
            .ledger
            .release(names.keys().map(|name| name_bytes(name)).sum());
        names.into_values().map(|slot| slot.node).collect()
    }

    /// Removes `child`, which `name` led to a moment ago. `None` when that has changed.
    fn remove_child(&self, name: &str, child: &Arc<MemoryDirectory>) -> Option<Result<()>> {
        let now = self.shared.now();
        let mut locked = Locked::new([Some(self), Some(child), None]);
        if locked.state(self).node(name).map(Node::inode) != Ok(child.inode) {
            return None;
        }
        if !locked.state(child).names.is_empty() {
            return Some(Err(Errno::NotEmpty));
        }
        let gone = locked.state(child);
        gone.removed = true;
        gone.times.changed = now;
        locked.state(self).take(name, now);
        self.shared.ledger.release(name_bytes(name));
        Some(Ok(()))
    }

    /// Renames with all that was found before the locks. `None` when that has changed.
    fn rename_found(&self, to: &MemoryDirectory, found: &Found<'_>) -> Option<Result<()>> {
        let now = self.shared.now();
        let replaced = found.replaced.as_ref();
        let victim = match replaced {
            Some(Node::Directory(victim)) => Some(&**victim),
            _ => None,
        };
        let mut locked = Locked::new([Some(self), Some(to), victim]);
        let source = locked.state(self).node(found.name).map(Node::inode);
        let target = locked.state(to).node(found.new_name).map(Node::inode);
        if source != Ok(found.node.inode())
            || target != replaced.map(Node::inode).ok_or(Errno::NoEntry)
        {
            return None;
        }
        let result = self.rename_locked(to, found, victim, &mut locked, now);
        drop(locked);
        if let (Ok(()), Node::Directory(moved)) = (result, &found.node) {
            moved.state_mut().times.changed = now;
        }
        Some(result)
    }

    fn rename_locked(
        &self,
        to: &MemoryDirectory,
        found: &Found<'_>,
        victim: Option<&MemoryDirectory>,
        locked: &mut Locked<'_>,
        now: u64,
    ) -> Result<()> {
        if locked.state(to).removed {
            return Err(Errno::NoEntry);
        }
        let ledger = &self.shared.ledger;
        let old_charge = name_bytes(found.name);
        if let Some(replaced) = &found.replaced {
            if replaced.inode() == found.node.inode() {
                return Ok(());
            }
            check_kinds(&found.node, replaced)?;
            if let Some(victim) = victim
                && !locked.state(victim).names.is_empty()
            {
                return Err(Errno::NotEmpty);
            }
            ledger.release(old_charge);
        } else {
            let new_charge = name_bytes(found.new_name);
            ledger.charge(new_charge.saturating_sub(old_charge))?;
            ledger.release(old_charge.saturating_sub(new_charge));
        }
        locked.state(self).take(found.name, now);
        locked
            .state(to)
            .put(found.new_name, found.node.clone(), now);
        if let Some(victim) = victim {
            let gone = locked.state(victim);
            gone.removed = true;
            gone.times.changed = now;
        } else if let Some(replaced) = &found.replaced {
            replaced.remove_link(now);
        }
        if let Node::Directory(moved) = &found.node {
            moved.set_parent(to.this.clone());
        }
        found.node.touch(now);
        Ok(())
    }
}

/// What a rename found before it took its locks.
struct Found<'a> {
    name: &'a str,
    new_name: &'a str,
    node: Node,
    replaced: Option<Node>,
}

/// Whether `node` may take the place of `replaced`.
fn check_kinds(node: &Node, replaced: &Node) -> Result<()> {
    match (node, replaced) {
        (Node::Directory(_), Node::Directory(_)) => Ok(()),
        (Node::Directory(_), _) => Err(Errno::NotDirectory),
        (_, Node::Directory(_)) => Err(Errno::IsDirectory),
        _ => Ok(()),
    }
}

/// Several directories, locked in the order of their inode numbers, each once.
struct Locked<'a> {
    guards: Vec<(u64, RwLockWriteGuard<'a, State>)>,
}

impl<'a> Locked<'a> {
    fn new(directories: [Option<&'a MemoryDirectory>; 3]) -> Locked<'a> {
        let mut directories: Vec<_> = directories.into_iter().flatten().collect();
        directories.sort_by_key(|directory| directory.inode);
        directories.dedup_by_key(|directory| directory.inode);
        let guards = directories
            .into_iter()
            .map(|directory| (directory.inode, directory.state_mut()))
            .collect();
        Locked { guards }
    }

    fn state(&mut self, directory: &MemoryDirectory) -> &mut State {
        self.guards
            .iter_mut()
            .find(|(inode, _)| *inode == directory.inode)
            .map(|(_, state)| &mut **state)
            .expect("invariant: only asked for what was locked")
    }
}

impl Directory for MemoryDirectory {
    fn stat(&self) -> Result<Stat> {
        Ok(self.metadata())
    }

    fn set_times(&self, times: SetTimes) -> Result<()> {
        self.change_times(times);
        Ok(())
    }

    fn sync(&self, _data_only: bool) -> Result<()> {
        Ok(())
    }

    fn lookup(&self, name: &str) -> Result<Lookup> {
        Ok(match self.state().node(name)? {
            Node::Directory(directory) => Lookup::Directory(Arc::clone(directory) as _),
            Node::Symlink(link) => Lookup::Symlink(link.target().to_owned()),
            Node::File(_) => Lookup::Other,
        })
    }

    fn descend(&self, names: &str) -> Option<Arc<dyn Directory>> {
        let mut current = self.this.upgrade()?;
        for name in names.split('/') {
            let Ok(Node::Directory(next)) = current.find(name) else {
                return None;
            };
            current = next;
        }
        Some(current)
    }

    fn stat_at(&self, name: &str) -> Result<Stat> {
        let node = self.find(name)?;
        Ok(node.stat())
    }

    fn open_at(&self, name: &str, options: OpenOptions) -> Result<Opened> {
        if options.create && options.directory {
            return Err(Errno::Invalid);
        }
        let node = match self.find(name) {
            Ok(_) if options.create && options.exclusive => return Err(Errno::Exist),
            Err(Errno::NoEntry) if options.create => {
                let made = self.create_node(name, 0, |now| {
                    Node::File(Arc::new(MemoryFile::new(&self.shared, now)))
                });
                match made {
                    // Somebody else was faster: their file is as good, unless ours must be new.
                    Err(Errno::Exist) if !options.exclusive => self.find(name)?,
                    made => made?,
                }
            }
            found => found?,
        };
        match node {
            Node::Symlink(link) => Ok(Opened::Symlink(link.target().to_owned())),
            Node::Directory(_) if options.write || options.truncate || options.create => {
                Err(Errno::IsDirectory)
            }
            Node::Directory(directory) => Ok(Opened::Directory(directory)),
            Node::File(_) if options.directory => Err(Errno::NotDirectory),
            Node::File(file) => {
                if options.truncate {
                    file.truncate();
                }
                Ok(Opened::File(file))
            }
        }
    }

    fn read_dir(
        &self,
        cursor: u64,
        visit: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut cursor = cursor;
        loop {
            let batch: Vec<(u64, Arc<str>, u64, FileType)> = {
                let state = self.state();
                state
                    .order
                    .range((Bound::Excluded(cursor), Bound::Unbounded))
                    .take(LISTING_BATCH)
                    .filter_map(|(position, name)| {
                        let node = state.node(name).ok()?;
                        let file_type = match node {
                            Node::File(_) => FileType::RegularFile,
                            Node::Directory(_) => FileType::Directory,
                            Node::Symlink(_) => FileType::SymbolicLink,
                        };
                        Some((*position, Arc::clone(name), node.inode(), file_type))
                    })
                    .collect()
            };
            let Some((last, ..)) = batch.last() else {
                return Ok(());
            };
            cursor = *last;
            for (next, name, inode, file_type) in &batch {
                let entry = DirEntry {
                    name,
                    inode: *inode,
                    file_type: *file_type,
                    next: *next,
                };
                if visit(entry).is_break() {
                    return Ok(());
                }
            }
        }
    }

    fn read_link_at(&self, name: &str) -> Result<String> {
        match self.state().node(name)? {
            Node::Symlink(link) => Ok(link.target().to_owned()),
            _ => Err(Errno::Invalid),
        }
    }

    fn set_times_at(&self, name: &str, times: SetTimes) -> Result<()> {
        self.find(name)?.set_times(times);
        Ok(())
    }

    fn create_directory_at(&self, name: &str) -> Result<()> {
        self.create_node(name, 0, |now| {
            Node::Directory(Self::create(&self.shared, self.this.clone(), true, now))
        })
        .map(drop)
    }

    fn remove_directory_at(&self, name: &str) -> Result<()> {
        loop {
            let Node::Directory(child) = self.find(name)? else {
                return Err(Errno::NotDirectory);
            };
            if let Some(result) = self.remove_child(name, &child) {
                return result;
            }
        }
    }

    fn unlink_at(&self, name: &str) -> Result<()> {
        let now = self.shared.now();
        let mut state = self.state_mut();
        if let Node::Directory(_) = state.node(name)? {
            return Err(Errno::IsDirectory);
        }
        let node = state.take(name, now);
        drop(state);
        self.shared.ledger.release(name_bytes(name));
        if let Some(node) = node {
            node.remove_link(now);
        }
        Ok(())
    }

    fn symlink_at(&self, name: &str, target: &str) -> Result<()> {
        if target.is_empty() {
            return Err(Errno::NoEntry);
        }
        if target.len() > PATH_MAX {
            return Err(Errno::NameTooLong);
        }
        self.create_node(name, length(target), |now| {
            Node::Symlink(Arc::new(Symlink::new(&self.shared, target, now)))
        })
        .map(drop)
    }

    fn link_at(&self, name: &str, to: &dyn Directory, new_name: &str) -> Result<()> {
        let to = self.same_fs(to)?;
        let node = self.find(name)?;
        let now = self.shared.now();
        let mut state = to.state_mut();
        state.check_free(new_name)?;
        if let Node::Directory(_) = node {
            return Err(Errno::NotPermitted);
        }
        let ledger = &self.shared.ledger;
        ledger.charge(name_bytes(new_name))?;
        if let Err(errno) = node.add_link(now) {
            ledger.release(name_bytes(new_name));
            return Err(errno);
        }
        state.put(new_name, node, now);
        Ok(())
    }

    fn rename_at(&self, name: &str, to: &dyn Directory, new_name: &str) -> Result<()> {
        let to = self.same_fs(to)?;
        loop {
            let node = self.find(name)?;
            if to.state().removed {
                return Err(Errno::NoEntry);
            }
            let _moves = matches!(node, Node::Directory(_)).then(|| self.shared.lock_moves());
            if let Node::Directory(moved) = &node
                && to.is_within(moved)
            {
                return Err(Errno::Invalid);
            }
            let found = Found {
                name,
                new_name,
                node,
                replaced: to.find(new_name).ok(),
            };
            if let Some(result) = self.rename_found(to, &found) {
                return result;
            }
        }
    }
}

impl Drop for MemoryDirectory {
    /// Takes the tree below apart one by one: recursion would let a guest that nests a
    /// million directories overflow the host's stack.
    fn drop(&mut self) {
        let mut pending = self.take_children();
        while let Some(node) = pending.pop() {
            if let Node::Directory(directory) = node
                && let Some(mut directory) = Arc::into_inner(directory)
            {
                pending.append(&mut directory.take_children());
            }
        }
        if self.charged {
            self.shared.ledger.release_inode(0);
        }
    }
}

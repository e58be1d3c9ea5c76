//! A backend around another that fails at random and counts what is held of it.

use std::any::Any;
use std::io::IoSlice;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use holm_abi::{Errno, SetTimes, Stat};

use crate::lock;
use crate::testkit::SplitMix64;
use crate::vfs::{DirEntry, Directory, File, Lookup, OpenOptions, Opened, Result};

/// When to fail, and what is open.
#[derive(Debug)]
pub(super) struct Faults {
    random: Mutex<SplitMix64>,
    /// One call in so many fails; 0 is never.
    one_in: AtomicU64,
    fired: AtomicBool,
    /// Directories and files of the backend that somebody holds.
    live: AtomicU64,
}

impl Faults {
    pub(super) fn new(seed: u64) -> Arc<Faults> {
        Arc::new(Faults {
            random: Mutex::new(SplitMix64::new(seed)),
            one_in: AtomicU64::new(0),
            fired: AtomicBool::new(false),
            live: AtomicU64::new(0),
        })
    }

    pub(super) fn set(&self, one_in: u64) {
        self.one_in.store(one_in, Ordering::Relaxed);
    }

    /// Whether a call failed since the last time this was asked.
    pub(super) fn take_fired(&self) -> bool {
        self.fired.swap(false, Ordering::Relaxed)
    }

    pub(super) fn live(&self) -> u64 {
        self.live.load(Ordering::Relaxed)
    }

    /// Fails before anything is done, so that a failed call has no effect.
    fn strike(&self) -> Result<()> {
        let one_in = self.one_in.load(Ordering::Relaxed);
        if one_in == 0 {
            return Ok(());
        }
        let mut random = lock(&self.random);
        if !random.chance(1, one_in) {
            return Ok(());
        }
        self.fired.store(true, Ordering::Relaxed);
        Err(*random.pick(&[
            Errno::Io,
            Errno::NoSpace,
            Errno::Access,
            Errno::Stale,
            Errno::Loop,
        ]))
    }
}

/// Counts itself.
#[derive(Debug)]
struct Held(Arc<Faults>);

impl Held {
    fn new(faults: &Arc<Faults>) -> Held {
        faults.live.fetch_add(1, Ordering::Relaxed);
        Held(faults.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct FaultyDirectory {
    inner: Arc<dyn Directory>,
    held: Held,
}

#[derive(Debug)]
struct FaultyFile {
    inner: Arc<dyn File>,
    held: Held,
}

/// A directory that fails as `faults` says.
pub(super) fn wrap(inner: Arc<dyn Directory>, faults: &Arc<Faults>) -> Arc<dyn Directory> {
    Arc::new(FaultyDirectory {
        inner,
        held: Held::new(faults),
    })
}

/// The directory inside, where there is one.
fn inside(directory: &dyn Directory) -> &dyn Directory {
    let any: &dyn Any = directory;
    any.downcast_ref::<FaultyDirectory>()
        .map_or(directory, |faulty| &*faulty.inner)
}

impl FaultyDirectory {
    fn call<T>(&self, call: impl FnOnce(&dyn Directory) -> Result<T>) -> Result<T> {
        self.held.0.strike()?;
        call(&*self.inner)
    }
}

impl Directory for FaultyDirectory {
    fn stat(&self) -> Result<Stat> {
        self.call(|inner| inner.stat())
    }
    fn set_times(&self, times: SetTimes) -> Result<()> {
        self.call(|inner| inner.set_times(times))
    }
    fn sync(&self, data_only: bool) -> Result<()> {
        self.call(|inner| inner.sync(data_only))
    }
    fn lookup(&self, name: &str) -> Result<Lookup> {
        Ok(match self.call(|inner| inner.lookup(name))? {
            Lookup::Directory(inner) => Lookup::Directory(wrap(inner, &self.held.0)),
            other => other,
        })
    }
    fn descend(&self, names: &str) -> Option<Arc<dyn Directory>> {
        self.held.0.strike().ok()?;
        self.inner
            .descend(names)
            .map(|inner| wrap(inner, &self.held.0))
    }
    fn stat_at(&self, name: &str) -> Result<Stat> {
        self.call(|inner| inner.stat_at(name))
    }
    fn open_at(&self, name: &str, options: OpenOptions) -> Result<Opened> {
        Ok(match self.call(|inner| inner.open_at(name, options))? {
            Opened::Directory(inner) => Opened::Directory(wrap(inner, &self.held.0)),
            Opened::File(inner) => Opened::File(Arc::new(FaultyFile {
                inner,
                held: Held::new(&self.held.0),
            })),
            other => other,
        })
    }
    fn read_dir(
        &self,
        cursor: u64,
        visit: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        self.call(|inner| inner.read_dir(cursor, visit))
    }
    fn read_link_at(&self, name: &str) -> Result<String> {
        self.call(|inner| inner.read_link_at(name))
    }
    fn set_times_at(&self, name: &str, times: SetTimes) -> Result<()> {
        self.call(|inner| inner.set_times_at(name, times))
    }
    fn create_directory_at(&self, name: &str) -> Result<()> {
        self.call(|inner| inner.create_directory_at(name))
    }
    fn remove_directory_at(&self, name: &str) -> Result<()> {
        self.call(|inner| inner.remove_directory_at(name))
    }
    fn unlink_at(&self, name: &str) -> Result<()> {
        self.call(|inner| inner.unlink_at(name))
    }
    fn symlink_at(&self, name: &str, target: &str) -> Result<()> {
        self.call(|inner| inner.symlink_at(name, target))
    }
    fn link_at(&self, name: &str, to: &dyn Directory, new_name: &str) -> Result<()> {
        self.call(|inner| inner.link_at(name, inside(to), new_name))
    }
    fn rename_at(&self, name: &str, to: &dyn Directory, new_name: &str) -> Result<()> {
        self.call(|inner| inner.rename_at(name, inside(to), new_name))
    }
}

impl FaultyFile {
    fn call<T>(&self, call: impl FnOnce(&dyn File) -> Result<T>) -> Result<T> {
        self.held.0.strike()?;
        call(&*self.inner)
    }
}

impl File for FaultyFile {
    fn stat(&self) -> Result<Stat> {
        self.call(|inner| inner.stat())
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.call(|inner| inner.read_at(offset, buffer))
    }
    fn write_at(&self, offset: u64, data: &[IoSlice<'_>]) -> Result<usize> {
        self.call(|inner| inner.write_at(offset, data))
    }
    fn append(&self, data: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        self.call(|inner| inner.append(data))
    }
    fn set_size(&self, size: u64) -> Result<()> {
        self.call(|inner| inner.set_size(size))
    }
    fn allocate(&self, offset: u64, length: u64) -> Result<()> {
        self.call(|inner| inner.allocate(offset, length))
    }
    fn sync(&self, data_only: bool) -> Result<()> {
        self.call(|inner| inner.sync(data_only))
    }
    fn set_times(&self, times: SetTimes) -> Result<()> {
        self.call(|inner| inner.set_times(times))
    }
}

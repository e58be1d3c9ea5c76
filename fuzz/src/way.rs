//! A backend around another that chooses how several directories are entered at once.

use std::any::Any;
use std::ops::ControlFlow;
use std::sync::Arc;

use holm_kernel::abi::{SetTimes, Stat};
use holm_kernel::vfs::{DirEntry, Directory, Lookup, OpenOptions, Opened, Result};

/// How [`Directory::descend`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Never: the kernel goes name by name.
    Long,
    /// As the backend inside does.
    Inside,
    /// By looking one name up after the other, as a host would in one call.
    LookedUp,
}

/// A directory that is entered in one way.
#[derive(Debug)]
pub struct Through {
    inner: Arc<dyn Directory>,
    way: Way,
}

impl Through {
    /// A directory that is `inner` but for the way in which it is entered.
    pub fn wrap(inner: Arc<dyn Directory>, way: Way) -> Arc<dyn Directory> {
        Arc::new(Through { inner, way })
    }
}

/// The directory inside, where there is one.
fn inside(directory: &dyn Directory) -> &dyn Directory {
    let any: &dyn Any = directory;
    any.downcast_ref::<Through>()
        .map_or(directory, |through| &*through.inner)
}

impl Directory for Through {
    fn stat(&self) -> Result<Stat> {
        self.inner.stat()
    }
    fn set_times(&self, times: SetTimes) -> Result<()> {
        self.inner.set_times(times)
    }
    fn sync(&self, data_only: bool) -> Result<()> {
        self.inner.sync(data_only)
    }
    fn lookup(&self, name: &str) -> Result<Lookup> {
        Ok(match self.inner.lookup(name)? {
            Lookup::Directory(inner) => Lookup::Directory(Through::wrap(inner, self.way)),
            other => other,
        })
    }
    fn descend(&self, names: &str) -> Option<Arc<dyn Directory>> {
        let found = match self.way {
            Way::Long => return None,
            Way::Inside => self.inner.descend(names)?,
            Way::LookedUp => {
                let mut found = self.inner.clone();
                for name in names.split('/') {
                    let Ok(Lookup::Directory(next)) = found.lookup(name) else {
                        return None;
                    };
                    found = next;
                }
                found
            }
        };
        Some(Through::wrap(found, self.way))
    }
    fn stat_at(&self, name: &str) -> Result<Stat> {
        self.inner.stat_at(name)
    }
    fn open_at(&self, name: &str, options: OpenOptions) -> Result<Opened> {
        Ok(match self.inner.open_at(name, options)? {
            Opened::Directory(inner) => Opened::Directory(Through::wrap(inner, self.way)),
            other => other,
        })
    }
    fn read_dir(
        &self,
        cursor: u64,
        visit: &mut dyn FnMut(DirEntry<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        self.inner.read_dir(cursor, visit)
    }
    fn read_link_at(&self, name: &str) -> Result<String> {
        self.inner.read_link_at(name)
    }
    fn set_times_at(&self, name: &str, times: SetTimes) -> Result<()> {
        self.inner.set_times_at(name, times)
    }
    fn create_directory_at(&self, name: &str) -> Result<()> {
        self.inner.create_directory_at(name)
    }
    fn remove_directory_at(&self, name: &str) -> Result<()> {
        self.inner.remove_directory_at(name)
    }
    fn unlink_at(&self, name: &str) -> Result<()> {
        self.inner.unlink_at(name)
    }
    fn symlink_at(&self, name: &str, target: &str) -> Result<()> {
        self.inner.symlink_at(name, target)
    }
    fn link_at(&self, name: &str, to: &dyn Directory, new_name: &str) -> Result<()> {
        self.inner.link_at(name, inside(to), new_name)
    }
    fn rename_at(&self, name: &str, to: &dyn Directory, new_name: &str) -> Result<()> {
        self.inner.rename_at(name, inside(to), new_name)
    }
}

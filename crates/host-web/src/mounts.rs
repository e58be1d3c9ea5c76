//! The system's files: what is mounted where, and what of it a process is given.

use std::sync::Arc;

use holm_abi::Errno;
use holm_kernel::port::Clock;
use holm_kernel::vfs::memfs::{MemoryFs, Quota};
use holm_kernel::vfs::overlayfs::OverlayFs;
use holm_kernel::vfs::{Directory, Lookup};
use holm_kernel::{Access, MountError, Namespace, NamespaceBuilder};

/// Files that a memory file system has for each MiB of quota, and at least.
const INODES_PER_MIB: u64 = 1 << 10;
const INODES_MIN: u64 = 1 << 12;

/// One mount of the system.
#[derive(Clone, Debug)]
pub(crate) struct SystemMount {
    /// Absolute path, without a slash at its end but for the root's.
    pub(crate) path: String,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) access: Access,
    /// Where its files come from, in words.
    pub(crate) source: String,
}

/// Why there is no such directory to give.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlaceError {
    /// Nothing is mounted at or above the path.
    #[error("nothing is mounted at {0}")]
    NotMounted(String),
    /// The path leads nowhere, or to something else than a directory.
    #[error("{path}: {}", errno.words())]
    Unusable {
        /// The path.
        path: String,
        /// Why.
        errno: Errno,
    },
    /// The path is no path.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// More may be done than the system itself may.
    #[error("{0} is mounted read-only; grant it as :ro or :cow")]
    ReadOnly(String),
}

/// What is mounted where.
#[derive(Debug, Default)]
pub(crate) struct Mounts {
    mounts: Vec<SystemMount>,
}

/// A file system in memory that holds up to `bytes`.
pub(crate) fn memory(clock: &Arc<dyn Clock>, bytes: u64) -> Arc<dyn Directory> {
    let inodes = (bytes >> 20).saturating_mul(INODES_PER_MIB).max(INODES_MIN);
    MemoryFs::new(clock.clone(), Quota { bytes, inodes }).root()
}

/// The files of `lower`, with changes kept in memory, up to `bytes` of them.
pub(crate) fn copy(
    clock: &Arc<dyn Clock>,
    lower: Arc<dyn Directory>,
    bytes: u64,
) -> Arc<dyn Directory> {
    OverlayFs::new(lower, memory(clock, bytes), clock.clone()).root()
}

/// The absolute form of a path: `a/./b/` is `/a/b`, and `..` does not leave the root.
pub(crate) fn absolute(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            _ => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}

/// What is left of `path` below `above`, when it lies there.
fn below<'a>(path: &'a str, above: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(above.trim_end_matches('/'))?;
    if rest.is_empty() {
        return Some("");
    }
    rest.strip_prefix('/')
}

impl Mounts {
    /// Every mount, in order of path.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &SystemMount> {
        self.mounts.iter()
    }

    /// Adds a mount.
    pub(crate) fn add(&mut self, mount: SystemMount) -> Result<(), MountError> {
        if let Some(there) = self.mounts.iter().find(|there| there.path == mount.path) {
            return Err(MountError::Occupied {
                path: mount.path,
                by: there.source.clone(),
            });
        }
        // The namespace knows what a path may be.
        Namespace::builder().mount(
            &mount.path,
            mount.directory.clone(),
            mount.access,
            &mount.source,
        )?;
        self.mounts.push(mount);
        self.mounts.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(())
    }

    /// Removes the mount at `path`; answers whether there was one. Processes that were given
    /// it keep it.
    pub(crate) fn remove(&mut self, path: &str) -> bool {
        let before = self.mounts.len();
        self.mounts.retain(|mount| mount.path != path);
        self.mounts.len() < before
    }

    /// The whole system as a namespace, for the page's own look at the files.
    pub(crate) fn namespace(&self, clock: &Arc<dyn Clock>) -> Result<NamespaceBuilder, MountError> {
        let mut builder = Namespace::builder();
        if !self.mounts.iter().any(|mount| mount.path == "/") {
            builder.mount("/", memory(clock, 0), Access::ReadOnly, "nothing")?;
        }
        for mount in &self.mounts {
            builder.mount(
                &mount.path,
                mount.directory.clone(),
                mount.access,
                &mount.source,
            )?;
        }
        Ok(builder)
    }

    /// The directory at `path` and how it may be used.
    pub(crate) fn directory(&self, path: &str) -> Result<(Arc<dyn Directory>, Access), PlaceError> {
        let holder = self
            .mounts
            .iter()
            .filter_map(|mount| Some((mount, below(path, &mount.path)?)))
            .max_by_key(|(mount, _)| mount.path.len());
        let Some((mount, rest)) = holder else {
            return Err(PlaceError::NotMounted(path.to_owned()));
        };
        let mut directory = mount.directory.clone();
        for name in rest.split('/').filter(|name| !name.is_empty()) {
            directory = match directory.lookup(name) {
                Ok(Lookup::Directory(next)) => next,
                Ok(_) => return Err(unusable(path, Errno::NotDirectory)),
                Err(errno) => return Err(unusable(path, errno)),
            };
        }
        Ok((directory, mount.access))
    }

    /// Gives a process the directory at `host` as `guest`, with what is mounted below it.
    pub(crate) fn give(
        &self,
        builder: &mut NamespaceBuilder,
        host: &str,
        guest: &str,
        wanted: Given<'_>,
    ) -> Result<(), PlaceError> {
        let host = absolute(host);
        let mut found = false;
        if self.mounts.iter().any(|m| below(&host, &m.path).is_some()) {
            let (directory, access) = self.directory(&host)?;
            wanted.mount(builder, &host, guest, directory, access)?;
            found = true;
        }
        for mount in &self.mounts {
            let Some(rest) = below(&mount.path, &host).filter(|rest| !rest.is_empty()) else {
                continue;
            };
            let guest = format!("{}/{rest}", guest.trim_end_matches('/'));
            wanted.mount(
                builder,
                &mount.path,
                &guest,
                mount.directory.clone(),
                mount.access,
            )?;
            found = true;
        }
        if found {
            Ok(())
        } else {
            Err(PlaceError::NotMounted(host))
        }
    }
}

fn unusable(path: &str, errno: Errno) -> PlaceError {
    PlaceError::Unusable {
        path: path.to_owned(),
        errno,
    }
}

/// How a process is given a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Given<'a> {
    /// To read.
    ReadOnly,
    /// To read and change.
    ReadWrite,
    /// To change a copy of it, in so many bytes of memory.
    Copy(&'a Arc<dyn Clock>, u64),
}

impl Given<'_> {
    fn mount(
        self,
        builder: &mut NamespaceBuilder,
        host: &str,
        guest: &str,
        directory: Arc<dyn Directory>,
        access: Access,
    ) -> Result<(), PlaceError> {
        match self {
            Given::ReadOnly => builder.mount(guest, directory, Access::ReadOnly, host)?,
            Given::ReadWrite if access == Access::ReadOnly => {
                return Err(PlaceError::ReadOnly(host.to_owned()));
            }
            Given::ReadWrite => builder.mount(guest, directory, Access::ReadWrite, host)?,
            Given::Copy(clock, bytes) => {
                let source = format!("{host} (a copy)");
                let copied = copy(clock, directory, bytes);
                builder.mount(guest, copied, Access::ReadWrite, &source)?
            }
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Given, Mounts, PlaceError, SystemMount, absolute, below, memory};
    use holm_kernel::deterministic::VirtualClock;
    use holm_kernel::port::Clock;
    use holm_kernel::{Access, Namespace};
    use std::sync::Arc;

    #[test]
    fn paths_have_one_form_and_stay_inside() {
        for (given, wanted) in [
            ("", "/"),
            (".", "/"),
            ("a//b/./c/", "/a/b/c"),
            ("/../a/../..", "/"),
        ] {
            assert_eq!(absolute(given), wanted);
        }
        assert_eq!(below("/a/b", "/a"), Some("b"));
        assert_eq!(below("/a", "/"), Some("a"));
        assert_eq!(below("/ab", "/a"), None);
    }

    #[test]
    fn a_directory_is_given_with_what_is_mounted_below_it() {
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
        let mut mounts = Mounts::default();
        for (path, access) in [
            ("/data", Access::ReadWrite),
            ("/data/old", Access::ReadOnly),
        ] {
            mounts
                .add(SystemMount {
                    path: path.to_owned(),
                    directory: memory(&clock, 1 << 20),
                    access,
                    source: "memory".to_owned(),
                })
                .expect("a free place");
        }
        let granted = |given, host: &str| {
            let mut builder = Namespace::builder();
            mounts.give(&mut builder, host, "/job", given).map(|()| {
                let namespace = builder.build();
                let paths = namespace.granted().map(|mount| mount.path.clone());
                paths.collect::<Vec<_>>()
            })
        };
        let both = vec!["/job".to_owned(), "/job/old".to_owned()];
        assert_eq!(granted(Given::ReadOnly, "/data"), Ok(both));
        assert_eq!(
            granted(Given::ReadWrite, "/data"),
            Err(PlaceError::ReadOnly("/data/old".to_owned()))
        );
        assert_eq!(
            granted(Given::ReadOnly, "/elsewhere"),
            Err(PlaceError::NotMounted("/elsewhere".to_owned()))
        );
        let below = vec!["/job/data".to_owned(), "/job/data/old".to_owned()];
        assert_eq!(granted(Given::ReadOnly, "/"), Ok(below));
    }
}

//! Namespaces: which backends a process sees, where, and with which access.
//!
//! A namespace is a small tree of *points*: the mount points and the directories that lead
//! to them. A walk carries the point it stands on, if any; below the last point there is
//! none, and mounts cost nothing any more.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use holm_abi::{Errno, NAME_MAX, PATH_MAX, POINTS_MAX};

use super::node::{Directory, Lookup};
use super::voidfs::VoidDirectory;

/// What may be done with the files of a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// They can be read.
    ReadOnly,
    /// They can be read and changed.
    ReadWrite,
}

/// A backend at a place in a namespace.
#[derive(Debug)]
pub struct Mount {
    /// Its number within the namespace: the `device` of its files.
    pub device: u64,
    /// Absolute guest path of the mount point.
    pub path: String,
    /// What may be done.
    pub access: Access,
    /// Where its files come from, in words for messages: a host path, `memory`, …
    pub source: String,
    /// How the mount came to be.
    pub origin: Origin,
}

/// How a mount came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Somebody granted it; the program sees it as a pre-opened directory of this name.
    Granted(String),
    /// The kernel provides it (`/dev`, `/proc`).
    System,
    /// Nothing is there: the directories that lead to mounts.
    Void,
}

/// Index of a point in its namespace.
pub(crate) type PointId = usize;

const ROOT: PointId = 0;

/// A directory where a walk can stand.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) mount: Arc<Mount>,
    pub(crate) directory: Arc<dyn Directory>,
    /// The point it is, when it is one.
    pub(crate) point: Option<PointId>,
}

impl Place {
    /// Whether nothing is mounted there: a directory that only leads to mounts.
    pub(crate) fn is_void(&self) -> bool {
        self.mount.origin == Origin::Void
    }

    /// Whether it is the root of a namespace in which nobody granted one.
    pub(crate) fn is_void_root(&self) -> bool {
        self.point == Some(ROOT) && self.is_void()
    }
}

#[derive(Debug)]
struct Point {
    /// Absolute guest path.
    path: String,
    children: BTreeMap<String, PointId>,
    mounted: Option<(Arc<Mount>, Arc<dyn Directory>)>,
    /// Not shown in listings of a directory that was granted.
    system: bool,
}

/// What a process sees as its files. Shared between the processes that see the same.
#[derive(Debug)]
pub struct Namespace {
    points: Vec<Point>,
    granted: Vec<PointId>,
    void: Arc<Mount>,
}

/// Why a namespace cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountError {
    /// Two mounts claim one point.
    Occupied {
        /// The point.
        path: String,
        /// What is mounted there already.
        by: String,
    },
    /// The guest path is no path: empty, too long, with a NUL or a `..`.
    BadPath {
        /// The path as given.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// More points than a namespace can have.
    TooMany,
}

impl fmt::Display for MountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MountError::Occupied { path, by } => {
                write!(f, "two mounts claim {path}: {by} is already there")
            }
            MountError::BadPath { path, reason } => {
                write!(f, "{path:?} cannot be a mount point: {reason}")
            }
            MountError::TooMany => {
                write!(
                    f,
                    "more than {POINTS_MAX} mount points and directories that lead to them"
                )
            }
        }
    }
}

impl std::error::Error for MountError {}

/// Collects mounts into a [`Namespace`].
#[derive(Debug)]
pub struct NamespaceBuilder {
    points: Vec<Point>,
    granted: Vec<PointId>,
    next_device: u64,
}

impl Namespace {
    /// A namespace with nothing in it yet.
    #[must_use]
    pub fn builder() -> NamespaceBuilder {
        NamespaceBuilder {
            points: vec![Point::new("/".to_owned())],
            granted: Vec::new(),
            next_device: 1,
        }
    }

    /// The mounts in the order in which they were granted; the kernel's own are left out.
    pub fn granted(&self) -> impl Iterator<Item = &Arc<Mount>> {
        self.granted
            .iter()
            .filter_map(|point| self.points[*point].mounted.as_ref().map(|(mount, _)| mount))
    }

    /// Every mount, the kernel's own included.
    pub fn mounts(&self) -> impl Iterator<Item = &Arc<Mount>> {
        self.points
            .iter()
            .filter_map(|point| point.mounted.as_ref().map(|(mount, _)| mount))
    }

    /// Where the granted mounts are, in order.
    pub(crate) fn granted_places(&self) -> impl Iterator<Item = Place> + '_ {
        self.granted.iter().map(|point| self.place(*point))
    }

    /// The absolute form of a path relative to `base`, for messages. Below the points only
    /// the mount is known: the path is then shown as if relative to it.
    pub(crate) fn absolute(&self, base: &Place, path: &str) -> String {
        let mut from = match base.point {
            Some(point) => self.points[point].path.clone(),
            None => base.mount.path.clone(),
        };
        if !from.ends_with('/') {
            from.push('/');
        }
        from.push_str(path.trim_start_matches("./"));
        from
    }

    /// The root directory.
    pub(crate) fn root(&self) -> Place {
        self.place(ROOT)
    }

    /// Whether something was granted at the root itself.
    pub(crate) fn root_is_granted(&self) -> bool {
        self.granted.contains(&ROOT)
    }

    fn place(&self, point: PointId) -> Place {
        let (mount, directory) = match &self.points[point].mounted {
            Some((mount, directory)) => (mount.clone(), directory.clone()),
            None => {
                let void: Arc<dyn Directory> = Arc::new(VoidDirectory::new(point as u64));
                (self.void.clone(), void)
            }
        };
        Place {
            mount,
            directory,
            point: Some(point),
        }
    }

    /// The point `name` below `place`, as a place, when there is one. A point that only
    /// leads to mounts is the directory of that name in the mount above it, so that a mount
    /// at `/usr/lib` does not hide the rest of `/usr`; where there is none, it is void.
    pub(crate) fn child(&self, place: &Place, name: &str) -> Option<Place> {
        let child = *self.points[place.point?].children.get(name)?;
        if self.points[child].mounted.is_none()
            && place.mount.origin != Origin::Void
            && let Ok(Lookup::Directory(directory)) = place.directory.lookup(name)
        {
            return Some(Place {
                mount: place.mount.clone(),
                directory,
                point: Some(child),
            });
        }
        Some(self.place(child))
    }

    /// Names of the points below `point` that a listing shows.
    pub(crate) fn visible_children(&self, point: PointId) -> impl Iterator<Item = (&str, u64)> {
        let granted = self.points[point]
            .mounted
            .as_ref()
            .is_some_and(|(mount, _)| matches!(mount.origin, Origin::Granted(_)));
        self.points[point]
            .children
            .iter()
            .filter(move |(_, child)| !(granted && self.points[**child].system))
            .map(|(name, child)| (name.as_str(), *child as u64))
    }

    /// A namespace for a child process: those of this one's granted mounts that `keep`
    /// names by guest path, each with at most the access given. The kernel's own mounts are
    /// left out: every process gets its own.
    ///
    /// # Errors
    ///
    /// `ENOENT` for a path that is no granted mount here, `EPERM` for more access than this
    /// namespace has.
    pub fn restricted(&self, keep: &[(String, Access)]) -> Result<NamespaceBuilder, Errno> {
        let mut builder = Namespace::builder();
        for (path, access) in keep {
            let wanted = normal(path).map_err(|_| Errno::NoEntry)?;
            let point = self
                .granted
                .iter()
                .find(|point| {
                    self.points[**point]
                        .mounted
                        .as_ref()
                        .is_some_and(|(m, _)| m.path == wanted)
                })
                .ok_or(Errno::NoEntry)?;
            let Some((mount, directory)) = &self.points[*point].mounted else {
                return Err(Errno::NoEntry);
            };
            if *access > mount.access {
                return Err(Errno::NotPermitted);
            }
            builder
                .mount(path, directory.clone(), *access, &mount.source)
                .map_err(|_| Errno::Invalid)?;
        }
        Ok(builder)
    }
}

impl Point {
    fn new(path: String) -> Point {
        Point {
            path,
            children: BTreeMap::new(),
            mounted: None,
            system: false,
        }
    }
}

/// The absolute form of a guest path: `.`, `data` and `/data/` are `/`, `/data`, `/data`.
fn normal(path: &str) -> Result<String, &'static str> {
    if path.is_empty() {
        return Err("it is empty");
    }
    if path.len() > PATH_MAX {
        return Err("it is longer than 4096 bytes");
    }
    if path.contains('\0') {
        return Err("it has a NUL in it");
    }
    let mut normal = String::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => return Err("it has a `..` in it"),
            _ if name.len() > NAME_MAX => return Err("a name in it is longer than 255 bytes"),
            _ => {
                normal.push('/');
                normal.push_str(name);
            }
        }
    }
    if normal.is_empty() {
        normal.push('/');
    }
    Ok(normal)
}

impl NamespaceBuilder {
    /// Mounts a directory where somebody granted it. `guest` is what the program sees as
    /// the name of the pre-opened directory; relative names and `.` count from the root.
    ///
    /// # Errors
    ///
    /// [`MountError`] when the point is taken or is no path.
    pub fn mount(
        &mut self,
        guest: &str,
        directory: Arc<dyn Directory>,
        access: Access,
        source: &str,
    ) -> Result<&mut NamespaceBuilder, MountError> {
        let origin = Origin::Granted(guest.to_owned());
        let point = self.insert(guest, directory, access, source, origin)?;
        self.granted.push(point);
        Ok(self)
    }

    /// Mounts one of the kernel's own file systems, unless something was granted there.
    pub(crate) fn mount_system(&mut self, guest: &str, directory: Arc<dyn Directory>) {
        if let Ok(point) = self.insert(guest, directory, Access::ReadWrite, "holm", Origin::System)
        {
            self.points[point].system = true;
        }
    }

    fn insert(
        &mut self,
        guest: &str,
        directory: Arc<dyn Directory>,
        access: Access,
        source: &str,
        origin: Origin,
    ) -> Result<PointId, MountError> {
        let path = normal(guest).map_err(|reason| MountError::BadPath {
            path: guest.to_owned(),
            reason,
        })?;
        let mut point = ROOT;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            point = match self.points[point].children.get(name) {
                Some(child) => *child,
                None => {
                    if self.points.len() >= POINTS_MAX {
                        return Err(MountError::TooMany);
                    }
                    let child = self.points.len();
                    let above = self.points[point].path.trim_end_matches('/');
                    let below = Point::new(format!("{above}/{name}"));
                    self.points.push(below);
                    self.points[point].children.insert(name.to_owned(), child);
                    child
                }
            };
        }
        if let Some((by, _)) = &self.points[point].mounted {
            return Err(MountError::Occupied {
                path,
                by: by.source.clone(),
            });
        }
        let mount = Arc::new(Mount {
            device: self.next_device,
            path,
            access,
            source: source.to_owned(),
            origin,
        });
        self.next_device += 1;
        self.points[point].mounted = Some((mount, directory));
        Ok(point)
    }

    /// The namespace.
    #[must_use]
    pub fn build(self) -> Namespace {
        let void = Arc::new(Mount {
            device: 0,
            path: "/".to_owned(),
            access: Access::ReadOnly,
            source: "nothing".to_owned(),
            origin: Origin::Void,
        });
        Namespace {
            points: self.points,
            granted: self.granted,
            void,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, MountError, Namespace, VoidDirectory, normal};
    use std::sync::Arc;

    #[test]
    fn guest_paths_have_one_form() {
        for (given, wanted) in [
            (".", "/"),
            ("/", "/"),
            ("data", "/data"),
            ("/data/", "/data"),
            ("./a//b/.", "/a/b"),
        ] {
            assert_eq!(normal(given).as_deref(), Ok(wanted), "{given}");
        }
        for bad in ["", "a/../b", "a\0b", &"x".repeat(256)] {
            assert!(normal(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn one_point_holds_one_mount() {
        let mut builder = Namespace::builder();
        let directory = Arc::new(VoidDirectory::new(1));
        builder
            .mount("/a", directory.clone(), Access::ReadOnly, "first")
            .expect("free");
        let error = builder
            .mount("a/", directory, Access::ReadOnly, "second")
            .unwrap_err();
        assert_eq!(
            error,
            MountError::Occupied {
                path: "/a".to_owned(),
                by: "first".to_owned()
            }
        );
        assert_eq!(
            error.to_string(),
            "two mounts claim /a: first is already there"
        );
    }
}

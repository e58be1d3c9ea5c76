//! Path walking: the one place where paths are taken apart.
//!
//! The rules, the same for every backend and every call:
//!
//! - A path is relative to an open directory and stays beneath it. An absolute path, an
//!   absolute symbolic link and a `..` above that directory are `EPERM` (WASI 0.1 is silent
//!   on the number; wasmtime and the official suite agree on this one).
//! - `..` leads to the directory that the walk came through, so that a directory moved by
//!   someone else meanwhile leads nowhere else.
//! - At most [`SYMLINKS_MAX`] symbolic links are followed (`ELOOP`); names are at most
//!   [`NAME_MAX`] and paths, also after links were put in, [`PATH_MAX`] bytes
//!   (`ENAMETOOLONG`); a NUL is `EINVAL`, an empty path `ENOENT`.
//! - A trailing slash or `/.` says that the name must be a directory.
//! - Where another backend is mounted on a name, the walk goes on in it.

use std::borrow::Cow;

use holm_abi::{Errno, NAME_MAX, PATH_MAX, SYMLINKS_MAX};

use super::mount::{Namespace, Place};
use super::node::{Lookup, Result};

/// Where a walk ended: what remains is to act on one name in one directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// A name in [`Walk::place`], not looked up yet: [`Walk::name`].
    Name {
        /// A slash follows it: it must be, or become, a directory.
        directory: bool,
    },
    /// The directory [`Walk::place`] itself: the path ended in `.` or `..`.
    Here,
}

/// A walk in progress.
#[derive(Debug)]
pub(crate) struct Walk<'n, 'p> {
    namespace: &'n Namespace,
    path: Cow<'p, str>,
    position: usize,
    /// The last name's bytes in `path`.
    name: (usize, usize),
    place: Place,
    /// The directories walked through, from the base on.
    above: Vec<Place>,
    links_followed: u32,
    /// Whether the short cut was tried: once is enough for one path.
    descended: bool,
    /// The short cuts taken: how many places were above after it, and its names. A `..`
    /// past one of them needs the directories that it left out.
    runs: Vec<(usize, Names)>,
}

/// The names of a short cut.
#[derive(Debug)]
enum Names {
    /// Their bytes in the walk's path as it is now.
    Here(usize, usize),
    /// A copy, once a symbolic link has changed the path.
    Copied(String),
}

impl<'n, 'p> Walk<'n, 'p> {
    /// Starts at `base`, an open directory.
    pub(crate) fn new(namespace: &'n Namespace, base: Place, path: &'p str) -> Result<Self> {
        check(path)?;
        Ok(Walk {
            namespace,
            path: Cow::Borrowed(path),
            position: 0,
            name: (0, 0),
            place: base,
            above: Vec::new(),
            links_followed: 0,
            descended: false,
            runs: Vec::new(),
        })
    }

    /// The directory that the walk has reached.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The last name, after [`Last::Name`].
    pub(crate) fn name(&self) -> &str {
        &self.path[self.name.0..self.name.1]
    }

    /// Walks to the directory that holds the last name.
    pub(crate) fn reach_last(&mut self) -> Result<Last> {
        loop {
            let start = self.skip_slashes(self.position);
            let end = self.path[start..]
                .find('/')
                .map_or(self.path.len(), |at| start + at);
            let next = self.skip_slashes(end);
            let last = next == self.path.len();
            self.position = next;
            match &self.path[start..end] {
                "." if last => return Ok(Last::Here),
                "." => {}
                ".." => {
                    self.leave()?;
                    if last {
                        return Ok(Last::Here);
                    }
                }
                name if name.len() > NAME_MAX => return Err(Errno::NameTooLong),
                name if last => {
                    debug_assert!(!name.is_empty());
                    self.name = (start, end);
                    return Ok(Last::Name {
                        directory: end < self.path.len(),
                    });
                }
                _ => self.enter(start, end)?,
            }
        }
    }

    /// Puts the text of the symbolic link that the last name turned out to be in its place;
    /// [`Walk::reach_last`] goes on from there.
    pub(crate) fn follow(&mut self, target: &str, directory: bool) -> Result<()> {
        self.splice(target, if directory { "/" } else { "" })
    }

    /// The place that the last name is a mount point for, when it is one.
    pub(crate) fn mounted_at_name(&self) -> Option<Place> {
        self.namespace.child(&self.place, self.name())
    }

    fn skip_slashes(&self, from: usize) -> usize {
        let bytes = self.path.as_bytes();
        let mut at = from;
        while bytes.get(at) == Some(&b'/') {
            at += 1;
        }
        at
    }

    /// Walks into the directory named by `path[start..end]`.
    fn enter(&mut self, start: usize, end: usize) -> Result<()> {
        if let Some(place) = self.namespace.child(&self.place, &self.path[start..end]) {
            self.push(place);
            return Ok(());
        }
        if let Some(end) = self.plain_run(start, end) {
            self.descended = true;
            if let Some(directory) = self.place.directory.descend(&self.path[start..end]) {
                let mount = self.place.mount.clone();
                self.push(Place {
                    mount,
                    directory,
                    point: None,
                });
                self.runs.push((self.above.len(), Names::Here(start, end)));
                self.position = end + 1;
                return Ok(());
            }
        }
        match self.place.directory.lookup(&self.path[start..end])? {
            Lookup::Directory(directory) => {
                let mount = self.place.mount.clone();
                self.push(Place {
                    mount,
                    directory,
                    point: None,
                });
                Ok(())
            }
            Lookup::Symlink(target) => {
                let rest = self.path[end..].to_owned();
                self.splice(&target, &rest)
            }
            Lookup::Other => Err(Errno::NotDirectory),
        }
    }

    /// The end of the run of directories from `start` to before the last name, when there
    /// are several and no `..`, `.` or double slash is among what remains: then
    /// [`super::node::Directory::descend`] may take them in one step. (The directories in
    /// between are not remembered. Should the last name turn out to be a symbolic link with
    /// a `..`, [`Walk::leave`] finds them again.)
    fn plain_run(&self, start: usize, first_end: usize) -> Option<usize> {
        if self.descended {
            return None;
        }
        let rest = self.path[start..].trim_end_matches('/');
        let last = start + rest.rfind('/')?;
        if last <= first_end {
            return None;
        }
        let plain = rest
            .split('/')
            .all(|name| !name.is_empty() && name != "." && name != ".." && name.len() <= NAME_MAX);
        plain.then_some(last)
    }

    /// Walks up to the directory that the walk came through.
    fn leave(&mut self) -> Result<()> {
        let above = self.above.pop().ok_or(Errno::NotPermitted)?;
        if self
            .runs
            .last()
            .is_none_or(|(depth, _)| *depth != self.above.len() + 1)
        {
            self.place = above;
            return Ok(());
        }
        let names = match self.runs.pop() {
            Some((_, Names::Copied(names))) => names,
            Some((_, Names::Here(start, end))) => self.path[start..end].to_owned(),
            None => String::new(),
        };
        self.place = above;
        let Some((names, _)) = names.rsplit_once('/') else {
            return Ok(());
        };
        for name in names.split('/') {
            // They were plain directories a moment ago.
            let Lookup::Directory(directory) = self.place.directory.lookup(name)? else {
                return Err(Errno::NoEntry);
            };
            let mount = self.place.mount.clone();
            self.push(Place {
                mount,
                directory,
                point: None,
            });
        }
        Ok(())
    }

    fn push(&mut self, place: Place) {
        let above = std::mem::replace(&mut self.place, place);
        self.above.push(above);
    }

    fn splice(&mut self, target: &str, rest: &str) -> Result<()> {
        self.links_followed += 1;
        if self.links_followed > SYMLINKS_MAX {
            return Err(Errno::Loop);
        }
        if target.len() + rest.len() > PATH_MAX {
            return Err(Errno::NameTooLong);
        }
        check(target)?;
        for (_, names) in &mut self.runs {
            if let Names::Here(start, end) = names {
                *names = Names::Copied(self.path[*start..*end].to_owned());
            }
        }
        let mut path = String::with_capacity(target.len() + rest.len());
        path.push_str(target);
        path.push_str(rest);
        self.path = Cow::Owned(path);
        self.position = 0;
        self.descended = false;
        Ok(())
    }
}

/// Refuses what is no relative path.
fn check(path: &str) -> Result<()> {
    if path.is_empty() {
        return Err(Errno::NoEntry);
    }
    if path.len() > PATH_MAX {
        return Err(Errno::NameTooLong);
    }
    if path.as_bytes().contains(&0) {
        return Err(Errno::Invalid);
    }
    if path.starts_with('/') {
        return Err(Errno::NotPermitted);
    }
    Ok(())
}

//! What each call on a path should answer, worked out the naive way.
//!
//! Every mount is a [`Model`]; a place is the list of directories that led to it. Nothing
//! is shared with the kernel's walker, mount table or calls.

use std::collections::VecDeque;

use holm_abi::{Errno, FileType};

use crate::testkit::Model;
use crate::testkit::model::{ModelOpened, NodeId};
use crate::vfs::{OpenOptions, Result};

/// A mount as the oracle knows it.
#[derive(Debug)]
pub(super) struct ModelMount {
    pub(super) path: &'static str,
    pub(super) model: Model,
}

/// What one process sees: which of the mounts, and whether it may change them.
pub(super) type View = Vec<(usize, bool)>;

/// A directory on the way.
#[derive(Clone, Debug)]
struct Place {
    /// Its path in the namespace.
    path: String,
    /// Mount and node; nothing between mounts.
    node: Option<(usize, NodeId)>,
}

enum End {
    /// The directory itself; whether it is a mount point or leads to one.
    Here(bool),
    Name {
        place: Place,
        name: String,
        slash: bool,
    },
}

/// A call on a path.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Stat {
        follow: bool,
    },
    CreateDirectory,
    RemoveDirectory,
    Unlink,
    Symlink {
        target: String,
    },
    ReadLink,
    Link {
        follow: bool,
        new_base: &'static str,
        new_path: String,
    },
    Rename {
        new_base: &'static str,
        new_path: String,
    },
    Open {
        follow: bool,
        options: OpenOptions,
    },
}

/// What a call that succeeds says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Says {
    Done,
    Stat(FileType, u64),
    Text(String),
}

pub(super) struct Oracle<'a> {
    pub(super) mounts: &'a mut [ModelMount],
    pub(super) view: &'a View,
}

impl Oracle<'_> {
    /// Makes the call in the models.
    pub(super) fn call(&mut self, base: &str, path: &str, call: &Call) -> Result<Says> {
        match call {
            Call::Stat { follow } => self.stat(base, path, *follow),
            Call::CreateDirectory => match self.walk(base, path, |_| false)? {
                End::Here(_) => Err(Errno::Exist),
                End::Name { place, name, .. } => {
                    if self.find(&place, &name).is_ok() {
                        return Err(Errno::Exist);
                    }
                    let (mount, node) = self.writable(&place)?;
                    self.mounts[mount]
                        .model
                        .create_directory(node, &name)
                        .map(|()| Says::Done)
                }
            },
            Call::RemoveDirectory => match self.walk(base, path, |_| false)? {
                End::Here(mounted) => Err(if mounted { Errno::Busy } else { Errno::Invalid }),
                End::Name { place, name, .. } => {
                    self.find(&place, &name)?;
                    let (mount, node) = self.writable(&place)?;
                    self.mounts[mount]
                        .model
                        .remove_directory(node, &name)
                        .map(|()| Says::Done)
                }
            },
            Call::Unlink => match self.walk(base, path, |_| false)? {
                End::Here(mounted) => Err(if mounted {
                    Errno::Busy
                } else {
                    Errno::IsDirectory
                }),
                End::Name { place, name, slash } => {
                    if self.file_type(self.find(&place, &name)?) == FileType::Directory {
                        return Err(Errno::IsDirectory);
                    }
                    if slash {
                        return Err(Errno::NotDirectory);
                    }
                    let (mount, node) = self.writable(&place)?;
                    self.mounts[mount]
                        .model
                        .unlink(node, &name)
                        .map(|()| Says::Done)
                }
            },
            Call::Symlink { target } => {
                if target.starts_with('/') {
                    return Err(Errno::NotPermitted);
                }
                let (place, name) = self.new_name(base, path)?;
                let (mount, node) = self.writable(&place)?;
                self.mounts[mount]
                    .model
                    .symlink(node, &name, target)
                    .map(|()| Says::Done)
            }
            Call::ReadLink => match self.walk(base, path, |slash| slash)? {
                End::Here(_) => Err(Errno::Invalid),
                End::Name { place, name, slash } => {
                    let (mount, node) = self.find(&place, &name)?;
                    if slash && self.file_type((mount, node)) != FileType::Directory {
                        return Err(Errno::NotDirectory);
                    }
                    let (_, above) = place.node.ok_or(Errno::NoEntry)?;
                    self.mounts[mount]
                        .model
                        .read_link(above, &name)
                        .map(Says::Text)
                }
            },
            Call::Link {
                follow,
                new_base,
                new_path,
            } => self.link(base, path, *follow, new_base, new_path),
            Call::Rename { new_base, new_path } => self.rename(base, path, new_base, new_path),
            Call::Open { follow, options } => self.open(base, path, *follow, *options),
        }
    }

    fn stat(&self, base: &str, path: &str, follow: bool) -> Result<Says> {
        match self.walk(base, path, |slash| follow || slash)? {
            End::Here(_) => Ok(Says::Stat(FileType::Directory, 0)),
            End::Name { place, name, slash } => {
                let (mount, node) = self.find(&place, &name)?;
                let file_type = self.file_type((mount, node));
                let (_, above) = place.node.ok_or(Errno::NoEntry)?;
                let model = &self.mounts[mount].model;
                let size = match file_type {
                    FileType::RegularFile => model.data(node)?.len(),
                    FileType::SymbolicLink => model.read_link(above, &name)?.len(),
                    _ => 0,
                };
                if slash && file_type != FileType::Directory {
                    return Err(Errno::NotDirectory);
                }
                Ok(Says::Stat(file_type, size as u64))
            }
        }
    }

    fn link(
        &mut self,
        base: &str,
        path: &str,
        follow: bool,
        new_base: &str,
        new_path: &str,
    ) -> Result<Says> {
        let End::Name {
            place: from,
            name,
            slash,
        } = self.walk(base, path, |slash| follow || slash)?
        else {
            return Err(Errno::NotPermitted);
        };
        let directory = self.file_type(self.find(&from, &name)?) == FileType::Directory;
        if slash && !directory {
            return Err(Errno::NotDirectory);
        }
        let (to, new_name) = self.new_name(new_base, new_path)?;
        if from.node.map(|(mount, _)| mount) != to.node.map(|(mount, _)| mount) {
            return Err(Errno::CrossDevice);
        }
        let (mount, new_node) = self.writable(&to)?;
        let (_, node) = from.node.ok_or(Errno::NoEntry)?;
        if directory {
            return Err(Errno::NotPermitted);
        }
        self.mounts[mount]
            .model
            .link(node, &name, new_node, &new_name)
            .map(|()| Says::Done)
    }

    fn rename(&mut self, base: &str, path: &str, new_base: &str, new_path: &str) -> Result<Says> {
        let End::Name {
            place: from,
            name,
            slash,
        } = self.walk(base, path, |_| false)?
        else {
            return Err(Errno::Busy);
        };
        let End::Name {
            place: to,
            name: new_name,
            slash: new_slash,
        } = self.walk(new_base, new_path, |_| false)?
        else {
            return Err(Errno::Busy);
        };
        let source = self.find(&from, &name)?;
        if (slash || new_slash) && self.file_type(source) != FileType::Directory {
            return Err(Errno::NotDirectory);
        }
        if from.node.map(|(mount, _)| mount) != to.node.map(|(mount, _)| mount) {
            return Err(Errno::CrossDevice);
        }
        let (mount, node) = self.writable(&from)?;
        let (_, new_node) = to.node.ok_or(Errno::NoEntry)?;
        self.mounts[mount]
            .model
            .rename(node, &name, new_node, &new_name)
            .map(|()| Says::Done)
    }

    fn open(
        &mut self,
        base: &str,
        path: &str,
        follow: bool,
        mut options: OpenOptions,
    ) -> Result<Says> {
        if options.create && options.directory {
            return Err(Errno::Invalid);
        }
        let changes = options.write || options.truncate || options.create;
        let new = options.create && options.exclusive;
        let end = self.walk(base, path, |slash| {
            (follow || slash) && !new && !(slash && options.create)
        })?;
        let End::Name { place, name, slash } = end else {
            return match (new, changes) {
                (true, _) => Err(Errno::Exist),
                (_, true) => Err(Errno::IsDirectory),
                _ => Ok(Says::Done),
            };
        };
        if slash && options.create {
            return Err(Errno::IsDirectory);
        }
        options.directory |= slash;
        let found = self.find(&place, &name);
        if self.writable(&place).is_err() && changes {
            let found = match found {
                Err(_) if options.create => return Err(Errno::ReadOnly),
                Err(errno) => return Err(errno),
                Ok(_) if new => return Err(Errno::Exist),
                Ok(found) => found,
            };
            match self.file_type(found) {
                FileType::Directory => return Err(Errno::IsDirectory),
                FileType::SymbolicLink => return Err(Errno::Loop),
                _ if options.directory => return Err(Errno::NotDirectory),
                _ if options.write || options.truncate => return Err(Errno::ReadOnly),
                _ => options.create = false,
            }
        }
        let (mount, node) = place.node.ok_or(Errno::NoEntry)?;
        match self.mounts[mount].model.open(node, &name, options)? {
            ModelOpened::Symlink(_) => Err(Errno::Loop),
            _ => Ok(Says::Done),
        }
    }

    /// The place and name of something that is to be made as a link.
    fn new_name(&self, base: &str, path: &str) -> Result<(Place, String)> {
        match self.walk(base, path, |_| false)? {
            End::Here(_) => Err(Errno::Exist),
            End::Name { place, name, slash } => {
                let found = self.find(&place, &name);
                if slash {
                    return Err(match self.file_type(found?) {
                        FileType::Directory => Errno::Exist,
                        _ => Errno::NotDirectory,
                    });
                }
                if found.is_ok() && self.writable(&place).is_err() {
                    return Err(Errno::Exist);
                }
                Ok((place, name))
            }
        }
    }

    fn find(&self, place: &Place, name: &str) -> Result<(usize, NodeId)> {
        let (mount, node) = place.node.ok_or(Errno::NoEntry)?;
        Ok((mount, self.mounts[mount].model.lookup(node, name)?))
    }

    fn file_type(&self, (mount, node): (usize, NodeId)) -> FileType {
        self.mounts[mount].model.file_type(node)
    }

    fn writable(&self, place: &Place) -> Result<(usize, NodeId)> {
        let (mount, node) = place.node.ok_or(Errno::ReadOnly)?;
        let writable = self
            .view
            .iter()
            .any(|(known, writable)| *known == mount && *writable);
        if writable {
            Ok((mount, node))
        } else {
            Err(Errno::ReadOnly)
        }
    }

    /// The place of a mount point, or of a directory that leads to one.
    fn point(&self, path: &str, above: &Place, name: &str) -> Option<Place> {
        let named = |mount: usize| self.mounts[mount].path;
        if let Some((mount, _)) = self.view.iter().find(|(mount, _)| named(*mount) == path) {
            return Some(Place {
                path: path.to_owned(),
                node: Some((*mount, Model::ROOT)),
            });
        }
        let below = format!("{path}/");
        if !self
            .view
            .iter()
            .any(|(mount, _)| named(*mount).starts_with(&below))
        {
            return None;
        }
        let node = self
            .find(above, name)
            .ok()
            .filter(|found| self.file_type(*found) == FileType::Directory);
        Some(Place {
            path: path.to_owned(),
            node,
        })
    }

    /// Walks to the last name, following it when `follow` says so.
    fn walk(&self, base: &str, path: &str, follow: impl Fn(bool) -> bool) -> Result<End> {
        if path.is_empty() {
            return Err(Errno::NoEntry);
        }
        if path.starts_with('/') {
            return Err(Errno::NotPermitted);
        }
        let mount = self
            .view
            .iter()
            .find(|(mount, _)| self.mounts[*mount].path == base);
        let node = mount.map(|(mount, _)| (*mount, Model::ROOT));
        let mut stack = vec![Place {
            path: base.trim_end_matches('/').to_owned(),
            node,
        }];
        let mut left: VecDeque<String> = names(path);
        let mut slash = path.ends_with('/');
        let mut links = 0;
        loop {
            let name = left.pop_front().unwrap_or_else(|| ".".to_owned());
            let last = left.is_empty();
            let here = stack.last().ok_or(Errno::NotPermitted)?.clone();
            match name.as_str() {
                "." if last => return Ok(End::Here(false)),
                "." => continue,
                ".." => {
                    stack.pop();
                    if stack.is_empty() {
                        return Err(Errno::NotPermitted);
                    }
                    if last {
                        return Ok(End::Here(false));
                    }
                    continue;
                }
                _ => {}
            }
            if let Some(point) = self.point(&format!("{}/{name}", here.path), &here, &name) {
                if last {
                    return Ok(End::Here(true));
                }
                stack.push(point);
                continue;
            }
            let found = self.find(&here, &name);
            let file_type = found.map(|found| self.file_type(found));
            if file_type == Ok(FileType::SymbolicLink) && (!last || follow(slash)) {
                links += 1;
                if links > 40 {
                    return Err(Errno::Loop);
                }
                let (mount, node) = here.node.ok_or(Errno::NoEntry)?;
                let target = self.mounts[mount].model.read_link(node, &name)?;
                if target.starts_with('/') {
                    return Err(Errno::NotPermitted);
                }
                slash |= last && target.ends_with('/');
                for name in names(&target).into_iter().rev() {
                    left.push_front(name);
                }
                continue;
            }
            if last {
                return Ok(End::Name {
                    place: here,
                    name,
                    slash,
                });
            }
            match file_type? {
                FileType::Directory => stack.push(Place {
                    path: format!("{}/{name}", here.path),
                    node: found.ok(),
                }),
                _ => return Err(Errno::NotDirectory),
            }
        }
    }
}

fn names(path: &str) -> VecDeque<String> {
    path.split('/')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

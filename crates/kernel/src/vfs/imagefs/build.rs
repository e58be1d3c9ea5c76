//! Building an image, entry by entry, with everything checked that a hostile archive may try.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use holm_abi::{NAME_MAX, PATH_MAX};

use super::{Blob, Entries, ImageFs, Kind, Node, NodeId, index};

/// Why an entry cannot be part of an image. The path is as the entry named it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageError {
    /// The path leaves the root by `..`.
    Climbs(String),
    /// A file or link would replace the root, or the path holds a NUL.
    BadPath(String),
    /// A name longer than [`NAME_MAX`] or a link's text that is empty or longer than
    /// [`PATH_MAX`].
    TooLong(String),
    /// The entry lies below something that is a file or a symbolic link.
    UnderFile(String),
    /// A file or link would replace a directory that has entries.
    ReplacesDirectory(String),
    /// More entries, or more bytes of names, than 2^32.
    TooMany,
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImageError::Climbs(path) => {
                write!(f, "entry {path:?} climbs out of the root by \"..\"")
            }
            ImageError::BadPath(path) => write!(f, "entry {path:?} has no usable name"),
            ImageError::TooLong(path) => write!(
                f,
                "entry {path:?} has a name longer than {NAME_MAX} bytes, or a link's target that \
                 is empty or longer than {PATH_MAX}"
            ),
            ImageError::UnderFile(path) => {
                write!(
                    f,
                    "entry {path:?} lies below something that is not a directory"
                )
            }
            ImageError::ReplacesDirectory(path) => {
                write!(
                    f,
                    "entry {path:?} would replace a directory that has entries"
                )
            }
            ImageError::TooMany => f.write_str("more entries or longer names than an image holds"),
        }
    }
}

impl std::error::Error for ImageError {}

/// Collects the entries of an image. Directories that lead to an entry need not be added.
/// When a path comes twice, the last one counts, as in tar; a directory that comes again
/// keeps its entries.
#[derive(Debug)]
pub struct ImageBuilder {
    nodes: Vec<Building>,
}

#[derive(Debug)]
struct Building {
    parent: NodeId,
    name: Arc<str>,
    modified_ns: u64,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// With the entries by name; a name is shared with its node.
    Directory(HashMap<Arc<str>, NodeId>),
    File(Arc<dyn Blob>, bool),
    Symlink(Box<str>),
}

impl Default for ImageBuilder {
    fn default() -> ImageBuilder {
        ImageBuilder::new()
    }
}

impl ImageBuilder {
    /// An image with nothing in it.
    #[must_use]
    pub fn new() -> ImageBuilder {
        ImageBuilder {
            nodes: vec![Building {
                parent: 0,
                name: "".into(),
                modified_ns: 0,
                content: Content::Directory(HashMap::new()),
            }],
        }
    }

    /// Adds a directory, with those that lead to it.
    ///
    /// Paths are relative to the root: a leading `/`, `.` and doubled slashes mean nothing.
    ///
    /// # Errors
    ///
    /// See [`ImageError`]; the image is as before.
    pub fn add_directory(&mut self, path: &str) -> Result<(), ImageError> {
        let names = plain_names(path)?;
        self.check_parents(path, &names)?;
        self.enter(&names).map(drop)
    }

    /// Adds a regular file, last changed at `modified_ns` nanoseconds since 1970.
    ///
    /// # Errors
    ///
    /// See [`ImageError`]; the image is as before.
    pub fn add_file(
        &mut self,
        path: &str,
        blob: Arc<dyn Blob>,
        modified_ns: u64,
        executable: bool,
    ) -> Result<(), ImageError> {
        self.add(path, Content::File(blob, executable), modified_ns)
    }

    /// Adds a symbolic link with the text `target`, which may say anything: it is the walker
    /// that keeps links inside.
    ///
    /// # Errors
    ///
    /// See [`ImageError`]; the image is as before.
    pub fn add_symlink(&mut self, path: &str, target: &str) -> Result<(), ImageError> {
        if target.is_empty() || target.len() > PATH_MAX {
            return Err(ImageError::TooLong(path.to_owned()));
        }
        if target.contains('\0') {
            return Err(ImageError::BadPath(path.to_owned()));
        }
        self.add(path, Content::Symlink(target.into()), 0)
    }

    /// Sets when an entry that was added, the root included, was last changed. Answers
    /// whether there is such an entry.
    pub fn set_modified(&mut self, path: &str, modified_ns: u64) -> bool {
        let Ok(names) = plain_names(path) else {
            return false;
        };
        let found = names
            .iter()
            .try_fold(0, |id, name| self.find(id, name))
            .map(|id| &mut self.nodes[index(id)]);
        match found {
            Some(node) => {
                node.modified_ns = modified_ns;
                true
            }
            None => false,
        }
    }

    /// Finishes the image.
    ///
    /// # Errors
    ///
    /// [`ImageError::TooMany`].
    pub fn build(self) -> Result<Arc<ImageFs>, ImageError> {
        let nodes = self.nodes;
        let mut order: Vec<NodeId> = (1..).take(nodes.len() - 1).collect();
        let key = |id: &NodeId| {
            let node = &nodes[index(*id)];
            (node.parent, &*node.name)
        };
        order.sort_unstable_by(|one, other| key(one).cmp(&key(other)));
        let mut image = ImageFs {
            nodes: Vec::with_capacity(nodes.len()),
            text: String::new(),
            children: order,
            directories: Vec::new(),
            blobs: Vec::new(),
            may_wait: false,
        };
        let parents: Vec<NodeId> = nodes.iter().map(|node| node.parent).collect();
        for node in nodes {
            image.add(node)?;
        }
        image.text.shrink_to_fit();
        image.link_children(&parents)?;
        Ok(Arc::new(image))
    }

    fn add(&mut self, path: &str, content: Content, modified_ns: u64) -> Result<(), ImageError> {
        let names = plain_names(path)?;
        let Some((name, parents)) = names.split_last() else {
            return Err(ImageError::BadPath(path.to_owned()));
        };
        let existing = self.check_parents(path, &names)?;
        let content = Building {
            parent: 0,
            name: (*name).into(),
            modified_ns,
            content,
        };
        if let Some(id) = existing {
            let node = &mut self.nodes[index(id)];
            if matches!(&node.content, Content::Directory(entries) if !entries.is_empty()) {
                return Err(ImageError::ReplacesDirectory(path.to_owned()));
            }
            node.content = content.content;
            node.modified_ns = modified_ns;
            return Ok(());
        }
        let parent = self.enter(parents)?;
        self.insert(Building { parent, ..content }).map(drop)
    }

    /// Checks that everything above the last name is a directory or missing; answers the
    /// node of the whole path when there is one.
    fn check_parents(&self, path: &str, names: &[&str]) -> Result<Option<NodeId>, ImageError> {
        let mut current = 0;
        for name in names {
            if !matches!(self.nodes[index(current)].content, Content::Directory(_)) {
                return Err(ImageError::UnderFile(path.to_owned()));
            }
            match self.find(current, name) {
                Some(next) => current = next,
                None => return Ok(None),
            }
        }
        Ok(Some(current))
    }

    /// The directory of these names, made where it is missing, in the place of a file where
    /// there is one.
    fn enter(&mut self, names: &[&str]) -> Result<NodeId, ImageError> {
        let mut current = 0;
        for name in names {
            current = match self.find(current, name) {
                Some(next) => next,
                None => self.insert(Building {
                    parent: current,
                    name: (*name).into(),
                    modified_ns: 0,
                    content: Content::Directory(HashMap::new()),
                })?,
            };
        }
        let node = &mut self.nodes[index(current)];
        if !matches!(node.content, Content::Directory(_)) {
            node.content = Content::Directory(HashMap::new());
        }
        Ok(current)
    }

    fn find(&self, directory: NodeId, name: &str) -> Option<NodeId> {
        match &self.nodes[index(directory)].content {
            Content::Directory(entries) => entries.get(name).copied(),
            _ => None,
        }
    }

    fn insert(&mut self, node: Building) -> Result<NodeId, ImageError> {
        let id = NodeId::try_from(self.nodes.len()).map_err(|_| ImageError::TooMany)?;
        if let Content::Directory(entries) = &mut self.nodes[index(node.parent)].content {
            entries.insert(Arc::clone(&node.name), id);
        }
        self.nodes.push(node);
        Ok(id)
    }
}

/// The names of a path, without those that mean nothing.
fn plain_names(path: &str) -> Result<Vec<&str>, ImageError> {
    let mut names = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => return Err(ImageError::Climbs(path.to_owned())),
            name if name.len() > NAME_MAX => return Err(ImageError::TooLong(path.to_owned())),
            name if name.contains('\0') => return Err(ImageError::BadPath(path.to_owned())),
            name => names.push(name),
        }
    }
    Ok(names)
}

fn number(length: usize) -> Result<u32, ImageError> {
    u32::try_from(length).map_err(|_| ImageError::TooMany)
}

impl ImageFs {
    /// Adds a node, its children aside.
    fn add(&mut self, node: Building) -> Result<(), ImageError> {
        let name_start = number(self.text.len())?;
        self.text.push_str(&node.name);
        let kind = match node.content {
            Content::Directory(_) => {
                self.directories.push(Entries::default());
                Kind::Directory(number(self.directories.len() - 1)?)
            }
            Content::File(blob, executable) => {
                self.may_wait |= blob.may_wait();
                self.blobs.push(blob);
                Kind::File {
                    blob: number(self.blobs.len() - 1)?,
                    executable,
                }
            }
            Content::Symlink(target) => {
                let start = number(self.text.len())?;
                self.text.push_str(&target);
                Kind::Symlink {
                    start,
                    length: number(target.len())?,
                }
            }
        };
        self.nodes.push(Node {
            modified_ns: node.modified_ns,
            name_start,
            name_length: number(node.name.len())?,
            kind,
        });
        Ok(())
    }

    /// Tells each directory its range of the sorted children.
    fn link_children(&mut self, parents: &[NodeId]) -> Result<(), ImageError> {
        for (position, child) in self.children.iter().enumerate() {
            let Kind::Directory(entries) = self.nodes[index(parents[index(*child)])].kind else {
                continue;
            };
            let entries = &mut self.directories[index(entries)];
            if entries.count == 0 {
                entries.start = number(position)?;
            }
            entries.count += 1;
            if let Kind::Directory(_) = self.nodes[index(*child)].kind {
                entries.directories += 1;
            }
        }
        Ok(())
    }
}

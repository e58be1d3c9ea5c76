//! A naive model of a file system: what every backend must agree with.
//!
//! Obvious rather than fast: nodes by number in one map, contents in plain vectors, nothing
//! ever collected. The order in which errors are looked for is that of Linux.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use holm_abi::{Errno, FileType};

use crate::vfs::{Directory, File, Lookup, OpenOptions, Opened, Result};

/// Number of a node in a model; stays valid when the node has lost its last name, as an
/// open descriptor does.
pub type NodeId = u64;

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A regular file with its bytes.
    File(Vec<u8>),
    /// A directory: its names, and whether it was removed.
    Directory(BTreeMap<String, NodeId>, bool),
    /// A symbolic link with its text.
    Symlink(String),
}

/// What opening a name gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelOpened {
    /// A regular file.
    File(NodeId),
    /// A directory.
    Directory(NodeId),
    /// A symbolic link, not followed; its text.
    Symlink(String),
}

/// One path of a whole tree, as [`Model::tree`] and [`tree_of`] tell it.
#[derive(Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Bytes of a file, text of a link, nothing for a directory.
    pub content: Vec<u8>,
    /// What kind of file it is.
    pub file_type: FileType,
    /// Number of names; 0 for a directory, whose count backends may simplify.
    pub links: u64,
    /// The first path, in order, that is the same file.
    pub first_path: String,
}

impl std::fmt::Debug for TreeEntry {
    /// Without the bytes of a long content, which nobody could read.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = &self.content[..self.content.len().min(16)];
        write!(
            f,
            "{:?}x{} = {}, {} bytes: {start:?}",
            self.file_type,
            self.links,
            self.first_path,
            self.content.len()
        )
    }
}

/// A whole tree by path; paths are relative and the root itself is not listed.
pub type Tree = BTreeMap<String, TreeEntry>;

/// The model.
#[derive(Clone, Debug)]
pub struct Model {
    nodes: BTreeMap<NodeId, Node>,
}

impl Default for Model {
    fn default() -> Model {
        Model::new()
    }
}

impl Model {
    /// The root directory.
    pub const ROOT: NodeId = 0;

    /// An empty file system.
    #[must_use]
    pub fn new() -> Model {
        Model {
            nodes: BTreeMap::from([(Model::ROOT, Node::Directory(BTreeMap::new(), false))]),
        }
    }

    /// A model of what a backend holds now. Hard links are told by inode numbers.
    #[must_use]
    pub fn capture(root: &dyn Directory) -> Model {
        let mut model = Model::new();
        let tree = tree_of(root);
        for (path, entry) in &tree {
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
            let parent = model
                .resolve(parent)
                .expect("invariant: parents come first");
            let id = if entry.first_path == *path {
                model.add(match entry.file_type {
                    FileType::Directory => Node::Directory(BTreeMap::new(), false),
                    FileType::SymbolicLink => Node::Symlink(
                        String::from_utf8(entry.content.clone()).expect("a link's text is UTF-8"),
                    ),
                    _ => Node::File(entry.content.clone()),
                })
            } else {
                let first = model.resolve(&entry.first_path);
                first.expect("invariant: the first path comes first")
            };
            model.names_mut(parent).insert(name.to_owned(), id);
        }
        model
    }

    /// The node at a path of plain names joined by `/`; the empty path is the root.
    pub fn resolve(&self, path: &str) -> Result<NodeId> {
        path.split('/')
            .filter(|name| !name.is_empty())
            .try_fold(Model::ROOT, |directory, name| self.lookup(directory, name))
    }

    /// The node itself.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[&id]
    }

    /// What kind of file it is.
    #[must_use]
    pub fn file_type(&self, id: NodeId) -> FileType {
        match self.node(id) {
            Node::File(_) => FileType::RegularFile,
            Node::Directory(..) => FileType::Directory,
            Node::Symlink(_) => FileType::SymbolicLink,
        }
    }

    /// Number of names that lead to `id`.
    #[must_use]
    pub fn links(&self, id: NodeId) -> u64 {
        let names = self.nodes.values().map(|node| match node {
            Node::Directory(names, _) => names.values().filter(|other| **other == id).count(),
            _ => 0,
        });
        u64::try_from(names.sum::<usize>()).expect("invariant: counts fit 64 bits")
    }

    /// Bytes of a file; `EISDIR` for anything else.
    pub fn data(&self, id: NodeId) -> Result<&[u8]> {
        match self.node(id) {
            Node::File(data) => Ok(data),
            _ => Err(Errno::IsDirectory),
        }
    }

    /// The node that `name` leads to, not followed.
    pub fn lookup(&self, directory: NodeId, name: &str) -> Result<NodeId> {
        match self.node(directory) {
            Node::Directory(names, _) => names.get(name).copied().ok_or(Errno::NoEntry),
            _ => Err(Errno::NotDirectory),
        }
    }

    /// Names in a directory.
    pub fn list(&self, directory: NodeId) -> Result<Vec<(String, FileType)>> {
        match self.node(directory) {
            Node::Directory(names, _) => Ok(names
                .iter()
                .map(|(name, id)| (name.clone(), self.file_type(*id)))
                .collect()),
            _ => Err(Errno::NotDirectory),
        }
    }

    /// As [`Directory::open_at`].
    pub fn open(
        &mut self,
        directory: NodeId,
        name: &str,
        options: OpenOptions,
    ) -> Result<ModelOpened> {
        if options.create && options.directory {
            return Err(Errno::Invalid);
        }
        let id = match self.lookup(directory, name) {
            Ok(_) if options.create && options.exclusive => return Err(Errno::Exist),
            Ok(id) => id,
            Err(Errno::NoEntry) if options.create => {
                self.create(directory, name, Node::File(Vec::new()))?
            }
            Err(errno) => return Err(errno),
        };
        match self.nodes.get_mut(&id).expect("invariant: ids are valid") {
            Node::Symlink(text) => Ok(ModelOpened::Symlink(text.clone())),
            Node::Directory(..) if options.write || options.truncate || options.create => {
                Err(Errno::IsDirectory)
            }
            Node::Directory(..) => Ok(ModelOpened::Directory(id)),
            Node::File(_) if options.directory => Err(Errno::NotDirectory),
            Node::File(data) => {
                if options.truncate {
                    data.clear();
                }
                Ok(ModelOpened::File(id))
            }
        }
    }

    /// As [`Directory::create_directory_at`].
    pub fn create_directory(&mut self, directory: NodeId, name: &str) -> Result<()> {
        self.create(directory, name, Node::Directory(BTreeMap::new(), false))
            .map(drop)
    }

    /// As [`Directory::symlink_at`].
    pub fn symlink(&mut self, directory: NodeId, name: &str, target: &str) -> Result<()> {
        if target.is_empty() {
            return Err(Errno::NoEntry);
        }
        self.create(directory, name, Node::Symlink(target.to_owned()))
            .map(drop)
    }

    /// As [`Directory::read_link_at`].
    pub fn read_link(&self, directory: NodeId, name: &str) -> Result<String> {
        match self.node(self.lookup(directory, name)?) {
            Node::Symlink(text) => Ok(text.clone()),
            _ => Err(Errno::Invalid),
        }
    }

    /// As [`Directory::remove_directory_at`].
    pub fn remove_directory(&mut self, directory: NodeId, name: &str) -> Result<()> {
        let id = self.lookup(directory, name)?;
        match self.nodes.get_mut(&id).expect("invariant: ids are valid") {
            Node::Directory(names, _) if !names.is_empty() => return Err(Errno::NotEmpty),
            Node::Directory(_, removed) => *removed = true,
            _ => return Err(Errno::NotDirectory),
        }
        self.names_mut(directory).remove(name);
        Ok(())
    }

    /// As [`Directory::unlink_at`].
    pub fn unlink(&mut self, directory: NodeId, name: &str) -> Result<()> {
        let id = self.lookup(directory, name)?;
        if let Node::Directory(..) = self.node(id) {
            return Err(Errno::IsDirectory);
        }
        self.names_mut(directory).remove(name);
        Ok(())
    }

    /// As [`Directory::link_at`].
    pub fn link(&mut self, from: NodeId, name: &str, to: NodeId, new_name: &str) -> Result<()> {
        let id = self.lookup(from, name)?;
        self.check_free(to, new_name)?;
        if let Node::Directory(..) = self.node(id) {
            return Err(Errno::NotPermitted);
        }
        self.names_mut(to).insert(new_name.to_owned(), id);
        Ok(())
    }

    /// As [`Directory::rename_at`].
    pub fn rename(&mut self, from: NodeId, name: &str, to: NodeId, new_name: &str) -> Result<()> {
        let id = self.lookup(from, name)?;
        if let Node::Directory(_, true) = self.node(to) {
            return Err(Errno::NoEntry);
        }
        let moves_directory = matches!(self.node(id), Node::Directory(..));
        if moves_directory && self.is_within(to, id) {
            return Err(Errno::Invalid);
        }
        if let Ok(replaced) = self.lookup(to, new_name) {
            if replaced == id {
                return Ok(());
            }
            match (moves_directory, self.node(replaced)) {
                (true, Node::Directory(names, _)) if !names.is_empty() => {
                    return Err(Errno::NotEmpty);
                }
                (true, Node::Directory(..)) => {
                    self.nodes
                        .insert(replaced, Node::Directory(BTreeMap::new(), true));
                }
                (true, _) => return Err(Errno::NotDirectory),
                (false, Node::Directory(..)) => return Err(Errno::IsDirectory),
                (false, _) => {}
            }
        }
        self.names_mut(from).remove(name);
        self.names_mut(to).insert(new_name.to_owned(), id);
        Ok(())
    }

    /// Bytes from `offset` on, at most `length`.
    pub fn read(&self, file: NodeId, offset: usize, length: usize) -> Result<Vec<u8>> {
        let data = self.data(file)?;
        let start = offset.min(data.len());
        let end = start.saturating_add(length).min(data.len());
        Ok(data[start..end].to_vec())
    }

    /// Writes all of `bytes` at `offset`.
    pub fn write(&mut self, file: NodeId, offset: usize, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let data = self.data_mut(file)?;
        let end = offset + bytes.len();
        if data.len() < end {
            data.resize(end, 0);
        }
        data[offset..end].copy_from_slice(bytes);
        Ok(())
    }

    /// Cuts or extends a file.
    pub fn set_size(&mut self, file: NodeId, size: usize) -> Result<()> {
        self.data_mut(file)?.resize(size, 0);
        Ok(())
    }

    /// The whole tree.
    #[must_use]
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        let mut pending = vec![(String::new(), Model::ROOT)];
        let mut paths: Vec<(String, NodeId)> = Vec::new();
        while let Some((path, id)) = pending.pop() {
            let Node::Directory(names, _) = self.node(id) else {
                continue;
            };
            for (name, child) in names {
                paths.push((join(&path, name), *child));
                pending.push((join(&path, name), *child));
            }
        }
        paths.sort();
        let mut first_paths = BTreeMap::new();
        for (path, id) in paths {
            let first_path = first_paths.entry(id).or_insert_with(|| path.clone());
            let (content, links) = match self.node(id) {
                Node::File(data) => (data.clone(), self.links(id)),
                Node::Directory(..) => (Vec::new(), 0),
                Node::Symlink(text) => (text.clone().into_bytes(), self.links(id)),
            };
            let entry = TreeEntry {
                content,
                file_type: self.file_type(id),
                links,
                first_path: first_path.clone(),
            };
            tree.insert(path, entry);
        }
        tree
    }

    fn add(&mut self, node: Node) -> NodeId {
        let id = self.nodes.keys().next_back().map_or(0, |last| last + 1);
        self.nodes.insert(id, node);
        id
    }

    fn create(&mut self, directory: NodeId, name: &str, node: Node) -> Result<NodeId> {
        self.check_free(directory, name)?;
        let id = self.add(node);
        self.names_mut(directory).insert(name.to_owned(), id);
        Ok(id)
    }

    fn check_free(&self, directory: NodeId, name: &str) -> Result<()> {
        match self.node(directory) {
            Node::Directory(_, true) => Err(Errno::NoEntry),
            Node::Directory(names, _) if names.contains_key(name) => Err(Errno::Exist),
            Node::Directory(..) => Ok(()),
            _ => Err(Errno::NotDirectory),
        }
    }

    fn is_within(&self, below: NodeId, above: NodeId) -> bool {
        below == above
            || match self.node(above) {
                Node::Directory(names, _) => {
                    names.values().any(|child| self.is_within(below, *child))
                }
                _ => false,
            }
    }

    fn names_mut(&mut self, directory: NodeId) -> &mut BTreeMap<String, NodeId> {
        match self.nodes.get_mut(&directory) {
            Some(Node::Directory(names, _)) => names,
            other => panic!("node {directory} is no directory but {other:?}"),
        }
    }

    fn data_mut(&mut self, file: NodeId) -> Result<&mut Vec<u8>> {
        match self.nodes.get_mut(&file) {
            Some(Node::File(data)) => Ok(data),
            _ => Err(Errno::IsDirectory),
        }
    }
}

/// The whole tree of a backend.
///
/// # Panics
///
/// When the backend contradicts itself: a listed name that cannot be found, a size that is
/// not the number of bytes, a type that differs between the listing and the stat.
#[must_use]
pub fn tree_of(root: &dyn Directory) -> Tree {
    let mut paths: BTreeMap<String, (u64, TreeEntry)> = BTreeMap::new();
    let mut pending: Vec<(String, Arc<dyn Directory>)> = Vec::new();
    collect(root, "", &mut paths, &mut pending);
    while let Some((path, directory)) = pending.pop() {
        collect(&*directory, &path, &mut paths, &mut pending);
    }
    let mut first_paths: BTreeMap<u64, String> = BTreeMap::new();
    paths
        .into_iter()
        .map(|(path, (inode, mut entry))| {
            let first_path = first_paths.entry(inode).or_insert_with(|| path.clone());
            entry.first_path.clone_from(first_path);
            (path, entry)
        })
        .collect()
}

fn collect(
    directory: &dyn Directory,
    path: &str,
    paths: &mut BTreeMap<String, (u64, TreeEntry)>,
    pending: &mut Vec<(String, Arc<dyn Directory>)>,
) {
    for (name, inode, file_type) in list(directory) {
        let path = join(path, &name);
        let stat = directory.stat_at(&name);
        let stat = stat.unwrap_or_else(|errno| panic!("{path} is listed, its stat: {errno}"));
        assert_eq!(stat.file_type, file_type, "type of {path} in the listing");
        assert_eq!(stat.inode, inode, "inode of {path} in the listing");
        let lookup = directory.lookup(&name);
        let mut links = stat.links;
        let content = match lookup.unwrap_or_else(|errno| panic!("{path} is listed: {errno}")) {
            Lookup::Directory(child) => {
                assert_eq!(file_type, FileType::Directory, "lookup of {path}");
                let own = child.stat().expect("the stat of a directory");
                assert_eq!(own.inode, stat.inode, "inode of {path} in its own stat");
                pending.push((path.clone(), child));
                links = 0;
                Vec::new()
            }
            Lookup::Symlink(text) => {
                assert_eq!(file_type, FileType::SymbolicLink, "lookup of {path}");
                text.into_bytes()
            }
            Lookup::Other => {
                assert_eq!(file_type, FileType::RegularFile, "lookup of {path}");
                let file = open_to_read(directory, &name);
                let own = file.stat().expect("the stat of an open file");
                assert_eq!(own.inode, stat.inode, "inode of {path} in its own stat");
                read_all(&*file)
            }
        };
        if file_type != FileType::Directory {
            let length = u64::try_from(content.len()).expect("invariant: lengths fit 64 bits");
            assert_eq!(stat.size, length, "size of {path}");
        }
        let entry = TreeEntry {
            content,
            file_type,
            links,
            first_path: String::new(),
        };
        let before = paths.insert(path.clone(), (stat.inode, entry));
        assert!(before.is_none(), "{path} is listed twice");
    }
}

/// All entries of a directory: name, inode, type.
///
/// # Panics
///
/// When the directory cannot be listed.
#[must_use]
pub fn list(directory: &dyn Directory) -> Vec<(String, u64, FileType)> {
    let mut entries = Vec::new();
    directory
        .read_dir(0, &mut |entry| {
            entries.push((entry.name.to_owned(), entry.inode, entry.file_type));
            ControlFlow::Continue(())
        })
        .expect("a directory lists");
    entries
}

/// All bytes of a file.
///
/// # Panics
///
/// When reading fails.
#[must_use]
pub fn read_all(file: &dyn File) -> Vec<u8> {
    let mut data = Vec::new();
    let mut buffer = vec![0; 40_000];
    loop {
        let offset = u64::try_from(data.len()).expect("invariant: lengths fit 64 bits");
        let read = file.read_at(offset, &mut buffer).expect("a file reads");
        if read == 0 {
            return data;
        }
        data.extend_from_slice(&buffer[..read]);
    }
}

fn open_to_read(directory: &dyn Directory, name: &str) -> Arc<dyn File> {
    let options = OpenOptions {
        read: true,
        ..OpenOptions::default()
    };
    match directory.open_at(name, options) {
        Ok(Opened::File(file)) => file,
        other => panic!("{name} should open as a file, not as {other:?}"),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}/{name}")
    }
}

//! A read-only file system made from a list of entries: an archive, a package, an image.
//!
//! The data of a file is a [`Blob`], which may be fetched or decompressed when it is read.
//! The tree itself is compact, so that an image of a million entries is no burden: one array
//! of nodes, one buffer of names, the children of each directory sorted by name. Nothing
//! changes after [`ImageBuilder::build`], so there are no locks, and a position in a listing
//! is an index. Everything that would change something answers `EROFS`.

mod build;
mod directory;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Poll, Waker};

use holm_abi::{FileType, Stat};

pub use self::build::{ImageBuilder, ImageError};
use self::directory::ImageDirectory;
use super::node::{Directory, Result};

/// The bytes of a file in an image; they never change.
pub trait Blob: Debug + Send + Sync {
    /// Number of bytes.
    fn size(&self) -> u64;
    /// Reads at `offset`; a short read is allowed, 0 is the end.
    ///
    /// # Errors
    ///
    /// `EIO` when the bytes cannot be had, or are not what they should be; `EAGAIN` where
    /// [`Blob::poll_read_at`] would wait.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize>;
    /// The same for bytes that may have to come first; see
    /// [`File::poll_read_at`](super::node::File::poll_read_at).
    fn poll_read_at(&self, offset: u64, buffer: &mut [u8], waker: &Waker) -> Poll<Result<usize>> {
        let _ = waker;
        Poll::Ready(self.read_at(offset, buffer))
    }
    /// Whether [`Blob::poll_read_at`] may answer `Pending`.
    fn may_wait(&self) -> bool {
        false
    }
}

impl Blob for Vec<u8> {
    fn size(&self) -> u64 {
        u64::try_from(self.len()).unwrap_or(u64::MAX)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        Ok(copy_from(self, offset, buffer))
    }
}

impl Blob for &'static [u8] {
    fn size(&self) -> u64 {
        u64::try_from(self.len()).unwrap_or(u64::MAX)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        Ok(copy_from(self, offset, buffer))
    }
}

fn copy_from(bytes: &[u8], offset: u64, buffer: &mut [u8]) -> usize {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let rest = bytes.get(start..).unwrap_or_default();
    let length = rest.len().min(buffer.len());
    buffer[..length].copy_from_slice(&rest[..length]);
    length
}

/// Number of a node; the root is 0.
type NodeId = u32;

/// A read-only file system.
pub struct ImageFs {
    nodes: Vec<Node>,
    /// All names and texts of links, one after the other.
    text: String,
    /// Nodes, grouped by directory and sorted by name within each.
    children: Vec<NodeId>,
    directories: Vec<Entries>,
    blobs: Vec<Arc<dyn Blob>>,
    may_wait: bool,
}

/// An entry of an image: 32 bytes.
#[derive(Clone, Copy)]
struct Node {
    modified_ns: u64,
    name_start: u32,
    name_length: u32,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Index into `directories`.
    Directory(u32),
    /// Index into `blobs`.
    File { blob: u32, executable: bool },
    /// Range in `text`.
    Symlink { start: u32, length: u32 },
}

/// The entries of a directory: a range of `children`, and how many are directories.
#[derive(Clone, Copy, Default)]
struct Entries {
    start: u32,
    count: u32,
    directories: u32,
}

impl Debug for ImageFs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageFs")
            .field("entries", &(self.nodes.len() - 1))
            .finish_non_exhaustive()
    }
}

impl ImageFs {
    /// The root directory.
    #[must_use]
    pub fn root(self: &Arc<Self>) -> Arc<dyn Directory> {
        Arc::new(ImageDirectory::new(Arc::clone(self), 0))
    }

    /// Number of files, directories and links, the root not counted.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.nodes.len() - 1
    }

    /// Whether the file at `path`, plain names joined by `/`, was marked as executable.
    /// `None` when there is no file.
    #[must_use]
    pub fn is_executable(&self, path: &str) -> Option<bool> {
        let id = path
            .split('/')
            .filter(|name| !name.is_empty())
            .try_fold(0, |id, name| self.find(id, name))?;
        match self.node(id).kind {
            Kind::File { executable, .. } => Some(executable),
            _ => None,
        }
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.nodes[index(id)]
    }

    fn name(&self, id: NodeId) -> &str {
        let node = self.node(id);
        self.text(node.name_start, node.name_length)
    }

    fn text(&self, start: u32, length: u32) -> &str {
        &self.text[range(start, length)]
    }

    /// The nodes in a directory, sorted by name; nothing for what is no directory.
    fn children(&self, id: NodeId) -> &[NodeId] {
        match self.node(id).kind {
            Kind::Directory(entries) => {
                let entries = self.directories[index(entries)];
                &self.children[range(entries.start, entries.count)]
            }
            _ => &[],
        }
    }

    fn find(&self, directory: NodeId, name: &str) -> Option<NodeId> {
        let children = self.children(directory);
        children
            .binary_search_by(|child| self.name(*child).cmp(name))
            .ok()
            .map(|found| children[found])
    }

    fn file_type(&self, id: NodeId) -> FileType {
        match self.node(id).kind {
            Kind::Directory(_) => FileType::Directory,
            Kind::File { .. } => FileType::RegularFile,
            Kind::Symlink { .. } => FileType::SymbolicLink,
        }
    }

    fn stat(&self, id: NodeId) -> Stat {
        let node = self.node(id);
        let (links, size) = match node.kind {
            Kind::Directory(entries) => (
                2 + u64::from(self.directories[index(entries)].directories),
                0,
            ),
            Kind::File { blob, .. } => (1, self.blobs[index(blob)].size()),
            Kind::Symlink { length, .. } => (1, u64::from(length)),
        };
        Stat {
            device: 0,
            inode: inode(id),
            file_type: self.file_type(id),
            links,
            size,
            accessed_ns: node.modified_ns,
            modified_ns: node.modified_ns,
            changed_ns: node.modified_ns,
        }
    }
}

/// Inode numbers start at 1: 0 means "none" to some programs.
fn inode(id: NodeId) -> u64 {
    u64::from(id) + 1
}

fn index(number: u32) -> usize {
    usize::try_from(number).expect("invariant: there is no host of less than 32 bits")
}

fn range(start: u32, length: u32) -> Range<usize> {
    index(start)..index(start) + index(length)
}

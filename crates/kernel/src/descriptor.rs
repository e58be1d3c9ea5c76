//! Descriptors: a process's table, and the open files behind it.

use std::io::IoSlice;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker, ready};

use holm_abi::{Errno, Fd, FdFlags, FileType, RecvFlags, Rights, Stat};

use crate::net::socket::NetSocket;
use crate::process::Process;
use crate::vfs::listing::Listing;
use crate::vfs::mount::{Mount, Place};
use crate::vfs::node::{File, Interest, Listener, Readiness, Result, Stream};

/// What a descriptor leads to.
#[derive(Debug)]
pub(crate) enum Object {
    /// A file with offsets, and the mount it is on.
    File(Arc<dyn File>, Arc<Mount>),
    /// Bytes without offsets.
    Stream(Arc<dyn Stream>),
    /// A listening socket.
    Listener(Arc<dyn Listener>),
    /// A socket that a process made or accepted.
    Socket(Arc<NetSocket>),
    /// A directory.
    Directory(Place, Mutex<Listing>),
}

/// An open file: what POSIX calls an open file description. Shared by duplicates.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) object: Object,
    /// Held while a call that uses the offset runs, so that calls on duplicates take turns.
    pub(crate) offset: Mutex<u64>,
    flags: AtomicU16,
}

impl OpenFile {
    pub(crate) fn new(object: Object, flags: FdFlags) -> OpenFile {
        OpenFile {
            object,
            offset: Mutex::new(0),
            flags: AtomicU16::new(flags.bits()),
        }
    }

    pub(crate) fn flags(&self) -> FdFlags {
        FdFlags::from_bits(self.flags.load(Ordering::Relaxed)).unwrap_or_default()
    }

    pub(crate) fn set_flags(&self, flags: FdFlags) -> Result<()> {
        let sync = flags.contains(FdFlags::SYNC);
        let data_sync = flags.contains(FdFlags::DSYNC) || flags.contains(FdFlags::RSYNC);
        let durable = FdFlags::SYNC.union(FdFlags::DSYNC).union(FdFlags::RSYNC);
        let changed =
            flags.without(durable) != flags || self.flags().without(durable) != self.flags();
        if let (true, Object::File(file, _)) = (changed, &self.object) {
            file.set_sync(data_sync, sync)?;
        }
        self.flags.store(flags.bits(), Ordering::Relaxed);
        Ok(())
    }

    pub(crate) fn file_type(&self) -> FileType {
        match &self.object {
            Object::File(..) => FileType::RegularFile,
            Object::Stream(stream) => stream.file_type(),
            Object::Listener(_) => FileType::SocketStream,
            Object::Socket(socket) => socket.file_type(),
            Object::Directory(..) => FileType::Directory,
        }
    }

    /// Metadata, with the backend's own numbers.
    pub(crate) fn stat(&self) -> Result<(Stat, Option<&Arc<Mount>>)> {
        match &self.object {
            Object::File(file, mount) => Ok((file.stat()?, Some(mount))),
            Object::Directory(place, _) => Ok((place.directory.stat()?, Some(&place.mount))),
            Object::Stream(stream) => Ok((stream.stat()?, None)),
            Object::Listener(_) | Object::Socket(_) => Ok((
                Stat {
                    file_type: self.file_type(),
                    links: 1,
                    ..Stat::default()
                },
                None,
            )),
        }
    }

    pub(crate) fn file(&self) -> Result<&Arc<dyn File>> {
        match &self.object {
            Object::File(file, _) => Ok(file),
            Object::Directory(..) => Err(Errno::IsDirectory),
            Object::Stream(_) | Object::Listener(_) | Object::Socket(_) => Err(Errno::NotSeekable),
        }
    }

    /// Whether it is a device without offsets that is no terminal.
    pub(crate) fn is_plain_device(&self) -> bool {
        matches!(&self.object, Object::Stream(stream) if stream.is_plain_device())
    }

    pub(crate) fn place(&self) -> Result<&Place> {
        match &self.object {
            Object::Directory(place, _) => Ok(place),
            _ => Err(Errno::NotDirectory),
        }
    }

    pub(crate) fn read(
        &self,
        process: &Process,
        buffer: &mut [u8],
        waker: &Waker,
    ) -> Poll<Result<usize>> {
        match &self.object {
            Object::File(file, _) => {
                let mut offset = crate::lock(&self.offset);
                let read = ready!(file.poll_read_at(*offset, buffer, waker))?;
                *offset += read as u64;
                Poll::Ready(Ok(read))
            }
            Object::Stream(stream) => self.blocking(stream.read(buffer, waker)),
            Object::Directory(..) => Poll::Ready(Err(Errno::IsDirectory)),
            Object::Listener(_) => Poll::Ready(Err(Errno::NotConnected)),
            Object::Socket(socket) => {
                let received = socket.receive(process, buffer, RecvFlags::NONE, waker);
                self.blocking(received.map_ok(|received| received.size as usize))
            }
        }
    }

    pub(crate) fn write(
        &self,
        process: &Process,
        data: &[IoSlice<'_>],
        waker: &Waker,
    ) -> Poll<Result<usize>> {
        match &self.object {
            Object::File(file, _) => {
                let mut offset = crate::lock(&self.offset);
                let written = if self.flags().contains(FdFlags::APPEND) {
                    let (written, end) = file.append(data)?;
                    *offset = end;
                    written
                } else {
                    let written = file.write_at(*offset, data)?;
                    *offset += written as u64;
                    written
                };
                Poll::Ready(Ok(written))
            }
            Object::Stream(stream) => self.blocking(stream.write(data, waker)),
            Object::Directory(..) => Poll::Ready(Err(Errno::IsDirectory)),
            Object::Listener(_) => Poll::Ready(Err(Errno::NotConnected)),
            Object::Socket(socket) => self.blocking(socket.send(process, data, None, waker)),
        }
    }

    /// Whether a call would not block. Files and directories are always ready.
    pub(crate) fn readiness(&self, interest: Interest, waker: &Waker) -> Poll<Result<Readiness>> {
        match &self.object {
            Object::File(file, _) => {
                let bytes = match interest {
                    Interest::Read => file.stat()?.size.saturating_sub(*crate::lock(&self.offset)),
                    Interest::Write => 0,
                };
                Poll::Ready(Ok(Readiness {
                    bytes,
                    hangup: false,
                }))
            }
            Object::Stream(stream) => stream.readiness(interest, waker),
            Object::Listener(listener) => match interest {
                Interest::Read => listener.readiness(waker),
                Interest::Write => Poll::Ready(Err(Errno::NotSupported)),
            },
            Object::Socket(socket) => socket.readiness(interest, waker),
            Object::Directory(..) => Poll::Ready(Ok(Readiness::default())),
        }
    }

    /// Turns "would block" into `EAGAIN` for a descriptor that does not block.
    pub(crate) fn blocking<T>(&self, answer: Poll<Result<T>>) -> Poll<Result<T>> {
        if answer.is_pending() && self.flags().contains(FdFlags::NONBLOCK) {
            return Poll::Ready(Err(Errno::Again));
        }
        answer
    }
}

/// An entry of a descriptor table.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) open: Arc<OpenFile>,
    pub(crate) rights: Rights,
    pub(crate) inheriting: Rights,
    /// The name under which it was granted, for a pre-opened directory.
    pub(crate) granted_as: Option<Arc<str>>,
}

impl Entry {
    pub(crate) fn new(open: OpenFile, rights: Rights, inheriting: Rights) -> Entry {
        Entry {
            open: Arc::new(open),
            rights,
            inheriting,
            granted_as: None,
        }
    }

    pub(crate) fn stream(stream: Arc<dyn Stream>, rights: Rights) -> Entry {
        let open = OpenFile::new(Object::Stream(stream), FdFlags::NONE);
        Entry::new(open, rights, Rights::NONE)
    }
}

/// A process's descriptors: at most `limit`, the lowest free number first.
#[derive(Debug)]
pub(crate) struct DescriptorTable {
    entries: Vec<Option<Entry>>,
    open: u32,
    limit: u32,
    /// No number below this is free.
    lowest_free: usize,
}

impl DescriptorTable {
    pub(crate) fn new(limit: u32) -> DescriptorTable {
        DescriptorTable {
            entries: Vec::new(),
            open: 0,
            limit,
            lowest_free: 0,
        }
    }

    /// How many are open.
    pub(crate) fn open_count(&self) -> u32 {
        self.open
    }

    pub(crate) fn get(&self, fd: Fd) -> Result<&Entry> {
        self.entries
            .get(fd.0 as usize)
            .and_then(Option::as_ref)
            .ok_or(Errno::BadFd)
    }

    pub(crate) fn get_mut(&mut self, fd: Fd) -> Result<&mut Entry> {
        self.entries
            .get_mut(fd.0 as usize)
            .and_then(Option::as_mut)
            .ok_or(Errno::BadFd)
    }

    /// `EMFILE` at the limit.
    pub(crate) fn check_room(&self) -> Result<()> {
        if self.open < self.limit {
            Ok(())
        } else {
            Err(Errno::TooManyFds)
        }
    }

    /// Opens at the lowest free number. `EMFILE` at the limit.
    pub(crate) fn insert(&mut self, entry: Entry) -> Result<Fd> {
        self.check_room()?;
        let at = (self.lowest_free..self.entries.len())
            .find(|at| self.entries[*at].is_none())
            .unwrap_or(self.entries.len().max(self.lowest_free));
        let fd = Fd(u32::try_from(at).map_err(|_| Errno::TooManyFds)?);
        if at >= self.entries.len() {
            self.entries.resize_with(at + 1, || None);
        }
        self.entries[at] = Some(entry);
        self.lowest_free = at + 1;
        self.open += 1;
        Ok(fd)
    }

    /// Opens at this number, which must be free: for the standard streams.
    pub(crate) fn insert_at(&mut self, fd: Fd, entry: Entry) {
        let at = fd.0 as usize;
        while self.entries.len() <= at {
            self.entries.push(None);
        }
        if self.entries[at].replace(entry).is_none() {
            self.open += 1;
        }
    }

    /// Leaves a number unused, so that what follows keeps its place (a closed stdin).
    pub(crate) fn reserve_below(&mut self, fd: Fd) {
        self.lowest_free = self.lowest_free.max(fd.0 as usize);
    }

    pub(crate) fn remove(&mut self, fd: Fd) -> Result<Entry> {
        let at = fd.0 as usize;
        let entry = self
            .entries
            .get_mut(at)
            .and_then(Option::take)
            .ok_or(Errno::BadFd)?;
        self.open -= 1;
        self.lowest_free = self.lowest_free.min(at);
        Ok(entry)
    }

    /// Moves `from` to `to`, both open; answers what `to` was.
    pub(crate) fn renumber(&mut self, from: Fd, to: Fd) -> Result<Option<Entry>> {
        self.get(to)?;
        if from == to {
            self.get(from)?;
            return Ok(None);
        }
        let entry = self.remove(from)?;
        Ok(self.entries[to.0 as usize].replace(entry))
    }

    /// Closes everything, for good: a call of another thread that is under way cannot open
    /// anything any more. Answers what was open, to be dropped outside of the lock.
    pub(crate) fn clear(&mut self) -> Vec<Option<Entry>> {
        self.open = 0;
        self.limit = 0;
        self.lowest_free = 0;
        std::mem::take(&mut self.entries)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Fd, &Entry)> {
        self.entries
            .iter()
            .enumerate()
            .filter_map(|(at, entry)| Some((Fd(u32::try_from(at).ok()?), entry.as_ref()?)))
    }
}

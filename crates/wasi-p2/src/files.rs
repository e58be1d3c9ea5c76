//! Files, as 0.2 and 0.3 both have them: `descriptor` over descriptors of the kernel.

mod convert;

use std::collections::VecDeque;
use std::io::IoSlice;

use holm_abi::{
    Advice, DIRENT_SIZE, Errno, FdFlags, FileType, LookupFlags, NAME_MAX, OpenFlags, PATH_MAX,
    Rights, SetTimes, Stat,
};

use wasmtime::component::Resource;

pub(crate) use self::convert::times;
use crate::stream::PIECE;
use crate::{Descriptor, Failure, Owned, State, ViewId};

type Answer<T> = Result<T, Failure>;

/// Bytes of directory records that are asked for at once: more than the longest.
pub(crate) const RECORDS: usize = 16 << 10;
const _: () = assert!(RECORDS >= DIRENT_SIZE + NAME_MAX);

/// How a path is opened, in the kernel's words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) open: OpenFlags,
    pub(crate) flags: FdFlags,
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) change_directory: bool,
}

/// A listing of a directory under way.
#[derive(Debug)]
pub struct Entries {
    owned: Owned,
    cookie: u64,
    records: VecDeque<(FileType, String)>,
    done: bool,
}

impl State {
    /// A copy of what a descriptor's resource holds.
    pub(crate) fn descriptor(&self, handle: &Resource<Descriptor>) -> Answer<Descriptor> {
        Ok(self.table.get(handle)?.clone())
    }

    /// The descriptor of the process behind a resource.
    pub(crate) fn owned(&self, handle: &Resource<Descriptor>) -> Answer<Owned> {
        Ok(self.table.get(handle)?.owned.clone())
    }

    /// A directory that may be changed, or a file that may be written.
    pub(crate) fn changeable(&self, handle: &Resource<Descriptor>) -> Answer<Owned> {
        let descriptor = self.table.get(handle)?;
        if descriptor.writable {
            Ok(descriptor.owned.clone())
        } else {
            Err(Errno::NotPermitted.into())
        }
    }

    /// The directories that were granted to a view, as descriptors of their own.
    pub(crate) fn granted(&mut self, view: ViewId) -> Vec<(Descriptor, String)> {
        let granted = self.process(view).granted_directories();
        let lent = |(fd, name)| {
            let descriptor = Descriptor {
                owned: self.lend(view, fd),
                readable: true,
                writable: true,
                changes: true,
            };
            (descriptor, name)
        };
        granted.into_iter().map(lent).collect()
    }

    /// Opens a path beneath a directory.
    pub(crate) fn open_at(
        &mut self,
        directory: &Descriptor,
        lookup: LookupFlags,
        path: &str,
        opening: Opening,
    ) -> Answer<Descriptor> {
        let (owned, view) = (&directory.owned, directory.owned.view());
        let changes = opening.write
            || opening.change_directory
            || opening.open.contains(OpenFlags::CREATE)
            || opening.open.contains(OpenFlags::TRUNCATE);
        if changes && !directory.writable {
            return Err(Errno::NotPermitted.into());
        }
        let mut rights = Rights::FILE | Rights::DIRECTORY;
        let data = Rights::FD_WRITE | Rights::FD_ALLOCATE | Rights::FD_FILESTAT_SET_SIZE;
        if !opening.write {
            rights = rights.without(data);
        }
        if !opening.read && opening.write {
            rights = rights.without(Rights::FD_READ);
        }
        let fd = self.call(view, |task| {
            task.path_open(
                owned.fd(),
                lookup,
                path,
                opening.open,
                rights,
                Rights::ALL,
                opening.flags,
            )
        })??;
        let owned = self.own(view, fd);
        let is_directory = self.file_type(&owned)? == FileType::Directory;
        Ok(Descriptor {
            owned,
            readable: opening.read || is_directory || !opening.write,
            writable: if is_directory {
                directory.writable
            } else {
                opening.write
            },
            changes: opening.change_directory,
        })
    }

    /// Makes every write of an open file go to its end, wherever that is then. Only a descriptor
    /// knows the end; nothing else writes through this one without an offset.
    pub(crate) fn append(&mut self, owned: &Owned) -> Answer<()> {
        let flags = self.file_flags(owned)?.union(FdFlags::APPEND);
        Ok(self.call(owned.view(), |task| {
            task.fd_fdstat_set_flags(owned.fd(), flags)
        })??)
    }

    /// What kind of file a descriptor is.
    pub(crate) fn file_type(&mut self, owned: &Owned) -> Answer<FileType> {
        let stat = self.call(owned.view(), |task| task.fd_fdstat_get(owned.fd()))??;
        Ok(stat.file_type)
    }

    /// How a descriptor behaves.
    pub(crate) fn file_flags(&mut self, owned: &Owned) -> Answer<FdFlags> {
        let stat = self.call(owned.view(), |task| task.fd_fdstat_get(owned.fd()))??;
        Ok(stat.flags)
    }

    /// Reads at an offset, at most a mebibyte.
    pub(crate) fn read_at(
        &mut self,
        descriptor: &Descriptor,
        length: u64,
        offset: u64,
    ) -> Answer<Vec<u8>> {
        let owned = &descriptor.owned;
        let mut buffer = vec![0; usize::try_from(length).unwrap_or(PIECE).min(PIECE)];
        let read = self.call(owned.view(), |task| {
            task.fd_pread(owned.fd(), &mut buffer, offset)
        })??;
        buffer.truncate(read as usize);
        Ok(buffer)
    }

    /// Writes at an offset.
    pub(crate) fn write_at(
        &mut self,
        descriptor: &Descriptor,
        bytes: &[u8],
        offset: u64,
    ) -> Answer<u64> {
        let owned = &descriptor.owned;
        let written = self.call(owned.view(), |task| {
            task.fd_pwrite(owned.fd(), &[IoSlice::new(bytes)], offset)
        })??;
        Ok(u64::from(written))
    }

    /// Says how a range will be used.
    pub(crate) fn advise(
        &mut self,
        owned: &Owned,
        offset: u64,
        length: u64,
        advice: Advice,
    ) -> Answer<()> {
        Ok(self.call(owned.view(), |task| {
            task.fd_advise(owned.fd(), offset, length, advice)
        })??)
    }

    /// Waits until a file is on stable storage.
    pub(crate) fn sync(&mut self, owned: &Owned, data_only: bool) -> Answer<()> {
        Ok(self.call(owned.view(), |task| match data_only {
            true => task.fd_datasync(owned.fd()),
            false => task.fd_sync(owned.fd()),
        })??)
    }

    /// Sets the size of a file.
    pub(crate) fn set_size(&mut self, owned: &Owned, size: u64) -> Answer<()> {
        Ok(self.call(owned.view(), |task| {
            task.fd_filestat_set_size(owned.fd(), size)
        })??)
    }

    /// Sets the times of an open file.
    pub(crate) fn set_times(&mut self, owned: &Owned, times: SetTimes) -> Answer<()> {
        Ok(self.call(owned.view(), |task| {
            task.fd_filestat_set_times(owned.fd(), times)
        })??)
    }

    /// Metadata of an open file.
    pub(crate) fn stat(&mut self, owned: &Owned) -> Answer<Stat> {
        Ok(self.call(owned.view(), |task| task.fd_filestat_get(owned.fd()))??)
    }

    /// Metadata of the file at a path.
    pub(crate) fn stat_at(
        &mut self,
        owned: &Owned,
        lookup: LookupFlags,
        path: &str,
    ) -> Answer<Stat> {
        Ok(self.call(owned.view(), |task| {
            task.path_filestat_get(owned.fd(), lookup, path)
        })??)
    }

    /// Sets the times of the file at a path.
    pub(crate) fn set_times_at(
        &mut self,
        owned: &Owned,
        lookup: LookupFlags,
        path: &str,
        times: SetTimes,
    ) -> Answer<()> {
        Ok(self.call(owned.view(), |task| {
            task.path_filestat_set_times(owned.fd(), lookup, path, times)
        })??)
    }

    /// Creates a directory.
    pub(crate) fn create_directory_at(&mut self, owned: &Owned, path: &str) -> Answer<()> {
        Ok(self.call(owned.view(), |task| {
            task.path_create_directory(owned.fd(), path)
        })??)
    }

    /// Removes an empty directory.
    pub(crate) fn remove_directory_at(&mut self, owned: &Owned, path: &str) -> Answer<()> {
        let removed = self.call(owned.view(), |task| {
            task.path_remove_directory(owned.fd(), path)
        })?;
        // With a slash at its end a path means what a link leads to. Links are no directories to
        // the hosts all the same; but one that leads out of the grant is refused before.
        if removed == Err(Errno::NotDirectory) && path.ends_with('/') {
            self.stat_at(owned, LookupFlags::SYMLINK_FOLLOW, path)?;
        }
        Ok(removed?)
    }

    /// Unlinks a file.
    pub(crate) fn unlink_at(&mut self, owned: &Owned, path: &str) -> Answer<()> {
        Ok(self.call(owned.view(), |task| task.path_unlink_file(owned.fd(), path))??)
    }

    /// Makes a hard link. Descriptors of two views share no mount.
    pub(crate) fn link_at(
        &mut self,
        owned: &Owned,
        lookup: LookupFlags,
        path: &str,
        new: &Owned,
        new_path: &str,
    ) -> Answer<()> {
        same_view(owned, new)?;
        Ok(self.call(owned.view(), |task| {
            task.path_link(owned.fd(), lookup, path, new.fd(), new_path)
        })??)
    }

    /// Renames.
    pub(crate) fn rename_at(
        &mut self,
        owned: &Owned,
        path: &str,
        new: &Owned,
        new_path: &str,
    ) -> Answer<()> {
        same_view(owned, new)?;
        Ok(self.call(owned.view(), |task| {
            task.path_rename(owned.fd(), path, new.fd(), new_path)
        })??)
    }

    /// Makes a symbolic link.
    pub(crate) fn symlink_at(&mut self, owned: &Owned, target: &str, path: &str) -> Answer<()> {
        // `symlink-at` of wasi:filesystem: an absolute text fails so.
        if target.starts_with('/') {
            return Err(Errno::NotPermitted.into());
        }
        Ok(self.call(owned.view(), |task| {
            task.path_symlink(target, owned.fd(), path)
        })??)
    }

    /// Text of a symbolic link.
    pub(crate) fn readlink_at(&mut self, owned: &Owned, path: &str) -> Answer<String> {
        let mut buffer = vec![0; PATH_MAX];
        let length = self.call(owned.view(), |task| {
            task.path_readlink(owned.fd(), path, &mut buffer)
        })??;
        buffer.truncate(length as usize);
        let text = String::from_utf8(buffer).map_err(|_| Errno::IllegalSequence)?;
        // `readlink-at` of wasi:filesystem: an absolute text is kept from the program.
        if text.starts_with('/') {
            return Err(Errno::NotPermitted.into());
        }
        Ok(text)
    }

    /// Whether two descriptors are the same file; those that cannot be asked are not.
    pub(crate) fn is_same(
        &mut self,
        one: &Resource<Descriptor>,
        other: &Resource<Descriptor>,
    ) -> wasmtime::Result<bool> {
        match self.are_same(one, other) {
            Ok(same) => Ok(same),
            Err(Failure::Errno(_)) => Ok(false),
            Err(Failure::Trap(error)) => Err(error),
        }
    }

    fn are_same(
        &mut self,
        one: &Resource<Descriptor>,
        other: &Resource<Descriptor>,
    ) -> Answer<bool> {
        let (one, other) = (self.owned(one)?, self.owned(other)?);
        let (first, second) = (self.stat(&one)?, self.stat(&other)?);
        Ok(one.view() == other.view()
            && (first.device, first.inode) == (second.device, second.inode))
    }

    /// Begins a listing.
    pub(crate) fn list(&mut self, owned: &Owned) -> Answer<Entries> {
        if self.file_type(owned)? != FileType::Directory {
            return Err(Errno::NotDirectory.into());
        }
        Ok(Entries {
            owned: owned.clone(),
            cookie: 0,
            records: VecDeque::new(),
            done: false,
        })
    }

    /// The next entry of a listing; `.` and `..` are left out.
    pub(crate) fn next_entry(
        &mut self,
        handle: &Resource<Entries>,
    ) -> Answer<Option<(FileType, String)>> {
        loop {
            let entries = self.table.get_mut(handle)?;
            if let Some(entry) = entries.pop() {
                return Ok(Some(entry));
            }
            if entries.is_done() {
                return Ok(None);
            }
            let (owned, cookie) = (entries.owned.clone(), entries.cookie);
            let mut buffer = vec![0; RECORDS];
            let length = self.call(owned.view(), |task| {
                task.fd_readdir(owned.fd(), &mut buffer, cookie)
            })??;
            self.table.get_mut(handle)?.read(&buffer, length);
        }
    }
}

impl Entries {
    /// The directory.
    pub(crate) fn owned(&self) -> &Owned {
        &self.owned
    }

    /// Where the next records begin.
    pub(crate) fn cookie(&self) -> u64 {
        self.cookie
    }

    /// The next entry of those that were read; `.` and `..` are left out.
    pub(crate) fn pop(&mut self) -> Option<(FileType, String)> {
        self.records.pop_front()
    }

    /// Whether there is no more to read.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// Takes what a read of [`RECORDS`] bytes brought.
    pub(crate) fn read(&mut self, buffer: &[u8], length: u32) {
        let records = buffer.get(..length as usize).unwrap_or(buffer);
        self.done = records.len() < buffer.len();
        self.take(records);
    }

    /// Takes whole records; one that was cut is read again.
    fn take(&mut self, mut records: &[u8]) {
        while let Some((head, rest)) = records.split_first_chunk::<DIRENT_SIZE>() {
            let field = |from: usize| {
                let bytes: [u8; 8] = std::array::from_fn(|at| head[from + at]);
                u64::from_le_bytes(bytes)
            };
            let length = u32::from_le_bytes([head[16], head[17], head[18], head[19]]) as usize;
            let Some((name, after)) = rest.split_at_checked(length) else {
                return;
            };
            self.cookie = field(0);
            records = after;
            if name == b"." || name == b".." {
                continue;
            }
            let name = String::from_utf8_lossy(name).into_owned();
            self.records.push_back((file_type(head[20]), name));
        }
    }
}

fn file_type(raw: u8) -> FileType {
    match raw {
        1 => FileType::BlockDevice,
        2 => FileType::CharacterDevice,
        3 => FileType::Directory,
        4 => FileType::RegularFile,
        5 => FileType::SocketDgram,
        6 => FileType::SocketStream,
        7 => FileType::SymbolicLink,
        _ => FileType::Unknown,
    }
}

fn same_view(one: &Owned, other: &Owned) -> Answer<()> {
    if one.view() == other.view() {
        Ok(())
    } else {
        Err(Errno::CrossDevice.into())
    }
}

/// A number of a file that says nothing but whether two are the same and unchanged:
/// `metadata-hash` of wasi:filesystem.
pub(crate) fn metadata_hash(stat: &Stat) -> (u64, u64) {
    let mix = |seed: u64, value: u64| {
        // The finaliser of SplitMix64.
        let mut mixed = (seed ^ value).wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let fields = [stat.device, stat.inode, stat.size, stat.modified_ns];
    let lower = fields.iter().fold(1, |hash, field| mix(hash, *field));
    let upper = fields.iter().fold(2, |hash, field| mix(hash, *field));
    (lower, upper)
}

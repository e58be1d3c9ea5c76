//! The host's file system as the worker imports it: handles, names and buffers.
//!
//! Every function answers a value, or the negative number of an errno of WASI 0.1. Names are
//! single components; none of the functions follows a link that is the last one.

#![allow(unsafe_code, reason = "imports of a wasm module are foreign functions")]

use std::io::IoSlice;

use holm_abi::{Errno, FileType, IOV_MAX, PATH_MAX, SetTime, SetTimes};
use holm_kernel::vfs::Result;

mod raw {
    use super::{Record, Vector};

    #[link(wasm_import_module = "host")]
    unsafe extern "C" {
        /// Opens a directory by a path of the host.
        pub(super) fn fs_open_root(path: *const u8, length: usize) -> i32;
        /// Opens `name` in a directory.
        pub(super) fn fs_open_at(dir: u32, name: *const u8, length: usize, flags: u32) -> i32;
        /// Another handle of an open file, which appends. `ENOTSUP` where that cannot be had.
        pub(super) safe fn fs_open_append(file: u32) -> i32;
        /// Closes a handle.
        pub(super) safe fn fs_close(handle: u32);
        /// What an open handle is: a number of `filetype`, or [`super::FIFO`].
        pub(super) safe fn fs_kind(handle: u32) -> i32;
        /// 1 when opening a name in a directory may open a device, else 0.
        pub(super) safe fn fs_may_hold_devices(dir: u32) -> i32;
        /// Metadata of a handle.
        pub(super) fn fs_stat(handle: u32, record: *mut Record) -> i32;
        /// Metadata of a name.
        pub(super) fn fs_stat_at(
            dir: u32,
            name: *const u8,
            length: usize,
            record: *mut Record,
        ) -> i32;
        /// Takes a snapshot of a directory's entries; answers a list.
        pub(super) safe fn fs_list(dir: u32) -> i32;
        /// The next entries of a list, as many as fit whole: each a kind (u8), the length of
        /// the name (u16, little-endian) and the name. Answers the bytes, 0 at the end.
        pub(super) fn fs_list_read(list: u32, at: *mut u8, room: usize) -> i32;
        /// Forgets a list.
        pub(super) safe fn fs_list_close(list: u32);
        /// The text of a link; answers its length. `EINVAL` when it is none.
        pub(super) fn fs_read_link(
            dir: u32,
            name: *const u8,
            length: usize,
            at: *mut u8,
            room: usize,
        ) -> i32;
        /// Sets times in nanoseconds since 1970; -1 keeps one, -2 is now.
        pub(super) safe fn fs_set_times(handle: u32, accessed: i64, modified: i64) -> i32;
        /// The same for a name.
        pub(super) fn fs_set_times_at(
            dir: u32,
            name: *const u8,
            length: usize,
            accessed: i64,
            modified: i64,
        ) -> i32;
        /// Makes a directory.
        pub(super) fn fs_create_directory(dir: u32, name: *const u8, length: usize) -> i32;
        /// Removes an empty directory.
        pub(super) fn fs_remove_directory(dir: u32, name: *const u8, length: usize) -> i32;
        /// Removes what is no directory.
        pub(super) fn fs_unlink(dir: u32, name: *const u8, length: usize) -> i32;
        /// Makes a symbolic link.
        pub(super) fn fs_symlink(
            dir: u32,
            name: *const u8,
            length: usize,
            target: *const u8,
            target_length: usize,
        ) -> i32;
        /// Makes a hard link.
        pub(super) fn fs_link(
            dir: u32,
            name: *const u8,
            length: usize,
            to: u32,
            new_name: *const u8,
            new_length: usize,
        ) -> i32;
        /// Renames.
        pub(super) fn fs_rename(
            dir: u32,
            name: *const u8,
            length: usize,
            to: u32,
            new_name: *const u8,
            new_length: usize,
        ) -> i32;
        /// Reads at an offset, or at -1 from a stream.
        pub(super) fn fs_read(handle: u32, at: *mut u8, room: usize, offset: f64) -> i32;
        /// Writes at an offset, or at -1 to a stream.
        pub(super) fn fs_write(
            handle: u32,
            vectors: *const Vector,
            count: usize,
            offset: f64,
        ) -> i32;
        /// Writes to a handle that appends; `end` becomes the offset after what was written.
        pub(super) fn fs_append(
            handle: u32,
            vectors: *const Vector,
            count: usize,
            end: *mut f64,
        ) -> i32;
        /// Cuts a file or extends it.
        pub(super) safe fn fs_set_size(handle: u32, size: f64) -> i32;
        /// Puts a file (or, with 1, only its data) on stable storage.
        pub(super) safe fn fs_sync(handle: u32, data_only: u32) -> i32;
        /// Puts a directory on stable storage.
        pub(super) safe fn fs_sync_directory(dir: u32, data_only: u32) -> i32;
    }
}

/// A FIFO, for which `filetype` has no number.
const FIFO: u32 = 8;
/// Bytes that one call moves at most: what it answers is an `i32`.
pub(super) const CALL_BYTES_MAX: usize = 1 << 30;
/// Numbers up to here are whole in a float. No file of a host is larger.
const WHOLE_MAX: u64 = (1 << 53) - 1;
/// The offset of what has none.
const NO_OFFSET: f64 = -1.0;

/// Metadata as the worker writes it; the layout is known to `web/src/node/directory.ts`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct Record {
    pub(super) device: u64,
    pub(super) inode: u64,
    kind: u64,
    pub(super) links: u64,
    pub(super) size: u64,
    pub(super) accessed_ns: u64,
    pub(super) modified_ns: u64,
    pub(super) changed_ns: u64,
}

const _: () = assert!(size_of::<Record>() == 64);

impl Record {
    /// Of a descriptor of the host.
    pub(super) fn of(handle: u32) -> Result<Record> {
        let mut record = Record::default();
        // SAFETY: the host writes the 64 bytes of the record, which is ours for the call.
        nothing(unsafe { raw::fs_stat(handle, &raw mut record) })?;
        Ok(record)
    }

    pub(super) fn file_type(&self) -> FileType {
        Kind(u32::try_from(self.kind).unwrap_or(0)).file_type()
    }
}

/// What kind of file something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind(u32);

impl Kind {
    pub(super) fn from_raw(kind: u8) -> Kind {
        Kind(kind.into())
    }

    pub(super) fn is_fifo(self) -> bool {
        self.0 == FIFO
    }

    pub(super) fn from_answer(kind: u32) -> Kind {
        Kind(kind)
    }

    /// A FIFO is `Unknown`: WASI 0.1 has no word for it.
    pub(super) fn file_type(self) -> FileType {
        match self.0 {
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
}

/// How to open a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpenFlags(u32);

impl OpenFlags {
    pub(super) const NONE: OpenFlags = OpenFlags(0);
    pub(super) const READ: OpenFlags = OpenFlags(1);
    pub(super) const WRITE: OpenFlags = OpenFlags(2);
    pub(super) const CREATE: OpenFlags = OpenFlags(4);
    pub(super) const EXCLUSIVE: OpenFlags = OpenFlags(8);
    pub(super) const TRUNCATE: OpenFlags = OpenFlags(16);
    pub(super) const DIRECTORY: OpenFlags = OpenFlags(32);
    /// A directory to walk through: no permission to read it is needed where the host has
    /// such handles.
    pub(super) const ENTER: OpenFlags = OpenFlags(64);

    pub(super) fn with(self, other: OpenFlags) -> OpenFlags {
        OpenFlags(self.0 | other.0)
    }
}

/// A buffer to be written.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Vector {
    at: *const u8,
    length: usize,
}

const _: () = assert!(size_of::<Vector>() == 2 * size_of::<usize>());

pub(super) fn answer(done: i32) -> Result<u32> {
    u32::try_from(done).map_err(|_| {
        let number = usize::try_from(done.unsigned_abs()).unwrap_or(0);
        let errno = number.checked_sub(1).and_then(|at| Errno::ALL.get(at));
        errno.copied().unwrap_or(Errno::Io)
    })
}

pub(super) fn nothing(done: i32) -> Result<()> {
    answer(done).map(|_| ())
}

pub(super) fn count(done: i32, most: usize) -> Result<usize> {
    let count = usize::try_from(answer(done)?).unwrap_or(0);
    // A host that claims more than there was room for is not believed.
    if count > most {
        Err(Errno::Io)
    } else {
        Ok(count)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "only numbers that a float holds whole get here"
)]
fn whole(number: u64) -> Option<f64> {
    (number <= WHOLE_MAX).then_some(number as f64)
}

fn raw_time(time: SetTime) -> i64 {
    match time {
        SetTime::Keep => -1,
        SetTime::Now => -2,
        SetTime::At(time_ns) => i64::try_from(time_ns).unwrap_or(i64::MAX),
    }
}

/// Something open at the host; closed when dropped.
#[derive(Debug)]
pub(super) struct Handle(u32);

impl Drop for Handle {
    fn drop(&mut self) {
        raw::fs_close(self.0);
    }
}

impl Handle {
    pub(super) fn open_root(path: &str) -> Result<Handle> {
        // SAFETY: the host reads the range, which is borrowed for the call.
        let done = unsafe { raw::fs_open_root(path.as_ptr(), path.len()) };
        answer(done).map(Handle)
    }

    pub(super) fn open_at(&self, name: &str, flags: OpenFlags) -> Result<Handle> {
        // SAFETY: the host reads the name, which is borrowed for the call.
        let done = unsafe { raw::fs_open_at(self.0, name.as_ptr(), name.len(), flags.0) };
        answer(done).map(Handle)
    }

    /// Another handle of this file, which appends.
    pub(super) fn open_append(&self) -> Result<Handle> {
        answer(raw::fs_open_append(self.0)).map(Handle)
    }

    pub(super) fn kind(&self) -> Result<Kind> {
        answer(raw::fs_kind(self.0)).map(Kind)
    }

    pub(super) fn may_hold_devices(&self) -> Result<bool> {
        answer(raw::fs_may_hold_devices(self.0)).map(|may| may != 0)
    }

    pub(super) fn record(&self) -> Result<Record> {
        Record::of(self.0)
    }

    /// Metadata of a name, which need not be UTF-8.
    pub(super) fn record_at(&self, name: &[u8]) -> Result<Record> {
        let mut record = Record::default();
        // SAFETY: the host reads the name and writes the 64 bytes of the record; both are
        // ours for the call.
        nothing(unsafe { raw::fs_stat_at(self.0, name.as_ptr(), name.len(), &raw mut record) })?;
        Ok(record)
    }

    pub(super) fn list(&self) -> Result<List> {
        answer(raw::fs_list(self.0)).map(List)
    }

    pub(super) fn read_link(&self, name: &str) -> Result<Vec<u8>> {
        let mut text = vec![0; PATH_MAX];
        // SAFETY: the host reads the name and writes no more than the text's bytes; both
        // are ours for the call.
        let done = unsafe {
            raw::fs_read_link(
                self.0,
                name.as_ptr(),
                name.len(),
                text.as_mut_ptr(),
                text.len(),
            )
        };
        text.truncate(count(done, text.len())?);
        Ok(text)
    }

    pub(super) fn set_times(&self, times: SetTimes) -> Result<()> {
        nothing(raw::fs_set_times(
            self.0,
            raw_time(times.accessed),
            raw_time(times.modified),
        ))
    }

    pub(super) fn set_times_at(&self, name: &str, times: SetTimes) -> Result<()> {
        let (accessed, modified) = (raw_time(times.accessed), raw_time(times.modified));
        // SAFETY: the host reads the name, which is borrowed for the call.
        nothing(unsafe {
            raw::fs_set_times_at(self.0, name.as_ptr(), name.len(), accessed, modified)
        })
    }

    pub(super) fn create_directory(&self, name: &str) -> Result<()> {
        // SAFETY: the host reads the name, which is borrowed for the call.
        nothing(unsafe { raw::fs_create_directory(self.0, name.as_ptr(), name.len()) })
    }

    pub(super) fn remove_directory(&self, name: &str) -> Result<()> {
        // SAFETY: the host reads the name, which is borrowed for the call.
        nothing(unsafe { raw::fs_remove_directory(self.0, name.as_ptr(), name.len()) })
    }

    pub(super) fn unlink(&self, name: &str) -> Result<()> {
        // SAFETY: the host reads the name, which is borrowed for the call.
        nothing(unsafe { raw::fs_unlink(self.0, name.as_ptr(), name.len()) })
    }

    pub(super) fn symlink(&self, name: &str, target: &str) -> Result<()> {
        // SAFETY: the host reads the name and the target, borrowed for the call.
        nothing(unsafe {
            raw::fs_symlink(
                self.0,
                name.as_ptr(),
                name.len(),
                target.as_ptr(),
                target.len(),
            )
        })
    }

    pub(super) fn link(&self, name: &str, to: &Handle, new_name: &str) -> Result<()> {
        // SAFETY: the host reads both names, which are borrowed for the call.
        nothing(unsafe {
            raw::fs_link(
                self.0,
                name.as_ptr(),
                name.len(),
                to.0,
                new_name.as_ptr(),
                new_name.len(),
            )
        })
    }

    pub(super) fn rename(&self, name: &str, to: &Handle, new_name: &str) -> Result<()> {
        // SAFETY: the host reads both names, which are borrowed for the call.
        nothing(unsafe {
            raw::fs_rename(
                self.0,
                name.as_ptr(),
                name.len(),
                to.0,
                new_name.as_ptr(),
                new_name.len(),
            )
        })
    }

    pub(super) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        match whole(offset) {
            Some(offset) => self.read(offset, buffer),
            // Behind the end of any file.
            None => Ok(0),
        }
    }

    /// Reads from a stream.
    pub(super) fn read_stream(&self, buffer: &mut [u8]) -> Result<usize> {
        self.read(NO_OFFSET, buffer)
    }

    fn read(&self, offset: f64, buffer: &mut [u8]) -> Result<usize> {
        let room = buffer.len().min(CALL_BYTES_MAX);
        // SAFETY: the host writes no more than `room` bytes, which are ours for the call.
        count(
            unsafe { raw::fs_read(self.0, buffer.as_mut_ptr(), room, offset) },
            room,
        )
    }

    pub(super) fn write_at(&self, offset: u64, data: &[IoSlice<'_>]) -> Result<usize> {
        let offset = whole(offset).ok_or(Errno::FileTooBig)?;
        self.write(offset, data)
    }

    /// Writes to a stream.
    pub(super) fn write_stream(&self, data: &[IoSlice<'_>]) -> Result<usize> {
        self.write(NO_OFFSET, data)
    }

    fn write(&self, offset: f64, data: &[IoSlice<'_>]) -> Result<usize> {
        with_vectors(data, |vectors, bytes| {
            // SAFETY: the host reads the vectors and what they point to, borrowed for the
            // call.
            count(
                unsafe { raw::fs_write(self.0, vectors.as_ptr(), vectors.len(), offset) },
                bytes,
            )
        })
    }

    /// Writes at the end; answers the bytes written and the offset after them.
    pub(super) fn append(&self, data: &[IoSlice<'_>]) -> Result<(usize, u64)> {
        let mut end = 0.0;
        let written = with_vectors(data, |vectors, bytes| {
            // SAFETY: the host reads the vectors and what they point to and writes one
            // float; all are ours for the call.
            count(
                unsafe { raw::fs_append(self.0, vectors.as_ptr(), vectors.len(), &raw mut end) },
                bytes,
            )
        })?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float becomes the nearest number that fits; offsets are whole"
        )]
        let end = end as u64;
        Ok((written, end))
    }

    pub(super) fn set_size(&self, size: u64) -> Result<()> {
        let size = whole(size).ok_or(Errno::FileTooBig)?;
        nothing(raw::fs_set_size(self.0, size))
    }

    pub(super) fn sync(&self, data_only: bool) -> Result<()> {
        nothing(raw::fs_sync(self.0, data_only.into()))
    }

    pub(super) fn sync_directory(&self, data_only: bool) -> Result<()> {
        nothing(raw::fs_sync_directory(self.0, data_only.into()))
    }
}

/// The buffers of `data` that hold something, as the host reads them, and their bytes: as
/// many as it takes in one call, the rest is a short write.
pub(super) fn with_vectors<R>(data: &[IoSlice<'_>], call: impl FnOnce(&[Vector], usize) -> R) -> R {
    let vector = |slice: &[u8]| Vector {
        at: slice.as_ptr(),
        length: slice.len(),
    };
    if let [one] = data {
        let one = &one[..one.len().min(CALL_BYTES_MAX)];
        return call(&[vector(one)], one.len());
    }
    let mut bytes = 0;
    let mut vectors = Vec::with_capacity(data.len().min(IOV_MAX));
    for slice in data.iter().filter(|slice| !slice.is_empty()).take(IOV_MAX) {
        let piece = &slice[..slice.len().min(CALL_BYTES_MAX - bytes)];
        bytes += piece.len();
        vectors.push(vector(piece));
        if piece.len() < slice.len() {
            break;
        }
    }
    call(&vectors, bytes)
}

/// A snapshot of a directory at the host; forgotten when dropped.
#[derive(Debug)]
pub(super) struct List(u32);

impl List {
    /// Fills the buffer with the next entries; answers the bytes used, 0 at the end.
    pub(super) fn read(&self, buffer: &mut [u8]) -> Result<usize> {
        // SAFETY: the host writes no more than the buffer's bytes, which are ours for the
        // call.
        count(
            unsafe { raw::fs_list_read(self.0, buffer.as_mut_ptr(), buffer.len()) },
            buffer.len(),
        )
    }
}

impl Drop for List {
    fn drop(&mut self) {
        raw::fs_list_close(self.0);
    }
}

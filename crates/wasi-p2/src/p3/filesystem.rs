//! `wasi:filesystem`: descriptors, directories, what was granted.

mod listing;

use holm_abi::{Errno, FileType};
use wasmtime::AsContextMut;
use wasmtime::component::{Access, Accessor, FutureReader, HasSelf, Resource, StreamReader};

use self::listing::Listing;
use super::bytes::Bytes;
use super::ending::{Ended, Ending};
use crate::bindings::p3::wasi::filesystem::preopens;
use crate::bindings::p3::wasi::filesystem::types::{
    self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode,
    MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use crate::files::{Opening, times};
use crate::{Descriptor, Failure, Owned, State, ViewId};

type Answer<T> = Result<T, Failure>;
type Store = Accessor<State, HasSelf<State>>;
type EndedReader = FutureReader<Result<(), ErrorCode>>;

/// Calls with the state of the store.
fn with<T>(store: &Store, call: impl FnOnce(&mut State) -> Answer<T>) -> Answer<T> {
    store.with(|mut access| call(access.get()))
}

/// The same with the file behind a resource.
fn with_file<T>(
    store: &Store,
    this: &Resource<Descriptor>,
    call: impl FnOnce(&mut State, &Owned) -> Answer<T>,
) -> Answer<T> {
    with(store, |state| {
        let owned = state.owned(this)?;
        call(state, &owned)
    })
}

/// The same with one that may be changed.
fn with_changeable<T>(
    store: &Store,
    this: &Resource<Descriptor>,
    call: impl FnOnce(&mut State, &Owned) -> Answer<T>,
) -> Answer<T> {
    with(store, |state| {
        let owned = state.changeable(this)?;
        call(state, &owned)
    })
}

fn told(errno: Errno) -> Result<(), ErrorCode> {
    Err(errno.into())
}

/// Where a stream over a file begins; `None` for what has no offsets.
fn start(state: &mut State, owned: &Owned, offset: u64) -> Answer<Option<u64>> {
    match state.file_type(owned)? {
        FileType::Directory => Err(Errno::IsDirectory.into()),
        FileType::RegularFile => Ok(Some(offset)),
        _ => Ok(None),
    }
}

/// A file that may be read, and where to begin.
fn readable(
    state: &mut State,
    this: &Resource<Descriptor>,
    offset: u64,
) -> Answer<(Owned, Option<u64>)> {
    let descriptor = state.descriptor(this)?;
    let start = start(state, &descriptor.owned, offset)?;
    if !descriptor.readable {
        return Err(Errno::BadFd.into());
    }
    Ok((descriptor.owned, start))
}

/// A file that may be written, and where to begin: its end when there is no offset.
fn writable(
    state: &mut State,
    this: &Resource<Descriptor>,
    offset: Option<u64>,
) -> Answer<(Owned, Option<u64>)> {
    let descriptor = state.descriptor(this)?;
    let owned = descriptor.owned;
    let start = start(state, &owned, offset.unwrap_or(0))?;
    if !descriptor.writable {
        return Err(Errno::BadFd.into());
    }
    if offset.is_some() || start.is_none() {
        return Ok((owned, start));
    }
    state.append(&owned)?;
    Ok((owned, None))
}

/// Writes a stream of the guest to a file, from an offset on or at its end.
fn write(
    store: &mut impl AsContextMut<Data = State>,
    this: &Resource<Descriptor>,
    mut data: StreamReader<u8>,
    offset: Option<u64>,
) -> wasmtime::Result<EndedReader> {
    let mut store = store.as_context_mut();
    let state = store.data_mut();
    let (owned, start) = match writable(state, this, offset) {
        Ok(found) => found,
        Err(failure) => {
            let failed = Ended::with(Err(failure.into_code()?));
            data.close(&mut store)?;
            return FutureReader::new(&mut store, failed);
        }
    };
    let (ending, ended) = Ending::new();
    let bytes = Bytes::new(state, owned, start, ending, told);
    data.pipe(&mut store, bytes.writing())?;
    FutureReader::new(&mut store, ended)
}

impl preopens::Host for State {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        self.preopens(ViewId::PROGRAM)
    }
}

impl types::Host for State {
    fn convert_error_code(&mut self, failure: Failure) -> wasmtime::Result<ErrorCode> {
        failure.into_code()
    }
}

impl types::HostDescriptor for State {
    fn drop(&mut self, this: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl types::HostDescriptorWithStore<State> for HasSelf<State> {
    fn read_via_stream(
        mut store: Access<'_, State, Self>,
        this: Resource<Descriptor>,
        offset: u64,
    ) -> wasmtime::Result<(StreamReader<u8>, EndedReader)> {
        let state = store.get();
        let (owned, start) = match readable(state, &this, offset) {
            Ok(found) => found,
            Err(failure) => {
                let failed = Ended::with(Err(failure.into_code()?));
                let nothing = StreamReader::new(&mut store, Vec::new())?;
                return Ok((nothing, FutureReader::new(&mut store, failed)?));
            }
        };
        let (ending, ended) = Ending::new();
        let bytes = Bytes::new(state, owned, start, ending, told);
        let stream = StreamReader::new(&mut store, bytes.reading())?;
        Ok((stream, FutureReader::new(&mut store, ended)?))
    }

    fn write_via_stream(
        mut store: Access<'_, State, Self>,
        this: Resource<Descriptor>,
        data: StreamReader<u8>,
        offset: u64,
    ) -> wasmtime::Result<EndedReader> {
        write(&mut store, &this, data, Some(offset))
    }

    fn append_via_stream(
        mut store: Access<'_, State, Self>,
        this: Resource<Descriptor>,
        data: StreamReader<u8>,
    ) -> wasmtime::Result<EndedReader> {
        write(&mut store, &this, data, None)
    }

    fn read_directory(
        mut store: Access<'_, State, Self>,
        this: Resource<Descriptor>,
    ) -> wasmtime::Result<(StreamReader<DirectoryEntry>, EndedReader)> {
        let state = store.get();
        let listed = state.owned(&this).and_then(|owned| state.list(&owned));
        let entries = match listed {
            Ok(entries) => entries,
            Err(failure) => {
                let failed = Ended::with(Err(failure.into_code()?));
                let nothing = StreamReader::new(&mut store, Vec::new())?;
                return Ok((nothing, FutureReader::new(&mut store, failed)?));
            }
        };
        let (ending, ended) = Ending::new();
        let listing = Listing::new(state, entries, ending);
        let stream = StreamReader::new(&mut store, listing)?;
        Ok((stream, FutureReader::new(&mut store, ended)?))
    }

    async fn advise(
        store: &Store,
        this: Resource<Descriptor>,
        offset: u64,
        length: u64,
        advice: Advice,
    ) -> Answer<()> {
        with_file(store, &this, |state, owned| {
            state.advise(owned, offset, length, advice.into())
        })
    }

    async fn sync_data(store: &Store, this: Resource<Descriptor>) -> Answer<()> {
        with_file(store, &this, |state, owned| state.sync(owned, true))
    }

    async fn get_flags(store: &Store, this: Resource<Descriptor>) -> Answer<DescriptorFlags> {
        with(store, |state| {
            let descriptor = state.descriptor(&this)?;
            let found = state.file_flags(&descriptor.owned)?;
            let is_directory = state.file_type(&descriptor.owned)? == FileType::Directory;
            let (read, change) = (descriptor.readable, descriptor.writable);
            Ok(DescriptorFlags::of(
                read,
                change && !is_directory,
                change && is_directory && descriptor.changes,
                found,
            ))
        })
    }

    async fn get_type(store: &Store, this: Resource<Descriptor>) -> Answer<DescriptorType> {
        with_file(store, &this, |state, owned| {
            Ok(state.file_type(owned)?.into())
        })
    }

    async fn set_size(store: &Store, this: Resource<Descriptor>, size: u64) -> Answer<()> {
        with(store, |state| {
            let descriptor = state.descriptor(&this)?;
            // `ftruncate` of POSIX: not open for writing.
            if !descriptor.writable {
                return Err(Errno::BadFd.into());
            }
            state.set_size(&descriptor.owned, size)
        })
    }

    async fn set_times(
        store: &Store,
        this: Resource<Descriptor>,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> Answer<()> {
        with_file(store, &this, |state, owned| {
            state.set_times(owned, times(accessed, modified)?)
        })
    }

    async fn sync(store: &Store, this: Resource<Descriptor>) -> Answer<()> {
        with_file(store, &this, |state, owned| state.sync(owned, false))
    }

    async fn create_directory_at(
        store: &Store,
        this: Resource<Descriptor>,
        path: String,
    ) -> Answer<()> {
        with_changeable(store, &this, |state, owned| {
            state.create_directory_at(owned, &path)
        })
    }

    async fn stat(store: &Store, this: Resource<Descriptor>) -> Answer<DescriptorStat> {
        with_file(store, &this, |state, owned| Ok(state.stat(owned)?.into()))
    }

    async fn stat_at(
        store: &Store,
        this: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> Answer<DescriptorStat> {
        with_file(store, &this, |state, owned| {
            Ok(state.stat_at(owned, flags.into(), &path)?.into())
        })
    }

    async fn set_times_at(
        store: &Store,
        this: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> Answer<()> {
        with_changeable(store, &this, |state, owned| {
            let times = times(accessed, modified)?;
            state.set_times_at(owned, flags.into(), &path, times)
        })
    }

    async fn link_at(
        store: &Store,
        this: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        new: Resource<Descriptor>,
        new_path: String,
    ) -> Answer<()> {
        with(store, |state| {
            let (owned, new) = (state.changeable(&this)?, state.changeable(&new)?);
            state.link_at(&owned, flags.into(), &path, &new, &new_path)
        })
    }

    async fn open_at(
        store: &Store,
        this: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        open: OpenFlags,
        descriptor_flags: DescriptorFlags,
    ) -> Answer<Resource<Descriptor>> {
        with(store, |state| {
            let directory = state.descriptor(&this)?;
            let mut opening = Opening::from((open, descriptor_flags));
            // Nothing asked for is to read; what is created can be written besides.
            opening.read |= !opening.write;
            opening.write |= open.contains(OpenFlags::CREATE);
            let opened = state.open_at(&directory, flags.into(), &path, opening)?;
            Ok(state.table.push(opened)?)
        })
    }

    async fn readlink_at(
        store: &Store,
        this: Resource<Descriptor>,
        path: String,
    ) -> Answer<String> {
        with_file(store, &this, |state, owned| state.readlink_at(owned, &path))
    }

    async fn remove_directory_at(
        store: &Store,
        this: Resource<Descriptor>,
        path: String,
    ) -> Answer<()> {
        with_changeable(store, &this, |state, owned| {
            state.remove_directory_at(owned, &path)
        })
    }

    async fn rename_at(
        store: &Store,
        this: Resource<Descriptor>,
        path: String,
        new: Resource<Descriptor>,
        new_path: String,
    ) -> Answer<()> {
        with(store, |state| {
            let (owned, new) = (state.changeable(&this)?, state.changeable(&new)?);
            state.rename_at(&owned, &path, &new, &new_path)
        })
    }

    async fn symlink_at(
        store: &Store,
        this: Resource<Descriptor>,
        target: String,
        path: String,
    ) -> Answer<()> {
        with_changeable(store, &this, |state, owned| {
            state.symlink_at(owned, &target, &path)
        })
    }

    async fn unlink_file_at(store: &Store, this: Resource<Descriptor>, path: String) -> Answer<()> {
        with_changeable(store, &this, |state, owned| state.unlink_at(owned, &path))
    }

    async fn is_same_object(
        store: &Store,
        this: Resource<Descriptor>,
        other: Resource<Descriptor>,
    ) -> wasmtime::Result<bool> {
        store.with(|mut access| access.get().is_same(&this, &other))
    }

    async fn metadata_hash(store: &Store, this: Resource<Descriptor>) -> Answer<MetadataHashValue> {
        with_file(store, &this, |state, owned| Ok(state.stat(owned)?.into()))
    }

    async fn metadata_hash_at(
        store: &Store,
        this: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> Answer<MetadataHashValue> {
        with_file(store, &this, |state, owned| {
            Ok(state.stat_at(owned, flags.into(), &path)?.into())
        })
    }
}

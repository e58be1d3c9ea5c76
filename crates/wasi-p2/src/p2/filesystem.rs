//! `wasi:filesystem`: descriptors, directories, what was granted.

use holm_abi::{Errno, FileType, LookupFlags, Stat};
use wasmtime::component::Resource;

use crate::bindings::p2::wasi::filesystem::preopens;
use crate::bindings::p2::wasi::filesystem::types::{
    self, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode,
    MetadataHashValue, NewTimestamp, PathFlags,
};
pub use crate::files::Entries;
use crate::files::{Opening, times};
use crate::state::PathStat;
use crate::{Descriptor, Failure, InputStream, IoError, OutputStream, Owned, State, ViewId};

type Answer<T> = Result<T, Failure>;

impl State {
    /// The directories of a view as resources.
    pub(crate) fn preopens(
        &mut self,
        view: ViewId,
    ) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let mut listed = Vec::new();
        for (descriptor, name) in self.granted(view) {
            listed.push((self.table.push(descriptor)?, name));
        }
        Ok(listed)
    }

    /// Metadata of a path. The C libraries make one `stat` of two calls, the rest and the hash,
    /// one right after the other: both are of the same moment then. They ask for the hash without
    /// following a link, so what is at the path itself is looked at first; unless it is a link,
    /// that is the answer to both.
    fn stat_for_both(
        &mut self,
        handle: &Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> Answer<Stat> {
        let follow = flags.contains(PathFlags::SYMLINK_FOLLOW);
        let owned = &self.table.get(handle)?.owned;
        if let Some(last) = self.last_stat.take()
            && last.owned.is(owned)
            && last.path == path
            && (last.is_itself || follow)
        {
            return Ok(last.stat);
        }
        let owned = owned.clone();
        let mut stat = State::stat_at(self, &owned, LookupFlags::NONE, &path)?;
        let is_itself = stat.file_type != FileType::SymbolicLink;
        if follow && !is_itself {
            stat = State::stat_at(self, &owned, LookupFlags::SYMLINK_FOLLOW, &path)?;
        }
        if follow || is_itself {
            self.last_stat = Some(PathStat {
                owned,
                path,
                stat,
                is_itself,
            });
        }
        Ok(stat)
    }

    fn stream_of(&mut self, handle: &Resource<Descriptor>, writes: bool) -> Answer<Owned> {
        let descriptor = self.descriptor(handle)?;
        let allowed = if writes {
            descriptor.writable
        } else {
            descriptor.readable
        };
        if self.file_type(&descriptor.owned)? == FileType::Directory {
            return Err(Errno::IsDirectory.into());
        }
        if !allowed {
            return Err(Errno::BadFd.into());
        }
        Ok(descriptor.owned)
    }
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

    fn filesystem_error_code(
        &mut self,
        error: Resource<IoError>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        Ok(match self.table.get(&error)? {
            IoError::Errno(errno) => Some((*errno).into()),
            IoError::Http(..) => None,
        })
    }
}

impl types::HostDescriptor for State {
    fn read_via_stream(
        &mut self,
        this: Resource<Descriptor>,
        offset: u64,
    ) -> Answer<Resource<InputStream>> {
        let owned = self.stream_of(&this, false)?;
        let stream = match self.file_type(&owned)? {
            FileType::RegularFile => InputStream::File { owned, offset },
            _ => InputStream::Stream(owned),
        };
        Ok(self.table.push(stream)?)
    }

    fn write_via_stream(
        &mut self,
        this: Resource<Descriptor>,
        offset: u64,
    ) -> Answer<Resource<OutputStream>> {
        let owned = self.stream_of(&this, true)?;
        let stream = match self.file_type(&owned)? {
            FileType::RegularFile => OutputStream::File { owned, offset },
            _ => OutputStream::stream(owned),
        };
        Ok(self.table.push(stream)?)
    }

    fn append_via_stream(&mut self, this: Resource<Descriptor>) -> Answer<Resource<OutputStream>> {
        let owned = self.stream_of(&this, true)?;
        let stream = match self.file_type(&owned)? {
            FileType::RegularFile => {
                self.append(&owned)?;
                OutputStream::Append(owned)
            }
            _ => OutputStream::stream(owned),
        };
        Ok(self.table.push(stream)?)
    }

    fn advise(
        &mut self,
        this: Resource<Descriptor>,
        offset: u64,
        length: u64,
        advice: types::Advice,
    ) -> Answer<()> {
        let owned = self.owned(&this)?;
        State::advise(self, &owned, offset, length, advice.into())
    }

    fn sync_data(&mut self, this: Resource<Descriptor>) -> Answer<()> {
        let owned = self.owned(&this)?;
        State::sync(self, &owned, true)
    }

    fn get_flags(&mut self, this: Resource<Descriptor>) -> Answer<DescriptorFlags> {
        let descriptor = self.descriptor(&this)?;
        let found = self.file_flags(&descriptor.owned)?;
        let is_directory = self.file_type(&descriptor.owned)? == FileType::Directory;
        let (read, change) = (descriptor.readable, descriptor.writable);
        Ok(DescriptorFlags::of(
            read,
            change && !is_directory,
            change && is_directory,
            found,
        ))
    }

    fn get_type(&mut self, this: Resource<Descriptor>) -> Answer<DescriptorType> {
        let owned = self.owned(&this)?;
        Ok(self.file_type(&owned)?.into())
    }

    fn set_size(&mut self, this: Resource<Descriptor>, size: u64) -> Answer<()> {
        let owned = self.changeable(&this)?;
        State::set_size(self, &owned, size)
    }

    fn set_times(
        &mut self,
        this: Resource<Descriptor>,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> Answer<()> {
        let owned = self.owned(&this)?;
        State::set_times(self, &owned, times(accessed, modified)?)
    }

    fn read(
        &mut self,
        this: Resource<Descriptor>,
        length: u64,
        offset: u64,
    ) -> Answer<(Vec<u8>, bool)> {
        let descriptor = self.descriptor(&this)?;
        let bytes = self.read_at(&descriptor, length, offset)?;
        let end = bytes.is_empty();
        Ok((bytes, end))
    }

    fn write(&mut self, this: Resource<Descriptor>, bytes: Vec<u8>, offset: u64) -> Answer<u64> {
        let descriptor = self.descriptor(&this)?;
        if !descriptor.writable {
            return Err(Errno::BadFd.into());
        }
        self.write_at(&descriptor, &bytes, offset)
    }

    fn read_directory(&mut self, this: Resource<Descriptor>) -> Answer<Resource<Entries>> {
        let owned = self.owned(&this)?;
        let entries = self.list(&owned)?;
        Ok(self.table.push(entries)?)
    }

    fn sync(&mut self, this: Resource<Descriptor>) -> Answer<()> {
        let owned = self.owned(&this)?;
        State::sync(self, &owned, false)
    }

    fn create_directory_at(&mut self, this: Resource<Descriptor>, path: String) -> Answer<()> {
        let owned = self.changeable(&this)?;
        State::create_directory_at(self, &owned, &path)
    }

    fn stat(&mut self, this: Resource<Descriptor>) -> Answer<DescriptorStat> {
        let owned = self.owned(&this)?;
        Ok(State::stat(self, &owned)?.into())
    }

    fn stat_at(
        &mut self,
        this: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> Answer<DescriptorStat> {
        Ok(self.stat_for_both(&this, flags, path)?.into())
    }

    fn set_times_at(
        &mut self,
        this: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> Answer<()> {
        let owned = self.changeable(&this)?;
        let times = times(accessed, modified)?;
        State::set_times_at(self, &owned, flags.into(), &path, times)
    }

    fn link_at(
        &mut self,
        this: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        new: Resource<Descriptor>,
        new_path: String,
    ) -> Answer<()> {
        let (owned, new) = (self.changeable(&this)?, self.changeable(&new)?);
        State::link_at(self, &owned, flags.into(), &path, &new, &new_path)
    }

    fn open_at(
        &mut self,
        this: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        open: types::OpenFlags,
        descriptor_flags: DescriptorFlags,
    ) -> Answer<Resource<Descriptor>> {
        let directory = self.descriptor(&this)?;
        let opening = Opening::from((open, descriptor_flags));
        let opened = State::open_at(self, &directory, flags.into(), &path, opening)?;
        Ok(self.table.push(opened)?)
    }

    fn readlink_at(&mut self, this: Resource<Descriptor>, path: String) -> Answer<String> {
        let owned = self.owned(&this)?;
        State::readlink_at(self, &owned, &path)
    }

    fn remove_directory_at(&mut self, this: Resource<Descriptor>, path: String) -> Answer<()> {
        let owned = self.changeable(&this)?;
        State::remove_directory_at(self, &owned, &path)
    }

    fn rename_at(
        &mut self,
        this: Resource<Descriptor>,
        path: String,
        new: Resource<Descriptor>,
        new_path: String,
    ) -> Answer<()> {
        let (owned, new) = (self.changeable(&this)?, self.changeable(&new)?);
        State::rename_at(self, &owned, &path, &new, &new_path)
    }

    fn symlink_at(
        &mut self,
        this: Resource<Descriptor>,
        target: String,
        path: String,
    ) -> Answer<()> {
        let owned = self.changeable(&this)?;
        State::symlink_at(self, &owned, &target, &path)
    }

    fn unlink_file_at(&mut self, this: Resource<Descriptor>, path: String) -> Answer<()> {
        let owned = self.changeable(&this)?;
        self.unlink_at(&owned, &path)
    }

    fn is_same_object(
        &mut self,
        this: Resource<Descriptor>,
        other: Resource<Descriptor>,
    ) -> wasmtime::Result<bool> {
        self.is_same(&this, &other)
    }

    fn metadata_hash(&mut self, this: Resource<Descriptor>) -> Answer<MetadataHashValue> {
        let owned = self.owned(&this)?;
        Ok(State::stat(self, &owned)?.into())
    }

    fn metadata_hash_at(
        &mut self,
        this: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> Answer<MetadataHashValue> {
        Ok(self.stat_for_both(&this, flags, path)?.into())
    }

    fn drop(&mut self, this: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl types::HostDirectoryEntryStream for State {
    fn read_directory_entry(&mut self, this: Resource<Entries>) -> Answer<Option<DirectoryEntry>> {
        Ok(self.next_entry(&this)?.map(DirectoryEntry::from))
    }

    fn drop(&mut self, this: Resource<Entries>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

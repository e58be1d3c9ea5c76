//! `wasi:filesystem`: descriptors, directories, what was granted.

use holm_abi::{Advice, Errno, FdFlags, FileType, LookupFlags, OpenFlags, SetTime, SetTimes, Stat};
use wasmtime::component::Resource;

use super::clocks::datetime;
use super::error;
use crate::bindings::p2::wasi::filesystem::preopens;
use crate::bindings::p2::wasi::filesystem::types::{
    self, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode,
    MetadataHashValue, NewTimestamp, PathFlags,
};
pub use crate::files::Entries;
use crate::files::{Opening, metadata_hash};
use crate::state::PathStat;
use crate::{Descriptor, Failure, InputStream, IoError, OutputStream, Owned, State, ViewId};

type Answer<T> = Result<T, Failure>;

impl State {
    /// A copy of what a descriptor's resource holds.
    fn descriptor(&self, handle: &Resource<Descriptor>) -> Answer<Descriptor> {
        Ok(self.table.get(handle)?.clone())
    }

    fn owned(&self, handle: &Resource<Descriptor>) -> Answer<Owned> {
        Ok(self.table.get(handle)?.owned.clone())
    }

    /// A directory that may be changed, or a file that may be written.
    fn changeable(&self, handle: &Resource<Descriptor>) -> Answer<Owned> {
        let descriptor = self.table.get(handle)?;
        if descriptor.writable {
            Ok(descriptor.owned.clone())
        } else {
            Err(Errno::NotPermitted.into())
        }
    }

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
        match failure {
            Failure::Errno(errno) => Ok(error::filesystem(errno)),
            Failure::Trap(error) => Err(error),
        }
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<IoError>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        Ok(match self.table.get(&error)? {
            IoError::Errno(errno) => Some(error::filesystem(*errno)),
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
                // Only a descriptor knows the end; nothing else writes through this one without
                // an offset.
                let flags = self.file_flags(&owned)?.union(FdFlags::APPEND);
                self.call(owned.view(), |task| {
                    task.fd_fdstat_set_flags(owned.fd(), flags)
                })??;
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
        let advice = match advice {
            types::Advice::Normal => Advice::Normal,
            types::Advice::Sequential => Advice::Sequential,
            types::Advice::Random => Advice::Random,
            types::Advice::WillNeed => Advice::WillNeed,
            types::Advice::DontNeed => Advice::DontNeed,
            types::Advice::NoReuse => Advice::NoReuse,
        };
        State::advise(self, &owned, offset, length, advice)
    }

    fn sync_data(&mut self, this: Resource<Descriptor>) -> Answer<()> {
        let owned = self.owned(&this)?;
        State::sync(self, &owned, true)
    }

    fn get_flags(&mut self, this: Resource<Descriptor>) -> Answer<DescriptorFlags> {
        let descriptor = self.descriptor(&this)?;
        let found = self.file_flags(&descriptor.owned)?;
        let is_directory = self.file_type(&descriptor.owned)? == FileType::Directory;
        let when = |set: bool, flag| match set {
            true => flag,
            false => DescriptorFlags::empty(),
        };
        let changes = descriptor.writable;
        Ok(when(descriptor.readable, DescriptorFlags::READ)
            | when(changes && !is_directory, DescriptorFlags::WRITE)
            | when(changes && is_directory, DescriptorFlags::MUTATE_DIRECTORY)
            | when(
                found.contains(FdFlags::SYNC),
                DescriptorFlags::FILE_INTEGRITY_SYNC,
            )
            | when(
                found.contains(FdFlags::DSYNC),
                DescriptorFlags::DATA_INTEGRITY_SYNC,
            )
            | when(
                found.contains(FdFlags::RSYNC),
                DescriptorFlags::REQUESTED_WRITE_SYNC,
            ))
    }

    fn get_type(&mut self, this: Resource<Descriptor>) -> Answer<DescriptorType> {
        let owned = self.owned(&this)?;
        Ok(descriptor_type(self.file_type(&owned)?))
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
        Ok(descriptor_stat(&State::stat(self, &owned)?))
    }

    fn stat_at(
        &mut self,
        this: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> Answer<DescriptorStat> {
        let stat = self.stat_for_both(&this, flags, path)?;
        Ok(descriptor_stat(&stat))
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
        State::set_times_at(self, &owned, lookup(flags), &path, times)
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
        State::link_at(self, &owned, lookup(flags), &path, &new, &new_path)
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
        let opening = opening(open, descriptor_flags);
        let opened = State::open_at(self, &directory, lookup(flags), &path, opening)?;
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
        let both = (self.table.get(&this)?, self.table.get(&other)?);
        let (one, other) = (both.0.owned.clone(), both.1.owned.clone());
        match self.is_same(&one, &other) {
            Ok(same) => Ok(same),
            Err(Failure::Errno(_)) => Ok(false),
            Err(Failure::Trap(error)) => Err(error),
        }
    }

    fn metadata_hash(&mut self, this: Resource<Descriptor>) -> Answer<MetadataHashValue> {
        let owned = self.owned(&this)?;
        Ok(hash_value(&State::stat(self, &owned)?))
    }

    fn metadata_hash_at(
        &mut self,
        this: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> Answer<MetadataHashValue> {
        let stat = self.stat_for_both(&this, flags, path)?;
        Ok(hash_value(&stat))
    }

    fn drop(&mut self, this: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl types::HostDirectoryEntryStream for State {
    fn read_directory_entry(&mut self, this: Resource<Entries>) -> Answer<Option<DirectoryEntry>> {
        Ok(self
            .next_entry(&this)?
            .map(|(file_type, name)| DirectoryEntry {
                type_: descriptor_type(file_type),
                name,
            }))
    }

    fn drop(&mut self, this: Resource<Entries>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

fn lookup(flags: PathFlags) -> LookupFlags {
    match flags.contains(PathFlags::SYMLINK_FOLLOW) {
        true => LookupFlags::SYMLINK_FOLLOW,
        false => LookupFlags::NONE,
    }
}

fn opening(open: types::OpenFlags, flags: DescriptorFlags) -> Opening {
    let when = |set: bool, flag: OpenFlags| if set { flag } else { OpenFlags::NONE };
    let also = |set: bool, flag: FdFlags| if set { flag } else { FdFlags::NONE };
    Opening {
        open: when(open.contains(types::OpenFlags::CREATE), OpenFlags::CREATE)
            .union(when(
                open.contains(types::OpenFlags::DIRECTORY),
                OpenFlags::DIRECTORY,
            ))
            .union(when(
                open.contains(types::OpenFlags::EXCLUSIVE),
                OpenFlags::EXCLUSIVE,
            ))
            .union(when(
                open.contains(types::OpenFlags::TRUNCATE),
                OpenFlags::TRUNCATE,
            )),
        flags: also(
            flags.contains(DescriptorFlags::FILE_INTEGRITY_SYNC),
            FdFlags::SYNC,
        )
        .union(also(
            flags.contains(DescriptorFlags::DATA_INTEGRITY_SYNC),
            FdFlags::DSYNC,
        ))
        .union(also(
            flags.contains(DescriptorFlags::REQUESTED_WRITE_SYNC),
            FdFlags::RSYNC,
        )),
        read: flags.contains(DescriptorFlags::READ),
        write: flags.contains(DescriptorFlags::WRITE),
        change_directory: flags.contains(DescriptorFlags::MUTATE_DIRECTORY),
    }
}

fn times(accessed: NewTimestamp, modified: NewTimestamp) -> Result<SetTimes, Errno> {
    let time = |new: NewTimestamp| match new {
        NewTimestamp::NoChange => Ok(SetTime::Keep),
        NewTimestamp::Now => Ok(SetTime::Now),
        NewTimestamp::Timestamp(time) => time
            .seconds
            .checked_mul(1_000_000_000)
            .and_then(|ns| ns.checked_add(u64::from(time.nanoseconds)))
            .map(SetTime::At)
            .ok_or(Errno::Overflow),
    };
    Ok(SetTimes {
        accessed: time(accessed)?,
        modified: time(modified)?,
    })
}

fn descriptor_type(found: FileType) -> DescriptorType {
    match found {
        FileType::Unknown => DescriptorType::Unknown,
        FileType::BlockDevice => DescriptorType::BlockDevice,
        FileType::CharacterDevice => DescriptorType::CharacterDevice,
        FileType::Directory => DescriptorType::Directory,
        FileType::RegularFile => DescriptorType::RegularFile,
        FileType::SocketDgram | FileType::SocketStream => DescriptorType::Socket,
        FileType::SymbolicLink => DescriptorType::SymbolicLink,
    }
}

fn descriptor_stat(stat: &Stat) -> DescriptorStat {
    DescriptorStat {
        type_: descriptor_type(stat.file_type),
        link_count: stat.links,
        size: stat.size,
        data_access_timestamp: Some(datetime(stat.accessed_ns)),
        data_modification_timestamp: Some(datetime(stat.modified_ns)),
        status_change_timestamp: Some(datetime(stat.changed_ns)),
    }
}

fn hash_value(stat: &Stat) -> MetadataHashValue {
    let (lower, upper) = metadata_hash(stat);
    MetadataHashValue { lower, upper }
}

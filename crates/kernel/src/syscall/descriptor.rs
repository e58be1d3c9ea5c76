//! The descriptor table: closing, duplicating, flags and rights.

use holm_abi::{Errno, Fd, FdFlags, FdStat, PipeEnds, Rights};

use super::{count, done};
use crate::denial::{Cause, Limit};
use crate::descriptor::Entry;
use crate::task::{SysResult, Task};
use crate::vfs::node::Result;

impl Task {
    /// Opens `entry` at the lowest free number; at the limit the refusal is noted.
    pub(crate) fn install(&self, entry: Entry) -> Result<Fd> {
        let fd = crate::lock(&self.process.descriptors).insert(entry);
        fd.inspect_err(|errno| self.note_full_table(*errno))
    }

    /// `EMFILE`, noted, when there is no number left: asked before something is created,
    /// cut or taken for a descriptor that could not be given, as Linux does.
    pub(crate) fn check_room(&self) -> Result<()> {
        let room = crate::lock(&self.process.descriptors).check_room();
        room.inspect_err(|errno| self.note_full_table(*errno))
    }

    fn note_full_table(&self, errno: Errno) {
        let limit = self.process.limits().descriptors;
        self.process
            .deny(Cause::Limit(Limit::Descriptors(limit)), None, errno);
    }
}

pub(crate) fn fd_close(task: &mut Task, fd: Fd) -> SysResult<()> {
    let removed = crate::lock(&task.process.descriptors).remove(fd);
    done(removed.map(drop))
}

pub(crate) fn fd_dup(task: &mut Task, fd: Fd) -> SysResult<Fd> {
    done(task.entry(fd).and_then(|entry| {
        task.install(Entry {
            granted_as: None,
            ..entry
        })
    }))
}

pub(crate) fn fd_renumber(task: &mut Task, fd: Fd, to: Fd) -> SysResult<()> {
    let replaced = crate::lock(&task.process.descriptors).renumber(fd, to);
    done(replaced.map(drop))
}

pub(crate) fn fd_fdstat_get(task: &mut Task, fd: Fd) -> SysResult<FdStat> {
    done(task.entry(fd).map(|entry| FdStat {
        file_type: entry.open.file_type(),
        flags: entry.open.flags(),
        rights: entry.rights,
        inheriting: entry.inheriting,
    }))
}

pub(crate) fn fd_fdstat_set_flags(task: &mut Task, fd: Fd, flags: FdFlags) -> SysResult<()> {
    done(
        task.open_file(fd, Rights::FD_FDSTAT_SET_FLAGS)
            .and_then(|open| open.set_flags(flags)),
    )
}

pub(crate) fn fd_fdstat_set_rights(
    task: &mut Task,
    fd: Fd,
    rights: Rights,
    inheriting: Rights,
) -> SysResult<()> {
    let mut table = crate::lock(&task.process.descriptors);
    done(table.get_mut(fd).and_then(|entry| {
        if !entry.rights.contains(rights) || !entry.inheriting.contains(inheriting) {
            return Err(Errno::NotCapable);
        }
        entry.rights = rights;
        entry.inheriting = inheriting;
        Ok(())
    }))
}

pub(crate) fn fd_prestat_get(task: &mut Task, fd: Fd) -> SysResult<u32> {
    let table = crate::lock(&task.process.descriptors);
    done(table.get(fd).and_then(|entry| {
        let name = entry.granted_as.as_ref().ok_or(Errno::BadFd)?;
        count(name.len())
    }))
}

pub(crate) fn fd_prestat_dir_name(task: &mut Task, fd: Fd, buffer: &mut [u8]) -> SysResult<u32> {
    let table = crate::lock(&task.process.descriptors);
    done(table.get(fd).and_then(|entry| {
        let name = entry.granted_as.as_ref().ok_or(Errno::BadFd)?;
        let room = buffer.get_mut(..name.len()).ok_or(Errno::NameTooLong)?;
        room.copy_from_slice(name.as_bytes());
        count(name.len())
    }))
}

pub(crate) fn pipe(task: &mut Task) -> SysResult<PipeEnds> {
    let (reader, writer) = crate::pipe::pipe();
    done((|| {
        let read = task.install(Entry::stream(
            reader,
            Rights::STREAM.without(Rights::FD_WRITE),
        ))?;
        let write = task.install(Entry::stream(
            writer,
            Rights::STREAM.without(Rights::FD_READ),
        ));
        match write {
            Ok(write) => Ok(PipeEnds { read, write }),
            Err(errno) => {
                let removed = crate::lock(&task.process.descriptors).remove(read);
                drop(removed);
                Err(errno)
            }
        }
    })())
}

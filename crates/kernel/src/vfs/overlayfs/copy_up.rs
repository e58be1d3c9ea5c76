//! Copying to the upper layer: the directories that lead to a place, and single files.
//!
//! Everything here is called by a holder of `Shared::changes`. What fails leaves nothing
//! behind that could be seen; directories that were copied up stay, which nobody can tell.

use std::io::IoSlice;
use std::sync::Arc;

use holm_abi::{Errno, FileType, Stat};

use super::directory::OverlayDirectory;
use super::file::OverlayFile;
use super::state::{Entry, Found};
use super::{lower_inode, times_of};
use crate::vfs::node::{Directory, File, Lookup, OpenOptions, Opened, Result};

/// What a copied file is to hold.
#[derive(Clone, Copy)]
pub(super) enum Data<'a> {
    /// Nothing: it is about to be truncated.
    Nothing,
    /// What the lower file has.
    Lower,
    /// The same, read before.
    Bytes(&'a [u8]),
}

/// Bytes copied at a time.
const COPY_BYTES: usize = 64 << 10;

impl OverlayDirectory {
    /// This directory in the upper layer, made with all that lead to it when they are not
    /// there yet. `ENOENT` when it was removed.
    pub(super) fn ensure_upper(&self) -> Result<Arc<dyn Directory>> {
        let mut missing = Vec::new();
        let mut current = self.this().ok_or(Errno::NoEntry)?;
        let mut upper = loop {
            {
                let state = current.state();
                if state.removed {
                    return Err(Errno::NoEntry);
                }
                if let Some(upper) = &state.upper {
                    break Arc::clone(upper);
                }
            }
            let parent = current.parent().ok_or(Errno::NoEntry)?;
            missing.push(current);
            current = parent;
        };
        while let Some(directory) = missing.pop() {
            let stat = directory.metadata()?;
            let made = copy_directory(&*upper, &directory.name(), &stat)?;
            directory.state_mut().upper = Some(Arc::clone(&made));
            directory.keep();
            upper = made;
        }
        Ok(upper)
    }

    /// Makes sure that hidden names of this directory are not forgotten. A full upper layer
    /// does not hinder it: what is to be removed needs no room.
    pub(super) fn prepare_to_hide(&self) -> Result<()> {
        match self.ensure_upper() {
            Ok(_) | Err(Errno::NoSpace | Errno::Quota) => {
                if let Some(this) = self.this() {
                    this.keep();
                }
                Ok(())
            }
            Err(errno) => Err(errno),
        }
    }

    /// Notes a change of the entries that the upper layer did not see.
    pub(super) fn touch(&self) -> Result<()> {
        let now = self.shared().clock.realtime_ns();
        let upper = {
            let mut state = self.state_mut();
            if state.upper.is_none() {
                state.touched_ns = Some(now);
            }
            state.upper.clone()
        };
        upper.map_or(Ok(()), |upper| {
            upper.set_times(holm_abi::SetTimes {
                accessed: holm_abi::SetTime::Keep,
                modified: holm_abi::SetTime::At(now),
            })
        })
    }

    /// Copies `name`, which is not a directory, to the upper layer if it is not there yet,
    /// with its times and `data`. Answers this directory in the upper layer.
    pub(super) fn copy_up(&self, name: &str, data: Data<'_>) -> Result<Arc<dyn Directory>> {
        let upper = self.ensure_upper()?;
        // Held while copying, so that nobody finds half a file.
        let mut state = self.state_mut();
        let (lower, stat) = match state.find(name)? {
            Found::Entry(Entry::Lower(lower, stat)) => (lower, stat),
            Found::Entry(Entry::Upper(..)) => return Ok(upper),
            _ => return Err(Errno::IsDirectory),
        };
        let before = upper.stat()?;
        let copied = match stat.file_type {
            FileType::SymbolicLink => copy_link(&*lower, &*upper, name, &stat),
            FileType::RegularFile => copy_file(&*lower, &*upper, name, &stat, data),
            _ => Err(Errno::NotSupported),
        };
        let restored = upper.set_times(times_of(&before));
        let copied = copied?;
        restored?;
        let new_inode = upper.stat_at(name)?.inode;
        if stat.links <= 1 {
            self.shared().set_origin(new_inode, lower_inode(stat.inode));
        }
        if let Some(open) = state.open_files.remove(name)
            && let Some(open) = open.upgrade()
            && let Some(copied) = copied
        {
            open.switch_to(copied, self.shared().upper_inode(new_inode));
        }
        Ok(upper)
    }

    /// Copies the lower file up that `file`, an open handle, was found as.
    pub(super) fn copy_up_open(&self, name: &str, file: &OverlayFile) -> Result<()> {
        let _changes = self.shared().lock_changes();
        let is_current = self
            .state()
            .open_files
            .get(name)
            .is_some_and(|open| std::ptr::eq(open.as_ptr(), file));
        if is_current {
            self.copy_up(name, Data::Lower)?;
        }
        Ok(())
    }
}

/// Makes the directory `name` with the times of `stat`, or nothing.
fn copy_directory(upper: &dyn Directory, name: &str, stat: &Stat) -> Result<Arc<dyn Directory>> {
    let before = upper.stat()?;
    upper.create_directory_at(name)?;
    let made = upper.lookup(name).and_then(|found| match found {
        Lookup::Directory(made) => {
            made.set_times(times_of(stat))?;
            Ok(made)
        }
        _ => Err(Errno::NotDirectory),
    });
    if made.is_err() {
        // The first error is the one to tell.
        let _ = upper.remove_directory_at(name);
    }
    upper.set_times(times_of(&before))?;
    made
}

fn copy_link(
    lower: &dyn Directory,
    upper: &dyn Directory,
    name: &str,
    stat: &Stat,
) -> Result<Option<Arc<dyn File>>> {
    upper.symlink_at(name, &lower.read_link_at(name)?)?;
    let timed = upper.set_times_at(name, times_of(stat));
    if timed.is_err() {
        let _ = upper.unlink_at(name);
    }
    timed.map(|()| None)
}

/// Copies a regular file, or nothing; answers it opened.
fn copy_file(
    lower: &dyn Directory,
    upper: &dyn Directory,
    name: &str,
    stat: &Stat,
    data: Data<'_>,
) -> Result<Option<Arc<dyn File>>> {
    let reading = OpenOptions {
        read: true,
        ..OpenOptions::default()
    };
    let creating = OpenOptions {
        read: true,
        write: true,
        create: true,
        exclusive: true,
        ..OpenOptions::default()
    };
    let source = as_file(lower.open_at(name, reading)?)?;
    let copy = as_file(upper.open_at(name, creating)?)?;
    let copied = match data {
        Data::Nothing => Ok(()),
        Data::Lower => copy_data(&*source, &*copy).and_then(|()| copy.set_times(times_of(stat))),
        Data::Bytes(bytes) => {
            copy_bytes(bytes, &*copy).and_then(|()| copy.set_times(times_of(stat)))
        }
    };
    if let Err(errno) = copied {
        let _ = upper.unlink_at(name);
        return Err(errno);
    }
    Ok(Some(copy))
}

fn as_file(opened: Opened) -> Result<Arc<dyn File>> {
    match opened {
        Opened::File(file) => Ok(file),
        _ => Err(Errno::NotSupported),
    }
}

/// Copies all bytes; blocks of zeros become holes.
fn copy_data(source: &dyn File, copy: &dyn File) -> Result<()> {
    let mut buffer = vec![0; COPY_BYTES];
    let mut offset = 0;
    loop {
        let read = source.read_at(offset, &mut buffer)?;
        if read == 0 {
            return copy.set_size(offset);
        }
        write_unless_zero(copy, offset, &buffer[..read])?;
        offset += u64::try_from(read).expect("invariant: a buffer's length fits 64 bits");
    }
}

/// The same of bytes that were read before.
fn copy_bytes(bytes: &[u8], copy: &dyn File) -> Result<()> {
    let mut offset = 0;
    for piece in bytes.chunks(COPY_BYTES) {
        write_unless_zero(copy, offset, piece)?;
        offset += u64::try_from(piece.len()).expect("invariant: a length fits 64 bits");
    }
    copy.set_size(offset)
}

fn write_unless_zero(copy: &dyn File, offset: u64, bytes: &[u8]) -> Result<()> {
    if bytes.iter().any(|byte| *byte != 0) {
        write_whole(copy, offset, bytes)?;
    }
    Ok(())
}

fn write_whole(file: &dyn File, mut offset: u64, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        match file.write_at(offset, &[IoSlice::new(bytes)])? {
            0 => return Err(Errno::Io),
            written => {
                offset += u64::try_from(written).expect("invariant: a length fits 64 bits");
                bytes = bytes.get(written..).ok_or(Errno::Io)?;
            }
        }
    }
    Ok(())
}

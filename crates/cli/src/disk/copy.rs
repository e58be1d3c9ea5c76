//! `holm disk cp`: files onto a disk, off it, or from one to another.
//!
//! A disk and a directory of the host are the same to it: the kernel's directories.

use std::io::{self, IoSlice, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holm_command_line::CommandError;
use holm_command_line::explain::text::shown;
use holm_os::HostDirectory;
use holm_os::abi::{Errno, FileType, SetTime, SetTimes, Stat};
use holm_os::disk_image::{Disk, OpenMode};
use holm_os::kernel::vfs::{Directory, File, OpenOptions, Opened};

use super::list::entries;
use super::{cannot, on_disk, open, walk};

/// Bytes copied at a time.
const PIECE: usize = 1 << 20;

/// One side of a copy.
struct Side {
    /// As written.
    text: String,
    disk: Option<Arc<Disk>>,
    place: Place,
}

enum Place {
    /// Standard input or output.
    Stream,
    /// The root of a disk, or a directory of the host that has no name above it.
    Root(Arc<dyn Directory>),
    /// A name in a directory; there may be nothing yet.
    Named(Arc<dyn Directory>, String),
}

/// What is copied where, for messages.
struct Copier {
    source: Side,
    target: Side,
    recursive: bool,
}

pub(super) fn run(source: &str, target: &str, recursive: bool) -> Result<u8, CommandError> {
    let (from, to) = (on_disk(source), on_disk(target));
    if from.is_none() && to.is_none() {
        return Err(CommandError::usage(
            "neither side is on a disk; write IMAGE:/PATH for the one that is",
        ));
    }
    let same = match (&from, &to) {
        (Some((one, _)), Some((other, _))) => same_file(one, other),
        _ => false,
    };
    let target_disk = match &to {
        Some((image, _)) => Some(Arc::new(open(image, OpenMode::ReadWrite)?)),
        None => None,
    };
    let source_disk = match &from {
        Some(_) if same => target_disk.clone(),
        Some((image, _)) => Some(Arc::new(open(image, OpenMode::ReadOnly)?)),
        None => None,
    };
    let copier = Copier {
        source: side(source, from, source_disk)?,
        target: side(target, to, target_disk.clone())?,
        recursive,
    };
    copier.copy()?;
    if let Some(disk) = target_disk {
        disk.commit()
            .map_err(|error| CommandError::failed(format_args!("{}: {error}", shown(target))))?;
    }
    Ok(0)
}

fn same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn side(
    text: &str,
    on_disk: Option<(PathBuf, Vec<String>)>,
    disk: Option<Arc<Disk>>,
) -> Result<Side, CommandError> {
    let place = match (on_disk, &disk) {
        (Some((_, names)), Some(disk)) => match names.split_last() {
            None => Place::Root(disk.root()),
            Some((last, above)) => {
                let parent = walk(disk.root(), above)
                    .map_err(|errno| cannot("find", text, errno, &[disk]))?;
                if last == ".." || last.len() > holm_os::abi::NAME_MAX {
                    return Err(cannot("find", text, Errno::Invalid, &[disk]));
                }
                Place::Named(parent, last.clone())
            }
        },
        _ if text == "-" => Place::Stream,
        _ => host_place(Path::new(text))?,
    };
    Ok(Side {
        text: text.to_owned(),
        disk,
        place,
    })
}

fn host_place(path: &Path) -> Result<Place, CommandError> {
    let open = |path: &Path| HostDirectory::open(path).map_err(CommandError::failed);
    let name = path.file_name().and_then(|name| name.to_str());
    let Some(name) = name else {
        return Ok(Place::Root(open(path)?));
    };
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    let above = open(above.unwrap_or(Path::new(".")))?;
    // A link given by name is followed, as cp does.
    let link = above
        .stat_at(name)
        .is_ok_and(|stat| stat.file_type == FileType::SymbolicLink);
    if link
        && let Ok(target) = path.canonicalize()
        && target.parent().is_some()
    {
        return host_place(&target);
    }
    Ok(Place::Named(above, name.to_owned()))
}

impl Side {
    fn stat(&self) -> Result<Stat, Errno> {
        match &self.place {
            Place::Stream => Ok(Stat::default()),
            Place::Root(directory) => directory.stat(),
            Place::Named(parent, name) => parent.stat_at(name),
        }
    }

    fn directory(&self) -> Result<Arc<dyn Directory>, Errno> {
        match &self.place {
            Place::Stream => Err(Errno::NotDirectory),
            Place::Root(directory) => Ok(Arc::clone(directory)),
            Place::Named(parent, name) => enter(parent, name),
        }
    }
}

fn enter(parent: &Arc<dyn Directory>, name: &str) -> Result<Arc<dyn Directory>, Errno> {
    walk(Arc::clone(parent), &[name.to_owned()])
}

impl Copier {
    fn fail(&self, what: &str, path: &str, errno: Errno) -> CommandError {
        let disks = [&self.target.disk, &self.source.disk];
        let disks: Vec<&Disk> = disks.into_iter().flatten().map(Arc::as_ref).collect();
        cannot(what, path, errno, &disks)
    }

    fn copy(&self) -> Result<(), CommandError> {
        let (from, to) = (&self.source.text, &self.target.text);
        let stat = self
            .source
            .stat()
            .map_err(|errno| self.fail("copy", from, errno))?;
        if let Place::Stream = self.source.place {
            let (parent, name) = self.target_name("stdin")?;
            return self.fill(&parent, &name);
        }
        if let Place::Stream = self.target.place {
            return self.pour();
        }
        if stat.file_type == FileType::Directory && !self.recursive {
            return Err(CommandError::usage(format_args!(
                "{} is a directory; copy it with -r",
                shown(from)
            )));
        }
        if let Place::Named(parent, name) = &self.source.place {
            let (to_parent, to_name) = self.target_name(name)?;
            return self.tree(parent, name, &to_parent, &to_name);
        }
        let source = self
            .source
            .directory()
            .map_err(|errno| self.fail("copy", from, errno))?;
        if let Place::Named(parent, name) = &self.target.place
            && parent.stat_at(name) == Err(Errno::NoEntry)
        {
            parent
                .create_directory_at(name)
                .map_err(|errno| self.fail("create", to, errno))?;
        }
        let target = self
            .target
            .directory()
            .map_err(|errno| self.fail("copy to", to, errno))?;
        for (name, _) in entries(&*source).map_err(|errno| self.fail("copy", from, errno))? {
            self.tree(&source, &name, &target, &name)?;
        }
        Ok(())
    }

    /// Where something that is called `name` goes: into the target if it is a directory, in
    /// its place otherwise.
    fn target_name(&self, name: &str) -> Result<(Arc<dyn Directory>, String), CommandError> {
        match &self.target.place {
            Place::Named(parent, target) => match enter(parent, target) {
                Ok(directory) => Ok((directory, name.to_owned())),
                Err(_) => Ok((Arc::clone(parent), target.clone())),
            },
            _ => match self.target.directory() {
                Ok(directory) => Ok((directory, name.to_owned())),
                Err(errno) => Err(self.fail("copy to", &self.target.text, errno)),
            },
        }
    }

    /// Copies one entry with all it holds: a stack of directories, as they may be nested
    /// deeper than ours is.
    fn tree(
        &self,
        parent: &Arc<dyn Directory>,
        name: &str,
        to_parent: &Arc<dyn Directory>,
        to_name: &str,
    ) -> Result<(), CommandError> {
        self.check_apart(parent, name, to_parent)?;
        let path = name.to_owned();
        let mut made: Vec<(Arc<dyn Directory>, Stat)> = Vec::new();
        let mut pending = vec![(
            Arc::clone(parent),
            name.to_owned(),
            Arc::clone(to_parent),
            to_name.to_owned(),
            path,
        )];
        while let Some((parent, name, to_parent, to_name, path)) = pending.pop() {
            let fail = |errno| self.fail("copy", &path, errno);
            let stat = parent.stat_at(&name).map_err(fail)?;
            if stat.file_type != FileType::Directory {
                self.entry((&parent, &name), (&to_parent, &to_name), &stat, &path)?;
                continue;
            }
            match to_parent.create_directory_at(&to_name) {
                Ok(()) | Err(Errno::Exist) => {}
                Err(errno) => return Err(fail(errno)),
            }
            let from = enter(&parent, &name).map_err(fail)?;
            let to = enter(&to_parent, &to_name).map_err(fail)?;
            for (child, _) in entries(&*from).map_err(fail)? {
                let below = format!("{path}/{child}");
                pending.push((
                    Arc::clone(&from),
                    child.clone(),
                    Arc::clone(&to),
                    child,
                    below,
                ));
            }
            made.push((to, stat));
        }
        // Last, as filling a directory changes its times.
        for (directory, stat) in made.into_iter().rev() {
            let kept = directory.set_times(times(&stat));
            kept.map_err(|errno| self.fail("set the times of", name, errno))?;
        }
        Ok(())
    }

    /// Checks that a directory is not copied into itself, which would never end.
    fn check_apart(
        &self,
        parent: &Arc<dyn Directory>,
        name: &str,
        to_parent: &Arc<dyn Directory>,
    ) -> Result<(), CommandError> {
        if !self.is_one_disk() {
            return Ok(());
        }
        let fail = |errno| self.fail("copy", name, errno);
        let target = to_parent.stat().map_err(fail)?.inode;
        let mut pending: Vec<_> = enter(parent, name).into_iter().collect();
        while let Some(directory) = pending.pop() {
            if directory.stat().map_err(fail)?.inode == target {
                return Err(CommandError::usage(format_args!(
                    "{} would be copied into itself",
                    shown(name)
                )));
            }
            for (child, file_type) in entries(&*directory).map_err(fail)? {
                if file_type == FileType::Directory {
                    pending.push(enter(&directory, &child).map_err(fail)?);
                }
            }
        }
        Ok(())
    }

    /// Copies what is not a directory.
    fn entry(
        &self,
        (parent, name): (&Arc<dyn Directory>, &str),
        (to_parent, to_name): (&Arc<dyn Directory>, &str),
        stat: &Stat,
        path: &str,
    ) -> Result<(), CommandError> {
        let fail = |errno| self.fail("copy", path, errno);
        match stat.file_type {
            FileType::SymbolicLink => {
                let text = parent.read_link_at(name).map_err(fail)?;
                match to_parent.unlink_at(to_name) {
                    Ok(()) | Err(Errno::NoEntry) => {}
                    Err(errno) => return Err(fail(errno)),
                }
                to_parent.symlink_at(to_name, &text).map_err(fail)?;
                to_parent.set_times_at(to_name, times(stat)).map_err(fail)
            }
            FileType::RegularFile => {
                let from = open_file(parent, name, false).map_err(fail)?;
                if let (Ok(there), true) = (to_parent.stat_at(to_name), self.is_one_disk())
                    && there.inode == stat.inode
                {
                    return Err(CommandError::usage(format_args!(
                        "{} would be copied onto itself",
                        shown(path)
                    )));
                }
                let to = open_file(to_parent, to_name, true).map_err(fail)?;
                let mut buffer = vec![0; PIECE];
                let mut offset = 0;
                loop {
                    let read = from.read_at(offset, &mut buffer).map_err(fail)?;
                    if read == 0 {
                        break;
                    }
                    write_all(&*to, offset, &buffer[..read]).map_err(fail)?;
                    offset += read as u64;
                }
                to.set_times(times(stat)).map_err(fail)
            }
            _ => {
                note!(
                    "holm: {} is no file, directory or link: left out",
                    shown(path)
                );
                Ok(())
            }
        }
    }

    fn is_one_disk(&self) -> bool {
        matches!((&self.source.disk, &self.target.disk), (Some(one), Some(other)) if Arc::ptr_eq(one, other))
    }

    /// Standard input into a file.
    fn fill(&self, parent: &Arc<dyn Directory>, name: &str) -> Result<(), CommandError> {
        let fail = |errno| self.fail("write", &self.target.text, errno);
        let file = open_file(parent, name, true).map_err(fail)?;
        let mut buffer = vec![0; PIECE];
        let mut offset = 0;
        loop {
            let read = io::stdin().lock().read(&mut buffer);
            let read = read.map_err(|error| {
                CommandError::failed(format_args!("cannot read standard input: {error}"))
            })?;
            if read == 0 {
                return Ok(());
            }
            write_all(&*file, offset, &buffer[..read]).map_err(fail)?;
            offset += read as u64;
        }
    }

    /// A file to standard output.
    fn pour(&self) -> Result<(), CommandError> {
        let fail = |errno| self.fail("read", &self.source.text, errno);
        let Place::Named(parent, name) = &self.source.place else {
            return Err(fail(Errno::IsDirectory));
        };
        let file = open_file(parent, name, false).map_err(fail)?;
        let mut buffer = vec![0; PIECE];
        let mut offset = 0;
        loop {
            let read = file.read_at(offset, &mut buffer).map_err(fail)?;
            if read == 0 {
                return Ok(());
            }
            io::stdout()
                .lock()
                .write_all(&buffer[..read])
                .map_err(|error| {
                    CommandError::failed(format_args!("cannot write standard output: {error}"))
                })?;
            offset += read as u64;
        }
    }
}

fn open_file(parent: &Arc<dyn Directory>, name: &str, write: bool) -> Result<Arc<dyn File>, Errno> {
    let options = OpenOptions {
        read: !write,
        write,
        create: write,
        truncate: write,
        ..OpenOptions::default()
    };
    match parent.open_at(name, options)? {
        Opened::File(file) => Ok(file),
        Opened::Directory(_) => Err(Errno::IsDirectory),
        Opened::Symlink(_) => Err(Errno::Loop),
        Opened::Stream(_) => Err(Errno::NotSupported),
    }
}

fn write_all(file: &dyn File, offset: u64, bytes: &[u8]) -> Result<(), Errno> {
    let mut done = 0;
    while done < bytes.len() {
        let written = file.write_at(offset + done as u64, &[IoSlice::new(&bytes[done..])])?;
        if written == 0 {
            return Err(Errno::Io);
        }
        done += written;
    }
    Ok(())
}

fn times(stat: &Stat) -> SetTimes {
    SetTimes {
        accessed: SetTime::At(stat.accessed_ns),
        modified: SetTime::At(stat.modified_ns),
    }
}

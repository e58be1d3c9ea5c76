//! `holm disk`: images made, looked into, filled, emptied and checked.

mod copy;
mod list;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use holm_command_line::CommandError;
use holm_command_line::explain::text::shown;
use holm_command_line::options::{DiskCommand, DiskOptions};
use holm_os::abi::Errno;
use holm_os::disk_image::{Disk, OpenMode};
use holm_os::kernel::vfs::{Directory, Lookup};
use holm_os::package::units::{format_size, parse_size};
use holm_os::{create_disk, open_disk};

pub(crate) fn run(options: &DiskOptions) -> Result<u8, CommandError> {
    match &options.command {
        DiskCommand::Create { image, size, label } => create(image, size, label),
        DiskCommand::Ls { place, recursive } => list::run(place, *recursive),
        DiskCommand::Cp {
            source,
            target,
            recursive,
        } => copy::run(source, target, *recursive),
        DiskCommand::Check { image } => check(image),
    }
}

fn create(image: &Path, size: &str, label: &str) -> Result<u8, CommandError> {
    let bytes = parse_size(size)
        .map_err(|error| CommandError::usage(format_args!("--size {}: {error}", shown(size))))?;
    let disk = create_disk(image, bytes, label).map_err(CommandError::failed)?;
    let limit = disk.info().size_limit;
    disk.close().map_err(CommandError::failed)?;
    show!(
        "created {}, which may grow to {}; mount it with --disk {}",
        shown(&image.display().to_string()),
        format_size(limit),
        shown(&image.display().to_string()),
    );
    Ok(0)
}

fn check(image: &Path) -> Result<u8, CommandError> {
    let disk = open(image, OpenMode::ReadOnly)?;
    let name = shown(&image.display().to_string());
    let report = disk
        .check(true)
        .map_err(|error| CommandError::failed(format_args!("{name}: {error}")))?;
    for finding in &report.findings {
        show!("{}", shown(finding));
    }
    if report.more > 0 {
        show!("and {} more", report.more);
    }
    let info = disk.info();
    let label = match info.label.as_str() {
        "" => String::new(),
        label => format!(" ({})", shown(label)),
    };
    show!(
        "{name}{label}: {}, {}, {}; {} of {} in use",
        counted(report.files, "file", "files"),
        counted(report.directories, "directory", "directories"),
        counted(report.links, "symbolic link", "symbolic links"),
        format_size(info.used_bytes),
        format_size(info.size_limit),
    );
    if report.is_clean() && disk.recovery().is_empty() {
        show!("nothing is wrong with it");
        return Ok(0);
    }
    Err(CommandError::failed(format_args!("{name} is damaged")))
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A disk that a running program has mounted.
pub(crate) struct MountedDisk {
    path: PathBuf,
    disk: Arc<Disk>,
}

impl MountedDisk {
    /// Says what was mended when it was opened.
    pub(crate) fn new(path: &Path, disk: Arc<Disk>) -> MountedDisk {
        say_mended(path, &disk);
        MountedDisk {
            path: path.to_owned(),
            disk,
        }
    }

    /// Commits what the program has left; false, having said why, when that cannot be done.
    pub(crate) fn keep(&self) -> bool {
        let kept = self.disk.commit();
        if let Err(error) = &kept {
            note!("holm: {}: {error}", shown(&self.path.display().to_string()));
        }
        kept.is_ok()
    }
}

fn say_mended(image: &Path, disk: &Disk) {
    for what in disk.recovery() {
        note!("holm: {}: {what}", shown(&image.display().to_string()));
    }
}

/// Opens a disk, and says what was mended.
fn open(image: &Path, mode: OpenMode) -> Result<Disk, CommandError> {
    let disk = open_disk(image, mode).map_err(CommandError::failed)?;
    say_mended(image, &disk);
    Ok(disk)
}

/// `IMAGE:/PATH` taken apart: the image, and the names on the way.
fn on_disk(place: &str) -> Option<(PathBuf, Vec<String>)> {
    let (image, path) = place.split_once(":/")?;
    if image.is_empty() {
        return None;
    }
    Some((PathBuf::from(image), names(path)))
}

fn names(path: &str) -> Vec<String> {
    let names = path.split('/').filter(|name| !matches!(*name, "" | "."));
    names.map(str::to_owned).collect()
}

/// The directory at these names; links are not followed.
fn walk(root: Arc<dyn Directory>, names: &[String]) -> Result<Arc<dyn Directory>, Errno> {
    names.iter().try_fold(root, |directory, name| {
        if name == ".." || name.len() > holm_os::abi::NAME_MAX {
            return Err(Errno::Invalid);
        }
        match directory.lookup(name)? {
            Lookup::Directory(child) => Ok(child),
            _ => Err(Errno::NotDirectory),
        }
    })
}

/// Why something on a disk cannot be done: the errno, and what the disk knows of it.
fn cannot(what: &str, path: &str, errno: Errno, disks: &[&Disk]) -> CommandError {
    let problem = disks.iter().find_map(|disk| disk.problem());
    let path = shown(path);
    match problem {
        Some(problem) if matches!(errno, Errno::Io | Errno::NoSpace) => {
            CommandError::failed(format_args!("cannot {what} {path}: {problem}"))
        }
        _ => CommandError::failed(format_args!("cannot {what} {path}: {}", errno.words())),
    }
}

//! `holm disk ls`: what is on a disk.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holm_command_line::CommandError;
use holm_command_line::explain::text::shown;
use holm_os::abi::{Errno, FileType, Stat};
use holm_os::disk_image::OpenMode;
use holm_os::kernel::vfs::Directory;

use super::{cannot, names, on_disk, open, walk};

pub(super) fn run(place: &str, recursive: bool) -> Result<u8, CommandError> {
    let (image, path) = split(place);
    let disk = open(&image, OpenMode::ReadOnly)?;
    let fail = |errno| cannot("list", place, errno, &[&disk]);
    let Some((last, above)) = path.split_last() else {
        list(&disk.root(), "", recursive).map_err(fail)?;
        return Ok(0);
    };
    let parent = walk(disk.root(), above).map_err(fail)?;
    if parent.stat_at(last).map_err(fail)?.file_type == FileType::Directory {
        let directory = walk(parent, std::slice::from_ref(last)).map_err(fail)?;
        list(&directory, "", recursive).map_err(fail)?;
    } else {
        line(&*parent, last, "").map_err(fail)?;
    }
    Ok(0)
}

/// `FILE[:PATH]`: a file of that very name is meant before anything else.
fn split(place: &str) -> (PathBuf, Vec<String>) {
    if Path::new(place).exists() {
        return (PathBuf::from(place), Vec::new());
    }
    on_disk(place).unwrap_or_else(|| match place.rsplit_once(':') {
        Some((image, path)) => (PathBuf::from(image), names(path)),
        None => (PathBuf::from(place), Vec::new()),
    })
}

/// The names in a directory, in order.
pub(super) fn entries(directory: &dyn Directory) -> Result<Vec<(String, FileType)>, Errno> {
    let mut entries = Vec::new();
    directory.read_dir(0, &mut |entry| {
        entries.push((entry.name.to_owned(), entry.file_type));
        ControlFlow::Continue(())
    })?;
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(entries)
}

fn list(directory: &Arc<dyn Directory>, prefix: &str, recursive: bool) -> Result<(), Errno> {
    // Directories still to be listed: a stack, as a disk may nest them deeper than ours is.
    let mut pending = vec![(Arc::clone(directory), prefix.to_owned())];
    while let Some((directory, prefix)) = pending.pop() {
        let entries = entries(&*directory)?;
        for (name, _) in &entries {
            line(&*directory, name, &prefix)?;
        }
        if recursive {
            for (name, _) in entries
                .iter()
                .rev()
                .filter(|(_, it)| *it == FileType::Directory)
            {
                let child = walk(Arc::clone(&directory), std::slice::from_ref(name))?;
                pending.push((child, format!("{prefix}{name}/")));
            }
        }
    }
    Ok(())
}

/// One entry: size, time of the last change, name.
fn line(directory: &dyn Directory, name: &str, prefix: &str) -> Result<(), Errno> {
    let stat = directory.stat_at(name)?;
    let shown_name = shown(&format!("{prefix}{name}"));
    let time = time(&stat);
    match stat.file_type {
        FileType::Directory => show!("{:>12}  {time}  {shown_name}/", "-"),
        FileType::SymbolicLink => {
            let target = shown(&directory.read_link_at(name)?);
            show!("{:>12}  {time}  {shown_name} -> {target}", "-");
        }
        _ => show!("{:>12}  {time}  {shown_name}", stat.size),
    }
    Ok(())
}

/// The last change in UTC: `2026-11-23 17:05`.
fn time(stat: &Stat) -> String {
    let seconds = stat.modified_ns / 1_000_000_000;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Civil from days (Howard Hinnant): years that begin in March, in eras of 400.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (rest / 3_600, rest % 3_600 / 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

#[cfg(test)]
mod tests {
    use super::{Stat, time};

    #[test]
    fn times_are_those_of_the_calendar() {
        let at = |seconds: u64| {
            time(&Stat {
                modified_ns: seconds * 1_000_000_000,
                ..Stat::default()
            })
        };
        assert_eq!(at(0), "1970-01-01 00:00");
        assert_eq!(at(951_782_399), "2000-02-28 23:59");
        assert_eq!(at(951_782_400), "2000-02-29 00:00");
        assert_eq!(at(1_795_453_500), "2026-11-23 17:05");
    }
}

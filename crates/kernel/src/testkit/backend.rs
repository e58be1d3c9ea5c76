//! The suite that every writable backend must pass.
//!
//! Each scenario gets a fresh, empty root. What backends may decide for themselves (the
//! size of a directory, link counts of directories, access times, `ENOTEMPTY` or `EEXIST`
//! by another name) is not asked.

mod files;
mod listing;
mod names;
mod rename;

use std::io::IoSlice;
use std::sync::Arc;

use super::model::Model;
use super::simulate::Simulation;
use crate::vfs::{Directory, File, Lookup, OpenOptions, Opened, Result};

type Scenario = fn(&dyn Directory);

/// Every scenario, by name.
const SCENARIOS: &[(&str, Scenario)] = &[
    ("create", names::create),
    ("open what is there", names::open_existing),
    ("open exclusively", names::exclusive),
    ("truncate on opening", names::truncate),
    ("unlink", names::unlink),
    ("directories", names::directories),
    ("hard links", names::hard_links),
    ("symbolic links", names::symbolic_links),
    ("a removed directory", names::removed_directory),
    ("names", names::odd_names),
    ("times of names", names::times),
    ("rename a file", rename::file),
    ("rename a directory", rename::directory),
    ("rename into itself", rename::into_itself),
    ("rename onto itself", rename::onto_itself),
    ("rename across directories", rename::across),
    ("rename while open", rename::while_open),
    ("read and write", files::read_and_write),
    ("vectored writes", files::vectored),
    ("append", files::append),
    ("set size", files::set_size),
    ("sparse files", files::sparse),
    ("allocate", files::allocate),
    ("sizes beyond all", files::too_big),
    ("times of files", files::times),
    ("synchronise", files::synchronise),
    ("list", listing::whole),
    ("list in small steps", listing::small_steps),
    ("list while entries go", listing::while_entries_go),
    ("list while entries come", listing::while_entries_come),
    ("list while renaming", listing::while_renaming),
];

/// Runs the suite on the backends that `make` gives: each an empty, writable root, on its
/// own.
///
/// # Panics
///
/// When the backend does not do what [`Directory`] and [`File`] promise.
#[expect(
    clippy::print_stderr,
    reason = "a failing scenario is named by the last line that its test captured"
)]
pub fn check_backend(make: &mut dyn FnMut() -> Arc<dyn Directory>) {
    for (name, scenario) in SCENARIOS {
        eprintln!("scenario: {name}");
        scenario(&*make());
    }
    for seed in 0..4 {
        Simulation::new(seed, 400).run(&make(), &mut Model::new());
    }
}

const READ: OpenOptions = OpenOptions {
    read: true,
    write: false,
    create: false,
    exclusive: false,
    truncate: false,
    directory: false,
    data_sync: false,
    sync: false,
};

const WRITE: OpenOptions = OpenOptions {
    write: true,
    ..READ
};

const CREATE: OpenOptions = OpenOptions {
    create: true,
    ..WRITE
};

#[track_caller]
fn open(directory: &dyn Directory, name: &str, options: OpenOptions) -> Arc<dyn File> {
    match directory.open_at(name, options) {
        Ok(Opened::File(file)) => file,
        other => panic!("{name} should open as a file, not as {other:?}"),
    }
}

/// Creates or replaces a file with these bytes.
#[track_caller]
fn put(directory: &dyn Directory, name: &str, bytes: &[u8]) -> Arc<dyn File> {
    let truncating = OpenOptions {
        truncate: true,
        ..CREATE
    };
    let file = open(directory, name, truncating);
    assert_eq!(write_all(&*file, 0, bytes), Ok(()), "writing {name}");
    file
}

fn write_all(file: &dyn File, offset: u64, bytes: &[u8]) -> Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        let at = offset + u64::try_from(done).expect("invariant: lengths fit 64 bits");
        let written = file.write_at(at, &[IoSlice::new(&bytes[done..])])?;
        assert!(written > 0, "a write of something wrote nothing");
        done += written;
    }
    Ok(())
}

/// Bytes of the file `name`.
#[track_caller]
fn content(directory: &dyn Directory, name: &str) -> Vec<u8> {
    super::model::read_all(&*open(directory, name, READ))
}

#[track_caller]
fn enter(directory: &dyn Directory, name: &str) -> Arc<dyn Directory> {
    match directory.lookup(name) {
        Ok(Lookup::Directory(child)) => child,
        other => panic!("{name} should be a directory, not {other:?}"),
    }
}

#[track_caller]
fn make_directory(directory: &dyn Directory, name: &str) -> Arc<dyn Directory> {
    assert_eq!(directory.create_directory_at(name), Ok(()), "making {name}");
    enter(directory, name)
}

/// The names in a directory, sorted.
#[track_caller]
fn names_in(directory: &dyn Directory) -> Vec<String> {
    let listed = super::model::list(directory);
    let mut names: Vec<String> = listed.into_iter().map(|(name, ..)| name).collect();
    names.sort();
    names
}

/// The errno of an opening that should fail.
#[track_caller]
fn open_error(directory: &dyn Directory, name: &str, options: OpenOptions) -> holm_abi::Errno {
    match directory.open_at(name, options) {
        Err(errno) => errno,
        Ok(opened) => panic!("{name} should not open, but gave {opened:?}"),
    }
}

//! Tests of host directories: the backend suite, escapes, races, FIFOs, large listings.

use std::collections::BTreeMap;
use std::fs;
use std::io::IoSlice;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use holm_abi::{Errno, FileType, SetTime, SetTimes};
use holm_kernel::testkit::backend::check_backend;
use holm_kernel::vfs::{Directory, File, Lookup, OpenOptions, Opened, Stream};
use tempfile::{TempDir, tempdir};

use super::HostDirectory;
use crate::error::HostError;

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
    read: false,
    write: true,
    ..READ
};
const CREATE: OpenOptions = OpenOptions {
    create: true,
    read: true,
    ..WRITE
};

fn root() -> (TempDir, Arc<dyn Directory>) {
    let place = tempdir().expect("a temporary directory");
    let directory = HostDirectory::open(place.path()).expect("it was just made");
    (place, directory)
}

#[track_caller]
fn open_file(directory: &dyn Directory, name: &str, options: OpenOptions) -> Arc<dyn File> {
    match directory.open_at(name, options) {
        Ok(Opened::File(file)) => file,
        other => panic!("{name}: {other:?}"),
    }
}

#[track_caller]
fn open_stream(directory: &dyn Directory, name: &str, options: OpenOptions) -> Arc<dyn Stream> {
    match directory.open_at(name, options) {
        Ok(Opened::Stream(stream)) => stream,
        other => panic!("{name}: {other:?}"),
    }
}

#[track_caller]
fn refused(directory: &dyn Directory, name: &str, options: OpenOptions) -> Errno {
    directory
        .open_at(name, options)
        .expect_err("it must not open")
}

#[test]
fn passes_the_backend_suite() {
    let mut places = Vec::new();
    check_backend(&mut || {
        let (place, directory) = root();
        places.push(place);
        directory
    });
}

#[test]
fn what_cannot_be_mounted_is_named() {
    let (place, _) = root();
    let file = place.path().join("file");
    fs::write(&file, "x").expect("writing");
    let open = |path: &Path| HostDirectory::open(path).expect_err("it must not open");
    assert!(matches!(
        open(&place.path().join("none")),
        HostError::NotFound { .. }
    ));
    assert!(matches!(open(&file), HostError::NotDirectory { .. }));
    let ring = place.path().join("ring");
    symlink("ring", &ring).expect("linking");
    assert!(matches!(open(&ring), HostError::Loop { .. }));
    let message = open(&file).to_string();
    assert!(message.contains("is not a directory"), "{message}");
}

#[test]
fn a_name_is_one_component() {
    let (place, directory) = root();
    fs::write(place.path().join("file"), "x").expect("writing");
    let above = place.path().join("below");
    fs::create_dir(&above).expect("making");
    let below = HostDirectory::open(&above).expect("opening");
    for name in ["", ".", "..", "../file", "/etc/passwd", "a/b", "file/"] {
        assert_eq!(below.stat_at(name), Err(Errno::Invalid), "{name:?}");
        assert_eq!(refused(&*below, name, CREATE), Errno::Invalid, "{name:?}");
        assert_eq!(
            below.lookup(name).map(|_| ()),
            Err(Errno::Invalid),
            "{name:?}"
        );
        assert_eq!(below.unlink_at(name), Err(Errno::Invalid), "{name:?}");
        assert_eq!(
            below.rename_at("x", &*directory, name),
            Err(Errno::Invalid),
            "{name:?}"
        );
    }
    assert!(below.stat_at("nul\0byte").is_err());
    for names in ["../below", "x/../..", "/", "a//b"] {
        assert!(below.descend(names).is_none(), "{names:?}");
    }
}

#[test]
fn links_are_answered_and_never_followed() {
    let (place, directory) = root();
    let outside = tempdir().expect("a temporary directory");
    fs::write(outside.path().join("canary"), "secret").expect("writing");
    symlink(outside.path().join("canary"), place.path().join("file")).expect("linking");
    symlink(outside.path(), place.path().join("dir")).expect("linking");
    let text = outside
        .path()
        .join("canary")
        .to_str()
        .expect("UTF-8")
        .to_owned();
    for options in [
        READ,
        WRITE,
        CREATE,
        OpenOptions {
            truncate: true,
            ..WRITE
        },
        OpenOptions {
            directory: true,
            ..READ
        },
    ] {
        match directory.open_at("file", options) {
            Ok(Opened::Symlink(found)) => assert_eq!(found, text),
            other => panic!("{options:?}: {other:?}"),
        }
        assert!(
            matches!(directory.open_at("dir", options), Ok(Opened::Symlink(_))),
            "{options:?}"
        );
    }
    let exclusive = OpenOptions {
        exclusive: true,
        ..CREATE
    };
    assert_eq!(refused(&*directory, "file", exclusive), Errno::Exist);
    assert!(matches!(directory.lookup("dir"), Ok(Lookup::Symlink(_))));
    assert!(directory.descend("dir").is_none());
    assert_eq!(
        directory.stat_at("file").map(|s| s.file_type),
        Ok(FileType::SymbolicLink)
    );
    let times = SetTimes {
        accessed: SetTime::At(1),
        modified: SetTime::At(1),
    };
    directory
        .set_times_at("file", times)
        .expect("the link's own times");
    directory
        .link_at("file", &*directory, "again")
        .expect("another name of the link");
    assert!(matches!(directory.lookup("again"), Ok(Lookup::Symlink(_))));
    directory.unlink_at("file").expect("the link itself");
    let canary = outside.path().join("canary");
    assert_eq!(fs::read_to_string(&canary).expect("still there"), "secret");
    assert!(
        fs::metadata(&canary)
            .expect("still there")
            .modified()
            .expect("a time")
            .elapsed()
            .is_ok()
    );
}

/// A thread of the host swaps a directory and a link to the outside as fast as it can;
/// no way of reaching a name through it may ever lead outside.
#[test]
fn swapping_a_directory_for_a_link_never_leads_outside() {
    let (place, directory) = root();
    let outside = tempdir().expect("a temporary directory");
    fs::write(outside.path().join("name"), "outside").expect("writing");
    fs::create_dir(outside.path().join("deep")).expect("making");
    fs::write(outside.path().join("deep").join("name"), "outside").expect("writing");
    let inside = place.path().join("inside");
    fs::create_dir_all(inside.join("deep")).expect("making");
    fs::write(inside.join("name"), "inside").expect("writing");
    fs::write(inside.join("deep").join("name"), "inside").expect("writing");
    symlink(outside.path(), place.path().join("link")).expect("linking");
    let path = |name: &str| place.path().join(name);
    let done = AtomicBool::new(false);
    let (mut read, mut links) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for (from, to) in [
                    ("inside", "swap"),
                    ("swap", "inside"),
                    ("link", "swap"),
                    ("swap", "link"),
                ] {
                    fs::rename(path(from), path(to)).expect("renaming");
                }
            }
        });
        let check = |below: &dyn Directory| -> bool {
            assert!(below.stat_at("deep").is_ok());
            let Ok(Opened::File(file)) = below.open_at("name", READ) else {
                return false;
            };
            let mut buffer = [0; 16];
            let count = file.read_at(0, &mut buffer).expect("reading");
            assert_eq!(&buffer[..count], b"inside", "the canary was read");
            true
        };
        let end = Instant::now() + Duration::from_millis(1500);
        while Instant::now() < end {
            match directory.lookup("swap") {
                Ok(Lookup::Directory(below)) => read += usize::from(check(&*below)),
                Ok(Lookup::Symlink(_)) => links += 1,
                _ => {}
            }
            match directory.open_at(
                "swap",
                OpenOptions {
                    directory: true,
                    ..READ
                },
            ) {
                Ok(Opened::Directory(below)) => read += usize::from(check(&*below)),
                Ok(Opened::Symlink(_)) => links += 1,
                _ => {}
            }
            if let Some(below) = directory.descend("swap/deep") {
                read += usize::from(matches!(below.open_at("name", READ), Ok(Opened::File(_))));
                let file = open_file(&*below, "name", READ);
                let mut buffer = [0; 16];
                let count = file.read_at(0, &mut buffer).expect("reading");
                assert_eq!(&buffer[..count], b"inside", "the canary was read");
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(
        read > 0 && links > 0,
        "both were met: {read} directories, {links} links"
    );
}

#[test]
fn fifos_do_not_block() {
    let (place, directory) = root();
    let path = place.path().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .expect("making a FIFO");
    assert_eq!(
        directory.stat_at("fifo").map(|s| s.file_type),
        Ok(FileType::Unknown)
    );
    assert_eq!(refused(&*directory, "fifo", WRITE), Errno::NoSuchDevice);
    assert!(matches!(directory.lookup("fifo"), Ok(Lookup::Other)));
    let reader = open_stream(&*directory, "fifo", READ);
    let mut buffer = [0; 8];
    assert_eq!(
        reader.read(&mut buffer, Waker::noop()),
        Poll::Pending,
        "no writer yet"
    );
    let writer = open_stream(&*directory, "fifo", WRITE);
    assert_eq!(
        reader.read(&mut buffer, Waker::noop()),
        Poll::Pending,
        "nothing written yet"
    );
    assert_eq!(
        writer.write(&[IoSlice::new(b"hi")], Waker::noop()),
        Poll::Ready(Ok(2))
    );
    assert_eq!(reader.read(&mut buffer, Waker::noop()), Poll::Ready(Ok(2)));
    let large = vec![7; 1 << 20];
    let filled = writer.write(&[IoSlice::new(&large)], Waker::noop());
    assert!(
        matches!(filled, Poll::Ready(Ok(count)) if count < large.len()),
        "{filled:?}"
    );
    assert_eq!(
        writer.write(&[IoSlice::new(&large)], Waker::noop()),
        Poll::Pending,
        "full"
    );
    drop(writer);
    let mut rest = vec![0; 1 << 20];
    assert!(matches!(reader.read(&mut rest, Waker::noop()), Poll::Ready(Ok(count)) if count > 0));
    assert_eq!(
        reader.read(&mut rest, Waker::noop()),
        Poll::Ready(Ok(0)),
        "the end"
    );
}

#[test]
fn sockets_and_devices_are_not_opened() {
    let (place, directory) = root();
    let _socket =
        std::os::unix::net::UnixListener::bind(place.path().join("socket")).expect("binding");
    assert_eq!(refused(&*directory, "socket", READ), Errno::NoSuchDevice);
    assert_eq!(
        directory.stat_at("socket").map(|s| s.file_type),
        Ok(FileType::SocketStream)
    );
    let devices = HostDirectory::open(Path::new("/dev")).expect("every host has one");
    assert_eq!(refused(&*devices, "null", READ), Errno::Access);
    assert_eq!(refused(&*devices, "zero", WRITE), Errno::Access);
    assert_eq!(
        devices.stat_at("null").map(|s| s.file_type),
        Ok(FileType::CharacterDevice)
    );
}

fn list(directory: &dyn Directory, batch: usize, between: &mut dyn FnMut(usize)) -> Vec<String> {
    let mut names = Vec::new();
    let mut cursor = 0;
    loop {
        let mut left = batch;
        let before = names.len();
        directory
            .read_dir(cursor, &mut |entry| {
                // As the kernel does when the guest's buffer is full: the entry that no
                // longer fits is asked for again.
                if left == 0 {
                    return ControlFlow::Break(());
                }
                left -= 1;
                cursor = entry.next;
                names.push(entry.name.to_owned());
                ControlFlow::Continue(())
            })
            .expect("listing");
        if names.len() == before {
            return names;
        }
        between(names.len());
    }
}

#[test]
fn large_directories_are_listed_exactly_once_while_entries_go() {
    const ENTRIES: usize = 100_000;
    let (place, _) = root();
    let large = place.path().join("large");
    fs::create_dir(&large).expect("making");
    for index in 0..ENTRIES {
        fs::File::create(large.join(format!("entry-{index}"))).expect("creating");
    }
    let walked = HostDirectory::open(&large).expect("opening");
    let parent = HostDirectory::open(place.path()).expect("opening");
    let opened = match parent.open_at(
        "large",
        OpenOptions {
            directory: true,
            ..READ
        },
    ) {
        Ok(Opened::Directory(directory)) => directory,
        other => panic!("{other:?}"),
    };
    let mut removed = 0;
    for (directory, batch) in [(&walked, 97), (&opened, 1009)] {
        let mut seen = BTreeMap::<String, u32>::new();
        let from = removed;
        for name in list(&**directory, batch, &mut |_| {
            // Every second one of what is left goes, a few at a time.
            for _ in 0..batch / 8 {
                if removed + 2 < ENTRIES {
                    removed += 2;
                    let _ = fs::remove_file(large.join(format!("entry-{removed}")));
                }
            }
        }) {
            *seen.entry(name).or_default() += 1;
        }
        assert!(removed > from, "something was removed meanwhile");
        assert!(seen.values().all(|count| *count == 1), "nothing twice");
        for index in (1..ENTRIES).step_by(2) {
            assert!(
                seen.contains_key(&format!("entry-{index}")),
                "entry-{index} is missing"
            );
        }
        removed = 0;
    }
}

#[test]
fn two_listings_of_one_directory_do_not_disturb_each_other() {
    let (place, _) = root();
    fs::create_dir(place.path().join("d")).expect("making");
    for index in 0..3000 {
        fs::File::create(place.path().join("d").join(format!("{index}"))).expect("creating");
    }
    let parent = HostDirectory::open(place.path()).expect("opening");
    let Ok(Opened::Directory(shared)) = parent.open_at("d", READ) else {
        panic!("a directory")
    };
    std::thread::scope(|scope| {
        for batch in [1, 7, 64, 5000] {
            let shared = &shared;
            scope.spawn(move || {
                for _ in 0..4 {
                    let mut names = list(&**shared, batch, &mut |_| ());
                    names.sort();
                    names.dedup();
                    assert_eq!(names.len(), 3000, "in steps of {batch}");
                }
            });
        }
    });
}

#[test]
fn names_that_are_no_utf8_are_listed_lossily() {
    let (place, directory) = root();
    let odd = std::ffi::OsStr::from_bytes(b"caf\xe9");
    fs::write(place.path().join(odd), "x").expect("writing");
    symlink(odd, place.path().join("link")).expect("linking");
    let names = list(&*directory, 10, &mut |_| ());
    assert!(names.contains(&"caf\u{fffd}".to_owned()), "{names:?}");
    assert_eq!(directory.stat_at("caf\u{fffd}"), Err(Errno::NoEntry));
    assert_eq!(directory.read_link_at("link"), Err(Errno::IllegalSequence));
}

#[test]
fn appends_of_two_openings_lose_nothing() {
    let (place, directory) = root();
    let first = open_file(&*directory, "log", CREATE);
    let second = open_file(&*directory, "log", CREATE);
    std::thread::scope(|scope| {
        for (file, byte) in [(&first, b'a'), (&second, b'b')] {
            scope.spawn(move || {
                let mut last = 0;
                for _ in 0..500 {
                    let (count, end) = file
                        .append(&[IoSlice::new(&[byte; 7]), IoSlice::new(&[byte])])
                        .expect("appending");
                    assert_eq!(count, 8);
                    assert!(end > last && end % 8 == 0, "{end}");
                    last = end;
                }
            });
        }
    });
    let text = fs::read(place.path().join("log")).expect("reading");
    assert_eq!(text.len(), 8000);
    assert!(
        text.chunks(8)
            .all(|line| line.iter().all(|byte| *byte == line[0]))
    );
}

#[test]
fn synchronous_writes_can_be_switched_after_opening() {
    let (_place, directory) = root();
    let file = open_file(
        &*directory,
        "f",
        OpenOptions {
            data_sync: true,
            ..CREATE
        },
    );
    assert_eq!(file.write_at(0, &[IoSlice::new(b"one")]), Ok(3));
    assert_eq!(file.set_sync(false, true), Ok(()));
    assert_eq!(file.write_at(3, &[IoSlice::new(b"two")]), Ok(3));
    assert_eq!(file.append(&[IoSlice::new(b"!")]), Ok((1, 7)));
    assert_eq!(file.set_sync(false, false), Ok(()));
    assert_eq!(file.write_at(0, &[]), Ok(0));
    assert_eq!(file.stat().map(|stat| stat.size), Ok(7));
}

#[test]
fn errors_are_the_precise_ones() {
    let (_place, directory) = root();
    directory.create_directory_at("d").expect("making");
    open_file(&*directory, "f", CREATE);
    let full = match directory.lookup("d") {
        Ok(Lookup::Directory(full)) => full,
        other => panic!("{other:?}"),
    };
    open_file(&*full, "x", CREATE);
    assert_eq!(refused(&*directory, "d", WRITE), Errno::IsDirectory);
    assert_eq!(
        refused(
            &*directory,
            "f",
            OpenOptions {
                directory: true,
                ..READ
            }
        ),
        Errno::NotDirectory
    );
    assert_eq!(refused(&*directory, "none", READ), Errno::NoEntry);
    assert_eq!(directory.unlink_at("d"), Err(Errno::IsDirectory));
    assert_eq!(directory.remove_directory_at("d"), Err(Errno::NotEmpty));
    assert_eq!(directory.remove_directory_at("f"), Err(Errno::NotDirectory));
    assert_eq!(
        directory.link_at("d", &*full, "e"),
        Err(Errno::NotPermitted)
    );
    assert_eq!(directory.rename_at("d", &*full, "e"), Err(Errno::Invalid));
    assert_eq!(directory.read_link_at("f"), Err(Errno::Invalid));
    assert_eq!(directory.create_directory_at("f"), Err(Errno::Exist));
    assert_eq!(directory.stat_at(&"n".repeat(256)), Err(Errno::NameTooLong));
    directory.sync(false).expect("flushing");
    directory.sync(true).expect("flushing");
    directory
        .set_times(SetTimes {
            accessed: SetTime::Keep,
            modified: SetTime::At(5_000_000_123),
        })
        .expect("setting times");
    assert_eq!(
        directory.stat().map(|stat| stat.modified_ns),
        Ok(5_000_000_123)
    );
}

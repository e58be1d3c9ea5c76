//! The cases: the kernel's suite for backends, and what only directories of a host can show.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::{Poll, Waker};

use holm_abi::{Errno, FileType, SetTime, SetTimes};
use holm_host_web::host_directory::{HostDirectory, look, wait_ns};
use holm_kernel::testkit::backend::check_backend;
use holm_kernel::vfs::{Directory, File, Interest, Lookup, OpenOptions, Opened, Stream};

use super::place;

/// Every case, by name.
pub(crate) const CASES: &[(&str, fn())] = &[
    ("the suite passes", the_suite_passes),
    (
        "what cannot be mounted is named",
        what_cannot_be_mounted_is_named,
    ),
    ("a name is one component", a_name_is_one_component),
    (
        "links are answered and never followed",
        links_are_answered_and_never_followed,
    ),
    ("swapping never leads outside", swapping_never_leads_outside),
    ("FIFOs do not block", fifos_do_not_block),
    (
        "sockets and devices are not opened",
        sockets_and_devices_are_not_opened,
    ),
    (
        "large directories while entries go",
        large_directories_while_entries_go,
    ),
    ("names that are not UTF-8", names_that_are_not_utf8),
    ("appends follow each other", appends_follow_each_other),
    ("times are exact", times_are_exact),
    ("errors are the precise ones", errors_are_the_precise_ones),
    ("memory may grow", memory_may_grow),
    ("handles are closed", handles_are_closed),
];

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
const DIRECTORY: OpenOptions = OpenOptions {
    directory: true,
    ..READ
};

fn root(name: &str) -> Arc<dyn Directory> {
    HostDirectory::open(&place(name)).expect("the script made it")
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

fn content(file: &dyn File) -> Vec<u8> {
    let mut buffer = vec![0; 4096];
    let count = file.read_at(0, &mut buffer).expect("reading");
    buffer.truncate(count);
    buffer
}

fn the_suite_passes() {
    check_backend(&mut || root("fresh"));
}

fn what_cannot_be_mounted_is_named() {
    let message = |name: &str| {
        HostDirectory::open(&place(name))
            .expect_err("it must not open")
            .to_string()
    };
    assert!(message("none").ends_with("none does not exist; create it first, or correct the path"));
    assert!(message("file").contains("is not a directory"));
    assert!(message("ring").contains("too many symbolic links"));
}

fn a_name_is_one_component() {
    let below = root("fresh");
    let other = root("fresh");
    for name in [
        "",
        ".",
        "..",
        "../file",
        "/etc/passwd",
        "a/b",
        "file/",
        "nul\0byte",
    ] {
        assert_eq!(below.stat_at(name), Err(Errno::Invalid), "{name:?}");
        assert_eq!(refused(&*below, name, CREATE), Errno::Invalid, "{name:?}");
        let looked = below.lookup(name).map(|_| ());
        assert_eq!(looked, Err(Errno::Invalid), "{name:?}");
        assert_eq!(below.unlink_at(name), Err(Errno::Invalid), "{name:?}");
        let renamed = below.rename_at("x", &*other, name);
        assert_eq!(renamed, Err(Errno::Invalid), "{name:?}");
    }
}

/// `links` holds `file` and `dir`, links to `outside/canary` and `outside`.
fn links_are_answered_and_never_followed() {
    let directory = root("links");
    let truncating = OpenOptions {
        truncate: true,
        ..WRITE
    };
    for options in [READ, WRITE, CREATE, truncating, DIRECTORY] {
        for name in ["file", "dir"] {
            match directory.open_at(name, options) {
                Ok(Opened::Symlink(text)) => assert!(text.contains("outside"), "{text}"),
                other => panic!("{name} {options:?}: {other:?}"),
            }
        }
    }
    let exclusive = OpenOptions {
        exclusive: true,
        ..CREATE
    };
    assert_eq!(refused(&*directory, "file", exclusive), Errno::Exist);
    assert!(matches!(directory.lookup("dir"), Ok(Lookup::Symlink(_))));
    let stat = directory.stat_at("file").expect("a stat");
    assert_eq!(stat.file_type, FileType::SymbolicLink);
    let times = SetTimes {
        accessed: SetTime::At(1_000_000_000),
        modified: SetTime::At(1_000_000_000),
    };
    assert_eq!(directory.set_times_at("file", times), Ok(()));
    let stat = directory.stat_at("file").expect("a stat");
    assert_eq!(stat.modified_ns, 1_000_000_000, "the link's own times");
    assert_eq!(directory.link_at("file", &*directory, "again"), Ok(()));
    assert!(matches!(directory.lookup("again"), Ok(Lookup::Symlink(_))));
    assert_eq!(directory.unlink_at("file"), Ok(()), "the link itself");
}

/// In `swapping`, a thread of the host swaps `swap` between a directory with the file `name`
/// and a link to one outside, as fast as it can.
fn swapping_never_leads_outside() {
    let directory = root("swapping");
    let (mut files, mut links) = (0, 0);
    let mut check = |below: &dyn Directory| {
        assert!(below.stat_at("deep").is_ok());
        if let Ok(Opened::File(file)) = below.open_at("name", READ) {
            assert_eq!(content(&*file), b"inside", "the canary was read");
            files += 1;
        }
    };
    for _ in 0..6000 {
        match directory.lookup("swap") {
            Ok(Lookup::Directory(below)) => check(&*below),
            Ok(Lookup::Symlink(_)) => links += 1,
            _ => {}
        }
        match directory.open_at("swap", DIRECTORY) {
            Ok(Opened::Directory(below)) => check(&*below),
            Ok(Opened::Symlink(_)) => links += 1,
            _ => {}
        }
    }
    assert!(
        files > 0 && links > 0,
        "both were met: {files} files, {links} links"
    );
}

/// `special` holds a FIFO `fifo` and a socket `socket`.
fn fifos_do_not_block() {
    let directory = root("special");
    let stat = directory.stat_at("fifo").expect("a stat");
    assert_eq!(stat.file_type, FileType::Unknown);
    assert_eq!(refused(&*directory, "fifo", WRITE), Errno::NoSuchDevice);
    assert!(matches!(directory.lookup("fifo"), Ok(Lookup::Other)));
    let waker = Waker::noop();
    let mut buffer = [0; 8];
    let reader = open_stream(&*directory, "fifo", READ);
    assert_eq!(reader.read(&mut buffer, waker), Poll::Pending, "no writer");
    assert_eq!(wait_ns(), Some(0), "the worker is to look again");
    assert!(look());
    assert_eq!(wait_ns(), None);
    assert!(reader.read(&mut buffer, waker).is_pending());
    assert!(wait_ns().is_some_and(|ns| ns > 0), "but not all the time");
    assert!(!look());
    let writer = open_stream(&*directory, "fifo", WRITE);
    assert_eq!(reader.read(&mut buffer, waker), Poll::Pending, "no bytes");
    assert!(reader.readiness(Interest::Read, waker).is_pending());
    let hi = [IoSlice::new(b"h"), IoSlice::new(b""), IoSlice::new(b"i")];
    assert_eq!(writer.write(&hi, waker), Poll::Ready(Ok(2)));
    let ready = reader.readiness(Interest::Read, waker);
    assert!(matches!(ready, Poll::Ready(Ok(ready)) if ready.bytes == 2 && !ready.hangup));
    assert_eq!(reader.read(&mut buffer[..1], waker), Poll::Ready(Ok(1)));
    assert_eq!(reader.read(&mut buffer[1..], waker), Poll::Ready(Ok(1)));
    assert_eq!(&buffer[..2], b"hi");
    let large = vec![7; 1 << 20];
    let filled = writer.write(&[IoSlice::new(&large)], waker);
    assert!(
        matches!(filled, Poll::Ready(Ok(count)) if count < large.len()),
        "{filled:?}"
    );
    let full = writer.write(&[IoSlice::new(&large)], waker);
    assert_eq!(full, Poll::Pending, "full");
    drop(writer);
    let mut rest = vec![0; 1 << 20];
    assert!(matches!(reader.read(&mut rest, waker), Poll::Ready(Ok(count)) if count > 0));
    assert_eq!(reader.read(&mut rest, waker), Poll::Ready(Ok(0)), "the end");
}

fn sockets_and_devices_are_not_opened() {
    let directory = root("special");
    assert_eq!(refused(&*directory, "socket", READ), Errno::NoSuchDevice);
    let stat = directory.stat_at("socket").expect("a stat");
    assert_eq!(stat.file_type, FileType::SocketStream);
    let devices = HostDirectory::open("/dev").expect("every host has one");
    assert_eq!(refused(&*devices, "null", READ), Errno::Access);
    assert_eq!(refused(&*devices, "zero", WRITE), Errno::Access);
    let stat = devices.stat_at("null").expect("a stat");
    assert_eq!(stat.file_type, FileType::CharacterDevice);
}

fn list(directory: &dyn Directory, batch: usize, between: &mut dyn FnMut()) -> Vec<String> {
    let mut names = Vec::new();
    let mut cursor = 0;
    loop {
        let mut left = batch;
        let before = names.len();
        directory
            .read_dir(cursor, &mut |entry| {
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
        between();
    }
}

fn large_directories_while_entries_go() {
    const ENTRIES: usize = 5000;
    let directory = root("fresh");
    for number in 0..ENTRIES {
        drop(open_file(&*directory, &format!("entry-{number}"), CREATE));
    }
    let other = list(&*directory, 100, &mut || ());
    assert_eq!(other.len(), ENTRIES);
    let (mut removed, mut rounds) = (0, 0);
    let mut seen = BTreeMap::<String, u32>::new();
    for name in list(&*directory, 97, &mut || {
        for _ in 0..20 {
            if removed + 2 < ENTRIES {
                removed += 2;
                directory
                    .unlink_at(&format!("entry-{removed}"))
                    .expect("it was there");
            }
        }
        rounds += 1;
        if rounds % 16 == 0 {
            // Another listing of the directory, from its start, at the same time.
            let mut first = None;
            let looked = directory.read_dir(0, &mut |entry| {
                first = Some(entry.next);
                ControlFlow::Break(())
            });
            assert!(looked.is_ok() && first.is_some());
        }
    }) {
        *seen.entry(name).or_default() += 1;
    }
    assert!(removed > 0, "something was removed meanwhile");
    assert!(seen.values().all(|count| *count == 1), "nothing twice");
    for number in (1..ENTRIES).step_by(2) {
        let name = format!("entry-{number}");
        assert!(seen.contains_key(&name), "{name} is missing");
    }
}

/// `bytes` holds a file whose name, and a link `link` whose text, is not UTF-8.
fn names_that_are_not_utf8() {
    let directory = root("bytes");
    let mut listed = Vec::new();
    let done = directory.read_dir(0, &mut |entry| {
        listed.push((entry.name.to_owned(), entry.file_type, entry.inode));
        ControlFlow::Continue(())
    });
    assert_eq!(done, Ok(()));
    listed.sort_by(|one, other| one.0.cmp(&other.0));
    let names: Vec<&str> = listed.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["a\u{fffd}b", "grün", "link"]);
    assert!(listed.iter().all(|(_, _, inode)| *inode != 0));
    assert_eq!(refused(&*directory, "a\u{fffd}b", READ), Errno::NoEntry);
    assert_eq!(directory.read_link_at("link"), Err(Errno::IllegalSequence));
    assert_eq!(content(&*open_file(&*directory, "grün", READ)), b"green");
}

fn appends_follow_each_other() {
    let directory = root("fresh");
    let first = open_file(&*directory, "log", CREATE);
    let second = open_file(&*directory, "log", WRITE);
    let mut end = 0;
    for round in 0..100 {
        let file = if round % 2 == 0 { &first } else { &second };
        let data = [IoSlice::new(b"line "), IoSlice::new(b"two")];
        end += 8;
        assert_eq!(file.append(&data), Ok((8, end)));
    }
    assert_eq!(first.write_at(0, &[IoSlice::new(b"LINE")]), Ok(4));
    assert_eq!(second.append(&[IoSlice::new(b"!")]), Ok((1, 801)));
    // The name may be gone, or be another file's.
    assert_eq!(directory.unlink_at("log"), Ok(()));
    let third = open_file(&*directory, "log", CREATE);
    assert_eq!(first.append(&[IoSlice::new(b"?")]), Ok((1, 802)));
    assert_eq!(third.append(&[IoSlice::new(b"new")]), Ok((3, 3)));
    assert_eq!(content(&*first)[..8], *b"LINE two");
    let reader = open_file(&*directory, "log", READ);
    assert_eq!(reader.append(&[IoSlice::new(b"no")]), Err(Errno::BadFd));
    assert_eq!(first.set_sync(false, true), Ok(()));
    assert_eq!(first.append(&[IoSlice::new(b".")]), Ok((1, 803)));
}

fn times_are_exact() {
    const ACCESSED: u64 = 1_795_452_280_613_859_385;
    const MODIFIED: u64 = 1_234_567_890_987_654_321;
    let path = place("fresh");
    let directory = HostDirectory::open(&path).expect("the script made it");
    let times = |accessed, modified| SetTimes { accessed, modified };
    let file = open_file(&*directory, "f", CREATE);
    let both = times(SetTime::At(ACCESSED), SetTime::At(MODIFIED));
    assert_eq!(file.set_times(both), Ok(()));
    let seen = || {
        let stat = directory.stat_at("f").expect("a stat");
        assert_eq!(file.stat(), Ok(stat));
        (stat.accessed_ns, stat.modified_ns)
    };
    assert_eq!(seen(), (ACCESSED, MODIFIED));
    // A time that is kept stays as exact as it was.
    let one = times(SetTime::At(ACCESSED + 1), SetTime::Keep);
    assert_eq!(directory.set_times_at("f", one), Ok(()));
    assert_eq!(seen(), (ACCESSED + 1, MODIFIED));
    // Others see what the host could keep.
    let other = HostDirectory::open(&path).expect("the script made it");
    let stat = other.stat_at("f").expect("a stat");
    assert!(stat.modified_ns.abs_diff(MODIFIED) <= 1000, "{stat:?}");
    assert_eq!(file.write_at(0, &[IoSlice::new(b"x")]), Ok(1));
    assert!(seen().1 > MODIFIED, "a write is a new time");
    let now = times(SetTime::Keep, SetTime::Now);
    assert_eq!(file.set_times(both), Ok(()));
    assert_eq!(file.set_times(now), Ok(()));
    assert_eq!(seen().0, ACCESSED);
    assert!(seen().1 > ACCESSED / 2);
}

fn errors_are_the_precise_ones() {
    let directory = root("fresh");
    assert_eq!(directory.create_directory_at("d"), Ok(()));
    drop(open_file(&*directory, "f", CREATE));
    let Ok(Lookup::Directory(full)) = directory.lookup("d") else {
        panic!("a directory")
    };
    drop(open_file(&*full, "x", CREATE));
    assert_eq!(refused(&*directory, "d", WRITE), Errno::IsDirectory);
    assert_eq!(refused(&*directory, "f", DIRECTORY), Errno::NotDirectory);
    assert_eq!(refused(&*directory, "none", READ), Errno::NoEntry);
    assert_eq!(directory.unlink_at("d"), Err(Errno::IsDirectory));
    assert_eq!(directory.remove_directory_at("d"), Err(Errno::NotEmpty));
    assert_eq!(directory.remove_directory_at("f"), Err(Errno::NotDirectory));
    let linked = directory.link_at("d", &*full, "e");
    assert_eq!(linked, Err(Errno::NotPermitted));
    assert_eq!(directory.rename_at("d", &*full, "e"), Err(Errno::Invalid));
    assert_eq!(directory.read_link_at("f"), Err(Errno::Invalid));
    assert_eq!(directory.create_directory_at("f"), Err(Errno::Exist));
    assert_eq!(directory.stat_at(&"n".repeat(256)), Err(Errno::NameTooLong));
    assert_eq!(directory.sync(false), Ok(()));
    assert_eq!(full.sync(true), Ok(()));
    let times = SetTimes {
        accessed: SetTime::Keep,
        modified: SetTime::At(5_000_000_123),
    };
    assert_eq!(directory.set_times(times), Ok(()));
    let modified = directory.stat().map(|stat| stat.modified_ns);
    assert_eq!(modified, Ok(5_000_000_123));
}

/// The script's views of the memory are of one size of it.
fn memory_may_grow() {
    let directory = root("fresh");
    let file = open_file(&*directory, "f", CREATE);
    let mut kept = Vec::new();
    for round in 0_u8..8 {
        kept.push(vec![round; 4 << 20]);
        let data = [IoSlice::new(&kept[usize::from(round)][..100])];
        let offset = u64::from(round) * 100;
        assert_eq!(file.write_at(offset, &data), Ok(100));
        assert_eq!(file.stat().map(|stat| stat.size), Ok(offset + 100));
    }
    let bytes = content(&*file);
    assert!((0..800).all(|at| usize::from(bytes[at]) == at / 100));
}

/// The script counts what is open at the end; more at a time than a process may have fails here.
fn handles_are_closed() {
    let directory = root("fresh");
    drop(open_file(&*directory, "f", CREATE));
    assert_eq!(directory.create_directory_at("d"), Ok(()));
    for _ in 0..5000 {
        drop(open_file(&*directory, "f", READ));
        assert!(directory.lookup("d").is_ok());
    }
    for _ in 0..1000 {
        let file = open_file(&*directory, "f", WRITE);
        assert!(file.append(&[IoSlice::new(b"x")]).is_ok());
        assert!(
            directory
                .read_dir(0, &mut |_| ControlFlow::Break(()))
                .is_ok()
        );
    }
}

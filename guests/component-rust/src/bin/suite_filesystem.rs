//! Every function of `wasi:filesystem`, in an empty directory that the first argument names: results and error codes.

use holm_component_guests::check::Checks;
use wasip2::clocks::wall_clock::Datetime;
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{
    Advice, Descriptor, DescriptorFlags, DescriptorType, ErrorCode, NewTimestamp, OpenFlags,
    PathFlags, filesystem_error_code,
};
use wasip2::io::streams::StreamError;

const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;
const READ: DescriptorFlags = DescriptorFlags::READ;
const WRITE: DescriptorFlags = DescriptorFlags::WRITE;

fn main() {
    let mut checks = Checks::new();
    let wanted = std::env::args().nth(1).unwrap_or_else(|| "/d".to_owned());
    let root = get_directories()
        .into_iter()
        .find_map(|(directory, path)| (path == wanted).then_some(directory));
    let Some(root) = root else {
        checks.fail(&format!("no directory is preopened as {wanted}"));
        return checks.finish("suite_filesystem");
    };
    opening(&mut checks, &root);
    contents(&mut checks, &root);
    streams(&mut checks, &root);
    attributes(&mut checks, &root);
    times(&mut checks, &root);
    directories(&mut checks, &root);
    names(&mut checks, &root);
    links(&mut checks, &root);
    identity(&mut checks, &root);
    outside(&mut checks, &root);
    checks.finish("suite_filesystem");
}

/// Opens a file for both ways, made when it is not there.
fn open(root: &Descriptor, path: &str) -> Result<Descriptor, ErrorCode> {
    root.open_at(FOLLOW, path, OpenFlags::CREATE, READ | WRITE)
}

/// Makes a file with this content.
fn file(checks: &mut Checks, root: &Descriptor, path: &str, content: &[u8]) -> Option<Descriptor> {
    let file = checks.ok(&format!("make {path}"), open(root, path))?;
    let written = file.write(content, 0);
    checks.eq(&format!("write {path}"), written, Ok(content.len() as u64));
    Some(file)
}

/// Removes files, each of which must be there.
fn remove(checks: &mut Checks, root: &Descriptor, paths: &[&str]) {
    for path in paths {
        checks.ok(&format!("remove {path}"), root.unlink_file_at(path));
    }
}

fn opening(checks: &mut Checks, root: &Descriptor) {
    let none = OpenFlags::empty();
    checks.err(
        "open what is not there",
        root.open_at(FOLLOW, "missing", none, READ),
        ErrorCode::NoEntry,
    );
    checks.err(
        "open the empty path",
        root.open_at(FOLLOW, "", none, READ),
        ErrorCode::NoEntry,
    );
    checks.ok(
        "create",
        root.open_at(FOLLOW, "o", OpenFlags::CREATE, WRITE),
    );
    let exclusive = OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
    checks.err(
        "create what is there, exclusively",
        root.open_at(FOLLOW, "o", exclusive, WRITE),
        ErrorCode::Exist,
    );
    checks.ok(
        "create exclusively",
        root.open_at(FOLLOW, "p", exclusive, WRITE),
    );
    checks.err(
        "open a file as a directory",
        root.open_at(FOLLOW, "o", OpenFlags::DIRECTORY, READ),
        ErrorCode::NotDirectory,
    );
    checks.err(
        "open below a file",
        root.open_at(FOLLOW, "o/x", none, READ),
        ErrorCode::NotDirectory,
    );
    checks.ok("make a directory", root.create_directory_at("od"));
    checks.ok(
        "open a directory",
        root.open_at(FOLLOW, "od", OpenFlags::DIRECTORY, READ),
    );
    checks.err(
        "open a directory to write",
        root.open_at(FOLLOW, "od", none, WRITE),
        ErrorCode::IsDirectory,
    );
    if let Some(file) = file(checks, root, "o", b"content") {
        checks.ok(
            "truncate",
            root.open_at(FOLLOW, "o", OpenFlags::TRUNCATE, WRITE),
        );
        checks.eq(
            "the length after that",
            file.stat().map(|stat| stat.size),
            Ok(0),
        );
        checks.eq(
            "flags of a file",
            file.get_flags().map(|flags| flags & (READ | WRITE)),
            Ok(READ | WRITE),
        );
        checks.eq(
            "type of a file",
            file.get_type(),
            Ok(DescriptorType::RegularFile),
        );
    }
    if let Some(reader) = checks.ok("open to read", root.open_at(FOLLOW, "o", none, READ)) {
        checks.eq(
            "flags of a reader",
            reader.get_flags().map(|flags| flags & (READ | WRITE)),
            Ok(READ),
        );
        checks.err(
            "write through a reader",
            reader.write(b"x", 0),
            ErrorCode::BadDescriptor,
        );
    }
    checks.eq(
        "type of a directory",
        root.get_type(),
        Ok(DescriptorType::Directory),
    );
    checks.that(
        "the directory may be changed",
        root.get_flags()
            .is_ok_and(|flags| flags.contains(DescriptorFlags::MUTATE_DIRECTORY)),
    );
    let directory = root.open_at(FOLLOW, "od", OpenFlags::DIRECTORY, READ);
    if let Some(directory) = checks.ok("open without leave to change", directory) {
        let flags = directory.get_flags().unwrap_or(READ);
        let made = directory.create_directory_at("new");
        // A host may give more than was asked for; it has to say so, and to keep to what it says.
        if flags.contains(DescriptorFlags::MUTATE_DIRECTORY) {
            checks.eq("a directory in it", made, Ok(()));
            checks.ok("remove it", directory.remove_directory_at("new"));
        } else {
            checks.err("a directory in it", made, ErrorCode::ReadOnly);
            let created = directory.open_at(FOLLOW, "new", OpenFlags::CREATE, WRITE);
            checks.err("a file in it", created, ErrorCode::ReadOnly);
        }
    }
    remove(checks, root, &["o", "p"]);
    checks.ok("remove the directory", root.remove_directory_at("od"));
    println!("opening: done");
}

fn contents(checks: &mut Checks, root: &Descriptor) {
    let Some(file) = file(checks, root, "c", b"0123456789") else {
        return;
    };
    checks.eq(
        "read the start",
        file.read(4, 0).map(|read| read.0),
        Ok(b"0123".to_vec()),
    );
    checks.eq(
        "read within",
        file.read(3, 5).map(|read| read.0),
        Ok(b"567".to_vec()),
    );
    checks.eq("read at the end", file.read(4, 10), Ok((Vec::new(), true)));
    checks.eq(
        "read far behind the end",
        file.read(4, 1 << 40),
        Ok((Vec::new(), true)),
    );
    checks.eq(
        "read nothing",
        file.read(0, 2).map(|read| read.0),
        Ok(Vec::new()),
    );
    checks.eq("write within", file.write(b"AB", 3), Ok(2));
    checks.eq("write behind the end", file.write(b"Z", 12), Ok(1));
    checks.eq(
        "what came of it",
        file.read(100, 0).map(|read| read.0),
        Ok(b"012AB56789\0\0Z".to_vec()),
    );
    checks.eq("write nothing", file.write(b"", 50), Ok(0));
    checks.eq(
        "the length after that",
        file.stat().map(|stat| stat.size),
        Ok(13),
    );
    checks.ok("shorten", file.set_size(4));
    checks.eq(
        "shortened",
        file.read(100, 0).map(|read| read.0),
        Ok(b"012A".to_vec()),
    );
    checks.ok("lengthen", file.set_size(6));
    checks.eq(
        "lengthened with zeros",
        file.read(100, 0).map(|read| read.0),
        Ok(b"012A\0\0".to_vec()),
    );
    let advices = [
        Advice::Normal,
        Advice::Sequential,
        Advice::Random,
        Advice::WillNeed,
        Advice::DontNeed,
        Advice::NoReuse,
    ];
    for advice in advices {
        checks.ok(&format!("advise {advice:?}"), file.advise(0, 4, advice));
    }
    checks.ok("sync", file.sync());
    checks.ok("sync data", file.sync_data());
    if let Some(writer) = checks.ok(
        "open to write alone",
        root.open_at(FOLLOW, "c", OpenFlags::empty(), WRITE),
    ) {
        checks.err(
            "read through a writer",
            writer.read(1, 0),
            ErrorCode::BadDescriptor,
        );
    }
    checks.that("a directory has no bytes", root.read(1, 0).is_err());
    checks.that(
        "a directory has no length to set",
        root.set_size(0).is_err(),
    );
    drop(file);
    remove(checks, root, &["c"]);
    println!("contents: done");
}

fn streams(checks: &mut Checks, root: &Descriptor) {
    let Some(file) = file(checks, root, "s", b"0123456789") else {
        return;
    };
    if let Some(stream) = checks.ok("read via a stream", file.read_via_stream(4)) {
        checks.eq(
            "from its offset",
            stream.blocking_read(3).ok(),
            Some(b"456".to_vec()),
        );
        checks.eq(
            "and on",
            stream.blocking_read(100).ok(),
            Some(b"789".to_vec()),
        );
        checks.that(
            "to the end",
            matches!(stream.blocking_read(1), Err(StreamError::Closed)),
        );
    }
    if let Some(stream) = checks.ok("write via a stream", file.write_via_stream(8)) {
        checks.ok(
            "at its offset",
            stream.blocking_write_and_flush(b"ab").map_err(drop),
        );
        checks.ok(
            "and on",
            stream.blocking_write_and_flush(b"cd").map_err(drop),
        );
    }
    if let Some(stream) = checks.ok("append via a stream", file.append_via_stream()) {
        checks.ok(
            "at the end",
            stream.blocking_write_and_flush(b"!").map_err(drop),
        );
        checks.eq("write elsewhere", file.write(b"?", 13), Ok(1));
        checks.ok(
            "at the end again",
            stream.blocking_write_and_flush(b"!").map_err(drop),
        );
    }
    checks.eq(
        "what came of it",
        file.read(100, 0).map(|read| read.0),
        Ok(b"01234567abcd!?!".to_vec()),
    );
    checks.that(
        "two streams keep their places",
        file.read_via_stream(0).is_ok_and(|one| {
            file.read_via_stream(2).is_ok_and(|two| {
                one.blocking_read(1).is_ok_and(|read| read == b"0")
                    && two.blocking_read(1).is_ok_and(|read| read == b"2")
                    && one.blocking_read(1).is_ok_and(|read| read == b"1")
            })
        }),
    );
    failed_stream(checks, root);
    drop(file);
    remove(checks, root, &["s"]);
    println!("streams: done");
}

/// A stream may be refused at once, or its first operation fails: the reason is told either way.
fn failed_stream(checks: &mut Checks, root: &Descriptor) {
    let reader = root.open_at(FOLLOW, "s", OpenFlags::empty(), READ);
    let Some(reader) = checks.ok("open to read", reader) else {
        return;
    };
    match reader.write_via_stream(0) {
        Err(code) => checks.eq(
            "a stream to write through a reader",
            code,
            ErrorCode::BadDescriptor,
        ),
        Ok(stream) => match stream.blocking_write_and_flush(b"x") {
            Err(StreamError::LastOperationFailed(error)) => {
                checks.that("the error has words", !error.to_debug_string().is_empty());
                checks.eq(
                    "and a code",
                    filesystem_error_code(&error),
                    Some(ErrorCode::BadDescriptor),
                );
            }
            other => checks.fail(&format!("write through a reader: {other:?}")),
        },
    }
    // A directory is no file: whatever is given back for it must fail with a reason that is one of files.
    match root.read_via_stream(0) {
        Err(code) => checks.that(
            "a stream from a directory",
            matches!(code, ErrorCode::IsDirectory | ErrorCode::BadDescriptor),
        ),
        Ok(stream) => match stream.blocking_read(1) {
            Err(StreamError::LastOperationFailed(error)) => {
                checks.eq(
                    "reading a directory",
                    filesystem_error_code(&error),
                    Some(ErrorCode::IsDirectory),
                );
            }
            other => checks.fail(&format!("read a directory: {other:?}")),
        },
    }
    // The largest offset that there is: nothing can be written there, and the code travels with the error.
    let far = open(root, "s").and_then(|file| file.write_via_stream(u64::MAX));
    match far {
        Err(code) => checks.that(
            "a stream at the last offset",
            matches!(
                code,
                ErrorCode::Invalid | ErrorCode::FileTooLarge | ErrorCode::Overflow
            ),
        ),
        Ok(stream) => match stream.blocking_write_and_flush(b"x") {
            Err(StreamError::LastOperationFailed(error)) => {
                let code = filesystem_error_code(&error);
                checks.that(
                    &format!("a write at the last offset: {code:?}"),
                    matches!(
                        code,
                        Some(ErrorCode::Invalid | ErrorCode::FileTooLarge | ErrorCode::Overflow)
                    ),
                );
            }
            other => checks.fail(&format!("a write at the last offset: {other:?}")),
        },
    }
}

fn attributes(checks: &mut Checks, root: &Descriptor) {
    let Some(file) = file(checks, root, "a", b"12345") else {
        return;
    };
    if let Some(stat) = checks.ok("stat a file", file.stat()) {
        checks.eq("its type", stat.type_, DescriptorType::RegularFile);
        checks.eq("its size", stat.size, 5);
        checks.eq("its links", stat.link_count, 1);
        checks.that("it has a time", stat.data_modification_timestamp.is_some());
        checks.that(
            "times have less than a second of nanoseconds",
            stat.data_modification_timestamp
                .is_none_or(|time| time.nanoseconds < 1_000_000_000),
        );
    }
    checks.eq(
        "stat a path",
        root.stat_at(FOLLOW, "a").map(|stat| stat.size),
        Ok(5),
    );
    checks.eq(
        "stat a directory",
        root.stat().map(|stat| stat.type_),
        Ok(DescriptorType::Directory),
    );
    checks.eq(
        "stat `.`",
        root.stat_at(FOLLOW, ".").map(|stat| stat.type_),
        Ok(DescriptorType::Directory),
    );
    checks.err(
        "stat what is not there",
        root.stat_at(FOLLOW, "missing"),
        ErrorCode::NoEntry,
    );
    checks.err(
        "stat below a file",
        root.stat_at(FOLLOW, "a/b"),
        ErrorCode::NotDirectory,
    );
    checks.err(
        "stat a file with a slash",
        root.stat_at(FOLLOW, "a/"),
        ErrorCode::NotDirectory,
    );
    drop(file);
    remove(checks, root, &["a"]);
    println!("attributes: done");
}

fn times(checks: &mut Checks, root: &Descriptor) {
    let Some(file) = file(checks, root, "t", b"") else {
        return;
    };
    let old = Datetime {
        seconds: 1_000_000_000,
        nanoseconds: 123_456_000,
    };
    let newer = Datetime {
        seconds: 1_100_000_000,
        nanoseconds: 0,
    };
    let seen = |file: &Descriptor| {
        file.stat().ok().map(|stat| {
            (
                stat.data_access_timestamp.map(|time| time.seconds),
                stat.data_modification_timestamp
                    .map(|time| (time.seconds, time.nanoseconds)),
            )
        })
    };
    checks.ok(
        "set times",
        file.set_times(NewTimestamp::Timestamp(newer), NewTimestamp::Timestamp(old)),
    );
    checks.eq(
        "as they were set",
        seen(&file),
        Some((Some(newer.seconds), Some((old.seconds, old.nanoseconds)))),
    );
    checks.ok(
        "set one of them",
        file.set_times(NewTimestamp::NoChange, NewTimestamp::Timestamp(newer)),
    );
    checks.eq(
        "the other stays",
        seen(&file),
        Some((Some(newer.seconds), Some((newer.seconds, 0)))),
    );
    checks.ok(
        "set by path",
        root.set_times_at(
            FOLLOW,
            "t",
            NewTimestamp::Timestamp(old),
            NewTimestamp::NoChange,
        ),
    );
    checks.eq(
        "as set by path",
        seen(&file),
        Some((Some(old.seconds), Some((newer.seconds, 0)))),
    );
    checks.ok(
        "set to now",
        file.set_times(NewTimestamp::Now, NewTimestamp::Now),
    );
    checks.that(
        "now is later",
        file.stat().is_ok_and(|stat| {
            stat.data_modification_timestamp
                .is_some_and(|time| time.seconds > newer.seconds)
        }),
    );
    // The text does not say which of the two it is; the time must not come out otherwise than it was set.
    let beyond = Datetime {
        seconds: 1,
        nanoseconds: 1_000_000_000,
    };
    let set = file.set_times(NewTimestamp::NoChange, NewTimestamp::Timestamp(beyond));
    let seconds = seen(&file).and_then(|(_, modified)| modified.map(|(seconds, _)| seconds));
    checks.that(
        &format!("a second of nanoseconds: {set:?}, {seconds:?}"),
        set == Err(ErrorCode::Invalid) || (set.is_ok() && seconds == Some(2)),
    );
    checks.err(
        "set what is not there",
        root.set_times_at(FOLLOW, "missing", NewTimestamp::Now, NewTimestamp::Now),
        ErrorCode::NoEntry,
    );
    drop(file);
    remove(checks, root, &["t"]);
    println!("times: done");
}

/// The names in a directory, sorted.
fn list(checks: &mut Checks, directory: &Descriptor) -> Vec<(String, DescriptorType)> {
    let mut found = Vec::new();
    if let Some(entries) = checks.ok("read a directory", directory.read_directory()) {
        loop {
            match entries.read_directory_entry() {
                Ok(Some(entry)) => found.push((entry.name, entry.type_)),
                Ok(None) => break,
                Err(error) => {
                    checks.fail(&format!("read an entry: {error:?}"));
                    break;
                }
            }
        }
    }
    found.sort_by(|left, right| left.0.cmp(&right.0));
    found
}

fn directories(checks: &mut Checks, root: &Descriptor) {
    checks.ok("make a directory", root.create_directory_at("dir"));
    checks.err(
        "make it again",
        root.create_directory_at("dir"),
        ErrorCode::Exist,
    );
    checks.err(
        "make one below nothing",
        root.create_directory_at("missing/dir"),
        ErrorCode::NoEntry,
    );
    let flags = READ | DescriptorFlags::MUTATE_DIRECTORY;
    let directory = root.open_at(FOLLOW, "dir", OpenFlags::DIRECTORY, flags);
    let Some(directory) = checks.ok("open it", directory) else {
        return;
    };
    let found = list(checks, &directory);
    checks.eq("it is empty", found, Vec::new());
    checks.ok("a directory in it", directory.create_directory_at("inner"));
    file(checks, &directory, "file", b"x");
    checks.ok("a link in it", directory.symlink_at("file", "link"));
    let want = vec![
        ("file".to_owned(), DescriptorType::RegularFile),
        ("inner".to_owned(), DescriptorType::Directory),
        ("link".to_owned(), DescriptorType::SymbolicLink),
    ];
    let found = list(checks, &directory);
    checks.eq("what is in it, without `.` and `..`", found, want.clone());
    let found = list(checks, &directory);
    checks.eq("the same again from the start", found, want);
    checks.err(
        "remove what is not empty",
        root.remove_directory_at("dir"),
        ErrorCode::NotEmpty,
    );
    checks.err(
        "remove a file as a directory",
        directory.remove_directory_at("file"),
        ErrorCode::NotDirectory,
    );
    checks.err(
        "unlink a directory",
        directory.unlink_file_at("inner"),
        ErrorCode::IsDirectory,
    );
    checks.err(
        "unlink what is not there",
        directory.unlink_file_at("missing"),
        ErrorCode::NoEntry,
    );
    checks.err(
        "remove what is not there",
        directory.remove_directory_at("missing"),
        ErrorCode::NoEntry,
    );
    remove(checks, &directory, &["file", "link"]);
    checks.ok(
        "remove the inner one",
        directory.remove_directory_at("inner"),
    );
    if let Some(file) = file(checks, root, "f", b"") {
        checks.err(
            "list a file",
            file.read_directory(),
            ErrorCode::NotDirectory,
        );
    }
    remove(checks, root, &["f"]);
    drop(directory);
    checks.ok("remove it", root.remove_directory_at("dir"));
    println!("directories: done");
}

fn names(checks: &mut Checks, root: &Descriptor) {
    file(checks, root, "n1", b"one");
    file(checks, root, "n2", b"two");
    checks.ok("rename", root.rename_at("n1", root, "n3"));
    checks.err(
        "the old name is gone",
        root.stat_at(FOLLOW, "n1"),
        ErrorCode::NoEntry,
    );
    checks.ok("rename over a file", root.rename_at("n3", root, "n2"));
    let content = root
        .open_at(FOLLOW, "n2", OpenFlags::empty(), READ)
        .and_then(|file| file.read(10, 0));
    checks.eq(
        "the file that took the name",
        content.map(|read| read.0),
        Ok(b"one".to_vec()),
    );
    checks.err(
        "rename what is not there",
        root.rename_at("missing", root, "x"),
        ErrorCode::NoEntry,
    );
    checks.ok("make a directory", root.create_directory_at("nd"));
    checks.err(
        "rename a file over a directory",
        root.rename_at("n2", root, "nd"),
        ErrorCode::IsDirectory,
    );
    checks.err(
        "rename a directory over a file",
        root.rename_at("nd", root, "n2"),
        ErrorCode::NotDirectory,
    );
    checks.err(
        "rename a directory into itself",
        root.rename_at("nd", root, "nd/x"),
        ErrorCode::Invalid,
    );
    let flags = READ | DescriptorFlags::MUTATE_DIRECTORY;
    if let Some(directory) = checks.ok(
        "open the directory",
        root.open_at(FOLLOW, "nd", OpenFlags::DIRECTORY, flags),
    ) {
        checks.ok(
            "rename into another directory",
            root.rename_at("n2", &directory, "moved"),
        );
        remove(checks, &directory, &["moved"]);
    }
    checks.ok("remove the directory", root.remove_directory_at("nd"));
    let long = "n".repeat(256);
    checks.err(
        "a name of 256 bytes",
        open(root, &long),
        ErrorCode::NameTooLong,
    );
    if file(checks, root, "ünïcødé 🏝", b"").is_some() {
        remove(checks, root, &["ünïcødé 🏝"]);
    }
    println!("names: done");
}

fn links(checks: &mut Checks, root: &Descriptor) {
    let none = PathFlags::empty();
    let Some(file) = file(checks, root, "l", b"linked") else {
        return;
    };
    checks.ok("a hard link", root.link_at(none, "l", root, "hard"));
    checks.eq(
        "links of both",
        file.stat().map(|stat| stat.link_count),
        Ok(2),
    );
    checks.err(
        "a link over a file",
        root.link_at(none, "l", root, "hard"),
        ErrorCode::Exist,
    );
    checks.err(
        "a link to nothing",
        root.link_at(none, "missing", root, "x"),
        ErrorCode::NoEntry,
    );
    checks.ok("make a directory", root.create_directory_at("ld"));
    checks.err(
        "a link to a directory",
        root.link_at(none, "ld", root, "x"),
        ErrorCode::NotPermitted,
    );
    checks.ok("remove the directory", root.remove_directory_at("ld"));
    checks.ok("a symbolic link", root.symlink_at("l", "soft"));
    checks.eq(
        "where it leads",
        root.readlink_at("soft"),
        Ok("l".to_owned()),
    );
    checks.err(
        "a symbolic link over a file",
        root.symlink_at("l", "hard"),
        ErrorCode::Exist,
    );
    checks.err(
        "an absolute target",
        root.symlink_at("/l", "x"),
        ErrorCode::NotPermitted,
    );
    checks.err(
        "read a file as a link",
        root.readlink_at("l"),
        ErrorCode::Invalid,
    );
    checks.err(
        "read a link that is not there",
        root.readlink_at("missing"),
        ErrorCode::NoEntry,
    );
    checks.eq(
        "stat follows",
        root.stat_at(FOLLOW, "soft").map(|stat| stat.type_),
        Ok(DescriptorType::RegularFile),
    );
    checks.eq(
        "stat does not follow",
        root.stat_at(none, "soft").map(|stat| stat.type_),
        Ok(DescriptorType::SymbolicLink),
    );
    checks.err(
        "open does not follow",
        root.open_at(none, "soft", OpenFlags::empty(), READ),
        ErrorCode::Loop,
    );
    let content = root
        .open_at(FOLLOW, "soft", OpenFlags::empty(), READ)
        .and_then(|file| file.read(10, 0));
    checks.eq(
        "open follows",
        content.map(|read| read.0),
        Ok(b"linked".to_vec()),
    );
    checks.ok("a link to itself", root.symlink_at("round", "round"));
    checks.err(
        "which is a loop",
        root.stat_at(FOLLOW, "round"),
        ErrorCode::Loop,
    );
    checks.ok("a link to nothing", root.symlink_at("missing", "dangling"));
    checks.err(
        "which leads nowhere",
        root.stat_at(FOLLOW, "dangling"),
        ErrorCode::NoEntry,
    );
    drop(file);
    remove(checks, root, &["l", "hard", "soft", "round", "dangling"]);
    println!("links: done");
}

fn identity(checks: &mut Checks, root: &Descriptor) {
    let (Some(one), Some(two)) = (
        file(checks, root, "i1", b"1"),
        file(checks, root, "i2", b"22"),
    ) else {
        return;
    };
    checks.that("a file is itself", one.is_same_object(&one));
    checks.that("and no other", !one.is_same_object(&two));
    checks.that(
        "opened twice it is one",
        open(root, "i1").is_ok_and(|again| again.is_same_object(&one)),
    );
    checks.that("a directory is no file", !root.is_same_object(&one));
    let hash = |file: &Descriptor| file.metadata_hash().map(|hash| (hash.lower, hash.upper));
    let first = checks.ok("a hash", hash(&one));
    checks.eq("the same hash again", hash(&one).ok(), first);
    checks.eq(
        "the same by path",
        root.metadata_hash_at(FOLLOW, "i1")
            .map(|hash| (hash.lower, hash.upper))
            .ok(),
        first,
    );
    checks.that("another file has another", hash(&two).ok() != first);
    checks.err(
        "a hash of nothing",
        root.metadata_hash_at(FOLLOW, "missing").map(drop),
        ErrorCode::NoEntry,
    );
    checks.eq("write", one.write(b"changed", 0), Ok(7));
    checks.that("a change changes it", hash(&one).ok() != first);
    drop((one, two));
    remove(checks, root, &["i1", "i2"]);
    println!("identity: done");
}

/// What leads out of the directory is refused, whether or not something is there.
fn outside(checks: &mut Checks, root: &Descriptor) {
    for path in ["..", "../x", "/", "/etc/passwd", "./../x"] {
        checks.err(
            &format!("stat {path}"),
            root.stat_at(FOLLOW, path),
            ErrorCode::NotPermitted,
        );
        checks.err(
            &format!("open {path}"),
            root.open_at(FOLLOW, path, OpenFlags::empty(), READ),
            ErrorCode::NotPermitted,
        );
    }
    checks.ok("a link that leads out", root.symlink_at("../x", "out"));
    checks.err(
        "following it",
        root.stat_at(FOLLOW, "out"),
        ErrorCode::NotPermitted,
    );
    remove(checks, root, &["out"]);
    println!("outside: done");
}

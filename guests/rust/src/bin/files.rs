//! `std::fs` from end to end in one directory: create, read, write, seek, rename, links, times, lists, removal.

use holm_guests::check::Checks;
use holm_guests::errno::Errno;
use holm_guests::work_directory;
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// Whether a read through a writer, or the other way round, failed as it must. A component's libc may have lost the
/// reason by then.
fn is_wrong_way<T>(result: io::Result<T>) -> bool {
    let name = errno(result);
    name == "BADF" || (cfg!(target_env = "p2") && name == "IO")
}

fn main() {
    let root = work_directory().join("files-guest");
    let mut checks = Checks::new();
    // What an earlier run left behind, if it was cut short.
    let _ = fs::remove_dir_all(&root);
    checks.ok("create_dir", fs::create_dir(&root));
    read_and_write(&mut checks, &root);
    open_options(&mut checks, &root);
    seek_and_truncate(&mut checks, &root);
    names(&mut checks, &root);
    links(&mut checks, &root);
    times(&mut checks, &root);
    directories(&mut checks, &root);
    errors(&mut checks, &root);
    checks.ok("remove_dir_all", fs::remove_dir_all(&root));
    checks.that("the directory is gone", !root.exists());
    checks.finish("files");
}

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

fn errno<T>(result: io::Result<T>) -> &'static str {
    result
        .err()
        .map_or("SUCCESS", |error| Errno::of(&error).name())
}

fn text(checks: &mut Checks, path: &Path) -> String {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    checks
        .ok(&format!("read {name}"), fs::read_to_string(path))
        .unwrap_or_default()
}

fn read_and_write(checks: &mut Checks, root: &Path) {
    let path = root.join("a.txt");
    checks.ok("write", fs::write(&path, "first\n"));
    let content = text(checks, &path);
    checks.eq("content", content, "first\n".to_owned());
    checks.ok("overwrite", fs::write(&path, "2nd"));
    let content = text(checks, &path);
    checks.eq("content after a shorter write", content, "2nd".to_owned());
    checks.eq(
        "length",
        fs::metadata(&path).map(|meta| meta.len()).ok(),
        Some(3),
    );

    let big: Vec<u8> = (0..3_000_000_u32)
        .map(|index| index.to_le_bytes()[0] ^ index.to_le_bytes()[2])
        .collect();
    let big_path = root.join("big.bin");
    checks.ok("write 3 MB", fs::write(&big_path, &big));
    checks.that(
        "3 MB come back",
        fs::read(&big_path).is_ok_and(|bytes| bytes == big),
    );
    checks.eq(
        "copy",
        fs::copy(&big_path, root.join("copy.bin")).ok(),
        Some(3_000_000),
    );
    checks.that(
        "the copy is the same",
        fs::read(root.join("copy.bin")).is_ok_and(|bytes| bytes == big),
    );
    let mut empty = [0; 8];
    let at_end = File::open(root.join("a.txt")).and_then(|mut file| {
        file.seek(SeekFrom::End(0))?;
        file.read(&mut empty)
    });
    checks.eq("read at the end", at_end.ok(), Some(0));
    println!("read and write: done");
}

fn open_options(checks: &mut Checks, root: &Path) {
    let path = root.join("options.txt");
    let new = OpenOptions::new().write(true).create_new(true).open(&path);
    checks.ok("create_new", new);
    let again = OpenOptions::new().write(true).create_new(true).open(&path);
    checks.eq(
        "create_new over a file",
        kind(again),
        Some(ErrorKind::AlreadyExists),
    );
    if let Some(mut file) = checks.ok("append", OpenOptions::new().append(true).open(&path)) {
        checks.ok("append one", file.write_all(b"one,"));
        checks.ok("seek to the start", file.seek(SeekFrom::Start(0)));
        checks.ok("append two", file.write_all(b"two"));
    }
    let content = text(checks, &path);
    checks.eq("appends go to the end", content, "one,two".to_owned());
    let reader = File::open(&path);
    if let Some(mut file) = checks.ok("open to read", reader) {
        checks.that("write through a reader", is_wrong_way(file.write(b"x")));
    }
    let writer = OpenOptions::new().write(true).open(&path);
    if let Some(mut file) = checks.ok("open to write", writer) {
        checks.that(
            "read through a writer",
            is_wrong_way(file.read(&mut [0; 1])),
        );
    }
    checks.ok(
        "truncate on open",
        OpenOptions::new().write(true).truncate(true).open(&path),
    );
    checks.eq(
        "truncated",
        fs::metadata(&path).map(|meta| meta.len()).ok(),
        Some(0),
    );
    println!("open options: done");
}

fn seek_and_truncate(checks: &mut Checks, root: &Path) {
    let path = root.join("seek.bin");
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path);
    let Some(mut file) = checks.ok("open to read and write", file) else {
        return;
    };
    checks.ok("write", file.write_all(b"0123456789"));
    checks.eq("position", file.stream_position().ok(), Some(10));
    checks.eq(
        "back from the end",
        file.seek(SeekFrom::End(-3)).ok(),
        Some(7),
    );
    checks.eq(
        "back from here",
        file.seek(SeekFrom::Current(-2)).ok(),
        Some(5),
    );
    let mut two = [0; 2];
    checks.ok("read two", file.read_exact(&mut two));
    checks.eq("what is at 5", two, *b"56");
    checks.eq(
        "before the start",
        errno(file.seek(SeekFrom::Current(-100))),
        "INVAL",
    );
    checks.eq(
        "position after the failure",
        file.stream_position().ok(),
        Some(7),
    );
    checks.eq(
        "past the end",
        file.seek(SeekFrom::Start(20)).ok(),
        Some(20),
    );
    checks.ok("write past the end", file.write_all(b"end"));
    let content = fs::read(&path).unwrap_or_default();
    checks.eq("length with a hole", content.len(), 23);
    checks.that(
        "the hole reads as zeros",
        content
            .get(10..20)
            .is_some_and(|hole| hole.iter().all(|byte| *byte == 0)),
    );
    checks.ok("set_len shorter", file.set_len(4));
    checks.eq("shorter", fs::read(&path).ok(), Some(b"0123".to_vec()));
    checks.ok("set_len longer", file.set_len(6));
    checks.eq("longer", fs::read(&path).ok(), Some(b"0123\0\0".to_vec()));
    checks.ok("sync_all", file.sync_all());
    checks.ok("sync_data", file.sync_data());
    println!("seek and truncate: done");
}

fn names(checks: &mut Checks, root: &Path) {
    for name in [
        "with space",
        "ümläut",
        "日本語.txt",
        ".hidden",
        "a+b=c;d",
        "quote'\"",
        &"n".repeat(255),
    ] {
        let path = root.join(name);
        checks.ok(&format!("create {name:?}"), fs::write(&path, name));
        checks.eq(
            &format!("content of {name:?}"),
            fs::read_to_string(&path).ok().as_deref(),
            Some(name),
        );
        checks.ok(&format!("remove {name:?}"), fs::remove_file(&path));
    }
    checks.eq(
        "a name of 256 bytes",
        errno(fs::write(root.join("n".repeat(256)), "")),
        "NAMETOOLONG",
    );

    let (from, to) = (root.join("from.txt"), root.join("to.txt"));
    checks.ok("write from", fs::write(&from, "moved"));
    checks.ok("write to", fs::write(&to, "replaced"));
    checks.ok("rename over a file", fs::rename(&from, &to));
    checks.that("the old name is gone", !from.exists());
    checks.eq(
        "the new name has the content",
        fs::read_to_string(&to).ok().as_deref(),
        Some("moved"),
    );
    checks.ok("create_dir d1", fs::create_dir(root.join("d1")));
    checks.eq(
        "rename a file over a directory",
        errno(fs::rename(&to, root.join("d1"))),
        "ISDIR",
    );
    checks.eq(
        "rename a directory over a file",
        errno(fs::rename(root.join("d1"), &to)),
        "NOTDIR",
    );
    checks.eq(
        "rename into itself",
        errno(fs::rename(root.join("d1"), root.join("d1/below"))),
        "INVAL",
    );
    checks.ok(
        "rename a directory",
        fs::rename(root.join("d1"), root.join("d2")),
    );
    checks.that("the renamed directory is there", root.join("d2").is_dir());
    checks.ok("rename to itself", fs::rename(&to, &to));
    println!("names: done");
}

fn links(checks: &mut Checks, root: &Path) {
    let target = root.join("target.txt");
    checks.ok("write", fs::write(&target, "linked"));
    checks.ok("hard link", fs::hard_link(&target, root.join("hard.txt")));
    checks.eq(
        "through the hard link",
        fs::read_to_string(root.join("hard.txt")).ok().as_deref(),
        Some("linked"),
    );
    checks.eq(
        "hard link over a name",
        kind(fs::hard_link(&target, root.join("hard.txt"))),
        Some(ErrorKind::AlreadyExists),
    );
    checks.that(
        "hard link of a directory is refused",
        fs::hard_link(root, root.join("dirlink")).is_err(),
    );

    let soft = root.join("soft");
    checks.ok("symlink", symlink("target.txt", &soft));
    checks.eq(
        "read_link",
        fs::read_link(&soft).ok().as_deref(),
        Some(Path::new("target.txt")),
    );
    checks.eq(
        "through the symlink",
        fs::read_to_string(&soft).ok().as_deref(),
        Some("linked"),
    );
    checks.that(
        "lstat sees a link",
        fs::symlink_metadata(&soft).is_ok_and(|meta| meta.file_type().is_symlink()),
    );
    checks.that(
        "stat sees a file",
        fs::metadata(&soft).is_ok_and(|meta| meta.is_file()),
    );
    checks.ok(
        "dangling symlink",
        symlink("nothing", &root.join("dangling")),
    );
    checks.eq(
        "through the dangling link",
        kind(fs::read(root.join("dangling"))),
        Some(ErrorKind::NotFound),
    );
    checks.ok("loop one", symlink("loop-two", &root.join("loop-one")));
    checks.ok("loop two", symlink("loop-one", &root.join("loop-two")));
    checks.eq(
        "through the loop",
        errno(fs::read(root.join("loop-one"))),
        "LOOP",
    );
    checks.eq(
        "read_link of a file",
        errno(fs::read_link(&target)),
        "INVAL",
    );
    for name in ["soft", "dangling", "loop-one", "loop-two", "hard.txt"] {
        checks.ok(&format!("remove {name}"), fs::remove_file(root.join(name)));
    }
    checks.that("the target is still there", target.is_file());
    println!("links: done");
}

/// Makes a symbolic link. Std has a stable function for it on Unix alone.
#[cfg(not(target_env = "p2"))]
fn symlink(target: &str, link: &Path) -> Result<(), String> {
    use holm_guests::preview1 as wasi;
    let link = link.to_str().ok_or("the path is not UTF-8")?;
    // The link's parent is opened through std, which knows the preopens; its descriptor is what the call needs.
    let (parent, name) = link.rsplit_once('/').ok_or("the path has no parent")?;
    let directory = File::open(parent).map_err(|error| error.to_string())?;
    let fd = u32::try_from(std::os::fd::AsRawFd::as_raw_fd(&directory))
        .map_err(|error| error.to_string())?;
    wasi::path_symlink(target.as_bytes(), fd, name.as_bytes()).map_err(|errno| errno.to_string())
}

#[cfg(target_env = "p2")]
fn symlink(target: &str, link: &Path) -> Result<(), String> {
    let link = link.to_str().ok_or("the path is not UTF-8")?;
    holm_guests::posix::make_symlink(target, link).map_err(|error| error.to_string())
}

fn times(checks: &mut Checks, root: &Path) {
    let path = root.join("times.txt");
    checks.ok("write", fs::write(&path, ""));
    let modified = UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_000);
    let accessed = UNIX_EPOCH + Duration::from_secs(1_100_000_000);
    let set = OpenOptions::new().write(true).open(&path).and_then(|file| {
        file.set_times(
            FileTimes::new()
                .set_modified(modified)
                .set_accessed(accessed),
        )
    });
    checks.ok("set_times", set);
    let meta = fs::metadata(&path);
    checks.eq(
        "modified",
        meta.as_ref().ok().and_then(|meta| meta.modified().ok()),
        Some(modified),
    );
    checks.eq(
        "accessed",
        meta.as_ref().ok().and_then(|meta| meta.accessed().ok()),
        Some(accessed),
    );
    checks.ok(
        "append",
        OpenOptions::new()
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(b"x")),
    );
    let later = fs::metadata(&path).and_then(|meta| meta.modified());
    checks.that(
        "a write moves the modification time",
        later.is_ok_and(|later| later > modified),
    );
    println!("times: done");
}

fn directories(checks: &mut Checks, root: &Path) {
    checks.ok(
        "create_dir_all",
        fs::create_dir_all(root.join("tree/one/two")),
    );
    checks.eq(
        "create_dir over a directory",
        kind(fs::create_dir(root.join("tree"))),
        Some(ErrorKind::AlreadyExists),
    );
    for name in ["b.txt", "a.txt", "c.txt"] {
        checks.ok("write", fs::write(root.join("tree").join(name), name));
    }
    if let Some(listing) = checks.ok("read_dir", fs::read_dir(root.join("tree"))) {
        let mut found: Vec<String> = listing
            .flatten()
            .map(|entry| {
                let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
                format!(
                    "{}{}",
                    entry.file_name().to_string_lossy(),
                    if is_directory { "/" } else { "" }
                )
            })
            .collect();
        found.sort();
        println!("tree: {}", found.join(" "));
    }
    checks.eq(
        "remove_dir that has entries",
        errno(fs::remove_dir(root.join("tree"))),
        "NOTEMPTY",
    );
    checks.eq(
        "remove_dir of a file",
        errno(fs::remove_dir(root.join("tree/a.txt"))),
        "NOTDIR",
    );
    checks.that(
        "remove_file of a directory is refused",
        fs::remove_file(root.join("tree/one")).is_err(),
    );
    checks.ok("remove_dir", fs::remove_dir(root.join("tree/one/two")));
    checks.ok(
        "through dots",
        fs::metadata(root.join("tree/./one/../one/../a.txt")),
    );
    println!("directories: done");
}

fn errors(checks: &mut Checks, root: &Path) {
    let file = root.join("a.txt");
    checks.eq(
        "open what is not there",
        errno(File::open(root.join("missing"))),
        "NOENT",
    );
    checks.eq(
        "open below what is not there",
        errno(File::open(root.join("missing/x"))),
        "NOENT",
    );
    checks.eq(
        "open below a file",
        errno(File::open(file.join("x"))),
        "NOTDIR",
    );
    checks.eq(
        "create below a file",
        errno(fs::write(file.join("x"), "")),
        "NOTDIR",
    );
    checks.eq(
        "open a file as a directory",
        errno(fs::read_dir(&file)),
        "NOTDIR",
    );
    checks.eq(
        "write to a directory",
        errno(OpenOptions::new().write(true).open(root)),
        "ISDIR",
    );
    let read = errno(File::open(root).and_then(|mut file| file.read(&mut [0; 1])));
    checks.that(
        &format!("reading a directory is ISDIR or BADF, not {read}"),
        ["ISDIR", "BADF"].contains(&read),
    );
    checks.eq(
        "open a file with a slash behind",
        errno(File::open(root.join("a.txt/"))),
        "NOTDIR",
    );
    checks.eq(
        "a name with a NUL",
        kind(File::open(root.join("a\0b"))),
        Some(ErrorKind::InvalidInput),
    );
    println!("errors: done");
}

//! Raw `filestat` and `fdstat`: types, sizes, link counts, identity, rights and flags.

use holm_guests::check::Checks;
use holm_guests::preview1::{self as wasi, Errno};
use std::process::exit;

const TYPE_DIRECTORY: u8 = 3;
const TYPE_FILE: u8 = 4;
const TYPE_SYMLINK: u8 = 7;

fn main() {
    let mut checks = Checks::new();
    let Some((directory, name)) = wasi::preopens().into_iter().next() else {
        eprintln!("stat: needs a preopened directory");
        exit(2);
    };
    eprintln!("in {name}");
    let rights = wasi::RIGHTS_FILE;
    let oflags = wasi::OFLAGS_CREAT | wasi::OFLAGS_TRUNC;
    let Some(file) = checks.ok(
        "create",
        wasi::path_open(directory, 0, b"stat.bin", oflags, rights, 0),
    ) else {
        checks.finish("stat");
        return;
    };
    filestat(&mut checks, directory, file);
    fdstat(&mut checks, directory, file);
    streams(&mut checks);
    checks.ok("close", wasi::fd_close(file));
    checks.err(
        "stat of what is closed",
        wasi::fd_filestat_get(file),
        Errno::BADF,
    );
    checks.ok("unlink", wasi::path_unlink_file(directory, b"stat.bin"));
    checks.err(
        "stat of what is gone",
        wasi::path_filestat_get(directory, 0, b"stat.bin"),
        Errno::NOENT,
    );
    checks.finish("stat");
}

fn filestat(checks: &mut Checks, directory: u32, file: u32) {
    checks.ok("write", wasi::fd_write(file, b"twelve bytes"));
    let Some(by_fd) = checks.ok("fd_filestat_get", wasi::fd_filestat_get(file)) else {
        return;
    };
    let Some(by_path) = checks.ok(
        "path_filestat_get",
        wasi::path_filestat_get(directory, 0, b"stat.bin"),
    ) else {
        return;
    };
    checks.eq("type", by_fd.file_type, TYPE_FILE);
    checks.eq("size", by_fd.size, 12);
    checks.eq("links", by_fd.links, 1);
    checks.eq("the same file by descriptor and by path", by_fd, by_path);
    checks.ok(
        "link",
        wasi::path_link(directory, 0, b"stat.bin", directory, b"stat.link"),
    );
    checks.eq(
        "links of two names",
        wasi::fd_filestat_get(file).map(|stat| stat.links),
        Ok(2),
    );
    let linked = wasi::path_filestat_get(directory, 0, b"stat.link");
    checks.eq(
        "two names have one inode",
        linked.map(|stat| (stat.device, stat.inode)),
        Ok((by_fd.device, by_fd.inode)),
    );
    checks.ok(
        "unlink the second name",
        wasi::path_unlink_file(directory, b"stat.link"),
    );

    checks.ok(
        "symlink",
        wasi::path_symlink(b"stat.bin", directory, b"stat.sym"),
    );
    let nofollow = wasi::path_filestat_get(directory, 0, b"stat.sym");
    checks.eq(
        "the link itself",
        nofollow.map(|stat| (stat.file_type, stat.size)),
        Ok((TYPE_SYMLINK, 8)),
    );
    let follow = wasi::path_filestat_get(directory, wasi::LOOKUP_FOLLOW, b"stat.sym");
    checks.eq(
        "through the link",
        follow.map(|stat| stat.inode),
        Ok(by_fd.inode),
    );
    checks.ok(
        "unlink the link",
        wasi::path_unlink_file(directory, b"stat.sym"),
    );

    let dot = wasi::path_filestat_get(directory, 0, b".");
    checks.eq(
        "a directory's type",
        dot.map(|stat| stat.file_type),
        Ok(TYPE_DIRECTORY),
    );
    checks.eq(
        "the preopen's inode by both ways",
        dot.map(|s| s.inode),
        wasi::fd_filestat_get(directory).map(|s| s.inode),
    );

    let times = wasi::FSTFLAGS_ATIM | wasi::FSTFLAGS_MTIM;
    checks.ok(
        "set times",
        wasi::fd_filestat_set_times(file, 1_000_000_007, 2_000_000_009, times),
    );
    let set = wasi::fd_filestat_get(file).map(|stat| (stat.accessed, stat.modified));
    checks.eq(
        "times to the nanosecond",
        set,
        Ok((1_000_000_007, 2_000_000_009)),
    );
    let both_ways = wasi::FSTFLAGS_MTIM | wasi::FSTFLAGS_MTIM << 1;
    checks.err(
        "a time that is given and now",
        wasi::fd_filestat_set_times(file, 0, 0, both_ways),
        Errno::INVAL,
    );
    println!("filestat: done");
}

fn fdstat(checks: &mut Checks, directory: u32, file: u32) {
    let Some(of_file) = checks.ok("fdstat of a file", wasi::fd_fdstat_get(file)) else {
        return;
    };
    checks.eq("a file's type", of_file.file_type, TYPE_FILE);
    checks.eq("a file's flags", of_file.flags, 0);
    let both = wasi::RIGHT_FD_READ | wasi::RIGHT_FD_WRITE;
    checks.eq(
        "a file's rights to read and write",
        of_file.base & both,
        both,
    );
    let of_directory = wasi::fd_fdstat_get(directory);
    checks.eq(
        "a directory's type",
        of_directory.map(|stat| stat.file_type),
        Ok(TYPE_DIRECTORY),
    );
    checks.that(
        "a directory's right to list",
        of_directory.is_ok_and(|stat| stat.base & wasi::RIGHT_FD_READDIR != 0),
    );
    checks.ok(
        "set append",
        wasi::fd_fdstat_set_flags(file, wasi::FDFLAGS_APPEND),
    );
    checks.eq(
        "append is set",
        wasi::fd_fdstat_get(file).map(|stat| stat.flags),
        Ok(1),
    );
    checks.ok("seek to the start", wasi::fd_seek(file, 0, 0));
    checks.ok("write in append mode", wasi::fd_write(file, b"+"));
    checks.eq(
        "it went to the end",
        wasi::fd_filestat_get(file).map(|stat| stat.size),
        Ok(13),
    );
    checks.ok("clear append", wasi::fd_fdstat_set_flags(file, 0));
    println!("fdstat: done");
}

fn streams(checks: &mut Checks) {
    for fd in 0..3 {
        let stat = wasi::fd_fdstat_get(fd);
        checks.that(&format!("fdstat of {fd}"), stat.is_ok());
    }
    for fd in [100, 1 << 30, u32::MAX] {
        checks.err(
            &format!("fdstat of {fd}"),
            wasi::fd_fdstat_get(fd),
            Errno::BADF,
        );
        checks.err(
            &format!("filestat of {fd}"),
            wasi::fd_filestat_get(fd),
            Errno::BADF,
        );
    }
    println!("streams: done");
}

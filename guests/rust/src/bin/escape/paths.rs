//! Every operation on every kind of path that leads out, or is no path at all.

use crate::report::{Report, show};
use holm_guests::preview1::{self as wasi, LOOKUP_FOLLOW, Outcome, RIGHT_FD_READ, RIGHT_FD_WRITE};

/// Paths that lead out of the directory.
const OUT: [&[u8]; 18] = [
    b"..",
    b"../",
    b"../.",
    b"../canary",
    b"./../canary",
    b"../../canary",
    b"inside/../../canary",
    b"inside/./.././../canary",
    b"inside/..//..//canary",
    b"inside/../../canary/",
    b"inside/../../canary/.",
    b"missing/../../canary",
    b"../sandbox/../canary",
    b"../../../../../../../../etc/passwd",
    b"/etc/passwd",
    b"/canary",
    b"//canary",
    b"/../canary",
];

type Attempt = fn(u32, &[u8]) -> Outcome;

const OPERATIONS: [(&str, Attempt); 19] = [
    ("open to read", |fd, path| {
        open(fd, LOOKUP_FOLLOW, path, 0, RIGHT_FD_READ)
    }),
    ("open, no rights", |fd, path| {
        open(fd, LOOKUP_FOLLOW, path, 0, 0)
    }),
    ("open, no follow", |fd, path| {
        open(fd, 0, path, 0, RIGHT_FD_READ)
    }),
    ("open directory", |fd, path| {
        open(
            fd,
            LOOKUP_FOLLOW,
            path,
            wasi::OFLAGS_DIRECTORY,
            RIGHT_FD_READ,
        )
    }),
    ("open to truncate", |fd, path| {
        open(fd, LOOKUP_FOLLOW, path, wasi::OFLAGS_TRUNC, RIGHT_FD_WRITE)
    }),
    ("create", |fd, path| {
        open(fd, LOOKUP_FOLLOW, path, wasi::OFLAGS_CREAT, RIGHT_FD_WRITE)
    }),
    ("create exclusively", |fd, path| {
        open(
            fd,
            0,
            path,
            wasi::OFLAGS_CREAT | wasi::OFLAGS_EXCL,
            RIGHT_FD_WRITE,
        )
    }),
    ("stat", |fd, path| {
        wasi::path_filestat_get(fd, LOOKUP_FOLLOW, path).map(drop)
    }),
    ("lstat", |fd, path| {
        wasi::path_filestat_get(fd, 0, path).map(drop)
    }),
    ("set times", |fd, path| {
        wasi::path_filestat_set_times(
            fd,
            LOOKUP_FOLLOW,
            path,
            1,
            1,
            wasi::FSTFLAGS_ATIM | wasi::FSTFLAGS_MTIM,
        )
    }),
    ("readlink", |fd, path| {
        wasi::path_readlink(fd, path, &mut [0; 64]).map(drop)
    }),
    ("mkdir", wasi::path_create_directory),
    ("rmdir", wasi::path_remove_directory),
    ("unlink", wasi::path_unlink_file),
    ("symlink at", |fd, path| {
        wasi::path_symlink(b"inside", fd, path)
    }),
    ("link from", |fd, path| {
        wasi::path_link(fd, 0, path, fd, b"linked-in")
    }),
    ("link to", |fd, path| {
        wasi::path_link(fd, 0, b"inside/file.txt", fd, path)
    }),
    ("rename from", |fd, path| {
        wasi::path_rename(fd, path, fd, b"renamed-in")
    }),
    ("rename to", |fd, path| {
        wasi::path_rename(fd, b"inside/file.txt", fd, path)
    }),
];

/// Opens, reads what is there to see whether it is the canary's, and closes.
fn open(fd: u32, flags: u32, path: &[u8], oflags: u32, rights: u64) -> Outcome {
    wasi::path_open(fd, flags, path, oflags, rights, 0).and_then(wasi::fd_close)
}

pub fn run(report: &mut Report, sandbox: u32) {
    for (name, operation) in OPERATIONS {
        report.section(&format!("{name}: out"));
        for path in OUT {
            report.refused(name, path, &operation(sandbox, path));
        }
    }
    bad_names(report, sandbox);
    trailing(report, sandbox);
    from_a_file(report, sandbox);
}

/// Names that no file has.
fn bad_names(report: &mut Report, sandbox: u32) {
    let long_name = [b'n'; 256];
    let long_path = b"inside/../".repeat(500);
    let deep = b"d/".repeat(3000);
    let names: [&[u8]; 9] = [
        b"",
        b"\0",
        b"inside\0/../../canary",
        b"inside/file.txt\0.png",
        b"\xff\xfe",
        b"inside/\xc3\x28",
        &long_name,
        &long_path,
        &deep,
    ];
    for (name, operation) in OPERATIONS {
        report.section(&format!("{name}: names"));
        for path in names {
            report.refused(name, path, &operation(sandbox, path));
        }
    }
}

/// Trailing slashes and dots: on a file every one is an error.
fn trailing(report: &mut Report, sandbox: u32) {
    for (name, operation) in OPERATIONS {
        report.section(&format!("{name}: trailing"));
        for path in [
            &b"inside/file.txt/"[..],
            b"inside/file.txt//",
            b"inside/file.txt/.",
            b"inside/file.txt/..",
        ] {
            let outcome = operation(sandbox, path);
            report.refused(name, path, &outcome);
            if wasi::path_filestat_get(sandbox, 0, b"inside/file.txt").is_err() {
                report.escape(&format!("{name} {} lost the file", show(path)));
            }
        }
        for path in [&b"new/."[..], b"inside/.", b"inside/..", b"."] {
            // Some of these name directories that are there: only what would destroy or replace them must fail.
            let outcome = operation(sandbox, path);
            let harmless = name.starts_with("open")
                || matches!(name, "stat" | "lstat" | "set times" | "create");
            if harmless {
                report.note(name, path, &outcome);
            } else {
                report.refused(name, path, &outcome);
            }
        }
    }
}

/// A descriptor of a file is no directory to start from.
fn from_a_file(report: &mut Report, sandbox: u32) {
    report.section("from a file's descriptor");
    let opened = wasi::path_open(sandbox, 0, b"inside/file.txt", 0, wasi::RIGHTS_FILE, 0);
    report.note("open a file", b"inside/file.txt", &opened);
    let Ok(file) = opened else { return };
    for (name, operation) in OPERATIONS {
        report.refused(name, b"../canary", &operation(file, b"../canary"));
    }
    report.note("close", b"", &wasi::fd_close(file));
}

//! A read-only mount stays as it is: no write, no truncation, no rename or link out of it or into it.

use crate::report::Report;
use holm_guests::preview1::{
    self as wasi, FSTFLAGS_MTIM, LOOKUP_FOLLOW, OFLAGS_CREAT, OFLAGS_DIRECTORY, OFLAGS_TRUNC,
    RIGHT_FD_READ, RIGHT_FD_WRITE, RIGHTS_ALL,
};

const KEPT: &[u8] = b"kept.txt";

pub fn run(report: &mut Report, sandbox: u32, readonly: u32) {
    report.section("read-only: by path");
    let open = |path: &[u8], oflags, rights, fdflags| {
        wasi::path_open(readonly, 0, path, oflags, rights, fdflags)
    };
    report.refused("open to write", KEPT, &open(KEPT, 0, RIGHT_FD_WRITE, 0));
    report.refused(
        "open both ways",
        KEPT,
        &open(KEPT, 0, RIGHT_FD_READ | RIGHT_FD_WRITE, 0),
    );
    report.refused(
        "open to append",
        KEPT,
        &open(KEPT, 0, RIGHT_FD_WRITE, wasi::FDFLAGS_APPEND),
    );
    report.refused(
        "truncate to read",
        KEPT,
        &open(KEPT, OFLAGS_TRUNC, RIGHT_FD_READ, 0),
    );
    report.refused(
        "truncate to write",
        KEPT,
        &open(KEPT, OFLAGS_TRUNC, RIGHT_FD_WRITE, 0),
    );
    report.refused("truncate, no rights", KEPT, &open(KEPT, OFLAGS_TRUNC, 0, 0));
    report.refused(
        "create",
        b"new.txt",
        &open(b"new.txt", OFLAGS_CREAT, RIGHT_FD_WRITE, 0),
    );
    report.refused(
        "create to read",
        b"new.txt",
        &open(b"new.txt", OFLAGS_CREAT, RIGHT_FD_READ, 0),
    );
    report.refused(
        "create, no rights",
        b"new.txt",
        &open(b"new.txt", OFLAGS_CREAT, 0, 0),
    );
    report.refused(
        "mkdir",
        b"new-dir",
        &wasi::path_create_directory(readonly, b"new-dir"),
    );
    report.refused(
        "rmdir",
        b"kept-dir",
        &wasi::path_remove_directory(readonly, b"kept-dir"),
    );
    report.refused("unlink", KEPT, &wasi::path_unlink_file(readonly, KEPT));
    report.refused(
        "symlink",
        b"new-link",
        &wasi::path_symlink(KEPT, readonly, b"new-link"),
    );
    report.refused(
        "set times",
        KEPT,
        &wasi::path_filestat_set_times(readonly, LOOKUP_FOLLOW, KEPT, 1, 1, FSTFLAGS_MTIM),
    );
    report.refused(
        "rename within",
        KEPT,
        &wasi::path_rename(readonly, KEPT, readonly, b"moved.txt"),
    );
    report.refused(
        "link within",
        KEPT,
        &wasi::path_link(readonly, 0, KEPT, readonly, b"linked.txt"),
    );

    report.section("read-only: across mounts");
    report.refused(
        "rename out",
        KEPT,
        &wasi::path_rename(readonly, KEPT, sandbox, b"stolen.txt"),
    );
    report.refused(
        "link out",
        KEPT,
        &wasi::path_link(readonly, 0, KEPT, sandbox, b"stolen.txt"),
    );
    report.refused(
        "rename a directory out",
        b"kept-dir",
        &wasi::path_rename(readonly, b"kept-dir", sandbox, b"stolen"),
    );
    report.refused(
        "rename in",
        b"inside/file.txt",
        &wasi::path_rename(sandbox, b"inside/file.txt", readonly, b"in.txt"),
    );
    report.refused(
        "rename over",
        KEPT,
        &wasi::path_rename(sandbox, b"inside/file.txt", readonly, KEPT),
    );
    report.refused(
        "link in",
        b"inside/file.txt",
        &wasi::path_link(sandbox, 0, b"inside/file.txt", readonly, b"in.txt"),
    );

    by_descriptor(report, readonly);
    report.section("read-only: afterwards");
    match open(KEPT, 0, RIGHT_FD_READ, 0) {
        Ok(fd) => {
            let mut content = [0; 16];
            let count = wasi::fd_read(fd, &mut content).unwrap_or(0);
            if !content[..count].starts_with(b"kept") {
                report.escape("kept.txt is not what it was");
            }
            report.note("close", KEPT, &wasi::fd_close(fd));
        }
        Err(errno) => report.escape(&format!("kept.txt cannot be read: {errno}")),
    }
    report.refused(
        "lstat",
        b"new.txt",
        &wasi::path_filestat_get(readonly, 0, b"new.txt"),
    );
}

fn by_descriptor(report: &mut Report, readonly: u32) {
    report.section("read-only: by descriptor");
    let opened = wasi::path_open(readonly, 0, KEPT, 0, RIGHT_FD_READ, 0);
    report.note("open to read", KEPT, &opened);
    if let Ok(fd) = opened {
        report.refused("write", KEPT, &wasi::fd_write(fd, b"spoilt"));
        report.refused("pwrite", KEPT, &wasi::fd_pwrite(fd, b"spoilt", 0));
        report.refused("set size", KEPT, &wasi::fd_filestat_set_size(fd, 0));
        report.refused("allocate", KEPT, &wasi::fd_allocate(fd, 0, 1 << 20));
        report.refused(
            "set times",
            KEPT,
            &wasi::fd_filestat_set_times(fd, 1, 1, FSTFLAGS_MTIM),
        );
        // Asking for rights that were not given must not give them.
        report.refused(
            "widen rights",
            KEPT,
            &wasi::fd_fdstat_set_rights(fd, RIGHTS_ALL, RIGHTS_ALL),
        );
        report.note(
            "set append",
            KEPT,
            &wasi::fd_fdstat_set_flags(fd, wasi::FDFLAGS_APPEND),
        );
        report.refused("write, appending", KEPT, &wasi::fd_write(fd, b"spoilt"));
        report.note("close", KEPT, &wasi::fd_close(fd));
    }
    let opened = wasi::path_open(readonly, 0, b"kept-dir", OFLAGS_DIRECTORY, RIGHT_FD_READ, 0);
    report.note("open directory", b"kept-dir", &opened);
    if let Ok(fd) = opened {
        report.refused(
            "create below",
            b"x",
            &wasi::path_open(fd, 0, b"x", OFLAGS_CREAT, RIGHT_FD_WRITE, 0),
        );
        report.refused("mkdir below", b"x", &wasi::path_create_directory(fd, b"x"));
        report.refused(
            "set times",
            b"kept-dir",
            &wasi::fd_filestat_set_times(fd, 1, 1, FSTFLAGS_MTIM),
        );
        report.note("close", b"kept-dir", &wasi::fd_close(fd));
    }
}

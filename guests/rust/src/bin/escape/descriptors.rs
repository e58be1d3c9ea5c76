//! Descriptors renumbered, closed and used afterwards. Runs last: it takes its own preopens away.

use crate::report::Report;
use holm_guests::preview1::{self as wasi, LOOKUP_FOLLOW, RIGHT_FD_READ, Subscription};

pub fn run(report: &mut Report, sandbox: u32) {
    absurd_numbers(report);
    let opened = wasi::path_open(sandbox, 0, b"inside/file.txt", 0, wasi::RIGHTS_FILE, 0);
    report.section("descriptors: renumbered");
    report.note("open", b"inside/file.txt", &opened);
    let Ok(file) = opened else { return };
    report.note("onto itself", b"", &wasi::fd_renumber(file, file));
    report.note("still open", b"", &wasi::fd_tell(file));
    report.refused(
        "onto a closed one",
        b"",
        &wasi::fd_renumber(file, file + 100),
    );
    report.refused("onto 2^32-1", b"", &wasi::fd_renumber(file, u32::MAX));
    report.refused(
        "from a closed one",
        b"",
        &wasi::fd_renumber(file + 100, file),
    );
    report.refused("from 2^32-1", b"", &wasi::fd_renumber(u32::MAX, file));

    let directory = wasi::path_open(
        sandbox,
        0,
        b"inside",
        wasi::OFLAGS_DIRECTORY,
        wasi::RIGHTS_DIRECTORY,
        0,
    );
    report.note("open directory", b"inside", &directory);
    let Ok(directory) = directory else { return };
    let mut buffer = [0; 64];
    report.note(
        "readdir",
        b"inside",
        &wasi::fd_readdir(directory, &mut buffer, 0),
    );
    // The file takes the directory's number in the middle of a listing.
    report.note(
        "file over directory",
        b"",
        &wasi::fd_renumber(file, directory),
    );
    report.refused(
        "readdir goes on",
        b"",
        &wasi::fd_readdir(directory, &mut buffer, 1),
    );
    report.refused(
        "open below it",
        b"file.txt",
        &wasi::path_open(directory, 0, b"file.txt", 0, RIGHT_FD_READ, 0),
    );
    report.refused("the old number", b"", &wasi::fd_tell(file));
    report.note("the new number", b"", &wasi::fd_tell(directory));
    report.note("close", b"", &wasi::fd_close(directory));

    report.section("descriptors: closed");
    use_after_close(report, directory);
    report.section("descriptors: the preopen itself");
    preopen(report, sandbox);
}

fn absurd_numbers(report: &mut Report) {
    report.section("descriptors: numbers");
    for fd in [1000, 1 << 20, i32::MAX.cast_unsigned(), 1 << 31, u32::MAX] {
        let shown = fd.to_string().into_bytes();
        report.refused("close", &shown, &wasi::fd_close(fd));
        report.refused("read", &shown, &wasi::fd_read(fd, &mut [0; 1]));
        report.refused("prestat", &shown, &wasi::fd_prestat_get(fd));
        report.refused("open below", &shown, &wasi::path_open(fd, 0, b"x", 0, 0, 0));
        report.refused("accept", &shown, &wasi::sock_accept(fd, 0));
    }
}

fn use_after_close(report: &mut Report, fd: u32) {
    report.refused("close again", b"", &wasi::fd_close(fd));
    report.refused("read", b"", &wasi::fd_read(fd, &mut [0; 1]));
    report.refused("write", b"", &wasi::fd_write(fd, b"x"));
    report.refused("pread", b"", &wasi::fd_pread(fd, &mut [0; 1], 0));
    report.refused("pwrite", b"", &wasi::fd_pwrite(fd, b"x", 0));
    report.refused("seek", b"", &wasi::fd_seek(fd, 0, 0));
    report.refused("sync", b"", &wasi::fd_sync(fd));
    report.refused("datasync", b"", &wasi::fd_datasync(fd));
    report.refused("advise", b"", &wasi::fd_advise(fd, 0, 0, 0));
    report.refused("allocate", b"", &wasi::fd_allocate(fd, 0, 1));
    report.refused("stat", b"", &wasi::fd_filestat_get(fd));
    report.refused("fdstat", b"", &wasi::fd_fdstat_get(fd));
    report.refused("set flags", b"", &wasi::fd_fdstat_set_flags(fd, 0));
    report.refused("set rights", b"", &wasi::fd_fdstat_set_rights(fd, 0, 0));
    report.refused("set size", b"", &wasi::fd_filestat_set_size(fd, 0));
    report.refused("set times", b"", &wasi::fd_filestat_set_times(fd, 0, 0, 0));
    report.refused("readdir", b"", &wasi::fd_readdir(fd, &mut [0; 64], 0));
    report.refused("send", b"", &wasi::sock_send(fd, b"x"));
    report.refused("receive", b"", &wasi::sock_recv(fd, &mut [0; 1], 0));
    report.refused("shutdown", b"", &wasi::sock_shutdown(fd, 1));
    let polled = wasi::poll_oneoff(&[Subscription::Read { userdata: 1, fd }]);
    report.note(
        "poll",
        b"",
        &polled.and_then(|events| {
            events.first().map_or(Ok(()), |event| match event.error.0 {
                0 => Ok(()),
                _ => Err(event.error),
            })
        }),
    );
}

fn preopen(report: &mut Report, sandbox: u32) {
    let other = wasi::path_open(
        sandbox,
        0,
        b"inside",
        wasi::OFLAGS_DIRECTORY,
        wasi::RIGHTS_DIRECTORY,
        0,
    );
    report.note("open directory", b"inside", &other);
    let Ok(other) = other else { return };
    report.note(
        "it over the preopen",
        b"",
        &wasi::fd_renumber(other, sandbox),
    );
    // Whatever the number now means, it is `inside` or nothing: the way up stays shut.
    for path in [&b"../canary"[..], b"../../canary", b"../inside/file.txt"] {
        report.refused(
            "open",
            path,
            &wasi::path_open(sandbox, LOOKUP_FOLLOW, path, 0, RIGHT_FD_READ, 0),
        );
    }
    report.note("close the preopen", b"", &wasi::fd_close(sandbox));
    report.refused(
        "open after it",
        b"file.txt",
        &wasi::path_open(sandbox, 0, b"file.txt", 0, RIGHT_FD_READ, 0),
    );
    report.refused("prestat after it", b"", &wasi::fd_prestat_get(sandbox));
}

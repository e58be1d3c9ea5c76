//! Tries to get out of its directories, in every way known; prints the errno of each attempt.
//!
//! `escape [--only SECTION] SANDBOX [READONLY]`: names of preopened directories. The first is writable and empty; the
//! second, where given, is mounted read-only and holds `kept.txt` with the content `kept` and an empty directory `kept-dir`. The host puts
//! files whose content starts with `CANARY` beside both, named `canary`. Exit status 1 means that an attempt got
//! through; stderr says which.

mod absurd_unsafe;
mod descriptors;
mod paths;
mod readonly;
mod report;
mod symlinks;

use holm_guests::preview1 as wasi;
use report::Report;
use std::process::exit;

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut only = None;
    if arguments.first().is_some_and(|first| first == "--only") && arguments.len() > 1 {
        only = Some(arguments.remove(1));
        arguments.remove(0);
    }
    let sandbox = directory(arguments.first().map_or("/", String::as_str));
    let readonly = arguments.get(1).map(|name| directory(name));
    let wanted = |section: &str| only.as_deref().is_none_or(|only| only == section);
    let mut report = Report::default();
    prepare(sandbox);
    if wanted("paths") {
        paths::run(&mut report, sandbox);
    }
    if wanted("symlinks") {
        symlinks::run(&mut report, sandbox);
    }
    if let Some(readonly) = readonly
        && wanted("readonly")
    {
        readonly::run(&mut report, sandbox, readonly);
    }
    if wanted("absurd") {
        absurd_unsafe::run(&mut report, sandbox);
    }
    if wanted("descriptors") {
        descriptors::run(&mut report, sandbox);
    }
    report.finish();
}

fn directory(name: &str) -> u32 {
    wasi::preopen(name).unwrap_or_else(|| {
        eprintln!("escape: no preopened directory is called {name}");
        exit(2);
    })
}

/// `inside/file.txt`, for attempts that need something to work with.
fn prepare(sandbox: u32) {
    let made = wasi::path_create_directory(sandbox, b"inside");
    let oflags = wasi::OFLAGS_CREAT | wasi::OFLAGS_TRUNC;
    let written = wasi::path_open(
        sandbox,
        0,
        b"inside/file.txt",
        oflags,
        wasi::RIGHT_FD_WRITE,
        0,
    )
    .and_then(|fd| {
        wasi::fd_write(fd, b"inside")?;
        wasi::fd_close(fd)
    });
    if made.is_err() || written.is_err() {
        eprintln!("escape: the sandbox must be writable and empty: {made:?}, {written:?}");
        exit(2);
    }
}

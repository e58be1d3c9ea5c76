//! Symbolic links that lead out: absolute, relative, chained, looped, dangling, and with slashes behind.

use crate::report::Report;
use holm_guests::preview1::{
    self as wasi, LOOKUP_FOLLOW, OFLAGS_CREAT, OFLAGS_TRUNC, RIGHT_FD_READ, RIGHT_FD_WRITE,
};

/// Links to make: name and target.
const LINKS: [(&[u8], &[u8]); 16] = [
    (b"to-root", b"/"),
    (b"to-passwd", b"/etc/passwd"),
    (b"to-parent", b".."),
    (b"to-parent-slash", b"../"),
    (b"to-canary", b"../canary"),
    (b"inside/to-canary", b"../../canary"),
    (b"inside/to-top", b".."),
    (b"to-here", b"."),
    (b"to-inside", b"inside"),
    (b"to-file", b"inside/file.txt"),
    (b"chained", b"to-parent/canary"),
    (b"loop-a", b"loop-b"),
    (b"loop-b", b"loop-a"),
    (b"self", b"self"),
    (b"dangling-out", b"../created-by-escape"),
    (b"dangling-in", b"inside/created"),
];

/// Ways out through those links.
const OUT: [&[u8]; 22] = [
    b"to-root",
    b"to-root/",
    b"to-root/etc/passwd",
    b"to-passwd",
    b"to-parent",
    b"to-parent/",
    b"to-parent/.",
    b"to-parent/canary",
    b"to-parent-slash/canary",
    b"to-canary",
    b"to-canary/",
    b"to-canary/.",
    b"inside/to-canary",
    b"inside/to-top/../canary",
    b"inside/to-top/to-canary",
    b"to-here/../canary",
    b"to-here/to-here/to-here/../canary",
    b"to-inside/../../canary",
    b"to-inside/to-canary",
    b"chained",
    b"loop-a",
    b"self",
];

pub fn run(report: &mut Report, sandbox: u32) {
    report.section("symlinks: making them");
    // A host may refuse to make a link that is absolute: what goes through it is then left out.
    let mut missing = Vec::new();
    for (name, target) in LINKS {
        let outcome = wasi::path_symlink(target, sandbox, name);
        report.note("symlink", name, &outcome);
        if outcome.is_err() {
            missing.push(name);
        }
    }
    for target in [&b""[..], b"\0", b"a\0b", b"\xff", &[b't'; 5000]] {
        report.note(
            "symlink with target",
            target,
            &wasi::path_symlink(target, sandbox, b"odd"),
        );
        let _ = wasi::path_unlink_file(sandbox, b"odd");
    }
    follow(report, sandbox, &missing);
    dangling(report, sandbox);
    chain(report, sandbox);
    slashes(report, sandbox, &missing);
    links_of_links(report, sandbox);
}

fn is_missing(path: &[u8], missing: &[&[u8]]) -> bool {
    missing.iter().any(|name| {
        path.strip_prefix(*name)
            .is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    })
}

fn follow(report: &mut Report, sandbox: u32, missing: &[&[u8]]) {
    report.section("symlinks: through them");
    for path in OUT.into_iter().filter(|path| !is_missing(path, missing)) {
        let directory = wasi::OFLAGS_DIRECTORY;
        report.refused(
            "open to read",
            path,
            &wasi::path_open(sandbox, LOOKUP_FOLLOW, path, 0, RIGHT_FD_READ, 0),
        );
        report.refused(
            "open directory",
            path,
            &wasi::path_open(sandbox, LOOKUP_FOLLOW, path, directory, 0, 0),
        );
        report.refused(
            "create",
            path,
            &wasi::path_open(
                sandbox,
                LOOKUP_FOLLOW,
                path,
                OFLAGS_CREAT,
                RIGHT_FD_WRITE,
                0,
            ),
        );
        report.refused(
            "truncate",
            path,
            &wasi::path_open(
                sandbox,
                LOOKUP_FOLLOW,
                path,
                OFLAGS_TRUNC,
                RIGHT_FD_WRITE,
                0,
            ),
        );
        report.refused(
            "stat",
            path,
            &wasi::path_filestat_get(sandbox, LOOKUP_FOLLOW, path),
        );
        let times = wasi::FSTFLAGS_MTIM;
        report.refused(
            "set times",
            path,
            &wasi::path_filestat_set_times(sandbox, LOOKUP_FOLLOW, path, 1, 1, times),
        );
        report.refused(
            "link, following",
            path,
            &wasi::path_link(sandbox, LOOKUP_FOLLOW, path, sandbox, b"linked"),
        );
    }
}

fn dangling(report: &mut Report, sandbox: u32) {
    report.section("symlinks: dangling, with create");
    for (flags, how) in [(LOOKUP_FOLLOW, "create, follow"), (0, "create, no follow")] {
        let outcome = wasi::path_open(
            sandbox,
            flags,
            b"dangling-out",
            OFLAGS_CREAT,
            RIGHT_FD_WRITE,
            0,
        );
        report.refused(how, b"dangling-out", &outcome);
        let excl = OFLAGS_CREAT | wasi::OFLAGS_EXCL;
        let outcome = wasi::path_open(sandbox, flags, b"dangling-out", excl, RIGHT_FD_WRITE, 0);
        report.refused("exclusively", b"dangling-out", &outcome);
    }
    report.refused(
        "mkdir",
        b"dangling-out",
        &wasi::path_create_directory(sandbox, b"dangling-out"),
    );
    report.refused(
        "mkdir",
        b"dangling-out/",
        &wasi::path_create_directory(sandbox, b"dangling-out/"),
    );
    report.refused(
        "rename over it",
        b"dangling-out/",
        &wasi::path_rename(sandbox, b"inside", sandbox, b"dangling-out/"),
    );
    // The target is inside: the link is followed and the file made, as POSIX has it.
    let outcome = wasi::path_open(
        sandbox,
        LOOKUP_FOLLOW,
        b"dangling-in",
        OFLAGS_CREAT,
        RIGHT_FD_WRITE,
        0,
    );
    report.not_canary("create, follow", b"dangling-in", outcome);
    report.note(
        "unlink its target",
        b"inside/created",
        &wasi::path_unlink_file(sandbox, b"inside/created"),
    );
}

/// Chains of links: a short one works, an endless one is stopped.
fn chain(report: &mut Report, sandbox: u32) {
    report.section("symlinks: chains");
    let mut target = b"inside/file.txt".to_vec();
    for step in 0..64 {
        let name = format!("chain-{step:02}").into_bytes();
        if wasi::path_symlink(&target, sandbox, &name).is_err() {
            report.escape("a chain of links cannot be made");
            return;
        }
        target = name;
    }
    for step in [0, 7, 31, 63] {
        let name = format!("chain-{step:02}").into_bytes();
        let outcome = wasi::path_open(sandbox, LOOKUP_FOLLOW, &name, 0, RIGHT_FD_READ, 0);
        report.not_canary("open", &name, outcome);
    }
    let outcome = wasi::path_open(sandbox, LOOKUP_FOLLOW, b"chain-63", 0, RIGHT_FD_READ, 0);
    report.refused("open", b"chain-63", &outcome);
    for step in 0..64 {
        let _ = wasi::path_unlink_file(sandbox, &format!("chain-{step:02}").into_bytes());
    }
}

/// A slash behind a link follows it, even where the call says not to.
fn slashes(report: &mut Report, sandbox: u32, missing: &[&[u8]]) {
    report.section("symlinks: slashes behind, no follow");
    let paths: [&[u8]; 6] = [
        b"to-parent/",
        b"to-parent/.",
        b"to-parent//",
        b"to-canary/",
        b"to-canary/.",
        b"to-root/",
    ];
    for path in paths.into_iter().filter(|path| !is_missing(path, missing)) {
        report.refused(
            "open",
            path,
            &wasi::path_open(sandbox, 0, path, 0, RIGHT_FD_READ, 0),
        );
        report.refused("lstat", path, &wasi::path_filestat_get(sandbox, 0, path));
        report.refused(
            "readlink",
            path,
            &wasi::path_readlink(sandbox, path, &mut [0; 64]),
        );
        report.refused("unlink", path, &wasi::path_unlink_file(sandbox, path));
        report.refused("rmdir", path, &wasi::path_remove_directory(sandbox, path));
        report.refused(
            "rename",
            path,
            &wasi::path_rename(sandbox, path, sandbox, b"renamed"),
        );
        report.refused(
            "link",
            path,
            &wasi::path_link(sandbox, 0, path, sandbox, b"linked"),
        );
        report.refused("mkdir", path, &wasi::path_create_directory(sandbox, path));
        report.refused(
            "set times",
            path,
            &wasi::path_filestat_set_times(sandbox, 0, path, 1, 1, wasi::FSTFLAGS_MTIM),
        );
    }
    for path in [&b"to-file/"[..], b"to-file/."] {
        report.refused(
            "open",
            path,
            &wasi::path_open(sandbox, 0, path, 0, RIGHT_FD_READ, 0),
        );
        report.refused("unlink", path, &wasi::path_unlink_file(sandbox, path));
    }
}

/// Moving a link, or a directory that holds one, changes where it points: it must be judged anew each time.
fn links_of_links(report: &mut Report, sandbox: u32) {
    report.section("symlinks: moved");
    report.note(
        "symlink",
        b"inside/up",
        &wasi::path_symlink(b"../file-beside", sandbox, b"inside/up"),
    );
    report.note(
        "rename it up",
        b"up",
        &wasi::path_rename(sandbox, b"inside/up", sandbox, b"up"),
    );
    report.refused(
        "open it",
        b"up",
        &wasi::path_open(sandbox, LOOKUP_FOLLOW, b"up", 0, RIGHT_FD_READ, 0),
    );
    report.refused(
        "create it",
        b"up",
        &wasi::path_open(
            sandbox,
            LOOKUP_FOLLOW,
            b"up",
            OFLAGS_CREAT,
            RIGHT_FD_WRITE,
            0,
        ),
    );
    let inner = wasi::path_open(
        sandbox,
        0,
        b"inside",
        wasi::OFLAGS_DIRECTORY,
        wasi::RIGHTS_DIRECTORY,
        0,
    );
    report.note("open the directory", b"inside", &inner);
    if let Ok(inner) = inner {
        // The descriptor's own directory is no wall of its own in POSIX, but preview 1 says that it is.
        report.refused(
            "open",
            b"../to-file",
            &wasi::path_open(inner, LOOKUP_FOLLOW, b"../to-file", 0, RIGHT_FD_READ, 0),
        );
        report.refused(
            "open",
            b"../../canary",
            &wasi::path_open(inner, LOOKUP_FOLLOW, b"../../canary", 0, RIGHT_FD_READ, 0),
        );
        report.note("close", b"", &wasi::fd_close(inner));
    }
    for (name, _) in LINKS {
        report.note("unlink", name, &wasi::path_unlink_file(sandbox, name));
    }
    report.note("unlink", b"up", &wasi::path_unlink_file(sandbox, b"up"));
}

//! Every guest has a test: how it is run, how it ends, what it prints.

use std::collections::BTreeSet;
use std::fs;

use crate::support::{Folder, guests, holm, root, run};

/// How a guest is run, and what must come of it. The current directory is a folder of its
/// own, in which `d` is an empty directory.
#[derive(Clone, Copy, Debug)]
struct Case {
    name: &'static str,
    options: &'static [&'static str],
    arguments: &'static [&'static str],
    stdin: &'static str,
    code: i32,
    stdout: Output,
    /// What standard error has in it; nothing stands there when this is empty.
    stderr: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Output {
    Is(&'static str),
    Has(&'static str),
}

use Output::{Has, Is};

const fn case(name: &'static str, stdout: Output) -> Case {
    Case {
        name,
        options: &[],
        arguments: &[],
        stdin: "",
        code: 0,
        stdout,
        stderr: "",
    }
}

/// A guest that works with files, in `/d`.
const fn files(name: &'static str, stdout: Output) -> Case {
    Case {
        options: &["--dir", "d::/d"],
        arguments: &["/d"],
        ..case(name, stdout)
    }
}

const fn refused(name: &'static str, stderr: &'static str) -> Case {
    Case {
        code: 126,
        stderr,
        ..case(name, Is(""))
    }
}

const fn trapped(name: &'static str, stderr: &'static str) -> Case {
    Case {
        code: 134,
        stderr,
        ..case(name, Is(""))
    }
}

const RUST: &[Case] = &[
    case("rust/hello", Is("Hello from Rust!\n")),
    Case {
        options: &["--env", "B=2 = two", "--env", "A=", "--argv0", "me"],
        arguments: &["", "two words", "--dir", "ä🏝"],
        ..case(
            "rust/args_env",
            Is(
                "arg 0: \"me\"\narg 1: \"\"\narg 2: \"two words\"\narg 3: \"--dir\"\n\
                arg 4: \"ä🏝\"\nenv A=\"\"\nenv B=\"2 = two\"\n",
            ),
        )
    },
    Case {
        stdin: "from stdin",
        ..case("rust/cat", Is("from stdin"))
    },
    Case {
        stdin: "one\ntwo\n",
        stderr: "2 lines",
        ..case(
            "rust/stdio_echo",
            Is("ready> 1: one\nready> 2: two\nready> \n"),
        )
    },
    Case {
        arguments: &["37"],
        code: 37,
        stderr: "with 37",
        ..case("rust/exit_code", Is("leaving"))
    },
    files("rust/files", Has("files: all 130 checks passed\n")),
    Case {
        arguments: &[],
        stderr: "in /d",
        ..files("rust/stat", Has("stat: all 46 checks passed\n"))
    },
    files("rust/dir_many", Has("checks passed\n")),
    Case {
        arguments: &["stdin"],
        stdin: "eleven bytes",
        options: &["--dir", "d::/d"],
        ..case(
            "rust/poll",
            Has("stdin: 12 bytes\npoll: all 39 checks passed\n"),
        )
    },
    case("rust/clocks", Has("clocks: all 10013 checks passed\n")),
    case("rust/random", Is("random: all 7 checks passed\n")),
    Case {
        arguments: &["panic"],
        code: 134,
        stderr: "this guest panics on purpose",
        ..case("rust/trap", Is("about to: panic\n"))
    },
    // More is asked of it in `streams`.
    Case {
        code: 2,
        stderr: "no listening socket",
        ..case("rust/tcp_server", Is(""))
    },
    Case {
        options: &["--invoke", "add"],
        arguments: &["20", "22"],
        ..case("rust/reactor", Is("42\n"))
    },
    Case {
        arguments: &["8"],
        ..case("rust/memory_hog", Is("holding 8 MiB\n"))
    },
    Case {
        options: &["--dir", "d::/d", "--max-fds", "50"],
        stderr: "more than 50 open descriptors",
        ..files("rust/fd_hog", Has("fd_hog: all 6 checks passed\n"))
    },
    Case {
        arguments: &["3"],
        ..case("rust/many_writes", Is("0000000\n0000001\n0000002\n"))
    },
    // To a pipe everything goes as it is.
    case("rust/terminal", Has("colour: \u{1b}[31mred\u{1b}[0m\n")),
    Case {
        stderr: "nothing is granted there",
        ..case("rust/denied", Has("denied: done\n"))
    },
    // More is asked of both in `escapes`.
    Case {
        stderr: "leads out of the directory",
        ..files("rust/escape", Has(" 0 got through\n"))
    },
    Case {
        arguments: &["/d", "1"],
        stderr: "tries",
        ..files("rust/race", Is("race: no escape\n"))
    },
    Case {
        arguments: &["/d", "--rounds", "1", "--only", "stat"],
        ..files("rust/bench", Has("stat_ns"))
    },
];

const C: &[Case] = &[
    Case {
        arguments: &["a", "b"],
        ..case("c/hello", Has("Hello from C!\n"))
    },
    files("c/files", Has("files: all 663 checks passed\n")),
    Case {
        stdin: "12345",
        ..case(
            "c/poll",
            Has("stdin: 5 bytes\npoll: all 10 checks passed\n"),
        )
    },
    case(
        "c/compute",
        Is("sorted 100000, hash 5bdbb7f41dd53ecf\nbeside the diagonal 129024.0, root 359.199109\n"),
    ),
    case(
        "c/imported_memory",
        Is("memory: 64 pages at least, sum 29360128\n"),
    ),
    Case {
        arguments: &["divide"],
        code: 134,
        stderr: "divided an integer by zero",
        ..case("c/traps", Is("about to: divide\n"))
    },
];

const CPP: &[Case] = &[
    case(
        "cpp/hello",
        Is("Hello from C++!\nsum 55\none 1\nthree 3\ntwo 2\n"),
    ),
    files("cpp/files", Has(" checks passed, 0 failed\n")),
];

const GO: &[Case] = &[
    case("go/hello", Is("Hello from Go!\n")),
    files("go/files", Has(" checks passed, 0 failed\n")),
    Case {
        stdin: "a\nb\nc\n",
        ..case("go/concurrency", Has("lines: 3\nconcurrency: done\n"))
    },
    Case {
        options: &["--invoke", "add"],
        arguments: &["-5", "7"],
        ..case("go/reactor", Is("2\n"))
    },
];

const WAT: &[Case] = &[
    case("wat/hello", Is("hello\n")),
    case("wat/proposals", Is("")),
    case("wat/imports_memory", Is("memory from outside\n")),
    Case {
        code: 255,
        ..case("wat/exit_large", Is(""))
    },
    Case {
        options: &["--memory", "16MiB"],
        code: 3,
        stderr: "refused: more than 16MiB of memory. To allow more: --memory 32MiB",
        ..case("wat/memory_grow", Is(""))
    },
    // EFAULT: an address in no memory.
    Case {
        code: 21,
        ..case("wat/no_memory", Is(""))
    },
    Case {
        options: &["--timeout", "100ms"],
        code: 124,
        stderr: "timed out after 100ms",
        ..case("wat/loop", Is(""))
    },
    Case {
        options: &["--timeout", "100ms"],
        code: 124,
        stderr: "timed out after 100ms",
        ..case("wat/start_loops", Is(""))
    },
    Case {
        options: &["--memory", "1GiB"],
        ..refused("wat/memory_large", "--memory")
    },
    Case {
        options: &["--memory", "100MiB"],
        ..refused("wat/memory_many", "--memory")
    },
    refused("wat/import_global", "wasi_snapshot_preview1.fd_write"),
    refused("wat/unknown_import", "weather.forecast"),
    refused("wat/unknown_wasi", "fd_teleport"),
    refused("wat/unstable_import", "wasi_unstable.proc_exit"),
    refused("wat/wrong_type", "wrong type"),
    refused("wat/no_start", "_start"),
    refused("wat/start_type", "_start"),
    Case {
        options: &["--memory", "64MiB"],
        ..refused("wat/table_large", "--memory")
    },
    trapped("wat/start_traps", "while it was being set up"),
    trapped("wat/trap_call", "another type"),
    trapped("wat/trap_convert", "does not fit"),
    trapped("wat/trap_divide", "divided an integer by zero"),
];

const ALL: [&[Case]; 5] = [RUST, C, CPP, GO, WAT];

fn check(cases: &[Case]) {
    for case in cases {
        let folder = Folder::new();
        folder.folder("d");
        let done = run(case.options)
            .guest(case.name)
            .args(case.arguments)
            .directory(folder.path())
            .stdin(case.stdin)
            .go();
        let stdout_fits = match case.stdout {
            Is(text) => done.stdout == text,
            Has(text) => done.stdout.contains(text),
        };
        let stderr_fits = match case.stderr {
            "" => done.stderr.is_empty(),
            text => done.stderr.contains(text),
        };
        let code_fits = done.status.code() == Some(case.code);
        assert!(code_fits && stdout_fits && stderr_fits, "{case:?}\n{done}");
    }
}

#[test]
fn guests_in_rust() {
    check(RUST);
}

#[test]
fn guests_in_c() {
    check(C);
}

#[test]
fn guests_in_cpp() {
    check(CPP);
}

#[test]
fn guests_in_go() {
    check(GO);
}

#[test]
fn guests_in_text() {
    check(WAT);
}

/// The optimised tier runs them as well: those that lean on the engine most.
#[test]
fn optimised_code_does_the_same() {
    let leaning = [
        "c/compute",
        "wat/proposals",
        "wat/trap_call",
        "wat/no_memory",
        "rust/files",
    ];
    let cases: Vec<Case> = ALL
        .concat()
        .into_iter()
        .filter(|case| leaning.contains(&case.name))
        .collect();
    assert_eq!(cases.len(), leaning.len());
    for case in cases {
        let folder = Folder::new();
        folder.folder("d");
        let done = holm(["run", "--tier", "optimised"])
            .args(case.options)
            .guest(case.name)
            .args(case.arguments)
            .directory(folder.path())
            .go();
        assert_eq!(done.status.code(), Some(case.code), "{case:?}\n{done}");
        let (Is(text) | Has(text)) = case.stdout;
        assert!(done.stdout.contains(text), "{case:?}\n{done}");
    }
}

/// Names of what is built and of what has a source; a folder's name is that of its program.
fn known() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let sources = root().join("guests");
    let folders = [
        ("rust", sources.join("rust/src/bin"), "rs"),
        ("rust", sources.join("rust/examples"), "rs"),
        ("c", sources.join("c"), "c"),
        ("cpp", sources.join("cpp"), "cpp"),
        ("go", sources.join("go"), ""),
        ("wat", sources.join("wat"), "wat"),
        ("rust", guests().join("rust"), "wasm"),
        ("c", guests().join("c"), "wasm"),
        ("cpp", guests().join("cpp"), "wasm"),
        ("go", guests().join("go"), "wasm"),
        ("wat", guests().join("wat"), "wasm"),
    ];
    for (language, folder, extension) in folders {
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| {
            panic!(
                "{}: {error}; run `cargo xtask guests` first",
                folder.display()
            )
        });
        for entry in entries {
            let path = entry.expect("an entry").path();
            let is_program = path.is_dir() || path.extension().is_some_and(|it| it == extension);
            let stem = path.file_stem().expect("a name").to_string_lossy();
            if is_program {
                names.insert(format!("{language}/{}", stem.trim_end_matches("_unsafe")));
            }
        }
    }
    names
}

#[test]
fn every_guest_has_a_test() {
    let tested: BTreeSet<String> = ALL
        .concat()
        .iter()
        .map(|case| case.name.to_owned())
        .collect();
    let known = known();
    let forgotten: Vec<&String> = known.difference(&tested).collect();
    assert!(
        forgotten.is_empty(),
        "without a case in tests/guests.rs: {forgotten:?}"
    );
    let gone: Vec<&String> = tested.difference(&known).collect();
    assert!(
        gone.is_empty(),
        "in tests/guests.rs, and no guest: {gone:?}"
    );
}

//! Compiled code is kept, never trusted when it is damaged, and shared by runs at the same time.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::support::{Done, Folder, HANGS, Running, holm, run};

/// A place for a cache: Holm makes the folder, for its user alone.
struct Cache {
    _folder: Folder,
    path: PathBuf,
}

impl Cache {
    fn new() -> Cache {
        let folder = Folder::new();
        let path = folder.join("cache");
        Cache {
            _folder: folder,
            path,
        }
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

fn cached(cache: &Path, name: &str) -> Done {
    run(["--stats"]).guest(name).cache(cache).go().code(0)
}

/// The files in a cache that hold compiled code, largest first.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => files.push(path),
            }
        }
    }
    files.sort_by_key(|path| std::cmp::Reverse(fs::metadata(path).map_or(0, |data| data.len())));
    files
}

#[test]
fn the_second_run_compiles_nothing() {
    let folder = Cache::new();
    cached(folder.path(), "rust/hello").says("(baseline, compiled now)");
    cached(folder.path(), "rust/hello").says("(baseline, cached)");
    holm(["cache", "ls"])
        .cache(folder.path())
        .go()
        .code(0)
        .shows("baseline")
        .shows("hello.wasm");
    run(["--stats", "--no-cache"])
        .guest("rust/hello")
        .cache(folder.path())
        .go()
        .code(0)
        .says("compiled now");
    holm(["cache", "clean"])
        .cache(folder.path())
        .go()
        .code(0)
        .shows("removed 1 entr");
    cached(folder.path(), "rust/hello").says("(baseline, compiled now)");
}

#[test]
fn optimised_code_comes_first_once_it_is_there() {
    let folder = Cache::new();
    let stats = || {
        holm(["run", "--stats"])
            .guest("wat/hello")
            .cache(folder.path())
            .go()
            .code(0)
    };
    holm(["cache", "compile"])
        .guest("wat/hello")
        .cache(folder.path())
        .go()
        .code(0)
        .silent();
    stats().says("(optimised, cached)").prints("hello\n");
    holm(["cache", "compile", "nowhere.wasm"])
        .go()
        .refuses(127, &["nowhere.wasm"]);
}

#[test]
fn damaged_code_is_never_run() {
    let folder = Cache::new();
    cached(folder.path(), "rust/hello").says("compiled now");
    let entry = entries(folder.path()).swap_remove(0);
    let whole = fs::read(&entry).expect("an entry");
    let step = whole.len() / 40;
    for at in (0..whole.len()).step_by(step) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(&entry, &damaged).expect("damaged");
        // A place that nothing reads may be damaged unseen; the program is what it was.
        cached(folder.path(), "rust/hello").prints("Hello from Rust!\n");
        fs::write(&entry, &whole).expect("mended");
    }
    let damages: [(&str, Vec<u8>); 4] = [
        ("empty", Vec::new()),
        ("cut", whole[..whole.len() / 2].to_vec()),
        ("text", b"not what you think".repeat(1000)),
        ("longer", [whole.as_slice(), b"more"].concat()),
    ];
    for (what, bytes) in damages {
        fs::write(&entry, bytes).expect("damaged");
        let done = cached(folder.path(), "rust/hello").prints("Hello from Rust!\n");
        assert!(done.stderr.contains("compiled now"), "{what}\n{done}");
    }
}

#[test]
fn an_entry_for_another_program_is_not_taken() {
    let folder = Cache::new();
    cached(folder.path(), "rust/hello");
    let hello = entries(folder.path()).swap_remove(0);
    let other = Cache::new();
    cached(other.path(), "c/hello");
    let foreign = entries(other.path()).swap_remove(0);
    fs::copy(foreign, &hello).expect("swapped");
    cached(folder.path(), "rust/hello")
        .prints("Hello from Rust!\n")
        .says("compiled now");
}

#[test]
fn eight_first_runs_at_once() {
    let folder = Cache::new();
    let runs: Vec<Running> = (0..8)
        .map(|_| {
            run(["--stats"])
                .guest("c/compute")
                .cache(folder.path())
                .start()
        })
        .collect();
    for running in runs {
        running.end().code(0).shows("hash 5bdbb7f41dd53ecf");
    }
    cached(folder.path(), "c/compute").says("(baseline, cached)");
    let done = holm(["cache", "ls"]).cache(folder.path()).go().code(0);
    assert_eq!(done.stdout.matches("compute.wasm").count(), 1, "{done}");
}

#[test]
fn without_a_place_for_a_cache_programs_run_all_the_same() {
    // Below a file no folder can be made.
    let folder = Folder::new();
    let file = folder.write("file", "");
    run::<&str>([])
        .guest("rust/hello")
        .cache(&file.join("cache"))
        .go()
        .code(0)
        .prints("Hello from Rust!\n");
    holm(["cache", "ls"])
        .cache(&file.join("cache"))
        .go()
        .code(1);
}

#[test]
fn a_cache_that_others_may_write_is_not_trusted() {
    let folder = Cache::new();
    cached(folder.path(), "rust/hello");
    for entry in entries(folder.path()) {
        let others = fs::metadata(&entry).expect("an entry").permissions().mode() & 0o022;
        assert_eq!(others, 0, "{} may be written by others", entry.display());
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("opened");
    cached(folder.path(), "rust/hello").says("compiled now");
    holm(["cache", "ls"])
        .cache(folder.path())
        .go()
        .refuses(1, &["open to other users (mode 777)", "chmod 700"]);
}

#[test]
fn the_first_run_leaves_better_code_behind() {
    let folder = Cache::new();
    let stats = || {
        let done = holm(["run", "--stats"])
            .guest("wat/hello")
            .cache(folder.path())
            .go();
        done.code(0).prints("hello\n")
    };
    stats().says("(baseline, compiled now)");
    // It is made by a process in the background: runs go on until one finds it.
    let began = Instant::now();
    while began.elapsed() < HANGS {
        if stats().stderr.contains("(optimised, cached)") {
            return;
        }
    }
    panic!("no optimised code came");
}

//! Attempts to get out of what was granted: all fail, and the outside is as it was.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::archive::{Entry, tar, zip};
use crate::support::{Folder, run};

const SECTIONS: [&str; 5] = ["paths", "symlinks", "readonly", "absurd", "descriptors"];

/// What a path on the host is: type and mode, modification time, links, content.
type State = (u32, i64, i64, u64, Vec<u8>);

/// Every path below a folder, with what it is. Links are not followed.
fn states(folder: &Path) -> BTreeMap<PathBuf, State> {
    let mut states = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let data = fs::symlink_metadata(&path).expect("its state");
            let content = if data.is_file() {
                fs::read(&path).expect("its content")
            } else {
                Vec::new()
            };
            let state = (
                data.mode(),
                data.mtime(),
                data.mtime_nsec(),
                data.nlink(),
                content,
            );
            states.insert(path.clone(), state);
            if data.is_dir() {
                folders.push(path);
            }
        }
    }
    states
}

/// A sandbox and a read-only directory, with canaries beside both and around them.
struct Place {
    folder: Folder,
}

impl Place {
    fn new() -> Place {
        let folder = Folder::new();
        folder.folder("outside/a/sandbox");
        folder.folder("outside/b/readonly/kept-dir");
        folder.write("outside/b/readonly/kept.txt", "kept");
        for place in ["", "outside/", "outside/a/", "outside/b/"] {
            folder.write(&format!("{place}canary"), "CANARY: nobody reads this");
            folder.folder(&format!("{place}canary-dir"));
        }
        Place { folder }
    }

    /// Everything but the sandbox.
    fn outside(&self) -> BTreeMap<PathBuf, State> {
        let sandbox = self.folder.join("outside/a/sandbox");
        let mut states = states(self.folder.path());
        states.retain(|path, _| !path.starts_with(&sandbox));
        states
    }

    /// Runs the guest under these grants; nothing may get through and nothing outside change.
    #[track_caller]
    fn attempt(&self, options: &[&str], arguments: &[&str]) {
        let before = self.outside();
        run(["--quiet"])
            .args(options)
            .directory(self.folder.path())
            .guest("rust/escape")
            .args(arguments)
            .go()
            .code(0)
            .shows(" 0 got through");
        let after = self.outside();
        for path in before.keys().chain(after.keys()) {
            assert_eq!(before.get(path), after.get(path), "{}", path.display());
        }
    }
}

const SANDBOX: &str = "outside/a/sandbox::/sandbox";
const READONLY: &str = "outside/b/readonly::/readonly:ro";

#[test]
fn all_attempts_in_host_directories() {
    let place = Place::new();
    place.attempt(
        &["--dir", SANDBOX, "--dir", READONLY],
        &["/sandbox", "/readonly"],
    );
}

#[test]
fn each_section_alone() {
    for section in SECTIONS {
        let place = Place::new();
        place.attempt(
            &["--dir", SANDBOX, "--dir", READONLY],
            &["--only", section, "/sandbox", "/readonly"],
        );
    }
}

#[test]
fn a_sandbox_mounted_at_the_root() {
    let place = Place::new();
    place.attempt(&["--dir", "outside/a/sandbox::/"], &["/"]);
    let place = Place::new();
    place.attempt(&["--dir", "outside/a/sandbox::."], &["."]);
}

#[test]
fn a_sandbox_in_memory() {
    let place = Place::new();
    place.attempt(
        &["--tmp", "64MiB", "--dir", READONLY],
        &["/tmp", "/readonly"],
    );
}

#[test]
fn a_sandbox_that_is_a_copy() {
    let place = Place::new();
    let before = states(place.folder.path());
    place.attempt(
        &[
            "--dir",
            "outside/a/sandbox::/sandbox:cow",
            "--dir",
            READONLY,
        ],
        &["/sandbox", "/readonly"],
    );
    assert_eq!(
        before,
        states(place.folder.path()),
        "the sandbox itself as well"
    );
}

#[test]
fn a_read_only_directory_that_is_an_archive() {
    let entries = [
        Entry::File("kept.txt", b"kept"),
        Entry::Directory("kept-dir/"),
    ];
    for (name, bytes) in [
        ("readonly.tar", tar(&entries)),
        ("readonly.zip", zip(&entries)),
    ] {
        let place = Place::new();
        place.folder.write(name, bytes);
        let mount = format!("{name}::/readonly");
        place.attempt(
            &["--dir", SANDBOX, "--mount", &mount],
            &["--only", "readonly", "/sandbox", "/readonly"],
        );
    }
}

#[test]
fn read_only_within_read_and_write() {
    let place = Place::new();
    place.attempt(
        &[
            "--dir",
            SANDBOX,
            "--dir",
            "outside/b/readonly::/sandbox/readonly:ro",
        ],
        &["/sandbox", "/sandbox/readonly"],
    );
}

/// The host swaps what a name is, as fast as it can, while the guest opens it.
#[test]
fn a_name_that_the_host_swaps_meanwhile() {
    let folder = Folder::new();
    folder.write("canary", "CANARY: nobody reads this");
    folder.write("outside/canary", "CANARY: nobody reads this");
    let sandbox = folder.folder("sandbox");
    folder.write("sandbox/inside/canary", "what is inside may be read");
    let over = Arc::new(AtomicBool::new(false));
    let swapper = {
        let (over, outside) = (over.clone(), folder.path().to_owned());
        thread::spawn(move || {
            let swap = sandbox.join("swap");
            let mut rounds = 0_u64;
            while !over.load(Ordering::Relaxed) {
                let next = sandbox.join("next");
                let made = match rounds % 5 {
                    0 => symlink(&outside, &next),
                    1 => symlink("..", &next),
                    2 => symlink("../canary", &next),
                    3 => symlink("inside", &next),
                    _ => fs::create_dir(&next),
                };
                made.expect("a link");
                // A rename replaces it at once; a directory is in the way of one.
                if fs::rename(&next, &swap).is_err() {
                    drop(fs::remove_dir(&swap).or_else(|_| fs::remove_file(&swap)));
                    fs::rename(&next, &swap).expect("swapped");
                }
                rounds += 1;
            }
            rounds
        })
    };
    for access in ["rw", "ro", "cow"] {
        let done = run(["--quiet", "--dir"])
            .arg(folder.mount("sandbox", &format!("/d:{access}")))
            .guest("rust/race")
            .args(["/d", "1500"])
            .go()
            .code(0)
            .prints("race: no escape\n");
        assert!(done.stderr.contains("tries"), "{done}");
    }
    over.store(true, Ordering::Relaxed);
    assert!(swapper.join().expect("it swaps") > 100);
}

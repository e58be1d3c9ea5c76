//! Directories of the host: read and written, read only, or changed in a copy.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::{Folder, run};

#[test]
fn what_is_written_is_on_the_host() {
    let folder = Folder::new();
    folder.folder("d");
    run(["--dir", &folder.mount("d", "/out")])
        .guest("rust/many_writes")
        .args(["3", "/out/lines.txt"])
        .go()
        .code(0)
        .silent();
    assert_eq!(folder.read("d/lines.txt"), "0000000\n0000001\n0000002\n");
    // As wasmtime writes it: one name for both sides.
    run(["--dir", "d"])
        .directory(folder.path())
        .guest("rust/cat")
        .arg("d/lines.txt")
        .go()
        .code(0)
        .prints("0000000\n0000001\n0000002\n");
    run(["--dir", "."])
        .directory(folder.path())
        .guest("rust/cat")
        .arg("d/lines.txt")
        .go()
        .code(0)
        .prints("0000000\n0000001\n0000002\n");
    run(["--dir", "d::."])
        .directory(folder.path())
        .guest("rust/cat")
        .arg("lines.txt")
        .go()
        .code(0)
        .prints("0000000\n0000001\n0000002\n");
}

#[test]
fn read_only_is_read_only() {
    let folder = Folder::new();
    folder.write("d/kept.txt", "kept");
    let mount = folder.mount("d", "/d:ro");
    run(["--dir", &mount])
        .guest("rust/cat")
        .arg("/d/kept.txt")
        .go()
        .code(0)
        .prints("kept")
        .silent();
    for name in ["/d/kept.txt", "/d/new.txt"] {
        run(["--dir", &mount])
            .guest("rust/many_writes")
            .args(["1", name])
            .go()
            .code(1)
            .says("read-only")
            .says(&format!("{}::/d:rw", folder.join("d").display()));
    }
    assert_eq!(folder.read("d/kept.txt"), "kept");
    assert_eq!(fs::read_dir(folder.join("d")).expect("d").count(), 1);
}

#[test]
fn a_copy_is_changed_and_forgotten() {
    let folder = Folder::new();
    folder.write("d/kept.txt", "kept");
    let mount = folder.mount("d", "/d:cow");
    for guest in ["rust/files", "c/files", "cpp/files", "go/files"] {
        run(["--dir", &mount])
            .guest(guest)
            .arg("/d")
            .go()
            .code(0)
            .silent();
    }
    run(["--dir", &mount])
        .guest("rust/many_writes")
        .args(["1", "/d/kept.txt"])
        .go()
        .code(0);
    assert_eq!(folder.read("d/kept.txt"), "kept");
    assert_eq!(fs::read_dir(folder.join("d")).expect("d").count(), 1);
}

#[test]
fn mounts_within_mounts() {
    let folder = Folder::new();
    folder.write("outer/a.txt", "outer a");
    folder.write("inner/a.txt", "inner a");
    run(["--dir", &folder.mount("outer", "/data:ro")])
        .args([
            "--dir",
            &folder.mount("inner", "/data/deep/er:ro"),
            "--tmp",
            "1MiB::/data/tmp",
        ])
        .guest("rust/cat")
        .args(["/data/a.txt", "/data/deep/er/a.txt", "/data/deep/../a.txt"])
        .go()
        .code(0)
        .prints("outer ainner aouter a");
}

#[test]
fn links_stay_in_their_directory() {
    let folder = Folder::new();
    folder.write("secret.txt", "secret");
    folder.write("d/inside.txt", "inside");
    symlink("inside.txt", folder.join("d/good")).expect("a link");
    symlink("../secret.txt", folder.join("d/up")).expect("a link");
    symlink(folder.join("secret.txt"), folder.join("d/absolute")).expect("a link");
    symlink("..", folder.join("d/above")).expect("a link");
    let cat = |name: &str| {
        run(["--dir", &folder.mount("d", "/d")])
            .guest("rust/cat")
            .arg(name)
            .go()
    };
    cat("/d/good").code(0).prints("inside");
    for name in [
        "/d/up",
        "/d/absolute",
        "/d/above/secret.txt",
        "/d/../secret.txt",
    ] {
        cat(name).code(1).prints("");
    }
}

#[test]
fn system_files_are_there_when_something_is_granted() {
    let done = run(["--tmp", "1MiB"])
        .guest("rust/cat")
        .args(["/dev/null", "/proc/self/status"])
        .go();
    assert!(!done.stderr.contains("panicked at crates"), "{done}");
    run(["--tmp", "1MiB"])
        .guest("rust/many_writes")
        .args(["3", "/dev/stdout"])
        .go()
        .code(0)
        .prints("0000000\n0000001\n0000002\n");
}

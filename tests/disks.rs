//! Disks: created, mounted, listed, filled, emptied, checked, and refused in words.

use std::fs;
use std::time::{Duration, SystemTime};

use crate::support::{Done, Folder, holm, run};

fn disk(folder: &Folder, arguments: &[&str]) -> Done {
    holm(["disk"]).args(arguments).directory(folder.path()).go()
}

fn created(size: &str) -> Folder {
    let folder = Folder::new();
    disk(
        &folder,
        &["create", "a.disk", "--size", size, "--label", "mine"],
    )
    .code(0)
    .shows("--disk a.disk")
    .silent();
    folder
}

#[test]
fn what_a_program_writes_is_there_for_the_next() {
    let folder = created("64MiB");
    run(["--disk", "a.disk::/out"])
        .directory(folder.path())
        .guest("rust/many_writes")
        .args(["3", "/out/lines.txt"])
        .go()
        .code(0)
        .silent();
    for disk in ["a.disk::/in:ro", "a.disk::/in", "a.disk::/in:cow"] {
        run(["--disk", disk])
            .directory(folder.path())
            .guest("rust/cat")
            .arg("/in/lines.txt")
            .go()
            .code(0)
            .prints("0000000\n0000001\n0000002\n")
            .silent();
    }
    disk(&folder, &["ls", "a.disk"])
        .code(0)
        .shows("lines.txt\n");
    disk(&folder, &["cp", "a.disk:/lines.txt", "-"])
        .code(0)
        .prints("0000000\n0000001\n0000002\n");
    disk(&folder, &["check", "a.disk"])
        .code(0)
        .shows("a.disk (mine): 1 file, 1 directory, 0 symbolic links;")
        .shows("nothing is wrong with it\n");
}

#[test]
fn the_guests_that_try_everything_pass_on_a_disk() {
    let folder = created("256MiB");
    for guest in ["rust/files", "c/files", "cpp/files", "go/files"] {
        run(["--disk", "a.disk::/d"])
            .directory(folder.path())
            .guest(guest)
            .arg("/d")
            .go()
            .code(0)
            .shows(" checks passed");
        disk(&folder, &["check", "a.disk"]).code(0);
    }
}

#[test]
fn read_only_is_read_only_and_a_copy_is_gone() {
    let folder = created("64MiB");
    for (access, code) in [(":ro", 1), (":cow", 0)] {
        run(["--disk", &format!("a.disk::/out{access}")])
            .directory(folder.path())
            .guest("rust/many_writes")
            .args(["1", "/out/new.txt"])
            .go()
            .code(code);
    }
    disk(&folder, &["ls", "a.disk"]).code(0).prints("");
}

#[test]
fn trees_go_onto_a_disk_and_come_back() {
    let folder = created("64MiB");
    folder.write("tree/one.txt", "one");
    folder.write("tree/deep/er/two.bin", vec![7; 300_000]);
    std::os::unix::fs::symlink("one.txt", folder.join("tree/link")).expect("a link");
    let early = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let file = fs::File::options()
        .write(true)
        .open(folder.join("tree/one.txt"))
        .expect("the file");
    file.set_modified(early).expect("a time");
    disk(&folder, &["cp", "tree", "a.disk:/"])
        .code(2)
        .says("tree is a directory; copy it with -r");
    disk(&folder, &["cp", "-r", "tree", "a.disk:/"])
        .code(0)
        .silent();
    disk(&folder, &["ls", "-r", "a.disk:/tree"])
        .code(0)
        .shows("           -  ")
        .shows("  link -> one.txt\n")
        .shows("           3  2001-09-09 01:46  one.txt\n")
        .shows("      300000  ")
        .shows("  deep/er/two.bin\n");
    disk(&folder, &["cp", "-r", "a.disk:/tree", "back"])
        .code(0)
        .silent();
    assert_eq!(folder.read("back/one.txt"), "one");
    assert_eq!(folder.read("back/link"), "one");
    assert!(fs::read(folder.join("back/deep/er/two.bin")).is_ok_and(|it| it == vec![7; 300_000]));
    let modified = fs::metadata(folder.join("back/one.txt")).expect("the file");
    assert_eq!(modified.modified().expect("a time"), early);
    // From one disk to another, and within one.
    disk(&folder, &["create", "b.disk"]).code(0);
    disk(&folder, &["cp", "-r", "a.disk:/tree", "b.disk:/copy"]).code(0);
    disk(
        &folder,
        &["cp", "b.disk:/copy/one.txt", "b.disk:/copy/deep"],
    )
    .code(0);
    disk(&folder, &["cp", "b.disk:/copy/deep/one.txt", "-"])
        .code(0)
        .prints("one");
    disk(&folder, &["cp", "-r", "b.disk:/copy", "b.disk:/copy/deep"])
        .code(2)
        .says("into itself");
    disk(&folder, &["check", "b.disk"]).code(0);
}

#[test]
fn a_second_writer_is_refused() {
    let folder = created("64MiB");
    let mut first = run(["--disk", "a.disk::/d"])
        .directory(folder.path())
        .guest("rust/stdio_echo")
        .start();
    first.write("hello\n");
    first.wait_for("hello");
    let refused = run(["--disk", "a.disk::/d"])
        .directory(folder.path())
        .guest("rust/hello")
        .go()
        .refuses(1, &["a.disk is in use", "one writer at a time"]);
    if cfg!(target_os = "linux") {
        refused.says(" by process ");
    }
    disk(&folder, &["ls", "a.disk"]).refuses(1, &["it is being written to"]);
    drop(first.stdin.take());
    first.end();
    disk(&folder, &["ls", "a.disk"]).code(0);
}

#[test]
fn what_a_killed_holm_had_synchronised_is_there() {
    let folder = created("64MiB");
    disk(&folder, &["cp", "-", "a.disk:/kept.txt"]).code(0);
    let mut running = run(["--disk", "a.disk::/d"])
        .directory(folder.path())
        .guest("rust/stdio_echo")
        .start();
    running.write("hello\n");
    running.wait_for("hello");
    running.signal(rustix::process::Signal::TERM);
    running.end();
    disk(&folder, &["check", "a.disk"]).code(0);
    disk(&folder, &["ls", "a.disk"]).code(0).shows("kept.txt");
}

#[test]
fn a_full_disk_says_so() {
    let folder = created("1MiB");
    folder.write("large", vec![1; 2_000_000]);
    disk(&folder, &["cp", "large", "a.disk:/large"])
        .code(1)
        .says("cannot copy large: no space left on device");
    disk(&folder, &["check", "a.disk"]).code(0);
    run(["--disk", "a.disk::/d"])
        .directory(folder.path())
        .guest("rust/many_writes")
        .args(["200000", "/d/small.txt"])
        .go()
        .code(1)
        .never_says("panicked at crates");
    let image = fs::metadata(folder.join("a.disk")).expect("the image");
    assert!(image.len() <= 1 << 20);
}

#[test]
fn what_is_no_disk_and_what_is_damaged() {
    let folder = created("64MiB");
    folder.write("other", "PK\u{3}\u{4}");
    folder.write("empty", "");
    for (image, words) in [
        ("other", "no Holm disk"),
        ("empty", "`holm disk create` makes a disk"),
        ("gone", "gone"),
        (".", "no regular file"),
    ] {
        disk(&folder, &["check", image]).refuses(1, &[words]);
        run(["--disk", &format!("{image}::/d")])
            .directory(folder.path())
            .guest("rust/hello")
            .go()
            .refuses(1, &[words]);
    }
    disk(&folder, &["create", "other"]).refuses(1, &["other"]);
    disk(&folder, &["create", "tiny", "--size", "1KiB"]).refuses(1, &["1 MiB"]);
    assert!(!folder.join("tiny").exists());
    disk(&folder, &["cp", "other", "empty"]).refuses(2, &["IMAGE:/PATH"]);
    disk(&folder, &["cp", "a.disk:/nothing", "."]).refuses(1, &["no such file"]);

    folder.write("data", vec![0xab; 100_000]);
    disk(&folder, &["cp", "data", "a.disk:/"]).code(0);
    let mut bytes = fs::read(folder.join("a.disk")).expect("the image");
    let at = bytes.windows(4096).position(|part| part == [0xab; 4096]);
    bytes[at.expect("the data")] = 0;
    folder.write("a.disk", &bytes);
    disk(&folder, &["check", "a.disk"])
        .code(1)
        .shows("/data: 1 of its blocks are damaged, the first at byte ")
        .says("a.disk is damaged");
    bytes.truncate(20_000);
    folder.write("a.disk", &bytes);
    disk(&folder, &["check", "a.disk"])
        .code(1)
        .says("the last commit is damaged (it was cut short");
    run(["--disk", "a.disk::/d"])
        .directory(folder.path())
        .guest("rust/hello")
        .go()
        .refuses(1, &["the disk is damaged: it was cut short"]);
}

#[test]
fn a_disk_meets_the_need_of_an_app() {
    let folder = created("64MiB");
    folder.write(
        "app/holm.toml",
        "[app]\nname = \"writer\"\nversion = \"1.0.0\"\nprogram = \"app.wasm\"\n\n\
         [[needs.mount]]\nguest = \"/out\"\naccess = \"rw\"\nwhy = \"to keep lines\"\n",
    );
    fs::copy(
        crate::support::guest("rust/many_writes"),
        folder.join("app/app.wasm"),
    )
    .expect("a program");
    let app = |disk: &str| {
        run(["--disk", disk])
            .directory(folder.path())
            .args(["app", "2", "/out/lines.txt"])
            .go()
    };
    app("a.disk::/out").code(0);
    app("a.disk::/out:ro").code(125);
    disk(&folder, &["cp", "a.disk:/lines.txt", "-"])
        .code(0)
        .prints("0000000\n0000001\n");
}

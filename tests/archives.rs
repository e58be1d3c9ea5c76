//! Archives as directories: four formats, one tree, never a write.

use std::fs;

use crate::support::archive::{Entry, TREE, gzip, tar, zip, zstd};
use crate::support::{Folder, run};

/// The tree in every format.
fn formats() -> [(&'static str, Vec<u8>); 4] {
    [
        ("tree.tar", tar(TREE)),
        ("tree.tar.gz", gzip(&tar(TREE))),
        ("tree.tar.zst", zstd(&tar(TREE))),
        ("tree.zip", zip(TREE)),
    ]
}

#[test]
fn every_format_holds_the_same_files() {
    let folder = Folder::new();
    for (name, bytes) in formats() {
        folder.write(name, bytes);
        run(["--mount", &folder.mount(name, "/data")])
            .guest("rust/cat")
            .args(["/data/hello.txt", "/data/sub/deep.txt", "/data/link.txt"])
            .go()
            .code(0)
            .prints("hello from an archive\ndeep\ndeep\n")
            .silent();
    }
}

#[test]
fn nothing_can_be_written() {
    let folder = Folder::new();
    for (name, bytes) in formats() {
        let path = folder.write(name, &bytes);
        for file in ["/data/hello.txt", "/data/new.txt", "/data/sub/deep.txt"] {
            run(["--mount", &folder.mount(name, "/data")])
                .guest("rust/many_writes")
                .args(["1", file])
                .go()
                .code(1)
                .prints("")
                .says("read-only");
        }
        assert!(
            fs::read(path).expect("the archive") == bytes,
            "{name} was changed"
        );
    }
}

#[test]
fn names_say_nothing_about_the_format() {
    let folder = Folder::new();
    folder.write("data.bin", zstd(&tar(TREE)));
    run(["--mount", &folder.mount("data.bin", "/")])
        .guest("rust/cat")
        .arg("/hello.txt")
        .go()
        .code(0)
        .prints("hello from an archive\n");
}

#[test]
fn links_lead_nowhere_outside() {
    let folder = Folder::new();
    let entries = [
        Entry::Symlink("absolute", "/etc/passwd"),
        Entry::Symlink("up", "../../../../etc/passwd"),
        Entry::Symlink("loop", "loop"),
        Entry::File("plain", b"plain"),
    ];
    for (name, bytes) in [("links.tar", tar(&entries)), ("links.zip", zip(&entries))] {
        folder.write(name, bytes);
        let cat = |file: &str| {
            run(["--mount", &folder.mount(name, "/data")])
                .guest("rust/cat")
                .arg(file)
                .go()
        };
        for link in ["/data/absolute", "/data/up", "/data/loop"] {
            let done = cat(link);
            // Refused when it is mounted or when it is followed.
            assert_eq!(done.status.code(), Some(1), "{done}");
            assert_eq!(done.stdout, "", "{done}");
        }
    }
}

#[test]
fn an_archive_beside_directories() {
    let folder = Folder::new();
    folder.write("tree.tar", tar(TREE));
    folder.write("d/hello.txt", "from the host\n");
    run(["--mount", &folder.mount("tree.tar", "/data/archive")])
        .args(["--dir", &folder.mount("d", "/data")])
        .guest("rust/cat")
        .args(["/data/hello.txt", "/data/archive/hello.txt"])
        .go()
        .code(0)
        .prints("from the host\nhello from an archive\n");
}

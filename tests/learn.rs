//! `--learn` writes what a run used, and under what it wrote the run goes the same way.

use std::fs;
use std::path::Path;

use crate::support::archive::{TREE, tar};
use crate::support::http_server::HttpServer;
use crate::support::{Folder, guest, run};

/// Learns a run of `name` in a folder that holds it, and gives back the manifest.
fn learn(folder: &Folder, name: &str, options: &[&str], arguments: &[&str]) -> String {
    let file = format!(
        "{}.wasm",
        Path::new(name).file_name().expect("a name").display()
    );
    fs::copy(guest(name), folder.join(&file)).expect("a copy");
    run(["--learn", "holm.toml"])
        .args(options)
        .arg(&file)
        .args(arguments)
        .directory(folder.path())
        .env("HOME", "/home/me")
        .go()
        .code(0)
        .says("written to holm.toml");
    folder.read("holm.toml")
}

#[test]
fn nothing_used_is_nothing_needed() {
    let folder = Folder::new();
    folder.write("d/a.txt", "a");
    let options = ["--dir", "d::/d", "--tmp", "1MiB", "--env", "HOME"];
    let manifest = learn(&folder, "rust/hello", &options, &[]);
    for word in ["mount", "tmp", "HOME"] {
        assert!(!manifest.contains(word), "{word}\n{manifest}");
    }
    assert!(manifest.contains("program = \"hello.wasm\""), "{manifest}");
    assert!(manifest.contains("stdin = false"), "{manifest}");
    // It needs nothing, so nobody has to be asked.
    run(["."])
        .directory(folder.path())
        .go()
        .code(0)
        .prints("Hello from Rust!\n")
        .silent();
}

#[test]
fn a_socket_that_nobody_used_is_not_needed() {
    let folder = Folder::new();
    let manifest = learn(&folder, "rust/hello", &["--listen", "127.0.0.1:0"], &[]);
    assert!(!manifest.contains("listen"), "{manifest}");
}

#[test]
fn reading_asks_to_read_and_no_more() {
    let folder = Folder::new();
    folder.write("d/a.txt", "content");
    folder.folder("e");
    let options = ["--dir", "d::/d", "--dir", "e::/e", "--env", "HOME"];
    let manifest = learn(&folder, "rust/cat", &options, &["/d/a.txt"]);
    assert!(
        manifest.contains("guest = \"/d\"\naccess = \"ro\""),
        "{manifest}"
    );
    assert!(manifest.contains("host = \"d\""), "{manifest}");
    assert!(!manifest.contains("/e"), "{manifest}");
    assert!(!manifest.contains("HOME"), "{manifest}");
    run([".", "/d/a.txt"])
        .directory(folder.path())
        .go()
        .refuses(125, &["read files under /d", "--dir ./d::/d:ro"]);
    run(["--dir", "./d::/d:ro", ".", "/d/a.txt"])
        .directory(folder.path())
        .go()
        .code(0)
        .prints("content")
        .silent();
}

#[test]
fn what_is_written_also_runs() {
    let folder = Folder::new();
    folder.folder("d");
    for name in ["rust/files", "c/files", "go/files"] {
        let manifest = learn(&folder, name, &["--dir", "d::/d"], &["/d"]);
        assert!(manifest.contains("access = \"rw\""), "{manifest}");
        // From somewhere else: the directory lies beside the manifest.
        let done = run(["--grant-needs"])
            .arg(folder.path())
            .arg("/d")
            .go()
            .code(0)
            .silent();
        assert!(done.stdout.contains("checks passed"), "{done}");
    }
}

#[test]
fn memory_archives_copies_and_variables() {
    let folder = Folder::new();
    folder.write("d/a.txt", "content");
    folder.write("tree.tar", tar(TREE));
    let options = [
        "--dir",
        "d::/d:cow",
        "--mount",
        "tree.tar::/archive",
        "--tmp",
        "8MiB::/scratch",
    ];
    let manifest = learn(
        &folder,
        "rust/cat",
        &options,
        &["/archive/hello.txt", "/d/a.txt"],
    );
    assert!(manifest.contains("archive = \"tree.tar\""), "{manifest}");
    assert!(
        manifest.contains("access = \"ro\""),
        "a copy that is only read\n{manifest}"
    );
    assert!(!manifest.contains("tmp"), "{manifest}");
    run(["--grant-needs", ".", "/archive/hello.txt", "/d/a.txt"])
        .directory(folder.path())
        .go()
        .code(0)
        .prints("hello from an archive\ncontent");
    let manifest = learn(&folder, "rust/files", &options, &["/scratch"]);
    assert!(manifest.contains("size = \"8MiB\""), "{manifest}");
    assert!(!manifest.contains("tree.tar"), "{manifest}");
    run(["--grant-needs", ".", "/scratch"])
        .directory(folder.path())
        .go()
        .code(0)
        .silent();
    let manifest = learn(&folder, "rust/files", &options, &["/d"]);
    assert!(manifest.contains("access = \"cow\""), "{manifest}");
    let manifest = learn(&folder, "rust/args_env", &["--env", "HOME"], &[]);
    assert!(manifest.contains("HOME"), "{manifest}");
    run(["--env", "HOME", "."])
        .directory(folder.path())
        .env("HOME", "/home/me")
        .go()
        .code(0)
        .shows("env HOME=\"/home/me\"");
}

#[test]
fn elsewhere_than_in_the_current_directory() {
    let folder = Folder::new();
    folder.write("data/a.txt", "content");
    folder.folder("app");
    fs::copy(guest("rust/cat"), folder.join("app/cat.wasm")).expect("a copy");
    run([
        "--learn",
        "app/holm.toml",
        "--dir",
        "data::/d:ro",
        "app/cat.wasm",
        "/d/a.txt",
    ])
    .directory(folder.path())
    .go()
    .code(0);
    let manifest = folder.read("app/holm.toml");
    assert!(manifest.contains("program = \"cat.wasm\""), "{manifest}");
    run(["--grant-needs", "app", "/d/a.txt"])
        .directory(folder.path())
        .go()
        .code(0)
        .prints("content");
    // A program that is not in the folder has to come there; that is said.
    folder.folder("other");
    run(["--learn", "other/holm.toml", "app/cat.wasm"])
        .directory(folder.path())
        .go()
        .code(0)
        .says("put a copy of app/cat.wasm into other");
}

#[test]
fn what_was_refused_is_not_learned() {
    let folder = Folder::new();
    folder.write("d/a.txt", "content");
    fs::copy(guest("rust/files"), folder.join("files.wasm")).expect("a copy");
    run([
        "--learn",
        "holm.toml",
        "--dir",
        "d::/d:ro",
        "files.wasm",
        "/d",
    ])
    .directory(folder.path())
    .go()
    .code(1)
    .says("were refused and are not in it");
    assert!(!folder.read("holm.toml").contains("\"rw\""));
}

/// What a component asks of the HTTP client is learned as what it does with sockets is.
#[test]
fn a_request_over_http_is_learned_with_its_name() {
    let server = HttpServer::start();
    let port = server.address().port();
    let folder = Folder::new();
    let attempts = [
        format!("get:http://127.0.0.1:{port}/hello"),
        "get:http://refused.example:81/".to_owned(),
    ];
    let attempts = [attempts[0].as_str(), attempts[1].as_str()];
    let rule = format!("tcp:connect:127.0.0.1:{port}");
    let manifest = learn(
        &folder,
        "component-rust/net_probe",
        &["--net", "127.0.0.0/8:*"],
        &attempts,
    );
    assert!(manifest.contains(&format!("\"{rule}\"")), "{manifest}");
    assert!(
        manifest.contains("\"tcp:connect:refused.example:81\""),
        "{manifest}"
    );
    run(["--grant-needs", ".", attempts[0]])
        .directory(folder.path())
        .go()
        .code(0)
        .shows(": 200 hello\n");
    assert_eq!(server.requests(), 2);
}

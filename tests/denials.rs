//! What was refused is explained at the end: once for each cause, with the option that grants it.

use crate::support::{Folder, run};

#[test]
fn without_grants_everything_is_refused() {
    let done = run::<&str>([])
        .guest("rust/denied")
        .go()
        .code(0)
        .shows("denied: done");
    for attempt in [
        "read /etc/passwd",
        "create /tmp/holm-denied",
        "create relative",
        "mkdir /data/new",
        "remove /etc/hosts",
        "rename /a to /b",
        "accept on 3",
    ] {
        let line = done.stdout.lines().find(|line| line.starts_with(attempt));
        let line = line.unwrap_or_else(|| panic!("{attempt}\n{done}"));
        assert!(!line.ends_with("allowed"), "{done}");
    }
    assert!(done.stdout.contains("environment variables: 0"), "{done}");
    // What it wanted to change is named, with what would allow it.
    for option in ["::/tmp:rw", "::/data:rw"] {
        assert!(done.stderr.contains(option), "{option}\n{done}");
    }
    assert!(
        done.stderr
            .lines()
            .all(|line| line.starts_with("holm: refused: ")),
        "{done}"
    );
    // The counts and causes are one line each.
    let mut lines: Vec<&str> = done.stderr.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), done.stderr.lines().count(), "{done}");
}

#[test]
fn quiet_says_nothing() {
    run(["--quiet"]).guest("rust/denied").go().code(0).silent();
}

#[test]
fn a_cause_is_told_once_with_its_count() {
    let folder = Folder::new();
    folder.write("d/kept.txt", "kept");
    let done = run(["--dir", &folder.mount("d", "/d:ro")])
        .guest("rust/files")
        .arg("/d")
        .go()
        .code(1);
    let told: Vec<&str> = done
        .stderr
        .lines()
        .filter(|line| line.starts_with("holm: refused: "))
        .collect();
    assert_eq!(told.len(), 1, "{done}");
    assert!(told[0].contains("read-only (2 times)"), "{done}");
    // The option as it is to be typed: with it, the same run works.
    let (_, option) = told[0]
        .split_once("To allow it: --dir ")
        .expect("an option");
    run(["--dir", option])
        .guest("rust/files")
        .arg("/d")
        .go()
        .code(0)
        .silent();
}

#[test]
fn a_program_that_only_looks_is_not_complained_about() {
    run::<&str>([]).guest("go/hello").go().code(0).silent();
    run::<&str>([]).guest("c/hello").go().code(0).silent();
    // One that fails is: it may be why.
    run::<&str>([])
        .guest("rust/cat")
        .arg("/data/in.txt")
        .go()
        .code(1)
        .says("holm: refused: read /data/in.txt: nothing is granted there")
        .says("--dir HOST_DIR::/data:ro");
}

#[test]
fn a_way_out_of_a_directory_is_named() {
    let folder = Folder::new();
    folder.write("secret.txt", "secret");
    folder.write("d/file.txt", "file");
    std::os::unix::fs::symlink("../secret.txt", folder.join("d/up")).expect("a link");
    run(["--dir", &folder.mount("d", "/d")])
        .guest("rust/cat")
        .arg("/d/up")
        .go()
        .code(1)
        .prints("")
        .says("leads out of the directory");
}

#[test]
fn what_a_program_chooses_cannot_drive_a_terminal() {
    run::<&str>([])
        .guest("rust/cat")
        .arg("/data/\u{1b}]0;owned\u{7}\u{9b}31m")
        .go()
        .code(1)
        .says("\\u{1b}]0;owned\\u{7}\\u{9b}31m");
}

//! Apps: what they need is shown and asked for; without a terminal it is refused, with the options that grant it.

use std::fs;
use std::path::PathBuf;

use crate::support::pty::Terminal;
use crate::support::{Folder, Holm, guest, holm, run};

const MANIFEST: &str = r#"
[app]
name = "keeper"
version = "1.0.0"
program = "app.wasm"
args = ["/data/note.txt"]

[needs]
env = ["LANG", { name = "TOKEN", why = "to log in", optional = true }]

[[needs.mount]]
guest = "/data"
access = "ro"
host = "./files"
why = "shows your notes"

[needs.tmp]
size = "4MiB"
"#;

/// An app that shows a note, in a folder of its own, with a place for answers.
struct App {
    folder: Folder,
}

impl App {
    fn new() -> App {
        let folder = Folder::new();
        folder.write("app/holm.toml", MANIFEST);
        folder.write("app/files/note.txt", "a note\n");
        folder.folder("state");
        fs::copy(guest("rust/cat"), folder.join("app/app.wasm")).expect("a copy");
        App { folder }
    }

    fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    fn run(&self, options: &[&str]) -> Holm {
        run(options)
            .arg("app")
            .directory(self.folder.path())
            .state(&self.state())
    }

    /// Runs it on a terminal and answers; gives back exit code and screen.
    #[track_caller]
    fn answer(&self, answer: &str) -> (i32, String) {
        let mut terminal = Terminal::start(self.run(&[]));
        terminal.wait_for("[n] no: ");
        terminal.write(answer);
        terminal.end()
    }

    /// Runs it on a terminal, where it must not ask.
    #[track_caller]
    fn unasked(&self) {
        let (code, screen) = Terminal::start(self.run(&[])).end();
        assert_eq!(code, 0, "{screen}");
        assert_eq!(screen, "a note\r\n");
    }
}

#[test]
fn without_a_terminal_it_is_refused_with_the_exact_options() {
    let app = App::new();
    let done = app.run(&[]).go().refuses(
        125,
        &[
            "keeper needs what was not granted:",
            "read files under /data (shows your notes): grant it with --dir app/files::/data:ro",
            "grant it with --tmp 4MiB",
            "grant it with --env LANG",
            "--grant-needs",
        ],
    );
    assert!(!done.stderr.contains("TOKEN"), "it runs without\n{done}");
    // Exactly those, as they are printed.
    let options: Vec<&str> = done
        .stderr
        .lines()
        .filter_map(|line| line.split_once("grant it with "))
        .flat_map(|(_, option)| option.split(' '))
        .collect();
    assert_eq!(options.len(), 6, "{options:?}");
    app.run(&options).go().code(0).prints("a note\n").silent();
    // All but one is not enough.
    app.run(&options[2..]).go().code(125).prints("");
    // Nothing was remembered.
    app.run(&[]).go().code(125);
    app.run(&["--grant-needs"]).go().code(0).prints("a note\n");
    app.run(&[]).go().code(125);
}

#[test]
fn an_answer_typed_ahead_of_a_pipe_is_not_one() {
    let app = App::new();
    app.run(&[]).stdin("y\na\n").go().code(125).prints("");
}

#[test]
fn yes_is_for_one_run() {
    let app = App::new();
    let (code, screen) = app.answer("y\n");
    assert_eq!(code, 0, "{screen}");
    for words in [
        "keeper wants to:",
        "read files under /data, from app/files",
        "\"shows your notes\"",
        "see the environment variable LANG",
        "TOKEN",
        "(optional)",
        "a note\r\n",
    ] {
        assert!(screen.contains(words), "{words}\n{screen}");
    }
    let (code, screen) = app.answer("yes\n");
    assert_eq!(code, 0, "asked again: {screen}");
}

#[test]
fn no_runs_nothing() {
    let app = App::new();
    for answer in ["n\n", "\n", "N\n", "what?\nperhaps\nno\n"] {
        let (code, screen) = app.answer(answer);
        assert_eq!(code, 125, "{screen}");
        assert!(
            screen.contains("nothing was granted, nothing was run"),
            "{screen}"
        );
        assert!(!screen.contains("a note"), "{screen}");
    }
    // Three answers that are none are no yes either.
    let (code, screen) = app.answer("x\nx\nx\n");
    assert_eq!(code, 125, "{screen}");
}

#[test]
fn always_is_remembered_for_this_program_and_these_needs() {
    let app = App::new();
    let (code, screen) = app.answer("a\n");
    assert_eq!(code, 0, "{screen}");
    app.unasked();
    // Without a terminal as well, and from anywhere.
    app.run(&[]).go().code(0).prints("a note\n");
    run::<&str>([])
        .arg(app.folder.join("app"))
        .state(&app.state())
        .go()
        .code(0)
        .prints("a note\n");
    // Another program under the same name.
    fs::copy(guest("c/hello"), app.folder.join("app/app.wasm")).expect("a copy");
    app.run(&[]).go().code(125);
    let (code, screen) = app.answer("n\n");
    assert_eq!(code, 125, "{screen}");
    assert!(
        screen.contains("You are asked again: the program is not the one"),
        "{screen}"
    );
    fs::copy(guest("rust/cat"), app.folder.join("app/app.wasm")).expect("a copy");
    app.unasked();
    // Other needs.
    let more = MANIFEST.replace("access = \"ro\"", "access = \"rw\"");
    app.folder.write("app/holm.toml", more);
    app.run(&[]).go().code(125);
    let (code, screen) = app.answer("n\n");
    assert_eq!(code, 125, "{screen}");
    assert!(
        screen.contains("You are asked again: it asks for other things"),
        "{screen}"
    );
    // Another directory suggested is another need.
    app.folder
        .write("app/holm.toml", MANIFEST.replace("./files", "../.."));
    app.run(&[]).go().code(125);
    // Other words are not.
    app.folder
        .write("app/holm.toml", MANIFEST.replace("your notes", "notes"));
    app.unasked();
}

#[test]
fn what_is_remembered_can_be_listed_and_forgotten() {
    let app = App::new();
    let grants = |words: &[&str]| holm(["grants"]).args(words).state(&app.state()).go();
    grants(&["ls"]).code(0).prints("");
    grants(&["forget", "keeper"])
        .code(1)
        .says("nothing is remembered");
    let (code, screen) = app.answer("a\n");
    assert_eq!(code, 0, "{screen}");
    grants(&["ls"])
        .code(0)
        .shows("keeper (")
        .shows("--env LANG")
        .shows("app/files::/data:ro");
    grants(&["forget", "keeper"]).code(0).shows("forgot 1");
    app.run(&[]).go().code(125);
    // A damaged file counts for nothing, and stays for whoever wants to look at it.
    app.folder.write("state/grants.toml", "[[what");
    app.run(&[])
        .go()
        .code(125)
        .says("remembered answers are not used");
    assert_eq!(app.folder.read("state/grants.toml"), "[[what");
}

#[test]
fn a_granted_directory_elsewhere_comes_before_the_suggestion() {
    let app = App::new();
    app.folder.write("mine/note.txt", "my own\n");
    app.run(&["--grant-needs", "--dir", "mine::/data:ro"])
        .go()
        .code(0)
        .prints("my own\n");
}

#[test]
fn an_app_holds_no_more_than_it_needs() {
    let app = App::new();
    let manifest = MANIFEST.replace("args = [\"/data/note.txt\"]", "args = [\"/extra/x.txt\"]");
    app.folder.write("app/holm.toml", manifest);
    app.folder.write("extra/x.txt", "x");
    // Streams that the manifest closes are closed.
    let closed = MANIFEST.replace("[needs]\n", "[needs]\nstdout = false\n");
    app.run(&["--grant-needs"]).go().code(1).prints("");
    app.folder.write("app/holm.toml", closed);
    let done = app.run(&["--grant-needs"]).go();
    assert_eq!(done.stdout, "", "{done}");
}

#[test]
fn texts_of_an_app_cannot_drive_the_terminal() {
    let app = App::new();
    let evil = MANIFEST.replace("shows your notes", "\\u001b[2J\\u001b]0;owned\\u0007");
    app.folder.write("app/holm.toml", evil);
    let (code, screen) = app.answer("n\n");
    assert_eq!(code, 125);
    assert!(
        !screen.contains('\u{1b}') && !screen.contains('\u{7}'),
        "{screen:?}"
    );
}

//! The sessions that the documents show are run, and must print what the documents say.
//!
//! A fenced block marked `console` below a line `<!-- tested -->` is a shell session: lines that begin with
//! `$ ` are commands, the lines below each are what it prints, both streams together. In
//! that text `[..]` stands for anything within a line, and a line `...` for any number of
//! lines. The blocks of a document share one folder, empty at first but for the files that
//! markers name: `<!-- tested: rust/hello.wasm notes.txt -->` brings `hello.wasm` along from
//! the built guests, and `notes.txt` from `docs/sessions/`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

const MARKER: &str = "<!-- tested";

/// Where sessions find what they use.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// The project.
    pub(crate) root: PathBuf,
    /// The `holm` under test.
    pub(crate) holm: PathBuf,
    /// Where built guests lie, if there are any.
    pub(crate) guests: PathBuf,
    /// Where sessions run.
    pub(crate) scratch: PathBuf,
}

/// A session as a document shows it.
#[derive(Debug, PartialEq, Eq)]
struct Session {
    /// Line of its fence, from 1.
    line: usize,
    /// Files that it needs.
    files: Vec<String>,
    steps: Vec<Step>,
}

/// A command and what it prints.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    line: usize,
    command: String,
    expected: Vec<String>,
}

/// Runs every session of `README.md` and `docs/*.md`; answers how many commands that were.
pub(crate) fn run(surroundings: &Surroundings) -> Result<usize> {
    let mut documents = vec![surroundings.root.join("README.md")];
    for entry in surroundings.root.join("docs").read_dir()? {
        documents.push(entry?.path());
    }
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    documents.sort();
    let (mut commands, mut problems) = (0, Vec::new());
    for document in &documents {
        let text = std::fs::read_to_string(document)
            .with_context(|| format!("cannot read {}", document.display()))?;
        let name = document
            .strip_prefix(&surroundings.root)?
            .display()
            .to_string();
        let sessions = parse(&text).with_context(|| name.clone())?;
        if sessions.is_empty() {
            continue;
        }
        let folder = surroundings.scratch.join(name.replace('/', "-"));
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        for session in &sessions {
            commands += session.steps.len();
            for problem in play(session, &folder, surroundings)? {
                problems.push(format!("{name}:{problem}"));
            }
        }
    }
    for problem in &problems {
        eprintln!("{problem}\n");
    }
    if !problems.is_empty() {
        bail!(
            "{} command(s) do not do what the documents say",
            problems.len()
        );
    }
    Ok(commands)
}

/// The marked sessions of a document.
fn parse(text: &str) -> Result<Vec<Session>> {
    let mut sessions = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let Some(marker) = line.trim().strip_prefix(MARKER) else {
            continue;
        };
        let files = marker
            .trim_end_matches("-->")
            .trim_start_matches(':')
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let Some((fence, "```console")) = lines.next() else {
            bail!(
                "line {}: a marker without a console block below it",
                index + 1
            );
        };
        let mut steps: Vec<Step> = Vec::new();
        for (index, line) in lines.by_ref().take_while(|(_, line)| *line != "```") {
            if let Some(command) = line.strip_prefix("$ ") {
                steps.push(Step {
                    line: index + 1,
                    command: command.to_owned(),
                    expected: Vec::new(),
                });
            } else if let Some(step) = steps.last_mut() {
                step.expected.push(line.to_owned());
            } else {
                bail!("line {}: a session begins with a command, `$ …`", index + 1);
            }
        }
        sessions.push(Session {
            line: fence + 1,
            files,
            steps,
        });
    }
    Ok(sessions)
}

/// Runs a session in one shell, so that `cd`, variables and `$?` carry over.
fn play(session: &Session, folder: &Path, surroundings: &Surroundings) -> Result<Vec<String>> {
    const END: &str = "--- end of a command ---";
    for file in &session.files {
        let sources = [
            surroundings.guests.join(file),
            surroundings.root.join("docs/sessions").join(file),
        ];
        let source = sources.iter().find(|path| path.exists()).with_context(|| {
            format!(
                "line {}: `{file}` is neither a guest nor in docs/sessions",
                session.line
            )
        })?;
        let name = source.file_name().context("a file has a name")?;
        std::fs::copy(source, folder.join(name))?;
    }
    let mut script = String::from("exec 2>&1\n");
    for step in &session.steps {
        let _ = writeln!(script, "(exit $status)\n{}", step.command);
        let _ = writeln!(script, "status=$?; printf '\\n%s\\n' '{END}'");
    }
    let mut path = surroundings
        .holm
        .parent()
        .map_or_else(Vec::new, |bin| vec![bin.to_owned()]);
    if let Some(inherited) = std::env::var_os("PATH") {
        path.extend(std::env::split_paths(&inherited));
    }
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder)
        .env("PATH", std::env::join_paths(path)?)
        .env("XDG_CACHE_HOME", folder.join(".cache"))
        .env("XDG_CONFIG_HOME", folder.join(".config"))
        .env("XDG_DATA_HOME", folder.join(".data"))
        .stdin(Stdio::null())
        .output()
        .context("cannot start sh")?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let end = format!("\n{END}\n");
    let mut outputs = printed.split(&end);
    let mut problems = Vec::new();
    for step in &session.steps {
        let actual: Vec<&str> = outputs.next().unwrap_or_default().lines().collect();
        let expected: Vec<&str> = step.expected.iter().map(String::as_str).collect();
        if !lines_match(&expected, trim_end(&actual)) {
            problems.push(format!(
                "{}: $ {}\n  documented:\n    {}\n  printed:\n    {}",
                step.line,
                step.command,
                expected.join("\n    "),
                actual.join("\n    ")
            ));
        }
    }
    Ok(problems)
}

fn trim_end<'a, 'b>(mut lines: &'a [&'b str]) -> &'a [&'b str] {
    while let Some((&"", rest)) = lines.split_last() {
        lines = rest;
    }
    lines
}

fn lines_match(expected: &[&str], actual: &[&str]) -> bool {
    match expected.split_first() {
        None => actual.is_empty(),
        Some((&"...", rest)) => (0..=actual.len()).any(|skip| lines_match(rest, &actual[skip..])),
        Some((first, rest)) => actual.split_first().is_some_and(|(line, others)| {
            line_matches(first, line.trim_end()) && lines_match(rest, others)
        }),
    }
}

fn line_matches(pattern: &str, line: &str) -> bool {
    match pattern.split_once("[..]") {
        None => pattern.trim_end() == line,
        Some((head, tail)) => line.strip_prefix(head).is_some_and(|rest| {
            rest.char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .any(|at| line_matches(tail, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play_in_a_folder(document: &str) -> Vec<String> {
        let scratch = std::env::temp_dir().join(format!(
            "holm-sessions-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        std::fs::create_dir_all(&scratch).expect("a folder");
        let surroundings = Surroundings {
            root: scratch.clone(),
            holm: scratch.join("holm"),
            guests: scratch.clone(),
            scratch: scratch.clone(),
        };
        let sessions = parse(document).expect("sessions");
        let problems = sessions
            .iter()
            .flat_map(|session| play(session, &scratch, &surroundings).expect("a shell"))
            .collect();
        std::fs::remove_dir_all(&scratch).expect("the folder");
        problems
    }

    #[test]
    fn a_session_prints_what_it_shows() {
        let document = "<!-- tested -->\n```console\n$ echo one; echo two >&2\none\ntwo\n\
            $ cd /; x=5\n$ pwd; echo $x\n/\n5\n$ (exit 3)\n$ echo $?\n3\n```\n";
        assert_eq!(play_in_a_folder(document), [""; 0]);
    }

    #[test]
    fn a_difference_is_found_and_shown() {
        let document = "text\n\n<!-- tested -->\n```console\n$ echo one\ntwo\n```\n";
        assert_eq!(
            play_in_a_folder(document),
            ["5: $ echo one\n  documented:\n    two\n  printed:\n    one"]
        );
        assert_eq!(
            play_in_a_folder(&document.replace("two\n", "one\nmore\n")).len(),
            1
        );
        assert_eq!(play_in_a_folder(&document.replace("two\n", "")).len(), 1);
    }

    #[test]
    fn wildcards_stand_for_what_varies() {
        assert!(line_matches("took [..] ms", "took 12.5 ms"));
        assert!(line_matches("[..]: [..]", "a: b: c"));
        assert!(!line_matches("took [..] ms", "took 12.5 s"));
        assert!(lines_match(&["a", "...", "z"], &["a", "z"]));
        assert!(lines_match(&["a", "...", "z"], &["a", "b", "c", "z"]));
        assert!(!lines_match(&["a", "...", "z"], &["a", "b"]));
    }

    #[test]
    fn unmarked_blocks_are_left_alone_and_bad_marks_are_told() {
        assert_eq!(parse("```console\n$ false\n```\n").expect("none"), []);
        assert!(parse("<!-- tested -->\ntext\n").is_err());
        assert!(parse("<!-- tested -->\n```console\noutput first\n```\n").is_err());
        let named = parse("<!-- tested: a.wasm b.txt -->\n```console\n$ ls\n```\n").expect("one");
        assert_eq!(named[0].files, ["a.wasm", "b.txt"]);
    }
}

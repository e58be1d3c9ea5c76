//! Every guest has a test: how it is run, how it ends, what it prints.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::support::{Folder, guests, holm, root, run};

/// What every host is held to: how each guest is run, how it ends, what it prints. The cases of
/// `web/tests` read it too.
const TABLE: &str = include_str!("guests.json");

/// How a guest is run, and what must come of it. The current directory is a folder of its
/// own, in which `d` is an empty directory.
#[derive(Clone, Debug)]
struct Case {
    name: String,
    options: Vec<String>,
    arguments: Vec<String>,
    stdin: String,
    code: i32,
    stdout: Output,
    /// What standard error has in it; nothing stands there when this is empty.
    stderr: String,
}

#[derive(Clone, Debug)]
enum Output {
    Is(String),
    Has(String),
}

use Output::{Has, Is};

impl Case {
    /// A row of the table; what it leaves out is empty or 0.
    fn parse(row: &Value) -> Case {
        let known = [
            "name",
            "options",
            "arguments",
            "stdin",
            "code",
            "stdout",
            "stderr",
        ];
        for key in row.as_object().expect("a row").keys() {
            assert!(known.contains(&key.as_str()), "`{key}` in {row}");
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Value| match value {
            Value::Null => Vec::new(),
            list => list.as_array().expect("a list").iter().map(text).collect(),
        };
        let code = row["code"].as_i64().unwrap_or(0);
        Case {
            name: text(&row["name"]),
            options: list(&row["options"]),
            arguments: list(&row["arguments"]),
            stdin: text(&row["stdin"]),
            code: i32::try_from(code).expect("an exit code"),
            stdout: match (&row["stdout"]["is"], &row["stdout"]["has"]) {
                (Value::String(is), Value::Null) => Is(is.clone()),
                (Value::Null, Value::String(has)) => Has(has.clone()),
                _ => panic!("`stdout` with `is` or `has`: {row}"),
            },
            stderr: text(&row["stderr"]),
        }
    }
}

fn table() -> Vec<Case> {
    let table: Value = serde_json::from_str(TABLE).expect("tests/guests.json");
    table
        .as_array()
        .expect("rows")
        .iter()
        .map(Case::parse)
        .collect()
}

/// The cases of a language.
fn cases(language: &str) -> Vec<Case> {
    let start = format!("{language}/");
    let mut cases = table();
    cases.retain(|case| case.name.starts_with(&start));
    assert!(!cases.is_empty(), "{language}");
    cases
}

fn check(cases: &[Case]) {
    for case in cases {
        let folder = Folder::new();
        folder.folder("d");
        let done = run(&case.options)
            .guest(&case.name)
            .args(&case.arguments)
            .directory(folder.path())
            .stdin(case.stdin.as_str())
            .go();
        let stdout_fits = match &case.stdout {
            Is(text) => done.stdout == *text,
            Has(text) => done.stdout.contains(text),
        };
        let stderr_fits = match case.stderr.as_str() {
            "" => done.stderr.is_empty(),
            text => done.stderr.contains(text),
        };
        let code_fits = done.status.code() == Some(case.code);
        assert!(code_fits && stdout_fits && stderr_fits, "{case:?}\n{done}");
    }
}

#[test]
fn guests_in_rust() {
    check(&cases("rust"));
}

#[test]
fn guests_in_c() {
    check(&cases("c"));
}

#[test]
fn guests_in_cpp() {
    check(&cases("cpp"));
}

#[test]
fn guests_in_go() {
    check(&cases("go"));
}

/// What engines came to have one after the other.
const PROPOSALS: &str = "wat/proposals";
/// What is told of memory that was refused.
const GROWTH: &str = "wat/memory_grow";

#[test]
fn guests_in_text() {
    let mut cases = cases("wat");
    cases.retain(|case| case.name != PROPOSALS && case.name != GROWTH);
    check(&cases);
}

#[test]
fn growth_beyond_a_limit() {
    let mut cases = cases("wat");
    cases.retain(|case| case.name == GROWTH);
    assert!(!cases.is_empty());
    check(&cases);
}

#[test]
fn proposals_of_webassembly() {
    let mut cases = cases("wat");
    cases.retain(|case| case.name == PROPOSALS);
    assert!(!cases.is_empty());
    check(&cases);
}

/// The optimised tier runs them as well: those that lean on the engine most.
#[test]
fn optimised_code_does_the_same() {
    let leaning = [
        "c/compute",
        PROPOSALS,
        "wat/trap_call",
        "wat/no_memory",
        "rust/files",
    ];
    let mut cases = table();
    cases.retain(|case| leaning.contains(&case.name.as_str()));
    assert_eq!(cases.len(), leaning.len());
    for case in cases {
        let folder = Folder::new();
        folder.folder("d");
        let done = holm(["run", "--tier", "optimised"])
            .args(&case.options)
            .guest(&case.name)
            .args(&case.arguments)
            .directory(folder.path())
            .go();
        assert_eq!(done.status.code(), Some(case.code), "{case:?}\n{done}");
        let (Is(text) | Has(text)) = &case.stdout;
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
    let tested: BTreeSet<String> = table().into_iter().map(|case| case.name).collect();
    let known = known();
    let forgotten: Vec<&String> = known.difference(&tested).collect();
    assert!(
        forgotten.is_empty(),
        "without a case in tests/guests.json: {forgotten:?}"
    );
    let gone: Vec<&String> = tested.difference(&known).collect();
    assert!(
        gone.is_empty(),
        "in tests/guests.json, and no guest: {gone:?}"
    );
}

//! Rules about source files: how they open, how long they are, and what they may reach.

use super::rust_code::{code_only, lines_with_word, std_paths};
use super::{File, Finding, Tree};

const LINES_MAX: usize = 1000;

/// Extensions of files that people write and read as code.
const SOURCE_EXTENSIONS: &[&str] = &["rs", "ts", "js", "py", "go", "c", "cc", "cpp", "h", "sh"];

/// Files that were longer than the limit: one `PATH LINES` a line, and it only goes down.
const RATCHET: &str = "xtask/tidy-ratchet.txt";

/// Files with another name in which `unsafe` may stand: path, reason.
const UNSAFE_EXCEPTIONS: &[(&str, &str)] = &[];

/// Modules and types of std that portable crates do not reach, and what does instead.
const HOST_ONLY: &[(&str, &str)] = &[
    (
        "std::fs",
        "files come through a backend that the host implements",
    ),
    (
        "std::net",
        "addresses are in `core::net`; sockets come through a backend of the host",
    ),
    ("std::env", "arguments and environment are passed in"),
    (
        "std::process",
        "processes are the kernel's own, and guest input never ends the host",
    ),
    (
        "std::thread",
        "the host owns the threads; a call that must wait registers a waker",
    ),
    (
        "std::os",
        "nothing below tier 3 knows which system it runs on",
    ),
    ("std::time::Instant", "time comes from the `Clock` port"),
    ("std::time::SystemTime", "time comes from the `Clock` port"),
];

/// Portable files that may reach further all the same: path, path in std, reason.
const HOST_EXCEPTIONS: &[(&str, &str, &str)] = &[(
    "crates/kernel/src/vfs/memfs/tests.rs",
    "std::thread",
    "a test of what threads do to one file system at once",
)];

/// What the clippy.toml of a portable crate must forbid at least.
const FORBIDDEN_AT_LEAST: &[&str] = &[
    "std::env::args",
    "std::env::current_dir",
    "std::env::var",
    "std::env::vars",
    "std::fs::File",
    "std::fs::OpenOptions",
    "std::fs::metadata",
    "std::fs::read",
    "std::fs::read_dir",
    "std::fs::read_to_string",
    "std::fs::write",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::process::Command",
    "std::process::abort",
    "std::process::exit",
    "std::thread::sleep",
    "std::thread::spawn",
    "std::time::Instant",
    "std::time::Instant::now",
    "std::time::SystemTime",
    "std::time::SystemTime::now",
];

pub(super) fn tagline(tree: &Tree) -> Vec<Finding> {
    let bad = |file: &&File| {
        let first = file.text.lines().next().unwrap_or_default();
        let line = first.strip_prefix("//! ").unwrap_or_default().trim();
        line.len() < 10 || !line.ends_with('.') || line.starts_with("Placeholder")
    };
    tree.files
        .iter()
        .filter(|file| file.path.ends_with(".rs"))
        // Traces name the lines of a fixture.
        .filter(|file| !file.path.contains("/tests/fixtures/"))
        .filter(bad)
        .map(|file| {
            Finding::new(
                format!("{}:1", file.path),
                "the file does not open with what it is",
                "make the first line one whole sentence: `//! What is in here.`",
            )
        })
        .collect()
}

pub(super) fn mod_rs(tree: &Tree) -> Vec<Finding> {
    tree.files
        .iter()
        .filter(|file| file.path.ends_with("/mod.rs"))
        .map(|file| {
            Finding::new(
                &file.path,
                "a module in a file named mod.rs",
                "move `foo/mod.rs` to `foo.rs`: every file then has a name of its own",
            )
        })
        .collect()
}

pub(super) fn file_length(tree: &Tree) -> Vec<Finding> {
    let ratchet = tree.file(RATCHET).map_or("", |file| file.text.as_str());
    let excepted: Vec<(&str, usize)> = ratchet
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(path, lines)| Some((path, lines.trim().parse().ok()?)))
        .collect();
    let mut findings = Vec::new();
    for file in &tree.files {
        let extension = file.path.rsplit('.').next().unwrap_or_default();
        if !SOURCE_EXTENSIONS.contains(&extension) {
            continue;
        }
        let lines = file.text.lines().count();
        let limit = excepted
            .iter()
            .find(|(path, _)| *path == file.path)
            .map_or(LINES_MAX, |(_, limit)| *limit);
        if lines > limit {
            findings.push(Finding::new(
                &file.path,
                format!("{lines} lines, the limit is {limit}"),
                "one concept a file: split it by verb or by noun",
            ));
        } else if limit > LINES_MAX && lines < limit {
            findings.push(Finding::new(
                RATCHET,
                format!(
                    "{} has {lines} lines, the ratchet still allows {limit}",
                    file.path
                ),
                "lower the number, or drop the line below 1,000",
            ));
        }
    }
    for (path, _) in excepted
        .iter()
        .filter(|(path, _)| tree.file(path).is_none())
    {
        findings.push(Finding::new(
            RATCHET,
            format!("{path} is gone"),
            "drop its line",
        ));
    }
    findings
}

pub(super) fn unsafe_files(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let excepted = UNSAFE_EXCEPTIONS.iter().any(|(path, _)| *path == file.path);
        if excepted || file.path.ends_with("_unsafe.rs") || !file.text.contains("unsafe") {
            continue;
        }
        for line in lines_with_word(&code_only(&file.text), "unsafe") {
            findings.push(Finding::new(
                format!("{}:{line}", file.path),
                "`unsafe` in a file that does not say so in its name",
                "do without, or move it behind a safe function into a file `*_unsafe.rs`, each \
                 block with its `// SAFETY:`",
            ));
        }
    }
    findings
}

pub(super) fn portable(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in tree.workspace.portable() {
        let sources = format!("{}/src/", member.folder);
        for file in tree.rust().filter(|file| file.path.starts_with(&sources)) {
            for (line, path) in std_paths(&code_only(&file.text)) {
                let Some((banned, instead)) = HOST_ONLY.iter().find(|(banned, _)| {
                    path.strip_prefix(banned)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
                }) else {
                    continue;
                };
                let excepted = HOST_EXCEPTIONS
                    .iter()
                    .any(|(file_path, allowed, _)| *file_path == file.path && allowed == banned);
                if !excepted {
                    findings.push(Finding::new(
                        format!("{}:{line}", file.path),
                        format!("`{path}` in {}, which runs on every host", member.name),
                        *instead,
                    ));
                }
            }
        }
    }
    findings
}

pub(super) fn portable_config(tree: &Tree) -> Vec<Finding> {
    let root = tree
        .file("clippy.toml")
        .map_or("", |file| file.text.as_str());
    let mut findings = Vec::new();
    for member in tree.workspace.portable() {
        let path = format!("{}/clippy.toml", member.folder);
        let text = tree.file(&path).map_or("", |file| file.text.as_str());
        let missing: Vec<_> = FORBIDDEN_AT_LEAST
            .iter()
            .filter(|call| !text.contains(&format!("path = \"{call}\"")))
            .copied()
            .collect();
        if !missing.is_empty() {
            findings.push(Finding::new(
                &path,
                format!("it does not forbid {}", missing.join(", ")),
                "add them to `disallowed-methods` or `disallowed-types` with a reason, as \
                 crates/kernel/clippy.toml does",
            ));
        }
        for line in root
            .lines()
            .filter(|line| line.contains('=') && !line.starts_with('#'))
        {
            if !text.lines().any(|own| own == line) {
                findings.push(Finding::new(
                    &path,
                    format!("it replaces the root's clippy.toml and drops `{line}`"),
                    "repeat the line",
                ));
            }
        }
    }
    findings
}

//! Rules about documents: they are there, their links lead somewhere, their invariants are checked.

use super::rust_code::code_only;
use super::{Finding, Tree, is_rule};
use crate::lint;

/// Files that a reader looks for.
const DOCUMENTS: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "deny.toml",
    ".ci/run",
];

const INVARIANT: &str = "**Invariant";

pub(super) fn presence(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in DOCUMENTS {
        if tree
            .file(path)
            .is_none_or(|file| file.text.trim().is_empty())
        {
            findings.push(Finding::new(*path, "it is missing or empty", "write it"));
        }
    }
    if tree.file(".ci/run").is_some_and(|file| !file.executable) {
        findings.push(Finding::new(
            ".ci/run",
            "it is not executable",
            "chmod +x .ci/run",
        ));
    }
    let unreleased = |text: &str| text.lines().any(|line| line == "## [Unreleased]");
    if tree
        .file("CHANGELOG.md")
        .is_some_and(|file| !unreleased(&file.text))
    {
        findings.push(Finding::new(
            "CHANGELOG.md",
            "there is no section `## [Unreleased]`",
            "add it on top: a change is noted in the commit that makes it",
        ));
    }
    findings
}

pub(super) fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for (line, target) in link_targets(&file.text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let full = if path.is_empty() {
                Some(file.path.clone())
            } else {
                resolve(folder, path)
            };
            let place = format!("{}:{line}", file.path);
            let Some(full) = full.filter(|full| exists(tree, full)) else {
                findings.push(Finding::new(
                    place,
                    format!("the link `{target}` leads nowhere"),
                    "point it at a file of the project, relative to this one",
                ));
                continue;
            };
            let heading_missing = !anchor.is_empty()
                && tree
                    .file(&full)
                    .filter(|target| target.path.ends_with(".md"))
                    .is_some_and(|target| !anchors(&target.text).iter().any(|slug| slug == anchor));
            if heading_missing {
                findings.push(Finding::new(
                    place,
                    format!("`{full}` has no heading `#{anchor}`"),
                    "use the heading in lower case with dashes for spaces",
                ));
            }
        }
    }
    findings
}

pub(super) fn invariants(tree: &Tree) -> Vec<Finding> {
    let Some(file) = tree.file("ARCHITECTURE.md") else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for (line, paragraph) in paragraphs(&file.text) {
        if !paragraph.contains(INVARIANT) {
            continue;
        }
        let place = format!("{}:{line}", file.path);
        let checks = named_checks(&paragraph);
        if checks.is_empty() {
            findings.push(Finding::new(
                &place,
                "an invariant that names no check",
                "end it with `(checked by ...)` and one or more of `tidy:RULE`, `lint:STEP`, \
                 `clippy:LINT`, `rustc:LINT`, `test:FUNCTION`, `fuzz:TARGET`, each in backticks",
            ));
        }
        for check in checks {
            if !check_exists(tree, &check) {
                findings.push(Finding::new(
                    &place,
                    format!("the check `{check}` does not exist"),
                    "correct its name, or write it",
                ));
            }
        }
    }
    findings
}

/// The checks that a paragraph cites as `` (checked by `kind:name`, …) ``.
fn named_checks(paragraph: &str) -> Vec<String> {
    let Some((_, list)) = paragraph.split_once("(checked by") else {
        return Vec::new();
    };
    let list = list.split(')').next().unwrap_or_default();
    let quoted = list.split('`').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

fn check_exists(tree: &Tree, check: &str) -> bool {
    let Some((kind, name)) = check.split_once(':') else {
        return false;
    };
    match kind {
        "tidy" => is_rule(name),
        "lint" => lint::is_step(name),
        "clippy" => {
            let option = format!("{} = ", name.replace('_', "-"));
            configures(tree, &format!("{name} = "))
                // Lints that are on by default and configured by a list of their own.
                || tree.files.iter().any(|file| {
                    file.path.ends_with("clippy.toml") && file.text.contains(&option)
                })
        }
        "rustc" => configures(tree, &format!("{name} = ")),
        "test" => tree.rust().any(|file| has_test(&file.text, name)),
        "fuzz" => tree.file(&format!("fuzz/fuzz_targets/{name}.rs")).is_some(),
        _ => false,
    }
}

fn configures(tree: &Tree, start: &str) -> bool {
    tree.file("Cargo.toml")
        .is_some_and(|file| file.text.lines().any(|line| line.starts_with(start)))
}

/// Whether a `#[test]` function of this name stands in a Rust source.
fn has_test(source: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    if !source.contains(&head) {
        return false;
    }
    let code = code_only(source);
    code.match_indices(&head).any(|(at, _)| {
        // Its attributes stand after whatever ends before it.
        let before = &code[..at];
        let attributes = before
            .rfind(['}', ';'])
            .map_or(before, |end| &before[end..]);
        attributes.contains("#[test]")
    })
}

/// Paragraphs and list items, each as one line of text with the line number of its start.
fn paragraphs(text: &str) -> Vec<(usize, String)> {
    let mut paragraphs: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in prose_lines(text) {
        let trimmed = line.trim();
        let starts = trimmed.starts_with("- ") || trimmed.starts_with("* ");
        if trimmed.is_empty() {
            open = false;
        } else if open && !starts {
            if let Some((_, paragraph)) = paragraphs.last_mut() {
                paragraph.push(' ');
                paragraph.push_str(trimmed);
            }
        } else {
            paragraphs.push((number, trimmed.to_owned()));
            open = true;
        }
    }
    paragraphs
}

/// Lines outside fenced code, numbered from 1.
fn prose_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(move |(_, line)| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            !fenced && !fence
        })
}

/// Targets of inline links `[text](target)`, with their line numbers.
fn link_targets(text: &str) -> Vec<(usize, String)> {
    let mut targets = Vec::new();
    for (number, line) in prose_lines(text) {
        let mut prose = String::new();
        for (index, piece) in line.split('`').enumerate() {
            prose.push_str(if index % 2 == 0 { piece } else { "code" });
        }
        for (at, _) in prose.match_indices("](") {
            if let Some((target, _)) = prose[at + 2..].split_once(')') {
                let target = target.split(' ').next().unwrap_or_default();
                targets.push((number, target.to_owned()));
            }
        }
    }
    targets
}

/// Anchors of the headings of a Markdown text, as its viewers make them.
fn anchors(text: &str) -> Vec<String> {
    prose_lines(text)
        .filter(|(_, line)| line.starts_with('#'))
        .map(|(_, line)| {
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter_map(|character| match character {
                    ' ' => Some('-'),
                    c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                    _ => None,
                })
                .collect()
        })
        .collect()
}

/// A path relative to `folder` as a path from the root; `None` when it leaves the project.
fn resolve(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

fn exists(tree: &Tree, path: &str) -> bool {
    let folder = format!("{path}/");
    tree.files
        .iter()
        .any(|file| file.path == path || file.path.starts_with(&folder))
}

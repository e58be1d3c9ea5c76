//! Every rule is broken once, and must notice.

use std::path::PathBuf;

use super::rust_code::{code_only, std_paths};
use super::{File, RULES, Tree};
use crate::workspace::{Dependency, Member, PORTABLE_TIER_MAX, Workspace};

/// Findings of one rule on a tree of these files, as `place: problem`.
fn check(rule: &str, files: &[(&str, &str)]) -> Vec<String> {
    check_tree(rule, &tree(Vec::new(), files))
}

/// Findings of one rule on a workspace of these crates.
fn check_crates(rule: &str, members: Vec<Member>) -> Vec<String> {
    check_tree(rule, &tree(members, &[]))
}

fn check_tree(rule: &str, tree: &Tree) -> Vec<String> {
    let rule = RULES
        .iter()
        .find(|known| known.name == rule)
        .expect("a rule");
    (rule.check)(tree)
        .into_iter()
        .map(|finding| {
            assert!(!finding.fix.is_empty(), "{finding}");
            format!("{}: {}", finding.place, finding.problem)
        })
        .collect()
}

fn tree(members: Vec<Member>, files: &[(&str, &str)]) -> Tree {
    Tree {
        workspace: Workspace {
            root: PathBuf::new(),
            target: PathBuf::new(),
            members,
        },
        files: files.iter().map(|(path, text)| file(path, text)).collect(),
    }
}

fn file(path: &str, text: &str) -> File {
    File {
        path: path.to_owned(),
        size: u64::try_from(text.len()).expect("a small test"),
        executable: false,
        text: text.to_owned(),
    }
}

fn member(name: &str, tier: u64, dependencies: &[&str]) -> Member {
    Member {
        name: name.to_owned(),
        folder: format!("crates/{}", name.trim_start_matches("holm-")),
        tier: Some(tier),
        portable: tier <= PORTABLE_TIER_MAX,
        dependencies: dependencies
            .iter()
            .map(|name| Dependency {
                name: (*name).to_owned(),
                dev: false,
            })
            .collect(),
    }
}

#[test]
fn a_crate_depends_on_lower_tiers_only() {
    let crates = |kernel: &[&str]| {
        vec![
            member("holm-abi", 0, &[]),
            member("holm-kernel", 1, kernel),
            member("holm-engine", 3, &["holm-kernel"]),
        ]
    };
    assert!(check_crates("tiers", crates(&["holm-abi"])).is_empty());
    assert_eq!(
        check_crates("tiers", crates(&["holm-engine"])),
        ["crates/kernel/Cargo.toml: holm-kernel (tier 1) depends on holm-engine (tier 3)"]
    );
}

#[test]
fn an_equal_tier_is_not_lower_even_for_tests() {
    let mut host = member("holm-host-native", 3, &["holm-engine"]);
    host.dependencies[0].dev = true;
    let found = check_crates("tiers", vec![member("holm-engine", 3, &[]), host]);
    assert_eq!(
        found,
        [
            "crates/host-native/Cargo.toml: holm-host-native (tier 3) depends on holm-engine \
             (tier 3)"
        ]
    );
}

#[test]
fn a_portable_crate_depends_on_portable_crates_only() {
    let crates = |explain_is_portable: bool| {
        let mut command_line = member("holm-command-line", 4, &["holm-explain"]);
        command_line.portable = true;
        let mut explain = member("holm-explain", 3, &[]);
        explain.portable = explain_is_portable;
        vec![explain, command_line]
    };
    assert!(check_crates("tiers", crates(true)).is_empty());
    assert_eq!(
        check_crates("tiers", crates(false)),
        [
            "crates/command-line/Cargo.toml: holm-command-line runs on every host and depends on \
             holm-explain, which does not say so"
        ]
    );
}

#[test]
fn every_crate_states_its_tier() {
    let mut stray = member("holm-stray", 0, &[]);
    stray.tier = None;
    assert_eq!(
        check_crates("tiers", vec![stray]),
        ["crates/stray/Cargo.toml: the crate states no tier"]
    );
}

#[test]
fn only_the_engine_and_above_know_wasmtime() {
    assert!(check_crates("wasmtime", vec![member("holm-engine", 3, &["wasmtime"])]).is_empty());
    assert!(check_crates("wasmtime", vec![member("holm-cli", 7, &["wasmtime"])]).is_empty());
    for (name, tier, dependency) in [
        ("holm-kernel", 1, "wasmtime"),
        ("holm-host-native", 3, "wasmtime-environ"),
        ("holm-package", 2, "cranelift-entity"),
    ] {
        let found = check_crates("wasmtime", vec![member(name, tier, &[dependency])]);
        assert_eq!(found.len(), 1, "{name} may use {dependency}");
    }
}

#[test]
fn the_lowest_tiers_keep_a_short_list() {
    let found = |name, tier, dependency: &str| {
        check_crates(
            "kernel-dependencies",
            vec![member(name, tier, &[dependency])],
        )
    };
    assert!(found("holm-kernel", 1, "holm-abi").is_empty());
    assert!(found("holm-package", 2, "toml").is_empty());
    assert_eq!(
        found("holm-abi", 0, "serde"),
        ["crates/abi/Cargo.toml: holm-abi is of tier 0 and depends on serde"]
    );
    assert_eq!(
        found("holm-kernel", 1, "tokio"),
        ["crates/kernel/Cargo.toml: holm-kernel is of tier 1 and depends on tokio"]
    );
}

#[test]
fn portable_crates_reach_nothing_of_the_host() {
    let found = |source: &str| {
        let path = "crates/kernel/src/process.rs";
        let kernel = vec![member("holm-kernel", 1, &[])];
        check_tree("portable", &tree(kernel, &[(path, source)]))
    };
    assert!(found("use std::time::Duration;\nuse std::sync::Arc;").is_empty());
    assert!(found("// std::fs::read is not for us\nlet a = \"std::fs\";").is_empty());
    assert_eq!(
        found("//! A.\nuse std::{fmt, fs::{self, File}};"),
        [
            "crates/kernel/src/process.rs:2: `std::fs::self` in holm-kernel, which runs on every \
             host",
            "crates/kernel/src/process.rs:2: `std::fs::File` in holm-kernel, which runs on every \
             host",
        ]
    );
    for reach in [
        "std::net::TcpStream",
        "std::env::var",
        "std::time::Instant::now",
        "std::time::{Duration, SystemTime}",
        "std::thread::spawn",
        "::std::process::exit",
        "std::os::fd::AsFd",
    ] {
        assert_eq!(found(&format!("use {reach};")).len(), 1, "{reach}");
    }
}

#[test]
fn portable_crates_forbid_what_fails_at_run_time() {
    let found = |files: &[(&str, &str)]| {
        check_tree(
            "portable-config",
            &tree(vec![member("holm-abi", 0, &[])], files),
        )
    };
    assert_eq!(found(&[]).len(), 1);
    let complete = include_str!("../../../crates/abi/clippy.toml");
    let root = "# why\ntoo-many-lines-threshold = 100\n";
    let own = ("crates/abi/clippy.toml", complete);
    assert!(found(&[("clippy.toml", root), own]).is_empty());
    let less = complete.replace("\"std::thread::spawn\"", "\"std::thread::park\"");
    assert_eq!(
        found(&[("crates/abi/clippy.toml", &less)]),
        ["crates/abi/clippy.toml: it does not forbid std::thread::spawn"]
    );
    assert_eq!(
        found(&[("clippy.toml", "too-many-lines-threshold = 7\n"), own]),
        [
            "crates/abi/clippy.toml: it replaces the root's clippy.toml and drops \
             `too-many-lines-threshold = 7`"
        ]
    );
}

#[test]
fn every_file_says_what_it_is() {
    assert!(check("tagline", &[("a.rs", "//! What this file is.\n")]).is_empty());
    for bad in [
        "",
        "use std::io;",
        "//!",
        "\n//! Too late, a line below.",
        "//! Placeholder.",
        "//! A sentence that goes on\n//! below.",
    ] {
        assert_eq!(check("tagline", &[("a.rs", bad)]).len(), 1, "{bad:?}");
    }
}

#[test]
fn modules_have_names_of_their_own() {
    assert!(check("mod-rs", &[("crates/a/src/b.rs", "")]).is_empty());
    assert_eq!(check("mod-rs", &[("crates/a/src/b/mod.rs", "")]).len(), 1);
}

#[test]
fn long_files_are_found_and_old_ones_only_shrink() {
    let long = "x\n".repeat(1001);
    let ratchet = "xtask/tidy-ratchet.txt";
    assert!(check("file-length", &[("a.rs", &long[2..])]).is_empty());
    assert!(check("file-length", &[("a.md", &long)]).is_empty());
    assert_eq!(
        check("file-length", &[("a.rs", &long)]),
        ["a.rs: 1001 lines, the limit is 1000"]
    );
    assert!(check("file-length", &[("a.rs", &long), (ratchet, "a.rs 1001\n")]).is_empty());
    assert_eq!(
        check("file-length", &[("a.rs", &long), (ratchet, "a.rs 1200\n")]),
        ["xtask/tidy-ratchet.txt: a.rs has 1001 lines, the ratchet still allows 1200"]
    );
    assert_eq!(
        check("file-length", &[(ratchet, "a.rs 1200\n")]),
        ["xtask/tidy-ratchet.txt: a.rs is gone"]
    );
}

#[test]
fn unsafe_stands_where_its_name_says() {
    let code = "#![deny(unsafe_code)]\n// unsafe in words\nlet a = \"unsafe\";\n";
    assert!(check("unsafe-files", &[("a.rs", code)]).is_empty());
    let real = "fn a() {\n    unsafe { b() }\n}\n";
    assert!(check("unsafe-files", &[("a_unsafe.rs", real)]).is_empty());
    for under_test in ["guests/rust/src/a.rs", "crates/a/tests/fixtures/b.rs"] {
        assert!(check("unsafe-files", &[(under_test, real)]).is_empty());
    }
    assert_eq!(
        check("unsafe-files", &[("a.rs", real)]),
        ["a.rs:2: `unsafe` in a file that does not say so in its name"]
    );
}

#[test]
fn documents_are_there() {
    let found = check(
        "documents",
        &[("README.md", "# Holm"), ("CHANGELOG.md", "# Log\n")],
    );
    assert!(found.contains(&"SECURITY.md: it is missing or empty".to_owned()));
    assert!(!found.iter().any(|finding| finding.starts_with("README.md")));
    assert!(found.contains(&"CHANGELOG.md: there is no section `## [Unreleased]`".to_owned()));
    let found = check("documents", &[(".ci/run", "#!/bin/sh\n")]);
    assert!(found.contains(&".ci/run: it is not executable".to_owned()));
}

#[test]
fn links_lead_somewhere() {
    let found = |text: &str| {
        check(
            "links",
            &[
                ("docs/a.md", text),
                ("README.md", "# Holm\n## The `holm` tour, in 3\n"),
            ],
        )
    };
    assert!(
        found("[r](../README.md) [t](../README.md#the-holm-tour-in-3) [f](../docs)").is_empty()
    );
    assert!(found("[out](https://example.com/x) `[code](gone.md)`").is_empty());
    assert!(found("```text\n[fenced](gone.md)\n```\n").is_empty());
    assert_eq!(
        found("# A\n\n[gone](gone.md)"),
        ["docs/a.md:3: the link `gone.md` leads nowhere"]
    );
    assert_eq!(
        found("[up](../../outside.md)"),
        ["docs/a.md:1: the link `../../outside.md` leads nowhere"]
    );
    assert_eq!(
        found("[anchor](../README.md#gone) [own](#nothing)"),
        [
            "docs/a.md:1: `README.md` has no heading `#gone`",
            "docs/a.md:1: `docs/a.md` has no heading `#nothing`",
        ]
    );
}

#[test]
fn invariants_name_checks_that_exist() {
    let found = |invariant: &str| {
        check(
            "invariants",
            &[
                ("ARCHITECTURE.md", invariant),
                (
                    "Cargo.toml",
                    "[workspace.lints.clippy]\nunwrap_used = \"warn\"\n",
                ),
                ("a/clippy.toml", "disallowed-methods = []\n"),
                ("fuzz/fuzz_targets/walk.rs", ""),
                (
                    "a.rs",
                    "fn helper() {}\n#[test]\nfn it_holds() {}\n// fn told() {}\n",
                ),
            ],
        )
    };
    for good in [
        "tidy:tiers",
        "lint:wasm32",
        "clippy:unwrap_used",
        "clippy:disallowed_methods",
        "test:it_holds",
        "fuzz:walk",
    ] {
        let text = format!("- **Invariant.** So it is,\n  always (checked by `{good}`).\n");
        assert_eq!(found(&text), [""; 0], "{good}");
    }
    for bad in [
        "tidy:gone",
        "lint:gone",
        "clippy:gone",
        "test:helper",
        "test:told",
        "walk",
    ] {
        let text = format!("**Invariant.** So it is (checked by `tidy:tiers`, `{bad}`).\n");
        let expected = format!("ARCHITECTURE.md:1: the check `{bad}` does not exist");
        assert_eq!(found(&text), [expected]);
    }
    assert_eq!(
        found("# Map\n\n- one\n- **Invariant.** Trust us.\n"),
        ["ARCHITECTURE.md:4: an invariant that names no check"]
    );
}

#[test]
fn the_locked_set_has_a_ceiling() {
    assert!(check("lock-ceiling", &[("Cargo.lock", "[[package]]\n")]).is_empty());
    assert_eq!(check("lock-ceiling", &[]).len(), 1);
    let many = "[[package]]\n".repeat(5000);
    assert_eq!(check("lock-ceiling", &[("Cargo.lock", &many)]).len(), 1);
}

#[test]
fn what_is_committed_belongs_to_no_machine() {
    let found = |path: &str, text: &str| check("machine-paths", &[(path, text)]);
    assert!(found("a.md", "see target/work/a and ../root/b").is_empty());
    for bad in [
        "/wo%rk/main",
        "\"/ro%ot/.cargo\"",
        "https://pypi%.org/x",
        "https://crates%.io/x",
    ] {
        let text = bad.replace('%', "");
        assert_eq!(found("a.md", &text).len(), 1, "{text}");
    }
    let registry = "source = \"registry+https://github.com/rust-lang/crates%.io-index\"";
    assert!(found("Cargo.lock", &registry.replace('%', "")).is_empty());
    assert_eq!(
        found("Cargo.lock", "source = \"git+https://example.com/a\"").len(),
        1
    );
}

#[test]
fn large_files_are_found() {
    assert!(check("large-files", &[("a.bin", &"x".repeat(409_600))]).is_empty());
    assert_eq!(
        check("large-files", &[("a.bin", &"x".repeat(409_601))]),
        ["a.bin: 400 KiB, the limit is 400 KiB"]
    );
}

#[test]
fn code_is_seen_without_comments_and_literals() {
    let blanked = |source: &str| {
        code_only(source)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(blanked("a /* b /* c */ d */ e // f"), "a e");
    assert_eq!(blanked(r#"a("b\"c", 'd', '\'', b"e") f"#), "a( , , , b ) f");
    assert_eq!(blanked("a r#\"b \" c\"# d r#type"), "a d r#type");
    assert_eq!(blanked("fn a<'b>(c: &'b str)"), "fn a<'b>(c: &'b str)");
    assert_eq!(code_only("a\n/*\n*/ b").lines().count(), 3);
}

#[test]
fn paths_into_std_are_taken_apart() {
    let paths =
        |code: &str| -> Vec<String> { std_paths(code).into_iter().map(|(_, path)| path).collect() };
    assert_eq!(paths("std::fs::read(x)"), ["std::fs::read"]);
    assert_eq!(
        paths("use std::{io, time::{Duration as Span, Instant}, fs as files};"),
        [
            "std::io",
            "std::time::Duration",
            "std::time::Instant",
            "std::fs"
        ]
    );
    assert_eq!(paths("my_std::fs a::std::fs"), [""; 0]);
    assert_eq!(paths("std::mem::size_of::<u8>()"), ["std::mem::size_of"]);
}

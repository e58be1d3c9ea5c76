//! `[dependencies]`: what is read, what is refused, what keys and patterns mean.

use proptest::collection::vec;
use proptest::prelude::{Strategy, any as anything};

use super::parse;
use crate::grant::{Access, parse_net_rule};
use crate::guest_path::GuestPath;
use crate::manifest::{
    Dependency, DependencyGrants, DirectoryGrant, InterfacePattern, Manifest, Provides,
    dependency_path_span,
};

const APP: &str = "[app]\nname = \"a\"\nprogram = \"a.wasm\"\n";

fn with(dependencies: &str) -> String {
    format!("{APP}{dependencies}")
}

#[test]
fn everything_is_read_in_the_order_of_the_file() {
    let text = with(
        r#"
[dependencies."example:fetch/api@1.2.0"]
path = "../fetch"
inherit = ["wasi:http", "wasi:cli/stderr"]
grants = { net = ["connect:127.0.0.1:*", "udp:connect:10.0.0.0/8:53"], dir = ["/data:ro", "/tmp:rw", "/in"], env = ["URL"], stdio = ["stderr"] }

[dependencies.codec]
path = "codec.wasm"
"#,
    );
    let manifest = parse(&text);
    let pattern = |text| InterfacePattern::new(text).expect("a pattern");
    let rule = |text| parse_net_rule(text).expect("a rule");
    let directory = |path, access| DirectoryGrant {
        guest: GuestPath::new(path).expect("a path"),
        access,
    };
    let fetch = Dependency {
        key: "example:fetch/api@1.2.0".into(),
        path: "../fetch".into(),
        inherit: vec![pattern("wasi:http"), pattern("wasi:cli/stderr")],
        grants: DependencyGrants {
            net: vec![
                rule("connect:127.0.0.1:*"),
                rule("udp:connect:10.0.0.0/8:53"),
            ],
            directories: vec![
                directory("/data", Access::ReadOnly),
                directory("/tmp", Access::ReadWrite),
                directory("/in", Access::ReadOnly),
            ],
            env: vec!["URL".into()],
            stderr: true,
            ..DependencyGrants::default()
        },
    };
    let codec = Dependency {
        key: "codec".into(),
        path: "codec.wasm".into(),
        inherit: vec![],
        grants: DependencyGrants::default(),
    };
    assert_eq!(manifest.dependencies, [fetch, codec]);
    assert_eq!(parse(&manifest.to_toml()), manifest);
    let span = dependency_path_span(&text, "codec").expect("it has a path");
    assert_eq!(&text[span], "\"codec.wasm\"");
    assert_eq!(dependency_path_span(&text, "other"), None);
    assert_eq!(dependency_path_span("[", "codec"), None);
}

#[test]
fn what_a_dependency_may_do_is_no_need_of_the_app() {
    let alone = parse(APP);
    let granted = parse(&with(
        "[dependencies.x]\npath = \"x.wasm\"\ngrants = { env = [\"A\"] }",
    ));
    assert_eq!(alone.needs_digest(), granted.needs_digest());
}

#[test]
fn mistakes_are_pointed_at() {
    let cases = [
        ("[dependencies.x]", "this dependency has no `path`"),
        (
            "[dependencies]\nx = \"x.wasm\"",
            "`x` is a table with a path",
        ),
        (
            "[dependencies.x]\npath = \"/x.wasm\"",
            "the path is absolute",
        ),
        (
            "[dependencies.x]\npath = \"a/../x.wasm\"",
            "`..` stands at the beginning",
        ),
        ("[dependencies.x]\npath = \"\"", "the path is empty"),
        (
            "[dependencies.\"a:b/c/d\"]\npath = \"x.wasm\"",
            "a dependency is named by letters",
        ),
        (
            "[dependencies.\"a@1.0.0\"]\npath = \"x.wasm\"",
            "a version or an interface follows",
        ),
        (
            "[dependencies.x]\npath = \"x.wasm\"\ninherit = [\"wasi\"]",
            "interfaces are named like",
        ),
        (
            "[dependencies.x]\npath = \"x.wasm\"\ninherit = [\"*:*\"]",
            "interfaces are named like",
        ),
        (
            "[dependencies.x]\npath = \"x.wasm\"\ninherit = [\"wasi:http@0.2.0\"]",
            "leave the version out",
        ),
        (
            "[dependencies.x]\npath = \"x.wasm\"\ngrants = { net = [\"10.0.0.1\"] }",
            "A rule is one of",
        ),
        (
            "[dependencies.x]\npath = \"x.wasm\"\ngrants = { dir = [\"/a:wx\"] }",
            "`wx` is no access",
        ),
        (
            "[dependencies.x]\npath = \"x.wasm\"\ngrants = { stdio = [\"stderror\"] }",
            "did you mean `stderr`?",
        ),
        (
            "[dependencies.x]\npath = \"x.wasm\"\ngrants = { http = true }",
            "the rules of HTTP too",
        ),
        (
            "[dependencies.x]\npath = \"x.wasm\"\ngrants = { env = [\"A=B\"] }",
            "cannot be the name of a variable",
        ),
    ];
    for (text, expected) in cases {
        let error = Manifest::parse(&with(text)).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let many: String = (0..70)
        .map(|n| format!("[dependencies.d{n}]\npath = \"x.wasm\"\n"))
        .collect();
    let error = Manifest::parse(&with(&many)).expect_err("too many");
    assert!(error.to_string().contains("more than 64 dependencies"));
}

#[test]
fn keys_and_patterns_name_interfaces() {
    let provides = |key: &str, export: &str| {
        let dependency = Dependency {
            key: key.into(),
            path: "x.wasm".into(),
            inherit: vec![],
            grants: DependencyGrants::default(),
        };
        if key == "plain" {
            assert_eq!(dependency.provides(), Provides::Everything);
        }
        dependency.provides().includes(export)
    };
    assert!(provides("plain", "a:b/c@1.0.0"));
    assert!(provides("a:b", "a:b/c@1.0.0") && provides("a:b", "a:b/c"));
    assert!(!provides("a:b", "a:bb/c") && !provides("a:b", "run"));
    assert!(provides("a:b@1.0.0", "a:b/c@1.0.0") && !provides("a:b@1.0.0", "a:b/c@1.0.1"));
    assert!(provides("a:b/c", "a:b/c@1.0.0") && !provides("a:b/c", "a:b/d@1.0.0"));
    let matches = |pattern, interface| {
        InterfacePattern::new(pattern)
            .expect("a pattern")
            .matches(interface)
    };
    assert!(matches("wasi:http", "wasi:http/types@0.2.0"));
    assert!(matches("wasi:*", "wasi:http/types") && matches("wasi:http/*", "wasi:http/types"));
    assert!(matches("wasi:http/types", "wasi:http/types@0.2.0"));
    assert!(!matches("wasi:http/types", "wasi:http/handler") && !matches("wasi:http", "wasi"));
    assert!(!matches("wasi:http", "wasi:https/types"));
}

/// Any dependencies that a manifest may hold.
pub(super) fn any() -> impl Strategy<Value = Vec<Dependency>> {
    let directory = ("/[a-z]{1,6}", anything::<bool>()).prop_map(|(path, writes)| DirectoryGrant {
        guest: GuestPath::new(&path).expect("a path"),
        access: if writes {
            Access::ReadWrite
        } else {
            Access::ReadOnly
        },
    });
    let grants = (
        vec("connect:[a-z]{2,5}[.]org:[1-9]", 0..2),
        vec(directory, 0..2),
        vec("[A-Z]{1,5}", 0..2),
        anything::<[bool; 3]>(),
    )
        .prop_map(|(net, directories, env, streams)| DependencyGrants {
            net: net
                .iter()
                .map(|rule| parse_net_rule(rule).expect("a rule"))
                .collect(),
            directories,
            env,
            stdin: streams[0],
            stdout: streams[1],
            stderr: streams[2],
        });
    let inherit = "[a-z]{1,4}:([a-z]{1,4}|\\*)(/[a-z]{1,4})?"
        .prop_map(|text| InterfacePattern::new(&text).expect("a pattern"));
    let dependency = (
        "[a-z]{1,6}(:[a-z]{1,6}(/[a-z]{1,6})?(@1\\.[0-9]\\.0)?)?",
        "(\\.\\./){0,2}[a-z]{1,6}(\\.wasm|/)?",
        vec(inherit, 0..3),
        grants,
    )
        .prop_map(|(key, path, inherit, grants)| Dependency {
            key,
            path,
            inherit,
            grants,
        });
    vec(dependency, 0..3).prop_map(|mut dependencies: Vec<Dependency>| {
        let mut keys = std::collections::BTreeSet::new();
        dependencies.retain(|dependency| keys.insert(dependency.key.clone()));
        dependencies
    })
}

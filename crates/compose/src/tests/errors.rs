//! What cannot be linked, and what is said of it.

use proptest::prelude::{ProptestConfig, any, proptest};

use super::{Folder, component, node};
use crate::{ComposeError, compose};

#[test]
fn a_circle_is_shown_with_its_path() {
    let folder = Folder::new()
        .manifest("\"a:one\" = { path = \"one.wasm\" }\n\"a:two\" = { path = \"two.wasm\" }")
        .write("app.wasm", node(&["one@1.0.0"], &[]))
        .write("one.wasm", node(&["two@1.0.0"], &["one@1.0.0"]))
        .write("two.wasm", node(&["one@1.0.0"], &["two@1.0.0"]));
    let ComposeError::Cycle { path } = folder.refused() else {
        panic!("it is a circle");
    };
    let names: Vec<_> = path
        .iter()
        .filter_map(|path| path.rsplit('/').next())
        .collect();
    assert_eq!(names, ["one.wasm", "two.wasm", "one.wasm"]);
    // Folders that name each other.
    let manifest =
        "[app]\nname = \"x\"\nprogram = \"../one.wasm\"\n[dependencies]\nx.path = \"..\"";
    let folder = folder
        .manifest("\"a:one\" = { path = \"sub\" }")
        .write("sub/holm.toml", manifest.replace("../one", "one"))
        .write("sub/one.wasm", node(&["two@1.0.0"], &["one@1.0.0"]));
    assert!(matches!(folder.refused(), ComposeError::Cycle { .. }));
}

#[test]
fn a_mismatch_is_shown_in_wit() {
    let world = |import: &str, f: &str, r: &str| {
        format!(
            "package t:t;\nworld w {{ {import} a:one/api@1.0.0; }}\n\
             package a:one@1.0.0 {{ interface api {{ record r {{ {r} }} f: func({f}) -> option<r>; g: func(); }} }}"
        )
    };
    let folder = Folder::new()
        .manifest("\"a:one\" = { path = \"one.wasm\" }")
        .write(
            "app.wasm",
            component(&world("import", "x: u32", "a: u8, b: list<string>")),
        )
        .write(
            "one.wasm",
            component(&world("export", "x: string, y: bool", "a: u8")),
        );
    let ComposeError::Mismatch { wit, importer, .. } = folder.refused() else {
        panic!("it does not fit");
    };
    assert!(importer.ends_with("app.wasm"), "{importer}");
    let lines: Vec<_> = wit
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let expected = "f: func(x: u32) -> option<r>; | f: func(x: string, y: bool) -> option<r>;";
    assert!(lines.iter().any(|line| line == expected), "{wit}");
    assert!(
        lines.iter().any(|line| line.contains("b: list<string>,")),
        "{wit}"
    );
    assert!(!wit.contains("g: func"), "what agrees is not shown: {wit}");
}

#[test]
fn what_is_missing_is_named_with_what_is_near() {
    let folder = Folder::new()
        .manifest("\"a:onne\" = { path = \"one.wasm\" }")
        .write("app.wasm", node(&["one@1.0.0"], &[]))
        .write("one.wasm", node(&[], &["onne@1.0.0"]));
    let error = folder.refused().to_string();
    assert!(
        error.contains("imports a:one/api@1.0.0, which nobody provides"),
        "{error}"
    );
    assert!(
        error.contains("provides a:onne/api@1.0.0; did you mean that?"),
        "{error}"
    );
    let folder = folder.manifest("");
    let error = folder.refused().to_string();
    assert!(error.contains("[dependencies.\"a:one\"] path ="), "{error}");
    let folder = folder.manifest("\"a:two\" = { path = \"one.wasm\" }");
    let error = folder.refused().to_string();
    assert!(
        error.contains("provides nothing that is called a:two"),
        "{error}"
    );
    assert!(
        error.contains("it provides run, a:onne/api@1.0.0"),
        "{error}"
    );
}

#[test]
fn files_that_are_no_components_are_pointed_at() {
    let folder = Folder::new()
        .manifest("\"a:one\" = { path = \"one.wasm\" }")
        .write("app.wasm", node(&["one@1.0.0"], &[]))
        .write("ones.wasm", b"");
    let ComposeError::File {
        place,
        message,
        help,
    } = folder.refused()
    else {
        panic!("there is no such file");
    };
    assert_eq!((place.line, place.column), (5, 20));
    assert!(message.starts_with("there is no file "), "{message}");
    assert_eq!(
        help.as_deref(),
        Some("there is a ones.wasm; did you mean that?")
    );
    let folder = folder.write("one.wasm", b"\0asm\x01\0\0\0");
    let error = folder.refused().to_string();
    assert!(
        error.contains("is a core module, and only components"),
        "{error}"
    );
    assert!(error.contains("wasm32-wasip2"), "{error}");
    for bytes in [&b"\x7fELF"[..], b"", b"\0asm\x0d\0\x01\0\xff"] {
        let error = Folder::refused(
            &Folder::new()
                .manifest("\"a:one\" = { path = \"one.wasm\" }")
                .write("app.wasm", node(&["one@1.0.0"], &[]))
                .write("one.wasm", bytes),
        );
        assert!(matches!(error, ComposeError::File { .. }), "{error}");
    }
    let folder = Folder::new();
    assert!(matches!(folder.refused(), ComposeError::NoManifest { .. }));
    let folder = folder.write("holm.toml", "[app]");
    assert!(matches!(folder.refused(), ComposeError::Manifest { .. }));
}

#[test]
fn two_providers_are_refused_and_unused_ones_are_told() {
    let folder = Folder::new()
        .manifest("x = { path = \"one.wasm\" }\ny = { path = \"two.wasm\" }")
        .write("app.wasm", node(&["one@1.0.0"], &[]))
        .write("one.wasm", node(&[], &["one@1.0.0", "two@1.0.0"]))
        .write("two.wasm", node(&[], &["one@1.0.5"]));
    assert!(matches!(
        folder.refused(),
        ComposeError::TwoProviders { .. }
    ));
    let folder = folder.manifest(
        "\"a:one\" = { path = \"one.wasm\" }\n\"a:one/api@1.0.5\" = { path = \"two.wasm\" }",
    );
    assert!(matches!(
        folder.refused(),
        ComposeError::TwoProviders { .. }
    ));
    let folder =
        folder.manifest("\"a:two\" = { path = \"one.wasm\" }\n\"a:one\" = { path = \"two.wasm\" }");
    let composition = folder.compose();
    let [unused] = composition.warnings.as_slice() else {
        panic!("{:?}", composition.warnings);
    };
    assert!(unused.ends_with("one.wasm: nobody imports anything of it; it is left out"));
    assert!(!composition.record.part("a-two").expect("it is told").used);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn damaged_components_are_errors(at in any::<proptest::sample::Index>(), byte in any::<u8>(), cut in any::<proptest::sample::Index>()) {
        let mut bytes = node(&[], &["one@1.0.0"]);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(cut.index(bytes.len() * 4).min(bytes.len()));
        let folder = Folder::new()
            .manifest("x = { path = \"one.wasm\" }")
            .write("app.wasm", node(&["one@1.0.0"], &[]))
            .write("one.wasm", bytes);
        if let Ok(composition) = compose(folder.path()) {
            super::check_valid(&composition);
        }
    }

    #[test]
    fn whatever_is_linked_is_valid(edges in any::<[[bool; 4]; 4]>(), minors in any::<[bool; 4]>()) {
        let name = |n: usize, minor: bool| format!("n{n}@1.{}.0", u8::from(minor));
        let mut folder = Folder::new();
        let mut dependencies = String::new();
        for n in 0..4 {
            let imports: Vec<String> = (0..4).filter(|m| edges[n][*m] && (n == 0 || *m > n)).map(|m| name(m, false)).collect();
            let imports: Vec<&str> = imports.iter().map(String::as_str).filter(|one| !one.starts_with("n0")).collect();
            let export = name(n, minors[n]);
            let file = if n == 0 { "app.wasm".to_owned() } else { format!("{n}.wasm") };
            folder = folder.write(&file, node(&imports, &[&export]));
            if n > 0 {
                dependencies.push_str(&format!("\"a:n{n}\" = {{ path = \"{n}.wasm\" }}\n"));
            }
        }
        folder.manifest(&dependencies).compose();
    }
}

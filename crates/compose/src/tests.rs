//! Apps linked: who gets what, what is refused, and that what comes out is valid.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use wasmparser::{Parser, Payload, Validator, WasmFeatures};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, UnresolvedPackageGroup, WorldId};

use crate::naming::OwnImport;
use crate::record::{Record, RecordError, SECTION, Source};
use crate::{App, ComposeError, Composition, compose};

mod denied;
mod errors;
mod guests;

/// A folder with an app in it, gone when dropped.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().expect("a folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, bytes).expect("it is written");
        self
    }

    /// A manifest with these lines from the fifth on.
    fn manifest(self, dependencies: &str) -> Self {
        let app = "[app]\nname = \"app\"\nprogram = \"app.wasm\"\n[dependencies]\n";
        let text = format!("{app}{dependencies}");
        self.write("holm.toml", text)
    }

    fn compose(&self) -> Composition {
        let composition = compose(self.path()).expect("it is linked");
        check_valid(&composition);
        composition
    }

    fn refused(&self) -> ComposeError {
        compose(self.path()).expect_err("it is refused")
    }
}

/// Every composition is a valid component that says of itself what it is.
fn check_valid(composition: &Composition) {
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(&composition.bytes)
        .expect("it is valid");
    let record = Record::of_component(&composition.bytes).expect("its section is read");
    assert_eq!(record.as_ref(), Some(&composition.record));
}

/// The names of a component's own imports and exports.
fn outside(bytes: &[u8]) -> (Vec<String>, Vec<String>) {
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.expect("it is valid") {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                let names = section.into_iter().map(|import| import.expect("one").name);
                imports.extend(names.map(|name| name.name.to_owned()));
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                let names = section.into_iter().map(|export| export.expect("one").name);
                exports.extend(names.map(|name| name.name.to_owned()));
            }
            _ => {}
        }
    }
    (imports, exports)
}

/// A component for the first world of these WIT packages, whose functions trap.
fn component(wit: &str) -> Vec<u8> {
    let (resolve, world) = world(wit);
    encode(&resolve, world, guests::module(&resolve, world))
}

/// A component of this module for the first world of these WIT packages.
fn component_of(wit: &str, module: Vec<u8>) -> Vec<u8> {
    let (resolve, world) = world(wit);
    encode(&resolve, world, module)
}

fn world(wit: &str) -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let group = UnresolvedPackageGroup::parse("test.wit", wit).expect("it is WIT");
    let package = resolve.push_group(group).expect("it is complete");
    let world = resolve.select_world(&[package], None).expect("one world");
    (resolve, world)
}

fn encode(resolve: &Resolve, world: WorldId, mut module: Vec<u8>) -> Vec<u8> {
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8)
        .expect("its types are added");
    ComponentEncoder::default()
        .module(&module)
        .expect("it is a module")
        .validate(true)
        .encode()
        .expect("it is a component")
}

/// A component that imports and exports interfaces `a:PACKAGE/api@VERSION` with one function.
fn node(imports: &[&str], exports: &[&str]) -> Vec<u8> {
    let interface = |package: &&str| {
        let (name, version) = package.split_once('@').expect("a version");
        format!("package a:{name}@{version} {{ interface api {{ f: func(x: u32) -> string; }} }}\n")
    };
    let packages: String = imports.iter().chain(exports).map(interface).collect();
    let items = |word: &str, list: &[&str]| -> String {
        let line = |package: &&str| {
            let (name, version) = package.split_once('@').expect("a version");
            format!("  {word} a:{name}/api@{version};\n")
        };
        list.iter().map(line).collect()
    };
    let world = format!(
        "package t:t;\nworld w {{\n{}{}  export run: func();\n}}\n",
        items("import", imports),
        items("export", exports)
    );
    component(&format!("{world}{packages}"))
}

fn source<'r>(record: &'r Record, part: &str, import: &str) -> &'r Source {
    let part = record.part(part).expect("the part is there");
    let import = part.imports.iter().find(|one| one.name == import);
    &import.expect("it is imported").source
}

#[test]
fn a_dependency_is_linked_and_nothing_of_it_is_left_outside() {
    let folder = Folder::new()
        .manifest("\"a:one\" = { path = \"one.wasm\" }")
        .write("app.wasm", node(&["one@1.0.0"], &[]))
        .write("one.wasm", node(&[], &["one@1.0.0"]));
    let composition = folder.compose();
    assert_eq!(outside(&composition.bytes), (vec![], vec!["run".into()]));
    let part = Source::Part {
        part: "a-one".into(),
    };
    assert_eq!(*source(&composition.record, "app", "a:one/api@1.0.0"), part);
    assert!(composition.warnings.is_empty() && composition.record.is_portable());
    let tree = composition.record.to_string();
    assert!(tree.contains("a-one = a:one: one.wasm"), "{tree}");
}

#[test]
fn chains_and_diamonds_are_linked_once() {
    let folder = Folder::new()
        .manifest(
            "\"a:left\" = { path = \"l.wasm\" }\n\"a:right\" = { path = \"r.wasm\" }\n\
             \"a:base\" = { path = \"b.wasm\" }",
        )
        .write("app.wasm", node(&["left@1.0.0", "right@1.0.0"], &[]))
        .write("l.wasm", node(&["base@1.0.0"], &["left@1.0.0"]))
        .write("r.wasm", node(&["base@1.0.0"], &["right@1.0.0"]))
        .write("b.wasm", node(&[], &["base@1.0.0"]));
    let composition = folder.compose();
    assert_eq!(outside(&composition.bytes), (vec![], vec!["run".into()]));
    let base = Source::Part {
        part: "a-base".into(),
    };
    for side in ["a-left", "a-right"] {
        assert_eq!(*source(&composition.record, side, "a:base/api@1.0.0"), base);
    }
    let bytes = fs::read(folder.path().join("b.wasm")).expect("it is there");
    let mut found = composition
        .bytes
        .windows(bytes.len())
        .filter(|part| *part == bytes);
    assert!(
        found.next().is_some() && found.next().is_none(),
        "it is in it once"
    );
}

#[test]
fn versions_stand_in_for_each_other_within_a_track() {
    let folder = Folder::new()
        .manifest("\"a:one\" = { path = \"one.wasm\" }")
        .write("app.wasm", node(&["one@1.2.0"], &[]))
        .write("one.wasm", node(&[], &["one@1.3.1"]));
    folder.compose();
    let folder = folder.write("one.wasm", node(&[], &["one@2.0.0"]));
    let error = folder.refused().to_string();
    assert!(
        error.contains("imports a:one/api@1.2.0, which nobody provides"),
        "{error}"
    );
    assert!(
        error.contains("one.wasm provides a:one/api@2.0.0"),
        "{error}"
    );
}

#[test]
fn a_folder_is_a_dependency_with_dependencies_of_its_own() {
    let nested = "[app]\nname = \"sub\"\nprogram = \"sub.wasm\"\n[dependencies]\n\
                  \"a:deep\" = { path = \"../deep.wasm\" }";
    let folder = Folder::new()
        .manifest("\"a:sub\" = { path = \"sub\" }")
        .write("app.wasm", node(&["sub@1.0.0"], &[]))
        .write("sub/holm.toml", nested)
        .write("sub/sub.wasm", node(&["deep@1.0.0"], &["sub@1.0.0"]))
        .write("deep.wasm", node(&[], &["deep@1.0.0"]));
    let record = folder.compose().record;
    let deep = record.part("a-deep").expect("it is there");
    assert_eq!(deep.parent.as_deref(), Some("a-sub"));
    assert_eq!(deep.path, "sub/../deep.wasm");
    // What is nested is its parent's alone.
    let folder = folder.write("app.wasm", node(&["sub@1.0.0", "deep@1.0.0"], &[]));
    assert!(matches!(folder.refused(), ComposeError::Missing { .. }));
}

#[test]
fn the_digest_follows_what_is_linked() {
    let folder = Folder::new()
        .manifest("\"a:one\" = { path = \"one.wasm\" }")
        .write("app.wasm", node(&["one@1.0.0"], &[]))
        .write("one.wasm", node(&[], &["one@1.0.0"]));
    let digest = || App::read(folder.path()).expect("it is read").digest();
    let first = digest();
    assert_eq!(digest(), first);
    let one = App::read(folder.path())
        .expect("it is read")
        .link()
        .expect("it is linked");
    let other = compose(folder.path()).expect("it is linked");
    assert!(one.bytes == other.bytes, "the same every time");
    let folder = folder.manifest("\"a:one\" = { path = \"one.wasm\", grants = { env = [\"A\"] } }");
    let granted = App::read(folder.path()).expect("it is read").digest();
    assert_ne!(granted, first);
    let folder = folder.write("one.wasm", node(&[], &["one@1.0.1"]));
    assert_ne!(
        App::read(folder.path()).expect("it is read").digest(),
        granted
    );
}

#[test]
fn sections_that_cannot_be_trusted_are_refused() {
    let plain = node(&[], &[]);
    assert!(matches!(Record::of_component(&plain), Ok(None)));
    let with = |sections: &[&str]| {
        let mut bytes = plain.clone();
        for section in sections {
            crate::link::add_section(&mut bytes, section.as_bytes());
        }
        Record::of_component(&bytes)
    };
    let empty = "{\"version\":1,\"parts\":[]}";
    assert!(matches!(with(&[empty]), Ok(Some(_))));
    assert!(matches!(with(&[empty, empty]), Err(RecordError::Twice)));
    let later = with(&["{\"version\":2,\"parts\":0}"]);
    assert!(matches!(later, Err(RecordError::Later(2))));
    assert!(matches!(with(&["{"]), Err(RecordError::Damaged(_))));
    assert!(matches!(
        Record::of_component(&plain[..9]),
        Err(RecordError::Component(_))
    ));
    assert_eq!(SECTION, "holm:composition");
    assert_eq!(OwnImport::parse(SECTION), None);
}

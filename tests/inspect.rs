//! `holm inspect` says what a program is without running it.

use std::fs;

use serde_json::Value;

use crate::support::{Folder, guest, holm};

fn inspect(name: &str) -> String {
    holm(["inspect"]).guest(name).go().code(0).silent().stdout
}

fn json(name: &str) -> Value {
    let text = holm(["inspect", "--json"])
        .guest(name)
        .go()
        .code(0)
        .silent()
        .stdout;
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_module_for_people() {
    let text = inspect("rust/files");
    for words in [
        "WebAssembly module, command",
        "WASI",
        "0.1",
        "digest         blake3:",
        "made with",
        "rustc",
        "memory",
        "function wasi_snapshot_preview1.path_open",
        "function _start",
        "Will ask for:",
        "Sections:",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let text = inspect("rust/reactor");
    assert!(text.contains("reactor"), "{text}");
    assert!(text.contains("function add"), "{text}");
    let text = inspect("c/traps");
    assert!(text.contains("of DWARF"), "{text}");
    let text = inspect("wat/loop");
    assert!(text.contains("Will ask for:\n  nothing"), "{text}");
}

#[test]
fn a_module_for_machines() {
    let hello = json("wat/hello");
    assert_eq!(hello["kind"], "module");
    assert_eq!(hello["shape"], "command");
    assert_eq!(hello["wasi_versions"], serde_json::json!(["0.1"]));
    assert_eq!(hello["imports"][0]["name"], "fd_write");
    assert_eq!(
        hello["size"],
        fs::metadata(guest("wat/hello")).expect("it").len()
    );
    let reactor = json("rust/reactor");
    assert_eq!(reactor["shape"], "reactor");
    let many = json("wat/memory_many");
    assert_eq!(many["memories"].as_array().map(Vec::len), Some(2));
    let proposals = json("wat/proposals");
    assert!(
        proposals["features"]
            .as_array()
            .is_some_and(|list| list.len() >= 4),
        "{proposals}"
    );
    let imported = json("c/imported_memory");
    assert_eq!(imported["memories"][0]["is_imported"], true);
}

#[test]
fn a_component() {
    let folder = Folder::new();
    let component = wat::parse_str(
        "(component (import \"wasi:cli/environment@0.2.3\" (instance)) (core module))",
    );
    folder.write("c.wasm", component.expect("a component"));
    let show = |options: &[&str]| {
        let done = holm(["inspect"])
            .args(options)
            .arg("c.wasm")
            .directory(folder.path())
            .go();
        done.code(0).stdout
    };
    let text = show(&[]);
    for words in [
        "component",
        "wasi:cli 0.2.3",
        "environment              grant: --env NAME",
        "World:",
        "import wasi:cli/environment@0.2.3;",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let json: Value = serde_json::from_str(&show(&["--json"])).expect("JSON");
    assert_eq!(json["kind"], "component");
}

#[test]
fn a_composed_component_says_what_each_part_will_ask_for() {
    let folder = Folder::new();
    let record = serde_json::json!({
        "version": 1,
        "parts": [
            { "label": "app", "path": "app.wasm", "digest": "blake3:00", "parent": null },
            {
                "label": "fetch", "key": "example:fetch", "path": "fetch.wasm",
                "digest": "blake3:00", "parent": "app",
                "grants": { "net": ["connect:127.0.0.1:*"] }
            },
        ],
    });
    let text = record.to_string().replace('"', "\\\"");
    let component = format!("(component (@custom \"holm:composition\" \"{text}\"))");
    folder.write("c.wasm", wat::parse_str(component).expect("a component"));
    let damaged = "(component (@custom \"holm:composition\" \"no\"))";
    folder.write("d.wasm", wat::parse_str(damaged).expect("a component"));
    let show = |arguments: &[&str]| {
        let inspect = holm(["inspect"]).args(arguments);
        inspect
            .directory(folder.path())
            .go()
            .code(0)
            .silent()
            .stdout
    };
    let text = show(&["c.wasm"]);
    assert!(text.contains("Linked from"), "{text}");
    assert!(text.contains("net connect:127.0.0.1:*"), "{text}");
    let json: Value = serde_json::from_str(&show(&["--json", "c.wasm"])).expect("JSON");
    assert_eq!(json["composition"]["parts"][1]["label"], "fetch");
    assert!(show(&["d.wasm"]).contains("is damaged"));
}

#[test]
fn what_cannot_be_inspected() {
    let folder = Folder::new();
    folder.write("text.wasm", "text");
    let whole = fs::read(guest("rust/hello")).expect("a guest");
    folder.write("cut.wasm", &whole[..whole.len() / 2]);
    let refused = |name: &str, code: i32, words: &[&str]| {
        holm(["inspect", name])
            .directory(folder.path())
            .go()
            .refuses(code, words);
    };
    refused("gone.wasm", 127, &["no file gone.wasm"]);
    refused("text.wasm", 126, &["text.wasm is not WebAssembly"]);
    refused("cut.wasm", 126, &["cut.wasm", "end-of-file"]);
    refused(".", 126, &[". is a folder"]);
}

#[test]
fn names_in_a_program_cannot_drive_a_terminal() {
    let folder = Folder::new();
    let module = wat::parse_str(
        "(module (import \"\\1b]0;owned\\07\" \"\\1b[2J\" (func)) \
                  (func (export \"_start\")) (func (export \"\\1b[31m\")))",
    );
    folder.write("evil.wasm", module.expect("a module"));
    let done = holm(["inspect", "evil.wasm"])
        .directory(folder.path())
        .go()
        .code(0);
    assert!(!done.stdout.contains(['\u{1b}', '\u{7}']), "{done}");
    holm(["run", "evil.wasm"])
        .directory(folder.path())
        .go()
        .refuses(126, &["owned"]);
}

//! What dependencies may do with the host, and that it holds.

use std::process::Command;

use super::{Composition, Folder, component, component_of, outside, source};
use crate::ComposeError;
use crate::record::Source;

/// Parts of WASI as toolchains of different years have them.
fn wasi(version: &str) -> String {
    format!(
        "package wasi:io@{version} {{
  interface error {{ resource error; }}
  interface poll {{ resource pollable {{ block: func(); }} poll: func(in: list<borrow<pollable>>) -> list<u32>; }}
  interface streams {{
    use error.{{error}}; use poll.{{pollable}};
    variant stream-error {{ last-operation-failed(error), closed }}
    resource input-stream {{ read: func(len: u64) -> result<list<u8>, stream-error>; subscribe: func() -> pollable; }}
    resource output-stream {{ check-write: func() -> result<u64, stream-error>; write: func(contents: list<u8>) -> result<_, stream-error>; }}
  }}
}}
package wasi:cli@{version} {{
  interface environment {{ get-environment: func() -> list<tuple<string, string>>; initial-cwd: func() -> option<string>; }}
  interface stdout {{ use wasi:io/streams@{version}.{{output-stream}}; get-stdout: func() -> output-stream; }}
  interface stdin {{ use wasi:io/streams@{version}.{{input-stream}}; get-stdin: func() -> input-stream; }}
  interface exit {{ exit: func(status: result); }}
}}
package wasi:clocks@{version} {{ interface monotonic-clock {{ use wasi:io/poll@{version}.{{pollable}}; now: func() -> u64; }} }}
package wasi:http@{version} {{
  interface types {{
    use wasi:io/streams@{version}.{{input-stream}};
    variant error-code {{ dns-timeout, dns-error(option<string>), HTTP-request-denied, internal-error(option<string>) }}
    resource outgoing-request {{ constructor(); }}
    resource request-options {{ constructor(); }}
    resource future-incoming-response {{ get: func() -> option<result<input-stream, error-code>>; }}
  }}
  interface outgoing-handler {{
    use types.{{outgoing-request, request-options, future-incoming-response, error-code}};
    handle: func(request: outgoing-request, options: option<request-options>) -> result<future-incoming-response, error-code>;
  }}
}}
"
    )
}

const API: &str = "package a:lib@1.0.0 { interface api { f: func(); } }\n";

fn part(world: &str, version: &str) -> Vec<u8> {
    let world = world.replace('$', version);
    component(&format!(
        "package t:t;\nworld w {{ {world} }}\n{API}{}",
        wasi(version)
    ))
}

const ALL: &str = "import wasi:cli/environment@$; import wasi:cli/stdout@$; import wasi:cli/stdin@$; \
                   import wasi:cli/exit@$; import wasi:clocks/monotonic-clock@$; \
                   import wasi:http/outgoing-handler@$; export a:lib/api@1.0.0;";
const HTTP: &str = "import wasi:http/outgoing-handler@$; export a:lib/api@1.0.0;";

fn app(dependency: &str, lib: &[u8]) -> Folder {
    let world = "import a:lib/api@1.0.0; import wasi:http/outgoing-handler@$; export run: func();";
    Folder::new()
        .manifest(&format!(
            "[dependencies.\"a:lib\"]\npath = \"lib.wasm\"\n{dependency}"
        ))
        .write("app.wasm", part(world, "0.2.6"))
        .write("lib.wasm", lib)
}

fn lib_source<'c>(composition: &'c Composition, import: &str) -> &'c Source {
    source(&composition.record, "a-lib", import)
}

#[test]
fn nothing_is_given_unless_it_is_passed_on() {
    let composition = app("", &part(ALL, "0.2.0")).compose();
    for denied in [
        "cli/environment",
        "cli/stdout",
        "cli/stdin",
        "cli/exit",
        "http/outgoing-handler",
    ] {
        let name = format!("wasi:{denied}@0.2.0");
        assert_eq!(*lib_source(&composition, &name), Source::Denied, "{name}");
    }
    let clock = "wasi:clocks/monotonic-clock@0.2.0";
    assert_eq!(*lib_source(&composition, clock), Source::Host);
    let (imports, _) = outside(&composition.bytes);
    assert!(
        !imports.iter().any(|name| name.starts_with("wasi:cli")),
        "{imports:?}"
    );
    assert!(composition.record.is_portable());
    // The app's own HTTP stays, under one name.
    let http: Vec<_> = imports
        .iter()
        .filter(|name| name.contains(":http/out"))
        .collect();
    assert_eq!(http, ["wasi:http/outgoing-handler@0.2.6"]);
}

#[test]
fn versions_of_wasi_are_merged_to_the_latest() {
    let inherit = "inherit = [\"wasi:http\"]";
    for (lib, app_version) in [("0.2.0", "0.2.6"), ("0.2.12", "0.2.12")] {
        let composition = app(inherit, &part(HTTP, lib)).compose();
        let (imports, _) = outside(&composition.bytes);
        let name = format!("wasi:http/outgoing-handler@{lib}");
        assert_eq!(*lib_source(&composition, &name), Source::Host);
        let mut expected: Vec<String> = [
            "io/error",
            "io/poll",
            "io/streams",
            "http/types",
            "http/outgoing-handler",
        ]
        .map(|name| format!("wasi:{name}@{app_version}"))
        .into();
        let mut found = imports.clone();
        expected.sort();
        found.sort();
        // Interfaces without anything used of them are not imported.
        expected.retain(|name| found.contains(name) || name.contains("http"));
        assert_eq!(found, expected);
    }
}

#[test]
fn rules_of_its_own_are_an_import_of_its_own() {
    let dependency = "grants = { net = [\"connect:127.0.0.1:*\"] }";
    let composition = app(dependency, &part(HTTP, "0.2.0")).compose();
    let own = "holm-a-lib:wasi-http/outgoing-handler@0.2.0";
    let expected = Source::Own { name: own.into() };
    assert_eq!(
        *lib_source(&composition, "wasi:http/outgoing-handler@0.2.0"),
        expected
    );
    let (imports, _) = outside(&composition.bytes);
    assert!(imports.contains(&own.to_owned()), "{imports:?}");
    let types: Vec<_> = imports
        .iter()
        .filter(|name| name.contains("http/types"))
        .collect();
    assert_eq!(types, ["wasi:http/types@0.2.6"], "one type on both sides");
    assert!(!composition.record.is_portable());
    let lib = composition.record.part("a-lib").expect("it is there");
    assert_eq!(lib.grants.net, ["tcp:connect:127.0.0.1:*"]);
    let tree = composition.record.to_string();
    assert!(tree.contains("own rules"), "{tree}");
    assert!(tree.contains("net tcp:connect:127.0.0.1:*"), "{tree}");
}

#[test]
fn streams_that_cannot_be_made_up_are_imported_without_a_grant() {
    // HTTP hands out real streams, so that standard output cannot have others.
    let composition = app("inherit = [\"wasi:http\"]", &part(ALL, "0.2.0")).compose();
    let name = "holm-a-lib:wasi-cli/stdout@0.2.0".to_owned();
    let own = Source::Own { name };
    assert_eq!(*lib_source(&composition, "wasi:cli/stdout@0.2.0"), own);
    let environment = "wasi:cli/environment@0.2.0";
    assert_eq!(*lib_source(&composition, environment), Source::Denied);
    let dependency = "inherit = [\"wasi:http\"]\ngrants = { stdio = [\"stdin\", \"stdout\"] }";
    let composition = app(dependency, &part(ALL, "0.2.0")).compose();
    assert_eq!(
        *lib_source(&composition, "wasi:cli/stdout@0.2.0"),
        Source::Host
    );
    assert!(composition.record.is_portable());
}

#[test]
fn what_a_parent_was_not_given_it_cannot_pass_on() {
    let nested = "[app]\nname = \"mid\"\nprogram = \"mid.wasm\"\n[dependencies.\"a:lib\"]\n\
                  path = \"../lib.wasm\"\ninherit = [\"wasi:http\"]";
    let mid = "package t:t;\nworld w { import a:lib/api@1.0.0; export a:mid/api@1.0.0; }\n\
               package a:mid@1.0.0 { interface api { f: func(); } }\n";
    let top = "package t:t;\nworld w { import a:mid/api@1.0.0; }\n\
               package a:mid@1.0.0 { interface api { f: func(); } }\n";
    let folder = |grants: &str| {
        Folder::new()
            .manifest(&format!(
                "[dependencies.\"a:mid\"]\npath = \"mid\"\n{grants}"
            ))
            .write("app.wasm", component(top))
            .write("mid/holm.toml", nested)
            .write("mid/mid.wasm", component(&format!("{mid}{API}")))
            .write("lib.wasm", part(HTTP, "0.2.0"))
            .compose()
    };
    let http = "wasi:http/outgoing-handler@0.2.0";
    assert_eq!(*lib_source(&folder(""), http), Source::Denied);
    let name = "holm-a-mid:wasi-http/outgoing-handler@0.2.0".into();
    let ruled = folder("grants = { net = [\"connect:10.0.0.1:1\"] }");
    assert_eq!(*lib_source(&ruled, http), Source::Own { name });
    let passed_on = folder("inherit = [\"wasi:http\"]");
    assert_eq!(*lib_source(&passed_on, http), Source::Host);
}

#[test]
fn unknown_interfaces_of_the_host_are_left_to_it_only_when_named() {
    let lib = part("import a:lib/api@1.0.0; export run: func();", "0.2.0");
    let folder = Folder::new().manifest("").write("app.wasm", lib);
    assert!(matches!(folder.refused(), ComposeError::Missing { .. }));
    let host = holm_package::manifest::InterfacePattern::new("a:lib").expect("a pattern");
    let app = crate::App::read(folder.path()).expect("it is read");
    let composition = app.link_for(&[host]).expect("it is linked");
    super::check_valid(&composition);
    assert_eq!(outside(&composition.bytes).0, ["a:lib/api@1.0.0"]);
}

/// A library that asks for what it was denied, and traps when it is told anything but no.
const ASKS: &str = r#"(module
  (import "wasi:made/up@0.1.0" "try" (func $try (param i32 i32 i32)))
  (import "wasi:made/up@0.1.0" "all" (func $all (param i32)))
  (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
  (import "wasi:cli/stdin@0.2.0" "get-stdin" (func $stdin (result i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.check-write" (func $room (param i32 i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.write" (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.0" "[method]input-stream.read" (func $read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.0" "[method]input-stream.subscribe" (func $subscribe (param i32) (result i32)))
  (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:cli/environment@0.2.0" "get-environment" (func $environment (param i32)))
  (import "wasi:cli/environment@0.2.0" "initial-cwd" (func $cwd (param i32)))
  (memory (export "memory") 4)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 4096)
  (func $is (param i32 i32)
    (if (i32.ne (i32.load8_u (local.get 0)) (local.get 1)) (then unreachable)))
  (func (export "a:lib/api@1.0.0#f") (local $stream i32)
    ;; An error of its type, however much it was given to read.
    (call $try (i32.const 0) (i32.const 200000) (i32.const 64))
    (call $is (i32.const 64) (i32.const 1))
    (call $is (i32.const 68) (i32.const 1))
    (i32.store (i32.const 68) (i32.const 7))
    (call $all (i32.const 64))
    (if (i32.load (i32.const 68)) (then unreachable))
    (i32.store (i32.const 68) (i32.const 7))
    (call $environment (i32.const 64))
    (if (i32.load (i32.const 68)) (then unreachable))
    (call $cwd (i32.const 64))
    (call $is (i32.const 64) (i32.const 0))
    ;; Output is taken and thrown away.
    (local.set $stream (call $stdout))
    (call $room (local.get $stream) (i32.const 64))
    (call $is (i32.const 64) (i32.const 0))
    (if (i64.ne (i64.load (i32.const 72)) (i64.const 65536)) (then unreachable))
    (call $write (local.get $stream) (i32.const 0) (i32.const 9) (i32.const 64))
    (call $is (i32.const 64) (i32.const 0))
    ;; Input is at its end, and nobody waits for it.
    (local.set $stream (call $stdin))
    (call $block (call $subscribe (local.get $stream)))
    (call $read (local.get $stream) (i64.const 9) (i32.const 64))
    (call $is (i32.const 64) (i32.const 1))
    (call $is (i32.const 68) (i32.const 1))))"#;

const RUNS: &str = r#"(module
  (import "a:lib/api@1.0.0" "f" (func $f))
  (memory (export "memory") 1)
  (func (export "wasi:cli/run@0.2.0#run") (result i32) (call $f) (i32.const 0)))"#;

/// What is denied, run: where there is no `wasmtime`, that it is valid must do.
#[test]
fn denied_calls_are_answered_in_their_types() {
    let world = "package t:t;\nworld w { import wasi:made/up@0.1.0; import wasi:cli/stdout@0.2.0; \
                 import wasi:cli/stdin@0.2.0; import wasi:cli/environment@0.2.0; \
                 export a:lib/api@1.0.0; }\n\
                 package wasi:made@0.1.0 { interface up { enum error-code { busy, access-denied, other } \
                 try: func(x: string) -> result<u32, error-code>; all: func() -> list<string>; } }\n";
    let wit = format!("{world}{API}{}", wasi("0.2.0"));
    let lib = component_of(&wit, wat::parse_str(ASKS).expect("it is WAT"));
    let world = "package t:t;\nworld w { import a:lib/api@1.0.0; export wasi:cli/run@0.2.0; }\n\
                 package wasi:cli@0.2.0 { interface run { run: func() -> result; } }\n";
    let app = component_of(
        &format!("{world}{API}"),
        wat::parse_str(RUNS).expect("it is WAT"),
    );
    let folder = Folder::new()
        .manifest("[dependencies.\"a:lib\"]\npath = \"lib.wasm\"")
        .write("app.wasm", app)
        .write("lib.wasm", lib);
    let composition = folder.compose();
    let (imports, _) = outside(&composition.bytes);
    assert!(
        !imports
            .iter()
            .any(|name| name.contains("stream") || name.contains("made"))
    );
    let file = folder.path().join("out.wasm");
    std::fs::write(&file, &composition.bytes).expect("it is written");
    let run = Command::new("wasmtime").arg("run").arg(&file).output();
    if let Ok(output) = run {
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
    }
}

/// Of 0.3 sockets are made by the interface that has their type: one that is denied, or has rules
/// of its own, makes others than the app's.
#[test]
fn sockets_with_rules_of_their_own_cannot_be_handed_over() {
    const SOCKETS: &str = "package wasi:sockets@0.3.0 { interface types { \
        enum error-code { access-denied, other } \
        resource tcp-socket { create: static func() -> result<tcp-socket, error-code>; \
        connect: async func(port: u16) -> result<_, error-code>; \
        receive: func() -> tuple<stream<u8>, future<result<_, error-code>>>; } } }\n\
        package a:lib@1.0.0 { interface api { use wasi:sockets/types@0.3.0.{tcp-socket}; \
        f: async func(socket: tcp-socket); } interface alone { use wasi:sockets/types@0.3.0.{error-code}; \
        g: async func() -> error-code; } }\n";
    let part = |world: &str| component(&format!("package t:t;\nworld w {{ {world} }}\n{SOCKETS}"));
    let app = |api: &str, grants: &str| {
        let import = format!("import wasi:sockets/types@0.3.0; import a:lib/{api}@1.0.0;");
        let export = format!("import wasi:sockets/types@0.3.0; export a:lib/{api}@1.0.0;");
        Folder::new()
            .manifest(&format!(
                "[dependencies.\"a:lib\"]\npath = \"lib.wasm\"\n{grants}"
            ))
            .write("app.wasm", part(&import))
            .write("lib.wasm", part(&export))
    };
    let rules = "grants = { net = [\"connect:127.0.0.1:1\"] }";
    let refused = app("api", "").refused();
    assert!(
        matches!(refused, ComposeError::Inseparable { .. }),
        "{refused}"
    );
    let refused = app("api", rules).refused();
    assert!(
        matches!(refused, ComposeError::OwnHandles { .. }),
        "{refused}"
    );
    let words = "rules of its own for wasi:sockets/types, so its handles are not those of the \
                 others, and a:lib/api passes them\n  help: pass the interface on instead \
                 (inherit = [\"wasi:sockets/types\"])";
    assert!(refused.to_string().contains(words), "{refused}");
    // Of one interface they are the same on both sides, and what is no handle is anyway.
    app("api", "inherit = [\"wasi:sockets\"]").compose();
    let own = "holm-a-lib:wasi-sockets/types@0.3.0".to_owned();
    let ruled = app("alone", rules).compose();
    assert_eq!(
        *lib_source(&ruled, "wasi:sockets/types@0.3.0"),
        Source::Own { name: own }
    );
}

//! Traps are explained: what happened, where, in which function, on which line.

use std::fs;

use wasmparser::{Parser, Payload};

use crate::support::{Folder, guest, holm, run};

#[test]
fn functions_and_source_lines_are_shown() {
    // Lines of guests/c/traps.c; the path is that of wherever it was built.
    for (way, what, function, line) in [
        (
            "divide",
            "divided an integer by zero",
            "divide",
            "traps.c:10:",
        ),
        (
            "load",
            "accessed memory that it does not have",
            "load",
            "traps.c:12:",
        ),
        (
            "call",
            "used a table entry that does not exist",
            "call",
            "traps.c:17:",
        ),
        ("unreachable", "stopped itself", "main", "traps.c:28:"),
        ("abort", "stopped itself", "main", "traps.c:27:"),
    ] {
        for tier in ["baseline", "optimised"] {
            let done = holm(["run", "--tier", tier])
                .guest("c/traps")
                .arg(way)
                .go()
                .code(134)
                .prints(&format!("about to: {way}\n"))
                .says(&format!("holm: the program trapped: {what}"))
                .never_says("build the program with debug information");
            let lines: Vec<&str> = done.stderr.lines().collect();
            let frame = lines.windows(2).any(|pair| {
                pair[0].trim_end().ends_with(&format!(": {function}")) && pair[1].contains(line)
            });
            assert!(frame, "{way}, {tier}: no {function} at {line}\n{done}");
        }
    }
}

#[test]
fn the_address_of_a_wild_access_is_shown() {
    for (guest, way) in [("c/traps", "load"), ("rust/trap", "pointer")] {
        run::<&str>([])
            .guest(guest)
            .arg(way)
            .go()
            .code(134)
            .says("at address 0xfffffff0");
    }
}

#[test]
fn without_debug_information_names_are_shown_and_how_to_get_more() {
    for (way, what) in [
        ("abort", "stopped itself"),
        ("pointer", "accessed memory that it does not have"),
        ("recursion", "ran out of stack"),
        ("panic", "stopped itself"),
        ("bounds", "stopped itself"),
    ] {
        run::<&str>([])
            .guest("rust/trap")
            .arg(way)
            .go()
            .code(134)
            .says(what)
            .says("trap::")
            .says("(-g)");
    }
    run::<&str>([])
        .guest("rust/trap")
        .arg("stack")
        .go()
        .code(134)
        .says("trap::deep")
        .says("… and more below");
}

#[test]
fn a_core_dump_is_a_module_that_tools_read() {
    let folder = Folder::new();
    let path = folder.join("core.wasm");
    run(["--coredump"])
        .arg(&path)
        .guest("c/traps")
        .arg("divide")
        .go()
        .code(134)
        .says("core dump written to ")
        .says("divided an integer by zero");
    let dump = fs::read(&path).expect("a core dump");
    let mut customs = Vec::new();
    for payload in Parser::new(0).parse_all(&dump) {
        if let Payload::CustomSection(section) = payload.expect("a valid module") {
            customs.push(section.name().to_owned());
        }
    }
    for section in ["core", "corestack"] {
        assert!(customs.iter().any(|name| name == section), "{customs:?}");
    }
    // A run that ends well leaves none.
    let none = folder.join("none.wasm");
    run(["--coredump"])
        .arg(&none)
        .guest("rust/hello")
        .go()
        .code(0)
        .silent();
    assert!(!none.exists());
}

#[test]
fn each_kind_of_trap_has_its_sentence() {
    for (name, sentence) in [
        ("wat/trap_divide", "divided an integer by zero"),
        ("wat/trap_convert", "computed an integer that does not fit"),
        (
            "wat/trap_call",
            "called a function pointer as if it had another type",
        ),
        ("wat/start_traps", "while it was being set up"),
    ] {
        let done = run::<&str>([]).guest(name).go().code(134).says(sentence);
        assert!(guest(name).is_file());
        assert!(done.stderr.contains("\n  0: "), "{done}");
    }
}

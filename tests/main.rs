//! End-to-end tests: the `holm` command as people use it, over real files, sockets, signals and terminals.

#[cfg(not(unix))]
compile_error!("these tests use signals and terminals as Unix has them");

mod support;

mod apps;
mod archives;
mod bad_input;
mod cache;
mod components;
mod composition;
mod denials;
mod disks;
mod escapes;
mod files;
mod floods;
mod guests;
mod inspect;
mod invoke;
mod learn;
mod limits;
mod network;
mod outgoing;
mod polyglot;
mod serve;
mod signals;
mod streams;
mod terminal;
mod trace;
mod traps;

/// A file of tests that nobody declares would never run.
#[test]
fn every_file_here_is_part_of_this_program() {
    let here = support::root().join("tests");
    let declared = std::fs::read_to_string(here.join("main.rs")).expect("main.rs");
    for entry in here.read_dir().expect("tests") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let stem = path.file_stem().expect("a name").to_string_lossy();
            assert!(
                stem == "main" || declared.contains(&format!("\nmod {stem};\n")),
                "{} is not declared in main.rs",
                path.display()
            );
        }
    }
}

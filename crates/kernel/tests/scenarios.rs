//! The scenario files on disk: every one is compiled in, and `BLESS=1` accepts what comes.
#![allow(
    clippy::disallowed_methods,
    reason = "the files are rewritten here, on the machine of whoever changed them"
)]

use std::path::Path;

use holm_kernel::testkit::scenario::{FILES, compare, run};

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/testkit/scenario/files")
}

#[test]
fn what_is_on_disk_comes_again() {
    let bless = std::env::var("BLESS").is_ok_and(|value| value == "1");
    for (name, _) in FILES {
        let path = folder().join(format!("{name}.txt"));
        let file = std::fs::read_to_string(&path).expect("the file is there");
        if bless {
            let came = run(&file).unwrap_or_else(|reason| panic!("{name}: {reason}"));
            std::fs::write(&path, came).expect("the file can be written");
        } else {
            compare(&file, name);
        }
    }
}

#[test]
fn no_file_is_forgotten() {
    let listed = std::fs::read_dir(folder()).expect("the folder is there");
    let mut found: Vec<String> = listed
        .map(|entry| entry.expect("readable").path())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    found.sort();
    let known: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, known);
}

//! `holm.toml`: any text is read or refused with good positions, and what is read is written
//! and read back the same.
#![no_main]

use holm_package::grant::Limits;
use holm_package::manifest::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Manifest::parse(text) {
        Ok(manifest) => {
            let written = manifest.to_toml();
            match Manifest::parse(&written) {
                Ok(again) => {
                    assert_eq!(again, manifest, "written as\n{written}");
                    assert_eq!(again.to_toml(), written, "written in two ways");
                    assert_eq!(again.needs_digest(), manifest.needs_digest());
                }
                Err(error) => panic!("{error}\nwritten as\n{written}"),
            }
            for need in manifest.needs(&Limits::default()) {
                let words = need.capability.to_string();
                assert!(!words.is_empty(), "a need is asked for in words");
            }
        }
        Err(error) => {
            assert!(!error.problems().is_empty(), "a refusal has a reason");
            let shown = error.to_string();
            let moves_cursor = |shown: char| shown.is_control() && shown != '\n';
            assert!(
                !shown.is_empty() && !shown.contains(moves_cursor),
                "{shown:?}"
            );
            for problem in error.problems() {
                assert!(text.get(problem.span.clone()).is_some(), "{problem:?}");
                assert!(problem.line >= 1 && problem.column >= 1, "{problem:?}");
                assert!(
                    problem.line <= text.matches('\n').count() + 1,
                    "{problem:?}"
                );
            }
        }
    }
});

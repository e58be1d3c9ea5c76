//! Any `holm.toml` is read or refused, and what is read is written and read back the same.
#![no_main]

use holm_fuzz::drives_terminal;
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
                assert!(
                    !words.is_empty() && !words.contains(drives_terminal),
                    "{words:?}"
                );
            }
        }
        Err(error) => {
            assert!(!error.problems().is_empty(), "a refusal has a reason");
            let shown = error.to_string();
            let harmful = |shown: char| drives_terminal(shown) && shown != '\n';
            assert!(!shown.is_empty() && !shown.contains(harmful), "{shown:?}");
            assert!(shown.len() < 20_000, "{} bytes of refusal", shown.len());
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

//! Checks that collect what failed, so that one run names every broken expectation.

use std::fmt::Debug;
use std::process::exit;

/// Collects failed expectations; [`Checks::finish`] reports them and ends the program.
#[derive(Debug, Default)]
pub struct Checks {
    failures: Vec<String>,
    passed: usize,
}

impl Checks {
    pub fn new() -> Self {
        Self::default()
    }

    /// `got` must equal `want`.
    pub fn eq<T: PartialEq + Debug>(&mut self, what: &str, got: T, want: T) {
        if got == want {
            self.passed += 1;
        } else {
            self.fail(&format!("{what}: got {got:?}, want {want:?}"));
        }
    }

    /// `condition` must hold.
    pub fn that(&mut self, what: &str, condition: bool) {
        if condition {
            self.passed += 1;
        } else {
            self.fail(what);
        }
    }

    /// `result` must be a success; its value is handed on.
    pub fn ok<T, E: Debug>(&mut self, what: &str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => {
                self.passed += 1;
                Some(value)
            }
            Err(error) => {
                self.fail(&format!("{what}: {error:?}"));
                None
            }
        }
    }

    /// `result` must be the failure `want`.
    pub fn err<T: Debug, E: PartialEq + Debug>(
        &mut self,
        what: &str,
        result: Result<T, E>,
        want: E,
    ) {
        match result {
            Ok(value) => self.fail(&format!("{what}: succeeded with {value:?}, want {want:?}")),
            Err(got) => self.eq(what, got, want),
        }
    }

    /// Records a failure.
    pub fn fail(&mut self, message: &str) {
        self.failures.push(message.to_owned());
    }

    /// Prints the verdict. Exits with status 1 when anything failed, each failure on its own line of stderr.
    pub fn finish(self, name: &str) {
        if self.failures.is_empty() {
            println!("{name}: all {} checks passed", self.passed);
            return;
        }
        for failure in &self.failures {
            eprintln!("FAILED {name}: {failure}");
        }
        println!(
            "{name}: {} of {} checks failed",
            self.failures.len(),
            self.failures.len() + self.passed
        );
        exit(1);
    }
}

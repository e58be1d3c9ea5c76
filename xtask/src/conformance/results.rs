//! What the suite's runner reports, and how it is told.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A test of the suite, after its run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    suite: String,
    name: String,
    pub(super) verdict: Verdict,
    messages: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    Failed,
    FailedAsExpected,
    PassedUnexpectedly,
    Skipped,
}

/// Reads the runner's JSON report.
pub(super) fn outcomes(report: &Value) -> Result<Vec<Outcome>> {
    let mut found = Vec::new();
    for suite in report["results"].as_array().context("no `results`")? {
        for test in suite["tests"].as_array().context("no `tests`")? {
            let verdict = match test["outcome"].as_str().context("no `outcome`")? {
                "pass" => Verdict::Passed,
                "fail" => Verdict::Failed,
                "xfail" => Verdict::FailedAsExpected,
                "xpass" => Verdict::PassedUnexpectedly,
                "skip" => Verdict::Skipped,
                other => bail!("the runner reports an outcome `{other}`, which is new"),
            };
            let messages = test["failures"].as_array().map(Vec::as_slice);
            found.push(Outcome {
                suite: suite["name"].as_str().unwrap_or_default().to_owned(),
                name: test["name"].as_str().unwrap_or_default().to_owned(),
                verdict,
                messages: messages
                    .unwrap_or_default()
                    .iter()
                    .filter_map(|message| message.as_str().map(str::to_owned))
                    .collect(),
            });
        }
    }
    Ok(found)
}

pub(super) fn is_failure(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Failed | Verdict::PassedUnexpectedly)
}

pub(super) fn count(outcomes: &[Outcome], wanted: impl Fn(Verdict) -> bool) -> usize {
    outcomes
        .iter()
        .filter(|outcome| wanted(outcome.verdict))
        .count()
}

/// What differs between hosts: each test that passed in some and not in others.
pub(super) fn differences(hosts: &[(String, Vec<Outcome>)]) -> String {
    let mut tests: BTreeMap<(&str, &str), [Vec<&str>; 2]> = BTreeMap::new();
    for (host, outcomes) in hosts {
        for outcome in outcomes {
            let side = match outcome.verdict {
                Verdict::Passed | Verdict::PassedUnexpectedly => 0,
                Verdict::Failed | Verdict::FailedAsExpected => 1,
                Verdict::Skipped => continue,
            };
            let sides = tests.entry((&outcome.name, &outcome.suite)).or_default();
            sides[side].push(host);
        }
    }
    let mut text = String::new();
    for ((name, suite), [passed, failed]) in &tests {
        if !passed.is_empty() && !failed.is_empty() {
            text += &format!(
                "differs: {name} ({suite}): fails in {}; passes in {}\n",
                failed.join(", "),
                passed.join(", ")
            );
        }
    }
    text
}

/// The totals of a host in a line, then its failures and what was expected to fail.
pub(super) fn summary(host: &str, outcomes: &[Outcome], took: Duration) -> String {
    let skipped = count(outcomes, |verdict| verdict == Verdict::Skipped);
    let left_out = match skipped {
        0 => String::new(),
        count => format!(", {count} skipped"),
    };
    let mut text = format!(
        "{host:18} {} passed, {} failed{left_out} ({:.0} s)\n",
        count(outcomes, |verdict| verdict == Verdict::Passed),
        count(outcomes, is_failure),
        took.as_secs_f64()
    );
    for outcome in outcomes {
        let Outcome { suite, name, .. } = outcome;
        match outcome.verdict {
            Verdict::Failed => {
                text += &format!("  FAILED {name} ({suite})\n");
                for line in outcome.messages.iter().flat_map(|message| message.lines()) {
                    text += &format!("    {line}\n");
                }
            }
            Verdict::PassedUnexpectedly => {
                text += &format!(
                    "  FAILED {name} ({suite})\n    passed, though expectations.toml says that it fails: remove the entry\n"
                );
            }
            Verdict::FailedAsExpected => {
                text += &format!("  expected failure: {name} ({suite})\n");
            }
            Verdict::Passed | Verdict::Skipped => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_report_is_summed_up_with_each_failure_named() {
        let report = json!({"results": [{"name": "C tests", "tests": [
            {"name": "good", "outcome": "pass", "failures": []},
            {"name": "bad", "outcome": "fail", "failures": ["expected 0, got 1\nstdout: x"]},
            {"name": "known", "outcome": "xfail", "failures": ["no"]},
            {"name": "fixed", "outcome": "xpass", "failures": []},
            {"name": "other", "outcome": "skip", "failures": []},
        ]}]});
        let outcomes = outcomes(&report).expect("a good report");
        assert_eq!(
            summary("firefox-plain", &outcomes, Duration::from_secs(3)),
            "firefox-plain      1 passed, 2 failed, 1 skipped (3 s)\n\
             \x20 FAILED bad (C tests)\n    expected 0, got 1\n    stdout: x\n\
             \x20 expected failure: known (C tests)\n\
             \x20 FAILED fixed (C tests)\n    passed, though expectations.toml says that it fails: remove the entry\n"
        );
        assert_eq!(count(&outcomes, is_failure), 2);
    }

    #[test]
    fn an_outcome_that_is_new_is_an_error_and_not_a_pass() {
        let report = json!({"results": [{"name": "s", "tests": [
            {"name": "t", "outcome": "flaky", "failures": []}]}]});
        assert!(outcomes(&report).is_err());
    }

    #[test]
    fn a_test_that_fails_in_some_hosts_alone_is_told() {
        let outcome = |name: &str, verdict| Outcome {
            suite: "s".to_owned(),
            name: name.to_owned(),
            verdict,
            messages: Vec::new(),
        };
        let hosts = [
            (
                "one".to_owned(),
                vec![
                    outcome("both", Verdict::Failed),
                    outcome("some", Verdict::Failed),
                    outcome("left", Verdict::Skipped),
                ],
            ),
            (
                "two".to_owned(),
                vec![
                    outcome("both", Verdict::Failed),
                    outcome("some", Verdict::Passed),
                    outcome("left", Verdict::Passed),
                ],
            ),
        ];
        assert_eq!(
            differences(&hosts),
            "differs: some (s): fails in one; passes in two\n"
        );
    }
}

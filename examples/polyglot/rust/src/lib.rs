//! Summarises pages: exports `report`, and imports `fetch` for those that it does not have.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use example::polyglot::fetch;
use exports::example::polyglot::report::{Failure, Guest, Summary};

wit_bindgen::generate!({
    world: "reporter",
    path: "../wit",
});

/// How many of the most frequent words are told.
const FREQUENT: usize = 3;

struct Reporter;

impl Guest for Reporter {
    fn page(url: String) -> Result<Summary, Failure> {
        let response = fetch::get(&url).map_err(failure)?;
        let mut summary = summarise(&response.body);
        summary.status = response.status;
        Ok(summary)
    }

    fn text(text: String) -> Summary {
        summarise(&text)
    }
}

fn failure(failure: fetch::Failure) -> Failure {
    match failure {
        fetch::Failure::InvalidUrl(why) => Failure::InvalidUrl(why),
        fetch::Failure::Denied => Failure::Denied,
        fetch::Failure::Unreachable(why) => Failure::Unreachable(why),
        fetch::Failure::TooLong(_) | fetch::Failure::NotText => Failure::Unreadable,
    }
}

fn summarise(text: &str) -> Summary {
    let mut counts = BTreeMap::<String, u32>::new();
    let words = text
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty());
    for word in words {
        *counts.entry(word.to_lowercase()).or_default() += 1;
    }
    let total = counts.values().sum();
    let mut frequent: Vec<_> = counts.into_iter().collect();
    // Words that come as often stay in the order of the alphabet.
    frequent.sort_by_key(|(_, count)| Reverse(*count));
    frequent.truncate(FREQUENT);
    Summary {
        status: 0,
        bytes: count(text.len()),
        lines: count(text.lines().count()),
        words: total,
        frequent,
    }
}

/// Lengths in a memory of 32 bits fit.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

export!(Reporter);

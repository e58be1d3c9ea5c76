//! Reading values out of a parsed TOML table, and collecting what is wrong with them.

use core::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(super) use crate::grant::shown;

use super::problem::{ManifestError, PROBLEMS_MAX, Problem};

/// A text and the problems found in it so far.
pub(super) struct Reader<'t> {
    text: &'t str,
    problems: Vec<Problem>,
    /// Keys that were meant by others that are unknown, with where their table begins.
    meant: Vec<(usize, String)>,
}

/// A table with the name it has in messages: `[app]`.
#[derive(Clone, Copy)]
pub(super) struct Section<'d> {
    pub(super) name: &'static str,
    pub(super) table: &'d DeTable<'d>,
    /// Where to point when something is missing from it.
    pub(super) span: (usize, usize),
}

/// A value and its bytes in the file.
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            problems: Vec::new(),
            meant: Vec::new(),
        }
    }

    pub(super) fn problem(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        label: &str,
        help: Option<String>,
    ) {
        // A little more than is shown is kept, as problems are sorted later.
        if self.problems.len() < 4 * PROBLEMS_MAX {
            let problem = Problem::new(self.text, span, message.into(), label, help);
            self.problems.push(problem);
        }
    }

    /// The value, unless anything was wrong.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, ManifestError> {
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(ManifestError::new(self.problems)),
        }
    }

    /// Refuses keys that a section does not have. `elsewhere` names keys that people write
    /// for something that is there under another name.
    pub(super) fn check_keys(
        &mut self,
        section: Section<'_>,
        known: &[&str],
        elsewhere: &[(&str, &str)],
    ) {
        for key in section.table.keys() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let meant = elsewhere.iter().find(|(written, _)| *written == name);
            let help = match meant {
                Some((_, instead)) => Some(format!("write {instead}")),
                None => nearest(name, known)
                    .map(|nearest| {
                        self.meant.push((section.span.0, nearest.to_owned()));
                        format!("did you mean `{nearest}`?")
                    })
                    .or_else(|| Some(format!("known keys: {}", known.join(", ")))),
            };
            let message = format!("unknown key `{}` in {}", shown(name), section.name);
            self.problem(key.span(), message, "not a key of this section", help);
        }
    }

    /// A table under a key.
    pub(super) fn section<'d>(
        &mut self,
        parent: Section<'d>,
        key: &str,
        name: &'static str,
    ) -> Option<Section<'d>> {
        let (written, value) = parent.table.get_key_value(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_kind(key, value, &format!("a table: {name}"));
            return None;
        };
        let span = (written.span().start, written.span().end);
        Some(Section { name, table, span })
    }

    /// The tables of an array under a key: `[[needs.mount]]`.
    pub(super) fn sections<'d>(
        &mut self,
        parent: Section<'d>,
        key: &str,
        name: &'static str,
    ) -> Vec<Section<'d>> {
        let Some(value) = parent.table.get(key) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            let help = format!("write it as {name}, with two brackets");
            let message = format!("`{key}` is a list of tables");
            self.problem(value.span(), message, "not a list", Some(help));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_table() {
                Some(table) => sections.push(Section {
                    name,
                    table,
                    span: (item.span().start, item.span().end),
                }),
                None => self.wrong_kind(key, item, &format!("a table: {name}")),
            }
        }
        sections
    }

    pub(super) fn boolean(&mut self, section: Section<'_>, key: &str) -> Option<bool> {
        let value = section.table.get(key)?;
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            self.wrong_kind(key, value, "true or false, without quotes");
        }
        boolean
    }

    /// A positive whole number that fits 32 bits.
    pub(super) fn count(&mut self, section: Section<'_>, key: &str) -> Option<u32> {
        let value = section.table.get(key)?;
        let Some(integer) = value.get_ref().as_integer() else {
            self.wrong_kind(key, value, "a whole number");
            return None;
        };
        let count = u32::from_str_radix(integer.as_str(), integer.radix()).ok();
        let count = count.filter(|count| *count > 0);
        if count.is_none() {
            let message = format!("`{key}` is a number from 1 to {}", u32::MAX);
            self.problem(value.span(), message, "out of range", None);
        }
        count
    }

    /// A text that must be there.
    pub(super) fn required(&mut self, section: Section<'_>, key: &str) -> Option<Found<String>> {
        if !section.table.contains_key(key) {
            // It is there under a misspelt name, which is reported.
            let misspelt = |(at, meant): &(usize, String)| *at == section.span.0 && meant == key;
            if self.meant.iter().any(misspelt) {
                return None;
            }
            let message = format!("{} has no `{key}`", section.name);
            let span = section.span.0..section.span.1;
            self.problem(span, message, "missing here", None);
            return None;
        }
        self.string(section, key)
    }

    pub(super) fn string(&mut self, section: Section<'_>, key: &str) -> Option<Found<String>> {
        let value = section.table.get(key)?;
        self.string_of(key, value)
    }

    pub(super) fn string_of(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Found<String>> {
        let Some(string) = value.get_ref().as_str() else {
            self.wrong_kind(key, value, "text in quotes");
            return None;
        };
        Some(Found {
            value: string.to_owned(),
            span: value.span(),
        })
    }

    /// A text that a check must pass; what the check says is the problem.
    pub(super) fn checked(
        &mut self,
        found: Option<Found<String>>,
        check: impl Fn(&str) -> Result<(), &'static str>,
    ) -> Option<String> {
        let found = found?;
        match check(&found.value) {
            Ok(()) => Some(found.value),
            Err(message) => {
                self.problem(found.span, message, "here", None);
                None
            }
        }
    }

    /// A text read by a parser whose error is the problem.
    pub(super) fn parsed<T, E: core::fmt::Display>(
        &mut self,
        found: Option<Found<String>>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Found<T>> {
        let Found { value, span } = found?;
        match parse(&value) {
            Ok(value) => Some(Found { value, span }),
            Err(error) => {
                self.problem(span, error.to_string(), "here", None);
                None
            }
        }
    }

    /// A list of texts.
    pub(super) fn strings(&mut self, section: Section<'_>, key: &str) -> Vec<Found<String>> {
        let Some(value) = section.table.get(key) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_kind(key, value, "a list, such as [\"one\", \"two\"]");
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| self.string_of(key, item))
            .collect()
    }

    pub(super) fn wrong_kind(&mut self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let message = format!("`{}` must be {wanted}", shown(key));
        let label = format!("this is a {}", value.get_ref().type_str());
        self.problem(value.span(), message, &label, None);
    }
}

/// The known key that a person most likely meant.
pub(super) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    // Comparing is quadratic, and no key is this long.
    if name.len() > 60 {
        return None;
    }
    let name = name.to_ascii_lowercase().replace('_', "-");
    let scored = known
        .iter()
        .map(|key| (strsim::jaro_winkler(&name, key), *key));
    let (score, key) = scored.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (score >= 0.8).then_some(key)
}

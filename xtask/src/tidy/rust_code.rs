//! Rust source with comments and literals blanked, so that a rule sees only code.

/// Returns the source with every comment, string and character literal replaced by spaces.
/// Lines stay where they are.
pub(super) fn code_only(source: &str) -> String {
    let mut scanner = Scanner {
        rest: source,
        code: String::with_capacity(source.len()),
    };
    while let Some(first) = scanner.rest.chars().next() {
        let after_word = scanner.code.chars().next_back().is_some_and(is_word);
        if scanner.rest.starts_with("//") {
            let end = scanner.rest.find('\n').unwrap_or(scanner.rest.len());
            scanner.blank(end);
        } else if scanner.rest.starts_with("/*") {
            scanner.blank(block_comment_length(scanner.rest));
        } else if let Some(length) = raw_string_length(scanner.rest).filter(|_| !after_word) {
            scanner.blank(length);
        } else if first == '"' {
            scanner.blank(quoted_length(scanner.rest, '"'));
        } else if first == '\'' && is_char_literal(scanner.rest) {
            scanner.blank(quoted_length(scanner.rest, '\''));
        } else {
            scanner.keep(first);
        }
    }
    scanner.code
}

/// Positions where `word` stands as a whole word, as line numbers from 1.
pub(super) fn lines_with_word(code: &str, word: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let whole = line.match_indices(word).any(|(at, _)| {
            !line[..at].chars().next_back().is_some_and(is_word)
                && !line[at + word.len()..].chars().next().is_some_and(is_word)
        });
        if whole {
            lines.push(index + 1);
        }
    }
    lines
}

/// Every path that begins at `std` or `::std`, groups (`std::{a, b::c}`) taken apart: line
/// number and path.
pub(super) fn std_paths(code: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("std::") {
        let before = code[..at].chars().next_back();
        // `holm_std::x` is another word; `a::std::x` is another path.
        let inside = code[..at].ends_with("::") && code[..at - 2].ends_with(is_word);
        if before.is_some_and(is_word) || inside {
            continue;
        }
        let line = code[..at].matches('\n').count() + 1;
        let mut prefix = vec!["std".to_owned()];
        expand(&code[at + "std::".len()..], &mut prefix, &mut |path| {
            paths.push((line, path));
        });
    }
    paths
}

/// Reads a path or a group after `prefix::`, reports each full path, and returns what is left.
fn expand<'a>(text: &'a str, prefix: &mut Vec<String>, report: &mut dyn FnMut(String)) -> &'a str {
    let text = text.trim_start();
    if let Some(mut inner) = text.strip_prefix('{') {
        loop {
            inner = expand(inner, prefix, report).trim_start();
            // A rename does not change what is reached.
            while inner.starts_with(is_word) {
                inner = inner.trim_start_matches(is_word).trim_start();
            }
            match inner.strip_prefix(',') {
                Some(next) => inner = next,
                None => return inner.strip_prefix('}').unwrap_or(inner),
            }
        }
    }
    let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
    if end == 0 {
        return text;
    }
    prefix.push(text[..end].to_owned());
    let mut rest = &text[end..];
    if let Some(deeper) = rest.trim_start().strip_prefix("::") {
        let next = deeper.trim_start();
        if next.starts_with(is_word) || next.starts_with('{') {
            rest = expand(deeper, prefix, report);
        } else {
            report(prefix.join("::"));
            rest = deeper;
        }
    } else {
        report(prefix.join("::"));
    }
    prefix.pop();
    rest
}

struct Scanner<'a> {
    rest: &'a str,
    code: String,
}

impl Scanner<'_> {
    fn keep(&mut self, first: char) {
        self.code.push(first);
        self.rest = &self.rest[first.len_utf8()..];
    }

    fn blank(&mut self, length: usize) {
        let (gone, rest) = self.rest.split_at(length);
        self.code
            .extend(gone.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        self.rest = rest;
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn block_comment_length(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length of `r"…"`, `br#"…"#` and their like at the start of `text`.
fn raw_string_length(text: &str) -> Option<usize> {
    let start = ["r", "br", "cr"].iter().find_map(|prefix| {
        text.strip_prefix(prefix)
            .filter(|rest| rest.starts_with(['#', '"']))
    })?;
    let hashes = start.len() - start.trim_start_matches('#').len();
    let body = start[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&close).map_or(body.len(), |at| at + close.len());
    Some(text.len() - body.len() + length)
}

fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == quote {
            return at + 1;
        }
    }
    text.len()
}

/// Whether the quote at the start of `text` opens a character and not a lifetime.
fn is_char_literal(text: &str) -> bool {
    let mut characters = text.chars().skip(1);
    match characters.next() {
        Some('\\') => true,
        Some(_) => characters.next() == Some('\''),
        None => false,
    }
}

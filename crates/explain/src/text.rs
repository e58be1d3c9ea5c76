//! Text from guests, apps and file names, made safe to show on a terminal.

/// Text from a guest, an app or a file name with what could move the cursor, or turn the
/// direction of text, escaped.
#[must_use]
pub fn shown(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            // What turns the direction of text around can make one path look like another.
            let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            let escaped = c.is_control() || turns;
            escaped
                .then(|| c.escape_default())
                .into_iter()
                .flatten()
                .chain((!escaped).then_some(c))
        })
        .collect()
}

/// The same for text that lays itself out over several lines.
#[must_use]
pub fn shown_lines(text: &str) -> String {
    text.split('\n').map(shown).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{shown, shown_lines};

    #[test]
    fn lines_stay_lines() {
        assert_eq!(shown_lines("a\n  b\r\u{1b}\n"), "a\n  b\\r\\u{1b}\n");
    }

    #[test]
    fn what_could_move_the_cursor_is_escaped() {
        assert_eq!(shown("a\u{1b}[2Jb\u{9b}1mä"), "a\\u{1b}[2Jb\\u{9b}1mä");
    }
}

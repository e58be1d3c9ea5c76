//! The escape filter: what a program may do to the terminal it writes to.
//!
//! A terminal obeys the bytes it is sent: they can retitle the window, answer as if typed,
//! write the clipboard, hide what happened. A program without a grant gets none of that.
//! What passes:
//!
//! - text (valid UTF-8), newline, carriage return, tab, backspace;
//! - colours and styles, `ESC [ digits ; : m` (SGR), whole and at most 64 bytes long.
//!
//! Everything else is made visible: control characters as `^A` to `^Z`, `^[`, `^?`, the
//! 8-bit controls U+0080 to U+009F as the two-character form they stand for (`^[[` for
//! U+009B), bytes that are no UTF-8 as U+FFFD.

mod terminal;

use std::mem;

pub use terminal::FilteredTerminal;

const ESCAPE: u8 = 0x1b;
const DELETE: u8 = 0x7f;
/// Longest sequence that is still looked at as a whole.
const SEQUENCE_MAX: usize = 64;

/// Most bytes that one byte of input can become.
pub const GROWTH_MAX: usize = 3;

/// Filters what is written to a terminal, piece by piece: cutting the input elsewhere gives
/// the same output.
#[derive(Debug, Default)]
pub struct EscapeFilter {
    state: State,
    /// The sequence or character so far, not written yet.
    held: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After `ESC [`, with parameters in `held`.
    Control,
    /// In a character of several bytes; how many are missing.
    Character(u8),
}

impl EscapeFilter {
    /// A filter at the start of a stream.
    #[must_use]
    pub fn new() -> EscapeFilter {
        EscapeFilter::default()
    }

    /// Filters `input` and adds the result to `output`. An unfinished sequence is held back
    /// until more comes: at most 64 bytes.
    pub fn filter(&mut self, input: &[u8], output: &mut Vec<u8>) {
        let mut rest = input;
        while let Some((&byte, after)) = rest.split_first() {
            match self.state {
                State::Text => {
                    let plain = rest.iter().take_while(|byte| is_plain(**byte)).count();
                    if plain > 0 {
                        output.extend_from_slice(&rest[..plain]);
                        rest = &rest[plain..];
                        continue;
                    }
                    self.start(byte, output);
                    rest = after;
                }
                State::Escape if byte == b'[' => {
                    self.held.push(byte);
                    self.state = State::Control;
                    rest = after;
                }
                State::Control if is_parameter(byte) && self.held.len() < SEQUENCE_MAX => {
                    self.held.push(byte);
                    rest = after;
                }
                State::Control if byte == b'm' => {
                    self.held.push(byte);
                    output.append(&mut self.held);
                    self.state = State::Text;
                    rest = after;
                }
                State::Character(missing) if byte & 0xc0 == 0x80 => {
                    self.held.push(byte);
                    self.state = State::Character(missing - 1);
                    if missing == 1 {
                        self.finish(output);
                    }
                    rest = after;
                }
                // Not what it seemed to be: show it, and look at this byte afresh.
                State::Escape | State::Control | State::Character(_) => self.finish(output),
            }
        }
    }

    /// Writes what is held back, made visible: at the end of the stream.
    pub fn finish(&mut self, output: &mut Vec<u8>) {
        let mut held = mem::take(&mut self.held);
        match mem::take(&mut self.state) {
            State::Text => {}
            State::Escape | State::Control => {
                output.extend_from_slice(b"^[");
                output.extend_from_slice(&held[1..]);
            }
            State::Character(_) => {
                match str::from_utf8(&held).ok().and_then(|s| s.chars().next()) {
                    Some(control @ '\u{80}'..='\u{9f}') => {
                        // U+0080 + n stands for ESC followed by 0x40 + n.
                        let letter = u8::try_from(u32::from(control) - 0x40).unwrap_or(b'?');
                        output.extend_from_slice(&[b'^', b'[', letter]);
                    }
                    Some(_) => output.extend_from_slice(&held),
                    None => replace(output),
                }
            }
        }
        // Keep the allocation.
        held.clear();
        self.held = held;
    }

    fn start(&mut self, byte: u8, output: &mut Vec<u8>) {
        self.state = match byte {
            ESCAPE => State::Escape,
            0xc2..=0xdf => State::Character(1),
            0xe0..=0xef => State::Character(2),
            0xf0..=0xf4 => State::Character(3),
            DELETE => return output.extend_from_slice(b"^?"),
            0x00..=0x1f => return output.extend_from_slice(&[b'^', byte + 0x40]),
            _ => return replace(output),
        };
        self.held.push(byte);
    }
}

fn replace(output: &mut Vec<u8>) {
    output.extend_from_slice("\u{fffd}".as_bytes());
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t' | 0x08)
}

fn is_parameter(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b';' | b':')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, proptest};
    use proptest::{collection, prop_assert, prop_assert_eq, prop_oneof};

    use super::{EscapeFilter, GROWTH_MAX};

    fn filtered(pieces: &[&[u8]]) -> Vec<u8> {
        let mut filter = EscapeFilter::new();
        let mut output = Vec::new();
        for piece in pieces {
            filter.filter(piece, &mut output);
        }
        filter.finish(&mut output);
        output
    }

    fn check(input: &[u8], expect: &str) {
        assert_eq!(String::from_utf8_lossy(&filtered(&[input])), expect);
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        assert_eq!(
            String::from_utf8_lossy(&filtered(&bytes)),
            expect,
            "byte by byte"
        );
    }

    #[test]
    fn text_and_colours_pass() {
        check(b"plain\ttext\r\nback\x08", "plain\ttext\r\nback\x08");
        check("grüße, 世界 🏝".as_bytes(), "grüße, 世界 🏝");
        check(b"\x1b[1;31mred\x1b[0m\x1b[m", "\x1b[1;31mred\x1b[0m\x1b[m");
        check(b"\x1b[38:2:1:2:3m", "\x1b[38:2:1:2:3m");
    }

    #[test]
    fn everything_else_is_shown() {
        check(b"\x1b]0;title\x07", "^[]0;title^G");
        check(b"\x1b]52;c;aGk=\x1b\\", "^[]52;c;aGk=^[\\");
        check(b"\x1bP+q544e\x1b\\", "^[P+q544e^[\\");
        check(b"\x1b[2J\x1b[H", "^[[2J^[[H");
        check(b"\x1b[6n\x1bc", "^[[6n^[c");
        check(b"\x1b[>4;1m", "^[[>4;1m");
        check(b"\x1b[?25l", "^[[?25l");
        check(b"\x1b\x1b[1m", "^[\x1b[1m");
        check(b"\x00\x01\x7f", "^@^A^?");
        check("\u{9b}2J\u{9d}0;x".as_bytes(), "^[[2J^[]0;x");
        check(b"\x9b2J", "\u{fffd}2J");
        check(b"\xc2", "\u{fffd}");
        check(b"\xe2\x82x", "\u{fffd}x");
        check(b"\xed\xa0\x80\xc0\xaf", "\u{fffd}\u{fffd}\u{fffd}");
        check(b"\x1b[1;2", "^[[1;2");
    }

    #[test]
    fn a_sequence_without_end_is_not_held_for_ever() {
        let mut filter = EscapeFilter::new();
        let mut output = Vec::new();
        filter.filter(b"\x1b[", &mut output);
        filter.filter(&[b'1'; 10_000], &mut output);
        assert!(output.len() > 9_000);
        assert!(!output.contains(&0x1b));
    }

    /// Whether a terminal in UTF-8 or in 8-bit mode would find nothing to obey but colours.
    fn is_harmless(output: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(output) else {
            return false;
        };
        let mut rest = text;
        while let Some(at) = rest.find('\x1b') {
            let Some(sequence) = rest[at..].strip_prefix("\x1b[") else {
                return false;
            };
            let end = sequence.find(|c: char| !matches!(c, '0'..='9' | ';' | ':'));
            match end {
                Some(end) if sequence[end..].starts_with('m') => rest = &sequence[end..],
                _ => return false,
            }
        }
        text.chars().all(|c| match c {
            '\n' | '\r' | '\t' | '\x08' | '\x1b' => true,
            c => !c.is_control(),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn output_is_harmless_and_independent_of_cuts(
            input in collection::vec(
                prop_oneof![
                    any::<u8>(),
                    proptest::sample::select(&b"\x1b[];:m0123\x07\x9b\xc2\xe2\x82\x9c\\PX^_\x18"[..]),
                ],
                0..200,
            ),
            cuts in collection::vec(0..200_usize, 0..6),
        ) {
            let whole = filtered(&[&input]);
            prop_assert!(is_harmless(&whole), "{:?}", String::from_utf8_lossy(&whole));
            prop_assert!(whole.len() <= input.len() * GROWTH_MAX);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(input.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for at in cuts {
                pieces.push(&input[from..at]);
                from = at;
            }
            pieces.push(&input[from..]);
            prop_assert_eq!(filtered(&pieces), whole);
        }
    }
}

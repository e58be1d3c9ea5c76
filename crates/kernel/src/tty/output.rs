//! What a terminal is to draw: a bounded queue, and in which column it leaves the cursor.

use std::collections::VecDeque;

use super::character::{Decoded, Decoder, cells};

/// Bytes that wait to be drawn before a program that writes blocks.
pub(super) const OUTPUT_CAPACITY: usize = 64 << 10;
/// Room beyond that for the echo of what is typed, so that `^C` shows over a flood.
pub(super) const ECHO_RESERVE: usize = 4 << 10;
/// Columns between two tab stops.
const TAB: usize = 8;

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: VecDeque<u8>,
    cursor: Cursor,
}

impl Output {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of which a write surely takes all, whatever they are made into.
    pub(super) fn room(&self) -> usize {
        OUTPUT_CAPACITY.saturating_sub(self.bytes.len()) / 2
    }

    /// Takes as much of `data` as there is room for, each newline as `\r\n` if asked.
    pub(super) fn write(&mut self, data: &[u8], newline_to_return: bool, columns: usize) -> usize {
        let mut taken = 0;
        while taken < data.len() {
            let room = OUTPUT_CAPACITY.saturating_sub(self.bytes.len());
            let rest = &data[taken..data.len().min(taken + room)];
            let run = match newline_to_return {
                true => rest.iter().position(|byte| *byte == b'\n'),
                false => None,
            };
            let plain = &rest[..run.unwrap_or(rest.len())];
            self.push(plain, columns);
            taken += plain.len();
            if run.is_none() || room - plain.len() < 2 {
                break;
            }
            self.push(b"\r\n", columns);
            taken += 1;
        }
        taken
    }

    /// Takes all of an echo, or nothing when there is no room; answers which.
    pub(super) fn echo(&mut self, bytes: &[u8], newline_to_return: bool, columns: usize) -> bool {
        let newlines = bytes.iter().filter(|byte| **byte == b'\n').count();
        if self.bytes.len() + bytes.len() + newlines > OUTPUT_CAPACITY + ECHO_RESERVE {
            return false;
        }
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            match part.strip_suffix(b"\n") {
                Some(plain) if newline_to_return => {
                    self.push(plain, columns);
                    self.push(b"\r\n", columns);
                }
                _ => self.push(part, columns),
            }
        }
        true
    }

    /// How far a tab would move the cursor.
    pub(super) fn tab_cells(&self, columns: usize) -> usize {
        self.cursor.tab(columns) - self.cursor.column
    }

    /// Moves bytes to `buffer`; how many.
    pub(super) fn drain(&mut self, buffer: &mut [u8]) -> usize {
        drain(&mut self.bytes, buffer)
    }

    fn push(&mut self, bytes: &[u8], columns: usize) {
        self.bytes.extend(bytes);
        for byte in bytes {
            self.cursor.see(*byte, columns);
        }
    }
}

/// Moves bytes from the front of `queue` to `buffer`; how many.
pub(super) fn drain(queue: &mut VecDeque<u8>, buffer: &mut [u8]) -> usize {
    let (front, back) = queue.as_slices();
    let first = front.len().min(buffer.len());
    buffer[..first].copy_from_slice(&front[..first]);
    let second = back.len().min(buffer.len() - first);
    buffer[first..first + second].copy_from_slice(&back[..second]);
    queue.drain(..first + second);
    first + second
}

/// Follows the cursor's column through what is drawn: enough to know how far a tab goes.
/// Escape sequences take no room, which is true of colours, and programs that move the cursor
/// edit their lines themselves.
#[derive(Debug, Default)]
struct Cursor {
    column: usize,
    within: Within,
    character: Decoder,
}

/// In which part of an escape sequence (ECMA-48, section 5.4) the next byte is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Within {
    #[default]
    Text,
    /// After `ESC`.
    Escape,
    /// In a control sequence, `ESC [` …
    Control,
    /// In a control string such as a title, until `ST` or, as xterm has it, `BEL`.
    String,
    /// After an `ESC` in such a string.
    StringEscape,
}

impl Cursor {
    fn see(&mut self, byte: u8, columns: usize) {
        self.within = match (self.within, byte) {
            (Within::Text, 0x20..=0x7e) if self.character.is_empty() => {
                self.advance(1, columns);
                Within::Text
            }
            // Cancel, substitute: they end whatever sequence there is.
            (_, 0x18 | 0x1a) => Within::Text,
            (Within::Text, _) => {
                self.text(byte, columns);
                match byte {
                    0x1b => Within::Escape,
                    _ => Within::Text,
                }
            }
            (Within::Escape, b'[') => Within::Control,
            (Within::Escape, b']' | b'P' | b'X' | b'^' | b'_') => Within::String,
            (Within::Escape, 0x20..=0x2f | 0x1b) => Within::Escape,
            (Within::Escape, _) => Within::Text,
            (Within::Control, 0x40..=0x7e) => Within::Text,
            (Within::Control, 0x1b) => Within::Escape,
            (Within::Control, _) => Within::Control,
            (Within::String, 0x07) => Within::Text,
            (Within::String | Within::StringEscape, 0x1b) => Within::StringEscape,
            (Within::StringEscape, b'\\') => Within::Text,
            (Within::String | Within::StringEscape, _) => Within::String,
        };
    }

    fn text(&mut self, byte: u8, columns: usize) {
        loop {
            match self.character.push(byte) {
                Decoded::Incomplete => return,
                Decoded::Character(character) => {
                    self.character.take();
                    return self.character(character, columns);
                }
                Decoded::Broken => {
                    self.character.take();
                    return self.advance(1, columns);
                }
                Decoded::BrokenBefore => {
                    self.character.take();
                    self.advance(1, columns);
                }
            }
        }
    }

    fn character(&mut self, character: char, columns: usize) {
        match character {
            '\r' => self.column = 0,
            '\t' => self.column = self.tab(columns),
            '\u{8}' => self.column = self.column.saturating_sub(1),
            character if character.is_control() => {}
            character => self.advance(usize::from(cells(character)), columns),
        }
    }

    fn advance(&mut self, cells: usize, columns: usize) {
        self.column += cells;
        if self.column > columns {
            // It went to the next line.
            self.column = cells;
        }
    }

    /// The column of the next tab stop; the last column is one.
    fn tab(&self, columns: usize) -> usize {
        let stop = (self.column / TAB + 1) * TAB;
        stop.min(columns.saturating_sub(1)).max(self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::{ECHO_RESERVE, OUTPUT_CAPACITY, Output};

    fn column_after(text: &str) -> usize {
        let mut output = Output::default();
        assert_eq!(output.write(text.as_bytes(), true, 80), text.len());
        output.cursor.column
    }

    #[test]
    fn the_column_is_followed_through_what_is_drawn() {
        for (text, column) in [
            ("abc", 3),
            ("abc\r", 0),
            ("abc\nde", 2),
            ("a\tb", 9),
            ("世界\u{8}", 3),
            ("e\u{301}", 1),
            ("\x1b[1;32mok\x1b[0m $ ", 5),
            ("\x1b]0;a title\x07$", 1),
            ("\x1b]8;;link\x1b\\x", 1),
            ("\x1b(Bab", 2),
            (&"x".repeat(81), 1),
            (&"x".repeat(80), 80),
        ] {
            assert_eq!(column_after(text), column, "{text:?}");
        }
    }

    #[test]
    fn a_newline_is_taken_whole_or_not_at_all() {
        let mut output = Output::default();
        let filler = vec![b'x'; OUTPUT_CAPACITY - 1];
        assert_eq!(output.write(&filler, true, 80), filler.len());
        assert_eq!(output.write(b"\nmore", true, 80), 0, "one byte is left");
        assert_eq!(output.write(b"y\n", true, 80), 1);
        assert_eq!(output.len(), OUTPUT_CAPACITY);
        assert!(output.echo(b"^C", true, 80), "echo has room of its own");
        assert!(!output.echo(&[b'z'; ECHO_RESERVE], true, 80));
        assert_eq!(output.len(), OUTPUT_CAPACITY + 2);
    }
}

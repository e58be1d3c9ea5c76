//! The line that is being typed, and what each of its characters takes on the screen.

/// Bytes of a line, its delimiter included (POSIX `MAX_CANON`; Linux's figure).
pub const MAX_CANON: usize = 4096;

/// How a character shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// In so many cells; 0 when it was not echoed.
    Cells(u8),
    /// As a move of the cursor over so many cells.
    Tab(u8),
    /// On the character before it.
    Combined,
}

#[derive(Clone, Copy, Debug)]
struct Character {
    length: u8,
    shown: Shown,
}

/// An unfinished line.
#[derive(Debug, Default)]
pub(super) struct Line {
    bytes: Vec<u8>,
    characters: Vec<Character>,
}

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether a character of `length` bytes leaves room for the delimiter.
    pub(super) fn has_room(&self, length: usize) -> bool {
        self.bytes.len() + length < MAX_CANON
    }

    /// Adds a character of at most 4 bytes.
    pub(super) fn push(&mut self, bytes: &[u8], shown: Shown) {
        self.bytes.extend_from_slice(bytes);
        self.characters.push(Character {
            length: u8::try_from(bytes.len()).unwrap_or(u8::MAX),
            shown,
        });
    }

    /// The bytes of each character, with how it shows, to be said anew.
    pub(super) fn show_again(&mut self, mut show: impl FnMut(&[u8]) -> Shown) {
        let mut start = 0;
        for character in &mut self.characters {
            let end = start + usize::from(character.length);
            character.shown = show(&self.bytes[start..end]);
            start = end;
        }
    }

    /// Takes the last character away, with what was combined with it, and adds to `erased`
    /// what clears it from the screen.
    pub(super) fn erase(&mut self, erased: &mut Vec<u8>) {
        while let Some(last) = self.characters.pop() {
            let left = self.bytes.len().saturating_sub(usize::from(last.length));
            self.bytes.truncate(left);
            match last.shown {
                Shown::Combined => continue,
                Shown::Cells(cells) => erased.extend(b"\x08 \x08".repeat(usize::from(cells))),
                Shown::Tab(cells) => erased.extend(b"\x08".repeat(usize::from(cells))),
            }
            return;
        }
    }

    /// The same for the last word and the blanks after it.
    pub(super) fn erase_word(&mut self, erased: &mut Vec<u8>) {
        let is_blank = |bytes: &[u8]| matches!(bytes.last(), Some(b' ' | b'\t'));
        while is_blank(&self.bytes) {
            self.erase(erased);
        }
        while !self.is_empty() && !is_blank(&self.bytes) {
            self.erase(erased);
        }
    }

    /// The same for all of it.
    pub(super) fn erase_all(&mut self, erased: &mut Vec<u8>) {
        while !self.characters.is_empty() {
            self.erase(erased);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Line::default();
    }
}

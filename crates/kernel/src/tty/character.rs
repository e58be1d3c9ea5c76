//! Characters on a screen: put together from bytes, and how many cells each takes.

/// Characters that take two cells: East Asian wide and full-width ones, and emoji.
///
/// A rule of some lines rather than the tables of a Unicode library: it decides only how far
/// erasing moves the cursor, and terminals differ in what is rare anyway.
const WIDE: &[(char, char)] = &[
    ('\u{1100}', '\u{115f}'),
    ('\u{231a}', '\u{231b}'),
    ('\u{2329}', '\u{232a}'),
    ('\u{23e9}', '\u{23ec}'),
    ('\u{2614}', '\u{2615}'),
    ('\u{2648}', '\u{2653}'),
    ('\u{26bd}', '\u{26be}'),
    ('\u{2705}', '\u{2705}'),
    ('\u{270a}', '\u{270b}'),
    ('\u{2728}', '\u{2728}'),
    ('\u{274c}', '\u{274c}'),
    ('\u{2753}', '\u{2755}'),
    ('\u{2757}', '\u{2757}'),
    ('\u{2b1b}', '\u{2b1c}'),
    ('\u{2b50}', '\u{2b50}'),
    ('\u{2e80}', '\u{303e}'),
    ('\u{3041}', '\u{a4cf}'),
    ('\u{a960}', '\u{a97c}'),
    ('\u{ac00}', '\u{d7a3}'),
    ('\u{f900}', '\u{faff}'),
    ('\u{fe10}', '\u{fe19}'),
    ('\u{fe30}', '\u{fe6f}'),
    ('\u{ff01}', '\u{ff60}'),
    ('\u{ffe0}', '\u{ffe6}'),
    ('\u{16fe0}', '\u{18cff}'),
    ('\u{1aff0}', '\u{1b2ff}'),
    ('\u{1f004}', '\u{1f004}'),
    ('\u{1f0cf}', '\u{1f0cf}'),
    ('\u{1f18e}', '\u{1f18e}'),
    ('\u{1f191}', '\u{1f19a}'),
    ('\u{1f200}', '\u{1f265}'),
    ('\u{1f300}', '\u{1f64f}'),
    ('\u{1f680}', '\u{1f6ff}'),
    ('\u{1f7e0}', '\u{1f7eb}'),
    ('\u{1f900}', '\u{1f9ff}'),
    ('\u{1fa70}', '\u{1faff}'),
    ('\u{20000}', '\u{3fffd}'),
];

/// Characters that take none: they change the one before, or only say something about it.
const COMBINING: &[(char, char)] = &[
    ('\u{300}', '\u{36f}'),
    ('\u{483}', '\u{489}'),
    ('\u{591}', '\u{5bd}'),
    ('\u{5bf}', '\u{5bf}'),
    ('\u{5c1}', '\u{5c2}'),
    ('\u{5c4}', '\u{5c5}'),
    ('\u{610}', '\u{61a}'),
    ('\u{64b}', '\u{65f}'),
    ('\u{670}', '\u{670}'),
    ('\u{6d6}', '\u{6dc}'),
    ('\u{6df}', '\u{6e4}'),
    ('\u{900}', '\u{902}'),
    ('\u{93c}', '\u{93c}'),
    ('\u{941}', '\u{948}'),
    ('\u{94d}', '\u{94d}'),
    ('\u{e31}', '\u{e31}'),
    ('\u{e34}', '\u{e3a}'),
    ('\u{e47}', '\u{e4e}'),
    ('\u{1160}', '\u{11ff}'),
    ('\u{1ab0}', '\u{1aff}'),
    ('\u{1dc0}', '\u{1dff}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{2064}'),
    ('\u{20d0}', '\u{20ff}'),
    ('\u{302a}', '\u{302d}'),
    ('\u{3099}', '\u{309a}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{fe20}', '\u{fe2f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{e0100}', '\u{e01ef}'),
];

fn is_in(ranges: &[(char, char)], character: char) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= character);
    after > 0 && character <= ranges[after - 1].1
}

/// How many cells a character takes that is no control character: 0, 1 or 2.
pub(super) fn cells(character: char) -> u8 {
    if character < '\u{300}' {
        1
    } else if is_in(COMBINING, character) {
        0
    } else if is_in(WIDE, character) {
        2
    } else {
        1
    }
}

/// The bytes of a character that is not complete yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Decoder {
    bytes: [u8; 4],
    length: usize,
}

/// What a byte made of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    /// More bytes are to come.
    Incomplete,
    /// A character; its bytes are in [`Decoder::take`].
    Character(char),
    /// The bytes before it are no character: take them, and offer the byte again.
    BrokenBefore,
    /// The byte alone is no character; it is in [`Decoder::take`].
    Broken,
}

impl Decoder {
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Takes the bytes that are held.
    pub(super) fn take(&mut self) -> ([u8; 4], usize) {
        (self.bytes, std::mem::take(&mut self.length))
    }

    /// Takes a byte in.
    pub(super) fn push(&mut self, byte: u8) -> Decoded {
        let continues = byte & 0xc0 == 0x80;
        if self.length > 0 && !continues {
            return Decoded::BrokenBefore;
        }
        let Some(place) = self.bytes.get_mut(self.length) else {
            return Decoded::BrokenBefore;
        };
        *place = byte;
        self.length += 1;
        match std::str::from_utf8(&self.bytes[..self.length]) {
            Ok(text) => match text.chars().next() {
                Some(character) => Decoded::Character(character),
                None => Decoded::Incomplete,
            },
            Err(error) if error.error_len().is_none() => Decoded::Incomplete,
            Err(_) if self.length == 1 => Decoded::Broken,
            Err(_) => {
                self.length -= 1;
                Decoded::BrokenBefore
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{COMBINING, Decoded, Decoder, WIDE, cells};

    #[test]
    fn ranges_are_in_order() {
        for ranges in [WIDE, COMBINING] {
            for pair in ranges.windows(2) {
                assert!(pair[0].0 <= pair[0].1 && pair[0].1 < pair[1].0, "{pair:?}");
            }
        }
        assert_eq!(
            ['a', 'é', '世', '한', '🦀', '\u{301}'].map(cells),
            [1, 1, 2, 2, 2, 0]
        );
    }

    #[test]
    fn characters_come_from_bytes_and_broken_ones_are_told() {
        let mut decoder = Decoder::default();
        let mut found = Vec::new();
        for byte in b"a\xc3\xa9\xffz\xe4\xb8b\xf0\x9f\xa6\x80\xed\xa0\x80" {
            loop {
                let decoded = decoder.push(*byte);
                match decoded {
                    Decoded::Incomplete => break,
                    Decoded::Character(character) => {
                        let (bytes, length) = decoder.take();
                        assert_eq!(bytes[..length], *character.to_string().as_bytes());
                        found.push(character);
                        break;
                    }
                    Decoded::Broken => {
                        assert_eq!(decoder.take().1, 1);
                        found.push('?');
                        break;
                    }
                    Decoded::BrokenBefore => {
                        assert!(decoder.take().1 > 0);
                        found.push('?');
                    }
                }
            }
        }
        let text: String = found.into_iter().collect();
        assert_eq!(text, "aé?z?b🦀???");
    }
}

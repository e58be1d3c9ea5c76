//! Words of a scenario: quoted bytes, repetitions, and how results are written.

/// Splits a line into words: white space separates them except between quotes.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if quoted => {
                word.push(character);
                word.extend(characters.next());
            }
            '\'' => {
                quoted = !quoted;
                word.push(character);
            }
            ' ' if !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(character),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The bytes that a word stands for, in the pieces that commas make: `'ab','c'*3` is `ab`
/// and `ccc`. Outside of quotes a word stands for itself.
pub(super) fn pieces(word: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut pieces = vec![Vec::new()];
    let mut characters = word.chars().peekable();
    while let Some(character) = characters.next() {
        let last = pieces.last_mut().ok_or("no piece")?;
        match character {
            ',' => pieces.push(Vec::new()),
            '\'' => {
                let bytes = quoted(&mut characters)?;
                let mut times = 1;
                if characters.peek() == Some(&'*') {
                    characters.next();
                    let mut digits = String::new();
                    while let Some(digit) = characters.next_if(char::is_ascii_digit) {
                        digits.push(digit);
                    }
                    times = digits
                        .parse()
                        .map_err(|_| format!("no number after * in {word}"))?;
                }
                last.extend(bytes.repeat(times));
            }
            _ => last.extend(character.to_string().as_bytes()),
        }
    }
    Ok(pieces)
}

fn quoted(characters: &mut impl Iterator<Item = char>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(character) = characters.next() {
        match character {
            '\'' => return Ok(bytes),
            '\\' => bytes.extend(
                match characters.next() {
                    Some('0') => "\0".to_owned(),
                    Some('n') => "\n".to_owned(),
                    Some(other) => other.to_string(),
                    None => String::new(),
                }
                .as_bytes(),
            ),
            _ => bytes.extend(character.to_string().as_bytes()),
        }
    }
    Err("a quote is not closed".to_owned())
}

/// A word that is text: a path, a name.
pub(super) fn text(word: &str) -> Result<String, String> {
    let bytes = pieces(word)?.join(&b","[..]);
    String::from_utf8(bytes).map_err(|_| format!("{word} is not UTF-8"))
}

/// Bytes as a scenario writes them.
pub(super) fn shown(bytes: &[u8]) -> String {
    if let Some(first) = bytes.first()
        && bytes.len() > 16
        && bytes.iter().all(|byte| byte == first)
    {
        return format!("{}*{}", shown(&bytes[..1]), bytes.len());
    }
    if bytes.len() > 1_000 {
        return format!(
            "{} and {} bytes more",
            shown(&bytes[..16]),
            bytes.len() - 16
        );
    }
    let mut text = String::from("'");
    for byte in bytes {
        match byte {
            0 => text.push_str("\\0"),
            b'\n' => text.push_str("\\n"),
            b'\'' | b'\\' => {
                text.push('\\');
                text.push(char::from(*byte));
            }
            b'\t' => text.push('\t'),
            32..127 => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use super::{pieces, shown, words};

    #[test]
    fn words_pieces_and_bytes() {
        assert_eq!(words("a 'b c'*2,d  e"), ["a", "'b c'*2,d", "e"]);
        assert_eq!(
            pieces("'b\\0'*2,d"),
            Ok(vec![b"b\0b\0".to_vec(), b"d".to_vec()])
        );
        assert_eq!(shown(&[b'x'; 300]), "'x'*300");
        assert_eq!(shown(b"a\n\x01"), "'a\\n\\x01'");
        assert!(pieces("'a").is_err());
    }
}

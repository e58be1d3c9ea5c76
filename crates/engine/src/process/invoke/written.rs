//! Calls as they are written: `add(2, 3)`.

use crate::process::StartError;

/// A call of a function that takes numbers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written<'a> {
    pub(super) name: &'a str,
    pub(super) arguments: Vec<String>,
}

/// Reads a call; `None` when the text is a name alone.
///
/// # Errors
///
/// [`StartError::Call`] when it begins like a call and is none.
pub(super) fn call(text: &str) -> Result<Option<Written<'_>>, StartError> {
    let wrong = |at: usize, reason: &str| StartError::Call {
        text: text.to_owned(),
        at,
        reason: reason.to_owned(),
    };
    let Some((name, rest)) = text.split_once('(') else {
        return Ok(None);
    };
    let start = name.len() + 1;
    if name.trim().is_empty() {
        return Err(wrong(0, "the name of the function is missing before `(`"));
    }
    let Some(end) = rest.find(')') else {
        return Err(wrong(text.len(), "its `)` is missing"));
    };
    let behind = &rest[end + 1..];
    if !behind.trim().is_empty() {
        let at = text.len() - behind.trim_start().len();
        return Err(wrong(at, "there is something behind its `)`"));
    }
    let inside = &rest[..end];
    let mut arguments = Vec::new();
    if !inside.trim().is_empty() {
        let mut at = start;
        for argument in inside.split(',') {
            let number = argument.trim();
            if number.is_empty() {
                return Err(wrong(at, "a number is missing"));
            }
            if number.contains(char::is_whitespace) {
                let lead = argument.len() - argument.trim_start().len();
                return Err(wrong(at + lead, "a `,` is missing between two numbers"));
            }
            arguments.push(number.to_owned());
            at += argument.len() + 1;
        }
    }
    Ok(Some(Written {
        name: name.trim(),
        arguments,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read() {
        let read = |text| call(text).expect("a call");
        assert_eq!(read("add"), None);
        let add = |arguments: &[&str]| {
            Some(Written {
                name: "add",
                arguments: arguments.iter().map(|one| (*one).to_owned()).collect(),
            })
        };
        assert_eq!(read("add()"), add(&[]));
        assert_eq!(read(" add ( 2,-3 ) "), add(&["2", "-3"]));
    }

    #[test]
    fn what_is_no_call_is_said_with_its_place() {
        for (text, place) in [
            ("(2)", 0),
            ("add(2", 5),
            ("add(2) 3", 7),
            ("add(2,)", 6),
            ("add(2, 3 4)", 7),
        ] {
            match call(text) {
                Err(StartError::Call { at, .. }) => assert_eq!(at, place, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}

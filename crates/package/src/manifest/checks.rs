//! What the texts of a `holm.toml` may be: names, versions, paths within the app.

/// The longest app name, in bytes: it becomes part of file names.
pub(super) const NAME_BYTES_MAX: usize = 64;

/// What is wrong with an app's name.
pub(super) fn name(name: &str) -> Result<(), &'static str> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() {
        Err("an app needs a name")
    } else if name.len() > NAME_BYTES_MAX {
        Err("an app's name has at most 64 characters")
    } else if !name.bytes().all(allowed) {
        Err("an app's name is made of a-z, 0-9 and -")
    } else if name.starts_with('-') || name.ends_with('-') {
        Err("an app's name does not start or end with -")
    } else {
        Ok(())
    }
}

/// The nearest name that an app may have: `My Tool_2` is `my-tool-2`.
pub(super) fn nearest_name(text: &str) -> String {
    let mut nearest = String::new();
    for character in text.chars().flat_map(char::to_lowercase) {
        if nearest.len() == NAME_BYTES_MAX {
            break;
        }
        if character.is_ascii_lowercase() || character.is_ascii_digit() {
            nearest.push(character);
        } else if !nearest.is_empty() && !nearest.ends_with('-') {
            nearest.push('-');
        }
    }
    let trimmed = nearest.trim_end_matches('-');
    if trimmed.is_empty() {
        "app".to_owned()
    } else {
        trimmed.to_owned()
    }
}

/// What is wrong with an app's version.
pub(super) fn version(version: &str) -> Result<(), &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".+-_".contains(&byte);
    if version.is_empty() || version.len() > 64 || !version.bytes().all(allowed) {
        Err("a version is made of up to 64 letters, digits and . + - _")
    } else {
        Ok(())
    }
}

/// What is wrong with the path of something that is part of the app.
pub(super) fn path_within(path: &str) -> Result<(), &'static str> {
    let mut names = path.split('/');
    let has_drive =
        path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic();
    if path.is_empty() {
        Err("the path is empty")
    } else if path.contains('\0') {
        Err("the path holds a NUL byte")
    } else if path.starts_with('/') || has_drive {
        Err("the path is absolute; write it relative to the folder of holm.toml")
    } else if path.contains('\\') {
        Err("the path holds a backslash; write / between names, on every system")
    } else if names.clone().any(|name| name == "..") {
        Err("the path leads out of the app's folder; what an app runs is part of it")
    } else if names.all(|name| name.is_empty() || name == ".") {
        Err("the path names a folder, not a file")
    } else if path.ends_with('/') {
        Err("the path ends in /, and names a file")
    } else {
        Ok(())
    }
}

/// What is wrong with the path of a dependency, which may lie beside the app.
pub(super) fn path_beside(path: &str) -> Result<(), &'static str> {
    let mut rest = path.trim_end_matches('/');
    while let Some(below) = rest.strip_prefix("../") {
        rest = below;
    }
    if matches!(rest, ".." | "." | "") && !path.is_empty() && !path.starts_with('/') {
        // A folder above: a holm.toml there is an app like any other.
        return Ok(());
    }
    match path_within(rest) {
        Err("the path leads out of the app's folder; what an app runs is part of it") => {
            Err("`..` stands at the beginning of a path only")
        }
        checked => checked,
    }
}

/// What is wrong with text that is given to the program or shown: only NUL cannot be passed.
pub(super) fn text(text: &str) -> Result<(), &'static str> {
    if text.contains('\0') {
        Err("the text holds a NUL byte, which cannot be passed to a program")
    } else {
        Ok(())
    }
}

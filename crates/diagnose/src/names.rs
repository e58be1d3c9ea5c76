//! Readable function names: Rust's and C++'s mangling undone.

/// Longest name that is shown; templates can make them absurd.
const MAXIMUM_NAME_CHARACTERS: usize = 256;

/// `name` as its programmer wrote it; unchanged when it is not mangled.
pub fn demangle(name: &str) -> String {
    let demangled = if let Ok(rust) = rustc_demangle::try_demangle(name) {
        // The alternate form leaves the hash out.
        format!("{rust:#}")
    } else if let Some(cpp) = demangle_cpp(name) {
        cpp
    } else {
        name.to_owned()
    };
    // The name comes from the guest: no control characters may reach a terminal.
    let mut characters = demangled
        .chars()
        .filter(|character| !character.is_control());
    let mut shown: String = characters.by_ref().take(MAXIMUM_NAME_CHARACTERS).collect();
    if characters.next().is_some() {
        shown.push('\u{2026}');
    }
    shown
}

fn demangle_cpp(name: &str) -> Option<String> {
    if !name.starts_with("_Z") {
        return None;
    }
    cpp_demangle::Symbol::new(name).ok()?.demangle().ok()
}

#[cfg(test)]
mod tests {
    use super::demangle;

    #[test]
    fn rust_and_cpp_names_are_readable() {
        assert_eq!(
            demangle("_ZN4core9panicking5panic17h0123456789abcdefE"),
            "core::panicking::panic"
        );
        assert_eq!(demangle("_RNvC6_123foo3bar"), "123foo::bar");
        assert_eq!(demangle("_ZN3foo3barEi"), "foo::bar(int)");
        assert_eq!(demangle("main"), "main");
        assert_eq!(demangle("_Z"), "_Z");
        assert_eq!(demangle("evil\x1b[2J"), "evil[2J");
        assert_eq!(demangle(&"x".repeat(300)).chars().count(), 257);
    }
}

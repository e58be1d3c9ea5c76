//! Writes what a terminal would obey: colours, a title, a clipboard, a bell, a query, and codes cut in two.

use std::io::{self, Write};

const PIECES: [(&str, &[&[u8]]); 12] = [
    ("colour", &[b"\x1b[31mred\x1b[0m"]),
    ("clear", &[b"\x1b[2J\x1b[H"]),
    ("title", &[b"\x1b]0;owned\x07"]),
    ("clipboard", &[b"\x1b]52;c;cm0gLXJmIC8=\x07"]),
    (
        "link",
        &[b"\x1b]8;;http://evil.example\x1b\\text\x1b]8;;\x1b\\"],
    ),
    ("query", &[b"\x1b[6n\x1b[c"]),
    ("device", &[b"\x1bP+q544e\x1b\\"]),
    ("eight bit", &[b"\xc2\x9b31mred\xc2\x9b0m"]),
    ("bell and backspace", &[b"a\x07b\x08c"]),
    ("cut in two", &[b"\x1b", b"[31m", b"red"]),
    ("carriage return", &[b"safe\revil\n"]),
    ("never ended", &[b"\x1b]0;runs on"]),
];

fn main() -> io::Result<()> {
    let mut stdout = io::stdout();
    for (name, writes) in PIECES {
        write!(stdout, "{name}: ")?;
        stdout.flush()?;
        for bytes in writes {
            // A flush for each, so that the host sees the code in pieces.
            stdout.write_all(bytes)?;
            stdout.flush()?;
        }
        stdout.write_all(b"\n")?;
    }
    // Plain text in any script must come through untouched.
    stdout.write_all("plain: tab\there, åéîøü, 日本語, 🏝\n".as_bytes())?;
    stdout.flush()
}

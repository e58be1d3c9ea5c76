//! The transcript of attempts, and those that should have failed.

use holm_guests::preview1::{self as wasi, Outcome};
use std::fmt::Write;
use std::process::exit;

#[derive(Debug, Default)]
pub struct Report {
    attempts: usize,
    escapes: Vec<String>,
}

impl Report {
    pub fn section(&mut self, name: &str) {
        println!("\n[{name}]");
    }

    /// Prints an attempt whose outcome is free: what matters is that the host survives it.
    pub fn note<T>(&mut self, what: &str, path: &[u8], outcome: &Outcome<T>) {
        self.attempts += 1;
        let result = match outcome {
            Ok(_) => "SUCCESS".to_owned(),
            Err(errno) => errno.to_string(),
        };
        println!("{what:<22} {:<44} {result}", show(path));
    }

    /// Prints an attempt that must fail.
    pub fn refused<T>(&mut self, what: &str, path: &[u8], outcome: &Outcome<T>) {
        self.note(what, path, outcome);
        if outcome.is_ok() {
            self.escape(&format!("{what} {} succeeded", show(path)));
        }
    }

    /// Prints an attempt to open that may succeed, as long as it does not lead to the canary. Closes what it opened.
    pub fn not_canary(&mut self, what: &str, path: &[u8], outcome: Outcome<u32>) {
        self.note(what, path, &outcome);
        if let Ok(fd) = outcome {
            let mut start = [0; 6];
            if wasi::fd_pread(fd, &mut start, 0) == Ok(6) && &start == b"CANARY" {
                self.escape(&format!("{what} {} reads the canary", show(path)));
            }
            if wasi::fd_close(fd).is_err() {
                self.escape(&format!(
                    "{what} {}: the descriptor cannot be closed",
                    show(path)
                ));
            }
        }
    }

    /// Records an attempt that got through.
    pub fn escape(&mut self, message: &str) {
        self.escapes.push(message.to_owned());
    }

    pub fn finish(self) {
        println!();
        for escape in &self.escapes {
            eprintln!("ESCAPED: {escape}");
        }
        println!(
            "escape: {} attempts, {} got through",
            self.attempts,
            self.escapes.len()
        );
        if !self.escapes.is_empty() {
            exit(1);
        }
    }
}

/// A path as a Rust string literal would have it; long ones by their length.
pub fn show(path: &[u8]) -> String {
    let mut shown = String::from("\"");
    for byte in path.iter().take(32) {
        match byte {
            b'"' | b'\\' => write!(shown, "\\{}", char::from(*byte)),
            0x20..0x7f => write!(shown, "{}", char::from(*byte)),
            _ => write!(shown, "\\x{byte:02x}"),
        }
        .expect("writing to a String cannot fail");
    }
    shown.push('"');
    if path.len() > 32 {
        write!(shown, "... {} bytes", path.len()).expect("writing to a String cannot fail");
    }
    shown
}

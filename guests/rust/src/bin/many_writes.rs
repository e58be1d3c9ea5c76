//! Writes a number of short lines, one call each: for output that must arrive whole, in order, and fast.

use std::fs::File;
use std::io::{self, Write};

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let count: u32 = arguments
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1000);
    let mut output: Box<dyn Write> = match arguments.next() {
        Some(path) => Box::new(File::create(path)?),
        // Std's stdout is line-buffered: one write for each line.
        None => Box::new(io::stdout()),
    };
    for index in 0..count {
        output.write_all(format!("{index:07}\n").as_bytes())?;
    }
    output.flush()
}

//! Answers each line of stdin at once, until end of file: what an interactive program does.

use std::io::{self, BufRead, Write};

fn main() -> io::Result<()> {
    let mut stdout = io::stdout();
    print!("ready> ");
    stdout.flush()?;
    let mut lines = 0;
    for line in io::stdin().lock().lines() {
        lines += 1;
        print!("{lines}: {}\nready> ", line?);
        stdout.flush()?;
    }
    println!();
    eprintln!("{lines} lines");
    Ok(())
}

//! Copies stdin, or each file named, to stdout.

use std::fs::File;
use std::io::{self, Write};
use std::process::exit;

fn main() {
    let names: Vec<_> = std::env::args_os().skip(1).collect();
    let mut stdout = io::stdout().lock();
    let result = if names.is_empty() {
        io::copy(&mut io::stdin().lock(), &mut stdout).map(drop)
    } else {
        names
            .iter()
            .try_for_each(|name| io::copy(&mut File::open(name)?, &mut stdout).map(drop))
    };
    if let Err(error) = result.and_then(|()| stdout.flush()) {
        eprintln!("cat: {error}");
        exit(1);
    }
}

//! One end of a pipe, measured.
//!
//! `flow write BYTES` writes them to stdout, `flow read` reads stdin to its end and tells how fast they came.

use std::io::{self, Read, Write};
use std::process::exit;
use std::time::Instant;

const BLOCK: usize = 64 << 10;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let result = match (arguments.next().as_deref(), arguments.next()) {
        (Some("write"), Some(bytes)) => write(bytes.parse().unwrap_or(0)),
        (Some("read"), None) => read(),
        _ => Err(io::Error::other("flow write BYTES | flow read")),
    };
    if let Err(error) = result {
        eprintln!("flow: {error}");
        exit(1);
    }
}

fn write(bytes: usize) -> io::Result<()> {
    let block = vec![7_u8; BLOCK];
    let mut output = io::stdout().lock();
    let mut left = bytes;
    while left > 0 {
        let now = left.min(BLOCK);
        output.write_all(&block[..now])?;
        left -= now;
    }
    output.flush()
}

/// Prints one JSON object. The time begins with the first bytes: before, the writer was being started.
fn read() -> io::Result<()> {
    let mut block = vec![0_u8; BLOCK];
    let mut input = io::stdin().lock();
    let first = input.read(&mut block)?;
    let start = Instant::now();
    let mut bytes = 0;
    loop {
        let count = input.read(&mut block)?;
        if count == 0 {
            break;
        }
        bytes += count;
    }
    let rate = bytes as f64 / 1e6 / start.elapsed().as_secs_f64();
    println!(
        "{{ \"bytes\": {}, \"pipe_mbps\": {rate:.2} }}",
        first + bytes
    );
    Ok(())
}

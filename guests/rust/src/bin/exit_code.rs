//! Exits with the status it is given, after writing to both outputs.

use std::process::exit;

fn main() {
    let status = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    print!("leaving");
    eprint!("with {status}");
    // `print!` leaves the line in std's buffer; `exit` is what must flush nothing more than std flushes.
    std::io::Write::flush(&mut std::io::stdout()).expect("stdout");
    exit(status);
}

//! Opens one path again and again while the host swaps what is there; must never read the canary.

use holm_guests::work_directory;
use std::process::exit;
use std::time::{Duration, Instant};

fn main() {
    let directory = work_directory();
    let milliseconds = std::env::args()
        .nth(2)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1000);
    let until = Instant::now() + Duration::from_millis(milliseconds);
    let (mut tries, mut reads) = (0_u64, 0_u64);
    while Instant::now() < until {
        for path in ["swap", "swap/canary", "swap/../canary", "swap/../../canary"] {
            tries += 1;
            let Ok(bytes) = std::fs::read(directory.join(path)) else {
                continue;
            };
            reads += 1;
            if bytes.starts_with(b"CANARY") {
                println!("ESCAPED: read the canary through {path}");
                exit(1);
            }
        }
    }
    eprintln!("{tries} tries, {reads} reads");
    println!("race: no escape");
}

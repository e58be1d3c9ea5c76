//! Takes memory, a MiB at a time and touching all of it, until it is refused or has what it was told to take.

use std::process::exit;

const MIB: usize = 1 << 20;

fn main() {
    let wanted: usize = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(usize::MAX);
    // Room for the list itself is taken first, so that only a block of a MiB can be what fails.
    let mut held: Vec<Vec<u8>> = Vec::with_capacity(4096);
    while held.len() < wanted {
        let mut block = Vec::new();
        if block.try_reserve_exact(MIB).is_err() {
            let taken = held.len();
            drop(held);
            println!("refused after {taken} MiB");
            exit(3);
        }
        block.resize(MIB, 1);
        held.push(block);
    }
    let sum: usize = held.iter().map(|block| usize::from(block[MIB - 1])).sum();
    println!("holding {sum} MiB");
}

//! Ends badly, in the way it is told: traps, endless loops, and calls that block.

mod pointer_unsafe;

use std::hint::black_box;
use std::io::Read;
use std::process::exit;
use std::time::Duration;

const WAYS: &str = "panic abort unreachable bounds pointer stack recursion loop calls stdin sleep";

fn main() {
    let way = std::env::args().nth(1).unwrap_or_default();
    println!("about to: {way}");
    match way.as_str() {
        "panic" => panic!("this guest panics on purpose"),
        "abort" | "unreachable" => std::process::abort(),
        "bounds" => {
            let list = black_box(vec![1, 2, 3]);
            println!("{}", list[black_box(7)]);
        }
        "pointer" => println!("{}", pointer_unsafe::read(black_box(0xffff_fff0))),
        "stack" => println!("{}", deep(black_box(1))),
        "recursion" => println!("{}", recurse(black_box(1))),
        "loop" => {
            let mut turns = 0_u64;
            while black_box(true) {
                turns = turns.wrapping_add(1);
            }
            println!("{turns}");
        }
        // A loop around a cheap call: it must be as easy to stop as a bare one.
        "calls" => loop {
            black_box(std::time::Instant::now());
        },
        "stdin" => {
            let mut byte = [0];
            let count = std::io::stdin().read(&mut byte);
            println!("stdin answered {count:?}");
        }
        "sleep" => std::thread::sleep(Duration::from_secs(3600)),
        _ => {
            eprintln!("usage: trap {}", WAYS.replace(' ', "|"));
            exit(64);
        }
    }
    println!("still here");
}

#[inline(never)]
fn deep(level: u64) -> u64 {
    let frame = black_box([level; 64]);
    // The end is there for the compiler alone: no stack is that deep.
    if level == u64::MAX {
        return 0;
    }
    deep(level + 1) + frame[usize::try_from(level % 64).unwrap_or(0)]
}

/// Needs no memory of its own: what runs out is the engine's stack, not the one in linear memory.
#[inline(never)]
fn recurse(level: u64) -> u64 {
    if level == u64::MAX {
        return 0;
    }
    recurse(level + 1).wrapping_mul(3).rotate_left(7) ^ level
}

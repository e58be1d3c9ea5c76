//! Throughput of standard output through a pipe to `cat`, natively and through this crate.
//!
//! `cargo run --release -p holm-host-native --example pipe_throughput`

#![allow(clippy::print_stderr, reason = "an example prints what it measured")]

use std::io::IoSlice;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Instant;

use holm_host_native::{Escapes, Parker, reactor, stdout};

const TOTAL: usize = 2 << 30;

/// Writes `TOTAL` bytes to a fresh `cat`, which is our standard output, and answers the
/// MiB/s.
fn through_cat(write: &mut dyn FnMut(&[u8]) -> usize) -> f64 {
    let mut cat = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("cat");
    let pipe = cat.stdin.take().expect("it is piped");
    rustix::stdio::dup2_stdout(&pipe).expect("redirecting");
    drop(pipe);
    let buffer = vec![1; 1 << 20];
    let start = Instant::now();
    let mut left = TOTAL;
    let mut from = 0;
    while left > 0 {
        let count = write(&buffer[from..]);
        left = left.saturating_sub(count);
        from = (from + count) % buffer.len();
    }
    let rate = 2048.0 / start.elapsed().as_secs_f64();
    let null = std::fs::File::create("/dev/null").expect("null");
    rustix::stdio::dup2_stdout(&null).expect("redirecting");
    cat.wait().expect("cat ends");
    rate
}

fn main() {
    for _ in 0..5 {
        let native = through_cat(&mut |data| {
            rustix::io::write(rustix::stdio::stdout(), data).expect("writing")
        });
        let mut stream = None;
        let parker = Arc::new(Parker::new());
        let waker = Waker::from(Arc::clone(&parker));
        let holm = through_cat(&mut |data| {
            let stream = stream.get_or_insert_with(|| stdout(Escapes::Filtered));
            loop {
                match stream.write(&[IoSlice::new(data)], &waker) {
                    Poll::Ready(count) => return count.expect("writing"),
                    Poll::Pending => reactor().wait(&parker, None),
                }
            }
        });
        eprintln!(
            "native {native:.0} MiB/s, holm {holm:.0} MiB/s, {:.2}x",
            holm / native
        );
    }
}

//! Clocks: resolution, order, sleep, and the errors for clocks that do not exist.

use holm_guests::check::Checks;
use holm_guests::preview1::{self as wasi, Errno};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn main() {
    let mut checks = Checks::new();
    for (name, id) in [
        ("realtime", wasi::CLOCK_REALTIME),
        ("monotonic", wasi::CLOCK_MONOTONIC),
    ] {
        let resolution = checks
            .ok(&format!("{name} resolution"), wasi::clock_res_get(id))
            .unwrap_or(0);
        checks.that(
            &format!("{name} resolution is above 0 and at most 1 s"),
            (1..=1_000_000_000).contains(&resolution),
        );
        let time = checks
            .ok(&format!("{name} time"), wasi::clock_time_get(id, 0))
            .unwrap_or(0);
        checks.that(&format!("{name} is not 0"), time > 0);
        println!("{name}: works");
    }
    for (name, id) in [
        ("process", wasi::CLOCK_PROCESS_CPUTIME),
        ("thread", wasi::CLOCK_THREAD_CPUTIME),
    ] {
        match (wasi::clock_time_get(id, 0), wasi::clock_res_get(id)) {
            (Ok(_), Ok(_)) => println!("{name} CPU time: works"),
            (time, resolution) => {
                println!(
                    "{name} CPU time: {:?}, resolution {:?}",
                    time.map(drop),
                    resolution.map(drop)
                );
            }
        }
    }
    checks.err("clock 4", wasi::clock_time_get(4, 0), Errno::INVAL);
    checks.err(
        "clock 2^32-1",
        wasi::clock_time_get(u32::MAX, 0),
        Errno::INVAL,
    );
    checks.err(
        "resolution of clock 4",
        wasi::clock_res_get(4),
        Errno::INVAL,
    );

    let mut last = Instant::now();
    for _ in 0..10_000 {
        let now = Instant::now();
        checks.that("the monotonic clock never goes back", now >= last);
        last = now;
    }
    let before = Instant::now();
    sleep(Duration::from_millis(20));
    checks.that(
        "a sleep of 20 ms lasts at least 20 ms",
        before.elapsed() >= Duration::from_millis(20),
    );
    let wall = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    checks.that("the wall clock is past the epoch", wall > Duration::ZERO);
    checks.finish("clocks");
}

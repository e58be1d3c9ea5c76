//! `poll_oneoff`: clocks of each kind, several at once, files, stdin, closed descriptors, and absurd requests.

use holm_guests::check::Checks;
use holm_guests::preview1::{self as wasi, Errno, Event, Subscription};
use std::time::{Duration, Instant};

const MILLISECOND: u64 = 1_000_000;

fn main() {
    let mut checks = Checks::new();
    clocks(&mut checks);
    absolute(&mut checks);
    errors(&mut checks);
    if let Some((directory, _)) = wasi::preopens().into_iter().next() {
        files(&mut checks, directory);
    }
    if std::env::args().nth(1).as_deref() == Some("stdin") {
        stdin(&mut checks);
    }
    checks.finish("poll");
}

fn timer(userdata: u64, milliseconds: u64) -> Subscription {
    Subscription::Clock {
        userdata,
        id: wasi::CLOCK_MONOTONIC,
        timeout: milliseconds * MILLISECOND,
        absolute: false,
    }
}

fn userdata(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.userdata).collect()
}

fn clocks(checks: &mut Checks) {
    let start = Instant::now();
    let events = checks
        .ok("one timer", wasi::poll_oneoff(&[timer(7, 15)]))
        .unwrap_or_default();
    checks.eq("its event", userdata(&events), vec![7]);
    checks.eq(
        "its kind",
        events.first().map(|event| event.kind),
        Some(wasi::EVENT_CLOCK),
    );
    checks.eq(
        "its error",
        events.first().map(|event| event.error),
        Some(Errno(0)),
    );
    checks.that(
        "it took its time",
        start.elapsed() >= Duration::from_millis(15),
    );

    let start = Instant::now();
    let both = [timer(1, 60_000), timer(2, 10)];
    let events = checks
        .ok("a long and a short timer", wasi::poll_oneoff(&both))
        .unwrap_or_default();
    checks.eq("the short one fires", userdata(&events), vec![2]);
    checks.that(
        "without waiting for the long one",
        start.elapsed() < Duration::from_secs(30),
    );

    let events = checks
        .ok("a timer of no time", wasi::poll_oneoff(&[timer(3, 0)]))
        .unwrap_or_default();
    checks.eq("it fires at once", userdata(&events), vec![3]);
    println!("clocks: done");
}

fn absolute(checks: &mut Checks) {
    for (name, id) in [
        ("monotonic", wasi::CLOCK_MONOTONIC),
        ("realtime", wasi::CLOCK_REALTIME),
    ] {
        let Some(now) = checks.ok("time", wasi::clock_time_get(id, 1)) else {
            continue;
        };
        let timeout = now + 10 * MILLISECOND;
        let ahead = [Subscription::Clock {
            userdata: 4,
            id,
            timeout,
            absolute: true,
        }];
        let events = checks
            .ok(&format!("{name}, absolute"), wasi::poll_oneoff(&ahead))
            .unwrap_or_default();
        checks.eq(&format!("{name} fires"), userdata(&events), vec![4]);
        // Where the kernel has a thread of its own it reads another clock than the guest does, and each of the two
        // may be a step off: in a page, a step may be a millisecond.
        let steps = 2 * wasi::clock_res_get(id).unwrap_or(0);
        let after = wasi::clock_time_get(id, 1).unwrap_or(0);
        checks.that(
            &format!("{name} is past the time"),
            after.saturating_add(steps) >= timeout,
        );
        let past = [Subscription::Clock {
            userdata: 5,
            id,
            timeout: 1,
            absolute: true,
        }];
        let events = checks
            .ok(&format!("{name}, long past"), wasi::poll_oneoff(&past))
            .unwrap_or_default();
        checks.eq(
            &format!("{name} in the past fires"),
            userdata(&events),
            vec![5],
        );
    }
    println!("absolute: done");
}

fn errors(checks: &mut Checks) {
    checks.err(
        "no subscriptions",
        wasi::poll_oneoff(&[]).map(|events| events.len()),
        Errno::INVAL,
    );
    let closed = [
        Subscription::Read {
            userdata: 8,
            fd: 1000,
        },
        timer(9, 60_000),
    ];
    let events = checks
        .ok("a closed descriptor", wasi::poll_oneoff(&closed))
        .unwrap_or_default();
    let seen: Vec<(u64, Errno)> = events
        .iter()
        .map(|event| (event.userdata, event.error))
        .collect();
    checks.eq("it is an event with an error", seen, vec![(8, Errno::BADF)]);
    println!("errors: done");
}

fn files(checks: &mut Checks, directory: u32) {
    let oflags = wasi::OFLAGS_CREAT | wasi::OFLAGS_TRUNC;
    let opened = wasi::path_open(directory, 0, b"poll.txt", oflags, wasi::RIGHTS_FILE, 0);
    let Some(fd) = checks.ok("create a file", opened) else {
        return;
    };
    checks.ok("write", wasi::fd_write(fd, b"0123456789"));
    checks.ok("seek", wasi::fd_seek(fd, 4, 0));
    let wanted = [
        Subscription::Read { userdata: 1, fd },
        Subscription::Write { userdata: 2, fd },
        timer(3, 60_000),
    ];
    let events = checks
        .ok("a file both ways", wasi::poll_oneoff(&wanted))
        .unwrap_or_default();
    checks.eq("a file is ready both ways", userdata(&events), vec![1, 2]);
    checks.eq(
        "events carry no error",
        events.iter().map(|event| event.error.0).sum::<u16>(),
        0,
    );
    checks.ok("close", wasi::fd_close(fd));
    checks.ok("unlink", wasi::path_unlink_file(directory, b"poll.txt"));
    println!("files: done");
}

/// With data on stdin: it is readable, then read to its end, and the end is readable too.
fn stdin(checks: &mut Checks) {
    let wanted = [Subscription::Read { userdata: 1, fd: 0 }, timer(2, 60_000)];
    let mut total = 0;
    loop {
        let events = checks
            .ok("stdin or a timer", wasi::poll_oneoff(&wanted))
            .unwrap_or_default();
        checks.eq("stdin is readable", userdata(&events), vec![1]);
        let mut buffer = [0; 64];
        match checks.ok("read", wasi::fd_read(0, &mut buffer)) {
            Some(0) | None => break,
            Some(count) => total += count,
        }
    }
    println!("stdin: {total} bytes");
}

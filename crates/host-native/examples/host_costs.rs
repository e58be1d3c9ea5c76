//! What the host's calls cost through this crate, beside the bare system calls.
//!
//! `cargo run --release -p holm-host-native --example host_costs [DIRECTORY] [CASE]`. With a
//! case, that one alone runs a fixed number of times: for `strace -c`.

#![allow(clippy::print_stdout, reason = "an example prints what it measured")]

use std::hint::black_box;
use std::io::IoSlice;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use holm_host_native::{HostDirectory, NativeClock, NativeEntropy, Parker, reactor};
use holm_kernel::port::{Clock, Entropy};
use holm_kernel::vfs::{Directory, File, OpenOptions, Opened};
use rustix::fs::{AtFlags, Mode, OFlags, fstat, openat, statat, unlinkat};

const ROUNDS: u32 = 100_000;
const REPEATS: usize = 7;

struct Case {
    name: &'static str,
    rounds: u32,
    native: Option<Box<dyn FnMut()>>,
    holm: Box<dyn FnMut()>,
}

/// Nanoseconds a round, the best of several repeats.
fn measure(rounds: u32, call: &mut dyn FnMut()) -> f64 {
    (0..REPEATS)
        .map(|_| {
            let start = Instant::now();
            (0..rounds).for_each(|_| call());
            start.elapsed().as_secs_f64() * 1e9 / f64::from(rounds)
        })
        .fold(f64::INFINITY, f64::min)
}

fn open(directory: &dyn Directory, name: &str, options: OpenOptions) -> Arc<dyn File> {
    match directory.open_at(name, options) {
        Ok(Opened::File(file)) => file,
        other => panic!("{name}: {other:?}"),
    }
}

const READ: OpenOptions = OpenOptions {
    read: true,
    write: false,
    create: false,
    exclusive: false,
    truncate: false,
    directory: false,
    data_sync: false,
    sync: false,
};
const CREATE: OpenOptions = OpenOptions {
    write: true,
    create: true,
    ..READ
};

fn case(
    name: &'static str,
    rounds: u32,
    native: impl FnMut() + 'static,
    holm: impl FnMut() + 'static,
) -> Case {
    Case {
        name,
        rounds,
        native: Some(Box::new(native)),
        holm: Box::new(holm),
    }
}

fn alone(name: &'static str, rounds: u32, holm: impl FnMut() + 'static) -> Case {
    Case {
        name,
        rounds,
        native: None,
        holm: Box::new(holm),
    }
}

/// Calls on names: `path` holds the file `costs`.
fn names(path: &Path, directory: &Arc<dyn Directory>) -> Vec<Case> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd: &'static OwnedFd = Box::leak(Box::new(
        openat(rustix::fs::CWD, path, flags, Mode::empty()).expect("a directory"),
    ));
    let reading = OFlags::RDONLY | OFlags::CLOEXEC;
    let creating = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
    let [stat, plain, typed, made] = [(); 4].map(|()| Arc::clone(directory));
    vec![
        case(
            "stat",
            ROUNDS,
            move || {
                black_box(statat(fd, "costs", AtFlags::SYMLINK_NOFOLLOW).expect("stat"));
            },
            move || {
                black_box(stat.stat_at("costs").expect("stat"));
            },
        ),
        case(
            "open-close",
            ROUNDS,
            move || drop(openat(fd, "costs", reading, Mode::empty()).expect("open")),
            move || drop(plain.open_at("costs", READ).expect("open")),
        ),
        case(
            "open-fstat-close",
            ROUNDS,
            move || {
                let file = openat(fd, "costs", reading, Mode::empty()).expect("open");
                black_box(fstat(&file).expect("fstat"));
            },
            move || drop(typed.open_at("costs", READ).expect("open")),
        ),
        case(
            "create-remove",
            ROUNDS / 5,
            move || {
                let mode = Mode::from_raw_mode(0o666);
                drop(openat(fd, "costs-new", creating, mode).expect("create"));
                unlinkat(fd, "costs-new", AtFlags::empty()).expect("remove");
            },
            move || {
                drop(made.open_at("costs-new", CREATE).expect("create"));
                made.unlink_at("costs-new").expect("remove");
            },
        ),
    ]
}

/// Reads and writes of `size` bytes at one place of the file `costs`.
fn transfers(
    path: &Path,
    directory: &dyn Directory,
    (write_name, read_name): (&'static str, &'static str),
    size: usize,
    rounds: u32,
) -> Vec<Case> {
    let file = open(directory, "costs", CREATE);
    let raw: &'static std::fs::File = Box::leak(Box::new(
        std::fs::File::options()
            .read(true)
            .write(true)
            .open(path.join("costs"))
            .expect("it was just made"),
    ));
    let data = vec![1; size];
    file.write_at(0, &[IoSlice::new(&data)]).expect("writing");
    let (same, mut buffer, mut other) = (data.clone(), data.clone(), data.clone());
    let reader = Arc::clone(&file);
    vec![
        case(
            write_name,
            rounds,
            move || {
                rustix::io::pwrite(raw, &same, 0).expect("write");
            },
            move || {
                file.write_at(0, &[IoSlice::new(&data)]).expect("write");
            },
        ),
        case(
            read_name,
            rounds,
            move || {
                rustix::io::pread(raw, &mut buffer[..], 0).expect("read");
            },
            move || {
                reader.read_at(0, &mut other).expect("read");
            },
        ),
    ]
}

fn cases(path: &Path) -> Vec<Case> {
    let directory = HostDirectory::open(path).expect("a directory");
    let log = open(&*directory, "costs-log", CREATE);
    let mut list = transfers(path, &*directory, ("write-8", "read-8"), 8, ROUNDS);
    list.extend(transfers(
        path,
        &*directory,
        ("write-1MiB", "read-1MiB"),
        1 << 20,
        400,
    ));
    list.extend(names(path, &directory));
    list.push(alone("append-8", ROUNDS / 5, move || {
        log.append(&[IoSlice::new(&[1; 8])]).expect("append");
    }));
    list.push(alone("clock", ROUNDS, || {
        black_box(NativeClock.monotonic_ns());
    }));
    let mut bytes = [0; 8];
    list.push(alone("random-8", ROUNDS, move || {
        NativeEntropy.fill(&mut bytes).expect("random");
    }));
    list
}

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let path = arguments
        .next()
        .unwrap_or_else(|| std::env::temp_dir().into_os_string());
    let path = Path::new(&path).join("holm-host-costs");
    std::fs::create_dir_all(&path).expect("a place to measure");
    let only = arguments.next();
    for mut case in cases(&path) {
        match &only {
            Some(only) if *only == *case.name => (0..1000).for_each(|_| (case.holm)()),
            Some(_) => {}
            None => {
                let holm = measure(case.rounds, &mut *case.holm);
                let native = case
                    .native
                    .as_mut()
                    .map(|native| measure(case.rounds, &mut **native));
                match native {
                    Some(native) => println!(
                        "{:18} native {native:10.0} ns  holm {holm:10.0} ns  {:.2}x",
                        case.name,
                        holm / native
                    ),
                    None => println!("{:18} {:24} holm {holm:10.0} ns", case.name, ""),
                }
            }
        }
    }
    if only.is_none() {
        let parker = Arc::new(Parker::new());
        let mut late: Vec<u64> = (0..200)
            .map(|_| {
                let deadline = NativeClock.monotonic_ns() + 500_000;
                reactor().wait(&parker, Some(deadline));
                NativeClock.monotonic_ns().saturating_sub(deadline)
            })
            .collect();
        late.sort_unstable();
        println!(
            "wait 500 us: late by {} ns (median), {} ns (p95)",
            late[100], late[190]
        );
    }
    std::fs::remove_dir_all(&path).expect("clearing up");
}

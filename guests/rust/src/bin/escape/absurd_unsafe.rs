//! Counts, lengths and addresses that no program means: the answer is an error, never a dead host.
#![allow(unsafe_code, reason = "addresses outside memory are what is tried")]

use crate::report::Report;
use holm_guests::preview1::{self as wasi, Errno, Iovec, Outcome, address_of, raw};

const HUGE: u32 = 1 << 31;
const MIB: usize = 1 << 20;

fn outcome(code: i32) -> Outcome {
    match u16::try_from(code) {
        Ok(0) => Ok(()),
        Ok(code) => Err(Errno(code)),
        Err(_) => Err(Errno(u16::MAX)),
    }
}

/// Calls with numbers as they are.
macro_rules! raw {
    ($name:ident($($argument:expr),* $(,)?)) => {
        // SAFETY: addresses are of `scratch`, which nothing else reads, or outside memory, where the host must refuse
        // to write; a host that does write there is the failure that this program looks for.
        outcome(unsafe { raw::$name($($argument),*) })
    };
}

pub fn run(report: &mut Report, sandbox: u32) {
    let oflags = wasi::OFLAGS_CREAT | wasi::OFLAGS_TRUNC;
    let opened = wasi::path_open(sandbox, 0, b"empty.bin", oflags, wasi::RIGHTS_FILE, 0);
    report.section("absurd: files");
    report.note("create", b"empty.bin", &opened);
    let Ok(fd) = opened else { return };
    iovecs(report, fd);
    sizes(report, fd);
    random(report);
    polls(report);
    addresses(report, sandbox, fd);
    report.section("absurd: afterwards");
    report.note("close", b"empty.bin", &wasi::fd_close(fd));
    report.note(
        "unlink",
        b"empty.bin",
        &wasi::path_unlink_file(sandbox, b"empty.bin"),
    );
}

fn iovecs(report: &mut Report, fd: u32) {
    report.section("absurd: iovecs");
    let mut scratch = vec![0_u8; MIB];
    let base = address_of(scratch.as_mut_ptr());
    let mut count = 0_u32;
    let done = address_of(&raw mut count);
    for wanted in [HUGE, u32::MAX, u32::MAX / 8] {
        let shown = wanted.to_string().into_bytes();
        report.refused(
            "write of iovecs",
            &shown,
            &raw!(fd_write(fd, base, wanted, done)),
        );
        report.refused(
            "read of iovecs",
            &shown,
            &raw!(fd_read(fd, base, wanted, done)),
        );
        report.refused(
            "pread of iovecs",
            &shown,
            &raw!(fd_pread(fd, base, wanted, 0, done)),
        );
        report.refused(
            "pwrite of iovecs",
            &shown,
            &raw!(fd_pwrite(fd, base, wanted, 0, done)),
        );
    }
    // Many that are empty, then many that overlap: nothing is moved, whether or not the count is accepted.
    for wanted in [1024, 1025, 100_000] {
        let shown = wanted.to_string().into_bytes();
        let empty = vec![
            Iovec {
                address: base,
                len: 0
            };
            wanted as usize
        ];
        report.note(
            "write of empty ones",
            &shown,
            &raw!(fd_write(fd, address_of(empty.as_ptr()), wanted, done)),
        );
        let whole = vec![
            Iovec {
                address: base,
                len: MIB as u32
            };
            wanted as usize
        ];
        report.note(
            "read of a MiB each",
            &shown,
            &raw!(fd_read(fd, address_of(whole.as_ptr()), wanted, done)),
        );
    }
    for (address, len) in [
        (base, u32::MAX),
        (base, HUGE),
        (u32::MAX, 1),
        (u32::MAX, 0),
        (0, u32::MAX),
        (HUGE, 16),
    ] {
        let one = Iovec { address, len };
        let shown = format!("{} bytes at {}", len, place(address, base)).into_bytes();
        report.note(
            "write",
            &shown,
            &raw!(fd_write(fd, address_of(&raw const one), 1, done)),
        );
        report.note(
            "read",
            &shown,
            &raw!(fd_read(fd, address_of(&raw const one), 1, done)),
        );
    }
}

/// Addresses vary with the build; the transcript names them instead.
fn place(address: u32, base: u32) -> String {
    if address == base {
        "a buffer".to_owned()
    } else {
        address.to_string()
    }
}

fn sizes(report: &mut Report, fd: u32) {
    report.section("absurd: sizes");
    for size in [1_u64 << 63, u64::MAX] {
        let shown = size.to_string().into_bytes();
        report.refused("set size", &shown, &wasi::fd_filestat_set_size(fd, size));
        report.refused("allocate", &shown, &wasi::fd_allocate(fd, 0, size));
        report.refused("allocate from", &shown, &wasi::fd_allocate(fd, size, 1));
        report.refused("pwrite at", &shown, &wasi::fd_pwrite(fd, b"x", size));
        report.note("pread at", &shown, &wasi::fd_pread(fd, &mut [0; 1], size));
        report.note("advise from", &shown, &wasi::fd_advise(fd, size, size, 0));
    }
    report.refused("allocate nothing", b"", &wasi::fd_allocate(fd, 0, 0));
    for (offset, whence) in [(i64::MIN, 0), (i64::MIN, 1), (i64::MIN, 2), (-1, 0)] {
        let shown = format!("{offset} from {whence}").into_bytes();
        report.refused("seek", &shown, &wasi::fd_seek(fd, offset, whence));
    }
    for whence in [3, 255, u32::MAX] {
        report.refused(
            "seek, whence",
            whence.to_string().as_bytes(),
            &wasi::fd_seek(fd, 0, whence),
        );
    }
    for advice in [6, 255, u32::MAX] {
        report.refused(
            "advise, advice",
            advice.to_string().as_bytes(),
            &wasi::fd_advise(fd, 0, 0, advice),
        );
    }
    // One read larger than any host buffer should be: a short read, not a failure and not a dead host.
    #[allow(
        clippy::slow_vector_initialization,
        reason = "the memory may be refused, which `vec!` would not survive"
    )]
    let mut large = Vec::new();
    if large.try_reserve_exact(256 * MIB).is_ok() {
        large.resize(256 * MIB, 0);
        report.note("read of 256 MiB", b"", &wasi::fd_read(fd, &mut large));
    }
}

fn random(report: &mut Report) {
    report.section("absurd: randomness");
    let mut scratch = vec![0_u8; 16 * MIB];
    let base = address_of(scratch.as_mut_ptr());
    report.note("16 MiB", b"", &wasi::random_get(&mut scratch));
    report.refused("2^31 bytes", b"", &raw!(random_get(base, HUGE)));
    report.refused("2^32-1 bytes", b"", &raw!(random_get(base, u32::MAX)));
    report.refused("at the end of memory", b"", &raw!(random_get(u32::MAX, 1)));
    report.note("nothing at the end", b"", &raw!(random_get(u32::MAX, 0)));
}

fn polls(report: &mut Report) {
    report.section("absurd: polls");
    let mut scratch = vec![0_u64; MIB];
    let base = address_of(scratch.as_mut_ptr());
    let mut count = 0_u32;
    let done = address_of(&raw mut count);
    for wanted in [0, HUGE, u32::MAX, u32::MAX / 48] {
        let shown = wanted.to_string().into_bytes();
        report.refused(
            "subscriptions",
            &shown,
            &raw!(poll_oneoff(base, base, wanted, done)),
        );
    }
    // All zero: relative clocks of no time, each ready at once.
    let mut records = vec![0_u64; MIB / 2];
    let events = address_of(records.as_mut_ptr());
    for wanted in [1000, 100_000] {
        let shown = wanted.to_string().into_bytes();
        report.note(
            "subscriptions",
            &shown,
            &raw!(poll_oneoff(base, events, wanted, done)),
        );
    }
    let mut unknown = [0_u64, 9, 0, 0, 0, 0];
    let outcome = raw!(poll_oneoff(
        address_of(unknown.as_mut_ptr()),
        events,
        1,
        done
    ));
    report.note("an unknown kind", b"", &outcome);
    // Refused as a whole, or by the event: its error is behind the 8 bytes of user data.
    if outcome.is_ok() && records[1].trailing_zeros() >= 16 {
        report.escape("an unknown kind is waited for without an error");
    }
    let mut no_clock = [0_u64, 0, 77, 0, 0, 0];
    report.note(
        "an unknown clock",
        b"",
        &raw!(poll_oneoff(
            address_of(no_clock.as_mut_ptr()),
            events,
            1,
            done
        )),
    );
}

fn addresses(report: &mut Report, sandbox: u32, fd: u32) {
    report.section("absurd: addresses");
    // As a path of one byte it is ".", as an iovec it is empty.
    let mut scratch = [0_u64; 64];
    scratch[0] = u64::from(b'.');
    let good = address_of(scratch.as_mut_ptr());
    for bad in [u32::MAX, u32::MAX - 3, HUGE] {
        let shown = bad.to_string().into_bytes();
        let mut refused = |what: &str, outcome: Outcome| report.refused(what, &shown, &outcome);
        refused("args_sizes_get", raw!(args_sizes_get(bad, good)));
        refused("args_get", raw!(args_get(bad, bad)));
        refused("clock_time_get", raw!(clock_time_get(0, 0, bad)));
        refused("clock_res_get", raw!(clock_res_get(0, bad)));
        refused("fd_fdstat_get", raw!(fd_fdstat_get(fd, bad)));
        refused("fd_filestat_get", raw!(fd_filestat_get(fd, bad)));
        refused("fd_prestat_get", raw!(fd_prestat_get(sandbox, bad)));
        refused(
            "fd_prestat_dir_name",
            raw!(fd_prestat_dir_name(sandbox, bad, 64)),
        );
        refused("fd_read, iovecs", raw!(fd_read(fd, bad, 1, good)));
        refused("fd_read, count", raw!(fd_read(fd, good, 1, bad)));
        refused("fd_write, iovecs", raw!(fd_write(fd, bad, 1, good)));
        refused(
            "fd_readdir, buffer",
            raw!(fd_readdir(sandbox, bad, 64, 0, good)),
        );
        refused(
            "fd_readdir, used",
            raw!(fd_readdir(sandbox, good, 64, 0, bad)),
        );
        refused(
            "fd_readdir, length",
            raw!(fd_readdir(sandbox, good, bad, 0, good)),
        );
        refused("fd_seek", raw!(fd_seek(fd, 0, 0, bad)));
        refused("fd_tell", raw!(fd_tell(fd, bad)));
        refused(
            "path_open, path",
            raw!(path_open(sandbox, 0, bad, 8, 0, 0, 0, 0, good)),
        );
        refused(
            "path_open, length",
            raw!(path_open(sandbox, 0, good, bad, 0, 0, 0, 0, good)),
        );
        refused(
            "path_open, result",
            raw!(path_open(sandbox, 0, good, 1, 0, 0, 0, 0, bad)),
        );
        refused(
            "path_filestat_get",
            raw!(path_filestat_get(sandbox, 0, bad, 1, good)),
        );
        refused(
            "path_rename, old",
            raw!(path_rename(sandbox, bad, 4, sandbox, good, 4)),
        );
        refused(
            "path_rename, new",
            raw!(path_rename(sandbox, good, 4, sandbox, bad, 4)),
        );
        refused("path_symlink", raw!(path_symlink(bad, 4, sandbox, good, 4)));
        refused(
            "path_readlink",
            raw!(path_readlink(sandbox, bad, 4, good, 64, good)),
        );
        refused("poll_oneoff, in", raw!(poll_oneoff(bad, good, 1, good)));
        refused("poll_oneoff, out", raw!(poll_oneoff(good, bad, 1, good)));
        refused("poll_oneoff, count", raw!(poll_oneoff(good, good, 1, bad)));
    }
    report.note(
        "args_get, no room",
        b"",
        &raw!(environ_get(u32::MAX, u32::MAX)),
    );
}

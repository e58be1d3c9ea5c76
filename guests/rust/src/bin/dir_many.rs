//! Makes many entries in a directory and lists them through small buffers: each name once, none twice, none lost.

use holm_guests::check::Checks;
use holm_guests::preview1 as wasi;
use holm_guests::work_directory;
use std::collections::BTreeSet;
use std::fs;
use std::os::fd::AsRawFd;

fn main() {
    let root = work_directory().join("dir-many");
    let count: usize = std::env::args()
        .nth(2)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1000);
    let mut checks = Checks::new();
    let _ = fs::remove_dir_all(&root);
    checks.ok("create_dir", fs::create_dir(&root));
    for index in 0..count {
        checks.ok(
            "create",
            fs::write(root.join(format!("entry-{index:06}")), ""),
        );
    }
    let Some(directory) = checks.ok("open the directory", fs::File::open(&root)) else {
        checks.finish("dir_many");
        return;
    };
    let fd = u32::try_from(directory.as_raw_fd()).unwrap_or(u32::MAX);
    // 24 bytes of header and 12 of name: 36 holds one entry, 40 cuts the second, 4096 holds a hundred or so.
    for size in [36, 40, 100, 4096, 1 << 16] {
        list(&mut checks, fd, size, count);
    }
    resume(&mut checks, fd);
    short(&mut checks, fd);
    checks.ok("remove_dir_all", fs::remove_dir_all(&root));
    checks.finish("dir_many");
}

/// Lists through a buffer of `size` bytes.
fn list(checks: &mut Checks, fd: u32, size: usize, count: usize) {
    let mut buffer = vec![0xAA; size];
    let (mut names, mut cookie, mut dots) = (BTreeSet::new(), 0, 0);
    loop {
        let Some(used) = checks.ok("fd_readdir", wasi::fd_readdir(fd, &mut buffer, cookie)) else {
            return;
        };
        checks.that("no more is used than there is", used <= size);
        let found = wasi::entries(&buffer[..used]);
        for entry in &found {
            cookie = entry.next;
            if entry.name == b"." || entry.name == b".." {
                dots += 1;
            } else {
                checks.that("each name comes once", names.insert(entry.name.clone()));
            }
        }
        if used < size {
            break;
        }
        if found.is_empty() {
            checks.fail(&format!(
                "a buffer of {size} bytes was filled without one whole entry"
            ));
            return;
        }
    }
    checks.eq(&format!("names through {size} bytes"), names.len(), count);
    println!("{size} bytes: {} names, {dots} dots", names.len());
}

/// Every cookie leads to the entry that followed it.
fn resume(checks: &mut Checks, fd: u32) {
    let mut buffer = vec![0; 4096];
    let Some(used) = checks.ok("fd_readdir", wasi::fd_readdir(fd, &mut buffer, 0)) else {
        return;
    };
    let found = wasi::entries(&buffer[..used]);
    for pair in found.windows(2) {
        let mut small = [0; 300];
        let Some(used) = checks.ok("resume", wasi::fd_readdir(fd, &mut small, pair[0].next)) else {
            return;
        };
        let next = wasi::entries(&small[..used])
            .into_iter()
            .next()
            .map(|entry| entry.name);
        checks.eq(
            "the entry after a cookie",
            next.as_ref(),
            Some(&pair[1].name),
        );
    }
    println!("resume: done");
}

/// Buffers shorter than a header: filled, so that the caller knows to come back with more.
fn short(checks: &mut Checks, fd: u32) {
    for size in [1, 23, 24, 25] {
        let mut buffer = vec![0; size];
        checks.eq(
            &format!("a buffer of {size}"),
            wasi::fd_readdir(fd, &mut buffer, 0),
            Ok(size),
        );
    }
    checks.eq(
        "a cookie past the end",
        wasi::fd_readdir(fd, &mut [0; 64], u64::MAX).unwrap_or(0),
        0,
    );
    println!("short buffers: done");
}

//! A walk never leaves its base: random trees of links, random paths, and a canary.
//!
//! The canary is beside and above the base; nothing may reach or change it.

use std::sync::Arc;

use holm_kernel::abi::{Errno, Fd, FdFlags, LookupFlags, OpenFlags, Rights};
use holm_kernel::deterministic::SeededEntropy;
use holm_kernel::testkit::SplitMix64;
use holm_kernel::testkit::host::HandClock;
use holm_kernel::testkit::model::{Tree, tree_of};
use holm_kernel::vfs::memfs::{MemoryFs, Quota};
use holm_kernel::vfs::{Directory, Lookup, OpenOptions, Opened};
use holm_kernel::{Access, Kernel, Namespace, Options, Ports, ProcessSpec, Task};
use std::io::IoSlice;
use std::task::{Poll, Waker};

const CANARY: &[u8] = b"canary";
const NAMES: [&str; 6] = ["a", "b", "c", "d", "jail", "canary"];

/// A path of names, dots and slashes, sometimes absolute.
fn random_path(random: &mut SplitMix64) -> String {
    let mut path = String::new();
    if random.chance(1, 10) {
        path.push('/');
    }
    for at in 0..=random.below(7) {
        if at > 0 {
            path.push_str(["/", "/", "//"][random.index(3)]);
        }
        path.push_str(match random.below(10) {
            0..=3 => "..",
            4 => ".",
            _ => NAMES[random.index(NAMES.len())],
        });
    }
    if random.chance(1, 6) {
        path.push('/');
    }
    path
}

fn child(directory: &dyn Directory, name: &str) -> Arc<dyn Directory> {
    match directory.lookup(name) {
        Ok(Lookup::Directory(child)) => child,
        other => panic!("{name}: {other:?}"),
    }
}

fn write(directory: &dyn Directory, name: &str, content: &[u8]) {
    let options = OpenOptions {
        write: true,
        create: true,
        ..OpenOptions::default()
    };
    if let Ok(Opened::File(file)) = directory.open_at(name, options) {
        file.write_at(0, &[IoSlice::new(content)]).expect("room");
    }
}

/// `/canary`, `/b/canary` and the base `/a/jail` with random directories and links below.
fn grow(root: &dyn Directory, random: &mut SplitMix64) -> Arc<dyn Directory> {
    for name in ["a", "b"] {
        root.create_directory_at(name).expect("free");
        write(&*child(root, name), "canary", CANARY);
    }
    write(root, "canary", CANARY);
    child(root, "a").create_directory_at("jail").expect("free");
    let jail = child(&*child(root, "a"), "jail");
    let mut directories = vec![jail.clone()];
    for _ in 0..25 {
        let directory = random.pick(&directories).clone();
        let name = NAMES[random.index(NAMES.len())];
        match random.below(3) {
            0 => {
                if directory.create_directory_at(name).is_ok() {
                    directories.push(child(&*directory, name));
                }
            }
            1 if name != "canary" => write(&*directory, name, b"inside"),
            _ => drop(directory.symlink_at(name, &random_path(random))),
        }
    }
    jail
}

/// Everything but what is below the base.
fn outside(root: &dyn Directory) -> Tree {
    let mut tree = tree_of(root);
    tree.retain(|path, _| !path.starts_with("a/jail/"));
    tree
}

fn now<T>(answer: Poll<Result<T, Errno>>) -> Result<T, Errno> {
    match answer {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("a call on a path does not block"),
    }
}

/// Opens, reads and then changes what a path leads to.
fn attack(task: &mut Task, base: Fd, random: &mut SplitMix64) {
    let path = random_path(random);
    let other = random_path(random);
    let follow = if random.chance(2, 3) {
        LookupFlags::SYMLINK_FOLLOW
    } else {
        LookupFlags::NONE
    };
    let flags = OpenFlags::from_bits(u16::try_from(random.below(16)).expect("small"));
    let flags = flags.expect("all four are known");
    let rights = [
        Rights::ALL,
        Rights::FD_READ,
        Rights::FD_READ | Rights::FD_WRITE,
    ];
    let opened = now(task.path_open(
        base,
        follow,
        &path,
        flags,
        rights[random.index(3)],
        Rights::ALL,
        FdFlags::NONE,
    ));
    if let Ok(fd) = opened {
        let mut buffer = [0; 64];
        if let Ok(length) = now(task.fd_read(fd, &mut buffer)) {
            assert_ne!(&buffer[..length as usize], CANARY, "{path}");
        }
        // Ignored: not everything that opens can be written.
        let _ = now(task.fd_write(fd, &[IoSlice::new(b"changed")]));
        if random.chance(1, 2) {
            // A directory opened on the way is a base of its own.
            let inner = now(task.path_open(
                fd,
                follow,
                &other,
                OpenFlags::CREATE,
                Rights::ALL,
                Rights::ALL,
                FdFlags::NONE,
            ));
            if let Ok(inner) = inner {
                now(task.fd_close(inner)).expect("it is open");
            }
        }
        now(task.fd_close(fd)).expect("it is open");
    }
    let changed = match random.below(8) {
        0 => now(task.path_rename(base, &path, base, &other)),
        1 => now(task.path_link(base, follow, &path, base, &other)),
        2 => now(task.path_unlink_file(base, &path)),
        3 => now(task.path_remove_directory(base, &path)),
        4 => now(task.path_symlink(&other, base, &path)),
        5 => now(task.path_create_directory(base, &path)),
        6 => now(task.path_filestat_get(base, follow, &path)).map(drop),
        _ => now(task.path_readlink(base, &path, &mut [0; 64])).map(drop),
    };
    if path.starts_with('/') {
        assert!(changed.is_err() && opened.is_err(), "{path} is absolute");
    }
}

#[test]
fn nothing_outside_is_reached() {
    for seed in 0..300 {
        let mut random = SplitMix64::new(seed);
        let clock = Arc::new(HandClock::default());
        let quota = Quota {
            bytes: 1 << 30,
            inodes: 1 << 20,
        };
        let memory = MemoryFs::new(clock.clone(), quota);
        let root = memory.root();
        let jail = grow(&*root, &mut random);
        let before = outside(&*root);
        let mut namespace = Namespace::builder();
        namespace
            .mount("/jail", jail, Access::ReadWrite, "memory")
            .expect("free");
        let ports = Ports {
            clock,
            entropy: Arc::new(SeededEntropy::new(seed)),
            network: None,
        };
        let (kernel, authority) = Kernel::boot(ports, Options::default()).expect("entropy");
        let spec = ProcessSpec {
            namespace,
            ..ProcessSpec::default()
        };
        let process = kernel.spawn(&authority, spec).expect("room");
        let mut task = Task::new(process, Waker::noop().clone());
        for _ in 0..150 {
            attack(&mut task, Fd(3), &mut random);
        }
        // The times of what is outside are not in the tree; its content and names are.
        assert_eq!(outside(&*root), before, "seed {seed}");
    }
}

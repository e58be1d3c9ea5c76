//! No walk leaves its directory, changes what is read-only, or depends on a short cut.
//!
//! Two systems begin with the same trees and get the same calls. In one of them directories
//! are entered name by name, in the other several at once where the backend can.
#![no_main]

use std::io::IoSlice;
use std::sync::Arc;
use std::task::{Poll, Waker};

use holm_fuzz::Input;
use holm_fuzz::tree::{grow, make, path, write};
use holm_fuzz::way::{Through, Way};
use holm_kernel::abi::{
    Errno, Fd, FdFlags, FileType, LookupFlags, OpenFlags, Rights, SetTime, SetTimes, Stat,
};
use holm_kernel::deterministic::SeededEntropy;
use holm_kernel::testkit::host::HandClock;
use holm_kernel::testkit::model::{Tree, tree_of};
use holm_kernel::vfs::Directory;
use holm_kernel::vfs::memfs::{MemoryFs, Quota};
use holm_kernel::vfs::overlayfs::OverlayFs;
use holm_kernel::{
    Access, Denial, Kernel, Namespace, Options, Ports, ProcessSpec, SysResult, Task,
};
use libfuzzer_sys::fuzz_target;

/// What is outside: no content, size or text inside is like it.
const CANARY: &[u8] = &[b'!'; 4321];
const CANARY_LINK: &str = "a link of the outside";

/// Where further trees are mounted, below the first one's place or beside it.
const POINTS: [&str; 8] = [
    "a",
    "b",
    "a/b",
    "a/b/c",
    "c/d",
    "jail",
    "/other",
    "/other/a/b",
];

/// A system with one process.
struct World {
    clock: Arc<HandClock>,
    task: Task,
    /// All of the memory that the first mount is a part of.
    root: Arc<dyn Directory>,
    outside: Tree,
    /// Roots that nothing may change, and what is in them.
    fixed: Vec<(Arc<dyn Directory>, Tree)>,
    /// Roots that may change.
    open: Vec<Arc<dyn Directory>>,
}

/// Everything but what is below the base.
fn outside(root: &dyn Directory) -> Tree {
    let mut tree = tree_of(root);
    tree.retain(|path, _| !path.starts_with("a/jail/"));
    tree
}

fn memory(clock: &Arc<HandClock>) -> Arc<dyn Directory> {
    let quota = Quota {
        bytes: 1 << 24,
        inodes: 1 << 12,
    };
    MemoryFs::new(clock.clone(), quota).root()
}

impl World {
    fn new(input: &mut Input<'_>, shortcut: bool) -> World {
        let clock = Arc::new(HandClock::default());
        let settings = input.byte();
        let way = match (shortcut, settings & 1) {
            (false, _) => Way::Long,
            (true, 0) => Way::Inside,
            (true, _) => Way::LookedUp,
        };
        let point = if settings & 2 == 0 { "/jail" } else { "/" };
        let root = memory(&clock);
        for name in ["a", "b"] {
            let directory = make(&*root, name);
            write(&*directory, "canary", CANARY);
            directory
                .symlink_at("c", CANARY_LINK)
                .expect("the name is free");
        }
        write(&*root, "canary", CANARY);
        let jail = make(&*holm_fuzz::tree::child(&*root, "a"), "jail");
        grow(&jail, input);

        let mut fixed = Vec::new();
        let mut open = Vec::new();
        let mut namespace = Namespace::builder();
        let access = |odd: bool| {
            if odd {
                Access::ReadOnly
            } else {
                Access::ReadWrite
            }
        };
        let first = if settings & 4 == 0 {
            jail.clone()
        } else {
            let upper = memory(&clock);
            fixed.push((jail.clone(), tree_of(&*jail)));
            let overlay = OverlayFs::new(jail.clone(), upper, clock.clone()).root();
            open.push(overlay.clone());
            overlay
        };
        let first_access = access(settings & 0x38 == 0x38);
        if first_access == Access::ReadOnly {
            fixed.push((first.clone(), tree_of(&*first)));
        }
        namespace
            .mount(point, Through::wrap(first, way), first_access, "first")
            .expect("nothing is there");
        for _ in 0..settings >> 6 {
            let choice = input.byte();
            let at = POINTS[usize::from(choice) % POINTS.len()];
            let at = if at.starts_with('/') {
                at.to_owned()
            } else {
                format!("{point}/{at}")
            };
            let further = memory(&clock);
            grow(&further, input);
            let access = access(choice >= 128);
            if access == Access::ReadOnly {
                fixed.push((further.clone(), tree_of(&*further)));
            } else {
                open.push(further.clone());
            }
            // Where the point is taken one mount less is there.
            let _ = namespace.mount(&at, Through::wrap(further, way), access, "further");
        }
        let ports = Ports {
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(1)),
            network: None,
        };
        let options = Options {
            sorted_directories: settings & 8 != 0,
        };
        let (kernel, authority) = Kernel::boot(ports, options).expect("there is randomness");
        let spec = ProcessSpec {
            namespace,
            ..ProcessSpec::default()
        };
        let process = kernel
            .spawn(&authority, spec)
            .expect("there is room for a process");
        let task = Task::new(process, Waker::noop().clone());
        World {
            clock,
            task,
            outside: outside(&*root),
            root,
            fixed,
            open,
        }
    }

    fn denials(&self) -> Vec<Denial> {
        self.task.process().denials()
    }

    /// What was not to change has not.
    fn check(&self) {
        assert_eq!(
            outside(&*self.root),
            self.outside,
            "the outside was changed"
        );
        for (root, tree) in &self.fixed {
            assert_eq!(tree_of(&**root), *tree, "what is read-only was changed");
        }
    }
}

/// What a call said.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Done,
    Opened(Fd),
    Stat(Stat),
    Bytes(Vec<u8>),
}

type Answer = Result<Said, Errno>;

fn now<T>(answer: SysResult<T>) -> Result<T, Errno> {
    match answer {
        Poll::Ready(result) => result,
        // A standard stream; none is open here, but a pipe may be one day.
        Poll::Pending => Err(Errno::Again),
    }
}

/// A descriptor that is most likely open: the lowest numbers are given first.
fn descriptor(task: &Task, input: &mut Input<'_>) -> Fd {
    let open = task.process().open_descriptors();
    Fd(3 + u32::from(input.byte()) % (open + 1))
}

fn follow(input: &mut Input<'_>) -> LookupFlags {
    if input.odd() {
        LookupFlags::SYMLINK_FOLLOW
    } else {
        LookupFlags::NONE
    }
}

fn times(input: &mut Input<'_>) -> SetTimes {
    let mut time = || match input.byte() {
        0..=50 => SetTime::Keep,
        51..=100 => SetTime::Now,
        other => SetTime::At(u64::from(other) << 56),
    };
    SetTimes {
        accessed: time(),
        modified: time(),
    }
}

fn open(task: &mut Task, fd: Fd, path: &str, input: &mut Input<'_>) -> Answer {
    let choice = input.byte();
    let flags = OpenFlags::from_bits(u16::from(choice & 15)).expect("all four are known");
    let rights = [
        Rights::ALL,
        Rights::FD_READ,
        Rights::FD_READ | Rights::FD_WRITE | Rights::PATH_OPEN,
    ];
    let rights = rights[usize::from(choice >> 4) % 3];
    let follow = follow(input);
    let opened = now(task.path_open(fd, follow, path, flags, rights, Rights::ALL, FdFlags::NONE))?;
    if choice >= 128 {
        return Ok(Said::Opened(opened));
    }
    let mut buffer = [0; 5000];
    let said =
        now(task.fd_read(opened, &mut buffer)).map(|length| buffer[..length as usize].to_vec());
    let wrote = now(task.fd_write(opened, &[IoSlice::new(b"changed")]));
    now(task.fd_close(opened))?;
    match said {
        Ok(bytes) => Ok(Said::Bytes(bytes)),
        // Not everything that opens can be read.
        Err(errno) => wrote.map(|_| Said::Done).map_err(|_| errno),
    }
}

/// The records of a directory, whole.
fn list(task: &mut Task, fd: Fd, cookie: u64) -> Answer {
    let mut buffer = [0; 1500];
    let length = now(task.fd_readdir(fd, &mut buffer, cookie))?;
    Ok(Said::Bytes(buffer[..length as usize].to_vec()))
}

/// Makes one call as the input says.
fn call(world: &mut World, input: &mut Input<'_>) -> Answer {
    world.clock.advance_ns(1);
    let task = &mut world.task;
    let which = input.byte();
    let fd = descriptor(task, input);
    if which >= 240 {
        return match which % 4 {
            0 => now(task.fd_close(fd)).map(|()| Said::Done),
            1 => now(task.fd_filestat_get(fd)).map(Said::Stat),
            _ => list(task, fd, u64::from(input.byte())),
        };
    }
    let path = path(input);
    let done = |answer| now(answer).map(|()| Said::Done);
    let answer = match which % 16 {
        0 | 1 => now(task.path_filestat_get(fd, follow(input), &path)).map(Said::Stat),
        2 => done(task.path_create_directory(fd, &path)),
        3 => done(task.path_remove_directory(fd, &path)),
        4 => done(task.path_unlink_file(fd, &path)),
        5 => {
            let target = holm_fuzz::tree::path(input);
            let answer = done(task.path_symlink(&target, fd, &path));
            assert!(
                answer.is_err() || !target.starts_with('/'),
                "{target} is absolute"
            );
            answer
        }
        6 => {
            let mut buffer = [0; 600];
            now(task.path_readlink(fd, &path, &mut buffer))
                .map(|length| Said::Bytes(buffer[..length as usize].to_vec()))
        }
        7 => done(task.path_filestat_set_times(fd, follow(input), &path, times(input))),
        8 | 9 => {
            let new_fd = descriptor(task, input);
            let new_path = holm_fuzz::tree::path(input);
            done(task.path_rename(fd, &path, new_fd, &new_path))
        }
        10 => {
            let new_fd = descriptor(task, input);
            let new_path = holm_fuzz::tree::path(input);
            done(task.path_link(fd, follow(input), &path, new_fd, &new_path))
        }
        _ => open(task, fd, &path, input),
    };
    if path.starts_with('/') {
        assert!(answer.is_err(), "{path} is absolute: {answer:?}");
    }
    answer
}

fn check_inside(answer: &Answer) {
    match answer {
        Ok(Said::Stat(stat)) => {
            let canary = stat.file_type == FileType::RegularFile && stat.size == 4321;
            assert!(!canary, "the canary was reached");
        }
        Ok(Said::Bytes(bytes)) => {
            assert_ne!(bytes, CANARY, "the canary was read");
            assert_ne!(bytes, CANARY_LINK.as_bytes(), "a link outside was read");
        }
        Ok(Said::Done | Said::Opened(_)) | Err(_) => {}
    }
}

fuzz_target!(|data: &[u8]| {
    let mut short_input = Input::new(data);
    let mut long_input = short_input.clone();
    let mut short = World::new(&mut short_input, true);
    let mut long = World::new(&mut long_input, false);
    for _ in 0..64 {
        if long_input.is_empty() {
            break;
        }
        let short_answer = call(&mut short, &mut short_input);
        let long_answer = call(&mut long, &mut long_input);
        assert_eq!(short_answer, long_answer, "with the short cut, and without");
        check_inside(&long_answer);
    }
    assert_eq!(short.denials(), long.denials());
    short.check();
    long.check();
    assert_eq!(tree_of(&*short.root), tree_of(&*long.root));
    for (short, long) in short.open.iter().zip(&long.open) {
        assert_eq!(tree_of(&**short), tree_of(&**long));
    }
});

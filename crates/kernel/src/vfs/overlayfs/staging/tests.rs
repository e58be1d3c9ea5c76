//! An overlay over files that come late: every change waits for them, and finds them whole.

use std::io::IoSlice;
use std::sync::Arc;
use std::task::{Poll, Waker};

use holm_abi::{Errno, Fd, FdFlags, LookupFlags, OpenFlags, Rights, SetTime, SetTimes, Whence};

use crate::deterministic::SeededEntropy;
use crate::testkit::LateSource;
use crate::testkit::host::{CountingWaker, HandClock};
use crate::vfs::imagefs::{Blob, ImageBuilder};
use crate::vfs::memfs::{MemoryFs, Quota};
use crate::vfs::mount::{Access, Namespace};
use crate::vfs::node::Result;
use crate::vfs::overlayfs::OverlayFs;
use crate::vfs::ranges::{BLOCK_BYTES, RangeCache};
use crate::{Kernel, Options, Ports, ProcessSpec, Task};

#[derive(Debug)]
struct Late(RangeCache);

impl Blob for Late {
    fn size(&self) -> u64 {
        self.0.length()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.0.read(offset, buffer)
    }

    fn poll_read_at(&self, offset: u64, buffer: &mut [u8], waker: &Waker) -> Poll<Result<usize>> {
        self.0.poll_read(offset, buffer, waker)
    }

    fn may_wait(&self) -> bool {
        true
    }
}

struct System {
    task: Task,
    source: Arc<LateSource>,
    woken: Arc<CountingWaker>,
    content: Vec<u8>,
}

const ROOT: Fd = Fd(3);

fn system(quota: u64) -> System {
    let content: Vec<u8> = (0..=u8::MAX).cycle().take(5 * BLOCK_BYTES + 77).collect();
    let source = LateSource::of(content.clone());
    let cache = RangeCache::new(source.clone(), source.version().clone(), 0);
    let mut image = ImageBuilder::new();
    image
        .add_file("d/late", Arc::new(Late(cache)), 5_000_000_000, false)
        .expect("it fits");
    let clock = Arc::new(HandClock::default());
    let quota = Quota {
        bytes: quota,
        inodes: 100,
    };
    let upper = MemoryFs::new(clock.clone(), quota).root();
    let lower = image.build().expect("it fits").root();
    let overlay = OverlayFs::new(lower, upper, clock.clone());
    let mut namespace = Namespace::builder();
    namespace
        .mount("/", overlay.root(), Access::ReadWrite, "overlay")
        .expect("it can be mounted");
    let ports = Ports {
        clock,
        entropy: Arc::new(SeededEntropy::new(1)),
        network: None,
    };
    let (kernel, authority) = Kernel::boot(ports, Options::default()).expect("it boots");
    let spec = ProcessSpec {
        program: "program".to_owned(),
        namespace,
        ..ProcessSpec::default()
    };
    let process = kernel.spawn(&authority, spec).expect("it starts");
    let woken = Arc::new(CountingWaker::default());
    let task = Task::new(process, Waker::from(Arc::clone(&woken)));
    System {
        task,
        source,
        woken,
        content,
    }
}

impl System {
    /// Makes a call until it does not block, answering one request after each time; how often
    /// it blocked too.
    fn wait<T>(&mut self, mut call: impl FnMut(&mut Task) -> Poll<Result<T>>) -> (Result<T>, u32) {
        let mut blocked = 0;
        loop {
            match call(&mut self.task) {
                Poll::Ready(result) => return (result, blocked),
                Poll::Pending => {
                    blocked += 1;
                    assert!(blocked < 100, "it is woken for nothing");
                    self.woken.take();
                    while self.woken.take() == 0 {
                        self.source.answer(0);
                    }
                }
            }
        }
    }

    fn open(&mut self, path: &str, open: OpenFlags, rights: Rights) -> (Result<Fd>, u32) {
        self.wait(|task| {
            let follow = LookupFlags::SYMLINK_FOLLOW;
            task.path_open(
                ROOT,
                follow,
                path,
                open,
                rights,
                Rights::NONE,
                FdFlags::NONE,
            )
        })
    }

    fn content_of(&mut self, path: &str) -> Vec<u8> {
        let (fd, _) = self.open(
            path,
            OpenFlags::NONE,
            Rights::FILE.without(Rights::FD_WRITE),
        );
        let fd = fd.expect("it is there");
        let mut all = Vec::new();
        let mut buffer = vec![0; 100_000];
        loop {
            let (read, _) = self.wait(|task| task.fd_read(fd, &mut buffer));
            match read.expect("it can be read") {
                0 => return all,
                read => all.extend_from_slice(&buffer[..read as usize]),
            }
        }
    }
}

#[test]
fn reads_wait_and_come_whole() {
    let mut system = system(1 << 30);
    assert!(system.source.asked().is_empty(), "nothing was read yet");
    let reading = Rights::FILE.without(Rights::FD_WRITE);
    let (fd, blocked) = system.open("d/late", OpenFlags::NONE, reading);
    let fd = fd.expect("it is there");
    assert_eq!(blocked, 0, "opening waits for nothing");
    let mut buffer = [0; 10];
    let (read, blocked) = system.wait(|task| task.fd_pread(fd, &mut buffer, 600_000));
    assert_eq!((read, blocked), (Ok(10), 1));
    assert_eq!(buffer, system.content[600_000..600_010]);
    let at = system.task.fd_seek(fd, 0, Whence::Current);
    assert_eq!(at, Poll::Ready(Ok(0)), "a read that waited moved nothing");
    let all = system.content_of("d/late");
    assert!(all == system.content);
}

#[test]
fn opening_for_writing_waits_for_all_of_it() {
    let mut system = system(1 << 30);
    let (fd, blocked) = system.open("d/late", OpenFlags::NONE, Rights::FILE);
    let fd = fd.expect("it can be written");
    assert!(blocked > 1);
    let (written, _) = system.wait(|task| task.fd_pwrite(fd, &[IoSlice::new(b"new")], 1));
    assert_eq!(written, Ok(3));
    let mut expected = system.content.clone();
    expected[1..4].copy_from_slice(b"new");
    assert!(system.content_of("d/late") == expected);
    let stat = system.task.fd_filestat_get(fd);
    assert!(matches!(stat, Poll::Ready(Ok(stat)) if stat.size == expected.len() as u64));
}

#[test]
fn truncating_and_removing_wait_for_nothing() {
    let mut system = system(1 << 30);
    let (fd, blocked) = system.open("d/late", OpenFlags::TRUNCATE, Rights::FILE);
    assert!(fd.is_ok());
    let exclusive = OpenFlags::CREATE.union(OpenFlags::EXCLUSIVE);
    let (exists, blocked_too) = system.open("d/late", exclusive, Rights::FILE);
    assert_eq!(exists, Err(Errno::Exist));
    assert_eq!((blocked, blocked_too), (0, 0));
    let removed = system.task.path_unlink_file(ROOT, "d/late");
    assert_eq!(removed, Poll::Ready(Ok(())));
    assert!(system.source.asked().is_empty());
}

type Call<'a> = dyn Fn(&mut Task, Fd) -> Poll<Result<()>> + 'a;

#[test]
fn renaming_linking_and_times_wait_too() {
    let times = SetTimes {
        accessed: SetTime::Keep,
        modified: SetTime::At(9_000_000_000),
    };
    let reading = Rights::FILE.without(Rights::FD_WRITE);
    let calls: [&Call<'_>; 4] = [
        &|task, _| task.path_rename(ROOT, "d/late", ROOT, "moved"),
        &|task, _| task.path_link(ROOT, LookupFlags::NONE, "d/late", ROOT, "moved"),
        &|task, _| task.path_filestat_set_times(ROOT, LookupFlags::NONE, "d/late", times),
        &|task, fd| task.fd_filestat_set_times(fd, times),
    ];
    for (at, call) in calls.iter().enumerate() {
        let mut system = system(1 << 30);
        let (fd, _) = system.open("d/late", OpenFlags::NONE, reading);
        let fd = fd.expect("it is there");
        let (done, blocked) = system.wait(|task| call(task, fd));
        assert_eq!(done, Ok(()), "call {at}");
        assert!(blocked > 1, "call {at}");
        let asked = system.source.asked().len();
        let path = if at < 2 { "moved" } else { "d/late" };
        assert!(system.content_of(path) == system.content, "call {at}");
        let stat = system.task.path_filestat_get(ROOT, LookupFlags::NONE, path);
        let Poll::Ready(Ok(stat)) = stat else {
            panic!("{path} is there");
        };
        let modified = if at < 2 { 5_000_000_000 } else { 9_000_000_000 };
        assert_eq!(stat.modified_ns, modified, "call {at}");
        assert_eq!(
            system.source.asked().len(),
            asked,
            "it is in the upper layer"
        );
    }
}

#[test]
fn a_change_that_fails_leaves_the_file() {
    let mut system = system(BLOCK_BYTES as u64);
    let (full, _) = system.open("d/late", OpenFlags::NONE, Rights::FILE);
    assert!(
        matches!(full, Err(Errno::NoSpace | Errno::Quota)),
        "{full:?}"
    );
    let mut system = self::system(1 << 30);
    let follow = LookupFlags::SYMLINK_FOLLOW;
    let open = |task: &mut Task| {
        let none = (OpenFlags::NONE, Rights::NONE, FdFlags::NONE);
        task.path_open(ROOT, follow, "d/late", none.0, Rights::FILE, none.1, none.2)
    };
    assert!(open(&mut system.task).is_pending());
    system.source.take(0).fail("the network is down");
    assert_eq!(open(&mut system.task), Poll::Ready(Err(Errno::Io)));
    // A link made in its place while it came: what is there now is what is opened.
    assert!(open(&mut system.task).is_pending());
    let removed = system.task.path_unlink_file(ROOT, "d/late");
    assert_eq!(removed, Poll::Ready(Ok(())));
    assert_eq!(open(&mut system.task), Poll::Ready(Err(Errno::NoEntry)));
}

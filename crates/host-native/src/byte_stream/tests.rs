//! Tests of pipes and redirected files as streams.

use std::io::{IoSlice, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;

use holm_abi::{Errno, FileType};
use holm_kernel::vfs::{Interest, Stream};

use super::ByteStream;
use crate::clock::monotonic_ns;
use crate::parker::Parker;
use crate::reactor::reactor;

/// A descriptor that lives as long as the test process, as standard streams do.
fn forever(fd: impl Into<OwnedFd>) -> BorrowedFd<'static> {
    let fd: &'static OwnedFd = Box::leak(Box::new(fd.into()));
    fd.as_fd()
}

fn block<T>(parker: &Arc<Parker>, mut call: impl FnMut(&Waker) -> Poll<T>) -> T {
    let waker = Waker::from(Arc::clone(parker));
    loop {
        if let Poll::Ready(value) = call(&waker) {
            return value;
        }
        reactor().wait(parker, Some(monotonic_ns() + 20_000_000_000));
    }
}

/// Sends a megabyte through a pipe in 64 KiB writes, reading it in small pieces.
fn through_a_pipe(without_nowait: bool) {
    let (read, write) = std::io::pipe().expect("a pipe");
    let (reader, writer) = (
        ByteStream::standard(forever(read)),
        ByteStream::standard(forever(write)),
    );
    for stream in [&reader, &writer] {
        stream
            .no_nowait
            .store(without_nowait, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(stream.file_type(), FileType::Unknown);
    }
    let sent: Vec<u8> = (0..1_u32 << 20)
        .map(|index| index.to_le_bytes()[1])
        .collect();
    let mut received = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            let parker = Arc::new(Parker::new());
            let mut rest = &sent[..];
            while !rest.is_empty() {
                let (head, tail) = rest.split_at(rest.len() / 2);
                let data = [IoSlice::new(head), IoSlice::new(tail)];
                let count = block(&parker, |waker| writer.write(&data, waker)).expect("writing");
                assert!(count > 0);
                rest = &rest[count..];
            }
        });
        let parker = Arc::new(Parker::new());
        let mut buffer = vec![0; 10_007];
        while received.len() < sent.len() {
            let count = block(&parker, |waker| reader.read(&mut buffer, waker)).expect("reading");
            received.extend_from_slice(&buffer[..count]);
        }
    });
    assert!(received == sent);
    assert_eq!(reader.read(&mut [0; 8], Waker::noop()), Poll::Pending);
}

#[test]
fn pipes_carry_everything_without_waiting_inside() {
    through_a_pipe(false);
}

#[test]
fn pipes_do_where_the_kernel_lacks_nowait() {
    through_a_pipe(true);
}

#[test]
fn a_full_pipe_is_pending_and_a_broken_one_is_epipe() {
    let (read, write) = std::io::pipe().expect("a pipe");
    let writer = ByteStream::standard(forever(write));
    let large = vec![0; 4 << 20];
    let data = [IoSlice::new(&large)];
    // Full once, it is made larger, and full again.
    let mut taken = 0;
    while let Poll::Ready(count) = writer.write(&data, Waker::noop()) {
        taken += count.expect("writing");
        assert!(taken < large.len(), "it must fill up");
    }
    assert!(taken > 0);
    assert!(
        writer
            .readiness(Interest::Write, Waker::noop())
            .is_pending()
    );
    drop(read);
    assert_eq!(
        writer.write(&data, Waker::noop()),
        Poll::Ready(Err(Errno::BrokenPipe))
    );
    let ready = writer.readiness(Interest::Write, Waker::noop());
    assert!(
        matches!(ready, Poll::Ready(Ok(ready)) if ready.hangup),
        "{ready:?}"
    );
}

#[test]
fn readiness_tells_bytes_and_hangup() {
    let (read, mut write) = std::io::pipe().expect("a pipe");
    let reader = ByteStream::standard(forever(read));
    assert!(reader.readiness(Interest::Read, Waker::noop()).is_pending());
    write.write_all(b"hello").expect("writing");
    let ready = reader.readiness(Interest::Read, Waker::noop());
    assert!(matches!(ready, Poll::Ready(Ok(ready)) if ready.bytes == 5 && !ready.hangup));
    drop(write);
    assert_eq!(reader.read(&mut [0; 8], Waker::noop()), Poll::Ready(Ok(5)));
    let ready = reader.readiness(Interest::Read, Waker::noop());
    assert!(matches!(ready, Poll::Ready(Ok(ready)) if ready.bytes == 0 && ready.hangup));
    assert_eq!(reader.read(&mut [0; 8], Waker::noop()), Poll::Ready(Ok(0)));
}

#[test]
fn a_redirected_file_is_used_at_its_own_position() {
    let mut file = tempfile::tempfile().expect("a file");
    let stream = ByteStream::standard(forever(file.try_clone().expect("a second descriptor")));
    assert_eq!(stream.file_type(), FileType::RegularFile);
    let data = [IoSlice::new(b"one "), IoSlice::new(b"two")];
    assert_eq!(stream.write(&data, Waker::noop()), Poll::Ready(Ok(7)));
    assert!(stream.readiness(Interest::Read, Waker::noop()).is_ready());
    file.rewind().expect("seeking");
    let mut buffer = [0; 3];
    assert_eq!(stream.read(&mut buffer, Waker::noop()), Poll::Ready(Ok(3)));
    let mut rest = String::new();
    file.read_to_string(&mut rest).expect("reading");
    assert_eq!((&buffer, rest.as_str()), (b"one", " two"));
}

#[test]
fn the_null_device_is_no_terminal_and_takes_everything() {
    let null = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")
        .expect("null");
    let stream = ByteStream::standard(forever(null));
    assert_eq!(stream.file_type(), FileType::Unknown);
    assert_eq!(
        stream.stat().map(|stat| stat.file_type),
        Ok(FileType::Unknown)
    );
    let data = [IoSlice::new(b"abc"), IoSlice::new(b"de")];
    assert_eq!(stream.write(&data, Waker::noop()), Poll::Ready(Ok(5)));
    assert_eq!(stream.read(&mut [0; 4], Waker::noop()), Poll::Ready(Ok(0)));
    let zero = std::fs::File::open("/dev/zero").expect("zero");
    let stream = ByteStream::standard(forever(zero));
    assert_eq!(stream.file_type(), FileType::Unknown);
    let mut buffer = [1; 4];
    assert_eq!(stream.read(&mut buffer, Waker::noop()), Poll::Ready(Ok(4)));
    assert_eq!(buffer, [0; 4]);
}

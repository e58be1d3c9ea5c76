//! Tests of terminals and sockets as standard streams, on a pseudo-terminal.

use std::io::{IoSlice, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::task::{Poll, Waker};

use holm_abi::{FileType, RecvFlags};
use holm_kernel::vfs::Interest;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use super::{Escapes, stream};

fn forever(fd: impl Into<OwnedFd>) -> BorrowedFd<'static> {
    let fd: &'static OwnedFd = Box::leak(Box::new(fd.into()));
    fd.as_fd()
}

/// The two sides of a raw pseudo-terminal: the terminal's owner, and the program's.
fn terminal() -> (std::fs::File, BorrowedFd<'static>) {
    let owner = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
    grantpt(&owner).expect("its permissions");
    unlockpt(&owner).expect("its lock");
    let path = ptsname(&owner, Vec::new())
        .expect("its name")
        .into_string()
        .expect("UTF-8");
    let program = rustix::fs::open(
        path,
        rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY,
        rustix::fs::Mode::empty(),
    )
    .expect("the program's side");
    let mut settings = tcgetattr(&program).expect("settings");
    settings.make_raw();
    tcsetattr(&program, OptionalActions::Now, &settings).expect("raw mode");
    (owner.into(), forever(program))
}

fn read_some(from: &mut impl Read) -> Vec<u8> {
    let mut buffer = vec![0; 4096];
    let count = from.read(&mut buffer).expect("reading");
    buffer.truncate(count);
    buffer
}

#[test]
fn escapes_reach_a_terminal_by_grant_only() {
    let attack = b"\x1b[1mhi\x1b]0;title\x07";
    let (mut owner, program) = terminal();
    let filtered = stream(program, Escapes::Filtered);
    assert_eq!(filtered.file_type(), FileType::CharacterDevice);
    let written = filtered.write(&[IoSlice::new(attack)], Waker::noop());
    assert_eq!(written, Poll::Ready(Ok(attack.len())));
    assert_eq!(read_some(&mut owner), b"\x1b[1mhi^[]0;title^G");
    let granted = stream(program, Escapes::Granted);
    assert_eq!(
        granted.write(&[IoSlice::new(attack)], Waker::noop()),
        Poll::Ready(Ok(attack.len()))
    );
    assert_eq!(read_some(&mut owner), attack);
    // A sequence cut by two writes is still one; what never ends is shown at the end.
    for piece in [&b"\x1b"[..], b"]0;x", b"\x1b["] {
        assert_eq!(
            filtered.write(&[IoSlice::new(piece)], Waker::noop()),
            Poll::Ready(Ok(piece.len()))
        );
    }
    drop(filtered);
    let mut shown = Vec::new();
    while shown.len() < 9 {
        shown.extend(read_some(&mut owner));
    }
    assert_eq!(shown, b"^[]0;x^[[");
}

#[test]
fn a_terminal_that_nobody_reads_is_pending_and_nothing_is_lost() {
    let (mut owner, program) = terminal();
    let filtered = stream(program, Escapes::Filtered);
    let line = [b'x'; 1000];
    let mut taken = 0;
    while let Poll::Ready(count) = filtered.write(&[IoSlice::new(&line)], Waker::noop()) {
        taken += count.expect("writing");
        assert!(taken < 16 << 20, "it must fill up");
    }
    assert!(
        filtered
            .readiness(Interest::Write, Waker::noop())
            .is_pending()
    );
    let mut seen = 0;
    while seen < taken {
        seen += read_some(&mut owner).len();
        filtered.sync().expect("writing what waits");
    }
    assert_eq!(seen, taken);
}

#[test]
fn a_terminal_is_read_when_something_was_typed() {
    let (mut owner, program) = terminal();
    let input = stream(program, Escapes::Granted);
    let mut buffer = [0; 16];
    assert_eq!(input.read(&mut buffer, Waker::noop()), Poll::Pending);
    owner.write_all(b"typed").expect("typing");
    assert_eq!(input.read(&mut buffer, Waker::noop()), Poll::Ready(Ok(5)));
    assert_eq!(&buffer[..5], b"typed");
}

#[test]
fn a_socket_as_standard_stream_is_a_socket() {
    let (mut near, far) = UnixStream::pair().expect("sockets");
    let socket = stream(forever(far), Escapes::Filtered);
    assert_eq!(socket.file_type(), FileType::SocketStream);
    let mut buffer = [0; 16];
    assert_eq!(socket.read(&mut buffer, Waker::noop()), Poll::Pending);
    near.write_all(b"hi").expect("writing");
    let peeked = socket.receive(&mut buffer, RecvFlags::PEEK, Waker::noop());
    assert!(matches!(peeked, Poll::Ready(Ok(received)) if received.size == 2));
    assert_eq!(socket.read(&mut buffer, Waker::noop()), Poll::Ready(Ok(2)));
    assert_eq!(
        socket.write(&[IoSlice::new(b"\x1bc")], Waker::noop()),
        Poll::Ready(Ok(2))
    );
    assert_eq!(read_some(&mut near), b"\x1bc");
}

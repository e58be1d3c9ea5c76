//! Tests of listeners and connections on the loopback interface.

use std::io::{IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::task::{Poll, Waker};

use holm_abi::{Errno, FileType, RecvFlags, ShutdownFlags};
use holm_kernel::vfs::{Interest, Listener, Stream};

use super::HostListener;
use crate::clock::monotonic_ns;
use crate::error::HostError;
use crate::parker::Parker;
use crate::reactor::reactor;

fn block<T>(mut call: impl FnMut(&Waker) -> Poll<T>) -> T {
    let parker = Arc::new(Parker::new());
    let waker = Waker::from(Arc::clone(&parker));
    let deadline = monotonic_ns() + 20_000_000_000;
    loop {
        if let Poll::Ready(value) = call(&waker) {
            return value;
        }
        assert!(monotonic_ns() < deadline, "never ready");
        reactor().wait(&parker, Some(deadline));
    }
}

fn listener() -> Arc<HostListener> {
    HostListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port")
}

fn connected() -> (TcpStream, Arc<dyn Stream>) {
    let listener = listener();
    let near = TcpStream::connect(listener.address()).expect("connecting");
    let far = block(|waker| listener.accept(waker)).expect("accepting");
    (near, far)
}

#[test]
fn a_connection_carries_both_ways_and_ends() {
    let listener = listener();
    assert!(listener.accept(Waker::noop()).is_pending());
    assert!(listener.readiness(Waker::noop()).is_pending());
    let mut near = TcpStream::connect(listener.address()).expect("connecting");
    assert!(block(|waker| listener.readiness(waker)).is_ok());
    let far = block(|waker| listener.accept(waker)).expect("accepting");
    assert_eq!(far.file_type(), FileType::SocketStream);
    assert!(far.readiness(Interest::Read, Waker::noop()).is_pending());
    near.write_all(b"hello").expect("sending");
    let ready = block(|waker| far.readiness(Interest::Read, waker)).expect("polling");
    assert_eq!((ready.bytes, ready.hangup), (5, false));
    let mut buffer = [0; 16];
    assert_eq!(block(|waker| far.read(&mut buffer, waker)), Ok(5));
    assert_eq!(
        far.write(&[IoSlice::new(b"wor"), IoSlice::new(b"ld")], Waker::noop()),
        Poll::Ready(Ok(5))
    );
    far.shutdown(ShutdownFlags::WRITE).expect("shutting down");
    let mut text = String::new();
    near.read_to_string(&mut text)
        .expect("receiving to the end");
    assert_eq!(text, "world");
    assert_eq!(far.shutdown(ShutdownFlags::NONE), Err(Errno::Invalid));
    drop(near);
    assert_eq!(block(|waker| far.read(&mut buffer, waker)), Ok(0));
    let ready = block(|waker| far.readiness(Interest::Read, waker)).expect("polling");
    assert!(ready.hangup);
}

#[test]
fn peek_leaves_and_wait_all_gathers() {
    let (mut near, far) = connected();
    let mut buffer = [0; 8];
    let all = RecvFlags::WAIT_ALL;
    near.write_all(b"abc").expect("sending");
    let received = block(|waker| far.receive(&mut buffer, RecvFlags::PEEK, waker));
    assert_eq!(received.map(|r| r.size), Ok(3));
    assert!(
        far.receive(&mut buffer, all, Waker::noop()).is_pending(),
        "five are missing"
    );
    // What was gathered meanwhile is not lost to a plain read, nor to readiness.
    let ready = block(|waker| far.readiness(Interest::Read, waker)).expect("polling");
    assert_eq!(ready.bytes, 3);
    assert_eq!(
        far.read(&mut buffer[..1], Waker::noop()),
        Poll::Ready(Ok(1))
    );
    assert_eq!(buffer[0], b'a');
    near.write_all(b"defghi").expect("sending");
    let received = block(|waker| far.receive(&mut buffer, all.union(RecvFlags::PEEK), waker));
    assert_eq!((received.map(|r| r.size), &buffer), (Ok(8), b"bcdefghi"));
    let received = block(|waker| far.receive(&mut buffer, all, waker));
    assert_eq!((received.map(|r| r.size), &buffer), (Ok(8), b"bcdefghi"));
    near.write_all(b"xy").expect("sending");
    drop(near);
    let received = block(|waker| far.receive(&mut buffer, all, waker));
    assert_eq!(received.map(|r| r.size), Ok(2), "the end cuts it short");
    assert_eq!(
        block(|waker| far.receive(&mut buffer, all, waker)).map(|r| r.size),
        Ok(0)
    );
}

#[test]
fn writing_to_nobody_is_an_errno_and_no_signal() {
    let (near, far) = connected();
    drop(near);
    let data = vec![0; 1 << 16];
    let error = (0..1000)
        .find_map(|_| block(|waker| far.write(&[IoSlice::new(&data)], waker)).err())
        .expect("it must fail at some point");
    assert!(
        matches!(error, Errno::BrokenPipe | Errno::ConnectionReset),
        "{error}"
    );
}

#[test]
fn a_full_connection_is_pending() {
    let (near, far) = connected();
    let data = vec![0; 1 << 20];
    let mut sent = 0;
    while let Poll::Ready(count) = far.write(&[IoSlice::new(&data)], Waker::noop()) {
        sent += count.expect("sending");
        assert!(sent < 1 << 30);
    }
    assert!(sent > 0);
    drop(near);
}

#[test]
fn an_address_that_cannot_be_had_is_explained() {
    let listener = listener();
    let taken = HostListener::bind(listener.address()).expect_err("it is in use");
    assert!(matches!(taken, HostError::AddressInUse { .. }), "{taken}");
    let foreign = HostListener::bind(SocketAddr::from(([192, 0, 2, 1], 0))).expect_err("not ours");
    assert!(
        matches!(foreign, HostError::AddressNotAvailable { .. }),
        "{foreign}"
    );
    assert!(foreign.to_string().contains("127.0.0.1"));
}
